"""The approve flow: what an answer may do, on a real store; only the suspension is stood in for."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from engine.onboarding.store import AssetState
from engine.runners.standing import onboarding
from engine.store.home import Home
from flows import approve as module
from flows.approve import FORMS, approve
from tasks.approvals import APPROVAL_TIMEOUT_S, answered, approval_key
from tasks.stages import read_state

pytestmark = pytest.mark.usefixtures("prefect_api")

Put = Callable[..., AssetState]
Show = Callable[..., None]


class SuspendedError(Exception):
    """Stands in for what Prefect does at a suspension: the run ends here."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the form was shown with; ``answer`` is what the person gives."""
    seen: dict[str, Any] = {"answer": ("approve", "Ada", "")}

    def suspend(wait_for_input: Any, timeout: int, key: str) -> Any:
        seen.update(key=key, timeout=timeout, report=wait_for_input._description)
        if seen["answer"] is None:
            raise SuspendedError
        decision, approver, note = seen["answer"]
        return wait_for_input(decision=decision, approver=approver, note=note)

    monkeypatch.setattr(module, "suspend_flow_run", suspend)
    monkeypatch.setattr(module, "_this_run", lambda: seen.get("run", "a run"))
    return seen


def kinds(home: Home, kind: str) -> list[dict[str, Any]]:
    with onboarding(home) as store:
        return [e.body for e in store.history("HYPE") if e.kind == kind]


def ask(state: AssetState) -> str:
    return approve(asset=state.asset, stage=state.stage, version=state.version)


def test_an_approval_moves_exactly_one_stage(
    home: Home, put_at: Put, show: Show, asked: dict[str, Any]
) -> None:
    state = put_at("prelive")
    show(state, hours=72.5)
    assert ask(state) == "approve: HYPE prelive -> ramp_25"
    assert read_state(home, "HYPE").stage == "ramp_25"
    assert "you confirm" in asked["report"]
    assert asked["key"] == "hype-prelive-v5"


def test_a_second_answer_moves_nothing_and_says_so(
    home: Home, put_at: Put, show: Show, asked: dict[str, Any]
) -> None:
    state = put_at("prelive")
    show(state, hours=72.5)
    ask(state)
    assert ask(state).startswith("stale: HYPE is in ramp_25")
    assert read_state(home, "HYPE").stage == "ramp_25"
    assert len(kinds(home, "approval")) == 1


def test_hold_stays_and_can_be_asked_again(
    home: Home, put_at: Put, show: Show, asked: dict[str, Any]
) -> None:
    state = put_at("prelive")
    show(state, hours=72.5)
    asked["answer"] = ("hold", "Ada", "after the weekend")
    ask(state)
    again = read_state(home, "HYPE")
    assert (again.stage, again.version) == ("prelive", state.version + 1)
    asked["answer"] = ("reject", "Ada", "")
    ask(again)
    assert read_state(home, "HYPE").stage == "rejected"


def test_an_approval_after_a_kill_is_refused(
    home: Home, put_at: Put, show: Show, asked: dict[str, Any]
) -> None:
    state = put_at("prelive")
    show(state, hours=72.5, kill=True)
    assert ask(state).startswith("refused: the checklist does not hold")
    assert read_state(home, "HYPE").stage == "prelive"
    assert not kinds(home, "approval")


def suspend(state: AssetState, asked: dict[str, Any]) -> None:
    """Ask, and end as a suspended run does; resumed, it begins at its first line again."""
    asked["answer"] = None
    with pytest.raises(SuspendedError):
        ask(state)
    asked["answer"] = ("approve", "Ada", "")


def days_later(monkeypatch: pytest.MonkeyPatch, days: float) -> None:
    later_ns = time.time_ns() + int(days * 86_400e9)
    monkeypatch.setattr(module.time, "time_ns", lambda: later_ns)


def test_a_resumed_run_answers_the_question_it_asked_and_the_move_cites_it(
    home: Home, put_at: Put, show: Show, asked: dict[str, Any]
) -> None:
    state = put_at("prelive")
    show(state, hours=72.5)
    suspend(state, asked)
    asked["answer"] = ("approve", "Ada", "funds are there")
    assert ask(state) == "approve: HYPE prelive -> ramp_25"
    (question,), (given,) = kinds(home, "question")[-1:], kinds(home, "approval")[-1:]
    assert question["asked_by"] == "a run"
    assert question["subject"]["verdicts"][2]["verdict"] == "PASS"
    assert f"`evidence {given['subject_hash'][:12]}`" in asked["report"]
    assert given["subject_hash"] == question["subject_hash"]
    assert (given["approver"], given["note"], given["to"]) == ("Ada", "funds are there", "ramp_25")
    causes = kinds(home, "transition")[-1]["causes"]
    assert [cause.partition("-")[0] for cause in causes] == ["verdict", "approval"]
    with onboarding(home) as store:
        store.verify()


