"""Hold the evidence against the gate of the stage."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from engine.gates.prelive import ChecklistItem
from engine.gates.verdict import Verdict
from engine.onboarding.store import AssetState
from engine.policy import load_policy
from engine.runners.judging import Shown, judge_checklist, judge_stage
from engine.runners.standing import extensions, newest_verdicts
from engine.store.home import Home


@task(name="judge gate", task_run_name="judge {state.stage}", cache_policy=NO_CACHE)
def judge_gate(home: Home, state: AssetState, shown: Shown, now_ns: int) -> Verdict:
    """Return the gate's verdict on the evidence."""
    extended = extensions(home, state) if state.stage == "validation" else 0
    return judge_stage(state, shown, extended, load_policy(), now_ns)


@task(name="judge checklist", cache_policy=NO_CACHE)
def judge_prelive(
    home: Home, state: AssetState, now_ns: int
) -> tuple[Verdict, tuple[ChecklistItem, ...]]:
    """Return the verdict on the pre-live checklist, and its lines."""
    return judge_checklist(state, newest_verdicts(home, state.asset), load_policy(), now_ns)
