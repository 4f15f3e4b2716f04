"""Our orders: 25 slots a side, with a three-valued truth.

An order is *resting* (the venue said so), *gone* (the slot is free), or *unknown* (asked, not
answered). Exposure counts unknown as live: the worst case is that it fills.
"""

from typing import Annotated, Any

from engine.actions import CANCEL, MODIFY, PLACE
from engine.core.book import row
from engine.core.placement import Placement
from engine.events import (
    ACCEPTED,
    BUY,
    CANCELED,
    FILL,
    POST_ONLY,
    RATE_LIMIT,
    REJECTED,
    UNKNOWN_ORDER,
)
from engine.instrument import to_units
from engine.record import f8, i8, kernel, record

MAX_LEVELS = 25
SLOTS = 2 * MAX_LEVELS

GONE, RESTING, PLACING, CANCELING, MODIFYING = 0, 1, 2, 3, 4
PATIENCE_NS = 30_000_000_000  # an answer that takes longer is asked for again, by a cancel
REFUSALS = 3  # in a row, of a kind that asking again does not mend
WAIT_NS, WAITS = 5_000_000_000, 3  # 5 s, doubling three times to 40 s


@record
class Order:
    """One slot; `sz` is what may still fill."""

    state: i8
    cloid: i8
    side: i8
    px: i8  # units
    sz: f8
    asked_sz: f8  # of a modify on its way
    asked_px: i8
    ts_ns: i8  # when the last request left
    doubts: i8  # times the venue said that it does not know the order
    placement: Placement  # what we believed then


@record
class Orders:
    """Bids are slots 0..24, asks 25..49, in no order."""

    slot: Annotated[Order, SLOTS]
    next_cloid: i8
    requests: i8  # ever sent
    refused: Annotated[i8, 2]  # new orders of a side refused in a row
    wait_ns: Annotated[i8, 2]  # until then a side asks for nothing new


@kernel
def first_slot(side: int) -> int:
    """Return the first of a side's slots."""
    return 0 if side == BUY else MAX_LEVELS


@kernel
def free_slot(orders: Any, side: int) -> int:
    """Return a free slot of a side, or -1."""
    first = first_slot(side)
    for k in range(first, first + MAX_LEVELS):
        if orders.slot[k].state == GONE:
            return k
    return -1


@kernel
def request(orders: Any, action: Any, kind: int, k: int, side: int, px: int, sz: float) -> None:
    """Write a request for slot `k` into `action`, and remember that the answer is unknown."""
    o = orders.slot[k]
    if kind == PLACE:
        orders.next_cloid += 1
        o.cloid = orders.next_cloid
        o.side = side
        o.doubts = 0
        o.px = px
        o.sz = sz
        o.state = PLACING
    elif kind == MODIFY:
        o.asked_px = px
        o.asked_sz = sz
        o.state = MODIFYING
    elif kind == CANCEL:
        o.state = CANCELING
    o.ts_ns = action.ts_ns
    orders.requests += 1
    action.kind = kind
    action.side = o.side
    action.cloid = o.cloid


@kernel
def hear(orders: Any, i: Any, e: Any, now_ns: int) -> None:
    """Absorb the venue's answer about one of our orders; forgotten orders are ignored."""
    k = find(orders, e.ref)
    if k < 0 or not ACCEPTED <= e.kind <= FILL:
        return
    o = orders.slot[k]
    _count_refusals(orders, row(o.side), e, now_ns)
    if e.kind == ACCEPTED:
        o.px = to_units(i, e.px)
        o.sz = e.sz
        if o.state != CANCELING:
            o.state = RESTING
    elif e.kind == FILL:
        o.sz -= e.sz
        if o.sz * i.lots_per_coin < 0.5:
            o.state = GONE
    else:
        o.state = GONE if e.kind == CANCELED else _refused(o, e.code)


@kernel
def _refused(o: Any, reason: int) -> int:
    """Return the state of an order after a refusal of what was last asked about it."""
    if o.state in (CANCELING, MODIFYING):
        if reason == UNKNOWN_ORDER:  # its last fill is on its way: wait for it, but not for ever
            o.doubts += 1
            return CANCELING if o.doubts == 1 else GONE
        if reason == RATE_LIMIT:  # nobody looked at the request: the order is where it was
            return RESTING
    return GONE


@kernel
def _count_refusals(orders: Any, r: int, e: Any, now_ns: int) -> None:
    """Let a side wait, longer each time, where new orders are refused for what will not pass."""
    if e.kind == ACCEPTED:
        orders.refused[r] = 0
    elif e.kind == REJECTED and e.code not in (POST_ONLY, RATE_LIMIT, UNKNOWN_ORDER):
        orders.refused[r] += 1
        if orders.refused[r] >= REFUSALS:
            doublings = min((orders.refused[r] - REFUSALS) // REFUSALS, WAITS)
            orders.wait_ns[r] = now_ns + WAIT_NS * 2**doublings


@kernel
def is_overdue(o: Any, now_ns: int) -> bool:
    """Return whether an answer has been outstanding for too long."""
    return o.state >= PLACING and now_ns - o.ts_ns > PATIENCE_NS


@kernel
def find(orders: Any, cloid: int) -> int:
    """Return the slot that holds `cloid`, or -1."""
    for k in range(SLOTS):
        if orders.slot[k].state != GONE and orders.slot[k].cloid == cloid:
            return k
    return -1


@kernel
def exposure(orders: Any, side: int) -> float:
    """Return the size [coins] that may still fill on one side, unknown orders at their worst.

    A modify on its way counts both sizes: part of the old order may fill before it arrives, and
    the new one is placed whole.
    """
    total = 0.0
    first = first_slot(side)
    for k in range(first, first + MAX_LEVELS):
        o = orders.slot[k]
        if o.state != GONE:
            total += o.sz
        if o.state == MODIFYING:
            total += o.asked_sz
    return total


@kernel
def cancel_all(orders: Any, now_ns: int) -> None:
    """Mark what rests as being cancelled: a cancel-all is on its way.

    It may overtake a new order: such a one is cancelled by name as soon as it is heard of.
    """
    for k in range(SLOTS):
        if orders.slot[k].state not in (GONE, PLACING):
            orders.slot[k].state = CANCELING
            orders.slot[k].ts_ns = now_ns
