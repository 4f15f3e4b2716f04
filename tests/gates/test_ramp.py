"""What takes an asset up the ramp, down, or to paper: each budget at its boundary, and the laws."""

import math
from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from pydantic import ValidationError

from engine.gates import ramp
from engine.gates.bounds import Bounds
from engine.gates.holds import hold_back, holding, in_force
from engine.gates.live_hours import Hours, Live, Pace, edge_budget, pace
from engine.gates.ramp import Signs, rule_on
from engine.gates.verdict import CriterionResult, Verdict
from engine.onboarding.stages import fraction, live_fraction, next_move, raises_capital
from engine.policy import load_policy
from engine.thresholds.ramp import PHASES, FreezeWindow, RampPolicy

POLICY = load_policy().ramp
PACE = Pace(per_h=15.0, fill_usd=64.0, sd_bps=10.0)  # a power of two scales without rounding
LARGE = PACE._replace(fill_usd=6400.0)  # fills so large that money is gone long before the budget
CAPITAL_USD = 1000.0
BUDGET = edge_budget(PACE, POLICY.drawdown)
WORTH = 0.5 * PACE.fill_usd  # of a mean fill at 50 %
FLAGS = st.booleans()


def line(metric: str, outcome: str) -> CriterionResult:
    return CriterionResult(
        metric=metric, title=metric, unit="bps", value=0.0, direction="higher", minimum=0.0,
        bound=0.0, verdict=outcome, label="minimum",
    )  # fmt: skip


def said(outcome: str = "PASS", metric: str = "edge_bps") -> Verdict:
    return Verdict(
        gate="ramp_50", asset="HYPE", verdict=outcome, criteria=(line(metric, outcome),),
        hours=100.0, hours_needed=96.0, more_hours=0.0, words=f"{outcome}.", policy_hash="p",
        code_version="c", ts_ns=1,
    )  # fmt: skip


def hours(*edges: float, share: float = 0.5, first: int = 0) -> Hours:
    count = len(edges)
    return Hours(first + np.arange(count), np.full(count, share), np.array(edges, dtype=float))


def live(present: Hours, *earlier: Hours, step_downs: int = 0, holds=(), paced=PACE) -> Live:
    return Live(earlier, present, paced, step_downs, tuple(holds), CAPITAL_USD)


def ruled(present: Hours, *earlier: Hours, verdict=None, stage="ramp_50", **more) -> Verdict:
    return rule_on(verdict or said(), stage, live(present, *earlier, **more), POLICY)


def line_of(verdict: Verdict, metric: str) -> CriterionResult:
    return next(one for one in verdict.criteria if one.metric == metric)


@pytest.mark.parametrize(
    ("fallen", "asks"),
    [(math.nextafter(BUDGET, 0.0), "advance"), (BUDGET, "advance"),
     (math.nextafter(BUDGET, math.inf), "step_down")],
)  # fmt: skip
def test_edge_may_fall_by_its_budget_and_no_further(fallen, asks):
    found = ruled(hours(-fallen * WORTH))
    assert found.asks == asks
    assert line_of(found, "edge_drawdown").value == pytest.approx(fallen * 64.0 / CAPITAL_USD)


@pytest.mark.parametrize(
    ("stage", "budget_usd"),
    [("ramp_25", 2.0), ("ramp_50", 4.0), ("ramp_75", 6.0), ("ramp_100", 8.0)],
)
@pytest.mark.parametrize(("more", "gone"), [(-0.001, False), (0.0, True), (0.001, True)])
def test_the_money_of_a_phase_is_gone_when_nothing_is_left_of_it(stage, budget_usd, more, gone):
    shared = fraction(stage)
    found = ruled(hours(-1e4 * (budget_usd + more), share=shared), stage=stage, paced=LARGE)
    assert line_of(found, "money_spent").value == pytest.approx(budget_usd + more)
    assert (line_of(found, "money_spent").verdict == "FAIL") == gone
    assert (found.asks == "paper") == gone


def test_money_that_came_back_was_gone_and_what_was_earned_before_was_there_to_lose():
    assert ruled(hours(-1e4 * 4.0, 1e6), paced=LARGE).asks == "paper"
    assert ruled(hours(1e4, -1e4 * 4.5), paced=LARGE).asks == "advance"


def test_unspent_money_and_gains_of_another_phase_do_not_roll_over():
    rich = hours(1e6, share=0.25)
    assert ruled(hours(-1e4 * 4.0, first=1), rich, paced=LARGE).asks == "paper"


