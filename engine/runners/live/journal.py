"""A live engine on disk: a checkpoint, and everything heard since.

The record of what was heard is also the journal of what was sent: requests follow from it. It is on
the disk before the first request leaves that it led to.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from engine.core.output import Output, drained
from engine.core.params import new_params
from engine.core.risk import ARMED
from engine.events import Event
from engine.gateway.desk import Desk, new_desk, step_at
from engine.gateway.live_orders import FREE, SETTLING
from engine.gateway.words import Post, Request
from engine.grid import MAX_PX_DECIMALS
from engine.record import dump_state, load_state, zeros
from engine.runners.live.spec import LiveSpec, new_epoch
from engine.runners.seeding import keep_table, seed_from
from engine.runners.simulated import KILL_REASONS, Voice, open_voice
from engine.store.home import Home
from engine.store.tail import Tail, read_tail
from engine.store.tape_facts import TapeMeta

MOST_WRITTEN = 1 << 20  # events of one tail, which a restart has to play
SAID = ("n_samples", "n_fills", "n_markouts", "n_journal", "halted")


class Ask(NamedTuple):
    """One request of the gateway; the fields of `engine.gateway.words.Request`."""

    kind: int
    id: int
    nonce: int
    expires_ms: int
    wire: int
    replaces: int
    cloid: int
    oid: int
    side: int
    px: float
    sz: float
    since_ns: int


class Journal:
    """A live run that this process alone has open.

    Attributes
    ----------
    spec
        what is traded.
    epoch
        of the run: in every client order id.
    heard_ns
        when it heard something last [ns]; 0 for never.
    """

    def __init__(self, spec: LiveSpec, home: Home, voice: Voice) -> None:
        self.spec = spec
        self._home, self._voice = home, voice
        self._path = home.state(spec.run)
        self._posts = zeros(Post)
        self._tail: Tail | None = None
        self._written = self._kept = self.heard_ns = 0
        self._left: list[NDArray[Any]] = []
        if self._path.exists():
            self._read()
        else:
            self.epoch = new_epoch()
            self.desks = new_desk(new_params(spec.config, fraction=spec.fraction), spec.limits())
            table = self.desks[0].maker.beliefs.q_table
            seed_from(table, spec.asset, home.table(spec.asset), home.seed(spec.run))

    @classmethod
    @contextlib.contextmanager
    def open(cls, spec: LiveSpec, home: Home) -> Iterator["Journal"]:
        """Open a run where it was kept last, or at its beginning.

        Raises
        ------
        SpoolBusyError
            if another process has it open.
        ValueError
            if the run was begun with another `spec`.
        """
        with contextlib.ExitStack() as stack:
            journal = cls(spec, home, open_voice(spec, home, "", stack))
            stack.callback(journal._close)
            journal._catch_up()
            journal.keep()
            yield journal

    @property
    def kill_reason(self) -> str:
        """Why the kill switch has tripped; empty where it has not."""
        reason = int(self.desks[0].maker.kill.reason)
        if reason != ARMED:
            return KILL_REASONS[reason]
        return "another engine trades this asset" if self.desks[0].gateway.latched else ""

    @property
    def live_orders(self) -> int:
        """How many orders may still fill, or are not known to have ended."""
        states = self.desks["gateway"]["orders"]["slot"]["state"][0]
        return int(((states != FREE) & (states != SETTLING)).sum())

    @property
    def unsettled_orders(self) -> int:
        """How many orders may still fill, or have ended and may have fills that were not told."""
        return int((self.desks["gateway"]["orders"]["slot"]["state"][0] != FREE).sum())

    @property
    def is_long(self) -> bool:
        """Whether a restart would have much to play again."""
        return self._written >= MOST_WRITTEN

    def hear(self, frame: NDArray[Any]) -> list[Ask]:
        """Write a frame down, act on it, and return what is to be sent."""
        if self._tail is None:
            raise ValueError("a run must be kept once before it hears anything")
        self._tail.append(frame)
        self._written += len(frame)
        asks = self._play(frame)
        if asks:
            self._tail.sync()
        return asks

    def keep(self) -> None:
        """Write down where the run is, and begin a new tail."""
        self._voice.spool.flush()  # no checkpoint on the disk may be ahead of its rows
        self._close()
        self._kept += 1
        head = {
            "spec": self.spec.model_dump(mode="json"),
            "epoch": self.epoch,
            "kept": self._kept,
            "heard_ns": self.heard_ns,
        }
        draft = self._path.with_suffix(".draft")
        self._tail_path().unlink(missing_ok=True)
        self._tail, self._written = Tail(self._tail_path(), _meta(self.spec)), 0
        with draft.open("wb") as file:
            file.write(orjson.dumps(head) + b"\n" + dump_state(self.desks))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
        for path in self._path.parent.glob(f"{self.spec.run}.*.heard"):
            if path != self._tail_path():
                path.unlink()
        keep_table(
            self.desks[0].maker.beliefs.q_table, self.spec.asset, self._home.table(self.spec.asset)
        )

    def _read(self) -> None:
        line, _, rest = self._path.read_bytes().partition(b"\n")
        head = orjson.loads(line)
        if LiveSpec.model_validate(head["spec"]) != self.spec:
            raise ValueError(
                f"run {self.spec.run} was begun with another config; go on with that one, or "
                f"begin a new attempt"
            )
        self.epoch, self._kept, self.heard_ns = head["epoch"], head["kept"], head["heard_ns"]
        self.desks = load_state(Desk, rest)
        if self._tail_path().exists():
            self._left = list(read_tail(self._tail_path()).chunks())

    def _catch_up(self) -> None:
        """Play what was heard since the run was kept; what it asked for may have been sent."""
        for frame in self._left:
            self._play(frame)
        self._left = []
        # a power cut may have taken more of the tail than of the spool
        maker = self.desks[0].maker
        maker.said = max(int(maker.said), self._voice.spool.last_seq)

    def _play(self, frame: NDArray[Any]) -> list[Ask]:
        asks: list[Ask] = []
        post = self._posts[0]
        for k in range(len(frame)):
            step_at(self.desks, frame, k, self._voice.outputs, self._posts)
            if post.n_requests:
                asks += [Ask(*row) for row in post.requests[: post.n_requests].tolist()]
        self.heard_ns = max(self.heard_ns, int(frame["recv_ns"][-1]))
        if any(self._voice.outputs[name][0] for name in SAID):
            self._voice.drain()
        return asks

    def _tail_path(self) -> Path:
        return self._path.with_name(f"{self.spec.run}.{self._kept}.heard")

    def _close(self) -> None:
        if self._tail is not None:
            self._tail.close()


def _meta(spec: LiveSpec) -> TapeMeta:
    return TapeMeta(
        asset=spec.asset,
        venue="hyperliquid",
        source="heard by a live engine",
        px_decimals=MAX_PX_DECIMALS - spec.config.sz_decimals,
        sz_decimals=spec.config.sz_decimals,
    )


def warm() -> None:
    """Load or compile the kernels of a live engine."""
    nothing, outputs = np.zeros(1, Event.dtype), zeros(Output)
    step_at(zeros(Desk), nothing, 0, outputs, zeros(Post))
    drained(outputs[0])


assert Ask._fields == Request.dtype.names  # noqa: S101 - rows are read by place
