"""Ask a person, and act on the answer: recorded once, moved at most once."""

from typing import Any, cast

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment

from engine.onboarding.approvals import ANSWER_WITHIN_NS, LapsedApprovalError
from engine.onboarding.audit import Entry
from engine.onboarding.causes import SpentApprovalError
from engine.onboarding.stages import Trigger
from engine.onboarding.store import AssetState, StaleApprovalError
from engine.runners.live.latch import EVERYTHING, clear_latch, read_latch
from engine.runners.standing import onboarding
from engine.store.home import Home
from tasks.artifacts import slug
from tasks.notify import notify
from tasks.stages import move

APPROVAL_TIMEOUT_S = ANSWER_WITHIN_NS // 10**9
MOST_REQUESTS = 100
TAG = "needs-approval"


def approval_key(asset: str, stage: str, version: int) -> str:
    """Return the one key of a question; without it one gate would take another's answer.

    >>> approval_key("hyna:BTC", "prelive", 5)
    'hyna-btc-prelive-v5'
    """
    return slug(asset, stage, f"v{version}")


@task(name="request approval", cache_policy=NO_CACHE)
def request_approval(state: AssetState) -> str:
    """Start the run that asks; asking again while it waits changes nothing. Return its name.

    An idempotency key is never freed, so a question whose run has ended without a move (it timed
    out, or was cancelled) is asked again under the next number.
    """
    key = approval_key(state.asset, state.stage, state.version)
    question = {"asset": state.asset, "stage": state.stage, "version": state.version}
    for number in range(MOST_REQUESTS):
        run = _ask(state, question, f"{key}-{number}")
        if not _over(run):
            return run.name
    raise RuntimeError(f"{key} was asked {MOST_REQUESTS} times and never answered")


def _ask(state: AssetState, question: dict[str, Any], key: str) -> FlowRun:
    run = run_deployment(
        "approve/approve",
        parameters=question,
        flow_run_name=f"APPROVE {state.asset} {state.stage} v{state.version}",
        tags=[TAG, state.asset],
        idempotency_key=key,
        timeout=0,
        as_subflow=False,
    )
    return cast(FlowRun, run)


def _over(run: FlowRun) -> bool:
    return run.state is not None and run.state.is_final()


@task(name="keep question", cache_policy=NO_CACHE)
def keep_question(home: Home, state: AssetState, asked_by: str, now_ns: int) -> Entry:
    """Keep in the audit what is asked, on which evidence; `asked_by` is given its own again."""
    with onboarding(home) as store:
        return store.ask(state.asset, state.stage, state.version, asked_by, now_ns)


@task(name="record answer", task_run_name="record {answer}", cache_policy=NO_CACHE)
def record_answer(
    home: Home,
    state: AssetState,
    answer: tuple[Trigger, str, str],
    now_ns: int,
    question: str | None = None,
) -> str:
    """Keep the answer in the audit; return its id, or raise when the question is closed."""
    asked = (state.asset, state.stage, state.version)
    with onboarding(home) as store:
        return store.record_approval(*asked, *answer, now_ns, question)


def answered(home: Home, state: AssetState, now_ns: int | None = None) -> Entry | None:
    """Return the answer that was given to the asset's present question, if it counts still."""
    with onboarding(home) as store:
        return store.answer(state.asset, now_ns)


def settle(
    home: Home,
    state: AssetState,
    answer: tuple[Trigger, str, str],
    causes: list[str],
    now_ns: int,
    question: str | None = None,
) -> str:
    """Act on an answer: record it, then move at most one stage. Return what happened, in words.

    Parameters
    ----------
    state
        where the asset stood when the answer was checked; if it has moved since, nothing moves.
    answer
        decision, approver, note.
    causes
        ids of the verdicts that must be cited beside the answer.
    question
        id of the question that was answered; None asks and answers at once.
    """
    try:
        recorded = record_answer(home, state, answer, now_ns, question)
    except StaleApprovalError as error:
        return f"refused: {error}"
    return carry_out(home, state, answer[0], [*causes, recorded], now_ns)


def carry_out(
    home: Home, state: AssetState, decision: Trigger, causes: list[str], now_ns: int
) -> str:
    """Make the move a recorded answer asks for, unless somebody made it already."""
    try:
        moved = move(home, state, decision, causes, now_ns, {})
    except (LapsedApprovalError, SpentApprovalError) as error:
        return f"refused: {error}"
    if moved is None:
        return f"refused: {state.asset} has left {state.stage} (version {state.version})"
    if decision == "rearm":
        clear_latch(home, state.asset)
    body = {"from": state.stage, "to": moved.stage, "why": f"a person decided: {decision}"}
    notify("stage.changed", state.asset, body)
    return f"{decision}: {state.asset} {state.stage} -> {moved.stage}"


def rearm(home: Home, asset: str, by: str, note: str, now_ns: int) -> str:
    """Let an asset that was stopped begin again; return what happened, in words.

    One that traded with real money goes through its stage, which has noticed: back to paper, in a
    new attempt. For one that did not, and for all at once, only the kill file goes.

    Raises
    ------
    ValueError
        if it is not stopped, or its engine has still to stop.
    """
    if asset != EVERYTHING:
        with onboarding(home) as store:
            state = store.get(asset)
        if state.stage == "halted":
            return settle(home, state, ("rearm", by, note), [], now_ns)
        if state.stage.startswith("ramp_"):
            raise ValueError(
                f"{asset} is in {state.stage} still: its next `onboard` run halts it, and then it "
                "can be re-armed"
            )
    if read_latch(home, asset) is None:
        raise ValueError(f"{asset} is not stopped: there is nothing to re-arm")
    with onboarding(home) as store:
        for state in store.all():
            if asset in (state.asset, EVERYTHING):
                body = {"what": "rearmed", "scope": asset, "by": by, "note": note}
                store.note(state.asset, body, now_ns)
    clear_latch(home, asset)
    return f"{asset} may trade again, says {by}"
