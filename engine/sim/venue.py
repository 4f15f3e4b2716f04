"""A venue on paper: latency both ways, post-only, queue position, fees.

A fill needs somebody else's trade or quote: a print through our price, a print at our price once
the queue ahead is used up, or the other side's touch moving to our price or through it. Depth that
shrinks never fills. One print's volume is shared among our own orders, best price first, so that
our fills never exceed the volume that traded.

Two fill models: `THROUGH` counts only prints *through* our price (the pessimistic one, which gates
judge); `QUEUE` also counts prints at our price behind everything displayed when we joined, with
cancels assumed to happen behind us (docs/model.md, "A venue on paper").
"""

import math
from typing import Annotated, Any

from engine.actions import CANCEL, CANCEL_ALL, MODIFY, PLACE, Action
from engine.core import book
from engine.core.book import ASK, BID, Book
from engine.events import (
    ACCEPTED,
    BUY,
    CANCELED,
    FILL,
    LAST,
    LEVEL,
    MIN_NOTIONAL,
    POST_ONLY,
    REJECTED,
    TRADE,
    UNKNOWN_ORDER,
    Event,
)
from engine.instrument import Instrument, to_px, to_units
from engine.record import f8, i8, kernel, record, zeros

THROUGH, QUEUE = 0, 1
MAX_WORKING = 64
MAX_WAITING = 1024  # requests or answers under way


@record
class Working:
    """One order resting on paper; a `cloid` of zero is a free slot."""

    cloid: i8
    side: i8
    px: i8  # units
    sz: f8
    ahead: f8  # displayed coins that trade before us


@record
class PaperVenue:
    """The venue's side of things; `asks` and `answers` are rings in order of arrival."""

    instrument: Instrument
    fill_model: i8
    latency_ns: i8  # of a request, and again of its answer
    maker_fee: f8
    book: Book
    working: Annotated[Working, MAX_WORKING]
    asks: Annotated[Action, MAX_WAITING]  # ts_ns is the arrival
    ask_head: i8
    ask_tail: i8
    answers: Annotated[Event, MAX_WAITING]
    answer_head: i8
    answer_tail: i8
    next_tid: i8


def new_venue(params: Any, *, fill_model: int, latency_ms: float) -> Any:
    """Return an array of one `PaperVenue` with an empty book.

    Raises
    ------
    ValueError
        if `latency_ms` is negative or `fill_model` is neither `THROUGH` nor `QUEUE`.
    """
    if not latency_ms >= 0:
        raise ValueError(f"latency_ms must not be negative, was {latency_ms}")
    if fill_model not in (THROUGH, QUEUE):
        raise ValueError(f"fill_model must be THROUGH (0) or QUEUE (1), was {fill_model}")
    venues = zeros(PaperVenue)
    v = venues[0]
    v.instrument = params.instrument
    v.fill_model = fill_model
    v.latency_ns = int(latency_ms * 1e6)
    v.maker_fee = params.maker_fee
    v.next_tid = 1
    return venues


@kernel
def submit(v: Any, action: Any) -> None:
    """Send one request; it arrives one latency later, in the order of sending."""
    slot = v.asks[v.ask_head % MAX_WAITING]
    slot.kind = action.kind
    slot.side = action.side
    slot.cloid = action.cloid
    slot.px = action.px
    slot.sz = action.sz
    slot.ts_ns = action.ts_ns + v.latency_ns
    v.ask_head += 1


@kernel
def serve(v: Any) -> None:
    """Carry out the oldest request under way, at its time of arrival."""
    action = v.asks[v.ask_tail % MAX_WAITING]
    v.ask_tail += 1
    if action.kind == CANCEL_ALL:
        for k in range(MAX_WORKING):
            if v.working[k].cloid > 0:
                _cancel(v, v.working[k], action.ts_ns)
        return
    k = _find(v, action.cloid)
    if action.kind == PLACE:
        _place(v, action)
    elif k < 0:
        _refuse(v, action, UNKNOWN_ORDER)
    elif action.kind == CANCEL:
        _cancel(v, v.working[k], action.ts_ns)
    elif action.kind == MODIFY:
        v.working[k].cloid = 0  # Hyperliquid modifies by cancelling and placing: the queue is lost
        _place(v, action)


@kernel
def _place(v: Any, action: Any) -> None:
    px = to_units(v.instrument, action.px)
    opposite = ASK if action.side == BUY else BID
    crosses = v.book.n[opposite] > 0 and action.side * (px - v.book.px[opposite, 0]) >= 0
    slot = _find(v, 0)
    if crosses:
        _refuse(v, action, POST_ONLY)
    elif action.px * action.sz < v.instrument.min_notional_usd * (1.0 - 1e-9) or slot < 0:
        _refuse(v, action, MIN_NOTIONAL)
    else:
        o = v.working[slot]
        o.cloid = action.cloid
        o.side = action.side
        o.px = px
        o.sz = action.sz
        o.ahead = _shown(v, action.side, px)
        _answer(v, ACCEPTED, o, action.ts_ns)


