"""Every order that may still fill, whatever anybody believes about it.

A slot is *sent* (no answer yet), *open* (the venue said so), *in doubt* (the answer was lost, or
the venue does not list it: it is asked), or *settling*: ended, but a fill may still be on its way
to us. Only when the venue's own position agrees that there is none is the slot free.
"""

from typing import Annotated, Any

from engine.record import f8, i8, kernel, record

SLOTS = 160  # of the maker's 50, moved ones twice, and those that settle

FREE, SENT, OPEN, DOUBT, SETTLING = 0, 1, 2, 3, 4


@record
class LiveOrder:
    """One slot; times are ours, except `ended_ns`. Zero means never, or none."""

    state: i8
    wire: i8
    cloid: i8
    oid: i8
    side: i8
    px: f8
    left: f8  # coins that may still fill, at worst
    expires_ns: i8  # the venue does not carry it out later than this, on its clock
    changed_ns: i8  # when its state did
    ended_ns: i8  # on the venue's clock
    asked_ns: i8  # when its status was asked for last
    cancel_ns: i8  # when its cancel was sent, while unanswered
    is_unwanted: i8
    replaces: i8  # wire of the order that this one moves, until that is known to have ended
    replaced_by: i8
    listed_ns: i8


@record
class LiveOrders:
    """The slots, in no order."""

    slot: Annotated[LiveOrder, SLOTS]
    next_wire: i8


@kernel
def find(orders: Any, wire: int) -> int:
    """Return the slot of the order that was sent as `wire`, or -1."""
    for k in range(SLOTS):
        if orders.slot[k].state != FREE and orders.slot[k].wire == wire:
            return k
    return -1


@kernel
def newest(orders: Any, cloid: int) -> int:
    """Return the slot of the maker's order that was sent last, or -1."""
    found = -1
    for k in range(SLOTS):
        o = orders.slot[k]
        if o.state != FREE and o.cloid == cloid and (found < 0 or o.wire > orders.slot[found].wire):
            found = k
    return found


@kernel
def add(orders: Any, cloid: int, side: int, px: float, sz: float) -> int:
    """Take a free slot for an order about to be sent; return it, or -1."""
    for k in range(SLOTS):
        o = orders.slot[k]
        if o.state == FREE:
            orders.next_wire += 1
            o.wire = orders.next_wire
            o.cloid = cloid
            o.oid = 0
            o.side = side
            o.px = px
            o.left = sz
            o.ended_ns = 0
            o.asked_ns = 0
            o.cancel_ns = 0
            o.is_unwanted = 0
            o.replaces = 0
            o.replaced_by = 0
            o.listed_ns = 0
            return k
    return -1


@kernel
def turn(o: Any, state: int, now_ns: int) -> None:
    """Put an order in another state."""
    o.state = state
    o.changed_ns = now_ns


@kernel
def exposure(orders: Any, side: int) -> float:
    """Return the size [coins] that may still fill on one side, at worst."""
    total = 0.0
    for k in range(SLOTS):
        o = orders.slot[k]
        if o.state != FREE and o.side == side:
            total += o.left
    return total
