"""A venue on paper: what becomes of a request.

A request arrives after a delay drawn for its kind; the venue acts on it in order of arrival, and
before what trades at the same instant: post-only orders and cancels come first in a block. Answers
come back in the order they were given. `matching` fills what rests; `account` keeps position, fees,
funding, margin and the request budget (docs/model.md, "A venue on paper").
"""

import math
from typing import Annotated, Any

from engine.actions import CANCEL, CANCEL_ALL, MODIFY, PLACE, Action
from engine.core import book
from engine.core.book import Book
from engine.events import (
    ACCEPTED,
    BAD_PX,
    BAD_SZ,
    BUY,
    CANCELED,
    POST_ONLY,
    RATE_LIMIT,
    REJECTED,
    SELL,
    TOO_MANY,
    UNKNOWN_ORDER,
    Event,
)
from engine.instrument import PX_MAX, PX_MIN, Instrument, tick_units, to_px, to_units
from engine.record import f8, i8, kernel, record, zeros
from engine.sim import account, latency, queue
from engine.sim.account import Account
from engine.sim.latency import RESPONSE, Latencies
from engine.sim.rules import FILL_MODELS, VenueRules

MAX_WORKING = 64  # orders of one side
MAX_WAITING = 1024  # requests or answers under way
MAX_LOTS = 2.0**53  # a float counts no further one by one
OFF_GRID = 1e-3  # of a step: more is no noise
NOTHING = 2**62  # the price to which a side is complete that we have not seen, or see empty


@record
class Working:
    """One order resting on paper."""

    cloid: i8
    px: i8  # units
    sz: f8
    ahead: f8  # coins that trade before us
    shown: f8  # size of the level when it was last seen
    traded: f8  # prints at our price since then


@record
class PaperVenue:
    """The venue's side of things.

    `working` holds bids from 0, asks from 64, each best first, then oldest. `asks` and `answers`
    are rings in order of arrival.
    """

    instrument: Instrument
    account: Account
    latencies: Latencies
    fill_model: i8
    whole_fills: i8
    by_prints: i8  # whether prints fill, and whether a touch that reaches us does
    by_book: i8
    book: Book
    in_snapshot: i8
    known: Annotated[i8, 2]  # price down to which the book is complete, of each side
    working: Annotated[Working, 2 * MAX_WORKING]
    n: Annotated[i8, 2]
    taken: Annotated[f8, 2]  # of what the other side shows at our prices [coins]
    asks: Annotated[Action, MAX_WAITING]  # ts_ns is the arrival
    ask_head: i8
    ask_tail: i8
    answers: Annotated[Event, MAX_WAITING]
    answer_head: i8
    answer_tail: i8
    answered_ns: i8  # when the last answer reaches us
    next_tid: i8


def new_venue(params: Any, rules: VenueRules) -> Any:
    """Return an array of one `PaperVenue` with an empty book."""
    venues = zeros(PaperVenue)
    v = venues[0]
    v.instrument = params.instrument
    v.fill_model = FILL_MODELS.index(rules.fill_model)
    v.whole_fills = rules.whole_fills
    v.by_prints = rules.reached_by != "book"
    v.by_book = rules.reached_by != "prints"
    v.next_tid = 1
    v.known = NOTHING, -NOTHING
    account.start(v.account, params, volume_14d_usd=rules.volume_14d_usd, limits=rules.limits)
    latency.start(v.latencies, rules.latency, rules.seed)
    return venues


@kernel
def side_of(r: int) -> int:
    """Return the side of a row: the inverse of `book.row`."""
    return BUY if r == book.BID else SELL


@kernel
def first(r: int) -> int:
    """Return where a side's orders begin."""
    return r * MAX_WORKING


