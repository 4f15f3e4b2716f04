"""The touch between two books: exact deltas from Hyperliquid's bbo stream.

A ``bbo`` message states best bid and ask at one block, a book follows every half second or slower.
The message is not a delta: when the best bid falls, the levels above it are gone, and nobody says
so. `TouchBook` remembers the levels and says it. The two streams also overtake each other on the
way: a book older than the touch we know is corrected by that touch before it is handed on.
"""

from collections import Counter
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from engine.events import BUY, SELL, SNAPSHOT, Event
from engine.record import f8, i8, kernel, record, zeros
from engine.venues.hyperliquid.level_parser import close_run

# of a side; a book has 20, and each new touch may add one until the next book forgets them all
DEEPEST = 512
_UNCHANGED, _STALE, _EARLY = 0, -1, -2
_REASONS = {_UNCHANGED: "bbo_unchanged", _STALE: "bbo_stale", _EARLY: "bbo_before_first_book"}
_WORDS = Event.dtype.itemsize // 8


@record
class Level:
    """What rests at one price; nothing where the size is 0."""

    px: f8
    sz: f8
    n: i8  # orders


@record
class Side:
    """One side's levels, the best one last."""

    levels: Annotated[Level, DEEPEST]
    count: i8
    touch: Level  # as the newest bbo states it


@record
class Touch:
    """What is known of both sides."""

    bids: Side
    asks: Side
    ts_ns: i8  # of the newest book or bbo
    book_ts_ns: i8
    touch_ts_ns: i8  # of the newest bbo; 0 where a book is newer


class TouchBook:
    """Levels by side, and the newest statement about the touch.

    Parameters
    ----------
    counts
        where statements that bring nothing are counted: ``bbo_stale``, ``bbo_unchanged``,
        ``bbo_before_first_book``, ``book_stale`` (older than the book before it).
    """

    def __init__(self, counts: Counter[str]) -> None:
        self._known = zeros(Touch)
        self._said = zeros(Event, 2 * DEEPEST + 2)
        self._words = self._said.view(np.int64)
        self._counts = counts

    def on_book(self, events: NDArray[Any]) -> NDArray[Any]:
        """Return the run of a whole book, with a newer touch worked in where we know one."""
        n = _hear_book(self._known, events, self._said)
        if n == _STALE:
            self._counts["book_stale"] += 1
            return events[:0]
        return self._copied(n) if n else events

    def on_touch(self, events: NDArray[Any]) -> NDArray[Any]:
        """Return the delta that makes the touch what a bbo states; empty if it is so already."""
        n = _hear_touch(self._known, events, self._said)
        if n > 0:
            return self._copied(n)
        self._counts[_REASONS[n]] += 1
        return events[:0]

    def _copied(self, n: int) -> NDArray[Any]:
        return np.ndarray(n, Event.dtype, self._words[: n * _WORDS].copy())


@kernel
def _hear_book(known: Any, events: Any, said: Any) -> int:
    """Learn a book; return the length of the run in `said`, 0 where the book is that run."""
    t = known[0]
    first = events[0]
    if first.ts_ns < t.book_ts_ns:
        return _STALE
    t.book_ts_ns = first.ts_ns
    t.bids.count = 0
    t.asks.count = 0
    for k in range(len(events) - 1, -1, -1):
        e = events[k]
        _push(t.bids if e.side == BUY else t.asks, e.px, e.sz, e.ref)
    if t.touch_ts_ns <= first.ts_ns:
        t.ts_ns = first.ts_ns
        t.touch_ts_ns = 0
        return 0
    _agree(t, said)
    n = _list(t.bids, BUY, said, 0)
    n = _list(t.asks, SELL, said, n)
    close_run(said, n, t.ts_ns, first.recv_ns, SNAPSHOT)
    return n


@kernel
def _hear_touch(known: Any, events: Any, said: Any) -> int:
    """Learn a bbo; return the length of the delta in `said`, or why there is none."""
    t = known[0]
    first = events[0]
    if t.book_ts_ns == 0:
        return _EARLY
    if first.ts_ns < t.ts_ns:
        return _STALE
    t.ts_ns = first.ts_ns
    t.touch_ts_ns = first.ts_ns
    _state(t.bids.touch, events, BUY)
    _state(t.asks.touch, events, SELL)
    n = _agree(t, said)
    close_run(said, n, first.ts_ns, first.recv_ns, 0)
    return n


@kernel
def _state(touch: Any, events: Any, side: int) -> None:
    """Remember one side of a bbo; a side that is not in it is empty."""
    touch.px = 0.0 if side == BUY else np.inf
    touch.sz = 0.0
    for k in range(len(events)):
        if events[k].side == side:
            touch.px = events[k].px
            touch.sz = events[k].sz
            touch.n = events[k].ref


@kernel
def _agree(t: Any, said: Any) -> int:
    """Make the levels agree with the touch; write what changes into `said`, removals first."""
    n = _remove_better(t.bids, BUY, said, 0)
    n = _remove_better(t.asks, SELL, said, n)
    n = _put_touch(t.bids, BUY, said, n)
    return _put_touch(t.asks, SELL, said, n)


@kernel
def _remove_better(s: Any, side: int, said: Any, n: int) -> int:
    while s.count > 0 and (s.levels[s.count - 1].px - s.touch.px) * side > 0.0:
        s.count -= 1
        n = _say(said, n, side, s.levels[s.count].px, 0.0, 0)
    return n


@kernel
def _put_touch(s: Any, side: int, said: Any, n: int) -> int:
    touch = s.touch
    if touch.sz == 0.0:
        return n
    if s.count > 0 and s.levels[s.count - 1].px == touch.px:
        best = s.levels[s.count - 1]
        if best.sz == touch.sz and best.n == touch.n:
            return n
        s.count -= 1
    _push(s, touch.px, touch.sz, touch.n)
    return _say(said, n, side, touch.px, touch.sz, touch.n)


@kernel
def _push(s: Any, px: float, sz: float, n: int) -> None:
    """Put a level before all others; where there is no room the worst one is forgotten."""
    if s.count == DEEPEST:
        for k in range(DEEPEST - 1):
            s.levels[k] = s.levels[k + 1]
        s.count -= 1
    level = s.levels[s.count]
    level.px = px
    level.sz = sz
    level.n = n
    s.count += 1


@kernel
def _list(s: Any, side: int, said: Any, n: int) -> int:
    """Write a side's levels, the best one first, behind the first `n`."""
    for k in range(s.count - 1, -1, -1):
        n = _say(said, n, side, s.levels[k].px, s.levels[k].sz, s.levels[k].n)
    return n


@kernel
def _say(said: Any, n: int, side: int, px: float, sz: float, orders: int) -> int:
    e = said[n]
    e.side = side
    e.px = px
    e.sz = sz
    e.ref = orders
    return n + 1
