"""Traps other systems' gates have fallen into, one test each, by name.

The systems are Argo Rollouts, Flagger, Kayenta and Spinnaker: what each trap was is said beside it.
"""

import inspect
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config import AssetSpec
from engine.gates.bounds import Bounds, bounds
from engine.gates.certainty import Certainty
from engine.gates.criteria import judge
from engine.gates.loops import judge_loops
from engine.gates.verdict import Verdict, worst
from engine.onboarding.approvals import LapsedApprovalError, StaleApprovalError
from engine.onboarding.causes import SpentApprovalError, UncitedMoveError
from engine.onboarding.line import StoppedLineError, freeze
from engine.onboarding.stages import (
    MOVES,
    STAGES,
    IllegalMoveError,
    Stage,
    Trigger,
    decisions,
    engine_mode,
    moves,
    needs_person,
)
from engine.onboarding.store import OnboardingStore
from engine.policy import load_policy
from engine.store.home import Home
from engine.store.metrics import Metrics
from engine.thresholds.gate import Criterion, GatePolicy

HOUR_NS = 3_600_000_000_000
WHY = "stated for these tests"
GATE = GatePolicy(
    gate="validation",
    why=WHY,
    min_hours=24.0,
    max_hours=168.0,
    criteria=(
        Criterion(
            metric="edge_bps", title="Edge", unit="bps", minimum=2.3, fail=0.0, target=3.8, why=WHY
        ),
        Criterion(
            metric="as_rate", title="Adverse", unit="share", direction="lower",
            minimum=0.4, fail=0.5, why=WHY,
        ),
        Criterion(metric="filled_orders", title="Orders", unit="orders", minimum=99.0, why=WHY),
        Criterion(
            metric="kill_triggers", title="Kills", unit="count", direction="lower", minimum=0.0,
            fail=0.0, inclusive=("minimum",), exact=True, why=WHY,
        ),
    ),
)  # fmt: skip
GOOD: dict[str, Any] = {"edge_bps": 5.9, "as_rate": 0.2, "filled_orders": 700, "kill_triggers": 0}
METRICS = tuple(GOOD)
NOTHING = (None, math.nan)
BROKEN = (math.inf, -math.inf, "5.9", True)


ABOUT: dict[str, Any] = {
    "asset": "HYPE", "ts_ns": 1, "policy_hash": "p", "config_hash": "c", "code_version": "v",
    "hours": 48.0,
}  # fmt: skip


def look(evidence: Any = None, hours: float | None = 48.0, **changes: Any) -> Verdict:
    shown = {**GOOD, **changes} if evidence is None else evidence
    return judge(GATE, shown, **ABOUT | {"hours": hours})


class Asset:
    """An asset that is taken through its stages by PASS verdicts and approvals."""

    def __init__(self, store: OnboardingStore) -> None:
        self.store, self.now_ns = store, 1_000
        store.enroll(AssetSpec(asset="HYPE", capital_usd=1000), self.now_ns)

    @property
    def at(self) -> tuple[str, Stage, int]:
        state = self.store.get("HYPE")
        return state.asset, state.stage, state.version

    def says(self, outcome: str, gate: str | None = None, **more: Any) -> str:
        self.now_ns += 1
        verdict = {"gate": gate or self.at[1], "verdict": outcome, **more}
        return self.store.record_verdict("HYPE", verdict, self.now_ns)

    def decided(self, decision: str, question: str | None = None) -> str:
        given = (decision, "Ada", "a note", self.now_ns)
        return self.store.record_approval(*self.at, *given, question)

    def move(self, trigger: Trigger, *causes: str) -> Stage:
        self.now_ns += 1
        moved = self.store.move(*self.at, trigger, causes, self.now_ns)
        assert moved is not None
        return moved.stage

    def to(self, stage: Stage) -> "Asset":
        """Go to a stage by the way of `_WAY`."""
        while self.at[1] != stage:
            here = self.at[1]
            trigger = _FALL.get(stage, {}).get(here, _WAY.get(here, "PASS"))
            causes = [self.says(trigger if trigger == "FAIL" else "PASS")]
            if trigger.islower():
                causes.append(self.decided(trigger))
            self.move(trigger, *causes)
        return self


