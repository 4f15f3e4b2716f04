"""What gates let through on simulated fills, beside gates that judge point values; seeded."""

import numpy as np
import pytest

from benchmarks.gate_ramp import edge_budget
from benchmarks.gate_streams import DEPENDENCE, HARSH, IID, MILD, MODERATE, SD_BPS, streams
from benchmarks.gate_trials import attempts, false_pass, power, ramps, sent_live, turning

ASSETS = 500
SEED = 11


@pytest.mark.parametrize("dependence", DEPENDENCE)
def test_streams_have_the_mean_spread_and_rate_they_are_asked_for(dependence):
    x, n, x2 = streams(np.random.default_rng(SEED), dependence, paths=300, hours=168)
    assert x.sum() / n.sum() == pytest.approx(0.0, abs=0.1)
    assert np.sqrt(x2.sum() / n.sum()) == pytest.approx(SD_BPS, rel=0.03)
    assert n.mean() == pytest.approx(15.0, rel=0.03)


def test_shifted_streams_are_those_of_fills_with_so_much_more_edge():
    fills = streams(np.random.default_rng(SEED), MILD, paths=2, hours=24)
    there = fills.shifted(np.linspace(0.0, 2.0, 24))
    back = there.shifted(-np.linspace(0.0, 2.0, 24))
    assert (there.x - fills.x)[:, -1] == pytest.approx(2.0 * fills.n[:, -1])
    for one, other in zip(fills, back, strict=True):
        assert np.allclose(one, other)


@pytest.mark.parametrize("dependence", [IID, MILD, MODERATE])
def test_without_a_margin_hourly_looks_pass_one_in_twenty_at_most_and_naive_gates_many(dependence):
    once, green, t_test, hac, ours, at_marks = false_pass(dependence, ASSETS, SEED)
    assert at_marks <= ours <= 0.05
    assert once > 0.4 and green > 0.75
    assert t_test > 0.15 and hac > 0.15


def test_regimes_that_outlast_the_evidence_break_the_promise_and_that_is_known():
    *_, hac, ours, _ = false_pass(HARSH, ASSETS, SEED)
    assert 0.05 < ours < 0.16 < hac  # not solved; the ramp's budget stands behind it


def test_a_good_asset_passes_within_days_and_hardly_any_is_failed():
    mild, moderate = (power(dependence, 1.5, ASSETS, SEED) for dependence in (MILD, MODERATE))
    assert mild.daily >= 0.85 and mild.daily_h <= 96 and mild.hourly_h <= 96
    assert moderate.hourly >= 0.85 and moderate.daily >= 0.84 and moderate.daily_h <= 96
    assert max(mild.wrongly_failed, moderate.wrongly_failed) <= 0.005
    assert mild.by_plan >= 0.8 and moderate.by_plan >= 0.7


@pytest.mark.parametrize("dependence", [MILD, MODERATE])
def test_an_asset_that_loses_two_bps_live_is_not_sent_there_and_a_naive_gate_sends_it(dependence):
    one = sent_live(dependence, -2.0, ASSETS, SEED)
    assert one.passed <= 0.01 and one.failed > 0.9
    assert one.once > 0.5 and one.until_green > 0.95


def test_an_asset_that_earns_live_is_sent_there():
    none, some = sent_live(MILD, 0.0, ASSETS, SEED), sent_live(MILD, 1.5, ASSETS, SEED)
    assert none.passed <= 0.05
    assert some.passed >= 0.85 and some.failed <= 0.01 and some.median_h <= 96


def test_trying_again_wears_a_gate_down_unless_each_attempt_asks_for_more():
    points, same, ours = attempts(MODERATE, 150, SEED)
    assert points[-1] > 0.99
    assert ours[-1] < same[-1] < points[-1]
    assert ours[-1] <= 0.05
    assert (np.diff(ours) >= 0.0).all()


def test_a_bad_asset_costs_less_and_a_good_one_no_more_than_under_a_ramp_without_a_way_down():
    def both(edge):
        return ramps(MODERATE, edge, edge_budget(), 40, SEED)[:2]

    for edge in (-2.0, -1.0, turning(2.0, -2.0), turning(1.5, -1.0)):
        naive, ours = both(edge)
        assert ours.mean > naive.mean + 50.0 and ours.p05 > naive.p05 and ours.full == 0.0
    naive, ours = both(2.0)
    assert ours.mean > 0.9 * naive.mean and ours.full >= 0.95


def test_money_budgets_on_the_noisy_account_would_stop_most_good_assets():
    _, ours, with_money = ramps(MODERATE, 1.5, edge_budget(), 40, SEED)
    assert ours.full > 0.8 and with_money.full < 0.5
