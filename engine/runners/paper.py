"""Paper trading in real time: the makers of the band on a live stream, side by side.

What is played is final. A trade may be heard before the book it met, and anything long after it
happened, so the makers live `LATE_NS` behind the stream: nothing can come any more that belongs
before. The same events on a tape, played later, give the same fills and the same makers, to the
last bit. What is shown in the meantime is a copy, played on to the present.

What is heard is written down before it is played (`paper_state`), so a process that dies at any
moment loses nothing. The next one says again what was said, which the spools skip, and goes on:
its line was cut, so the makers hear DISCONNECTED right after the last thing heard, pull their
quotes, and hear CONNECTED with the first thing heard anew. Position, cash, requests and what was
learned stay; orders do not, and nothing fills while nobody listens.
"""

import contextlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, FiniteFloat

from engine.events import CLOCK
from engine.runners.hearing import Ear, StreamClock, cut_off
from engine.runners.paper_look import PaperLook
from engine.runners.paper_state import PaperState
from engine.runners.simulated import RunSpec, warm
from engine.runners.stopping import Stop
from engine.runners.tape_writer import CountingStream
from engine.sim.market import HOUR_NS
from engine.store.home import Home

LOOK_S = 0.25
KEEP_S = 60.0
MOST_LAGS = 10_000

OnHeard = Callable[[NDArray[Any]], None]
OnLook = Callable[[PaperLook], None]


class PaperResult(BaseModel):
    """How a paper run stands when a process of it ends; counts and times are of that process."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    asset: str
    why: str  # it ended
    hours: FiniteFloat  # of the run, all its processes together
    look: PaperLook
    events: int = 0
    dropped: dict[str, int] = {}
    noted: dict[str, int] = {}
    lag_p50_ms: FiniteFloat | None = None  # from hearing an event to the end of its step
    lag_p99_ms: FiniteFloat | None = None
    cpu_share: FiniteFloat | None = None  # of one core


def trade_on_paper(
    spec: RunSpec,
    home: Home,
    open_stream: Callable[[int, int], CountingStream],
    *,
    speed: float | None = None,
    hours: float | None = None,
    stop: Stop | None = None,
    on_heard: OnHeard = lambda _: None,
    on_look: OnLook | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> PaperResult:
    """Trade a run on a stream until that ends, `hours` of it have passed, or somebody says stop.

    Parameters
    ----------
    spec
        what to trade.
    home
        where the run's spools and its state are; a run that is there goes on.
    open_stream
        opens the stream; told when the run began and until when it has heard the market [ns], 0
        for never.
    speed
        seconds of the stream per second; None for a server's, whose events have this computer's
        time.
    hours
        how long to trade [h of the stream's time]; for ever where absent.
    stop
        asked by somebody else, say a signal.
    on_heard
        told of all market data before it is played: what a tape of the run would hold.
    on_look
        told up to four times a second how things stand.
    clock
        replaced in tests.

    Raises
    ------
    SpoolBusyError
        if another process trades this run.
    SchemaMismatchError
        if the run's state was written by another layout of the engine.
    HeardTooMuchError
        if more is heard at once than can be kept.
    """
    warm()
    with contextlib.ExitStack() as stack:
        state = stack.enter_context(PaperState.open(spec, home))
        state.look()  # as `warm`: what is heard while kernels are loaded would have to wait
        if state.is_over:
            return _result(state, state.why_over, None)
        stream = stack.enter_context(
            contextlib.closing(open_stream(state.began_ns, state.heard_ns))
        )
        state.catch_up(on_heard)
        time_of_stream = StreamClock(speed, clock=clock)
        ear = Ear(stream, time_of_stream, state.heard_ns)
        state.keep(ear.meta)
        process = _Process(state, ear, time_of_stream, on_heard, on_look, clock)
        why = process.trade(hours, stop or Stop())
        state.finish()
        state.keep(ear.meta)
        return _result(state, why, process)


@dataclass
class _Process:
    """One process of a run: what it hears it writes down, plays and shows."""

    state: PaperState
    ear: Ear
    time_of_stream: StreamClock
    on_heard: OnHeard
    on_look: OnLook | None
    clock: Callable[[], float]
    events: int = 0
    lags_ms: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_LAGS))

    def __post_init__(self) -> None:
        self.kept_s = self.looked_s = self.began_s = self.clock()
        self.began_cpu_s = time.process_time()

    def trade(self, hours: float | None, stop: Stop) -> str:
        """Hear the stream to its end, or to the end asked for; return why it ended."""
        if self.state.heard_ns:
            self._hear(cut_off(self.state.heard_ns))
        end_ns = 2**62
        while not stop.asked:
            frame = self.ear.listen(LOOK_S)
            if frame is None:
                self.state.end()
                return self.state.why_over
            if len(frame):
                if hours is not None:
                    end_ns = min(end_ns, int(frame["recv_ns"][0]) + int(hours * HOUR_NS))
                in_time = np.searchsorted(frame["recv_ns"], end_ns, side="right")
                self._hear(frame[:in_time])
                self._count(frame[:in_time])
                if frame["recv_ns"][-1] >= end_ns:
                    return f"{hours:g} h are over"
            if self.state.is_killed:
                return self.state.why_over
            self._look_and_keep()
        return "it was asked to stop"

    def look(self) -> PaperLook:
        """Return how things stand, and what troubles the stream."""
        return self.state.look().model_copy(update={"trouble": self.ear.trouble})

    def figures(self) -> dict[str, Any]:
        """Return what this process has heard, and what that took."""
        passed_s = self.clock() - self.began_s
        p50, p99 = np.quantile(self.lags_ms, (0.5, 0.99)) if self.lags_ms else (None, None)
        return {
            "events": self.events,
            "dropped": self.ear.dropped,
            "noted": self.ear.noted,
            "lag_p50_ms": p50,
            "lag_p99_ms": p99,
            "cpu_share": (time.process_time() - self.began_cpu_s) / passed_s if passed_s else None,
        }

    def _hear(self, frame: NDArray[Any]) -> None:
        if not len(frame):
            return
        self.state.write_down(frame)
        if frame["kind"][0] != CLOCK:
            self.on_heard(frame)
        self.state.hear(frame)

    def _count(self, frame: NDArray[Any]) -> None:
        if not len(frame) or frame["kind"][0] == CLOCK:
            return
        lag_ms = self.time_of_stream.late_ms(int(frame["recv_ns"][0]))
        if lag_ms is not None and self.events:  # the first may hold what the stream kept back
            self.lags_ms.append(lag_ms)
        self.events += len(frame)

    def _look_and_keep(self) -> None:
        now_s = self.clock()
        if self.on_look is not None and now_s - self.looked_s >= LOOK_S:
            self.looked_s = now_s
            self.on_look(self.look())
        if now_s - self.kept_s >= KEEP_S or self.state.is_long:
            self.kept_s = now_s
            self.state.keep(self.ear.meta)


def _result(state: PaperState, why: str, process: _Process | None) -> PaperResult:
    run = {"run": state.spec.run, "asset": state.spec.asset, "why": why, "hours": state.hours}
    if process is None:
        return PaperResult(**run, look=state.look())
    return PaperResult(**run, look=process.look(), **process.figures())