_WAY: dict[Stage, Trigger] = {"prelive": "approve"}
_FALL: dict[Stage, dict[Stage, Trigger]] = {
    "stopped": {"validation": "FAIL"},
    "halted": {"ramp_25": "KILL"},
    "rejected": {"viability": "FAIL"},
}


@pytest.fixture
def asset(home: Home) -> Iterator[Asset]:
    with Metrics.open(home) as metrics:
        yield Asset(OnboardingStore(metrics.con))


def test_the_gate_of_these_tests_can_be_passed() -> None:
    assert look().passed


# -- what was measured ------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [None, 0.0, 24.0, 168.0, 1e4])
def test_no_measurement_can_never_pass(hours: float | None) -> None:
    """Argo: an analysis that was ended before its first measurement counts as successful."""
    assert look({}, hours=hours).verdict in ("NO_DATA", "NOT_YET")
    assert look(dict.fromkeys(METRICS), hours=hours).verdict in ("NO_DATA", "NOT_YET")
    assert not look({}, hours=hours).passed
    assert worst([]) == "NO_DATA"


@pytest.mark.parametrize("hours", [None, math.nan, math.inf, -1.0, "48"])
def test_good_numbers_without_a_time_they_were_measured_over_can_never_pass(hours: Any) -> None:
    assert look(hours=hours).verdict in ("NO_DATA", "ERROR")


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("metric", METRICS)
def test_errors_cannot_pass(metric: str, broken: Any) -> None:
    """Argo: a run was successful although every one of its measurements was an error."""
    assert look(**{metric: broken}).verdict == "ERROR"


def test_an_error_after_a_pass_blocks_the_move_the_pass_would_have_made(asset: Asset) -> None:
    passed = asset.to("validation").says("PASS")
    asset.says("ERROR")
    with pytest.raises(UncitedMoveError, match="has said ERROR since"):
        asset.move("PASS", passed)


@pytest.mark.parametrize("hours", [0.1, 1.0, 23.99])
def test_too_little_data_is_not_yet_however_good_it_looks(hours: float) -> None:
    """Another project's gate passed a release because too little traffic had come."""
    assert look(hours=hours).verdict == "NOT_YET"


def test_too_few_fills_are_not_yet_however_long_it_took() -> None:
    assert look(filled_orders=50).verdict == "NOT_YET"


@pytest.mark.parametrize("nothing", NOTHING)
@pytest.mark.parametrize("metric", METRICS)
def test_no_data_is_not_a_failure(metric: str, nothing: float | None) -> None:
    """Flagger: no traffic counts as a failed check, so a quiet night rolls back."""
    assert look(**{metric: nothing}).verdict == "NO_DATA"
    assert look(dict.fromkeys(METRICS, nothing)).verdict == "NO_DATA"


def test_loops_that_were_never_seen_are_no_data_not_broken() -> None:
    assert judge_loops({}, 60.0, load_policy()).verdict == "NO_DATA"


@pytest.mark.parametrize("metric", METRICS)
def test_a_missing_required_metric_blocks_and_is_named(metric: str) -> None:
    """Kayenta: a group of metrics without data scores 100 of 100."""
    found = look({name: value for name, value in GOOD.items() if name != metric})
    title = next(line.title for line in GATE.criteria if line.metric == metric)
    assert not found.passed
    assert title in found.missing


def test_good_lines_do_not_buy_off_a_bad_one() -> None:
    """Kayenta: a weighted sum lets a good group of metrics outweigh a failing one."""
    assert look(edge_bps=500.0, as_rate=0.51).verdict == "FAIL"


def test_a_toxic_tail_that_ranks_do_not_see_fails() -> None:
    """Kayenta judges by ranks: seven of ten points at a hundred times the baseline still passed."""
    edges = np.full(1_000, 3.0)
    edges[::20] -= 80.0
    assert np.median(edges) == 3.0
    assert look(edge_bps=float(edges.mean())).verdict == "FAIL"


