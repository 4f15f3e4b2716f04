"""One step of an onboarding: each path through the gates, on a real API and a real store."""

from collections.abc import Callable
from typing import Any

import pytest
from prefect import flow

from engine.config import AssetSpec
from engine.gates.verdict import Verdict
from engine.onboarding.store import AssetState
from engine.runners.standing import onboarding
from engine.store.home import Home
from flows.onboard import Step, advance
from tasks.stages import read_state

NOW_NS = 1_767_900_000_000_000_000
pytestmark = pytest.mark.usefixtures("prefect_api")

Put = Callable[..., AssetState]
Show = Callable[..., None]


@pytest.fixture
def step(home: Home, spec: AssetSpec) -> Callable[[], Step]:
    """Take one step, as the scheduled flow does, and keep what a person was asked."""

    @flow(name="one-step", validate_parameters=False)
    def one_step() -> Step:
        return advance(home, spec, NOW_NS, lambda state, _: f"asked about {state.stage}")

    return one_step


def history(home: Home, kind: str) -> list[dict[str, Any]]:
    with onboarding(home) as store:
        return [entry.body for entry in store.history("HYPE") if entry.kind == kind]


def test_working_loops_lead_from_paper_to_validation(put_at: Put, show: Show, step: Any) -> None:
    show(put_at("paper"), hours=0.6)
    assert step().after.stage == "validation"


def test_a_broken_loop_stops_paper(put_at: Put, show: Show, step: Any) -> None:
    show(put_at("paper"), hours=0.6, learning=False)
    assert step().after.stage == "stopped"


def test_an_engine_that_has_not_traded_yet_holds(put_at: Put, step: Any) -> None:
    put_at("paper")
    done = step()
    assert done.after.stage == "paper"
    assert done.verdict.verdict in ("NOT_YET", "NO_DATA")


def test_two_days_of_good_paper_lead_to_prelive(put_at: Put, show: Show, step: Any) -> None:
    show(put_at("validation"), hours=72.5)
    done = step()
    assert done.after.stage == "prelive", done.words
    assert isinstance(done.verdict, Verdict)


def test_too_few_hours_hold_validation(put_at: Put, show: Show, step: Any) -> None:
    show(put_at("validation"), hours=3.0)
    done = step()
    assert done.after.stage == "validation"
    assert done.verdict.verdict == "NOT_YET"
    assert done.verdict.more_hours > 20


def test_a_losing_edge_stops_validation_and_asks_a_person(
    put_at: Put, show: Show, step: Any
) -> None:
    show(put_at("validation"), hours=72.5, edge_bps=-2.0)
    assert step().after.stage == "stopped"
    assert "asked about stopped" in step().words


def test_a_paper_only_asset_never_reaches_prelive(put_at: Put, show: Show, step: Any) -> None:
    show(put_at("validation", viability="PAPER_ONLY"), hours=72.5)
    done = step()
    assert (done.verdict.verdict, done.after.stage) == ("PASS", "validation")


def test_a_kill_on_paper_stops_and_a_kill_live_halts(
    home: Home, put_at: Put, show: Show, step: Any
) -> None:
    show(put_at("validation"), hours=10, kill=True)
    assert step().after.stage == "stopped"
    assert history(home, "transition")[-1]["trigger"] == "KILL"


def test_a_kill_in_the_ramp_halts(put_at: Put, show: Show, step: Any) -> None:
    show(put_at("ramp_25"), hours=10, kill=True)
    assert step().after.stage == "halted"
    assert "asked about halted" in step().words


def test_a_ticked_checklist_asks_and_does_not_move(
    home: Home, put_at: Put, show: Show, step: Any
) -> None:
    show(put_at("prelive"), hours=72.5)
    done = step()
    assert done.after.stage == "prelive"
    assert "asked about prelive" in done.words
    assert not history(home, "approval")[0:]


def test_an_answer_recorded_by_a_run_that_died_is_carried_out(
    home: Home, put_at: Put, show: Show, step: Any
) -> None:
    state = put_at("prelive")
    show(state, hours=72.5)
    assert "asked about prelive" in step().words
    with onboarding(home) as store:
        asked = (state.asset, state.stage, state.version)
        store.record_approval(*asked, "approve", "Ada", "", NOW_NS)
    assert step().after.stage == "ramp_25"


@pytest.mark.parametrize(
    ("stage", "hours", "then"),
    [
        ("ramp_25", 80, "ramp_50"),
        ("ramp_50", 100, "ramp_75"),
        ("ramp_75", 170, "ramp_100"),
    ],
)
def test_a_good_phase_advances_by_itself(
    put_at: Put, show: Show, step: Any, stage: str, hours: float, then: str
) -> None:
    show(put_at(stage), hours=hours)
    done = step()
    assert done.after.stage == then, done.words


def test_a_losing_phase_steps_down_without_asking(put_at: Put, show: Show, step: Any) -> None:
    show(put_at("ramp_50"), hours=100, edge_bps=-2.0)
    assert step().after.stage == "ramp_25"


def test_each_phase_starts_its_own_evidence(put_at: Put, show: Show, step: Any) -> None:
    state = put_at("ramp_25")
    show(state, hours=80)
    done = step()
    assert done.after.run != state.run
    assert step().after.stage == "ramp_50"  # nothing is known of the new run, so nothing moves


def test_a_step_moves_at_most_one_stage(home: Home, put_at: Put, show: Show, step: Any) -> None:
    show(put_at("paper"), hours=72.5)
    before = len(history(home, "transition"))
    step()
    assert len(history(home, "transition")) == before + 1


def test_the_same_look_is_recorded_once(home: Home, put_at: Put, show: Show, step: Any) -> None:
    show(put_at("validation"), hours=3.0)
    step()
    said = len(history(home, "verdict"))
    step()
    assert len(history(home, "verdict")) == said


def test_a_rejected_asset_is_left_alone(home: Home, put_at: Put, show: Show, step: Any) -> None:
    state = put_at("prelive")
    with onboarding(home) as store:
        asked = (state.asset, state.stage, state.version)
        answer = store.record_approval(*asked, "reject", "Ada", "", NOW_NS)
        store.move(*asked, "reject", [answer], NOW_NS)
    rows = len(history(home, "verdict"))
    assert "rejected" in step().words
    assert len(history(home, "verdict")) == rows
    assert read_state(home, "HYPE").stage == "rejected"
