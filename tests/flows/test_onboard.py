"""One step of an onboarding: each path through the gates, on a real API and a real store."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from prefect import flow

from engine.config import AssetSpec
from engine.derive.facts import MarketFacts
from engine.gates.verdict import Verdict
from engine.onboarding.audit import Entry
from engine.onboarding.stages import Stage
from engine.onboarding.store import AssetState
from engine.runners.ramping import course
from engine.runners.standing import onboarding, release_line, stop_line
from engine.store.home import Home
from flows.onboard import Step, advance
from tasks import market
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


@pytest.fixture
def live(put_at: Put, show: Show) -> Put:
    """Put the asset at a phase of the ramp, after two days of paper that somebody has seen."""

    def put(stage: Stage) -> AssetState:
        show(put_at("prelive"), hours=72.5)
        return put_at(stage)

    return put


def entries(home: Home) -> list[Entry]:
    with onboarding(home) as store:
        return store.history("HYPE")


def history(home: Home, kind: str) -> list[dict[str, Any]]:
    return [entry.body for entry in entries(home) if entry.kind == kind]


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


@pytest.fixture
def at_the_venue(facts: MarketFacts, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let a server tell facts of this moment, a second of books and no more."""

    def tell(**changes: Any) -> None:
        now = facts.model_copy(update={"hours_observed": 0.002, "volume_hours": 24.0} | changes)
        source = SimpleNamespace(facts=lambda *_: now)
        monkeypatch.setattr(market, "market_source", lambda *_, **__: source)

    return tell


def test_an_asset_on_paper_only_leaves_paper_when_a_day_of_it_was_seen_and_is_viable(
    home: Home, put_at: Put, show: Show, step: Any, at_the_venue: Callable[..., None]
) -> None:
    at_the_venue(spread_bps=2.0)  # the moment's; paper has seen 10 bps for three days
    show(put_at("validation", viability="PAPER_ONLY"), hours=72.5)
    done = step()
    assert (done.after.stage, done.after.paper_only) == ("prelive", False)
    said = {e["verdict"]["gate"]: e["verdict"]["verdict"] for e in history(home, "verdict")}
    assert said["viability"] == said["validation"] == "PASS"
    assert len(history(home, "transition")[-1]["causes"]) == 2
    with onboarding(home) as store:
        store.verify()


@pytest.mark.parametrize(
    "facts_now", [{"day_volume_usd": 0.8e6}, {"day_volume_usd": 0.1e6}, {"day_volume_usd": None}]
)
def test_an_asset_on_paper_only_stays_there_while_its_market_is_not_viable(
    put_at: Put,
    show: Show,
    step: Any,
    at_the_venue: Callable[..., None],
    facts_now: dict[str, Any],
) -> None:
    at_the_venue(**facts_now)
    show(put_at("validation", viability="PAPER_ONLY"), hours=72.5)
    done = step()
    assert (done.verdict.verdict, done.after.stage) == ("PASS", "validation")
    assert "On paper only:" in done.words
    assert done.after.paper_only


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
    live: Put, show: Show, step: Any, stage: str, hours: float, then: str
) -> None:
    show(live(stage), hours=hours)
    done = step()
    assert done.after.stage == then, done.words
    assert "Edge drawdown 0.00 of 2.3" in done.words


def test_a_phase_whose_paper_shows_nothing_does_not_advance(
    put_at: Put, show: Show, step: Any
) -> None:
    show(put_at("ramp_25"), hours=80)
    done = step()
    assert (done.verdict.verdict, done.after.stage) == ("NO_DATA", "ramp_25")
    assert "paper shows no fills to derive a budget from" in done.words


def test_a_phase_that_loses_what_it_had_earned_steps_down_without_asking(
    home: Home, live: Put, show: Show, step: Any
) -> None:
    state = live("ramp_75")
    show(state, hours=100)
    show(state, hours=110, edge_bps=-3.0)
    done = step()
    assert (done.after.stage, done.after.attempt) == ("ramp_50", 1)
    assert done.words.startswith("HYPE: ramp_75 -> ramp_50. ONE PHASE DOWN: cumulative edge fell")
    assert history(home, "transition")[-1]["trigger"] == "STEP_DOWN"
    with onboarding(home) as store:
        store.verify()


def test_the_third_step_down_of_a_life_leads_to_paper(
    home: Home, live: Put, show: Show, step: Any
) -> None:
    state = live("ramp_75")
    for then in ("ramp_50", "ramp_25", "paper"):
        show(state, hours=100)
        show(state, hours=110, edge_bps=-3.0)
        state = step().after
        assert state.stage == then
    assert state.attempt == 2
    assert [m["trigger"] for m in history(home, "transition")[-3:]] == [
        "STEP_DOWN", "STEP_DOWN", "PAPER",
    ]  # fmt: skip
    assert course(entries(home)).step_downs == 2


def test_a_phase_that_loses_from_its_beginning_leads_to_paper(
    home: Home, live: Put, show: Show, step: Any
) -> None:
    show(live("ramp_50"), hours=100, edge_bps=-2.0)
    done = step()
    assert (done.after.stage, done.after.attempt) == ("paper", 2)
    assert "BACK TO PAPER: edge is surely below 0, and the phase has lost $8" in done.words
    with onboarding(home) as store:
        store.verify()


def test_a_drawdown_that_began_in_an_earlier_phase_counts_in_the_next(
    live: Put, show: Show, step: Any
) -> None:
    first = live("ramp_25")
    show(first, hours=80)
    second = step().after
    show(first, hours=80.5, edge_bps=-1.0)  # told late, of the time before the move
    show(second, hours=1, edge_bps=-1.0)
    assert step().after.stage == "ramp_50"
    show(second, hours=2.5, edge_bps=-1.0)
    assert step().after.stage == "ramp_25"  # neither phase has fallen so far alone


def test_a_stopped_line_holds_a_good_phase_and_not_a_bad_one(
    home: Home, live: Put, show: Show, step: Any
) -> None:
    state = live("ramp_50")
    show(state, hours=100)
    stop_line(home, "venue upgrade", "Ada", NOW_NS)
    done = step()
    assert (done.after.stage, done.verdict.verdict) == ("ramp_50", "NOT_YET")
    assert done.words.startswith("HELD: the line is stopped: venue upgrade (Ada).")
    show(state, hours=110, edge_bps=-3.0)
    assert step().after.stage == "ramp_25"


def test_a_stopped_line_holds_the_checklist_until_it_goes_on(
    home: Home, put_at: Put, show: Show, step: Any
) -> None:
    show(put_at("prelive"), hours=72.5)
    stop_line(home, "venue upgrade", "Ada", NOW_NS)
    done = step()
    assert done.words.startswith("HELD: the line is stopped: venue upgrade (Ada).")
    release_line(home, "Ada", NOW_NS)
    assert "asked about prelive" in step().words


def test_a_validation_that_fails_while_a_person_thinks_stops_the_asset(
    home: Home, put_at: Put, show: Show, step: Any
) -> None:
    state = put_at("prelive")
    show(state, hours=72.5)
    assert "asked about prelive" in step().words
    show(state, hours=240, edge_bps=-6.0)
    done = step()
    assert done.after.stage == "stopped", done.words
    assert done.verdict.gate == "validation"
    assert history(home, "transition")[-1]["trigger"] == "FAIL"


def test_each_phase_starts_its_own_evidence(live: Put, show: Show, step: Any) -> None:
    state = live("ramp_25")
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