def test_a_rank_test_misses_one_fill_in_twenty_that_loses_30_bps_and_the_mean_does_not() -> None:
    """Kayenta's Mann-Whitney on the same fills, before and after: it calls them alike."""
    ranks, means, hours = 0, 0, 48
    for seed in range(40):
        rng = np.random.default_rng(seed)
        before = rng.normal(3.0, 8.0, (hours, 15))
        after = before - 30.0 * (rng.random(before.shape) < 0.05)
        ranks += mann_whitney_z(after.ravel(), before.ravel()) < -2.33  # Kayenta's 98 %
        loss = (after - before).sum(axis=1)
        paired = bounds(loss, np.full(hours, 15.0))
        means += paired is not None and paired.hi < 0.0
    assert means == 40
    assert ranks <= 15


def mann_whitney_z(x: Any, y: Any) -> float:
    """Return how many standard errors the ranks of x lie above those of y (no ties)."""
    ranks = np.argsort(np.argsort(np.concatenate([x, y]))) + 1.0
    n, m = len(x), len(y)
    u = ranks[:n].sum() - n * (n + 1) / 2
    return float((u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12))


def test_a_group_without_data_does_not_score_full_marks() -> None:
    """Kayenta again: of four groups one never answered, and it counted as perfect."""
    assert look({"edge_bps": 500.0, "kill_triggers": 0}).verdict == "NO_DATA"
    assert worst(["PASS", "PASS", "PASS", "NO_DATA"]) == "NO_DATA"


@pytest.mark.parametrize("broken", BROKEN)
def test_an_error_blocks_even_what_its_bounds_are_sure_of(broken: Any) -> None:
    """Argo: errors were not counted against the limit of failures, so the rest decided alone."""
    seen = Bounds(value=50.0, lo=40.0, hi=60.0, se=1.0, blocks=72, n=720, deff=1.0)
    sure = Certainty(720.0, seen, seen, 0.0, 2.3, None)
    gate = GATE.model_copy(update={"evidence": "bound"})
    low = seen.model_copy(update={"value": 0.2, "lo": 0.1, "hi": 0.3})
    certain = {"edge_bps": sure, "as_rate": Certainty(720.0, low, low, 0.5, 0.4, None)}
    assert judge(gate, GOOD, certain=certain, **ABOUT).passed
    said = judge(gate, GOOD | {"edge_bps": broken}, certain=certain, **ABOUT)
    assert said.criteria[0].verdict == "ERROR"
    assert said.verdict == "ERROR"


def test_bounds_that_were_never_formed_are_not_replaced_by_the_value() -> None:
    """An empty series is a pass where the missing part is left out of the comparison."""
    gate = GATE.model_copy(update={"evidence": "bound"})
    said = judge(gate, GOOD, certain={}, **ABOUT)
    assert said.verdict == "NO_DATA"
    assert [one.verdict for one in said.criteria] == ["NO_DATA", "NO_DATA", "PASS", "PASS"]


@given(
    st.fixed_dictionaries(
        {
            name: st.one_of(*3 * [st.just(GOOD[name])], st.floats(), st.none(), st.text(max_size=3))
            for name in METRICS
        }
    ),
    st.one_of(st.floats(24.0, 200.0), st.floats(), st.none()),
)
def test_only_numbers_that_are_all_there_and_all_good_over_the_whole_time_pass(
    evidence: dict[str, Any], hours: float | None
) -> None:
    numbers = [*evidence.values(), hours]
    finite = all(isinstance(n, int | float) and math.isfinite(n) for n in numbers)
    found = look(evidence, hours=hours)
    if found.passed:
        assert finite
        assert hours is not None and hours >= GATE.min_hours
        assert evidence["edge_bps"] > 2.3 and evidence["kill_triggers"] <= 0


# -- time ------------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [24.0, 167.9, 168.0, 169.0, 1e3, 1e6])
@pytest.mark.parametrize("undecided", [{"edge_bps": 1.0}, {"edge_bps": None}, {"as_rate": 0.45}])
def test_what_is_not_a_pass_never_becomes_one_by_waiting(
    undecided: dict[str, Any], hours: float
) -> None:
    """Argo: an inconclusive analysis was promoted when the pause it ran beside was over."""
    assert look(hours=hours, **undecided).verdict in ("NOT_YET", "NO_DATA", "FAIL")


