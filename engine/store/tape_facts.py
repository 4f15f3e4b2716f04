"""What a tape says about itself: who recorded what, how good it is, what was left out.

`TapeMeta` is known before the first event, `TapeInfo` after the last; `Observer` sees every chunk
in between. Nothing here touches a file.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from engine.events import (
    ACCEPTED,
    BUY,
    CANCELED,
    CONNECTED,
    CONTEXT,
    DISCONNECTED,
    FILL,
    FUNDING,
    LAST,
    LEVEL,
    REFERENCE,
    REFERENCE_TRADE,
    REJECTED,
    SNAPSHOT,
    TIMER,
    TRADE,
)

VERSION = 2
KEY = "gangway.tape"  # of the account in a tape's footer
GAP_NS = 5_000_000_000  # the slowest healthy book feed on record is silent for 2.7 s
KINDS = {
    LEVEL: "level", TRADE: "trade", REFERENCE: "reference",
    REFERENCE_TRADE: "reference_trade", CONTEXT: "context", TIMER: "timer",
    ACCEPTED: "accepted", REJECTED: "rejected", CANCELED: "canceled", FILL: "fill",
    FUNDING: "funding", DISCONNECTED: "disconnected", CONNECTED: "connected",
}  # fmt: skip


class TapeError(ValueError):
    """A tape cannot be written or read; the message names file, row, value and remedy."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TapeMeta(_Frozen):
    """What the writer knows beforehand; prices are multiples of ``10**-px_decimals``."""

    asset: Annotated[str, Field(min_length=1)]
    venue: Annotated[str, Field(min_length=1)]
    source: str
    px_decimals: Annotated[int, Field(ge=0, le=12)]
    sz_decimals: Annotated[int, Field(ge=0, le=12)]


class Gap(_Frozen):
    """A silence of the book of more than five seconds, on the recorder's clock."""

    start_ns: int
    seconds: float


class TapeInfo(TapeMeta):
    """A tape's own account of what it holds.

    `dropped` counts rows of the source that did not enter the tape, by reason; `noted` counts what
    entered with a remark (a clamped time, an inferred side, a late trade). `disorder` counts events
    whose venue time lies before that of the event before them in the same stream. Spreads are
    measured at whole snapshots and weighted with the time until the next, gaps left out; a locked
    book has bid = ask. `events_sha256` is the SHA-256 of the events' 64-byte records in order, as
    `Event` lays them out: the same for the same events, however a file packs them.
    """

    version: int
    first_ns: int
    last_ns: int
    hours: float
    events: int
    counts: dict[str, int]
    books: int
    spread_bps_median: float | None
    spread_bps_mean: float | None
    locked_books: int
    locked_share: float | None  # of snapshots
    locked_s: float
    gaps: tuple[Gap, ...]
    gap_s: float
    max_gap_s: float
    disorder: dict[str, int]
    dropped: dict[str, int]
    noted: dict[str, int]
    events_sha256: str
    sha256: str = ""  # of the file
    bytes_per_event: float = 0.0


