"""The request budget: it is never overdrawn, it recovers, and the spread never hears of it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core import budget
from engine.core.budget import DAY_S, Budget
from engine.record import kernel, zeros

REACTIONS = {  # each at headroom 100, 30, 10, 5 and 0 %
    budget.interval_factor: (1.0, 1.0, 3.0, 11.5, 20.0),
    budget.worth_factor: (1.0, 1.0, 2.6, 3.0, 3.0),
    budget.limit_factor: (1.0, 1.0, 1.0, 0.55, 0.1),
}


def at(headroom, granted=10_000.0):
    b = zeros(Budget)[0]
    budget.start(b, granted, 1.0)
    budget.spend(b, granted * (1.0 - headroom))
    return b


@pytest.mark.parametrize("reaction", REACTIONS)
def test_reactions_follow_the_table(reaction):
    seen = [reaction(at(h)) for h in (1.0, 0.3, 0.1, 0.05, 0.0)]
    assert seen == pytest.approx(REACTIONS[reaction])


@pytest.mark.parametrize("reaction", REACTIONS)
def test_reactions_are_monotone_and_without_cliffs(reaction):
    grid = np.array([reaction(at(h)) for h in np.linspace(0.0, 1.0, 4001)])
    steps = np.diff(grid)
    assert (steps <= 1e-12).all() or (steps >= -1e-12).all()
    assert abs(steps).max() < 0.05


def test_an_ample_budget_changes_nothing():
    b = at(0.6)
    assert budget.interval_s(b, 0.5, 6.0) == 0.5
    assert budget.price(b, 3e-4) == 3e-4
    assert budget.limit_factor(b) == 1.0


def test_spending_and_earning_move_the_headroom():
    b = at(0.5)
    budget.earn(b, 2_500.0)
    assert budget.headroom(b) == pytest.approx(1.0 - 5_000 / 12_500)
    budget.spend(b, 2_500.0)
    assert budget.headroom(b) == pytest.approx(0.4)


def test_an_asset_in_growth_mode_earns_a_tenth():
    b = zeros(Budget)[0]
    budget.start(b, 10_000.0, 0.1)
    budget.earn(b, 500.0)
    assert b.granted == 10_050.0


@pytest.mark.parametrize("numbers", [(math.nan, 1e4), (1.0, math.nan), (1.0, 0.0), (1.0, math.inf)])
def test_the_venues_own_numbers_win_where_they_are_numbers(numbers):
    b = at(0.5)
    budget.report(b, 9_300.0, 10_400.0)
    budget.report(b, *numbers)
    assert (b.used, b.granted) == (9_300.0, 10_400.0)


def test_a_reserve_is_kept_for_getting_out():
    b = at(100 / 10_000)
    assert budget.headroom(b) == pytest.approx(0.01)
    assert not budget.may_spend(b, 1.0)
    assert budget.may_spend(at(200 / 10_000), 100.0)
    assert not budget.may_spend(at(200 / 10_000), 101.0)
    assert not budget.may_spend(at(0.04, granted=1_000.0), 1.0)  # 40 are left, 50 are kept


def test_nothing_granted_is_nothing_left():
    b = zeros(Budget)[0]
    assert budget.headroom(b) == 0.0
    assert not budget.may_spend(b, 1.0)
    assert math.isfinite(budget.interval_s(b, 1.0, 6.0))


@given(st.floats(0.0, 1e9), st.floats(0.0, 1e9), st.floats(0.0, 1e3))
def test_every_answer_is_finite_and_within_its_range(granted, used, sent):
    b = zeros(Budget)[0]
    budget.start(b, granted, 1.0)
    budget.spend(b, used)
    assert 0.0 <= budget.headroom(b) <= 1.0
    assert 1.0 <= budget.interval_factor(b) <= 20.0
    assert 1.0 <= budget.worth_factor(b) <= 3.0
    assert 0.1 <= budget.limit_factor(b) <= 1.0
    assert 1.0 <= budget.interval_s(b, 1.0, sent) <= DAY_S


@kernel
def _quote(b, returns, fills, notional_usd, least):
    """Quote two sides for a second per return; note what was left at worst, and what was spent."""
    tolerance, wish, resting, next_s, spent, earned = 3e-4, 0.0, 0.0, 0.0, 0.0, 0.0
    for t in range(len(returns)):
        wish += returns[t]
        if fills[t] > 0:
            budget.earn(b, fills[t] * notional_usd)
            earned += fills[t] * notional_usd
        far = t >= next_s and abs(wish - resting) > budget.price(b, tolerance)
        if far and budget.may_spend(b, 2.0):
            budget.spend(b, 2.0)
            spent += 2.0
            resting = wish
            next_s = t + budget.interval_s(b, 1.0, 2.0)
        least[0] = min(least[0], b.granted - b.used)
    return spent, earned


def market(hours, fills_per_hour, seed=3):
    rng = np.random.default_rng(seed)
    seconds = int(3600 * hours)
    return rng.normal(0.0, 2e-4, seconds), rng.poisson(fills_per_hour / 3600, seconds)


@pytest.mark.parametrize("fills_per_hour", [0.0, 4.0, 30.0])
def test_an_hour_at_seven_percent_never_spends_more_than_there_is(fills_per_hour):
    b, least = at(0.07), np.array([math.inf])
    free = budget.free(b)
    spent, earned = _quote(b, *market(1.0, fills_per_hour), 20.0, least)
    assert least[0] >= 100.0  # the reserve
    assert 0.0 < spent <= 1.05 * (free + earned) / 24.0 + 2.0  # a day's budget lasts a day
    if fills_per_hour:
        assert earned >= spent
        assert budget.headroom(b) >= 0.07


@pytest.mark.parametrize("headroom", [0.011, 0.07, 0.25])
def test_over_weeks_what_is_spent_is_what_was_earned(headroom):
    b, least = at(headroom), np.array([math.inf])
    _quote(b, *market(24 * 6, 4.0), 20.0, least)
    spent, earned = _quote(b, *market(24 * 2, 4.0, seed=4), 20.0, least)
    assert spent == pytest.approx(earned, rel=0.15)
    assert least[0] >= 100.0
    assert 0.05 < budget.headroom(b) < 0.3  # it settles, it does not spiral


def test_without_the_reactions_the_same_hour_overdraws():
    """The test above can fail: at the full rate seven percent are gone within the hour."""
    b = at(1.0, granted=1e9)
    spent, _ = _quote(b, *market(1.0, 4.0), 20.0, np.array([math.inf]))
    assert spent > 700.0
