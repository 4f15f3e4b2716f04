"""Events on their way to tapes: kept in a tail first, a tape at the end of every period.

Every event ends on a tape or is counted: refused (`engine.store.admission`), or on a tape of an
earlier process already. Every tape can be read alone: it begins with a whole book, said again where
the market did not say it just then.
"""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.events import CONNECTED, DISCONNECTED, LEVEL, SNAPSHOT, TRADE, Event, joined
from engine.record import zeros
from engine.runners.record_folder import Before, RecordFolder, finish_tail
from engine.store.admission import Admission, unit_ends
from engine.store.standing_book import StandingBook
from engine.store.tail import Tail
from engine.store.tape_facts import TapeInfo, TapeMeta
from engine.venues.stream import Stream

SYNC_S = 1.0


class CountingStream(Stream, Protocol):
    """A stream that counts what it leaves out."""

    @property
    def dropped(self) -> Counter[str]:
        """Counts by reason of what did not become an event."""
        ...

    @property
    def noted(self) -> Counter[str]:
        """Counts by reason of what became an event with a remark."""
        ...

    @property
    def trouble(self) -> str:
        """What the stream met last; empty if nothing."""
        ...


class Look(NamedTuple):
    """How the recording goes."""

    events: int  # recorded so far
    per_s: float  # since the look before
    book_age_s: float  # since anything was heard of the book
    dropped: dict[str, int]  # so far, by reason
    trouble: str  # what the stream met last


