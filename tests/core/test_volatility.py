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


def on_grid(returns):
    """Hear one mid a second, after these log returns; a state that saw them all."""
    states = zeros(Volatility)
    hear_grid(states, 20.0 * np.exp(np.cumsum(np.r_[0.0, returns])))
    return states


@kernel
def hear_grid(states, mids):
    v = states[0]
    for t in range(len(mids)):
        volatility.update(v, mids[t], (1 + t) * S)


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


@pytest.mark.parametrize("per_s", [0.2, 1.0, 6.0])
def test_the_fast_sigma_is_as_right_and_only_noisier(per_s):
    sigma = 3e-4
    returns = np.diff(np.log(resampled(*brownian(sigma, 12.0, per_s))))
    states = [on_grid(r) for r in np.split(returns[:42_000], 42)]
    fast = np.array([volatility.fast_sigma(s[0]) for s in states])
    slow = np.array([volatility.sigma(s[0]) for s in states])
    assert math.sqrt((fast**2).mean()) == pytest.approx(sigma, rel=0.1)
    assert fast.std() > 1.3 * slow.std()


def resampled(mids, ts_ns):
    """The mids that held at each whole second."""
    seconds = np.arange(ts_ns[0] // S + 1, ts_ns[-1] // S) * S
    return mids[np.searchsorted(ts_ns, seconds, side="right") - 1]


def test_the_fast_sigma_sees_a_change_first():
    rng = np.random.default_rng(1)
    v = on_grid(np.r_[rng.normal(0, 1e-4, 3600), rng.normal(0, 4e-4, 60)])[0]
    assert volatility.fast_sigma(v) > 1.4 * volatility.sigma(v) > 1.4e-4


def test_before_evidence_there_is_only_the_prior():
    v = zeros(Volatility)[0]
    assert volatility.fast_sigma(v) == PRIOR_SIGMA
    assert volatility.jump_share(v) == 0.0
    assert volatility.effective_s(v) == 0.0


def test_the_evidence_grows_to_the_memory_of_the_half_life():
    seen = [volatility.effective_s(on_grid(np.zeros(n))[0]) for n in (0, 60, 600, 6000)]
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(1.0 / (1.0 - 0.5 ** (1.0 / volatility.HALFLIFE_S)), rel=1e-3)


def test_an_update_says_how_many_seconds_it_closed():
    v = zeros(Volatility)[0]
    ends_s = [10.0, 10.4, 11.0, 14.5, 14.9, 14.9, 80.0, 81.0]  # the sixth is silent for a minute
    closed = [volatility.update(v, 20.0, int(t * S)) for t in ends_s]
    assert closed == [0, 0, 1, 3, 0, 0, 0, 1]


def test_planted_jumps_are_found():
    rng = np.random.default_rng(6)
    returns = rng.normal(0.0, 2e-4, 20_000)
    returns[500::500] += 10 * 2e-4 * rng.choice([-1, 1], len(returns[500::500]))
    v = on_grid(returns)[0]
    planted = len(returns[500::500])
    assert 0.95 * planted <= v.jumps <= planted + 20_000 * 3e-4


@pytest.mark.parametrize(("per_s", "false"), [(0.2, 3e-3), (1.0, 3e-3), (6.0, 3e-4)])
def test_a_brownian_path_has_hardly_any_jumps(per_s, false):
    """Where events are sparse the returns span gaps of many lengths, so their tails are fatter."""
    states = zeros(Volatility)
    run(states, *brownian(3e-4, 12.0, per_s))
    assert states[0].jumps < 12 * 3600 * false


@pytest.mark.parametrize("moves", [1.0, 0.3, 0.1, 0.01])
@pytest.mark.parametrize("law", ["gaussian", "one tick"])
def test_a_mid_that_mostly_stands_still_is_not_called_jumpy(moves, law):
    rng = np.random.default_rng(8)
    n = 40_000
    size = rng.normal(0.0, 2e-4, n) if law == "gaussian" else rng.choice([-1e-5, 1e-5], n)
    states = [on_grid(r) for r in np.split(size * (rng.random(n) < moves), 20)]
    assert np.mean([volatility.jump_share(s[0]) for s in states]) < 0.12
    assert sum(s[0].jumps for s in states) < 1e-3 * n


def test_the_share_of_jumps_is_nearly_what_was_planted():
    """Nearly: the two seconds beside a jump lend it some of their bipower."""
    rng = np.random.default_rng(9)
    shares = []
    for _ in range(100):
        returns = rng.normal(0.0, 2e-4, 3000)
        returns[rng.integers(400) :: 400] += 2e-4 * 20.0  # half of the variance
        shares.append(volatility.jump_share(on_grid(returns)[0]))
    assert all(0.0 <= share <= 1.0 for share in shares)
    assert 0.35 < np.mean(shares) < 0.5


def test_a_market_that_never_moves_is_no_trouble():
    v = on_grid(np.zeros(500_000))[0]  # the variance is long below the least float
    assert volatility.jump_share(v) == 0.0
    assert volatility.fast_sigma(v) < 1e-100
    assert v.jumps == 0
    volatility.update(v, 21.0, 600_000 * S)
    assert math.isfinite(volatility.jump_share(v))
