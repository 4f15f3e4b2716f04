"""Join a market's tape with that of its leading venue, over the time both cover."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.derive.symbols import resolve_binance_symbol
from engine.events import LEVEL, REFERENCE, REFERENCE_TRADE, SNAPSHOT, Event, joined
from engine.record import zeros
from engine.store.standing_book import StandingBook
from engine.store.tape import read_tape, tape_info, write_tape
from engine.store.tape_facts import KINDS, TapeInfo, TapeMeta

MAX_SHIFT_S = 1e9
_DOLLARS = ("USDT", "USDC", "FDUSD", "BUSD")
_ALONE = "not_in_common_time"
_ROW = f"V{Event.dtype.itemsize}"
_LEADING = {KINDS[REFERENCE], KINDS[REFERENCE_TRADE]}


class MergeError(ValueError):
    """Two tapes cannot be joined; the message names both and what would be right."""


def merge_tapes(market: Path, reference: Path, out: Path, *, shift_s: float = 0.0) -> TapeInfo:
    """Write one tape of a market and its leading venue, and return what it holds.

    Events stand in order of `recv_ns`; at one instant the market's come first, for what leads must
    not be heard early. The market begins with a whole book. Nothing puts the two recorders' clocks
    right but `shift_s`.

    Parameters
    ----------
    market
        a tape of books and trades.
    reference
        a tape of the leading venue: REFERENCE and REFERENCE_TRADE alone, of the same coin.
    out
        where the tape is written; replaced whole, or untouched on failure.
    shift_s
        how much later the reference is taken to be [s, to the µs]; for experiments, and the tape
        says so.

    Raises
    ------
    MergeError
        if a tape is not what it should be, the coins differ, or they share no time.
    TapeError
        if a tape cannot be read.
    """
    if not abs(shift_s) <= MAX_SHIFT_S:
        raise MergeError(f"shift_s must be within ±{MAX_SHIFT_S:g} s, was {shift_s}")
    ours, theirs = tape_info(market), tape_info(reference)
    shift_ns = round(shift_s * 1e6) * 1000
    _check(ours, theirs)
    start_ns, end_ns = _common(ours, theirs, shift_ns)
    dropped = _told(ours.dropped, theirs.dropped)
    noted = _told(ours.noted, theirs.noted)
    dropped.update({f"market: {_ALONE}": ours.events, f"reference: {_ALONE}": theirs.events})
    chunks = _joined(
        _market(market, start_ns, end_ns, dropped, noted),
        _leading(reference, start_ns, end_ns, shift_ns, dropped, noted),
    )
    moved = f" moved by {shift_s:+g} s" if shift_ns else ""
    source = f"merge of {_parent(ours)} with {_parent(theirs)}{moved}"
    meta = TapeMeta(
        **ours.model_dump(include=set(TapeMeta.model_fields) - {"source"}), source=source
    )
    return write_tape(out, chunks, meta, dropped=dropped, noted=noted)


def _check(ours: TapeInfo, theirs: TapeInfo) -> None:
    if KINDS[LEVEL] not in ours.counts or _LEADING & set(ours.counts):
        told = f"must be a tape with books and without a leading venue, holds {ours.counts}"
        raise MergeError(f"market {_name(ours)} {told}")
    if not set(theirs.counts) <= _LEADING:
        told = f"must hold {sorted(_LEADING)} alone, holds {theirs.counts}"
        raise MergeError(f"reference {_name(theirs)} {told}")
    expected = resolve_binance_symbol(ours.asset)
    coin = ours.asset.rpartition(":")[2]
    names = {name.upper() + d for name in (coin, coin.removeprefix("k")) for d in _DOLLARS}
    if theirs.asset not in names | {expected}:
        told = f"must be of {expected or coin.upper() + _DOLLARS[0]} to lead {_name(ours)}"
        raise MergeError(f"reference {_name(theirs)} {told}")


def _common(ours: TapeInfo, theirs: TapeInfo, shift_ns: int) -> tuple[int, int]:
    start_ns = max(ours.first_ns, theirs.first_ns + shift_ns)
    end_ns = min(ours.last_ns, theirs.last_ns + shift_ns)
    if start_ns >= end_ns:
        spans = [
            f"{_name(info)} from {_utc(info.first_ns + by)} to {_utc(info.last_ns + by)}"
            for info, by in ((ours, 0), (theirs, shift_ns))
        ]
        raise MergeError(f"the tapes must cover a common time, have {' and '.join(spans)}")
    return start_ns, end_ns


def _told(ours: dict[str, int], theirs: dict[str, int]) -> Counter[str]:
    """Return what both say of themselves, under one roof."""
    both = (("market", ours), ("reference", theirs))
    return Counter({f"{who}: {why}": n for who, told in both for why, n in told.items()})


def _until(chunks: Iterator[NDArray[Any]], end_ns: int) -> Iterator[NDArray[Any]]:
    for events in chunks:
        wanted = events[: np.searchsorted(events["recv_ns"], end_ns, side="right")]
        if len(wanted):
            yield wanted
        if len(wanted) < len(events):
            return


def _market(
    path: Path, start_ns: int, end_ns: int, dropped: Counter[str], noted: Counter[str]
) -> Iterator[NDArray[Any]]:
    """Yield the book as it stood, or as it first comes whole, and what followed."""
    standing = StandingBook()
    for events in _from_a_whole_book(_until(read_tape(path), start_ns - 1)):
        standing.update(events)
    book = standing.snapshot(start_ns)
    noted["market: level_of_the_book_as_it_stood"] += len(book)
    known = len(book) > 0
    news = _until(read_tape(path, since_ns=start_ns), end_ns)
    for events in news if known else _from_a_whole_book(news):
        dropped[f"market: {_ALONE}"] -= len(events)
        yield joined([book, events])
        known, book = True, book[:0]
    if not known:
        raise MergeError("the market must have a whole book before the common time ends, has none")
    if len(book):
        yield book


def _from_a_whole_book(chunks: Iterator[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    for events in chunks:
        whole = (events["kind"] == LEVEL) & (events["code"] & SNAPSHOT > 0)
        if whole.any():
            yield events[np.argmax(whole) :]
            yield from chunks
            return


def _leading(
    path: Path,
    start_ns: int,
    end_ns: int,
    shift_ns: int,
    dropped: Counter[str],
    noted: Counter[str],
) -> Iterator[NDArray[Any]]:
    for events in _until(read_tape(path, since_ns=start_ns - shift_ns), end_ns - shift_ns):
        events["ts_ns"] += shift_ns
        events["recv_ns"] += shift_ns
        noted["reference: moved_in_time"] += len(events) * bool(shift_ns)
        dropped[f"reference: {_ALONE}"] -= len(events)
        yield events


def _joined(
    market: Iterator[NDArray[Any]], reference: Iterator[NDArray[Any]]
) -> Iterator[NDArray[Any]]:
    nothing = zeros(Event, 0)
    waiting = next(reference, nothing)
    for events in market:
        parts = []
        while len(waiting):
            cut = int(np.searchsorted(waiting["recv_ns"], events["recv_ns"][-1], side="right"))
            parts.append(waiting[:cut])
            waiting = waiting[cut:]
            if len(waiting):
                break
            waiting = next(reference, nothing)
        yield _interleaved(events, joined(parts))
    yield waiting
    yield from reference


def _interleaved(market: NDArray[Any], reference: NDArray[Any]) -> NDArray[Any]:
    at = np.searchsorted(market["recv_ns"], reference["recv_ns"], side="right")
    # as opaque rows: numpy moves records field by field
    return np.insert(market.view(_ROW), at, reference.view(_ROW)).view(Event.dtype)


def _name(info: TapeInfo) -> str:
    return f"{info.venue} {info.asset}"


def _parent(info: TapeInfo) -> str:
    return f"{_name(info)} sha256 {info.sha256} ({info.source})"


def _utc(ts_ns: int) -> str:
    return datetime.fromtimestamp(ts_ns / 1e9, UTC).isoformat(timespec="seconds")
