"""How much an address and an IP may ask for.

References
----------
Hyperliquid documentation, "Rate limits and user limits", read in September 2026.
"""

from engine.localnet.digits import MICRO, dollars_and_cents
from engine.localnet.refusals import RefusedError
from engine.localnet.state import Account, Json

GRANT = 10_000
CANCELS_MORE = 100_000
TRICKLE_MS = 10_000
EXPIRED_COST = 5
BATCH_KEYS = {
    "order": "orders",
    "cancel": "cancels",
    "cancelByCloid": "cancels",
    "batchModify": "modifies",
}
CANCELS = ("cancel", "cancelByCloid")
IP_WEIGHT_PER_MINUTE = 1_200
LIGHT = (
    "l2Book",
    "allMids",
    "clearinghouseState",
    "orderStatus",
    "spotClearinghouseState",
    "exchangeStatus",
)
# one more for so many rows in the answer
ROWS_PER_WEIGHT = {
    "recentTrades": 20,
    "historicalOrders": 20,
    "userFills": 20,
    "userFillsByTime": 20,
    "fundingHistory": 20,
    "userFunding": 20,
    "userNonFundingLedgerUpdates": 20,
    "userTwapSliceFills": 20,
    "candleSnapshot": 60,
}


def batch_size(action: Json) -> int:
    """Return how many requests of an address an action is."""
    rows = action.get(BATCH_KEYS.get(str(action.get("type")), ""))
    return max(1, len(rows)) if isinstance(rows, list) else 1


def exchange_weight(action: Json) -> int:
    """Return the IP weight of an action.

    >>> exchange_weight({"type": "order", "orders": [{}] * 80})
    3
    """
    return 1 + batch_size(action) // 40


def info_weight(kind: str, rows: int = 0) -> int:
    """Return the IP weight of a question whose answer has so many rows.

    >>> info_weight("l2Book"), info_weight("userFills", 45), info_weight("userRole")
    (2, 22, 60)
    """
    if kind == "userRole":
        return 60
    per = ROWS_PER_WEIGHT.get(kind)
    return (2 if kind in LIGHT else 20) + (rows // per if per else 0)


def cap(account: Account) -> int:
    """Return how many requests an address has been granted by its volume."""
    return GRANT + account.cum_volume // MICRO


def charge(account: Account, action: Json, time: int) -> None:
    """Count an action against the address's budget.

    Cancels may go on to ``min(L + 100000, 2L)``; beyond the budget one action passes every ten
    seconds.

    Raises
    ------
    RefusedError
        if the budget is used up; that costs nothing.
    """
    cost = batch_size(action)
    most = cap(account) + account.reserved
    if action.get("type") in CANCELS:
        most = min(most + CANCELS_MORE, 2 * most)
    if account.requests + cost > most:
        if time - account.last_over < TRICKLE_MS:
            raise RefusedError(
                f"Too many cumulative requests sent ({account.requests + cost} > {most}) for "
                f"cumulative volume traded ${dollars_and_cents(account.cum_volume)}. "
                "Place taker orders to free up 1 request per USDC traded."
            )
        account.last_over = time
    account.requests += cost


def user_rate_limit(account: Account) -> Json:
    """Return the answer of ``userRateLimit``."""
    return {
        "cumVlm": dollars_and_cents(account.cum_volume),
        "nRequestsUsed": max(0, account.requests - account.reserved),
        "nRequestsCap": cap(account),
        "nRequestsSurplus": max(0, account.reserved - account.requests),
    }
