"""What is true: the venue's orders, fills and position of one account in one asset.

It carries out what arrives and answers truly; whatever fails, fails on the way (`world`).
"""

from typing import Annotated, Any

from engine.actions import MODIFY, PLACE
from engine.events import BAD_SZ, BUY, FILL, POST_ONLY, RATE_LIMIT, UNKNOWN_ORDER
from engine.faults.mail import write
from engine.faults.plan import hit, uniform
from engine.gateway.words import (
    CANCEL_DONE,
    CANCEL_OID,
    CANCEL_REFUSED,
    FOUND_ENDED,
    FOUND_OPEN,
    NOT_FOUND,
    REFUSED,
    RESTING,
)
from engine.record import f8, i8, kernel, record

ORDERS = 1_024
FILLS = 1_024
MS = 1_000_000
FEE = 1.5e-4


@record
class Resting:
    """One order that was ever placed; `ended_ns` is 0 while it rests."""

    wire: i8
    side: i8
    px: f8
    left: f8
    placed_ns: i8
    ended_ns: i8


@record
class Done:
    """One fill."""

    ts_ns: i8
    wire: i8
    side: i8
    px: f8
    sz: f8
    fee_usd: f8


@record
class Exchange:
    """One account in one asset; a fill's id is its place, from 1, an order's oid likewise."""

    order: Annotated[Resting, ORDERS]
    n_orders: i8
    first: i8  # no order before this one rests
    done: Annotated[Done, FILLS]
    n_fills: i8
    held: f8  # to begin with
    position: f8
    cash_usd: f8
    bid: f8
    ask: f8
    now_ns: i8
    nonce: i8  # highest accepted
    reused: i8  # nonces that were used before
    accepted_ns: i8  # when an order was accepted last
    full: i8  # tables: the session proves nothing


@kernel
def forget(x: Any) -> None:
    """Begin with nothing."""
    x.n_orders = 0
    x.first = 0
    x.n_fills = 0
    x.held = 0.0
    x.position = 0.0
    x.cash_usd = 0.0
    x.nonce = 0
    x.reused = 0
    x.accepted_ns = 0
    x.full = 0


@kernel
def find(x: Any, wire: int) -> int:
    """Return the newest order that was placed as `wire`, or -1."""
    for k in range(x.n_orders - 1, -1, -1):
        if x.order[k].wire == wire:
            return k
    return -1


@kernel
def open_size(x: Any, side: int) -> float:
    """Return what rests on one side [coins]."""
    total = 0.0
    for k in range(x.first, x.n_orders):
        o = x.order[k]
        if o.ended_ns == 0 and o.side == side:
            total += o.left
    return total


@kernel
def carry_out(x: Any, q: Any, f: Any, c: Any, e: Any) -> None:
    """Carry out one request, and write its answer into `e`."""
    if q.nonce <= x.nonce - 100 * MS or q.nonce == x.nonce:
        x.reused += 1
    x.nonce = max(x.nonce, q.nonce)
    write(e, 0, q.wire, x.now_ns)
    if q.kind == PLACE or q.kind == MODIFY:
        _trade(x, q, f, c, e)
    else:
        k = q.oid - 1 if q.kind == CANCEL_OID else find(x, q.wire)
        is_there = 0 <= k < x.n_orders and x.order[k].ended_ns == 0
        e.kind = CANCEL_DONE if is_there else CANCEL_REFUSED
        e.code = 0 if is_there else UNKNOWN_ORDER
        if is_there:
            x.order[k].ended_ns = x.now_ns


@kernel
def _trade(x: Any, q: Any, f: Any, c: Any, e: Any) -> None:
    """Place an order, or one in the place of another."""
    e.kind = REFUSED
    e.side = q.side
    old = find(x, q.replaces) if q.kind == MODIFY else -1
    crosses = q.px >= x.ask if q.side == BUY else q.px <= x.bid
    if x.now_ns > q.expires_ms * MS:
        e.code = RATE_LIMIT  # the venue looked at nothing
    elif q.kind == MODIFY and (old < 0 or x.order[old].ended_ns):
        e.code = UNKNOWN_ORDER
    elif crosses or hit(c, f.rejected):
        e.code = POST_ONLY if crosses else BAD_SZ
        if q.kind == MODIFY and f.drops_old:
            x.order[old].ended_ns = x.now_ns
    else:
        if q.kind == MODIFY:
            x.order[old].ended_ns = x.now_ns
        _rest(x, q, e)


@kernel
def _rest(x: Any, q: Any, e: Any) -> None:
    if x.n_orders == ORDERS:
        x.full = 1
        e.code = BAD_SZ
        return
    o = x.order[x.n_orders]
    x.n_orders += 1
    o.wire = q.wire
    o.side = q.side
    o.px = q.px
    o.left = q.sz
    o.placed_ns = x.now_ns
    o.ended_ns = 0
    x.accepted_ns = x.now_ns
    e.kind = RESTING
    e.id = x.n_orders
    e.sz = q.sz


@kernel
def status(x: Any, wire: int, as_of_ns: int, e: Any) -> None:
    """Write what was known of an order at a time."""
    k = find(x, wire)
    write(e, NOT_FOUND, wire, as_of_ns)
    if k >= 0 and x.order[k].placed_ns <= as_of_ns:
        e.kind = FOUND_OPEN if was_open(x, k, as_of_ns) else FOUND_ENDED
        e.id = k + 1


@kernel
def was_open(x: Any, k: int, as_of_ns: int) -> bool:
    """Return whether an order rested at a time."""
    o = x.order[k]
    return o.placed_ns <= as_of_ns and (o.ended_ns == 0 or o.ended_ns > as_of_ns)


@kernel
def position_at(x: Any, as_of_ns: int) -> float:
    """Return what was held at a time [coins]."""
    held = x.position
    for k in range(x.n_fills - 1, -1, -1):
        if x.done[k].ts_ns <= as_of_ns:
            break
        held -= x.done[k].side * x.done[k].sz
    return held


@kernel
def meet(x: Any, k: int, f: Any, c: Any, sz_step: float) -> None:
    """Fill an order, or a part of it."""
    o = x.order[k]
    lots = max(int(o.left / sz_step + 0.5), 1)
    if lots > 1 and hit(c, f.partial):
        lots = 1 + int(uniform(c) * (lots - 1))
    sz = min(lots * sz_step, o.left)
    if x.n_fills == FILLS:
        x.full = 1
        return
    o.left = o.left - sz if o.left - sz > 0.5 * sz_step else 0.0
    if o.left == 0.0:
        o.ended_ns = x.now_ns
    d = x.done[x.n_fills]
    x.n_fills += 1
    d.ts_ns = x.now_ns
    d.wire = o.wire
    d.side = o.side
    d.px = o.px
    d.sz = sz
    d.fee_usd = FEE * o.px * sz
    x.position += o.side * sz
    x.cash_usd -= o.side * o.px * sz + d.fee_usd


@kernel
def tell_fill(x: Any, k: int, e: Any) -> None:
    """Write fill `k` as the venue tells it."""
    d = x.done[k]
    write(e, FILL, d.wire, d.ts_ns)
    e.side = d.side
    e.px = d.px
    e.sz = d.sz
    e.id = k + 1
    e.extra = d.fee_usd