@dataclass
class Observer:
    """Gathers the statistics of a tape, chunk by chunk; a chunk never cuts a run of levels."""

    events: int = 0
    first_ns: int = 0
    last_ns: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    disorder: Counter[str] = field(default_factory=Counter)
    gaps: list[Gap] = field(default_factory=list)
    _book_ns: list[NDArray[Any]] = field(default_factory=list)
    _spread_bps: list[NDArray[Any]] = field(default_factory=list)
    _book_end_ns: int = 0
    _digest: Any = field(default_factory=hashlib.sha256)
    _stream_ts: dict[str, int] = field(default_factory=dict)

    def update(self, events: NDArray[Any]) -> None:
        """Count one chunk of events."""
        if not len(events):
            return
        if not self.events:
            self.first_ns = int(events["recv_ns"][0])
        self.events += len(events)
        self.last_ns = int(events["recv_ns"][-1])
        self._digest.update(np.ascontiguousarray(events).view(np.uint8))
        for kind, n in zip(*np.unique(events["kind"], return_counts=True), strict=True):
            self.counts[KINDS.get(int(kind), f"kind {kind}")] += int(n)
        self._update_disorder(events)
        self._update_gaps(events)
        self._update_spread(events)

    def _update_disorder(self, events: NDArray[Any]) -> None:
        for stream, kind in (("book", LEVEL), ("trade", TRADE)):
            ts = events["ts_ns"][events["kind"] == kind]
            if len(ts):
                before = np.append(self._stream_ts.get(stream, int(ts[0])), ts[:-1])
                self.disorder[stream] += int(np.count_nonzero(ts < before))
                self._stream_ts[stream] = int(ts[-1])

    def _update_gaps(self, events: NDArray[Any]) -> None:
        ends = events["recv_ns"][(events["kind"] == LEVEL) & (events["code"] & LAST > 0)]
        if not len(ends):
            return
        times = np.concatenate([[self._book_end_ns or ends[0]], ends])
        silence = np.diff(times)
        for i in np.flatnonzero(silence > GAP_NS):
            self.gaps.append(Gap(start_ns=int(times[i]), seconds=float(silence[i]) / 1e9))
        self._book_end_ns = int(ends[-1])

    def _update_spread(self, events: NDArray[Any]) -> None:
        starts, bid, ask = touches(events)
        if len(starts):
            self._book_ns.append(events["recv_ns"][starts])
            two_sided = np.isfinite(bid) & np.isfinite(ask)
            mid = 0.5 * (np.where(two_sided, bid, 1.0) + np.where(two_sided, ask, 1.0))
            spread = np.where(
                two_sided, np.where(two_sided, ask, 0) - np.where(two_sided, bid, 0), np.nan
            )
            self._spread_bps.append(1e4 * spread / mid)

    def info(self, meta: TapeMeta, version: int, dropped: Any, noted: Any) -> TapeInfo:
        """Return what was observed, with the counts of the importer beside it."""
        ns = np.concatenate([*self._book_ns, [self.last_ns]]).astype(np.int64)
        spread = np.concatenate(self._spread_bps) if self._spread_bps else np.empty(0)
        seconds = np.diff(ns) / 1e9
        locked = spread == 0.0
        held = (seconds <= GAP_NS / 1e9) & np.isfinite(spread)
        mean, median = _weighted(spread[held], seconds[held])
        gaps = [g.seconds for g in self.gaps]
        return TapeInfo(
            **meta.model_dump(), version=version, events=self.events,
            first_ns=self.first_ns, last_ns=self.last_ns,
            hours=(self.last_ns - self.first_ns) / 3.6e12,
            counts=dict(sorted(self.counts.items())), books=len(spread),
            spread_bps_median=median, spread_bps_mean=mean,
            locked_books=int(locked.sum()),
            locked_share=float(locked.mean()) if len(spread) else None,
            locked_s=float(seconds[locked & held].sum()),
            gaps=tuple(self.gaps), gap_s=float(sum(gaps)), max_gap_s=max(gaps, default=0.0),
            disorder=dict(sorted(self.disorder.items())),
            dropped={k: int(v) for k, v in sorted(dropped.items()) if v},
            noted={k: int(v) for k, v in sorted(noted.items()) if v},
            events_sha256=self._digest.hexdigest(),
        )  # fmt: skip


def touches(events: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return row, best bid and best ask of every whole snapshot; infinite where a side is empty.

    Raises
    ------
    TapeError
        if a run of levels is cut by the end of the chunk.
    """
    level = events["kind"] == LEVEL
    starts = np.flatnonzero(level & (events["code"] & SNAPSHOT > 0))
    ends = np.flatnonzero(level & (events["code"] & LAST > 0))
    rows = np.flatnonzero(level)
    if len(rows) and (not len(ends) or ends[-1] != rows[-1]):
        raise TapeError(
            f"row {rows[-1]}: a run of levels has no LAST flag at its end; hand over whole runs"
        )
    if not len(starts):
        return starts, np.empty(0), np.empty(0)
    # segments [start, end] and what lies between them, alternating; only the first kind is kept
    cuts = np.ravel(np.column_stack([starts, ends[np.searchsorted(ends, starts)] + 1]))
    is_bid = events["side"] == BUY
    shown = level & (events["sz"] > 0.0)
    bids = np.append(np.where(shown & is_bid, events["px"], -np.inf), -np.inf)
    asks = np.append(np.where(shown & ~is_bid, events["px"], np.inf), np.inf)
    return starts, np.maximum.reduceat(bids, cuts)[::2], np.minimum.reduceat(asks, cuts)[::2]


def _weighted(values: NDArray[Any], weights: NDArray[Any]) -> tuple[float | None, float | None]:
    """Return mean and median under `weights`; None where there is no weight."""
    if not weights.sum() > 0.0:
        return None, None
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(weights[order])
    middle = int(np.searchsorted(cumulative, 0.5 * cumulative[-1]))
    return float(np.average(values, weights=weights)), float(values[order][middle])
