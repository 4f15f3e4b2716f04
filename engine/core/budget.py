r"""The address's requests: a budget that is granted once and grows only by trading.

The venue grants 10,000 requests and one more per dollar traded; nothing resets it. Scarcity slows
the requests and makes each of them worth more, and it brings inventory home by size. It never
reaches a spread: no function here returns one, so ∂spread/∂headroom = 0 by construction. Widening
would stop the fills that pay for the requests.

Below 10 % headroom n requests are followed by a rest of n/free days, so what is free lasts a day
without one fill. With fills that earn e requests a day, ``d free/dt = e - free`` per day, which
settles where requests earned and spent are equal (docs/model.md, "Request budget").

References
----------
Hyperliquid documentation, *Rate limits and user limits*: address-based limits.
"""

import math
from typing import Any

from engine.record import f8, kernel, record

AMPLE = 0.3  # headroom at which nothing reacts
SCARCE = 0.1  # the specification's: inventory is forced home below it
DIRE = 0.05  # a request cannot be worth more than here
SLOWER_SCARCE, SLOWER_EMPTY = 3.0, 20.0  # of the requote interval
DEARER = 3.0  # of the tolerance: beyond it a quote is not a quote any more
LIMIT_EMPTY = 0.1  # of the position limit
RESERVE, RESERVE_MIN = 0.01, 50.0  # kept for getting out of a position
REQUESTS_PER_USD = 1.0  # earned by trading
TRICKLE_S = 10.0  # an address without requests is still granted one in 10 s
DAY_S = 86_400.0


@record
class Budget:
    """Requests since the address began."""

    granted: f8
    used: f8
    per_usd: f8  # requests earned per dollar traded


@kernel
def start(b: Any, granted: float, per_usd: float) -> None:
    """Grant requests; `per_usd` is 1, and 0.1 on a builder dex's asset in growth mode."""
    b.granted = granted
    b.used = 0.0
    b.per_usd = per_usd


@kernel
def spend(b: Any, requests: float) -> None:
    """Count requests sent; a batch costs as many as it has orders."""
    b.used += requests


@kernel
def earn(b: Any, usd: float) -> None:
    """Count the notional of a fill."""
    b.granted += b.per_usd * usd


@kernel
def report(b: Any, used: float, granted: float) -> None:
    """Hear the venue's own count (QUOTA); it wins over ours."""
    if math.isfinite(used) and math.isfinite(granted) and granted > 0.0:
        b.used = used
        b.granted = granted


@kernel
def headroom(b: Any) -> float:
    """Return the unused share, 0 .. 1; nothing granted is nothing left."""
    if b.granted < 1.0:
        return 0.0
    return min(max(1.0 - b.used / b.granted, 0.0), 1.0)


@kernel
def free(b: Any) -> float:
    """Return the requests left above the reserve, never negative."""
    return max(b.granted - b.used - max(RESERVE * b.granted, RESERVE_MIN), 0.0)


@kernel
def may_spend(b: Any, requests: float) -> bool:
    """Return whether requests other than cancels may be sent; cancels never ask."""
    return requests <= free(b)


@kernel
def _line(h: float, low: float, at_low: float, high: float, at_high: float) -> float:
    """Return the straight line between two points of the headroom, level beyond them."""
    share = min(max((h - low) / (high - low), 0.0), 1.0)
    return at_low + share * (at_high - at_low)


@kernel
def interval_factor(b: Any) -> float:
    """Return how much slower to requote: 1 from 30 % headroom, 3 at 10 %, 20 at none."""
    h = headroom(b)
    if h < SCARCE:
        return _line(h, 0.0, SLOWER_EMPTY, SCARCE, SLOWER_SCARCE)
    return _line(h, SCARCE, SLOWER_SCARCE, AMPLE, 1.0)


@kernel
def interval_s(b: Any, base_s: float, sent: float) -> float:
    """Return the seconds until the next requote after one that sent `sent` requests.

    The longer of the slowed interval and the rest that lets what is free last a day; the rest
    begins at 30 % headroom and is whole from 10 % down. At most a day.
    """
    rest = sent * DAY_S / max(free(b), 1.0) * _line(headroom(b), SCARCE, 1.0, AMPLE, 0.0)
    return max(base_s * interval_factor(b), min(rest, DAY_S))


@kernel
def worth_factor(b: Any) -> float:
    """Return how much more a move must be worth: 1 from 30 % headroom, 3 from 5 % down."""
    return _line(headroom(b), DIRE, DEARER, AMPLE, 1.0)


@kernel
def levels(b: Any, full: int) -> int:
    """Return how many levels a side is worth keeping: all from 30 % headroom, one at 10 %."""
    return max(int(_line(headroom(b), SCARCE, 1.0, AMPLE, float(full)) + 0.5), 1)


@kernel
def price(b: Any, tolerance: float) -> float:
    """Return the price of one request [fraction of the order's notional].

    With an ample budget it is the tolerance, below which a move is not worth its lost queue. A move
    is sent where the mispricing it repairs exceeds the price.
    """
    return tolerance * worth_factor(b)


@kernel
def limit_factor(b: Any) -> float:
    """Return the share of the position limit in use: 1 from 10 % headroom, 0.1 at none.

    Inventory comes home by size; both sides stay quoted.
    """
    return _line(headroom(b), 0.0, LIMIT_EMPTY, SCARCE, 1.0)