class TapeWriter:
    """One stream on its way to tapes.

    Parameters
    ----------
    stream
        whose events they are, and whose counts enter the tapes.
    folder
        where the tapes go.
    rotate_s
        length of a tape [s].
    on_tape
        told of every finished tape.
    clock
        replaced in tests.
    """

    def __init__(
        self,
        stream: CountingStream,
        folder: RecordFolder,
        rotate_s: float,
        on_tape: Callable[[Path, TapeInfo], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not rotate_s >= 1.0:
            raise ValueError(f"rotate_s must be 1 or more, was {rotate_s}")
        names = ("asset", "venue", "source", "px_decimals", "sz_decimals")
        self._meta = TapeMeta(**{name: getattr(stream, name) for name in names})
        self._stream, self._folder, self._on_tape = stream, folder, on_tape
        self._period_ns = int(rotate_s * 1e9)
        self._clock = clock
        self._admission = Admission(self._meta)
        self._book = StandingBook()
        self._tail: Tail | None = None
        self._end_ns = 0  # of the period of the tail
        self._dropped: Counter[str] = Counter()
        self._noted: Counter[str] = Counter()
        self._told = (Counter[str](), Counter[str]())
        self.events = 0
        self._looked = (clock(), 0)
        self._book_s = clock()
        for path, info in folder.finish_tails(self._noted):
            on_tape(path, info)
        self._before = folder.before(self._meta)
        self._away = self._before is not None

    def write(self, events: NDArray[Any]) -> None:
        """Keep what may be kept, in the tape of its time."""
        events = self._unrecorded(self._admission.admit(events))
        while len(events):
            if self._tail is None:
                self._begin(events)
            cut = cut_at(events, self._end_ns)
            self._keep(events[:cut])
            events = events[cut:]
            if len(events):
                self.finish()

    @property
    def due(self) -> bool:
        """Whether it is time for a beat."""
        return self._clock() - self._looked[0] >= SYNC_S

    def beat(self) -> Look:
        """Put what was written on the disk; return how it goes."""
        if self._tail is not None:
            self._tail.count(*self._news())
            self._tail.sync()
        look = self.look()
        self._looked = (self._clock(), self.events)
        return look

    def look(self) -> Look:
        """Return how it goes."""
        now_s, (then_s, then) = self._clock(), self._looked
        per_s = (self.events - then) / max(now_s - then_s, 1e-9)
        dropped, _ = self._counts()
        return Look(self.events, per_s, now_s - self._book_s, dropped, self._stream.trouble)

    def finish(self) -> None:
        """Make a tape of the tail."""
        if self._tail is None:
            return
        self._tail.count(*self._news())
        self._told = self._counts()
        self.release()
        made = finish_tail(self._tail.path)
        self._tail = None
        if made:
            self._on_tape(*made)

    def release(self) -> None:
        """Let go of the tail; it stays, for the next start to finish."""
        if self._tail is not None:
            self._tail.close()

    def _begin(self, events: NDArray[Any]) -> None:
        """Open the tail of a new tape, and say in it what the stream does not say at once."""
        first_ns = int(events["recv_ns"][0])
        self._end_ns = (first_ns // self._period_ns + 1) * self._period_ns
        opening = self._opening(events[0])
        self._tail = Tail(self._folder.new_tail(first_ns), self._meta)
        self._tail.count(*self._news())  # first: what was added must be told whatever happens
        if len(opening):
            self._tail.append(opening)

    def _opening(self, first: Any) -> NDArray[Any]:
        """Return the book as it stands, or since when and with which book we were away."""
        before, away = self._before, self._away
        self._away = False
        if before is not None and away and before.last_ns >= self._end_ns - self._period_ns:
            self._noted["disconnects_added"] += 1
            line = zeros(Event, 2)
            line["kind"] = DISCONNECTED, CONNECTED
            line["ts_ns"] = line["recv_ns"] = before.last_ns, first["recv_ns"]
            return joined([self._said_again(before.book, before.last_ns), line])
        if first["kind"] == LEVEL and first["code"] & SNAPSHOT:
            return zeros(Event, 0)
        return self._said_again(self._book, int(first["recv_ns"]))

    def _said_again(self, book: StandingBook, recv_ns: int) -> NDArray[Any]:
        """Return a book as a run of levels, empty if it is not known or no tape would have it."""
        run = Admission(self._meta).admit(book.snapshot(recv_ns))
        self._noted["snapshots_added"] += len(run) > 0
        return run

    def _keep(self, events: NDArray[Any]) -> None:
        if self._tail is None or not len(events):
            return
        self._tail.append(events)
        self._book.update(events)
        self.events += len(events)
        if (events["kind"] == LEVEL).any():
            self._book_s = self._clock()

    def _unrecorded(self, events: NDArray[Any]) -> NDArray[Any]:
        """Return what is on no tape of an earlier process; count the rest."""
        before = self._before
        if before is None or not len(events):
            return events
        old = int(np.searchsorted(events["recv_ns"], before.last_ns, side="right"))
        if old:
            self._away = False  # the stream began where we know the market
            self._dropped["already_recorded"] += old
            self._book.update(events[:old])
        return self._without_repeats(events[old:], before)

    def _without_repeats(self, events: NDArray[Any], before: Before) -> NDArray[Any]:
        """Return events without trades a venue repeats to whoever connects."""
        late = np.flatnonzero((events["kind"] == TRADE) & (events["ts_ns"] <= before.last_ns))
        keys = zip(events["ts_ns"][late].tolist(), events["id"][late].tolist(), strict=True)
        repeated = late[[key in before.trades for key in keys]]
        self._dropped["trade_repeated"] += len(repeated)
        return np.delete(events, repeated) if len(repeated) else events

    def _counts(self) -> tuple[Counter[str], Counter[str]]:
        """Return what was dropped and noted since the start, by reason."""
        dropped = self._stream.dropped + self._admission.dropped + self._dropped
        return dropped, self._stream.noted + self._noted

    def _news(self) -> tuple[Counter[str], Counter[str]]:
        """Return what was dropped and noted since the tape before."""
        (dropped, noted), (dropped_then, noted_then) = self._counts(), self._told
        return dropped - dropped_then, noted - noted_then


def cut_at(events: NDArray[Any], at_ns: int) -> int:
    """Return how many events come before `at_ns`, and before the end of a run that is open then."""
    cut = int(np.searchsorted(events["recv_ns"], at_ns))
    if not 0 < cut < len(events):
        return cut
    ends = unit_ends(events)
    return int(ends[np.searchsorted(ends, cut - 1)]) + 1
