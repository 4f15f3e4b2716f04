"""The only way through a human gate: a run that suspends with a form and acts on its answer.

Prefect runs a suspended flow from its first line again when it is resumed, in a new process and up
to seven days later. So everything is read afresh, and the answer is held against the stage and the
version it was asked for.
"""

import time
from datetime import UTC, datetime
from typing import Any, Literal

from prefect import flow, get_run_logger, suspend_flow_run
from prefect.input import RunInput
from prefect.runtime import flow_run
from pydantic import Field

from engine.gates.verdict import Verdict
from engine.onboarding.audit import Entry
from engine.onboarding.stages import Stage, Trigger
from engine.onboarding.store import AssetState
from engine.runners.standing import newest_verdicts
from engine.store.home import Home
from flows.onboard import Finding, check
from tasks.approvals import APPROVAL_TIMEOUT_S, approval_key, keep_question, settle
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
    causes = [record(home, state, finding.verdict)] if finding else []
    question = keep_question(home, state, _this_run(), now_ns)
    form = FORMS[stage].with_initial_data(description=_words(home, state, finding, question))
    key = approval_key(asset, stage, version)
    answer = suspend_flow_run(wait_for_input=form, timeout=APPROVAL_TIMEOUT_S, key=key)
    words = _refusal(finding, answer) or settle(
        home, state, _given(answer), causes, now_ns, question.id
    )
    get_run_logger().info("%s", words)
    return words


def _this_run() -> str:
    """Return the name by which the run, suspended and resumed, finds its own question again."""
    return str(flow_run.id)


def _given(answer: Any) -> tuple[Trigger, str, str]:
    return answer.decision, answer.approver, answer.note


def _refusal(finding: Finding | None, answer: Any) -> str:
    if finding is None or answer.decision != "approve":
        return ""
    if finding.verdict.passed and finding.trigger is None:
        return ""
    return f"refused: the checklist does not hold any more. {finding.verdict.words}"


def _words(home: Home, state: AssetState, finding: Finding | None, question: Entry) -> str:
    """Return what the person reads above the form: the newest verdicts that matter."""
    said = newest_verdicts(home, state.asset)
    if finding is None:
        parts = [report(state, Verdict.model_validate(list(said.values())[-1]))]
    else:
        parts = [report(state, finding.verdict, finding.checklist)]
        if "validation" in said:
            parts.append(brief(Verdict.model_validate(said["validation"])))
    return "\n\n".join([*parts, _terms(question)])


def _terms(question: Entry) -> str:
    """Return what the answer is bound to, in words."""
    until = datetime.fromtimestamp(question.body["expires_ns"] / 1e9, UTC)
    return (
        f"The answer counts once, until {until:%Y-%m-%d %H:%M} UTC, and while the gates say what "
        f"they say here: `evidence {question.body['subject_hash'][:12]}`"
    )
