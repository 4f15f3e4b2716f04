"""The only way through a human gate: a run that suspends with a form and acts on its answer.

Prefect runs a suspended flow from its first line again when it is resumed, in a new process and up
to seven days later. So everything is read afresh, and the answer is held against the stage and the
version it was asked for.
"""

import time
from typing import Any, Literal

from prefect import flow, get_run_logger, suspend_flow_run
from prefect.input import RunInput
from pydantic import Field

from engine.gates.verdict import Verdict
from engine.onboarding.stages import Stage
from engine.onboarding.store import AssetState
from engine.runners.standing import newest_verdicts
from engine.store.home import Home
from flows.onboard import Finding, check
from tasks.approvals import APPROVAL_TIMEOUT_S, approval_key, settle
from tasks.artifacts import brief, report
from tasks.stages import read_state, record


class GoLive(RunInput):
    """Whether it shall trade with real money; no default, so an empty resume is refused."""

    decision: Literal["approve", "hold", "reject"]
    approver: str = Field(min_length=2)
    note: str = ""


class AfterStop(RunInput):
    """What becomes of an asset whose gate has failed."""

    decision: Literal["retune", "extend", "drop"]
    approver: str = Field(min_length=2)
    note: str = ""


class AfterKill(RunInput):
    """What becomes of an asset whose kill switch has latched."""

    decision: Literal["rearm", "drop"]
    approver: str = Field(min_length=2)
    note: str = ""


FORMS: dict[Stage, type[Any]] = {"prelive": GoLive, "stopped": AfterStop, "halted": AfterKill}


@flow(name="approve", flow_run_name="approve-{asset}-{stage}-v{version}")
def approve(asset: str, stage: Stage, version: int) -> str:
    """Ask a person about `asset` in `stage`, and do what the answer allows: at most one move.

    Parameters
    ----------
    asset, stage, version
        what the question is about; once the asset has left it, an answer moves nothing.
    """
    home, now_ns = Home(), time.time_ns()
    state = read_state(home, asset)
    if (state.stage, state.version) != (stage, version):
        return f"stale: {asset} is in {state.stage} (version {state.version}) by now"
    finding = check(home, state, now_ns) if stage == "prelive" else None
    form = FORMS[stage].with_initial_data(description=_question(home, state, finding))
    key = approval_key(asset, stage, version)
    answer = suspend_flow_run(wait_for_input=form, timeout=APPROVAL_TIMEOUT_S, key=key)
    words = _answer(home, state, finding, answer, now_ns)
    get_run_logger().info("%s", words)
    return words


def _question(home: Home, state: AssetState, finding: Finding | None) -> str:
    """Return what the person reads above the form: the newest verdicts that matter."""
    said = newest_verdicts(home, state.asset)
    if finding is None:
        return report(state, Verdict.model_validate(list(said.values())[-1]))
    parts = [report(state, finding.verdict, finding.checklist)]
    if "validation" in said:
        parts.append(brief(Verdict.model_validate(said["validation"])))
    return "\n\n".join(parts)


def _answer(
    home: Home, state: AssetState, finding: Finding | None, answer: Any, now_ns: int
) -> str:
    """Do what the answer asks for if it still may be done."""
    causes = []
    if finding is not None:
        causes = [record(home, state, finding.verdict)]
        if answer.decision == "approve" and (finding.trigger or not finding.verdict.passed):
            return f"refused: the checklist does not hold any more. {finding.verdict.words}"
    given = (answer.decision, answer.approver, answer.note)
    return settle(home, state, given, causes, now_ns)
