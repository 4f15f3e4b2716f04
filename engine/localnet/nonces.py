"""Which nonces a signer may still use.

References
----------
Hyperliquid documentation, "Nonces and API wallets", read in September 2026: the 100 highest are
kept; a new one must be above the smallest of them, unused, and within (T - 2 days, T + 1 day).
"""

from bisect import bisect_left, insort

from engine.localnet.refusals import RefusedError

KEPT = 100
DAY_MS = 86_400_000
PAST_MS = 2 * DAY_MS
FUTURE_MS = DAY_MS


def use(kept: list[int], nonce: int, time: int) -> None:
    """Use up a nonce of a signer whose highest ones are `kept`, in ascending order.

    Raises
    ------
    RefusedError
        if it was used, or is too low or too high; nothing is used up then.

    >>> kept = [5]
    >>> use(kept, 3, 10); kept
    [3, 5]
    """
    at = bisect_left(kept, nonce)
    if at < len(kept) and kept[at] == nonce:
        raise RefusedError(f"Invalid nonce: duplicate nonce {nonce}")
    lowest = time - PAST_MS
    if len(kept) >= KEPT:
        lowest = max(lowest, kept[0])
    if nonce <= lowest:
        raise RefusedError(f"Invalid nonce: nonce too low {nonce} < {lowest}")
    if nonce >= time + FUTURE_MS:
        raise RefusedError(f"Invalid nonce: nonce too high {nonce} > {time + FUTURE_MS}")
    insort(kept, nonce)
    del kept[: len(kept) - KEPT]
