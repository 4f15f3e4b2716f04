"""The touch between two books: exact deltas from Hyperliquid's bbo stream.

A ``bbo`` message states best bid and ask at one block, a book follows every half second or slower.
The message is not a delta: when the best bid falls, the levels above it are gone, and nobody says
so. `TouchBook` remembers the levels and says it. The two streams also overtake each other on the
way: a book older than the touch we know is corrected by that touch before it is handed on.
"""

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.events import BUY, LAST, LEVEL, SELL, SNAPSHOT, Event
from engine.record import zeros

Level = tuple[float, int]  # size, number of orders


class TouchBook:
    """Levels by price, and the newest statement about the touch.

    Parameters
    ----------
    counts
        where statements that bring nothing are counted: ``bbo_stale``, ``bbo_unchanged``,
        ``bbo_before_first_book``, ``book_stale`` (older than the book before it).
    """

    def __init__(self, counts: Counter[str]) -> None:
        self._levels: dict[int, dict[float, Level]] = {BUY: {}, SELL: {}}
        self._ts_ns = 0  # of the newest book or touch
        self._book_ts_ns = 0
        self._touch: NDArray[Any] | None = None
        self._counts = counts

    def on_book(self, events: NDArray[Any]) -> NDArray[Any]:
        """Return the run of a whole book, with a newer touch worked in where we know one."""
        ts_ns = int(events["ts_ns"][0])
        if ts_ns < self._book_ts_ns:
            self._counts["book_stale"] += 1
            return events[:0]
        self._book_ts_ns = ts_ns
        for side in (BUY, SELL):
            of = events[events["side"] == side]
            self._levels[side] = {
                px: (sz, n)
                for px, sz, n in zip(
                    of["px"].tolist(), of["sz"].tolist(), of["ref"].tolist(), strict=True
                )
            }
        if self._touch is None or ts_ns >= self._ts_ns:
            self._ts_ns, self._touch = ts_ns, None
            return events
        self._set(self._touch)
        rows = [
            (side, px, sz, n)
            for side in (BUY, SELL)
            for px, (sz, n) in sorted(self._levels[side].items(), reverse=side == BUY)
        ]
        return _run(rows, self._ts_ns, int(events["recv_ns"][0]), SNAPSHOT)

    def on_touch(self, events: NDArray[Any]) -> NDArray[Any]:
        """Return the delta that makes the touch what a bbo states; empty if it is so already."""
        ts_ns = int(events["ts_ns"][0])
        reason = ""
        if not self._ts_ns:
            reason = "bbo_before_first_book"
        elif ts_ns < self._ts_ns:
            reason = "bbo_stale"
        else:
            changes = self._set(events)
            self._ts_ns, self._touch = ts_ns, events
            if changes:
                return _run(changes, ts_ns, int(events["recv_ns"][0]), 0)
            reason = "bbo_unchanged"
        self._counts[reason] += 1
        return events[:0]

    def _set(self, touch: NDArray[Any]) -> list[tuple[int, float, float, int]]:
        """Make the levels agree with a touch; return what changed, removals first."""
        gone, new = [], []
        stated = {int(e["side"]): (float(e["px"]), float(e["sz"]), int(e["ref"])) for e in touch}
        for side, levels in self._levels.items():
            px, sz, n = stated.get(side, (0.0 if side == BUY else np.inf, 0.0, 0))
            for better in [p for p in levels if (p - px) * side > 0.0]:
                del levels[better]
                gone.append((side, better, 0.0, 0))
            if sz > 0.0 and levels.get(px) != (sz, n):
                levels[px] = (sz, n)
                new.append((side, px, sz, n))
        return gone + new


def _run(
    rows: list[tuple[int, float, float, int]], ts_ns: int, recv_ns: int, first_flag: int
) -> NDArray[Any]:
    events = zeros(Event, len(rows))
    side, px, sz, n = zip(*rows, strict=True)
    events["kind"], events["side"], events["px"], events["sz"], events["ref"] = (
        LEVEL,
        side,
        px,
        sz,
        n,
    )
    events["ts_ns"], events["recv_ns"] = ts_ns, recv_ns
    events["code"][0] |= first_flag
    events["code"][-1] |= LAST
    return events