def test_an_answer_after_the_policy_has_changed_is_refused_and_asked_again(
    home: Home,
    put_at: Put,
    show: Show,
    asked: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state = put_at("prelive")
    show(state, hours=72.5)
    suspend(state, asked)
    other = shutil.copytree(Path(__file__).parents[2] / "policy", tmp_path / "policy")
    text = (other / "ramp.toml").read_text()
    (other / "ramp.toml").write_text(text.replace("share = 0.02", "share = 0.01"))
    monkeypatch.setenv("GANGWAY_POLICY", str(other))
    refused = ask(state)
    assert refused.startswith("refused: HYPE in 'prelive' version 5: the question is void: what it")
    assert "has changed since: prelive, validation; it will be asked again" in refused
    assert read_state(home, "HYPE").stage == "prelive"
    assert not kinds(home, "approval")
    asked["run"] = "the next run"  # which shows what is so now
    suspend(state, asked)
    assert ask(state) == "approve: HYPE prelive -> ramp_25"


def test_an_answer_after_the_form_has_expired_is_refused(
    home: Home,
    put_at: Put,
    show: Show,
    asked: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state = put_at("prelive")
    show(state, hours=72.5)
    suspend(state, asked)
    assert asked["timeout"] == APPROVAL_TIMEOUT_S == 7 * 86_400
    days_later(monkeypatch, 7.01)
    assert "the question is void: it expired" in ask(state)
    assert read_state(home, "HYPE").stage == "prelive"


def test_a_kill_while_a_person_is_waited_for_voids_the_answer(
    home: Home, put_at: Put, show: Show, asked: dict[str, Any]
) -> None:
    state = put_at("prelive")
    show(state, hours=72.5)
    suspend(state, asked)
    show(state, hours=73.0, kill=True)
    assert ask(state).startswith("refused: the checklist does not hold")
    assert read_state(home, "HYPE").stage == "prelive"


def test_an_answer_nobody_acted_on_within_a_day_is_none(
    home: Home, put_at: Put, show: Show, asked: dict[str, Any]
) -> None:
    state = put_at("prelive")
    show(state, hours=72.5)
    suspend(state, asked)
    now_ns = time.time_ns()
    with onboarding(home) as store:
        at = (state.asset, state.stage, state.version)
        given = store.record_approval(*at, "approve", "Ada", "", now_ns)
    found = answered(home, state, now_ns)
    assert found is not None
    assert found.id == given
    assert answered(home, state, now_ns + 86_400_000_000_001) is None


@pytest.mark.parametrize(
    ("decision", "then"), [("retune", "derive"), ("extend", "validation"), ("drop", "rejected")]
)
def test_a_person_decides_what_becomes_of_a_stopped_asset(
    home: Home, put_at: Put, asked: dict[str, Any], decision: str, then: str
) -> None:
    state = stop(home, put_at("validation"))
    asked["answer"] = (decision, "Ada", "")
    ask(state)
    assert read_state(home, "HYPE").stage == then


def stop(home: Home, state: AssetState) -> AssetState:
    with onboarding(home) as store:
        said = store.history("HYPE")[-2].body["verdict"] | {"verdict": "FAIL"}
        cause = store.record_verdict("HYPE", said, state.entered_ns)
        moved = store.move("HYPE", state.stage, state.version, "FAIL", [cause], state.entered_ns)
    assert moved is not None
    return moved


@pytest.mark.parametrize("stage", FORMS)
@pytest.mark.parametrize("given", [{}, {"approver": "Ada"}, {"decision": "approve"}])
def test_no_form_is_answered_by_its_defaults(stage: Any, given: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        FORMS[stage](**given)


def test_a_question_has_one_key_that_prefect_accepts() -> None:
    assert approval_key("hyna:BTC", "ramp_25", 7) == "hyna-btc-ramp-25-v7"
