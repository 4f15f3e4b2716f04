"""When a rehearsal looks at its evidence: every few hours on paper, once a day in the ramp.

The look in progress is written down before the engine trades towards it. A process that is killed
finds it again, trades to the same hour, sees the same evidence, and says the same.
"""

import json
import math
from pathlib import Path
from typing import NamedTuple

from engine.config import AssetSpec
from engine.onboarding.store import AssetState
from engine.runners.simulated import TRADING_FROM_NS
from engine.store.home import Home
from engine.store.tape import tape_info

FIRST_LOOK_H = 0.5  # the three feedback loops must be proved within 30 minutes
PAPER_LOOK_H = 6.0
RAMP_LOOK_H = 24.0
MARGIN_H = 1.0  # a silent second, and 48 h of trading are 47.999 h of evidence


class Look(NamedTuple):
    """A look at `hours` of `run`, taken while the asset stood at `version`."""

    run: str
    version: int
    hours: float
    done: bool = False


def next_look(state: AssetState, last: Look | None) -> Look:
    """Return the look that follows `last`; one that was not finished is taken again.

    The checklist before going live reads what validation has seen: it needs no new hours, until it
    is held.
    """
    run = str(state.run)
    same_run = last is not None and last.run == run
    hours = last.hours if last is not None and same_run else 0.0
    if last is not None and same_run and last.version == state.version and not last.done:
        return last
    if state.stage == "prelive":
        waited = last is not None and same_run and last.version == state.version
        return Look(run, state.version, hours + PAPER_LOOK_H if waited else hours)
    if state.stage == "paper":
        return Look(run, state.version, hours + FIRST_LOOK_H)
    every = PAPER_LOOK_H if state.stage == "validation" else RAMP_LOOK_H
    return Look(run, state.version, (math.floor(hours / every) + 1) * every + MARGIN_H)


def first_ns(spec: AssetSpec) -> int:
    """Return the time a rehearsal begins: the tape's first, or the simulated market's."""
    return tape_info(Path(spec.tape)).first_ns if spec.tape else TRADING_FROM_NS


def read_look(home: Home) -> Look | None:
    """Return the last look that was begun."""
    path = _path(home)
    return Look(**json.loads(path.read_text())) if path.exists() else None


def write_look(home: Home, look: Look) -> None:
    """Write a look down, in one move."""
    draft = _path(home).with_suffix(".draft")
    draft.write_text(json.dumps(look._asdict()))
    draft.replace(_path(home))


def _path(home: Home) -> Path:
    return Path(home.root) / "look.json"
