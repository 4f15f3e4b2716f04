"""What an order at a given depth would meet: how often sweeps reach it, and what the mid does next.

One compiled pass, the same for a simulated market and for a tape. The prints of one instant and
side are one sweep. Its depth is that of its worst print, in bps of the mid of the book just before:
a book of the same instant already shows what the sweep left. An order in *front* is filled when the
sweep reaches its depth. One that *joined* stands last at the first displayed level at its depth or
behind it, and is filled only by a sweep larger than all that was displayed up to there. Beyond the
last level of the book there is nobody to join, so both are filled alike.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from engine.core import book
from engine.core.book import Book
from engine.derive.measure import FINEST_SZ_DECIMALS, GAP_S, SECOND_NS
from engine.events import BUY, CONNECTED, CONTEXT, DISCONNECTED, LAST, LEVEL, SELL, TRADE
from engine.instrument import Instrument, new_instrument, to_px
from engine.record import f8, i8, kernel, record, zeros

DEPTHS_BPS = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0, 25.0, 30.0, 40.0)
FRONT, JOINED = 0, 1  # places in the queue
HORIZONS_S = (5, 60)
MAX_HOURS = 768  # 32 days
AWAITED = 8192  # sweeps of the last minute; the oldest of more are not followed
BLOCK_S = 1800.0  # an hour observed for less than half is no block of evidence

_DEPTHS = len(DEPTHS_BPS)
_GRID = np.array(DEPTHS_BPS)
_HORIZONS_NS = np.array(HORIZONS_S) * SECOND_NS
_HOUR_NS, _MINUTE_NS = 3600 * SECOND_NS, 60 * SECOND_NS
_ROUNDING_BPS = 1e-9


@record
class Sweep:
    """The prints of one instant on one side; none where `mid` is 0."""

    ts_ns: i8
    mid: f8  # just before
    deepest_bps: f8
    sz: f8  # coins


@record
class Followed:
    """A sweep whose later mids are awaited; `reached[q]` depths of the grid were filled."""

    ts_ns: i8
    side: i8
    mid: f8
    reached: Annotated[i8, 2]


@record
class Hour:
    """Sums of one UTC hour, under the number of depths a sweep reached; queue place first."""

    observed_s: f8
    sweeps: Annotated[i8, (2, _DEPTHS + 1)]
    known: Annotated[i8, (2, 2, _DEPTHS + 1)]  # sweeps whose later mid is known, by horizon
    moved: Annotated[f8, (2, 2, _DEPTHS + 1)]  # Σ move of the mid in the sweep's direction [bps]
    squares: Annotated[f8, (2, 2, _DEPTHS + 1)]


@record
class Watched:
    """Memory of one pass."""

    instrument: Instrument
    book: Book
    before: Book  # the book before the instant of its last change
    book_ns: i8
    first_hour: i8
    last_ns: i8
    connected: i8
    mid: f8  # NaN while the book is closed
    sweeps: Annotated[Sweep, 2]
    followed: Annotated[Followed, AWAITED]
    heard: i8  # sweeps ever followed
    settled: Annotated[i8, 2]  # of those, by horizon
    unseen: i8  # prints without a book to measure from
    funding: f8  # Σ |hourly rate|
    fundings: i8
    hours: Annotated[Hour, MAX_HOURS]
    minute_mid: Annotated[f8, MAX_HOURS * 60]
    displayed_usd: Annotated[f8, (MAX_HOURS * 60, _DEPTHS)]  # mean of the sides


@dataclass(frozen=True)
class DepthProfile:
    """Sums per hourly block and depth of `DEPTHS_BPS`; the first axis is the place in the queue.

    Hours observed for less than half are left out. `sweeps` has shape (2, blocks, depths); `known`,
    `moved` and `squares` have (2, horizons, blocks, depths), in bps.
    """

    observed_h: NDArray[Any]
    sweeps: NDArray[Any]
    known: NDArray[Any]
    moved: NDArray[Any]
    squares: NDArray[Any]
    displayed_usd: NDArray[Any]  # median over minutes, one side, at each depth or better
    minute_moves: NDArray[Any]  # |relative move of the mid| from minute to minute
    funding_bps_per_h: float | None  # mean of |rate|
    unseen_prints: int


def depth_profile(chunks: Iterable[NDArray[Any]]) -> DepthProfile:
    """Profile a market from its events, given in chunks in order of time.

    Raises
    ------
    ValueError
        if the events span more than `MAX_HOURS` hours.

    Examples
    --------
    >>> len(depth_profile([]).observed_h)
    0
    """
    states = zeros(Watched)
    s = states[0]
    s.instrument = new_instrument(FINEST_SZ_DECIMALS)
    s.connected, s.mid = 1, math.nan
    s.minute_mid[:] = math.nan
    s.displayed_usd[:] = math.nan
    for events in chunks:
        if len(events):
            _check_span(s, events["ts_ns"])
            watch(states, events)
    return _profile(s)


def _check_span(s: Any, ts_ns: NDArray[Any]) -> None:
    if s.last_ns == 0:
        s.first_hour = ts_ns[0] // _HOUR_NS
    hours = int(ts_ns.max() // _HOUR_NS - s.first_hour) + 1
    if hours > MAX_HOURS:
        raise ValueError(f"the events span {hours} hours: at most {MAX_HOURS} can be profiled")


@kernel
def watch(states: Any, events: Any) -> None:
    """Absorb events in order; a time that runs backwards counts as no time."""
    s = states[0]
    for j in range(events.shape[0]):
        e = events[j]
        if s.last_ns == 0:
            s.last_ns = e.ts_ns
        if e.ts_ns > s.last_ns:
            _pass_time(s, e.ts_ns)
        _apply(s, e)


@kernel
def _pass_time(s: Any, ts_ns: int) -> None:
    _end(s, BUY)
    _end(s, SELL)
    for h in range(2):
        _settle(s, h, ts_ns)
    dt_s = (ts_ns - s.last_ns) * 1e-9
    is_seen = dt_s <= GAP_S and s.mid > 0.0  # false for NaN
    if is_seen:
        s.hours[ts_ns // _HOUR_NS - s.first_hour].observed_s += dt_s
        if ts_ns // _MINUTE_NS > s.last_ns // _MINUTE_NS:
            _sample(s, ts_ns // _MINUTE_NS - 60 * s.first_hour)
    s.last_ns = ts_ns


@kernel
def _settle(s: Any, h: int, ts_ns: int) -> None:
    """Note the mid a horizon after each sweep that is due; a silent or closed book has none."""
    while s.settled[h] < s.heard:
        f = s.followed[s.settled[h] % AWAITED]
        due_ns = f.ts_ns + _HORIZONS_NS[h]
        if due_ns >= ts_ns:
            return
        s.settled[h] += 1
        if s.mid > 0.0 and (due_ns - s.last_ns) * 1e-9 <= GAP_S:
            _add(s.hours[_hour(s, f.ts_ns)], f, h, 1e4 * f.side * (s.mid / f.mid - 1.0))


@kernel
def _add(hour: Any, f: Any, h: int, move_bps: float) -> None:
    for q in range(2):
        n = f.reached[q]
        hour.known[q, h, n] += 1
        hour.moved[q, h, n] += move_bps
        hour.squares[q, h, n] += move_bps * move_bps


@kernel
def _hour(s: Any, ts_ns: int) -> int:
    return max(ts_ns // _HOUR_NS - s.first_hour, 0)


@kernel
def _sample(s: Any, minute: int) -> None:
    s.minute_mid[minute] = s.mid
    for j in range(_DEPTHS):
        s.displayed_usd[minute, j] = 0.0
    for r in range(2):
        for k in range(s.book.n[r]):
            px = to_px(s.instrument, s.book.px[r, k])
            away_bps = 1e4 * abs(px / s.mid - 1.0)
            for j in range(_DEPTHS):
                if away_bps <= _GRID[j] + _ROUNDING_BPS:
                    s.displayed_usd[minute, j] += 0.5 * px * s.book.sz[r, k]


@kernel
def _apply(s: Any, e: Any) -> None:
    if e.kind == LEVEL:
        _change_book(s, e)
    elif e.kind == TRADE:
        _hear(s, e)
    elif e.kind == CONTEXT:
        s.funding += abs(e.extra)
        s.fundings += 1
    elif e.kind == DISCONNECTED:
        s.connected = 0
        s.mid = math.nan
        book.clear(s.book)
        book.clear(s.before)
    elif e.kind == CONNECTED:
        s.connected = 1


@kernel
def _change_book(s: Any, e: Any) -> None:
    if e.ts_ns > s.book_ns:
        s.book_ns = e.ts_ns
        _keep(s.before, s.book)
    book.apply(s.book, s.instrument, e)
    if e["code"] & LAST:
        seen = s.connected == 1 and book.is_open(s.book)
        s.mid = book.mid(s.book, s.instrument) if seen else math.nan


@kernel
def _keep(to: Any, b: Any) -> None:
    for r in range(2):
        to.n[r] = b.n[r]
        for k in range(b.n[r]):
            to.px[r, k] = b.px[r, k]
            to.sz[r, k] = b.sz[r, k]


@kernel
def _book_before(s: Any, ts_ns: int) -> Any:
    return s.before if s.book_ns >= ts_ns else s.book


@kernel
def _hear(s: Any, e: Any) -> None:
    side = int(e.side)
    w = s.sweeps[book.row(side)]
    if w.mid > 0.0 and w.ts_ns != e.ts_ns:
        _end(s, side)
    if w.mid == 0.0:
        b = _book_before(s, e.ts_ns)
        if not book.is_open(b):
            s.unseen += 1
            return
        w.ts_ns = e.ts_ns
        w.mid = book.mid(b, s.instrument)
        w.deepest_bps = -math.inf
        w.sz = 0.0
    w.deepest_bps = max(w.deepest_bps, 1e4 * side * (e.px / w.mid - 1.0))
    w.sz += e.sz


@kernel
def _end(s: Any, side: int) -> None:
    """Count the open sweep of a side, if there is one, and follow it."""
    w = s.sweeps[book.row(side)]
    if w.mid == 0.0:
        return
    if s.heard - min(s.settled[0], s.settled[1]) == AWAITED:
        for h in range(2):
            s.settled[h] = max(s.settled[h], s.heard - AWAITED + 1)
    f = s.followed[s.heard % AWAITED]
    s.heard += 1
    f.ts_ns = w.ts_ns
    f.side = side
    f.mid = w.mid
    _reach(f.reached, _book_before(s, w.ts_ns), s.instrument, side, w)
    hour = s.hours[_hour(s, w.ts_ns)]
    for q in range(2):
        hour.sweeps[q, f.reached[q]] += 1
    w.mid = 0.0


@kernel
def _reach(reached: Any, b: Any, i: Any, side: int, w: Any) -> None:
    """Count the depths at which the sweep filled an order in front, and one that joined."""
    r = book.row(-side)
    k = 0
    displayed = 0.0
    reached[FRONT] = 0
    reached[JOINED] = 0
    for j in range(_DEPTHS):
        if _GRID[j] > w.deepest_bps + _ROUNDING_BPS:
            return
        reached[FRONT] = j + 1
        nearer = _GRID[j] - _ROUNDING_BPS
        while k < b.n[r] and 1e4 * side * (to_px(i, b.px[r, k]) / w.mid - 1.0) < nearer:
            displayed += b.sz[r, k]
            k += 1
        ahead = displayed + (b.sz[r, k] if k < b.n[r] else 0.0)
        if w.sz > ahead * (1.0 + 1e-9):
            reached[JOINED] = j + 1


def _profile(s: Any) -> DepthProfile:
    hours = s.hours[s.hours["observed_s"] >= BLOCK_S]
    mids, shown = s.minute_mid, s.displayed_usd
    seen = shown[~np.isnan(mids)]
    moves = np.abs(mids[1:] / mids[:-1] - 1.0)
    return DepthProfile(
        observed_h=hours["observed_s"] / 3600,
        sweeps=_at_least(hours["sweeps"]),
        known=_at_least(hours["known"]),
        moved=_at_least(hours["moved"]),
        squares=_at_least(hours["squares"]),
        displayed_usd=np.median(seen, axis=0) if len(seen) else np.full(_DEPTHS, math.nan),
        minute_moves=moves[~np.isnan(moves)],
        funding_bps_per_h=1e4 * float(s.funding) / int(s.fundings) if s.fundings else None,
        unseen_prints=int(s.unseen),
    )


def _at_least(counts: NDArray[Any]) -> NDArray[Any]:
    """Turn sums by the number of depths reached into sums by depth, blocks next to last."""
    by_depth = counts[..., ::-1].cumsum(axis=-1)[..., ::-1][..., 1:]
    return np.moveaxis(by_depth, 0, -2)
