"""The three feedback loops: the system learns within half an hour, or paper is meaningless."""

from engine.gates.criteria import Evidence, judge
from engine.gates.verdict import Verdict
from engine.policy import Policy
from engine.record import source_hash


def judge_loops(
    evidence: Evidence,
    minutes: float,
    policy: Policy,
    *,
    asset: str = "",
    ts_ns: int = 0,
    config_hash: str | None = None,
    code_version: str | None = None,
    tape_hash: str | None = None,
) -> Verdict:
    """Judge kappa from own fills, resolved adverse-selection outcomes and calibration progress.

    Before `loops_minutes` an open loop waits; from then on it FAILS and is named. A market without
    a single trade fails too: nothing can be learned from it.

    Parameters
    ----------
    evidence
        ``own_fills``, ``kappa_confidence``, ``outcomes`` and ``calibration``.
    minutes
        Minutes of paper evidence.
    """
    due = minutes >= policy.paper.loops_minutes.value
    verdict = judge(
        policy.paper.loops,
        evidence,
        asset=asset,
        ts_ns=ts_ns,
        policy_hash=policy.hash,
        config_hash=config_hash,
        code_version=code_version or source_hash(),
        tape_hash=tape_hash,
        hours=minutes / 60,
    )
    unseen = next(line.value for line in verdict.criteria if line.metric == "own_fills") is None
    if verdict.verdict in ("PASS", "ERROR") or (due and unseen):
        return verdict
    hours_needed = policy.paper.loops_minutes.value / 60
    update = {"verdict": "FAIL" if due else "NOT_YET", "hours_needed": hours_needed}
    more = max(0.0, hours_needed - minutes / 60)
    words = _words(verdict, minutes, policy.paper.loops_minutes.value)
    return verdict.model_copy(update={**update, "more_hours": more, "words": words})


def _words(verdict: Verdict, minutes: float, limit: float) -> str:
    open_loops = [line.title.lower() for line in verdict.criteria if line.verdict != "PASS"]
    named = ", ".join(open_loops)
    if minutes < limit:
        return f"NOT YET after {minutes:.0f} minutes: still open: {named}; {limit:.0f} are allowed."
    if not next((line.value for line in verdict.criteria if line.metric == "own_fills"), None):
        return f"FAIL: no fill in {limit:.0f} minutes, so no loop can learn: {named}."
    return f"FAIL: feedback loop broken after {minutes:.0f} minutes: {named}."
