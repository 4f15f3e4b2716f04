"""Where a paper run is: its makers, and on disk what brings them back.

A checkpoint holds the makers and what they have yet to hear. A tail beside it, which it names,
holds every frame heard since, written down before it was played. So whatever a crash leaves is a
checkpoint and what followed it, and to play that again says the very rows that were said, under
the same numbers.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from engine.core.output import Output, drained
from engine.core.risk import ARMED
from engine.events import CLOCK, LEVEL, Event
from engine.runners.checkpoint import Checkpoint
from engine.runners.hearing import until_ns
from engine.runners.paper_look import PaperLook, add_edges, look
from engine.runners.seeding import keep_table
from engine.runners.simulated import (
    FILL_MODELS,
    KILL_REASONS,
    RunSpec,
    Voice,
    begin,
    carry,
    open_voice,
    play,
)
from engine.sim.clocks import LATE_NS
from engine.sim.market import HOUR_NS
from engine.store.home import Home
from engine.store.tail import Tail, read_tail
from engine.store.tape_facts import TapeMeta

MODELS = FILL_MODELS["paper"]
MOST_HELD = 1 << 20  # events the makers have yet to hear: five seconds, 64 MB
MOST_WRITTEN = 1 << 20  # events of one tail, which a restart has to play
SAID = ("n_samples", "n_fills", "n_markouts", "n_journal", "halted")
NOTHING = np.zeros(0, Event.dtype)


class HeardTooMuchError(RuntimeError):
    """The stream says more in five seconds than can be kept."""


class PaperState:
    """A run that this process alone has open.

    Attributes
    ----------
    spec
        what is traded.
    heard_ns
        when the run last heard something, silence included [ns, stream's time]; 0 for never.
    """

    def __init__(self, spec: RunSpec, home: Home, voices: Sequence[Voice]) -> None:
        self.spec = spec
        self._home, self._voices = home, voices
        self._path = home.state(spec.run)
        self._tail: Tail | None = None
        self._written = 0
        self._scratch = np.zeros(1, Output.dtype)
        self._edges = np.zeros((len(voices), 2))
        self._until_ns = self._book_ns = self.heard_ns = 0
        self._left: list[NDArray[Any]] = []
        point = Checkpoint.read(self._path)
        if point is None:
            sessions = np.concatenate([begin(spec, home, model) for model in MODELS.values()])
            self._point = Checkpoint(0, 0, sessions, b"", NOTHING)
        else:
            self._point = point
            self._remember(orjson.loads(point.feed))
        self._tidy()

    @classmethod
    @contextlib.contextmanager
    def open(cls, spec: RunSpec, home: Home) -> Iterator["PaperState"]:
        """Open a run where it was kept last, or at its beginning; `catch_up` goes on from there.

        Raises
        ------
        SpoolBusyError
            if another process has it open.
        ValueError
            if the run was begun with another `spec`.
        """
        with contextlib.ExitStack() as stack:
            voices = [open_voice(spec, home, suffix, stack) for suffix in MODELS]
            state = cls(spec, home, voices)
            stack.callback(state._let_go)
            yield state

    @property
    def is_killed(self) -> bool:
        """Whether the kill switch of the maker that gates judge has tripped."""
        return bool(self._point.sessions["maker"]["kill"]["reason"][0] != ARMED)

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to trade."""
        return self._point.ended or self.is_killed

    @property
    def why_over(self) -> str:
        """Why there is nothing left to trade."""
        reason = int(self._point.sessions["maker"]["kill"]["reason"][0])
        return f"killed: {KILL_REASONS[reason]}" if reason != ARMED else "the stream is over"

    @property
    def is_long(self) -> bool:
        """Whether a restart would have much to play again."""
        return self._written >= MOST_WRITTEN

    @property
    def began_ns(self) -> int:
        """When the run heard something first [ns, stream's time]; 0 for never."""
        return self._point.start_ns

    @property
    def hours(self) -> float:
        """How long the run has lasted [h of the stream's time]."""
        return (self.heard_ns - self._point.start_ns) / HOUR_NS if self._point.start_ns else 0.0

    def catch_up(self, on_heard: Callable[[NDArray[Any]], None]) -> None:
        """Play what was written down since the run was kept, to its last moment.

        An earlier process may have finished and said so much, and what we hear ourselves happened
        later.
        """
        for frame in self._left:
            if frame["kind"][0] != CLOCK:
                on_heard(frame)
            self.hear(frame)
        self._left = []
        self.finish()
        for voice, session in zip(self._voices, self._point.sessions, strict=True):
            # a power cut may have taken more of the tail than of the spool
            session.maker.said = max(int(session.maker.said), voice.spool.last_seq)

    def write_down(self, frame: NDArray[Any]) -> None:
        """Put a frame where a crash cannot reach it."""
        if self._tail is None:
            raise ValueError("a run must be kept once before anything is written down")
        self._tail.append(frame)
        self._written += len(frame)

    def hear(self, frame: NDArray[Any]) -> None:
        """Play on as far as a frame allows: nothing that belongs before can come any more."""
        events = frame[frame["kind"] != CLOCK]
        if len(events) and not self._point.start_ns:
            self._start(int(events["recv_ns"][0]))
        if (events["kind"] == LEVEL).any():
            self._book_ns = int(events["recv_ns"][-1])
        self.heard_ns = max(self.heard_ns, int(frame["recv_ns"][-1]))
        self._until_ns = max(self._until_ns, until_ns(frame))
        self._play(events, self._until_ns - LATE_NS)

    def finish(self) -> None:
        """Play all that was heard, to the last moment: what comes later happened later."""
        self._until_ns = self.heard_ns
        if self._until_ns:
            self._play(NOTHING, self._until_ns)

    def end(self) -> None:
        """Remember that the stream is over."""
        self._point.ended = True

    def look(self) -> PaperLook:
        """Play a copy to the present, and return what there is to show."""
        point = replace(self._point, sessions=_copied(self._point.sessions))
        edges, out = self._edges.copy(), self._scratch
        listeners = [(out, partial(_overhear, sums, out[0])) for sums in edges]
        play(point, NOTHING, self.heard_ns, listeners)
        names = [suffix.removeprefix(".") or "pessimistic" for suffix in MODELS]
        return look(point.sessions, edges, names, self.heard_ns, self._book_ns)

    def keep(self, meta: TapeMeta) -> None:
        """Write down where the run is, and begin a new tail."""
        point = self._point
        path = self._tail_path()
        if self._tail is not None and self._tail.path == path:
            return  # nothing was played since
        for voice in self._voices:
            voice.spool.flush()  # no checkpoint on the disk may be ahead of its rows
        point.feed = self._memory()
        point.write(self._path)
        self._let_go()
        path.unlink(missing_ok=True)  # of a process that wrote nothing into it
        self._tail, self._written = Tail(path, meta), 0
        self._tidy()
        keep_table(
            point.sessions[0].maker.beliefs.q_table,
            self.spec.asset,
            self._home.table(self.spec.asset),
        )

    def _tidy(self) -> None:
        """Remove the tails that the checkpoint does not name."""
        for path in self._path.parent.glob(f"{self.spec.run}.*.heard"):
            if path != self._tail_path():
                path.unlink()

    def _tail_path(self) -> Path:
        return self._path.with_name(f"{self.spec.run}.{self._point.hours}.heard")

    def _let_go(self) -> None:
        if self._tail is not None:
            self._tail.close()

    def _memory(self) -> bytes:
        """Return what a checkpoint keeps of us besides the makers."""
        return orjson.dumps(
            {
                "spec": self.spec.model_dump(mode="json"),
                "heard_ns": self.heard_ns,
                "until_ns": self._until_ns,
                "book_ns": self._book_ns,
                "edges": self._edges.tolist(),
            }
        )

    def _remember(self, memory: dict[str, Any]) -> None:
        if RunSpec.model_validate(memory["spec"]) != self.spec:
            raise ValueError(
                f"run {self.spec.run} was begun with another config; go on with that one, or "
                f"delete {self._path} and its spools to begin anew"
            )
        self.heard_ns, self._until_ns = memory["heard_ns"], memory["until_ns"]
        self._book_ns, self._edges = memory["book_ns"], np.array(memory["edges"])
        if (path := self._tail_path()).exists():
            self._left = list(read_tail(path).chunks())
        for frame in self._left:
            self.heard_ns = max(self.heard_ns, int(frame["recv_ns"][-1]))

    def _start(self, ns: int) -> None:
        self._point.start_ns = ns
        for voice in self._voices:
            voice.say("start", ns, 0, {"fraction": self.spec.fraction})

    def _play(self, events: NDArray[Any], until_ns: int) -> None:
        if len(self._point.tail) + len(events) > MOST_HELD:
            raise HeardTooMuchError(
                f"{self.spec.asset}: more than {MOST_HELD} events within five seconds; no market "
                "is like that: look at the stream, or let it run slower"
            )
        listeners = [
            (voice.outputs, partial(_take_down, sums, voice))
            for voice, sums in zip(self._voices, self._edges, strict=True)
        ]
        carry(self._point, play(self._point, events, until_ns, listeners))


def _copied(records: NDArray[Any]) -> NDArray[Any]:
    # as words: numpy copies records field by field, which takes eight times as long
    return records.view(np.int64).copy().view(records.dtype)


def _take_down(sums: NDArray[Any], voice: Voice) -> None:
    if not any(voice.outputs[name][0] for name in SAID):
        return  # as after most frames, and looking closer takes longer than playing one
    add_edges(sums, voice.outputs[0])
    voice.drain()


def _overhear(sums: NDArray[Any], out: Any) -> None:
    add_edges(sums, out)
    drained(out)