@kernel
def submit(v: Any, action: Any) -> None:
    """Send one request; one that was sent later may arrive earlier.

    What is no request (HALT is for the shell) is not sent; one too many is refused at once.
    """
    if not PLACE <= action.kind <= CANCEL_ALL:
        return
    if v.ask_head - v.ask_tail == MAX_WAITING:
        _refuse(v, action, RATE_LIMIT)
        return
    delay = latency.CANCEL
    if action.kind == PLACE:
        delay = latency.NEW
    elif action.kind == MODIFY:
        delay = latency.MODIFY
    arrival_ns = action.ts_ns + latency.draw(v.latencies, delay, action.ts_ns)
    k = v.ask_head
    while k > v.ask_tail and v.asks[(k - 1) % MAX_WAITING].ts_ns > arrival_ns:
        _copy_request(v.asks[k % MAX_WAITING], v.asks[(k - 1) % MAX_WAITING])
        k -= 1
    slot = v.asks[k % MAX_WAITING]
    _copy_request(slot, action)
    slot.ts_ns = arrival_ns
    v.ask_head += 1


@kernel
def _copy_request(to: Any, action: Any) -> None:
    to.kind = action.kind
    to.side = action.side
    to.cloid = action.cloid
    to.px = action.px
    to.sz = action.sz
    to.ts_ns = action.ts_ns


@kernel
def serve(v: Any) -> None:
    """Carry out the oldest request that has arrived, at its time of arrival."""
    action = v.asks[v.ask_tail % MAX_WAITING]
    v.ask_tail += 1
    if action.kind == CANCEL_ALL:
        _cancel_all(v, action)
        return
    if not account.charge(v.account, action.kind == CANCEL, action.ts_ns):
        _refuse(v, action, RATE_LIMIT)
        return
    if action.kind == PLACE:
        _place(v, action)
        return
    k = _find(v, action.cloid)
    if k < 0:
        _refuse(v, action, UNKNOWN_ORDER)
        return
    r = k // MAX_WORKING
    if action.kind == CANCEL:
        cancel(v, r, k, action.ts_ns)
    else:
        remove(v, r, k)  # Hyperliquid modifies by cancelling and placing: the queue is lost
        _place(v, action)


@kernel
def _cancel_all(v: Any, action: Any) -> None:
    """Cancel what rests, each for one request; what cannot be paid for stays and is refused."""
    for r in range(2):
        for k in range(first(r) + v.n[r] - 1, first(r) - 1, -1):
            action.cloid = v.working[k].cloid
            action.side = side_of(r)
            if account.charge(v.account, True, action.ts_ns):
                cancel(v, r, k, action.ts_ns)
            else:
                _refuse(v, action, RATE_LIMIT)


