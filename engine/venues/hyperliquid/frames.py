"""Frames about one coin as news: what the socket repeats, or says of a market unseen, is left out.

The same whether the frames come from a socket or from a file, and whatever is left out is counted
by its reason.
"""

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.events import LEVEL, SNAPSHOT, TRADE, Event, joined
from engine.record import zeros
from engine.venues.hyperliquid.codec import CodecError, decode
from engine.venues.hyperliquid.level_parser import read_levels
from engine.venues.hyperliquid.touch import TouchBook

SEEN = 100_000  # trade ids remembered; a replay on reconnect is 30 trades deep
LATE_NS = 5_000_000_000
LOWERED = "venue_time_lowered_to_recv"


class FrameReader:
    """Turns frames into events; remembers what a new connection says twice.

    Nothing comes out before the first whole book: what was heard earlier is held until then, and
    trades older than that book are dropped, for they belong to a market nobody has seen.

    Attributes
    ----------
    dropped, noted
        counts by reason of what did not become an event, and of what did with a remark.
    trouble
        the last frame that was refused, and why.
    """

    def __init__(self, coin: str) -> None:
        self.coin = coin
        self.dropped: Counter[str] = Counter()
        self.noted: Counter[str] = Counter()
        self.trouble = ""
        self._touch = TouchBook(self.dropped)
        self._book: NDArray[Any] | None = None
        self._seen: dict[int, None] = {}
        self._early: list[NDArray[Any]] = []
        self._start_ns = 0

    @property
    def started(self) -> bool:
        """Whether there was a whole book yet."""
        return self._start_ns > 0

    def read(self, frame: bytes, recv_ns: int) -> NDArray[Any]:
        """Return the news of one frame heard at `recv_ns` [ns, whole µs]."""
        try:
            events = decode(frame, recv_ns, self.coin)
        except CodecError as error:
            self.dropped[f"frame_refused: {error.field}"] += 1
            self.trouble = f"{error}: {frame[:120]!r}"
            return zeros(Event, 0)
        news = self._news(events) if len(events) else events
        if not self._start_ns:
            self._early += [news] if len(news) else []
            return news[:0]
        if not self._early:
            return news
        news, self._early = joined([*self._early, news]), []
        return self._judged(news)

    def reconnect(self) -> None:
        """Forget the book: what a new connection says first about it is news."""
        self._touch = TouchBook(self.dropped)
        self._book = None
        self.dropped["heard_before_first_book"] += sum(map(len, self._early))
        self._early = []

    def _news(self, events: NDArray[Any]) -> NDArray[Any]:
        kind, _, code, ts_ns, recv_ns, *_ = events[0].item()  # a frame is of one kind
        if kind == TRADE:
            return self._new_trades(events)
        if kind != LEVEL:
            return events
        if ts_ns == recv_ns:
            self.noted[LOWERED] += len(events)
        if not code & SNAPSHOT:
            return self._touch.on_touch(events)
        if self._book is not None and _same_book(self._book, events):
            self.dropped["book_repeated"] += 1
            return events[:0]
        self._book = events
        self._start_ns = self._start_ns or ts_ns
        return self._touch.on_book(events)

    def _new_trades(self, events: NDArray[Any]) -> NDArray[Any]:
        self.noted[LOWERED] += int((events["ts_ns"] == events["recv_ns"]).sum())
        ids = events["id"].tolist()
        new = np.array([tid not in self._seen for tid in ids], bool)
        self.dropped["trade_repeated"] += int((~new).sum())
        self._seen.update(dict.fromkeys(ids))
        while len(self._seen) > SEEN:
            del self._seen[next(iter(self._seen))]
        return self._judged(events[new]) if self.started else events[new]

    def _judged(self, events: NDArray[Any]) -> NDArray[Any]:
        """Return what belongs to the market we have seen; count the trades that came late."""
        trade = events["kind"] == TRADE
        old = trade & (events["ts_ns"] < self._start_ns)
        late = trade & ~old & (events["recv_ns"] - events["ts_ns"] > LATE_NS)
        self.dropped["trade_before_first_book"] += int(old.sum())
        self.noted["trade_late_5s"] += int(late.sum())
        return events[~old]


def warm() -> None:
    """Load or compile the kernels of reading, before there is a frame that would wait for them."""
    read_levels(b'{"channel":"bbo","data":{', 0, "")
    touch, nothing = TouchBook(Counter()), zeros(Event)
    touch.on_book(nothing)
    touch.on_touch(nothing)


def _same_book(a: NDArray[Any], b: NDArray[Any]) -> bool:
    if len(a) != len(b) or a["ts_ns"][0] != b["ts_ns"][0]:
        return False
    names = ("ts_ns", "side", "px", "sz", "ref")
    return all(np.array_equal(a[n], b[n]) for n in names)
