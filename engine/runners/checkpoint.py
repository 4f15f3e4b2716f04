"""Where a run was at the end of an hour: one file, replaced in one move.

A first line of JSON says what follows and how long each part is: the sessions (maker and paper
venue), the market's own memory, and the market data the maker has not heard yet.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from engine.events import Event
from engine.record import SchemaMismatchError, dump_state, load_state
from engine.sim.session import Session


@dataclass
class Checkpoint:
    """A run at the end of hour `hours`."""

    start_ns: int
    hours: int
    sessions: NDArray[Any]
    feed: bytes
    tail: NDArray[Any]  # events the maker has not heard
    ended: bool = False

    def write(self, path: Path) -> None:
        """Replace `path`; a crash leaves the old file or the new one, whole."""
        parts = [dump_state(self.sessions), self.feed, self.tail.tobytes()]
        head = {
            "start_ns": self.start_ns,
            "hours": self.hours,
            "ended": self.ended,
            "bytes": [len(part) for part in parts],
        }
        draft = path.with_suffix(".draft")
        with draft.open("wb") as file:
            file.write(orjson.dumps(head) + b"\n" + b"".join(parts))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)

    @classmethod
    def read(cls, path: Path) -> "Checkpoint | None":
        """Return the checkpoint in `path`; None where there is none yet.

        Raises
        ------
        SchemaMismatchError
            if the file is not a checkpoint, is cut short, or was written by another layout.
        """
        try:
            line, _, rest = path.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None
        try:
            head = orjson.loads(line)
            sizes = head["bytes"]
        except (orjson.JSONDecodeError, TypeError, KeyError):
            raise SchemaMismatchError(
                f"{path} is not a checkpoint; delete it to start the run anew"
            ) from None
        if len(rest) != sum(sizes):
            raise SchemaMismatchError(f"{path} is cut short at {len(rest)} of {sum(sizes)} bytes")
        sessions, feed = rest[: sizes[0]], rest[sizes[0] : sizes[0] + sizes[1]]
        return cls(
            start_ns=head["start_ns"],
            hours=head["hours"],
            sessions=load_state(Session, sessions),
            feed=feed,
            tail=np.frombuffer(rest, Event.dtype, offset=sizes[0] + sizes[1]).copy(),
            ended=head["ended"],
        )