@kernel
def _place(v: Any, action: Any) -> None:
    r = book.row(action.side)
    known = _find(v, action.cloid)
    if known >= 0:  # asked for twice: it rests as it was asked for first
        answer(v, ACCEPTED, side_of(known // MAX_WORKING), v.working[known], action.ts_ns)
        return
    reason = _reason_against(v, action, r)
    if reason != 0:
        _refuse(v, action, reason)
        return
    px = to_units(v.instrument, action.px)
    k = first(r) + v.n[r]
    while k > first(r) and action.side * (v.working[k - 1].px - px) < 0:
        _copy_order(v.working[k], v.working[k - 1])
        k -= 1
    v.n[r] += 1
    o = v.working[k]
    o.cloid = action.cloid
    o.px = px
    o.sz = action.sz
    o.shown = _shown(v, r, px)
    o.ahead = queue.joined(v.fill_model, o.shown)
    o.traded = 0.0
    answer(v, ACCEPTED, action.side, o, action.ts_ns)


@kernel
def _reason_against(v: Any, action: Any, r: int) -> int:
    """Return why an order is refused, 0 where it may rest."""
    reason = _off_grid(v, action)
    if reason != 0:
        return reason
    if _would_match(v, action.side, r, to_units(v.instrument, action.px)):
        return POST_ONLY
    if v.n[r] == MAX_WORKING:
        return TOO_MANY
    least = v.instrument.min_notional_usd
    resting = _resting(v, r)
    return account.reason_against(v.account, action.side, action.px, action.sz, resting, least)


@kernel
def _off_grid(v: Any, action: Any) -> int:
    """Return what is wrong with price or size, 0 where nothing is."""
    i = v.instrument
    lots = action.sz * i.lots_per_coin
    if not PX_MIN <= action.px <= PX_MAX:
        return BAD_PX
    if not 0.5 <= lots <= MAX_LOTS:
        return BAD_SZ
    if not v.account.limits:
        return 0
    px = to_units(i, action.px)
    if px % tick_units(i, px) or abs(action.px * i.units_per_usd - px) > OFF_GRID:
        return BAD_PX
    return BAD_SZ if abs(lots - math.floor(lots + 0.5)) > OFF_GRID else 0


@kernel
def _would_match(v: Any, side: int, r: int, px: int) -> bool:
    """Return whether a price reaches the other side's touch, or an order of ours there."""
    if v.book.n[1 - r] > 0 and side * (px - v.book.px[1 - r, 0]) >= 0:
        return True
    own = v.account.limits and v.n[1 - r] > 0
    return own and side * (px - v.working[first(1 - r)].px) >= 0


@kernel
def _resting(v: Any, r: int) -> float:
    total = 0.0
    for k in range(first(r), first(r) + v.n[r]):
        total += v.working[k].sz
    return total


@kernel
def _find(v: Any, cloid: int) -> int:
    for r in range(2):
        for k in range(first(r), first(r) + v.n[r]):
            if v.working[k].cloid == cloid:
                return k
    return -1


@kernel
def remove(v: Any, r: int, k: int) -> None:
    """Forget slot `k`; those behind it move up."""
    v.n[r] -= 1
    for j in range(k, first(r) + v.n[r]):
        _copy_order(v.working[j], v.working[j + 1])


@kernel
def _copy_order(to: Any, o: Any) -> None:
    to.cloid = o.cloid
    to.px = o.px
    to.sz = o.sz
    to.ahead = o.ahead
    to.shown = o.shown
    to.traded = o.traded


@kernel
def cancel(v: Any, r: int, k: int, ts_ns: int) -> None:
    """Take slot `k` off the book, and say so."""
    answer(v, CANCELED, side_of(r), v.working[k], ts_ns)
    remove(v, r, k)


@kernel
def _refuse(v: Any, action: Any, reason: int) -> None:
    v.account.refused += 1
    e = next_answer(v, REJECTED, action.ts_ns)
    e.code = reason
    e.side = action.side
    e.px = action.px
    e.sz = action.sz
    e.ref = action.cloid


@kernel
def answer(v: Any, kind: int, side: int, o: Any, ts_ns: int) -> Any:
    """Return the next event to send, about one of our orders."""
    e = next_answer(v, kind, ts_ns)
    e.side = side
    e.px = to_px(v.instrument, o.px)
    e.sz = o.sz
    e.ref = o.cloid
    return e


@kernel
def next_answer(v: Any, kind: int, ts_ns: int) -> Any:
    """Return the next event to send, empty but for kind and times."""
    if v.answer_head - v.answer_tail == MAX_WAITING:
        raise OverflowError("more than 1,024 answers are under way: nobody listens to this venue")
    e = v.answers[v.answer_head % MAX_WAITING]
    v.answer_head += 1
    v.answered_ns = max(v.answered_ns, ts_ns + latency.draw(v.latencies, RESPONSE, ts_ns))
    e.kind = kind
    e.code = 0
    e.side = 0
    e.ts_ns = ts_ns
    e.recv_ns = v.answered_ns
    e.px = 0.0
    e.sz = 0.0
    e.id = 0
    e.ref = 0
    e.extra = 0.0
    return e


@kernel
def _shown(v: Any, r: int, px: int) -> float:
    """Return the size displayed at a price; infinity where we cannot know it."""
    shown = book.size_at(v.book, r, px)
    is_beyond = side_of(r) * (px - v.known[r]) < 0
    return math.inf if shown == 0.0 and is_beyond and not v.whole_fills else shown
