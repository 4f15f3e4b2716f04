"""The touch of a book built from a snapshot and the changes since; unknown wherever it is not sure.

References
----------
Binance: "How to manage a local order book correctly", spot and USD-M futures.
"""

from collections import deque

from engine.venues.binance.codec import Depth, Snapshot

EARLY = 10_000  # changes kept for a snapshot that is still to come: minutes of the fastest stream


class DepthBook:
    """One symbol's book; `hear` says after each message why the touch is not known, if it is not.

    A snapshot shows the best levels only. Below its worst bid and above its worst ask there may be
    levels nobody told us of, so a touch out there is not known.
    """

    def __init__(self) -> None:
        self.touch = (0.0, 0.0)  # best bid and ask, where `hear` has no reason against them
        self._bids: dict[float, float] = {}
        self._asks: dict[float, float] = {}
        self._low, self._high = 0.0, 0.0  # the worst prices of the snapshot
        self.last: int | None = None  # the newest update the book holds; None: it is not known
        self._fresh = False  # no change has followed the snapshot yet
        self._early: deque[Depth] = deque(maxlen=EARLY)

    def hear(self, message: Depth | Snapshot) -> str:
        """Absorb a message; return the reason why the touch is not known now, or an empty text."""
        if isinstance(message, Snapshot):
            return self._start(message)
        if self.last is None:
            self._early.append(message)
            return "depth_without_snapshot"
        return self._change(message)

    def _start(self, snapshot: Snapshot) -> str:
        if self.last is not None and snapshot.last <= self.last:
            return "snapshot_not_newer"
        self._bids, self._asks = dict(snapshot.bids), dict(snapshot.asks)
        self._low = min(self._bids, default=0.0)
        self._high = max(self._asks, default=0.0)
        self.last, self._fresh = snapshot.last, True
        early = list(self._early)
        self._early.clear()
        for change in early:
            self.hear(change)
        return self._doubt() if self.last is not None else "snapshot_not_connected"

    def _change(self, change: Depth) -> str:
        if self.last is None or change.last <= self.last:
            return "depth_older_than_book"
        if not (change.follows <= self.last if self._fresh else change.follows == self.last):
            self.last = None
            self._early.append(change)
            return "depth_gap"
        for levels, news in ((self._bids, change.bids), (self._asks, change.asks)):
            levels.update(news)
            for px, sz in news:
                if sz == 0.0:
                    levels.pop(px, None)
        self.last, self._fresh = change.last, False
        return self._doubt()

    def _doubt(self) -> str:
        if not self._bids or not self._asks:
            return "depth_one_sided"
        self.touch = bid, ask = max(self._bids), min(self._asks)
        if bid > ask:
            self.last = None  # an update was lost or misread: nothing here can be trusted
            return "depth_crossed"
        return "depth_beyond_snapshot" if bid < self._low or ask > self._high else ""
