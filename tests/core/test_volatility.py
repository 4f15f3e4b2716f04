"""Volatility: a Brownian path gives back its sigma, whatever the rate of events."""

import math

import numpy as np
import pytest

from engine.core import volatility
from engine.core.volatility import PRIOR_SIGMA, Volatility
from engine.record import dump_state, kernel, load_state, zeros

S = 1_000_000_000


def brownian(sigma, hours, per_s, seed=3):
    """Mids at the times of a Poisson clock, driftless."""
    rng = np.random.default_rng(seed)
    gaps = rng.exponential(1.0 / per_s, int(hours * 3600 * per_s))
    ts_ns = S * 1_000 + np.cumsum(gaps * S).astype(np.int64)
    return 20.0 * np.exp(np.cumsum(rng.normal(0.0, sigma * np.sqrt(gaps)))), ts_ns


@kernel
def walk(states, mids, ts_ns, marks):
    """Hear every mid just before it changes; note the variance now and then."""
    v = states[0]
    for k in range(1, len(mids)):
        volatility.update(v, mids[k - 1], ts_ns[k])
        marks[k * len(marks) // len(mids)] = volatility.sigma(v) ** 2


def run(states, mids, ts_ns, n=60):
    marks = np.zeros(n)
    walk(states, mids, ts_ns, marks)
    return marks


@pytest.mark.parametrize("per_s", [0.2, 1.0, 6.0])
@pytest.mark.parametrize("sigma", [4e-5, 3e-4])
def test_a_brownian_path_gives_back_its_sigma_at_any_rate_of_events(sigma, per_s):
    states = zeros(Volatility)
    marks = run(states, *brownian(sigma, 12.0, per_s))
    assert math.sqrt(marks[20:].mean()) == pytest.approx(sigma, rel=0.05)


def test_the_prior_holds_before_evidence_and_then_fades():
    states = zeros(Volatility)
    v = states[0]
    assert volatility.sigma(v) == PRIOR_SIGMA
    before = PRIOR_SIGMA
    for t in range(3600):  # a market that does not move at all
        volatility.update(v, 20.0, t * S)
        assert volatility.sigma(v) <= before
        before = volatility.sigma(v)
    assert before < 0.02 * PRIOR_SIGMA


def test_a_gap_is_not_a_run_of_zero_returns_nor_one_great_jump():
    states = zeros(Volatility)
    mids, ts_ns = brownian(2e-4, 0.5, 1.0)
    run(states, mids, ts_ns)
    before = volatility.sigma(states[0])
    after_ns = int(ts_ns[-1]) + 600 * S
    volatility.update(states[0], float(mids[-1]), after_ns)
    assert volatility.sigma(states[0]) == before
    for t in range(1, 6):  # the mid came back a percent higher
        volatility.update(states[0], 1.01 * float(mids[-1]), after_ns + t * S)
    assert volatility.sigma(states[0]) == pytest.approx(before, rel=0.01)
    assert volatility.sigma(states[0]) < before


def test_a_short_silence_counts_with_the_move_it_hid():
    quiet, still = zeros(Volatility), zeros(Volatility)
    for states, last in ((quiet, 20.2), (still, 20.0)):
        for t in range(30):
            volatility.update(states[0], 20.0, (1 + t) * S)
        volatility.update(states[0], 20.0, 60 * S)
        volatility.update(states[0], last, 61 * S)
    assert volatility.sigma(quiet[0]) > 3 * volatility.sigma(still[0])


@pytest.mark.parametrize(("sigma_bps", "rate"), [(1.0, 0.327), (2.0, 0.411), (3.0, 0.441)])
def test_the_null_rate_of_adverse_selection_is_a_gaussians(sigma_bps, rate):
    states = zeros(Volatility)
    run(states, *brownian(sigma_bps * 1e-4, 24.0, 1.0))
    v = states[0]
    theory = 0.5 * math.erfc(1.0 / (sigma_bps * math.sqrt(5.0)) / math.sqrt(2.0))
    assert theory == pytest.approx(rate, abs=0.001)
    assert v.null_adverse / v.null_n == pytest.approx(theory, abs=0.015)


def test_a_restart_changes_nothing():
    mids, ts_ns = brownian(2e-4, 1.0, 2.0)
    through, first = zeros(Volatility), zeros(Volatility)
    run(through, mids, ts_ns)
    run(first, mids[:3000], ts_ns[:3000])
    second = load_state(Volatility, dump_state(first))
    run(second, mids[2999:], ts_ns[2999:])
    assert second.tobytes() == through.tobytes()