@kernel
def _find(v: Any, cloid: int) -> int:
    for k in range(MAX_WORKING):
        if v.working[k].cloid == cloid:
            return k
    return -1


@kernel
def _cancel(v: Any, o: Any, ts_ns: int) -> None:
    _answer(v, CANCELED, o, ts_ns)
    o.cloid = 0


@kernel
def _refuse(v: Any, action: Any, reason: int) -> None:
    e = v.answers[v.answer_head % MAX_WAITING]
    v.answer_head += 1
    e.kind = REJECTED
    e.code = reason
    e.side = action.side
    e.ts_ns = action.ts_ns
    e.recv_ns = action.ts_ns + v.latency_ns
    e.px = action.px
    e.sz = action.sz
    e.ref = action.cloid
    e.id = 0
    e.extra = 0.0


@kernel
def _answer(v: Any, kind: int, o: Any, ts_ns: int) -> Any:
    e = v.answers[v.answer_head % MAX_WAITING]
    v.answer_head += 1
    e.kind = kind
    e.code = 0
    e.side = o.side
    e.ts_ns = ts_ns
    e.recv_ns = ts_ns + v.latency_ns
    e.px = to_px(v.instrument, o.px)
    e.sz = o.sz
    e.ref = o.cloid
    e.id = 0
    e.extra = 0.0
    return e


@kernel
def hear(v: Any, e: Any) -> None:
    """Let the market move: queues advance, and whoever is reached is filled."""
    if e.kind == LEVEL:
        book.apply(v.book, v.instrument, e)
        if e.code & LAST:
            _fill_crossed(v, e.ts_ns)
    elif e.kind == TRADE:
        _fill_traded(v, e)


@kernel
def _shown(v: Any, side: int, px: int) -> float:
    """Return the size displayed at a price; infinity behind the last level we are shown."""
    r = book.row(side)
    n = v.book.n[r]
    if n > 0 and side * (px - v.book.px[r, n - 1]) < 0:
        return math.inf
    return book.size_at(v.book, r, px)


@kernel
def _fill_crossed(v: Any, ts_ns: int) -> None:
    """Fill orders that the other side's touch has reached: it would have met them, at our price.

    Of the others' queues, whatever was cancelled was behind us, unless the level is now smaller.
    """
    for k in range(MAX_WORKING):
        o = v.working[k]
        if o.cloid == 0:
            continue
        o.ahead = min(o.ahead, _shown(v, o.side, o.px))
        r = ASK if o.side == BUY else BID
        if v.book.n[r] > 0 and o.side * (o.px - v.book.px[r, 0]) >= 0:
            _fill(v, o, o.sz, ts_ns)


@kernel
def _fill_traded(v: Any, e: Any) -> None:
    """Share one print among our orders at its price or better, best price first."""
    px = to_units(v.instrument, e.px)
    side = -e.side  # a seller hits bids
    left = e.sz
    k = _next_reached(v, side, px, -1)
    while k >= 0 and left > 0.0:
        o = v.working[k]
        after = _next_reached(v, side, px, k)
        sz = min(o.sz, left)
        if o.px == px:
            sz = min(o.sz, max(left - o.ahead, 0.0)) if v.fill_model == QUEUE else 0.0
            o.ahead = max(o.ahead - left, 0.0)
        if sz * v.instrument.lots_per_coin >= 0.5:
            left -= sz
            _fill(v, o, sz, e.ts_ns)
        k = after


@kernel
def _next_reached(v: Any, side: int, px: int, previous: int) -> int:
    """Return the next of our orders a print at `px` reaches: best price first, then oldest."""
    best = -1
    for k in range(MAX_WORKING):
        o = v.working[k]
        if o.cloid == 0 or o.side != side or side * (o.px - px) < 0:
            continue
        if previous >= 0 and not _precedes(v, previous, k):
            continue
        if best < 0 or _precedes(v, k, best):
            best = k
    return best


@kernel
def _precedes(v: Any, j: int, k: int) -> bool:
    a, b = v.working[j], v.working[k]
    better = a.side * (a.px - b.px)
    return better > 0 or (better == 0 and a.cloid < b.cloid)


@kernel
def _fill(v: Any, o: Any, sz: float, ts_ns: int) -> None:
    e = _answer(v, FILL, o, ts_ns)
    e.sz = sz
    e.id = v.next_tid
    e.extra = e.px * sz * v.maker_fee
    v.next_tid += 1
    o.sz -= sz
    if o.sz * v.instrument.lots_per_coin < 0.5:
        o.cloid = 0
