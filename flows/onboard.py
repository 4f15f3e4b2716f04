"""One step of an onboarding: do the work of the stage, judge its gate, move at most one stage.

Scheduled per asset and short. It holds nothing between runs, so it may be killed anywhere, run
twice, or not run for a day: where the asset stands is in the store, and the next run goes on there.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from prefect import flow, get_run_logger
from pydantic import Field

from engine.config import AssetSpec, Positive, Profile
from engine.gates.prelive import ChecklistItem
from engine.gates.verdict import Verdict
from engine.onboarding.line import StoppedLineError
from engine.onboarding.stages import Stage, Trigger, moves
from engine.onboarding.store import AssetState
from engine.store.home import Home
from tasks.approvals import answered, carry_out, request_approval
from tasks.artifacts import publish
from tasks.derive import derive_config
from tasks.evidence import collect_evidence
from tasks.gates import judge_gate, judge_prelive
from tasks.haircut import record_gap
from tasks.market import judge_viability, measure_from_paper, measure_market
from tasks.notify import notify
from tasks.stages import enroll, move, read_state, record

AssetName = Annotated[str, Field(pattern=AssetSpec.model_fields["asset"].metadata[0].pattern)]
Ask = Callable[[AssetState, list[str]], str]


@dataclass(frozen=True)
class Finding:
    """What the work of a stage has shown, and the move it asks for, if any.

    `causes` are the ids of other verdicts, recorded already, that justify the move beside this one.
    """

    verdict: Verdict
    trigger: Trigger | None
    changes: dict[str, Any] = field(default_factory=dict)
    checklist: tuple[ChecklistItem, ...] = ()
    causes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """What one step did: where the asset stood, where it stands, and why."""

    before: AssetState
    after: AssetState
    verdict: Verdict | None
    words: str


@flow(name="onboard", flow_run_name="onboard-{asset}", timeout_seconds=600)
def onboard(
    asset: AssetName,
    capital_usd: Positive,
    profile: Profile | None = None,
    venue: str = "sim",
    scenario: str | None = None,
    seed: int = 7,
    tape: str | None = None,
) -> str:
    """Take `asset` one step further towards `capital_usd` of live capital.

    Parameters
    ----------
    asset
        the venue's name: ``HYPE``, or ``hyna:SOL`` on a builder dex.
    capital_usd
        what it may trade with at full capital [USD].
    profile
        spread profile; chosen by the decision tree when absent.
    venue, scenario, seed, tape
        where it trades, as in `engine.config.AssetSpec`.
    """
    spec = AssetSpec(
        asset=asset,
        capital_usd=capital_usd,
        profile=profile,
        venue=venue,
        scenario=scenario,
        seed=seed,
        tape=tape,
    )
    step = advance(Home(), spec, time.time_ns())
    get_run_logger().info("%s", step.words)
    return step.words


def request(state: AssetState, _: list[str]) -> str:
    """Ask in the Prefect UI."""
    return request_approval(state)


def advance(home: Home, spec: AssetSpec, now_ns: int, ask: Ask = request) -> Step:
    """Do one step at the time `now_ns`; `ask` is how a person is asked."""
    state = enroll(home, spec, now_ns)
    if state.stage == "rejected":
        return Step(state, state, None, f"{state.asset} is rejected; nothing more will happen")
    if state.stage in ("stopped", "halted"):
        return _person(home, state, None, [], now_ns, ask)
    finding = WORK[state.stage](home, state, now_ns)
    cause = record(home, state, finding.verdict)
    publish(state, finding.verdict, finding.checklist)
    trigger = finding.trigger
    paper_only = finding.changes.get("paper_only", state.paper_only)
    if trigger and moves(state.stage, trigger, paper_only=paper_only):
        return _move(home, state, finding, trigger, cause, now_ns)
    if state.stage == "prelive" and finding.verdict.passed:
        return _person(home, state, finding.verdict, [cause], now_ns, ask)
    return Step(state, state, finding.verdict, finding.verdict.words)


def _study(_: Home, state: AssetState, now_ns: int) -> Finding:
    """Viability: find out whether it is worth quoting."""
    facts = measure_market(state.spec, now_ns)
    report = judge_viability(facts, state.spec.capital_usd)
    triggers: dict[str, Trigger] = {
        "proceed": "PASS",
        "paper_only": "PAPER_ONLY",
        "reject": "FAIL",
    }
    changes = {"facts": facts.model_dump(mode="json")}
    return Finding(report.verdict, triggers[report.decision], changes)


def _derive(_: Home, state: AssetState, now_ns: int) -> Finding:
    """Derive: work out what the maker is told."""
    verdict, config = derive_config(state, now_ns)
    return Finding(verdict, _trigger(verdict), {"config": config} if config else {})


def _trade(home: Home, state: AssetState, now_ns: int) -> Finding:
    """Paper and live: judge what its engine has shown."""
    shown = collect_evidence(home, state)
    verdict = judge_gate(home, state, shown, now_ns)
    return Finding(verdict, "KILL" if shown.values["kill_triggers"] else _trigger(verdict))


def _validate(home: Home, state: AssetState, now_ns: int) -> Finding:
    """Judge what its engine has shown on paper, and whether it may leave it.

    Where viability has allowed paper only, it is judged again by what paper has seen of the market.
    """
    finding = _trade(home, state, now_ns)
    if finding.trigger != "PASS" or not state.paper_only:
        return finding
    facts = measure_from_paper(home, state, now_ns)
    report = judge_viability(facts, state.spec.capital_usd)
    cause = record(home, state, report.verdict)
    if report.decision == "proceed":
        return replace(finding, changes={"paper_only": False}, causes=(cause,))
    words = f"{finding.verdict.words} On paper only: {report.reason}"
    return replace(finding, verdict=finding.verdict.model_copy(update={"words": words}))


ASKED: dict[str, Trigger] = {"advance": "PASS", "step_down": "STEP_DOWN", "paper": "PAPER"}


def _trigger(verdict: Verdict) -> Trigger | None:
    """Return the move a verdict asks for; NOT_YET, NO_DATA and ERROR hold."""
    if verdict.asks is not None:  # the ramp's, which knows more than one way down
        return ASKED.get(verdict.asks)
    return verdict.verdict if verdict.verdict in ("PASS", "FAIL") else None


def check(home: Home, state: AssetState, now_ns: int) -> Finding:
    """Pre-live: see that everything is in order before the first real dollar.

    Paper trades on while a person thinks, so what it was validated by is judged again each time.
    """
    shown = collect_evidence(home, state)
    validation = judge_gate(home, state, shown, now_ns)
    record(home, state, validation)
    if shown.values["kill_triggers"]:
        return Finding(validation, "KILL")
    if validation.verdict == "FAIL":
        return Finding(validation, "FAIL")
    verdict, checklist = judge_prelive(home, state, now_ns)
    return Finding(verdict, None, checklist=checklist)


WORK: dict[Stage, Callable[[Home, AssetState, int], Finding]] = {
    "viability": _study,
    "derive": _derive,
    "paper": _trade,
    "validation": _validate,
    "prelive": check,
    "ramp_25": _trade,
    "ramp_50": _trade,
    "ramp_75": _trade,
    "ramp_100": _trade,
}


def _move(
    home: Home, state: AssetState, finding: Finding, trigger: Trigger, cause: str, now_ns: int
) -> Step:
    try:
        causes = [cause, *finding.causes]
        after = move(home, state, trigger, causes, now_ns, finding.changes)
    except StoppedLineError as error:  # since it was judged
        return Step(state, state, finding.verdict, str(error))
    if after is None:
        return Step(state, state, finding.verdict, f"{state.asset} was moved by another run")
    body = {"from": state.stage, "to": after.stage, "why": finding.verdict.words}
    notify("stage.changed", state.asset, body)
    record_gap(home, state, cause, now_ns)
    words = f"{state.asset}: {state.stage} -> {after.stage}. {finding.verdict.words}"
    return Step(state, after, finding.verdict, words)


def _person(
    home: Home,
    state: AssetState,
    verdict: Verdict | None,
    causes: list[str],
    now_ns: int,
    ask: Ask,
) -> Step:
    """Carry out an answer that was recorded but not acted on, else ask for one."""
    answer = answered(home, state, now_ns)
    if answer is None:
        words = f"{state.asset} waits for a person: {ask(state, causes)}"
    else:
        words = carry_out(home, state, answer.body["decision"], [*causes, answer.id], now_ns)
    return Step(state, read_state(home, state.asset), verdict, words)


def one_step(home: Home, spec: AssetSpec) -> Step:
    """Take one step now, outside the schedule, on a Prefect server that lives as long as the step.

    A question for a person is not asked here: it needs the form, and so `gangway up`.
    """
    from flows.local_api import LocalApi

    def nobody(state: AssetState, _: list[str]) -> str:
        return f"`gangway up` asks about {state.stage} in its approvals page"

    take = flow(name="onboard", flow_run_name=f"onboard-{spec.asset}")
    with LocalApi(Path(home.root)) as api, api.flows():
        return take(lambda: advance(home, spec, time.time_ns(), nobody))()