@pytest.mark.parametrize("outcome", ["NOT_YET", "NO_DATA", "ERROR"])
@pytest.mark.parametrize("stage", [s for s in STAGES if (s, "PASS") in MOVES])
def test_no_stage_is_left_upwards_on_anything_but_a_pass(
    asset: Asset, stage: Stage, outcome: str
) -> None:
    asset.to(stage)
    assert not moves(stage, outcome)
    for _ in range(3):
        said = asset.says(outcome)
        asset.now_ns += 1_000 * HOUR_NS  # and however long it lasts
        with pytest.raises(UncitedMoveError, match="needs a verdict PASS"):
            asset.move("PASS", said)
    assert asset.at[1] == stage


def test_a_gate_that_stays_undecided_ends_with_a_person_who_has_three_ways_out() -> None:
    """Argo: an inconclusive run is stuck after promotion, or starts over for ever."""
    assert look(hours=168.0, edge_bps=1.0).verdict == "FAIL"
    assert MOVES["validation", "FAIL"].to == "stopped"
    assert decisions("stopped") == ("retune", "extend", "drop")


# -- moves -----------------------------------------------------------------------------------


def test_a_move_rests_on_what_the_gate_says_when_it_is_made(asset: Asset) -> None:
    """Argo: a failing analysis raced with the last step, and the bad version was shipped."""
    passed = asset.to("ramp_25").says("PASS", asks="advance")
    failed = asset.says("FAIL", asks="paper")
    with pytest.raises(UncitedMoveError, match="has said FAIL asking for 'paper' since"):
        asset.move("PASS", passed)
    assert asset.move("PAPER", failed) == "paper"


@pytest.mark.parametrize("stage", ["ramp_50", "ramp_75", "ramp_100"])
def test_a_step_down_goes_one_phase_down_and_asks_nobody(asset: Asset, stage: Stage) -> None:
    """Flagger can roll back to nothing only, not by a step."""
    ramp = ["ramp_25", "ramp_50", "ramp_75", "ramp_100"]
    failed = asset.to(stage).says("FAIL", asks="step_down")
    assert asset.move("STEP_DOWN", failed) == ramp[ramp.index(stage) - 1]


def test_stepping_down_going_back_to_paper_and_stopping_are_different_moves() -> None:
    """Flagger has one way down, to nothing: abort, step down and roll back are one word there."""
    down = {
        t: MOVES["ramp_75", t].to for t in ("STEP_DOWN", "PAPER", "KILL") if ("ramp_75", t) in MOVES
    }
    assert down == {"STEP_DOWN": "ramp_50", "PAPER": "paper", "KILL": "halted"}


def test_no_phase_is_skipped_on_the_way_up() -> None:
    ramp = ["ramp_25", "ramp_50", "ramp_75", "ramp_100"]
    for (stage, trigger), move in MOVES.items():
        if move.to in ramp and trigger not in ("STEP_DOWN", "PAPER"):
            came = ramp.index(stage) if stage in ramp else -1
            assert ramp.index(move.to) == came + 1


def test_one_switch_stops_every_rise_and_no_way_down(asset: Asset) -> None:
    """Argo has no freeze, and its users ask for windows and for one switch."""
    advance = asset.to("ramp_50").says("PASS", asks="advance")
    freeze(asset.store._con, "exchange incident", "Ada", asset.now_ns)
    with pytest.raises(StoppedLineError, match=r"exchange incident \(Ada\)"):
        asset.move("PASS", advance)
    down = asset.says("FAIL", asks="step_down")
    assert asset.move("STEP_DOWN", down) == "ramp_25"


@pytest.mark.parametrize(("stage", "trigger"), list(MOVES))
def test_no_bypass_every_move_in_the_table_must_cite_what_justifies_it(
    asset: Asset, stage: Stage, trigger: Trigger
) -> None:
    """Argo's ``promote --full`` and Flagger's ``skipAnalysis`` pass whatever was measured."""
    asset.to(stage)
    with pytest.raises((UncitedMoveError, IllegalMoveError)):
        asset.move(trigger)
    assert asset.at[1] == stage


