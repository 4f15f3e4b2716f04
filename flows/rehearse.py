"""The whole onboarding in compressed time: the same steps, tasks and gates, on a simulated clock.

Between two steps the engine trades until the next look. Everything lives in a home of its own,
named after the rehearsal's parameters: one that was killed goes on where it was, one that has ended
starts anew. Nothing here decides anything; what it shows is what `onboard` would have done.
"""

import fcntl
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from prefect import flow

from engine.config import AssetSpec
from engine.onboarding.stages import Stage
from engine.onboarding.store import AssetState
from engine.policy import load_policy
from engine.record import source_hash
from engine.runners.assignment import assignment
from engine.runners.looks import Look, first_ns, next_look, read_look, write_look
from engine.runners.simulated import RunStatus, warm
from engine.runners.standing import find_state, run_began_ns, story
from engine.store.home import Home
from flows.local_api import LocalApi
from flows.onboard import Step, advance
from tasks.approvals import settle
from tasks.engines import trade_until

Approve = Literal["all", "none"]
OnStep = Callable[[Step], None]
OnProgress = Callable[[str, float, float], None]  # run, hours traded, hours of the next look
DAY_NS = 86_400_000_000_000
SAMPLE_S = 60.0
LONGEST_DAYS = 90.0
ENDS: dict[Stage, str] = {
    "rejected": "rejected",
    "stopped": "stopped: a person would choose retune, extend or drop",
    "halted": "halted: a person would choose rearm or drop",
}
# where an asset that did not move will not move by waiting, and whether its gate has passed
STANDSTILLS: dict[tuple[Stage, bool], str] = {
    ("ramp_100", True): "full capital",
    ("prelive", True): "waits for an approval",
    ("prelive", False): "the pre-live checklist is open",
    ("validation", True): "paper only: its viability does not allow capital",
}
NOTE = "answered by the rehearsal itself, not by a person"


def rehearse(
    spec: AssetSpec,
    approve: Approve = "all",
    days: float | None = None,
    home: Path | None = None,
    on_step: OnStep = lambda _: None,
    on_progress: OnProgress = lambda *_: None,
) -> dict[str, Any]:
    """Rehearse the onboarding of one asset on a simulated market or a tape.

    Parameters
    ----------
    spec
        what to onboard; `venue` must be ``sim`` or ``tape``.
    approve
        ``all`` gives the approval that a passed pre-live checklist asks for, signed "rehearsal";
        ``none`` ends there. Neither overrides a gate.
    days
        longest simulated time [d]; 90 when absent.
    home
        directory of its state; by default one named after the parameters, in ``rehearsals`` of
        the usual home.
    on_step, on_progress
        told of every step, and of the engine's hours while it trades.

    Returns
    -------
    dict
        ``asset``, ``stage``, ``why`` it ended, ``simulated_days``, ``verdicts``, ``transitions``
        and ``home``.

    Raises
    ------
    ValueError
        if the spec cannot be rehearsed, or the same rehearsal is running already.
    """
    if spec.venue not in ("sim", "tape"):
        raise ValueError(f"venue = {spec.venue!r}: a rehearsal runs on sim or tape")
    days = LONGEST_DAYS if days is None else days
    if not 0 < days <= LONGEST_DAYS:
        raise ValueError(f"days = {days:g}: must be above 0 and at most {LONGEST_DAYS:g}")
    path = home or Path(Home().root) / "rehearsals" / _name(spec, approve, days)
    with _alone(path):
        run = Rehearsal(spec, _begin(path), approve, days, on_step, on_progress)
        as_flow = flow(name="rehearse", flow_run_name=f"rehearse-{spec.asset}")
        with LocalApi(path) as api:
            warm()  # while the server starts
            with api.flows():
                why = as_flow(run.run)()
        result = {"asset": spec.asset, "why": why, **run.result(), "home": str(path)}
        (path / "result.json").write_text(json.dumps(result, indent=1))
    return result


@dataclass
class Rehearsal:
    """One rehearsal in progress."""

    spec: AssetSpec
    home: Home
    approve: Approve
    days: float
    on_step: OnStep
    on_progress: OnProgress
    now_ns: int = field(init=False)
    state: AssetState | None = field(init=False)

    def __post_init__(self) -> None:
        self.began_ns = self.now_ns = first_ns(self.spec)
        self.state = find_state(self.home, self.spec.asset)

    def run(self) -> str:
        """Take steps until there is nothing left to wait for; return why it ended."""
        while True:
            look, status = self._trade_until_next_look()
            step = advance(self.home, self.spec, self.now_ns, self._answer)
            self.state = step.after
            if look is not None:
                write_look(self.home, look._replace(done=True))
            self.on_step(step)
            if why := self._over(step, status):
                return why

    def result(self) -> dict[str, Any]:
        """Return where the asset stands, and the verdicts and transitions that led there."""
        days = (self.now_ns - self.began_ns) / DAY_NS
        return {"simulated_days": round(days, 2), **story(self.home, self.spec.asset)}

    def _trade_until_next_look(self) -> tuple[Look | None, RunStatus | None]:
        """Let the engine trade, where there is one, and take over its clock."""
        state = self.state
        if state is None or state.run is None:
            return None, None
        run = assignment(state, run_began_ns(self.home, state), SAMPLE_S)
        if run is None:
            return None, None
        look = next_look(state, read_look(self.home))
        write_look(self.home, look)

        def progress(hours: float) -> None:
            self.on_progress(run.run, hours, look.hours)

        status = trade_until(self.home, run, look.hours, progress)
        self.now_ns = max(self.now_ns, status.ts_ns)
        return look, status

    def _answer(self, state: AssetState, causes: list[str]) -> str:
        """Answer a passed checklist, and nothing else: no gate is overridden."""
        if self.approve == "none" or state.stage != "prelive":
            return "a rehearsal does not answer this"
        return settle(self.home, state, ("approve", "rehearsal", NOTE), causes, self.now_ns)

    def _over(self, step: Step, status: RunStatus | None) -> str | None:
        stage, passed = step.after.stage, step.verdict is not None and step.verdict.passed
        if stage in ENDS:
            return ENDS[stage]
        if self.now_ns - self.began_ns >= self.days * DAY_NS:
            return f"{self.days:g} simulated days are over"
        held = step.verdict is not None and step.verdict.asks == "hold"
        if step.after.version != step.before.version or held:
            return None
        standstill = STANDSTILLS.get((stage, passed))
        return standstill or ("the tape is over" if status and status.ended else None)


def _name(spec: AssetSpec, approve: str, days: float) -> str:
    """Return a directory name that changes with anything that would change the rehearsal."""
    told = [spec.model_dump_json(), approve, days, load_policy().hash, source_hash()]
    digest = hashlib.sha256(json.dumps(told).encode()).hexdigest()
    return f"{spec.asset.lower().replace(':', '-')}-{digest[:12]}"


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"this rehearsal is running already, in {path}") from None
        yield


def _begin(path: Path) -> Home:
    """Return the home to go on in; a rehearsal that has ended is cleared away first.

    Prefect's database stays: making a new one takes longer than the rest of its start.
    """
    if (path / "result.json").exists():
        for old in path.iterdir():
            if old.name != "prefect":
                shutil.rmtree(old) if old.is_dir() else old.unlink()
    path.mkdir(mode=0o750, exist_ok=True)
    return Home(path)
