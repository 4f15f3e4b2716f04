"""The last check before an order is sent, whoever wished for it and why.

It knows nothing of quoting: a price near the mark, a size and a position within what was approved
for this phase, no more orders a second than agreed, none twice, none against our own. What is not
a number fails every comparison, so every rule says what must hold, never what must not.

References
----------
Commission Delegated Regulation (EU) 2017/589 (RTS 6), Art. 15: pre-trade controls.
"""

import math
from typing import Any

from engine.events import BAD_PX, BAD_SZ, NO_MARGIN, RATE_LIMIT, TOO_MANY
from engine.gateway.live_orders import FREE, SENT, SLOTS, exposure
from engine.record import f8, i8, kernel, record, zeros

S = 1_000_000_000
FITS = 0
MARK_FRESH_NS = 10 * S
COLLAR = 0.05
ORDERS_PER_S = 20.0


@record
class Limits:
    """What was approved: sizes in coins, values in USD, times in ns."""

    max_position: f8
    max_order_usd: f8
    collar: f8  # farthest an order may be from the mark, relative
    orders_per_s: f8
    half_lot: f8  # coins: less is nothing


def new_limits(
    max_position: float,
    max_order_usd: float,
    *,
    sz_decimals: int,
    collar: float = COLLAR,
    orders_per_s: float = ORDERS_PER_S,
) -> Any:
    """Return one `Limits` record.

    Raises
    ------
    ValueError
        if a limit is not positive and finite, naming it.
    """
    given = {
        "max_position": max_position,
        "max_order_usd": max_order_usd,
        "collar": collar,
        "orders_per_s": orders_per_s,
    }
    limits = zeros(Limits)[0]
    for name, value in given.items():
        if not (math.isfinite(value) and value > 0.0):
            raise ValueError(f"{name} = {value}: must be a finite number above 0")
        setattr(limits, name, value)
    limits.half_lot = 0.5 / 10**sz_decimals
    return limits


@record
class Throttle:
    """A bucket of orders that may be sent: it fills with time, up to one second's."""

    tokens: f8
    filled_ns: i8


@kernel
def check(
    limits: Any, orders: Any, position: float, side: int, px: float, sz: float, mark: float
) -> int:
    """Return `FITS`, or the code of what is wrong with an order [USD, coins].

    `mark` is 0 where it is not known or old: nothing is near it.
    """
    if not (mark > 0.0 and abs(px - mark) <= limits.collar * mark):
        return BAD_PX
    if not (sz > limits.half_lot and sz * px <= limits.max_order_usd):
        return BAD_SZ
    worst = side * position + exposure(orders, side) + sz
    if not worst <= limits.max_position + limits.half_lot:
        return NO_MARGIN
    return _against_our_own(orders, side, px, sz)


@kernel
def _against_our_own(orders: Any, side: int, px: float, sz: float) -> int:
    """Return what is wrong beside the orders that may still fill: it crosses one, or is one."""
    for k in range(SLOTS):
        o = orders.slot[k]
        if o.state == FREE:
            continue
        if o.side != side and side * (px - o.px) >= 0.0:
            return BAD_PX
        if o.state == SENT and o.side == side and o.px == px and o.left == sz:
            return TOO_MANY
    return FITS


@kernel
def may_send(throttle: Any, limits: Any, now_ns: int) -> int:
    """Take a token; return `FITS`, or RATE_LIMIT where there is none."""
    passed = (now_ns - throttle.filled_ns) / S
    throttle.filled_ns = now_ns
    throttle.tokens = min(
        throttle.tokens + passed * limits.orders_per_s, max(limits.orders_per_s, 1.0)
    )
    if throttle.tokens < 1.0:
        return RATE_LIMIT
    throttle.tokens -= 1.0
    return FITS
