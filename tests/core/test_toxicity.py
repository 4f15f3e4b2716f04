"""Toxicity: whoever sells raises the bid's, noise costs nothing, and probabilities mean it."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core import toxicity
from engine.core.toxicity import CONTROLS, FEATURES, FLOW, PREMIUM_MAX, Toxicity
from engine.events import BUY, SELL
from engine.record import dump_state, kernel, load_state, zeros

SIGMA = 2e-4
TRUTH = np.array([0.5, 0.8, 0.4, 0.3, 0.2, -0.1])
CONSTANT = -0.4


def new():
    states = zeros(Toxicity)
    toxicity.start(states[0])
    return states


@kernel
def live(states, xs, adverse, premiums):
    """Forecast each outcome at placement, then learn it; note the premium after it."""
    t = states[0]
    for i in range(len(xs)):
        toxicity.learn(t, xs[i], toxicity.probability(t, xs[i]), adverse[i])
        premiums[i] = toxicity.premium(t, xs[i], SIGMA)


def simulate(n, seed, truth=TRUTH):
    rng = np.random.default_rng(seed)
    xs = np.clip(rng.normal(size=(n, FEATURES)), -3, 3)
    adverse = rng.random(n) < 1 / (1 + np.exp(-CONSTANT - xs @ truth))
    return xs, adverse


def taught(n, seed=1, truth=TRUTH):
    states, premiums = new(), np.zeros(n)
    live(states, *simulate(n, seed, truth), premiums)
    return states, premiums


def seen(side, imbalance=0.0, flow=0.0, momentum=0.0, cross=0.0, log_ratio=0.0, depth=0.0):
    x = np.zeros(FEATURES)
    toxicity.fill_features(x, side, imbalance, flow, momentum, cross, log_ratio, depth)
    return x


def test_planted_weights_come_back_with_their_error():
    t = taught(6000)[0][0]
    sd = np.sqrt(np.diag(t.covariance))
    assert (abs(t.weights - [*TRUTH, CONSTANT]) < 3.5 * sd).all()
    assert sd.max() < 0.1
    assert toxicity.skill(t) > 0.1
    assert toxicity.brier(t) < 0.22
    assert toxicity.trust(t) == 1.0


def test_said_and_seen_agree_in_every_tenth():
    table = taught(6000)[0][0].calibration
    assert table[:, 0].min() > 10
    p, o = table[:, 1] / table[:, 0], table[:, 2] / table[:, 0]
    assert (abs(p - o) < 4 * np.sqrt(p * (1 - p) / table[:, 0])).all()


def test_the_table_adds_up_to_the_scores():
    t = taught(6000)[0][0]
    assert t.calibration[:, 0].sum() == pytest.approx(t.remembered)
    assert t.calibration[:, 2].sum() == pytest.approx(t.adverse)
    assert t.n == 6000
    assert t.remembered < 5000


def test_sales_make_the_bid_more_toxic_and_the_ask_less_by_the_same():
    t = taught(3000)[0][0]
    bid, ask = seen(BUY, flow=-0.8), seen(SELL, flow=-0.8)
    assert (bid == -ask).all() and bid[FLOW] > 0
    neutral = toxicity.probability(t, seen(BUY))
    assert toxicity.probability(t, ask) < neutral < toxicity.probability(t, bid)
    up, down = (math.log(p / (1 - p)) for p in (toxicity.probability(t, x) for x in (bid, ask)))
    middle = math.log(neutral / (1 - neutral))
    assert up - middle == pytest.approx(middle - down, rel=0.02)
    assert toxicity.premium(t, bid, SIGMA) > 0.0
    assert toxicity.premium(t, ask, SIGMA) == 0.0


@settings(deadline=None)
@given(*[st.floats(-5, 5)] * 6)
def test_a_mirrored_market_looks_the_same_to_the_other_side(a, b, c, d, ratio, depth):
    bid, ask = seen(BUY, a, b, c, d, ratio, depth), seen(SELL, -a, -b, -c, -d, ratio, depth)
    assert (bid == ask).all()


@settings(deadline=None)
@given(st.sampled_from([BUY, SELL]), st.lists(st.floats(), min_size=6, max_size=6))
def test_features_are_clipped_and_never_nan(side, values):
    assert (abs(seen(side, *values)) <= toxicity.CLIP).all()


def test_noise_earns_no_premium_nearly_ever():
    premiums = np.array([taught(2000, seed, np.zeros(FEATURES))[1] for seed in range(60)])
    assert (premiums > 0).mean() < 0.005
    assert (premiums[:, -1] > 0).mean() < 0.05


@pytest.mark.parametrize("n", [0, 49, 3000])
def test_a_neutral_market_costs_nothing(n):
    t = taught(n)[0][0]
    for ratio in (-1.0, 0.0, 2.0):
        for depth in (0.0, 1.0, 3.0):
            x = seen(BUY, log_ratio=ratio, depth=depth)
            assert toxicity.premium(t, x, SIGMA) == 0.0


def test_only_the_sides_features_raise_the_premium():
    """Volatility and depth are in the base quote already, however well they predict."""
    truth = np.zeros(FEATURES)
    truth[CONTROLS:] = 1.5
    states, premiums = taught(4000, truth=truth)
    assert toxicity.trust(states[0]) == 1.0
    assert np.quantile(premiums[1000:], 0.95) < 0.3e-4


def test_before_fifty_outcomes_it_says_the_prior_and_costs_nothing():
    states = new()
    t = states[0]
    assert toxicity.probability(t, seen(BUY)) == pytest.approx(toxicity.PRIOR_RATE, abs=0.005)
    assert toxicity.base_rate(t) == pytest.approx(toxicity.PRIOR_RATE)
    assert math.isnan(toxicity.brier(t)) and math.isnan(toxicity.base_brier(t))
    assert toxicity.skill(t) == 0.0
    states, premiums = taught(49, truth=10 * TRUTH)
    assert states[0].n == 49
    assert not premiums.any()


def test_it_learns_from_the_snapshot_it_is_given():
    """A forecast of 0.5 for every outcome: only the features can have taught it."""
    states = new()
    x = seen(BUY, flow=-1.0)
    for k in range(400):
        x[FLOW] = 1.0 if k % 2 else -1.0
        toxicity.learn(states[0], x, 0.5, bool(k % 2))
    assert states[0].weights[FLOW] > 1.0
    assert abs(np.delete(states[0].weights[:FEATURES], FLOW)).max() < 1e-9
    assert toxicity.brier(states[0]) == pytest.approx(0.25)  # and what was said is what is judged


@pytest.mark.parametrize("p", [math.nan, 0.0, 1.0, -0.2, math.inf])
def test_an_outcome_without_a_forecast_teaches_nothing(p):
    states = new()
    before = states.tobytes()
    toxicity.learn(states[0], seen(BUY, flow=1.0), p, True)
    assert states.tobytes() == before


@settings(deadline=None)
@given(st.lists(st.floats(-3, 3), min_size=6, max_size=6), st.floats(0, 1))
def test_the_premium_is_bounded_whatever_happens(values, sigma):
    t = STRONG[0]
    x = np.array(values)
    assert 0.0 < toxicity.probability(t, x) < 1.0
    assert 0.0 <= toxicity.premium(t, x, sigma) <= PREMIUM_MAX


STRONG = taught(1000, truth=5 * TRUTH)[0]


def test_a_longer_run_against_us_never_lowers_the_premium():
    t = taught(4000)[0][0]
    costs = [toxicity.premium(t, seen(BUY, flow=-f), SIGMA) for f in np.linspace(0, 2, 20)]
    assert costs == sorted(costs)
    assert costs[-1] > 0.0


def test_skill_that_is_gone_loses_its_trust():
    states, premiums = taught(1500)
    live(states, *simulate(20_000, 3, -TRUTH)[:2], np.zeros(20_000))
    assert (states[0].weights[:FEATURES] * TRUTH < 0).all()  # it has turned round
    states, premiums = taught(1500)
    more = np.zeros(20_000)
    live(states, *simulate(20_000, 3, np.zeros(FEATURES)), more)
    assert premiums[-500:].mean() > 10 * more[-500:].mean()


def test_scores_are_prequential():
    """Each forecast and each base rate is judged by an outcome it had not seen."""
    states = new()
    t = states[0]
    xs, adverse = simulate(200, 4)
    said, rates = [], []
    for x, is_adverse in zip(xs, adverse, strict=True):
        said.append(toxicity.probability(t, x))
        rates.append(toxicity.base_rate(t))
        toxicity.learn(t, x, said[-1], is_adverse)
    keep = toxicity.KEEP ** np.arange(199, -1, -1)
    brier, base = (np.average((np.array(p) - adverse) ** 2, weights=keep) for p in (said, rates))
    assert toxicity.brier(t) == pytest.approx(brier)
    assert toxicity.base_brier(t) == pytest.approx(base)
    assert toxicity.skill(t) == pytest.approx(1 - brier / base)


def test_a_restart_changes_nothing():
    states, _ = taught(300)
    again = load_state(Toxicity, dump_state(states))
    xs, adverse = simulate(50, 9)
    for s in (states, again):
        live(s, xs, adverse, np.zeros(50))
    assert again.tobytes() == states.tobytes()
