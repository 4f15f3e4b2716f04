"""Risk aversion: bounded, monotone, and calibrated on what followed."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core import risk_aversion
from engine.core.risk_aversion import (
    CALIBRATED,
    COLD,
    DRAWDOWN,
    LEARNED,
    RISK,
    STALE,
    TAIL,
    THINNESS,
    VOLATILITY,
    WARMING,
    RiskAversion,
)
from engine.record import dump_state, kernel, load_state, zeros

SIGMA = 2e-4
BASE = 0.15
CALM, WORST = np.zeros(RISK), np.array([3.0, 1.0, 1.0, 1.0, 1.0])
TRUTH = np.array([0.4, 0.8, -0.5, 1.2])
risks = st.builds(
    lambda values: risks_of(*values), st.lists(st.floats(), min_size=RISK, max_size=RISK)
)
blends = st.floats(0, 1)


def new():
    states = zeros(RiskAversion)
    risk_aversion.start(states[0])
    return states


def risks_of(*values):
    x = np.zeros(RISK)
    risk_aversion.fill_risks(x, *values)
    return x


@kernel
def live(states, xs, moves):
    """Learn one outcome a second."""
    for i in range(len(xs)):
        risk_aversion.learn(states[0], xs[i], moves[i], SIGMA, (i + 1) * 1_000_000_000)


def simulate(n, seed=1, level=0.3):
    rng = np.random.default_rng(seed)
    low, high = np.array([-0.8, -1, 0, 0, 0]), np.array([1.5, 1, 1, 1, 1])
    xs = rng.uniform(low, high, size=(n, RISK))
    variance = 5 * SIGMA**2 * np.exp(xs[:, :LEARNED] @ TRUTH + level)
    return xs, np.sqrt(variance) * rng.normal(size=n)


@settings(deadline=None)
@given(st.floats(1e-3, 50), risks, blends)
def test_it_is_bounded_whatever_happens(base, x, blend):
    g = risk_aversion.gamma(new()[0], base, x, blend)
    assert min(0.05, base) <= g <= max(5.0, base)


@settings(deadline=None)
@given(risks)
def test_the_ends_of_the_blend_are_the_two_models(x):
    r = new()[0]
    for blend, factor in ((1.0, risk_aversion.log_additive(r, x)), (0.0, risk_aversion.product(x))):
        expected = min(max(BASE * factor, 0.05), 5.0)
        assert risk_aversion.gamma(r, BASE, x, blend) == expected


@settings(deadline=None)
@given(risks, blends, st.integers(0, RISK - 1), st.floats(0, 1))
def test_more_of_any_risk_never_lowers_it(x, blend, k, more):
    r = new()[0]
    before = risk_aversion.gamma(r, BASE, x, blend)
    x[k] += more
    assert risk_aversion.gamma(r, BASE, x, blend) >= before * (1 - 1e-12)


@pytest.mark.parametrize("blend", [0.0, 0.4, 1.0])
def test_without_risk_it_is_what_was_configured(blend):
    assert risk_aversion.gamma(new()[0], BASE, CALM, blend) == pytest.approx(BASE, rel=1e-15)


@pytest.mark.parametrize("k", range(RISK))
def test_a_beta_is_what_it_says_near_the_origin(k):
    r, x = new()[0], np.zeros(RISK)
    x[k] = 1e-4
    slope = math.log(risk_aversion.log_additive(r, x)) / x[k]
    assert slope == pytest.approx(risk_aversion.prior_beta(k), rel=1e-6)


def test_the_product_explodes_where_the_other_does_not():
    assert risk_aversion.product(WORST) > 25.0
    assert 4.0 < risk_aversion.log_additive(new()[0], WORST) <= 5.0


def test_planted_betas_come_back():
    states = new()
    live(states, *simulate(30_000))
    r = states[0]
    for k in range(LEARNED):  # a move at the floor hides a little of each
        assert abs(r.weights[k] - TRUTH[k]) < 3 * risk_aversion.beta_sd(r, k) + 0.1 * abs(TRUTH[k])
    assert r.weights[LEARNED] == pytest.approx(0.3, abs=0.25)
    assert risk_aversion.beta(r, DRAWDOWN) == 1.4
    assert risk_aversion.beta_sd(r, DRAWDOWN) == 0.0


def test_a_wrong_sigma_is_not_taken_for_risk():
    states = new()
    rng = np.random.default_rng(2)
    xs = simulate(5000)[0]
    xs[:, TAIL] = np.abs(xs[:, TAIL])
    truth = np.array([risk_aversion.prior_beta(k) for k in range(LEARNED)])
    moves = 3 * SIGMA * math.sqrt(5) * np.exp(xs[:, :LEARNED] @ truth / 2) * rng.normal(size=5000)
    live(states, xs, moves)
    for k in range(LEARNED):
        assert abs(states[0].weights[k] - truth[k]) < 0.3
    assert states[0].weights[LEARNED] == pytest.approx(2 * math.log(3), abs=0.3)


def test_the_prior_weighs_as_much_as_a_hundred_outcomes():
    states = new()
    x = np.zeros(RISK)
    x[THINNESS] = 1.0
    states[0].covariance[LEARNED, LEARNED] = 0.0  # the level is known
    r = states[0]
    move = SIGMA * math.sqrt(5) * math.exp((2.3 - 1.2704) / 2)  # as if β were 2.3
    for _ in range(100):
        risk_aversion.learn(r, x, move, SIGMA, 1)
    assert r.weights[THINNESS] == pytest.approx((0.3 + 2.3) / 2, abs=0.02)


@pytest.mark.parametrize("move", [0.0, -0.0, 1e-300, -1.0, 1e9, math.inf])
def test_no_move_is_too_small_or_too_large(move):
    states = new()
    for _ in range(1000):
        risk_aversion.learn(states[0], WORST, move, SIGMA, 1)
    assert np.isfinite(states[0].weights).all()
    assert 0.2 * BASE <= risk_aversion.gamma(states[0], BASE, WORST, 1.0) <= 5 * BASE


@pytest.mark.parametrize(("move", "sigma"), [(math.nan, SIGMA), (1e-4, 0.0), (1e-4, math.nan)])
def test_what_is_unknown_teaches_nothing(move, sigma):
    states = new()
    before = states.tobytes()
    risk_aversion.learn(states[0], WORST, move, sigma, 1)
    assert states.tobytes() == before


def test_an_unknown_feature_adds_no_risk():
    assert (risks_of(*[math.nan] * RISK) == 0.0).all()
    assert (risks_of(*[math.inf] * RISK) == WORST).all()
    assert risks_of(-math.inf, 0, 0, 0, 0)[VOLATILITY] == -1.0


def test_its_state_goes_from_cold_to_calibrated_to_stale():
    states = new()
    r = states[0]
    assert risk_aversion.state(r, 10**18) == COLD
    xs, moves = simulate(100)
    live(states, xs[:99], moves[:99])
    assert risk_aversion.state(r, r.last_ns) == WARMING
    risk_aversion.learn(r, xs[99], moves[99], SIGMA, r.last_ns + 1)
    assert risk_aversion.state(r, r.last_ns) == CALIBRATED
    assert risk_aversion.state(r, r.last_ns + risk_aversion.STALE_NS) == CALIBRATED
    assert risk_aversion.state(r, r.last_ns + risk_aversion.STALE_NS + 1) == STALE


def test_a_restart_changes_nothing():
    states = new()
    live(states, *simulate(100))
    again = load_state(RiskAversion, dump_state(states))
    for s in (states, again):
        live(s, *simulate(50, 3))
    assert again.tobytes() == states.tobytes()
