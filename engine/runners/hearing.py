"""A live stream as frames that can be played while it goes on.

A frame is what was heard at once, or one `CLOCK` that says until when nothing was. After a frame,
nothing with an earlier receive time can come: that is what lets time pass, in silence too.
"""

import math
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.events import CLOCK, CONNECTED, DISCONNECTED, Event, joined
from engine.runners.tape_writer import CountingStream
from engine.store.admission import Admission
from engine.store.tape_facts import TapeMeta

US = 1_000  # a tape keeps whole microseconds


def about(kind: int, ns: int) -> NDArray[Any]:
    """Return one event about the line or the clock."""
    events: NDArray[Any] = np.zeros(1, Event.dtype)
    events["kind"], events["ts_ns"], events["recv_ns"] = kind, ns, ns
    return events


def after(ns: int) -> int:
    """Return the next moment that a tape can tell from `ns`.

    >>> after(1_999), after(2_000)
    (2000, 3000)
    """
    return (ns // US + 1) * US


def until_ns(frame: NDArray[Any]) -> int:
    """Return until when a frame says all there is; more may come at the instant of its end."""
    last = frame[-1]
    return int(last["recv_ns"]) - int(last["kind"] != CLOCK)


class StreamClock:
    """What time it is for whoever stamps the events of a stream.

    Parameters
    ----------
    speed
        seconds of the stream per second since its first event; None where a server's events are
        stamped with this computer's time.
    clock, now_ns
        replaced in tests.
    """

    def __init__(
        self,
        speed: float | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.speed = 1.0 if speed is None else speed
        self._is_paced = speed is not None
        self._clock, self._now_ns = clock, now_ns
        self._first: tuple[int, float] | None = None

    def hear(self, recv_ns: int) -> None:
        """Be told that an event has just come; the first one sets the clock."""
        if self._first is None:
            self._first = recv_ns, self._clock()

    def now_ns(self) -> int:
        """Return the time [ns]; 0 where it is not known, or only events say it."""
        if not self._is_paced:
            return self._now_ns()
        if self._first is None or math.isinf(self.speed):
            return 0
        first_ns, then_s = self._first
        return first_ns + int((self._clock() - then_s) * self.speed * 1e9)

    def late_ms(self, recv_ns: int) -> float | None:
        """Return how long ago an event came, by this computer's clock [ms]; None if unknown."""
        now_ns = self.now_ns()
        return (now_ns - recv_ns) / 1e6 / self.speed if now_ns > 0 else None


class Ear:
    """Hears a stream as frames, each later than the one before.

    What comes when its moment has been given up is heard right after that. What no tape would have
    is refused, so that the tape of what was heard is a tape of what was played.

    Parameters
    ----------
    stream
        what to hear.
    clock
        of the same stream.
    since_ns
        until when an earlier process of the run has heard it; 0 where there was none. What it
        heard is left out, nothing is said to have happened by then, and the line is connected anew.
    """

    def __init__(self, stream: CountingStream, clock: StreamClock, since_ns: int = 0) -> None:
        names = ("asset", "venue", "source", "px_decimals", "sz_decimals")
        self.meta = TapeMeta(**{name: getattr(stream, name) for name in names})
        self._stream, self._clock = stream, clock
        self._admission = Admission(self.meta)
        self._first_ns = after(since_ns) if since_ns else 0
        self._until_ns = since_ns
        self._is_away = since_ns > 0
        self._is_deaf = True  # has heard nothing yet
        self._late = 0  # events heard after their moment had been given up
        self._before = 0  # events an earlier process had heard

    def listen(self, timeout_s: float) -> NDArray[Any] | None:
        """Return the next frame, empty where there is nothing to say; None once the stream is over.

        It waits for something to be heard up to `timeout_s`.
        """
        now_ns = self._clock.now_ns()  # before it is asked: what came by now is in its answer
        taken = self._stream.take(timeout_s)
        if taken is None:
            return None
        if len(taken):
            self._clock.hear(int(taken["recv_ns"][0]))
            frame = self._connected(self._admission.admit(self._in_time(taken)))
        else:
            frame = about(CLOCK, now_ns)[: self._may_tell(now_ns)]
        if len(frame):
            self._until_ns = max(self._until_ns, until_ns(frame))
        return frame

    @property
    def dropped(self) -> Counter[str]:
        """Counts by reason of what was left out, here and by the stream."""
        ours = self._admission.dropped + Counter(heard_before=self._before)
        return self._stream.dropped + ours

    @property
    def noted(self) -> Counter[str]:
        """Counts by reason of what was heard with a remark."""
        return self._stream.noted + Counter(heard_late=self._late)

    @property
    def trouble(self) -> str:
        """What the stream met last; empty if nothing."""
        return self._stream.trouble

    def _may_tell(self, now_ns: int) -> bool:
        """Return whether silence until now is news; a stream holds back what is before a book."""
        return not self._is_deaf and now_ns > self._until_ns

    def _in_time(self, taken: NDArray[Any]) -> NDArray[Any]:
        """Return what was not heard before, none of it earlier than may still be told."""
        events = taken[taken["recv_ns"] >= self._first_ns]
        self._before += len(taken) - len(events)
        late = events["recv_ns"] <= self._until_ns
        self._late += int(late.sum())
        events["recv_ns"][late] = after(self._until_ns)
        events["ts_ns"] = np.maximum(events["ts_ns"], self._first_ns)
        return events

    def _connected(self, events: NDArray[Any]) -> NDArray[Any]:
        """Return the events, after a word that the line lives where it was cut."""
        if not len(events):
            return events
        self._is_deaf = False
        if not self._is_away:
            return events
        self._is_away = False
        return joined([about(CONNECTED, int(events["recv_ns"][0])), events])


def cut_off(at_ns: int) -> NDArray[Any]:
    """Return the frame of a line that broke right after `at_ns`."""
    return about(DISCONNECTED, after(at_ns))
