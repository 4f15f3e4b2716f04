"""What cannot be true of an event, on its way to a tape and on its way back.

One kernel watches the events pass and stops at the first fault; the words come afterwards. Every
refusal names file, row, value and what would be right.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.events import BUY, LAST, LEVEL, REFERENCE, REFERENCE_TRADE, SNAPSHOT, TRADE
from engine.instrument import PX_MAX
from engine.record import f8, i8, kernel, record, zeros
from engine.store.tape_facts import KINDS, TapeError, TapeMeta

REMEDY = "import the source again"
CODE_MAX = (1 << 15) - 1
_STEPS_MAX = 2.0**63
_KNOWN = sum(1 << kind for kind in KINDS)

(
    FINE, KIND, PX_FINITE, SZ_FINITE, EXTRA_FINITE, PX_POSITIVE, PX_HIGH, SIDE, SZ_NEGATIVE,
    SZ_EMPTY, EARLY, FELL, CUT, INSIDE, TS_OF_RUN, RECV_OF_RUN, CROSSED, UNENDED,
    PX_STEP, SZ_STEP, TS_STEP, RECV_STEP, SIDE_RANGE, CODE_RANGE,
) = range(24)  # fmt: skip
_WORDS = {
    KIND: ("kind", f"one of {sorted(KINDS)}"),
    PX_FINITE: ("px", "finite"),
    SZ_FINITE: ("sz", "finite"),
    EXTRA_FINITE: ("extra", "finite"),
    PX_POSITIVE: ("px", "positive"),
    PX_HIGH: ("px", f"a price of at most {PX_MAX:g} USD"),
    SIDE: ("side", "1 or -1"),
    SZ_NEGATIVE: ("sz", "zero or positive"),
    SZ_EMPTY: ("sz of a trade", "positive"),
    EARLY: ("recv_ns", "at or after ts_ns"),
    FELL: ("recv_ns", "at or after that of the row before it"),
    CUT: ("kind", "a level, for the run of levels before it has no LAST flag"),
    INSIDE: ("code", "without SNAPSHOT, for the run of levels before it has no LAST flag"),
    TS_OF_RUN: ("ts_ns", "that of the run's first level"),
    RECV_OF_RUN: ("recv_ns", "that of the run's first level"),
    CROSSED: ("px", "the end of a whole book that is not crossed"),
    UNENDED: ("code", "LAST where the rows end, for a run of levels has no LAST flag"),
    PX_STEP: ("px", "a multiple of 1e-{meta.px_decimals}"),
    SZ_STEP: ("sz", "a multiple of 1e-{meta.sz_decimals}"),
    TS_STEP: ("ts_ns", "a whole number of microseconds"),
    RECV_STEP: ("recv_ns", "a whole number of microseconds"),
    SIDE_RANGE: ("side", "-1, 0 or 1"),
    CODE_RANGE: ("code", f"within 0..{CODE_MAX}"),
}


@record
class Watch:
    """What the events so far demand of the next."""

    last_ns: i8
    is_open: i8  # 1 inside a run of levels
    whole: i8  # 1 if that run is a whole book
    ts_ns: i8  # of that run
    bid: f8  # its best, infinite where a side is empty
    ask: f8


@kernel
def value_fault(e: Any) -> int:
    """Return what cannot be true of an event whatever came before."""
    if not 0 <= e.kind < 64 or not _KNOWN >> int(e.kind) & 1:
        return KIND
    wrong = _not_finite(e)
    if wrong:
        return wrong
    if e.sz < 0.0:
        return SZ_NEGATIVE
    if e.recv_ns < e.ts_ns:
        return EARLY
    return _market_fault(e)


@kernel
def _not_finite(e: Any) -> int:
    if not abs(e.px) < np.inf:
        return PX_FINITE
    if not abs(e.sz) < np.inf:
        return SZ_FINITE
    return FINE if abs(e.extra) < np.inf else EXTRA_FINITE


@kernel
def _market_fault(e: Any) -> int:
    is_trade = e.kind == TRADE or e.kind == REFERENCE_TRADE
    if is_trade or e.kind == LEVEL or e.kind == REFERENCE:
        if not e.px > 0.0:
            return PX_POSITIVE
        if e.px > PX_MAX:
            return PX_HIGH
    if is_trade and e.sz == 0.0:
        return SZ_EMPTY
    if (is_trade or e.kind == LEVEL) and abs(e.side) != 1:
        return SIDE
    return FINE


@kernel
def fault(w: Any, e: Any) -> int:
    """Return what cannot be true of the next event."""
    wrong = value_fault(e)
    if wrong:
        return wrong
    if e.recv_ns < w.last_ns:
        return FELL
    if e.kind == LEVEL:
        wrong = _level_fault(w, e)
    elif w.is_open:
        wrong = CUT
    w.last_ns = e.recv_ns
    return wrong


@kernel
def _level_fault(w: Any, e: Any) -> int:
    if not w.is_open:
        w.whole, w.ts_ns, w.bid, w.ask = e.code & SNAPSHOT, e.ts_ns, -np.inf, np.inf
    elif e.code & SNAPSHOT:
        return INSIDE
    elif e.ts_ns != w.ts_ns:
        return TS_OF_RUN
    elif e.recv_ns != w.last_ns:
        return RECV_OF_RUN
    if e.sz > 0.0 and e.side == BUY:
        w.bid = max(w.bid, e.px)
    elif e.sz > 0.0:
        w.ask = min(w.ask, e.px)
    w.is_open = 0 if e.code & LAST else 1
    return CROSSED if w.whole and not w.is_open and w.bid > w.ask else FINE


@kernel
def grid_fault(e: Any, px_scale: float, sz_scale: float) -> int:
    """Return what of an event would not come back as the same bits."""
    if e.kind == LEVEL or e.kind == TRADE:
        if not on_grid(e.px, px_scale):
            return PX_STEP
        if not on_grid(e.sz, sz_scale):
            return SZ_STEP
    if e.ts_ns % 1000:
        return TS_STEP
    if e.recv_ns % 1000:
        return RECV_STEP
    if abs(e.side) > 1:
        return SIDE_RANGE
    return FINE if 0 <= e.code <= CODE_MAX else CODE_RANGE


@kernel
def on_grid(value: float, scale: float) -> bool:
    """Return whether a value comes back from whole steps as the same bits."""
    steps = np.rint(value * scale)
    signed = steps != 0.0 or math.copysign(1.0, value) > 0.0  # no step is minus zero
    return signed and abs(steps) < _STEPS_MAX and steps / scale == value


@kernel
def _first_fault(w: Any, events: Any) -> Any:
    for k in range(len(events)):
        wrong = fault(w, events[k])
        if wrong:
            return k, wrong
    return len(events), FINE


@kernel
def _first_grid_fault(events: Any, px_scale: float, sz_scale: float) -> Any:
    for k in range(len(events)):
        wrong = grid_fault(events[k], px_scale, sz_scale)
        if wrong:
            return k, wrong
    return len(events), FINE


def new_watch() -> NDArray[Any]:
    """Return one `Watch` that has seen nothing."""
    return zeros(Watch)


def check_events(path: Path, events: NDArray[Any], watch: NDArray[Any], row: int) -> None:
    """Refuse a chunk that cannot follow what `watch` has seen; it holds whole runs of levels.

    Raises
    ------
    TapeError
        naming file, row (the chunk's first is `row`), value and what would be right.
    """
    refuse(path, events, *_first_fault(watch[0], events), row=row)
    check_ended(path, events, watch, row)


def check_ended(path: Path, events: NDArray[Any], watch: NDArray[Any], row: int) -> None:
    """Refuse events that end inside a run of levels."""
    refuse(path, events, len(events) - 1, UNENDED if watch[0].is_open else FINE, row=row)


def check_values(path: Path, events: NDArray[Any], row: int) -> None:
    """Refuse what cannot be true of whole runs of levels and other events by themselves."""
    check_events(path, events, new_watch(), row)


def check_grid(path: Path, events: NDArray[Any], meta: TapeMeta, row: int) -> None:
    """Refuse what would not come back from the tape as the same bits."""
    refuse(path, events, *_first_grid_fault(events, *scales(meta)), row=row, meta=meta)


def refuse(
    path: Path, events: NDArray[Any], k: int, wrong: int, *, row: int, meta: TapeMeta | None = None
) -> None:
    """Say what is wrong with event `k`, if anything is."""
    if wrong:
        name, right = _WORDS[wrong]
        value, right = events[name.split()[0]][k], right.format(meta=meta)
        raise TapeError(f"{path}: row {row + k}: {name} must be {right}, was {value}; {REMEDY}")


def is_market(kind: NDArray[Any]) -> NDArray[Any]:
    """Return which events must lie on the decimal grid."""
    return (kind == LEVEL) | (kind == TRADE)


def scales(meta: TapeMeta) -> tuple[float, float]:
    """Return steps per dollar and per coin."""
    return 10.0**meta.px_decimals, 10.0**meta.sz_decimals
