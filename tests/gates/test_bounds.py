"""Bounds that hold whenever one looks, and the plans and budgets made with them."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from benchmarks.gate_looks import looks
from benchmarks.gate_streams import HARSH, MODERATE, streams
from engine.gates.bounds import (
    Bounds,
    attempt_alpha,
    bounds,
    hours_to_pass,
    planned_hours,
    reach,
    student_t,
)
from engine.gates.drawdown import drawdown, drawdown_budget


def fills(hours=48, *, seed=0, edge=2.0, per_hour=10):
    """Sums of independent fills, hour by hour: x, n, x2."""
    rng = np.random.default_rng(seed)
    n = rng.poisson(per_hour, hours)
    hour = np.repeat(np.arange(hours), n)
    e = edge + 10 * rng.standard_normal(len(hour))
    return np.bincount(hour, e, hours), n.astype(float), np.bincount(hour, e * e, hours)


def known(*args, **kwargs) -> Bounds:
    b = bounds(*args, **kwargs)
    assert b is not None
    return b


blocks_of_values = st.lists(
    st.tuples(st.floats(-1e3, 1e3), st.integers(1, 40)), min_size=24, max_size=60
)


@given(blocks_of_values, st.floats(0.01, 0.25))
def test_the_value_lies_between_its_bounds_and_a_smaller_alpha_reaches_further(blocks, alpha):
    x, n = np.array(blocks).T
    b, surer = known(x, n, alpha=alpha), known(x, n, alpha=alpha / 2)
    assert surer.lo <= b.lo <= b.value <= b.hi <= surer.hi
    assert b.value == pytest.approx(x.sum() / n.sum())


@given(blocks_of_values, st.floats(-50, 50))
def test_an_edge_added_to_every_item_moves_value_and_bounds_by_itself(blocks, by):
    x, n = np.array(blocks).T
    b, moved = known(x, n), known(x + by * n, n)
    for one, other in ((b.value, moved.value), (b.lo, moved.lo), (b.hi, moved.hi)):
        assert other == pytest.approx(one + by, abs=1e-6)


@given(st.integers(0, 50), st.floats(0.1, 100))
def test_bounds_are_in_the_unit_of_the_items_and_do_not_know_up_from_down(seed, unit):
    x, n, x2 = fills(seed=seed)
    b, mirrored = known(x, n, x2), known(-unit * x, n, unit**2 * x2)
    assert (mirrored.lo, mirrored.hi) == pytest.approx((-unit * b.hi, -unit * b.lo))
    assert mirrored.deff == pytest.approx(b.deff)


def test_with_independent_fills_the_floor_of_three_rules_and_no_floor_may_be_below_one():
    x, n, x2 = fills(168)
    b = known(x, n, x2)
    assert b.deff is not None and 0.5 < b.deff < 2.0
    assert b.se == pytest.approx(math.sqrt(3) * 10 / math.sqrt(n.sum()), rel=0.05)
    assert known(x, n, x2, deff_floor=6.0).se == pytest.approx(math.sqrt(2) * b.se)
    assert known(x, n).se < b.se  # nothing is known of single items
    assert known(x, n).deff is None
    with pytest.raises(ValueError, match="deff_floor is"):
        bounds(x, n, x2, deff_floor=0.5)


def test_hours_that_resemble_each_other_widen_the_bounds_and_hours_that_offset_do_not_help():
    rng = np.random.default_rng(4)
    ones, shuffled = np.ones(168), rng.standard_normal(168)
    alike = known(np.sort(shuffled), ones)
    offset = known(np.abs(shuffled) * (-1) ** np.arange(168), ones)
    alone = math.sqrt((np.abs(shuffled) ** 2).sum()) / 168
    assert alike.se > 2 * known(shuffled, ones).se
    assert offset.se >= 0.999 * alone


def test_hours_without_items_teach_nothing():
    x, n, x2 = fills(30)
    b = known(x, n, x2)
    idle = [np.concatenate([column, np.zeros(200)]) for column in (x, n, x2)]
    later = known(*idle)
    assert later.blocks == b.blocks and later.lo <= b.lo + 1e-12 and later.hi >= b.hi - 1e-12


@pytest.mark.parametrize("hours", [0, 1, 23])
def test_less_than_a_day_of_blocks_has_no_bounds(hours):
    assert bounds(*fills(23)) is None
    assert bounds(np.ones(hours), np.ones(hours)) is None


def test_blocks_that_are_nearly_all_empty_have_no_bounds_however_many_fills_the_rest_has():
    x, n, x2 = np.zeros(168), np.zeros(168), np.zeros(168)
    assert bounds(x, n, x2) is None
    x[:23], n[:23], x2[:23] = 5000.0, 1000.0, 30_000.0
    assert bounds(x, n, x2) is None


@pytest.mark.parametrize("column", ["x", "n", "x2"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_block_that_is_not_finite_is_refused_by_name(column, value):
    columns = dict(zip(("x", "n", "x2"), fills(), strict=True))
    columns[column][7] = value
    with pytest.raises(ValueError, match=f"{column} is .* in block 7"):
        bounds(**columns)


def test_negative_weights_and_columns_that_do_not_match_are_refused():
    x, n, x2 = fills()
    with pytest.raises(ValueError, match="as many of each"):
        bounds(x, n[1:], x2)
    with pytest.raises(ValueError, match="one value per block"):
        bounds(x[None], n[None])
    for bad in ((x, -n, x2), (x, n, -x2)):
        with pytest.raises(ValueError, match="must be >= 0"):
            bounds(*bad)


@pytest.mark.parametrize("alpha", [0.0, -0.1, 0.3, math.nan])
def test_an_alpha_that_is_no_small_probability_is_refused(alpha):
    with pytest.raises(ValueError, match="alpha is"):
        bounds(*fills(), alpha=alpha)


@pytest.mark.parametrize(
    ("name", "value"), [("best_at", 0.0), ("best_at", math.nan), ("min_blocks", 1)]
)
def test_parameters_outside_their_domain_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} is"):
        bounds(*fills(), **{name: value})


@pytest.mark.parametrize("best_at", [24, 72, 168])
def test_bounds_are_tightest_where_they_are_asked_to_be(best_at):
    here = reach(best_at, best_at=best_at)
    assert all(here <= reach(best_at, best_at=best_at * by) for by in (0.5, 0.7, 1.5, 2.0))


@pytest.mark.parametrize(("t", "quantile"), [(24, 2.004), (72, 1.833), (672, 1.698)])
def test_students_quantile_is_the_one_of_the_tables(t, quantile):
    # degrees of freedom 5.14, 9.0 and 29.65
    assert student_t(t, 0.05) == pytest.approx(quantile, rel=0.003)


@pytest.mark.parametrize("dependence", [MODERATE, HARSH])
def test_every_look_of_the_benchmark_is_the_products(dependence):
    sums = streams(np.random.default_rng(8), dependence, paths=2, hours=168, fills_per_h=4.0)
    seen = looks(*sums)
    lo, hi, rate = seen.lo(), seen.hi(0.01), looks(sums.n, np.ones_like(sums.n))
    for path, last in np.ndindex(2, 168):
        x, n, x2 = (column[path, : last + 1] for column in sums)
        b = bounds(x, n, x2)
        if b is None:
            assert np.isnan(lo[path, last])
            continue
        assert abs(b.lo - lo[path, last]) < 1e-9
        assert abs(known(x, n, x2, alpha=0.01).hi - hi[path, last]) < 1e-9
        assert abs(known(n, np.ones_like(n)).se - rate.se[path, last]) < 1e-9


@pytest.mark.parametrize(
    ("margin", "hours"),
    [
        (1.0, [945, 457, 300, 179, 91, 49]),
        (1.5, [405, 199, 133, 82, 44, 26]),
        (2.0, [224, 113, 77, 49, 28, 24]),
        (3.0, [100, 54, 39, 26, 24, 24]),
        (5.0, [41, 24, 24, 24, 24, 24]),
    ],
)
def test_a_plan_before_the_first_fill_is_the_table_of_the_design(margin, hours):
    rates = (5, 10, 15, 25, 50, 100)
    assert [planned_hours(margin, sd=10.0, per_hour=rate) for rate in rates] == hours


def test_a_forecast_from_evidence_is_that_of_the_plan():
    x, n, x2 = fills(100, per_hour=10, edge=1.5)
    b = known(x, n, x2)
    planned = planned_hours(1.5, sd=10.0, per_hour=10.0)
    more = hours_to_pass(b, bar=0.0, truth=1.5)
    assert planned is not None and more is not None
    assert more + 100 == pytest.approx(planned, rel=0.15)


@given(st.floats(0.5, 20), st.floats(0.1, 3.0), st.floats(0.5, 0.95))
def test_a_wider_margin_never_takes_longer_and_more_certainty_never_less(margin, more, power):
    b = known(*fills())
    hours, soon = (hours_to_pass(b, bar=0.0, truth=m, power=power) for m in (margin, margin + more))
    sure = hours_to_pass(b, bar=0.0, truth=margin, power=power + 0.04)
    assume(hours is not None)
    assert hours is not None and soon is not None and soon <= hours
    assert sure is None or sure >= hours


def test_a_truth_at_the_bar_never_passes_and_one_too_near_is_not_forecast():
    b = known(*fills())
    assert hours_to_pass(b, bar=b.value) is None
    assert hours_to_pass(b, bar=b.value + 1.0) is None
    assert hours_to_pass(b, bar=b.value - 1e-3) is None
    assert hours_to_pass(b, bar=b.value - 100.0) == 0.0
    certain = known(np.full(48, 2.0), np.ones(48))
    assert (certain.lo, certain.hi) == (2.0, 2.0)
    assert hours_to_pass(certain, bar=2.0) is None and hours_to_pass(certain, bar=1.9) == 0.0
    with pytest.raises(ValueError, match="margin is nan"):
        hours_to_pass(b, bar=math.nan)
    with pytest.raises(ValueError, match="power is"):
        hours_to_pass(b, bar=0.0, power=1.0)
    with pytest.raises(ValueError, match="per_hour is"):
        planned_hours(1.0, sd=10.0, per_hour=0.0)


def test_all_attempts_together_spend_alpha_once():
    spent = sum(attempt_alpha(0.05, k) for k in range(1, 2000))
    assert 0.0499 < spent < 0.05
    with pytest.raises(ValueError, match="k is 0"):
        attempt_alpha(0.05, 0)


@pytest.mark.parametrize(("mu", "variance", "budget"), [(1.0, 4.0, 6.0), (0.5, 1.0, 4.0)])
def test_the_budget_is_reached_after_the_hours_it_was_made_for(mu, variance, budget):
    steps, walks, rng = 10, 1000, np.random.default_rng(9)
    # steps see less than all the time does: Siegmund's correction of a CUSUM's threshold
    x = 2 * mu * (budget + 1.166 * math.sqrt(variance / steps)) / variance
    hours = variance / (2 * mu**2) * (math.expm1(x) - x)  # Taylor's equation, forwards
    assert drawdown_budget(mu, variance, hours) * 2 * mu / variance == pytest.approx(x)
    below, taken, alive = np.zeros(walks), np.zeros(walks), np.ones(walks, dtype=bool)
    while alive.any():
        move = mu / steps + math.sqrt(variance / steps) * rng.standard_normal(walks)
        below = np.maximum(below - move, 0.0)
        alive &= below <= budget
        taken += alive / steps
    assert taken.mean() == pytest.approx(hours, rel=0.08)


def test_a_budget_for_an_edge_that_vanishes_is_that_of_a_driftless_walk():
    assert drawdown_budget(1e-6, 1.0, 100.0) == pytest.approx(10.0, rel=1e-3)


@given(st.floats(0.01, 100), st.floats(0.01, 1e4), st.floats(1.0, 1e5))
def test_a_rarer_false_alarm_needs_a_larger_budget_that_solves_taylors_equation(mu, s2, hours):
    budget = drawdown_budget(mu, s2, hours)
    x = 2 * mu * budget / s2
    assume(x > 1e-3)  # below, eˣ - 1 - x is rounding
    assert s2 / (2 * mu**2) * (math.expm1(x) - x) == pytest.approx(hours, rel=1e-6)
    assert drawdown_budget(mu, s2, 2 * hours) > budget


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_a_budget_of_nothing_or_of_no_number_is_refused(bad):
    for args in ((bad, 1.0, 1.0), (1.0, bad, 1.0), (1.0, 1.0, bad)):
        with pytest.raises(ValueError, match=r"must be finite and > 0"):
            drawdown_budget(*args)
    with pytest.raises(ValueError, match="budget is"):
        drawdown([1.0], bad)


@given(st.lists(st.integers(-50, 50), max_size=40), st.integers(1, 100))
def test_a_drawdown_is_the_farthest_fall_from_any_earlier_height(x, budget):
    total = np.concatenate(([0], np.cumsum(x)))
    falls = [total[: end + 1].max() - total[end] for end in range(1, len(total))]
    seen = drawdown(x, budget)
    assert seen.worst == max(falls, default=0)
    assert seen.current == (falls[-1] if falls else 0)
    assert seen.crossed_at == next((i for i, fall in enumerate(falls) if fall > budget), None)
    assert seen.crossed == (seen.worst > budget)


def test_a_drawdown_that_was_crossed_stays_crossed_and_a_hole_in_the_data_raises():
    assert drawdown([-10.0, 50.0], 5.0).crossed
    assert not drawdown([], 5.0).crossed
    with pytest.raises(ValueError, match="x is nan in block 1"):
        drawdown([1.0, math.nan], 5.0)
