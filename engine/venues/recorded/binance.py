"""Recordings of Binance, as the tape of a leading venue: REFERENCE and REFERENCE_TRADE events.

The head of a recording says what it holds. Every frame becomes an event or is counted by reason.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.events import Event
from engine.venues.binance.codec import (
    ANSWER,
    Address,
    FrameError,
    address,
    parse,
    time_ns,
    unwrap,
)
from engine.venues.binance.reference import Reference, Row
from engine.venues.recorded.clock import RecorderClock
from engine.venues.recorded.lines import stamped_lines
from engine.venues.recorded.recording import Recording, RecordingError
from engine.venues.recorded.runs import LATE_NS

DECIMALS = 8  # Binance writes no more; for recordings without exchangeInfo
HEAD = 10_000  # frames looked at before reading begins
_CHUNK = 1 << 16

# when it came [ns], the frame, and its symbol where the recording knows better than the frame
Heard = tuple[int, bytes, str | None]
Frames = Callable[[], Iterator[Heard]]
Market = tuple[str, str]  # venue and symbol


def read_binance_frames(
    path: Path, asset: str | None = None, sz_decimals: int | None = None
) -> Recording:
    """Read one symbol of a file of ``<local_ns> <json>`` lines.

    Parameters
    ----------
    path
        the file.
    asset
        the symbol, or ``venue:symbol``; needed where the file holds several.
    sz_decimals
        decimals of a size; 8 where not given.

    Raises
    ------
    RecordingError
        if the file is damaged, or `asset` does not name one thing it holds.
    """

    def frames() -> Iterator[Heard]:
        return ((recv_ns, frame, None) for recv_ns, frame in stamped_lines(path))

    grid = DECIMALS, DECIMALS if sz_decimals is None else sz_decimals
    return read_frames(path, frames, asset, lambda _: grid)


def is_binance_frames(path: Path) -> bool:
    """Return whether the first line of a file is a time in ns and a message of Binance."""
    try:
        _, frame = next(stamped_lines(path))
        address(unwrap(frame))
    except (StopIteration, RecordingError, FrameError):
        return False
    return True


def read_frames(
    path: Path, frames: Frames, asset: str | None, grid: Callable[[str], tuple[int, int]]
) -> Recording:
    """Read one symbol of a recording; `frames` starts it anew, `grid` knows a symbol's decimals."""
    held = _head(frames(), asset)
    wanted = [market for market in held if _is_meant(asset, market)]
    if len(wanted) != 1:
        raise _ambiguous(path, held, asset)
    reading = _Reading(path, frames, asset, wanted[0], held)
    venue, symbol = wanted[0]
    return Recording(
        symbol, venue, path.name, *grid(symbol), reading.chunks(), reading.dropped, reading.noted
    )


def _head(frames: Iterator[Heard], asset: str | None) -> set[Market]:
    """Return what the head of a recording holds; it ends no sooner than `asset` is found."""
    held: set[Market] = set()
    for number, (_, frame, _) in enumerate(frames):
        if number >= HEAD and any(_is_meant(asset, market) for market in held):
            break
        try:
            venue, symbol, _ = address(unwrap(frame))
        except FrameError:
            continue  # counted when it is read
        if venue and symbol:
            held.add((venue, symbol))
    return held


def _is_meant(asset: str | None, market: Market) -> bool:
    return asset in {None, market[1], ":".join(market)}


def _ambiguous(path: Path, held: set[Market], asset: str | None) -> RecordingError:
    names = sorted(":".join(market) for market in held)
    return RecordingError(f"{path}: asset must name one of {names}, was {asset!r}")


class _Reading:
    """Makes events of one symbol's messages."""

    def __init__(
        self, path: Path, frames: Frames, asset: str | None, wanted: Market, held: set[Market]
    ) -> None:
        self.dropped: Counter[str] = Counter()
        self.noted: Counter[str] = Counter()
        self._path, self._frames, self._asset = path, frames, asset
        self._wanted, self._held = wanted, held
        self._clock = RecorderClock()
        self._reference = Reference(self.dropped)

    def chunks(self) -> Iterator[NDArray[Any]]:
        rows: list[Row] = []
        events = 0
        for heard in self._frames():
            self.noted["frames_read"] += 1
            row = self._row(*heard)
            if row is not None:
                rows.append(row)
            if len(rows) == _CHUNK:
                yield np.array(rows, Event.dtype)
                events, rows = events + len(rows), []
        if rows:
            yield np.array(rows, Event.dtype)
        events += len(rows)
        if not events:
            told = f"nothing of {self._wanted[1]} can be used: {dict(self.dropped)}"
            raise RecordingError(f"{self._path}: {told}")
        behind_ms = -(-self._clock.behind_ns // 1_000_000)
        self.noted[f"recv_raised_by_up_to_{behind_ms}_ms"] = events * (behind_ms > 0)

    def _row(self, recv_ns: int, frame: bytes, named: str | None) -> Row | None:
        try:
            data = unwrap(frame)
            about = address(data)
            ts_ns = time_ns(about.kind, data)
            heard_ns = self._clock.hear(ts_ns, recv_ns)
            if why := self._objection(about, named) or self._reference.objection(about.kind):
                return self._drop(why)
            message = parse(about.kind, data)
        except FrameError:
            return self._drop("frame_refused")
        if heard_ns is None:
            return self._drop("time_not_known" if ts_ns is None else "time_a_minute_ahead")
        happened_ns = heard_ns if ts_ns is None else ts_ns
        row = self._reference.hear(about.kind, message, happened_ns, heard_ns)
        self.noted["heard_5s_late"] += row is not None and heard_ns - happened_ns > LATE_NS
        return row

    def _drop(self, why: str) -> None:
        self.dropped[why] += 1

    def _objection(self, about: Address, named: str | None) -> str:
        """Return why a message is not about what is wanted, if it is not."""
        venue, symbol, kind = about
        if kind == ANSWER:
            return "answer_to_a_request"
        if venue and symbol and (venue, symbol) not in self._held:
            self._held.add((venue, symbol))
            if _is_meant(self._asset, (venue, symbol)):
                raise _ambiguous(self._path, self._held, self._asset)
        symbol = symbol or named
        if symbol is None and len(self._held) > 1:
            return "snapshot_of_unnamed_symbol"
        same = symbol in {None, self._wanted[1]} and venue in {None, self._wanted[0]}
        return "" if same else "frame_of_other_symbol"
