"""Three orders a side at fixed distances from the touch, over our paper venue: it learns nothing.

Every half second it wishes orders at its side's touch and one and two steps behind it, cancels what
is not wished any more and places what is missing. A side is not quoted while the position is at its
limit. So two paper rules differ by the fills they give and not by what a maker makes of them.
"""

from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.actions import CANCEL, PLACE, Action
from engine.core import book
from engine.core.book import Book
from engine.events import ACCEPTED, BUY, FILL, LEVEL, SELL, Event
from engine.instrument import Instrument, tick_units, to_px
from engine.record import f8, i8, kernel, record, zeros
from engine.sim import clocks, venue
from engine.sim.clocks import Clocks, arrival_order
from engine.sim.rules import VenueRules
from engine.sim.venue import MAX_WAITING, PaperVenue

LEVELS = 3
SIDES = (BUY, SELL)
INTERVAL_NS = 500_000_000
STEP = 1e-4  # of the price, between one order and the next; at least a tick
ORDER_USD = 100.0
MAX_ORDERS = 10  # a position of as many is not added to
MOST_FILLS = 2_000_000
NONE, ASKED, RESTS, LEAVES = range(4)


@record
class Slot:
    """What we know of one order of ours."""

    cloid: i8
    px: i8  # units
    left: f8  # coins
    stage: i8  # NONE, ASKED, RESTS or LEAVES


@record
class Fixed:
    """The strategy's memory: bids in the first slots, asks in the others."""

    instrument: Instrument
    book: Book
    sz: f8  # coins of one order
    position: f8
    orders: i8  # asked for so far
    next_ns: i8  # when it decides next
    slot: Annotated[Slot, 2 * LEVELS]
    action: Action


@record
class Play:
    """The strategy, its paper venue, and their clocks."""

    fixed: Fixed
    venue: PaperVenue
    clocks: Clocks


class Played(NamedTuple):
    """What became of it: fills as the venue said them, and requests sent."""

    fills: NDArray[Any]
    requests: int


def play(params: Any, rules: VenueRules, px: float, events: NDArray[Any]) -> Played:
    """Play market data; `px` is a price of its beginning [USD], which decides the orders' size.

    Raises
    ------
    ValueError
        if there are more fills than there is room for.
    """
    plays, fills = zeros(Play), np.zeros(MOST_FILLS, Event.dtype)
    one = plays[0]
    one.venue = venue.new_venue(params, rules)[0]
    one.fixed.instrument = params.instrument
    lots = params.instrument.lots_per_coin
    one.fixed.sz = max(round(ORDER_USD / px * lots), 1) / lots
    one.fixed.next_ns = int(events["recv_ns"][0]) + INTERVAL_NS
    n = run(plays, events, arrival_order(events), fills)
    if n > MOST_FILLS:
        raise ValueError(
            f"fills must be at most {MOST_FILLS:,}, were {n:,}: play less of the market"
        )
    return Played(fills[:n], int(one.venue.ask_head))


@kernel
def run(plays: Any, events: Any, order: Any, fills: Any) -> int:
    """Play until the data is over; note the fills and return how many there were."""
    p = plays[0]
    c, f, v = p.clocks, p.fixed, p.venue
    n = 0
    clocks.begin(c, events, order)
    while c.read_by_venue < order.shape[0] or c.read_by_maker < events.shape[0]:
        clocks.look(c, v)
        if min(c.venue_ns, c.maker_ns) > f.next_ns:
            _decide(f, v)
            f.next_ns += INTERVAL_NS
        elif c.venue_ns <= c.maker_ns:
            said = v.answer_head
            clocks.let_venue(c, v, events, order)
            n = _note_fills(v, said, fills, n)
        elif c.hears_market:
            if events[c.read_by_maker].kind == LEVEL:
                book.apply(f.book, f.instrument, events[c.read_by_maker])
            clocks.pass_market(c, v, events)
        else:
            _hear_answer(f, v.answers[v.answer_tail % MAX_WAITING])
            v.answer_tail += 1
    return n


@kernel
def _note_fills(v: Any, said: int, fills: Any, n: int) -> int:
    for k in range(said, v.answer_head):
        e = v.answers[k % MAX_WAITING]
        if e.kind != FILL:
            continue
        if n < fills.shape[0]:
            fills[n].ts_ns = e.ts_ns
            fills[n].side = e.side
            fills[n].px = e.px
            fills[n].sz = e.sz
            fills[n].extra = e.extra
        n += 1
    return n


@kernel
def _hear_answer(f: Any, e: Any) -> None:
    if e.kind == FILL:
        f.position += e.side * e.sz
    o = f.slot[e.ref % (2 * LEVELS)]
    if o.cloid != e.ref:
        return  # too late to cancel: it has been filled
    if e.kind == ACCEPTED:
        o.stage = RESTS
    elif e.kind == FILL:
        o.left -= e.sz
        if o.left * f.instrument.lots_per_coin < 0.5:
            o.stage = NONE
    else:
        o.stage = NONE


@kernel
def _decide(f: Any, v: Any) -> None:
    """Cancel what is not wished any more, place what is missing."""
    if not book.is_open(f.book):
        return
    f.action.ts_ns = f.next_ns
    for side in SIDES:
        r = book.row(side)
        levels = LEVELS if side * f.position < (MAX_ORDERS - 0.5) * f.sz else 0
        touch = f.book.px[r, 0]
        tick = tick_units(f.instrument, touch)
        step = max(round(STEP * touch / tick), 1) * tick
        _cancel_unwished(f, v, side, touch, step, levels)
        for k in range(levels):
            _wish(f, v, side, touch - side * k * step)


@kernel
def _cancel_unwished(f: Any, v: Any, side: int, touch: int, step: int, levels: int) -> None:
    first = book.row(side) * LEVELS
    for k in range(first, first + LEVELS):
        o = f.slot[k]
        behind = side * (touch - o.px)
        wished = 0 <= behind < levels * step and behind % step == 0
        if o.stage == RESTS and not wished:
            o.stage = LEAVES
            f.action.kind = CANCEL
            f.action.side = side
            f.action.cloid = o.cloid
            venue.submit(v, f.action)


@kernel
def _wish(f: Any, v: Any, side: int, px: int) -> None:
    """Place an order at `px`, unless one of ours is there or no slot is free."""
    free = -1
    first = book.row(side) * LEVELS
    for k in range(first, first + LEVELS):
        if f.slot[k].stage == NONE:
            free = k
        elif f.slot[k].px == px:
            return
    if free < 0:
        return
    f.orders += 1
    o = f.slot[free]
    o.cloid = f.orders * 2 * LEVELS + free
    o.px = px
    o.left = f.sz
    o.stage = ASKED
    f.action.kind = PLACE
    f.action.side = side
    f.action.cloid = o.cloid
    f.action.px = to_px(f.instrument, px)
    f.action.sz = f.sz
    venue.submit(v, f.action)