def test_the_drawdown_runs_on_from_phase_to_phase_in_fills_of_each():
    gain, half = 1e6, 0.6 * BUDGET
    quarter = hours(gain, -half * 16.0, share=0.25)
    assert ruled(hours(1.0, -half * WORTH, first=2)).asks != "step_down"
    assert ruled(hours(-half * WORTH, first=2), quarter).asks == "step_down"


@pytest.mark.parametrize(
    ("stage", "step_downs", "asks"),
    [("ramp_25", 0, "paper"), ("ramp_50", 0, "step_down"), ("ramp_75", 1, "step_down"),
     ("ramp_75", 2, "paper"), ("ramp_100", 2, "paper"), ("ramp_100", 7, "paper")],
)  # fmt: skip
def test_the_third_step_down_of_a_life_and_any_from_a_quarter_lead_to_paper(
    stage, step_downs, asks
):
    failing = said("FAIL", metric="as_rate")
    found = ruled(hours(0.0), verdict=failing, stage=stage, step_downs=step_downs)
    assert (found.asks, found.verdict) == (asks, "FAIL")
    assert "its gate has failed by its as_rate" in found.words


def test_an_edge_surely_below_zero_leads_to_paper_from_anywhere():
    for stage in PHASES:
        found = ruled(hours(0.0), verdict=said("FAIL"), stage=stage)
        assert found.asks == "paper"
        assert found.words.startswith("BACK TO PAPER: edge is surely below 0. FAIL.")


@pytest.mark.parametrize("outcome", ["NOT_YET", "NO_DATA", "ERROR"])
def test_what_has_not_passed_stays(outcome):
    found = ruled(hours(0.0), verdict=said(outcome))
    assert (found.asks, found.verdict) == ("stay", outcome)


def test_full_capital_has_nowhere_to_go_and_nothing_to_hold():
    found = ruled(hours(0.0), stage="ramp_100", holds=["frozen: a test"])
    assert (found.asks, found.verdict) == ("stay", "PASS")


def test_a_pace_that_is_not_known_never_advances_and_money_still_counts():
    assert ruled(hours(0.0), paced=None).verdict == "NO_DATA"
    assert ruled(hours(0.0), paced=None).asks == "stay"
    assert ruled(hours(-1e6), paced=None).asks == "paper"


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_an_hour_that_is_no_number_never_takes_an_asset_up(broken):
    for around in (hours(1.0, broken), hours(broken, share=0.5), hours(1.0)._replace(
        fraction=np.array([broken]))):  # fmt: skip
        found = ruled(around)
        assert (found.verdict, found.asks) == ("ERROR", "stay")
        assert "is not finite in block" in found.words
    assert ruled(hours(1.0, first=1), hours(broken)).verdict == "ERROR"


def test_a_clock_that_was_set_back_never_takes_an_asset_up():
    for numbers in ([0, 2, 1], [0, 0, 1]):
        found = ruled(hours(1.0, 1.0, 1.0)._replace(hour=np.array(numbers)))
        assert (found.verdict, found.asks) == ("ERROR", "stay")
        assert "a clock was set back" in found.words


def test_a_bad_hour_silences_no_alarm():
    assert ruled(hours(1e6, math.nan, -2 * BUDGET * WORTH)).asks == "step_down"
    assert ruled(hours(-1e4 * 5.0, math.inf)).asks == "paper"
    assert ruled(hours(math.nan), verdict=said("FAIL")).asks == "paper"


def test_no_hours_at_all_are_no_drawdown_and_no_loss():
    found = ruled(hours(), verdict=said("NO_DATA"))
    assert found.asks == "stay"
    assert line_of(found, "edge_drawdown").value == line_of(found, "money_spent").value == 0.0


def test_money_cannot_be_promised_twice_and_a_drawdown_needs_a_hope():
    whole = POLICY.model_dump()
    for path, value, complaint in (
        (("ramp_100", "money_share"), 0.5, "must not exceed 1 together"),
        (("drawdown", "hoped_edge_bps"), 0.0, "greater than 0"),
        (("drawdown", "days_to_false_alarm"), math.inf, "finite"),
        (("step_downs", "last"), 0, "greater than or equal to 1"),
        (("money", "share"), 0.0, "greater than 0"),
    ):
        changed = whole | {path[0]: whole[path[0]] | {path[1]: value}}
        with pytest.raises(ValidationError, match=complaint):
            RampPolicy.model_validate(changed)


