"""The book as it stands after a stretch of events, whatever its depth, ready to be said again."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.events import CONNECTED, DISCONNECTED, LAST, LEVEL, SNAPSHOT, Event, joined
from engine.record import zeros


class StandingBook:
    """The newest word on every level; nothing while no whole book is known.

    `engine.core.book` is for one event at a time and twenty levels; this is for whole arrays, keeps
    every level, and gives back what was heard of it, the number of orders too.
    """

    def __init__(self) -> None:
        self.levels = zeros(Event, 0)  # bids, then asks, each best first

    def update(self, events: NDArray[Any]) -> None:
        """Absorb events; a line that is lost or found anew takes the book with it."""
        cuts = np.flatnonzero((events["kind"] == CONNECTED) | (events["kind"] == DISCONNECTED))
        if len(cuts):
            self.levels, events = self.levels[:0], events[cuts[-1] + 1 :]
        news = events[events["kind"] == LEVEL]
        if not len(news):
            return
        whole = np.flatnonzero(news["code"] & SNAPSHOT)
        news = news[whole[-1] :] if len(whole) else joined([self.levels, news])
        self.levels = _newest(news)

    def snapshot(self, recv_ns: int) -> NDArray[Any]:
        """Return the book as one run, as if it were heard whole at `recv_ns`; empty if unknown."""
        run = self.levels.copy()
        if len(run):
            run["recv_ns"], run["ts_ns"] = recv_ns, run["ts_ns"].max()
            run["code"] = 0
            run["code"][0] |= SNAPSHOT
            run["code"][-1] |= LAST
        return run


def _newest(levels: NDArray[Any]) -> NDArray[Any]:
    """Return the last word on every price of a side, without what was removed."""
    backwards = levels[::-1]
    _, last = np.unique(-backwards["side"] * backwards["px"], return_index=True)
    newest = backwards[last]
    return newest[newest["sz"] > 0.0]
