"""Hand a tape to hftbacktest: whole books become differences, two clocks become one array.

hftbacktest moves a queue only on rows, so every row must mean something. A level that did not
change gets none, unless it traded: hftbacktest books the traded size against the next row of the
level, and without one would swallow a later cancel. A level that merely left the visible range
gets none; it is deleted when the range comes back and it is gone.

References
----------
hftbacktest 2.4.4, ``types.py`` (`event_dtype` and its flags), and its page "Data" on the order of
rows.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.events import BUY, LAST, LEVEL, SNAPSHOT, TRADE, joined
from engine.record import copy, i8, kernel, record, zeros
from engine.store.tape import read_tape, tape_info

DEPTH_ROW, TRADE_ROW = 1, 2
SELL_FLAG, BUY_FLAG, LOCAL_FLAG, EXCH_FLAG = 1 << 28, 1 << 29, 1 << 30, 1 << 31
ROW = np.dtype(
    [
        ("ev", "u8"), ("exch_ts", "i8"), ("local_ts", "i8"), ("px", "f8"), ("qty", "f8"),
        ("order_id", "u8"), ("ival", "i8"), ("fval", "f8"),
    ],
    align=True,
)  # fmt: skip
_GONE = -1  # in place of the event that gave a size
_ON_GRID = 1e-3  # of a step: how far floats may miss it


@record
class Level:
    """A level of the book as a reader of the rows believes it."""

    lots: i8
    owed: i8  # 1 if it traded and has had no row since
    seen: i8  # where the newest whole book with it begins in the order of events, from 1


@record
class Side:
    """The levels of one side that are visible, or owed; and those of the whole book just read."""

    worst: i8
    best: i8
    lowest: i8
    highest: i8


def export_hftbacktest(tape: Path, out: Path) -> int:
    """Write a tape as ``data`` of an .npz file, whole or not at all, and return the rows.

    The tape is held in memory, with about 300 bytes an event.

    Raises
    ------
    TapeError
        if the tape cannot be read.
    """
    info = tape_info(tape)
    tick, lot = 10.0**-info.px_decimals, 10.0**-info.sz_decimals
    rows = hftbacktest_rows(joined(read_tape(tape)), tick, lot)
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            np.savez_compressed(file, data=rows)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return len(rows)


def hftbacktest_rows(events: NDArray[Any], tick: float, lot: float) -> NDArray[Any]:
    """Return market data as hftbacktest's rows.

    A whole book gives a row for every level whose size changed, for every level that is gone
    within its range (a side's worst level and better), and, for the venue's clock alone, for every
    level within it that traded since the last. A side without levels is gone entirely. Changes
    and trades pass as they are.

    Each clock gets the differences in its own order; on the venue's a print stands before a book of
    the same time, which shows what it left. What both have at the same place carries both flags,
    anything else is there twice with one flag each: venue rows ascend in ``exch_ts``, local rows in
    ``local_ts``, which is at least 1 ns after ``exch_ts``.

    Parameters
    ----------
    events
        `Event` records in order of `recv_ns`; kinds other than LEVEL and TRADE give no row.
    tick, lot
        steps of price [USD] and size [coins]; a price comes out as ``index * tick``.

    Raises
    ------
    ValueError
        if a price or size is off its grid, or the levels of a run do not share their time.
    """
    events = events[(events["kind"] == LEVEL) | (events["kind"] == TRADE)]
    _check_runs(events)
    prices, rank = np.unique(_steps(events["px"], tick, "px"), return_inverse=True)
    key = np.where(_is_ask(events), 2 * len(prices) - 1 - rank, rank)
    lots = _steps(events["sz"], lot, "sz")
    ts = np.ascontiguousarray(events["ts_ns"])
    of_venue = np.lexsort((events["kind"] == LEVEL, ts))
    told = []
    for order, owe in ((of_venue, 1), (np.arange(len(ts)), 0)):
        moves, levels, sides = _moves(2 * len(ts)), zeros(Level, 2 * len(prices)), zeros(Side, 2)
        sides["best"] = -1, len(prices) - 1
        sides["worst"] = 0, len(prices)
        read = order, events["kind"], events["code"], key, lots
        told.append(moves[: _tell_all(moves, *read, levels, sides, owe)])
    moves = _moves(sum(map(len, told)))
    flags = np.empty(len(moves), np.int64)
    n = _merge(moves, flags, *told, ts)
    return _rows(events, prices * tick, moves[:n], flags[:n])


def _moves(n: int) -> NDArray[np.int64]:
    """Return room for moves: of an event, a level, and the event that has the size."""
    return np.empty((n, 3), np.int64)


def _steps(values: NDArray[Any], step: float, name: str) -> NDArray[Any]:
    """Return values as whole steps."""
    exact = values / step
    steps = np.rint(exact)
    off = ~(np.abs(exact - steps) <= _ON_GRID)
    if off.any():
        k = int(np.argmax(off))
        raise ValueError(f"event {k}: {name} must be a multiple of {step:g}, was {values[k]}")
    return steps.astype(np.int64)


def _check_runs(events: NDArray[Any]) -> None:
    inside = (events["kind"] == LEVEL) & (events["code"] & LAST == 0)
    follows = np.zeros(len(events), bool)
    follows[:-1] = (
        (events["kind"][1:] == LEVEL)
        & (events["code"][1:] & SNAPSHOT == 0)
        & (events["ts_ns"][1:] == events["ts_ns"][:-1])
    )
    if (inside & ~follows).any():
        k = int(np.argmax(inside & ~follows))
        raise ValueError(f"event {k}: must be LAST, or the next be a level of the same time")


def _is_ask(events: NDArray[Any]) -> NDArray[Any]:
    """Return which levels, or levels that a trade took from, are asks."""
    return (events["side"] == BUY) == (events["kind"] == TRADE)


def _rows(
    events: NDArray[Any], px: NDArray[Any], moves: NDArray[Any], flags: NDArray[Any]
) -> NDArray[Any]:
    at, key, source = moves.T
    is_trade, is_ask = events["kind"][at] == TRADE, key >= len(px)
    later = np.maximum(events["recv_ns"], events["ts_ns"] + 1)
    out = np.zeros(len(moves), ROW)
    out["ev"] = np.where(is_trade, TRADE_ROW, DEPTH_ROW)
    out["ev"] |= np.where(is_trade == is_ask, BUY_FLAG, SELL_FLAG).astype(np.uint64)
    out["ev"] |= flags.astype(np.uint64)
    out["exch_ts"] = events["ts_ns"][at]
    out["local_ts"] = np.maximum.accumulate(later)[at]
    out["px"] = px[np.where(is_ask, 2 * len(px) - 1 - key, key)]
    out["qty"] = np.where(source == _GONE, 0.0, events["sz"][source])
    return out


@kernel
def _tell_all(
    moves: Any, order: Any, kind: Any, code: Any, key: Any, lots: Any, levels: Any, sides: Any,
    owe: int,
) -> int:  # fmt: skip
    """Write what a reader must be told in this order; return the number of moves.

    The first half of `levels` are bids, the second asks, each with the best at its end.
    """
    half = len(levels) // 2
    n, first, whole = 0, 0, False
    for at in range(len(order)):
        k = order[at]
        level = key[k]
        side = sides[level // half]
        if kind[k] == LEVEL and (whole or code[k] & SNAPSHOT):
            first = at if code[k] & SNAPSHOT else first
            whole = not code[k] & LAST
            if not whole:
                n = _tell_book(moves, n, order, first, at, key, lots, levels, sides)
            continue
        if kind[k] == TRADE:
            levels[level].owed = owe
        else:
            if lots[k] and level < side.worst:  # more is visible: what was left is not there
                n = _tell_gone(moves, n, level + 1, side.worst, levels, first, k)
                side.worst = level
            _set(levels, level, lots[k])
        n = _tell(moves, n, k, level, k)
        side.best = max(side.best, level)
    return n


@kernel
def _tell_book(
    moves: Any, n: int, order: Any, first: int, last: int, key: Any, lots: Any, levels: Any,
    sides: Any,
) -> int:  # fmt: skip
    """Tell how a whole book differs from what is held; return the number of moves."""
    half = len(levels) // 2
    for s in range(2):
        sides[s].lowest = (s + 1) * half
        sides[s].highest = s * half - 1
    for at in range(first, last + 1):
        level = key[order[at]]
        levels[level].seen = first + 1
        if lots[order[at]]:
            side = sides[level // half]
            side.lowest, side.highest = min(side.lowest, level), max(side.highest, level)
    for s in range(2):
        side = sides[s]
        side.worst = s * half + side.lowest % half  # an empty side is known in full
        n = _tell_gone(moves, n, side.worst, side.best + 1, levels, first, order[last])
        side.best = side.highest
    for at in range(first, last + 1):
        k = order[at]
        here = levels[key[k]]
        if here.owed or here.lots != lots[k]:
            _set(levels, key[k], lots[k])
            n = _tell(moves, n, order[last], key[k], k)
    return n


@kernel
def _tell_gone(moves: Any, n: int, start: int, end: int, levels: Any, first: int, at: int) -> int:
    """Tell which levels of a range were not shown since the newest whole book began."""
    for level in range(start, end):
        here = levels[level]
        if here.seen <= first and (here.lots or here.owed):
            _set(levels, level, 0)
            n = _tell(moves, n, at, level, _GONE)
    return n


@kernel
def _set(levels: Any, level: int, lots: int) -> None:
    levels[level].lots = lots
    levels[level].owed = 0


@kernel
def _tell(moves: Any, n: int, at: int, level: int, source: int) -> int:
    moves[n, 0], moves[n, 1], moves[n, 2] = at, level, source
    return n + 1


@kernel
def _merge(moves: Any, flags: Any, venue: Any, local: Any, ts: Any) -> int:
    """Write both orders as one: moves, and the flag of the clock, or clocks, each is for."""
    n, i, j = 0, 0, 0
    while i < len(venue) or j < len(local):
        left, right = i < len(venue), j < len(local)
        same = left and right and _is_same(venue[i], local[j])
        if left and right and not same:
            left = ts[venue[i, 0]] <= ts[local[j, 0]]
            right = not left
        copy(moves[n], venue[i] if left else local[j])
        flags[n] = left * EXCH_FLAG + right * LOCAL_FLAG
        n, i, j = n + 1, i + left, j + right
    return n


@kernel
def _is_same(move: Any, other: Any) -> bool:
    return move[0] == other[0] and move[1] == other[1] and move[2] == other[2]