def test_a_verdict_tells_the_ramps_numbers():
    found = ruled(hours(1e6, -16e3), step_downs=1)
    assert found.words == (
        "PASS. Edge drawdown 32.00 of 60.08 bps of capital, money spent 0.00 of 4.00 dollars, "
        "step-downs 1."
    )
    budget = line_of(found, "edge_drawdown")
    assert budget.bound == pytest.approx(BUDGET * 64.0 / CAPITAL_USD)
    assert "939 bps of a mean fill, for 15.0 fills an hour with sd 10.0 bps" in budget.note


def test_pace_is_of_paper_hours_and_unknown_where_nothing_varies():
    blocks = {
        "markouts": np.array([10.0, 20.0, 0.0]),
        "notional_usd": np.array([600.0, 1200.0, 0.0]),
        "edge_usd_bps": np.array([600.0, 1200.0, 0.0]),
        "edge_usd_bps_sq": np.array([10 * 3600.0 * 101, 20 * 3600.0 * 101, 0.0]),
        "live_s": np.full(3, 3600.0),
    }
    assert pace(blocks) == pytest.approx((10.0, 60.0, 10.0))
    half = blocks | {"live_s": np.full(3, 1800.0)}
    assert pace(half) == pytest.approx((20.0, 60.0, 10.0)), "an hour of market data, not of a clock"
    still = blocks | {"edge_usd_bps_sq": blocks["markouts"] * 3600.0}
    assert pace(still) is None
    for broken in (0.0, math.nan, math.inf):
        assert pace({name: np.full(3, broken) for name in blocks}) is None
    assert pace({name: values[:0] for name, values in blocks.items()}) is None


@given(st.integers(0, 3), st.builds(Signs, *[FLAGS] * 6), st.integers(0, 5))
def test_the_table_goes_up_on_a_pass_alone_and_no_hold_keeps_it_from_going_down(
    phase, signs, downs
):
    asks = ramp.rule(phase, signs, downs, 3)
    bad = signs.refuted or signs.failed or signs.fallen or signs.spent
    assert (asks in ("step_down", "paper")) == bad
    assert asks != "advance" or (signs.passes and not signs.held and phase < 3)
    assert asks != "step_down" or (phase > 0 and downs + 1 < 3)
    if bad:
        assert ramp.rule(phase, signs._replace(held=not signs.held), downs, 3) == asks


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


@pytest.mark.parametrize(
    ("when", "inside"),
    [("2026-01-02T23:59:59", False), ("2026-01-03T19:59:59", False), ("2026-01-03T20:00", True),
     ("2026-01-03T21:59:59", True), ("2026-01-03T22:00", False), ("2026-01-04T20:30", True),
     ("2026-01-05T20:30", False)],
)  # fmt: skip
def test_a_weekly_window_covers_its_hours_of_its_days(when, inside):
    window = FreezeWindow(
        why="a test of windows", name="w", weekdays=("Sat", "Sun"), from_hour=20, to_hour=22
    )
    assert in_force(window, at(when)) == inside


@pytest.mark.parametrize(
    ("when", "inside"),
    [("2026-12-23T23:59:59", False), ("2026-12-24T00:00", True), ("2027-01-02T23:59:59", True),
     ("2027-01-03T00:00", False)],
)  # fmt: skip
def test_the_turn_of_the_year_is_frozen_with_both_of_its_ends(when, inside):
    assert bool(holding(POLICY, at(when))) == inside


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [({}, "name weekdays, or first_day"), ({"first_day": date(2026, 1, 1)}, "go together"),
     ({"first_day": date(2026, 1, 2), "last_day": date(2026, 1, 1)}, "is after last_day"),
     ({"weekdays": ("Sat",), "from_hour": 5, "to_hour": 5}, "must be before to_hour"),
     ({"weekdays": ("Caturday",)}, "'Sat'"), ({"weekdays": ("Sat",), "to_hour": 25}, "24")],
)  # fmt: skip
def test_what_is_no_window_is_refused(fields, complaint):
    with pytest.raises(ValidationError, match=complaint):
        FreezeWindow(why="a test of windows", name="w", **fields)


@pytest.mark.parametrize(("lo", "holds"), [(3.29, False), (3.3, False), (3.31, True)])
def test_a_gap_surely_beyond_the_haircut_holds_and_an_unknown_one_does_not(lo, holds):
    gap = Bounds(value=4.0, lo=lo, hi=5.0, se=0.1, blocks=30, n=100.0, deff=None)
    assert bool(holding(POLICY, 1, gap=gap, haircut_bps=2.3)) == holds
    assert not holding(POLICY, 1, gap=None, haircut_bps=2.3)


