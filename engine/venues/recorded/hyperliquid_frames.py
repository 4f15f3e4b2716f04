"""Raw frames of Hyperliquid's socket: lines of ``<local_ns> <json>``, gzip or not."""

import gzip
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from engine.events import LEVEL, SNAPSHOT, TRADE, Event
from engine.record import zeros
from engine.venues.hyperliquid.codec import CodecError, decode
from engine.venues.hyperliquid.touch import TouchBook
from engine.venues.recorded.recording import Recording, RecordingError, hyperliquid_grid
from engine.venues.recorded.runs import settle_times, since

_CHUNK_FRAMES = 20_000
_SEEN = 100_000  # trade ids remembered; a replay on reconnect is 30 trades deep


def read_hyperliquid_frames(
    path: Path, asset: str | None = None, sz_decimals: int | None = None
) -> Recording:
    """Read the frames of one coin; frames of other coins are dropped and counted.

    Raises
    ------
    RecordingError
        if the file is damaged, names no coin, or the coin's precision is not known.
    """
    coin = asset or _first_coin(path)
    px_decimals, lots = hyperliquid_grid(coin, sz_decimals)
    frames = _Frames(path, coin)
    return Recording(
        coin, "hyperliquid", path.name, px_decimals, lots,
        frames.chunks(), frames.dropped, frames.noted,
    )  # fmt: skip


def is_frames(path: Path) -> bool:
    """Return whether the first line of a file is a time in ns and a frame with a channel."""
    try:
        _, recv_ns, frame = next(_lines(path))
    except (StopIteration, RecordingError):
        return False
    return recv_ns > 0 and frame.startswith(b"{") and b'"channel"' in frame


def _first_coin(path: Path) -> str:
    for _, _, frame in _lines(path):
        coin = _coin(frame)
        if coin is not None:
            return coin
    raise RecordingError(f"{path}: asset must be given, no frame names a coin")


def _coin(frame: bytes) -> str | None:
    """Return the coin a market-data frame is about; None if it says none."""
    try:
        data = orjson.loads(frame)["data"]
        return str((data[0] if isinstance(data, list) else data)["coin"])
    except (ValueError, TypeError, LookupError):
        return None


def _lines(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Yield line number, the recorder's time [ns] and the frame."""
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as lines:
            for number, line in enumerate(lines, 1):
                stamp, _, frame = line.strip().partition(b" ")
                if not stamp.isdigit() or len(stamp) > 19:
                    raise RecordingError(
                        f"{path}:{number}: line must be '<local_ns> <json>', was {line[:60]!r}"
                    )
                yield number, int(stamp), frame
    except (OSError, EOFError) as error:
        raise RecordingError(f"{path}: must be a whole file of frames ({error})") from error


class _Frames:
    """Turns frames into events; remembers what a reconnect says twice."""

    def __init__(self, path: Path, coin: str) -> None:
        self.path, self.coin = path, coin
        self.dropped: Counter[str] = Counter()
        self.noted: Counter[str] = Counter()
        self._touch = TouchBook(self.dropped)
        self._seen: dict[int, None] = {}
        self._book: Any = None
        self._start_ns = 0
        self._recv_ns = 0

    def chunks(self) -> Iterator[NDArray[Any]]:
        early: list[NDArray[Any]] = []
        held: list[NDArray[Any]] = []
        for number, recv_ns, frame in _lines(self.path):
            events = self._events(number, recv_ns, frame)
            if not self._start_ns:
                # what comes before the first book is judged when its time is known
                early.append(events)
                continue
            held += [*(self._judged(e) for e in early), self._judged(events)]
            early = []
            if len(held) >= _CHUNK_FRAMES:
                yield np.concatenate(held)
                held = []
        if early:
            raise RecordingError(f"{self.path}: must hold at least one l2Book of {self.coin}")
        if held:
            yield np.concatenate(held)

    def _judged(self, events: NDArray[Any]) -> NDArray[Any]:
        is_trade = events["kind"] == TRADE
        if is_trade.all() and len(events):
            events = since(events, self._start_ns, self.dropped)
        return settle_times(events, self.noted)

    def _events(self, number: int, recv_ns: int, frame: bytes) -> NDArray[Any]:
        recv_ns = recv_ns // 1000 * 1000  # a tape keeps whole µs; the venue's times are whole ms
        if recv_ns < self._recv_ns:
            raise RecordingError(
                f"{self.path}:{number}: local time must not fall, was {recv_ns} "
                f"after {self._recv_ns}"
            )
        self._recv_ns = recv_ns
        try:
            events = decode(frame, recv_ns, self.coin)
        except CodecError:
            named = _coin(frame)
            other = named is not None and named != self.coin
            self.dropped["frame_of_other_coin" if other else "frame_refused"] += 1
            return zeros(Event, 0)
        return self._news(events) if len(events) else events

    def _news(self, events: NDArray[Any]) -> NDArray[Any]:
        clamped = events["ts_ns"] == events["recv_ns"]
        self.noted["venue_time_lowered_to_recv"] += int(clamped[events["kind"] <= TRADE].sum())
        if events["kind"][0] == TRADE:
            return self._new_trades(events)
        if events["kind"][0] != LEVEL:
            return events
        if not events["code"][0] & SNAPSHOT:
            return self._touch.on_touch(events)
        if self._book is not None and _same_book(self._book, events):
            self.dropped["book_repeated"] += 1
            return events[:0]
        self._book = events
        self._start_ns = self._start_ns or int(events["ts_ns"][0])
        return self._touch.on_book(events)

    def _new_trades(self, events: NDArray[Any]) -> NDArray[Any]:
        keep = np.array([tid not in self._seen for tid in events["id"].tolist()], bool)
        self.dropped["trade_repeated"] += int((~keep).sum())
        self._seen.update(dict.fromkeys(events["id"].tolist()))
        while len(self._seen) > _SEEN:
            del self._seen[next(iter(self._seen))]
        return events[keep]


def _same_book(a: NDArray[Any], b: NDArray[Any]) -> bool:
    names = ("ts_ns", "side", "px", "sz", "ref")
    return len(a) == len(b) and all(np.array_equal(a[n], b[n]) for n in names)
