"""Regime: the level follows the ratio to the usual, slowly forgets, and does not flicker."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core import regime
from engine.core.regime import CALM, EXTREME, HIGH, NORMAL, PREMIUM_CAP, WARM_S, Regime
from engine.core.volatility import PRIOR_SIGMA
from engine.record import dump_state, kernel, load_state, zeros


def new():
    states = zeros(Regime)
    regime.start(states[0])
    return states


@kernel
def hear(states, sigmas, levels):
    for k in range(len(sigmas)):
        regime.update(states[0], sigmas[k])
        levels[k] = states[0].level


def run(states, sigmas):
    """Hear one fast σ a second; the level after each."""
    levels = np.zeros(len(sigmas), np.int64)
    hear(states, np.asarray(sigmas, float), levels)
    return levels


def settled(sigma=PRIOR_SIGMA, seconds=1200):
    states = new()
    run(states, np.full(seconds, sigma))
    return states


def test_it_is_normal_until_warm():
    states = new()
    assert states[0].level == NORMAL
    assert (run(states, np.full(WARM_S, 100 * PRIOR_SIGMA)) == NORMAL).all()


@pytest.mark.parametrize("sigma", [4e-5, 2.5e-4, 3e-3])
def test_a_steady_market_is_normal_however_far_from_the_prior(sigma):
    states = new()
    levels = run(states, np.full(7200, sigma))
    assert levels[-1] == NORMAL
    assert (levels != NORMAL).sum() < 900
    assert regime.ratio(states[0]) == pytest.approx(1.0, rel=1e-6)


@pytest.mark.parametrize(
    ("ratio", "level"),
    [
        (0.2, CALM),
        (0.45, CALM),
        (0.55, NORMAL),
        (1.9, NORMAL),
        (2.1, HIGH),
        (2.9, HIGH),
        (3.2, EXTREME),
    ],
)
def test_the_level_is_entered_at_its_bound(ratio, level):
    states = settled()
    assert run(states, [ratio * PRIOR_SIGMA])[0] == level
    assert regime.ratio(states[0]) == pytest.approx(ratio, rel=1e-9)


@pytest.mark.parametrize(
    ("path", "levels"),
    [
        ((2.1, 1.9, 1.7, 1.5, 1.9), (HIGH, HIGH, HIGH, NORMAL, NORMAL)),
        ((3.2, 2.8, 2.5, 2.3, 1.7, 1.5), (EXTREME, EXTREME, EXTREME, HIGH, HIGH, NORMAL)),
        ((0.4, 0.55, 0.62, 0.55), (CALM, CALM, NORMAL, NORMAL)),
        ((3.2, 1.7, 1.5), (EXTREME, HIGH, NORMAL)),
        ((4.0, 0.3, 4.0), (EXTREME, CALM, EXTREME)),
    ],
)
def test_a_level_is_left_only_well_inside_its_bound(path, levels):
    assert tuple(run(settled(), [x * PRIOR_SIGMA for x in path])) == levels


@pytest.mark.parametrize("bound", [0.5, 2.0, 3.0])
def test_noise_about_a_bound_does_not_flicker(bound):
    rng = np.random.default_rng(1)
    noisy = bound * PRIOR_SIGMA * np.exp(rng.normal(0.0, 0.05, 120))
    assert (np.diff(run(settled(), noisy)) != 0).sum() <= 1


@given(
    st.lists(st.floats(0.1, 10.0), min_size=1, max_size=40),
    st.sampled_from([5e-5, 1e-3]),
)
@settings(deadline=None)
def test_the_level_depends_on_the_ratios_alone(ratios, sigma):
    here, there = settled(2.5e-4), settled(sigma)
    a = run(here, [2.5e-4 * x * 1.000001 for x in ratios if x * sigma > 2e-5])
    b = run(there, [sigma * x * 1.000001 for x in ratios if x * sigma > 2e-5])
    assert (a == b).all()


def test_the_median_follows_a_slow_change_without_an_alarm():
    states = settled()
    seconds = np.arange(6 * 3600)
    levels = run(states, PRIOR_SIGMA * 2.0 ** (seconds / 3600.0))  # doubles each hour
    assert (levels == NORMAL).all()
    assert states[0].ln_median == pytest.approx(math.log(64 * PRIOR_SIGMA), abs=0.01)


def test_a_new_usual_is_accepted_after_a_while_and_not_at_once():
    levels = run(settled(seconds=7200), np.full(3600, 2.5 * PRIOR_SIGMA))
    assert (levels[:600] == HIGH).all()
    assert (levels[1800:] == NORMAL).all()


def test_it_is_the_median_and_not_the_mean():
    rng = np.random.default_rng(3)
    ln = rng.normal(0.0, 0.3, 40_000) + 4.0 * (rng.random(40_000) < 0.1)  # a tenth is a storm
    states = new()
    run(states, PRIOR_SIGMA * np.exp(ln))
    assert states[0].ln_median - math.log(PRIOR_SIGMA) == pytest.approx(np.median(ln), abs=0.05)


def test_a_night_without_a_move_does_not_make_the_morning_extreme_for_long():
    states = settled(1e-4)
    run(states, np.zeros(10 * 3600))
    assert (run(states, np.full(3600, 1e-4))[-1]) == NORMAL


@pytest.mark.parametrize(("ratio", "share"), [(0.3, 0.0), (1.0, 0.0), (2.5, 0.25), (4.0, 0.5)])
def test_the_premium_is_a_share_of_the_move_to_come(ratio, share):
    states = settled()
    run(states, [ratio * PRIOR_SIGMA])
    assert regime.premium(states[0], 2e-4) == pytest.approx(share * 2e-4 * math.sqrt(5.0))


@given(st.floats(0.0, 1.0), st.floats(0.01, 100.0))
@settings(deadline=None)
def test_the_premium_is_capped_and_never_negative(sigma, ratio):
    states = settled()
    run(states, [ratio * PRIOR_SIGMA])
    assert 0.0 <= regime.premium(states[0], sigma) <= PREMIUM_CAP


def test_a_restart_changes_nothing():
    sigmas = PRIOR_SIGMA * np.exp(np.random.default_rng(2).normal(0.0, 1.0, 2000))
    through, first = new(), new()
    run(through, sigmas)
    run(first, sigmas[:700])
    second = load_state(Regime, dump_state(first))
    run(second, sigmas[700:])
    assert second.tobytes() == through.tobytes()