def test_everything_that_holds_is_named():
    found = holding(POLICY, at("2026-12-25T12:00"), stopped="venue upgrade (Ada)")
    assert found == ("the line is stopped: venue upgrade (Ada)", "frozen: turn of the year")
    held = hold_back(said(), found)
    assert (held.verdict, held.asks, held.missing) == ("NOT_YET", "hold", found)
    assert hold_back(said("NOT_YET"), found) == said("NOT_YET")
    assert hold_back(said(), ()) == said()


TRIGGERS = {"advance": "PASS", "step_down": "STEP_DOWN", "paper": "PAPER"}


class AssetOnTheRamp(RuleBasedStateMachine):
    """An asset that trades, is looked at and is moved as the table of stages allows."""

    def __init__(self) -> None:
        super().__init__()
        self.stage, self.step_downs, self.hour = "ramp_25", 0, 0
        self.earlier: list[Hours] = []
        self.present: list[float] = []
        self.began, self.stopped = 0, False

    @rule(edge=st.floats(-40.0, 40.0), count=st.integers(1, 30))
    def trade(self, edge: float, count: int) -> None:
        usd = PACE.per_h * PACE.fill_usd * fraction(self.stage)
        self.present += [edge * usd] * count
        self.hour += count

    @rule()
    def throw_the_switch(self) -> None:
        self.stopped = not self.stopped

    @precondition(lambda self: self.stage == "paper")
    @rule()
    def come_back(self) -> None:
        self._enter("ramp_25", fresh=True)

    @precondition(lambda self: self.stage != "paper")
    @rule(
        outcome=st.sampled_from(["PASS", "PASS", "NOT_YET", "FAIL", "NO_DATA", "ERROR"]),
        metric=st.sampled_from(["edge_bps", "as_rate"]),
    )
    def look(self, outcome: str, metric: str) -> None:
        verdict = said(outcome, metric)
        free, held = (self._ruled(verdict, holds) for holds in ((), ("stopped",)))
        assert held.asks != "advance"  # a stopped line keeps every capital from rising
        if free.asks in ("step_down", "paper"):
            assert held.asks == free.asks  # and none from falling
        found = held if self.stopped else free
        assert (found.asks in ("step_down", "paper")) == self._must_fall(verdict)
        assert (found.verdict == "FAIL") == self._must_fall(verdict)
        if found.asks == "advance":
            assert outcome == "PASS" and found.verdict == "PASS"
        if found.asks in TRIGGERS:
            self._move(TRIGGERS[found.asks])

    def _ruled(self, verdict: Verdict, holds: tuple[str, ...]) -> Verdict:
        known = Live(tuple(self.earlier), self._hours(), PACE, self.step_downs, holds, CAPITAL_USD)
        return rule_on(verdict, self.stage, known, POLICY)

    def _must_fall(self, verdict: Verdict) -> bool:
        """Say so in plain sums over plain lists."""
        total = highest = 0.0
        fell = verdict.verdict == "FAIL"
        for one in (*self.earlier, self._hours()):
            for share, edge in zip(one.fraction, one.edge_usd_bps, strict=True):
                total += edge / (share * PACE.fill_usd)
                highest = max(highest, total)
                assume(abs(highest - total - BUDGET) > 1e-6)
                fell |= highest - total > BUDGET
        usd, budget = 0.0, {"ramp_25": 2, "ramp_50": 4, "ramp_75": 6, "ramp_100": 8}[self.stage]
        for edge in self.present:
            usd += edge / 1e4
            assume(abs(usd + budget) > 1e-9)
            fell |= usd <= -budget
        return fell

    def _hours(self) -> Hours:
        return hours(*self.present, share=fraction(self.stage), first=self.began)

    def _move(self, trigger: str) -> None:
        before, to = self.stage, next_move(self.stage, trigger).to
        if raises_capital(before, to):
            assert not self.stopped
            assert PHASES.index(to) == PHASES.index(before) + 1  # no phase is skipped upwards
        if trigger == "STEP_DOWN":
            self.step_downs += 1
        self._enter(to, fresh=trigger != "PASS")

    def _enter(self, stage: str, *, fresh: bool) -> None:
        self.earlier = [] if fresh else [*self.earlier, self._hours()]
        self.stage, self.present, self.began = stage, [], self.hour

    @invariant()
    def capital_is_never_above_the_phase(self) -> None:
        cap = 0.0 if self.stage == "paper" else POLICY.phase(self.stage).fraction
        assert live_fraction(self.stage) <= cap

    @invariant()
    def the_third_step_down_is_none(self) -> None:
        assert self.step_downs < POLICY.step_downs.last


TestAssetOnTheRamp = AssetOnTheRamp.TestCase
