"""What the market does to the orders that rest on paper.

A fill needs somebody else's trade or quote: a print through our price, a print at our price once
the queue ahead is used up (`queue`), or the other side's touch moving to our price or through it.
Depth that shrinks never fills. A print's volume is shared among our own orders, best price first,
then oldest, and what the other side shows at our price fills us once: our fills never exceed what
came against us (docs/model.md, "A venue on paper").
"""

import math
from typing import Any

from engine.core import book
from engine.core.book import DEPTH
from engine.events import (
    BUY,
    CONTEXT,
    FILL,
    FUNDING,
    LAST,
    LEVEL,
    LIQUIDATED,
    QUOTA,
    SELL,
    SNAPSHOT,
    TRADE,
)
from engine.instrument import PX_MAX, PX_MIN, floor_sz, to_px, to_units
from engine.record import kernel
from engine.sim import account, queue
from engine.sim.account import QUOTA_NS
from engine.sim.queue import PESSIMISTIC
from engine.sim.venue import NOTHING, answer, cancel, first, next_answer, remove, side_of


@kernel
def hear(v: Any, e: Any) -> None:
    """Let the market move: queues advance, and whoever is reached is filled."""
    if v.account.next_funding_ns <= e.ts_ns or v.account.next_quota_ns <= e.ts_ns:
        _pass_time(v, e.ts_ns)
    if e.kind == LEVEL:
        _hear_level(v, e)
    elif e.kind == TRADE and _is_true(e) and e.sz > 0.0:
        _fill_traded(v, e)
    elif e.kind == CONTEXT:
        account.hear_context(v.account, e)


@kernel
def _is_true(e: Any) -> bool:
    """Return whether market data has a price and a size at all; codecs refuse what has not."""
    return PX_MIN <= e.px <= PX_MAX and 0.0 <= e.sz < math.inf


@kernel
def _pass_time(v: Any, ts_ns: int) -> None:
    """Pay what is due, and report the requests used."""
    a = v.account
    usd = account.pass_time(a, ts_ns)
    if usd != 0.0:
        a.payments += 1
        e = next_answer(v, FUNDING, ts_ns)
        e.id = a.payments
        e.extra = usd
    if a.next_quota_ns <= ts_ns:
        if a.limits and a.next_quota_ns > 0:
            e = next_answer(v, QUOTA, ts_ns)
            e.px = a.budget.used
            e.sz = a.budget.granted
        a.next_quota_ns = ts_ns + QUOTA_NS


@kernel
def _hear_level(v: Any, e: Any) -> None:
    if e.code & SNAPSHOT:
        v.in_snapshot = 1
        book.clear(v.book)
    if _is_true(e):
        r, px = book.row(e.side), to_units(v.instrument, e.px)
        if v.in_snapshot == 0:
            _change_level(v, r, px, e.sz)
        book.set_level(v.book, r, px, e.sz)
        _forget_beyond(v, r)
    if e.code & LAST:
        if v.in_snapshot:
            for r in range(2):
                _see_levels(v, r)
            v.in_snapshot = 0
        _see_touch(v, e.ts_ns)


@kernel
def _forget_beyond(v: Any, r: int) -> None:
    """Note that a full book is complete no further: it may have lost a level behind its last."""
    last = v.book.px[r, DEPTH - 1]
    if v.book.n[r] == DEPTH and side_of(r) * (last - v.known[r]) > 0:
        v.known[r] = last


@kernel
def _change_level(v: Any, r: int, px: int, sz: float) -> None:
    """Let the orders at one price see how its size has changed."""
    side = side_of(r)
    before = 0.0
    for k in range(first(r), first(r) + v.n[r]):
        o = v.working[k]
        if o.px == px:
            before = _see_level(v, o, sz, before)
        elif side * (o.px - px) < 0:
            break


@kernel
def _see_levels(v: Any, r: int) -> None:
    """Let every order see its level in a whole book; both are sorted, best first."""
    side = side_of(r)
    j, n = 0, v.book.n[r]
    v.known[r] = v.book.px[r, n - 1] if n > 0 else side * NOTHING
    px, before = 0, 0.0
    for k in range(first(r), first(r) + v.n[r]):
        o = v.working[k]
        while j < n and side * (v.book.px[r, j] - o.px) > 0:
            j += 1
        if j == n:
            break  # behind the last level shown: nothing is known
        now = v.book.sz[r, j] if v.book.px[r, j] == o.px else 0.0
        before = _see_level(v, o, now, before if o.px == px else 0.0)
        px = o.px


@kernel
def _see_level(v: Any, o: Any, now: float, before: float) -> float:
    """Let an order see its level; return what is ahead: never less than before an older one."""
    ahead = queue.after_change(v.fill_model, o.ahead, o.shown, now, o.traded)
    o.ahead = max(ahead, before)
    o.shown = now
    o.traded = 0.0
    return o.ahead


@kernel
def _see_touch(v: Any, ts_ns: int) -> None:
    """Look at a consistent book: whom the touch has reached, and what we are worth."""
    for r in range(2):
        if v.by_book:
            _fill_crossed(v, r, ts_ns)
    if book.is_open(v.book):
        v.account.mark = book.mid(v.book, v.instrument)
    if v.account.position != 0.0 and account.is_liquidated(v.account):
        _liquidate(v, ts_ns)


