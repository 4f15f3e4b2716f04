"""The whole onboarding in compressed time: the same steps, tasks and gates, on a simulated clock.

Between two steps the engine trades until the next look. Everything lives in a home of its own, named
after the rehearsal's parameters: one that was killed goes on where it was, one that has ended
starts anew. Nothing here decides anything; what a rehearsal shows is what `onboard` would have done.
"""

import fcntl
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from prefect import flow

from engine.config import AssetSpec
from engine.onboarding.store import AssetState
from engine.runners.assignment import assignment
from engine.runners.simulated import RunSpec, RunStatus
from engine.runners.standing import onboarding
from engine.store.home import Home
from flows.local_api import LocalApi
from flows.onboard import Step, advance
from tasks.approvals import settle
from tasks.engines import trade_until
from tasks.stages import read_state

Approve = Literal["all", "none"]
Progress = Callable[[str, float, float], None]  # run, hours so far, hours wanted
EPOCH_NS = 1_767_225_600_000_000_000  # every rehearsal begins on 2026-01-01
HOUR_NS = 3_600_000_000_000
FIRST_LOOK_H = 0.5
PAPER_LOOK_H = 6.0
RAMP_LOOK_H = 24.0
SAMPLE_S = 60.0
LONGEST_DAYS = 90.0
APPROVER = "rehearsal"
NOTE = "answered by the rehearsal itself, not by a person"


@dataclass
class Rehearsal:
    """One rehearsal in progress."""

    spec: AssetSpec
    home: Home
    approve: Approve
    days: float
    on_step: Callable[[Step], None]
    on_progress: Progress | None

    def run(self) -> str:
        """Take steps until there is nothing left to wait for; say why it ended."""
        while True:
            ended = self._trade_until_next_look()
            step = advance(self.home, self.spec, self.now_ns(), self._answer)
            self.on_step(step)
            if why := self._over(step, ended):
                return why

    def now_ns(self) -> int:
        """Return the simulated time: when the present run began, plus the hours it has traded.

        It is read from what is on disk, so a rehearsal that is killed finds the same time again.
        """
        state = self._state()
        return EPOCH_NS if state is None else self._clock_ns(state)

    def _state(self) -> AssetState | None:
        with onboarding(self.home) as store:
            return next((s for s in store.all() if s.asset == self.spec.asset), None)
