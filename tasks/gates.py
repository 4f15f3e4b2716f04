"""Hold the evidence against the gate of the stage."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from engine.gates.holds import hold_back, holding
from engine.gates.prelive import ChecklistItem
from engine.gates.verdict import Verdict
from engine.onboarding.stages import engine_mode
from engine.onboarding.store import AssetState
from engine.policy import load_policy
from engine.runners.gap_ledger import haircut_for
from engine.runners.judging import Shown, judge_checklist, judge_stage
from engine.runners.ramping import judge_ramp, read_ramp
from engine.runners.standing import extensions, newest_verdicts, why_stopped
from engine.store.home import Home


@task(name="judge gate", task_run_name="judge {state.stage}", cache_policy=NO_CACHE)
def judge_gate(home: Home, state: AssetState, shown: Shown, now_ns: int) -> Verdict:
    """Return the gate's verdict on the evidence."""
    policy = load_policy()
    if engine_mode(state.stage) == "live":
        return judge_ramp(state, shown, read_ramp(home, state, policy, now_ns), policy, now_ns)
    if state.stage == "paper":
        return judge_stage(state, shown, 0, policy, now_ns)
    haircut = haircut_for(home, state, policy.paper, now_ns)
    return judge_stage(state, shown, extensions(home, state), policy, now_ns, haircut)


@task(name="judge checklist", cache_policy=NO_CACHE)
def judge_prelive(
    home: Home, state: AssetState, now_ns: int
) -> tuple[Verdict, tuple[ChecklistItem, ...]]:
    """Return the verdict on the pre-live checklist, held back while anything is, and its lines."""
    policy, said = load_policy(), newest_verdicts(home, state.asset)
    verdict, items = judge_checklist(state, said, policy, now_ns)
    return hold_back(verdict, holding(policy.ramp, now_ns, stopped=why_stopped(home))), items