@kernel
def _fill_crossed(v: Any, r: int, ts_ns: int) -> None:
    """Fill orders that the other side's touch has reached: it would have met them, at our price.

    While it stands there, what it shows fills us once.
    """
    side = side_of(r)
    if not _is_reached(v, r, side):
        v.taken[r] = 0.0
        return
    k = first(r)
    while _is_reached(v, r, side) and not _is_behind_others(v, r):
        o = v.working[k]
        sz = o.sz if v.whole_fills else _lots(v, o, _met(v, r, side, o.px) - v.taken[r])
        if sz == 0.0:
            return
        v.taken[r] += sz
        if not _fill(v, r, k, sz, ts_ns):
            return


@kernel
def _is_reached(v: Any, r: int, side: int) -> bool:
    """Return whether the other side's touch is at our best order's price or through it."""
    if v.n[r] == 0 or v.book.n[1 - r] == 0:
        return False
    return side * (v.working[first(r)].px - v.book.px[1 - r, 0]) >= 0


@kernel
def _is_behind_others(v: Any, r: int) -> bool:
    """Return whether others rest at our price in a locked book: they have not traded either."""
    px = v.working[first(r)].px
    if v.whole_fills or px != v.book.px[1 - r, 0]:
        return False
    return book.size_at(v.book, r, px) > 0.0


@kernel
def _met(v: Any, r: int, side: int, px: int) -> float:
    """Return what the other side shows at `px` or better for us [coins]."""
    total = 0.0
    for j in range(v.book.n[1 - r]):
        if side * (px - v.book.px[1 - r, j]) < 0:
            break
        total += v.book.sz[1 - r, j]
    return total


@kernel
def _fill_traded(v: Any, e: Any) -> None:
    """Share one print among our orders at its price or better: best price first, then oldest."""
    side = -e.side  # a seller hits bids
    r = book.row(side)
    if v.n[r] == 0 or not v.by_prints:
        return
    px = to_units(v.instrument, e.px)
    left = e.sz
    k = first(r)
    while k < first(r) + v.n[r]:
        o = v.working[k]
        behind = side * (o.px - px)
        if behind < 0:
            break
        reach = left if behind > 0 else _advance(v, o, left, e.sz)
        sz = _lots(v, o, reach)
        if not v.whole_fills:
            left -= sz
        if sz == 0.0 or not _fill(v, r, k, sz, e.ts_ns):
            k += 1


@kernel
def _lots(v: Any, o: Any, reach: float) -> float:
    """Return how much of an order fills when so many coins reach it: whole lots."""
    i = v.instrument
    if v.whole_fills:
        return o.sz if reach * i.lots_per_coin >= 0.5 else 0.0
    return min(o.sz, floor_sz(i, max(reach, 0.0)))


@kernel
def _advance(v: Any, o: Any, left: float, traded: float) -> float:
    """Take a print at our price off the queue; return how much of it reaches us [coins]."""
    reach = left - o.ahead
    o.ahead = max(-reach, 0.0)
    o.traded += traded
    return 0.0 if v.fill_model == PESSIMISTIC else reach


@kernel
def _fill(v: Any, r: int, k: int, sz: float, ts_ns: int) -> bool:
    """Fill slot `k` with `sz` coins; return whether that was all of it."""
    o = v.working[k]
    side = side_of(r)
    e = answer(v, FILL, side, o, ts_ns)
    e.sz = sz
    _settle(v, e, account.maker_rate(v.account))
    o.sz -= sz
    if o.sz * v.instrument.lots_per_coin >= 0.5:
        return False
    remove(v, r, k)
    return True


@kernel
def _settle(v: Any, e: Any, rate: float) -> None:
    e.id = v.next_tid
    e.extra = account.settle(v.account, e.side, e.px, e.sz, rate)
    v.next_tid += 1


@kernel
def _liquidate(v: Any, ts_ns: int) -> None:
    """Close the position against what the book shows, as a taker, and cancel every order."""
    a = v.account
    for r in range(2):
        while v.n[r] > 0:
            cancel(v, r, first(r) + v.n[r] - 1, ts_ns)
    side = SELL if a.position > 0.0 else BUY
    e = next_answer(v, FILL, ts_ns)
    e.code = LIQUIDATED
    e.side = side
    e.sz = abs(a.position)
    e.px = _swept_px(v, side, e.sz)
    _settle(v, e, account.taker_rate(a))
    a.position = 0.0  # to the last bit
    a.liquidated += 1


@kernel
def _swept_px(v: Any, side: int, sz: float) -> float:
    """Return the mean price [USD] at which a taker finds `sz` coins; the last level has more."""
    r = book.ASK if side == BUY else book.BID
    left, usd = sz, 0.0
    n = v.book.n[r]
    for j in range(n):
        took = left if j == n - 1 else min(left, v.book.sz[r, j])
        usd += took * to_px(v.instrument, v.book.px[r, j])
        left -= took
    return usd / sz if n > 0 else v.account.mark