def test_no_bypass_nothing_that_judges_or_moves_can_be_told_to_skip() -> None:
    words = ("skip", "force", "full", "bypass", "override", "ignore")
    told = [judge, judge_loops, OnboardingStore.move, OnboardingStore.record_approval]
    for function in told:
        names = inspect.signature(function).parameters
        assert not [name for name in names if any(word in name for word in words)]


def test_real_money_begins_with_a_person_and_nothing_else() -> None:
    ways = [(stage, trigger) for (stage, trigger), move in MOVES.items() if move.to == "ramp_25"]
    assert ("prelive", "approve") in ways
    assert all(stage.startswith("ramp_") or t == "approve" for stage, t in ways)


# -- waiting for a person ----------------------------------------------------------------------


def test_monitors_stay_armed_wherever_an_engine_trades() -> None:
    """Flagger: a breached threshold is ignored while the rollout waits for a confirmation."""
    trading = [stage for stage in STAGES if engine_mode(stage)]
    assert "prelive" in trading
    assert all((stage, "KILL") in MOVES for stage in trading)


def test_a_kill_while_a_person_is_waited_for_moves_and_the_answer_comes_too_late(
    asset: Asset,
) -> None:
    passed = asset.to("prelive").says("PASS")
    at = asset.at
    question = asset.store.ask(*at, "a run", asset.now_ns).id
    assert asset.move("KILL", passed) == "stopped"
    with pytest.raises(StaleApprovalError, match="answer the newer question"):
        asset.store.record_approval(*at, "approve", "Ada", "", asset.now_ns, question)


def test_a_kill_goes_before_an_answer_that_was_given_already(asset: Asset) -> None:
    passed = asset.to("prelive").says("PASS")
    at, approved = asset.at, asset.decided("approve")
    assert asset.move("KILL", passed) == "stopped"
    assert asset.store.move(*at, "approve", [passed, approved], asset.now_ns) is None
    with pytest.raises(UncitedMoveError):
        asset.move("retune", approved)


def test_a_gate_that_fails_while_a_person_is_waited_for_voids_the_answer(asset: Asset) -> None:
    passed = asset.to("prelive").says("PASS")
    question = asset.store.ask(*asset.at, "a run", asset.now_ns).id
    asset.says("FAIL", gate="validation")
    with pytest.raises(StaleApprovalError, match="changed since: validation"):
        asset.decided("approve", question)
    assert passed


# -- approvals ---------------------------------------------------------------------------------


def test_an_approval_names_a_content_hash_and_one_transition(asset: Asset) -> None:
    """Argo: whoever may resume has approved, whatever there was to see."""
    passed = asset.to("prelive").says("PASS")
    approved = asset.decided("approve")
    (body,) = [e.body for e in asset.store.history("HYPE") if e.id == approved]
    assert len(bytes.fromhex(body["subject_hash"])) == 32
    assert (body["stage"], body["version"], body["to"]) == ("prelive", 5, "ramp_25")
    assert body["expires_ns"] > asset.now_ns
    assert asset.move("approve", passed, approved) == "ramp_25"


def test_an_approval_of_one_content_does_not_approve_another(asset: Asset) -> None:
    asset.to("prelive").says("PASS", config_hash="one")
    approved = asset.decided("approve")
    passed = asset.says("PASS", config_hash="another")
    with pytest.raises(LapsedApprovalError, match="has changed since"):
        asset.move("approve", passed, approved)


def test_an_approval_is_used_once(asset: Asset) -> None:
    held = asset.to("prelive").decided("hold")
    asset.move("hold", held)
    with pytest.raises(SpentApprovalError, match="one approval makes one move"):
        asset.move("hold", held)


@pytest.mark.parametrize("stage", [s for s in STAGES if needs_person(s)])
def test_a_verdict_alone_decides_nothing_that_a_person_must_decide(
    asset: Asset, stage: Stage
) -> None:
    passed = asset.to(stage).says("PASS")
    for decision in decisions(stage):
        with pytest.raises(UncitedMoveError, match="needs an approval"):
            asset.move(decision, passed)
