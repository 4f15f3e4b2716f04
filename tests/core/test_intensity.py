"""Fill intensity: the truth comes back, wherever we chose to quote."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core import intensity
from engine.core.intensity import Intensity
from engine.record import dump_state, kernel, load_state, zeros

PRIOR, PRIOR_FILLS, PRIOR_A = 1500.0, 15.0, 0.02


def new():
    states = zeros(Intensity)
    intensity.start(states[0], PRIOR, PRIOR_FILLS, PRIOR_A)
    return states


@kernel
def observe(states, depth, seconds, fills):
    """Quote at one depth for a while, and be filled so many times."""
    s = states[0]
    intensity.expose(s, depth, seconds)
    for _ in range(fills):
        intensity.fill(s, depth)


@kernel
def solve(states):
    intensity.solve(states[0])


def quote(states, depths_bps, seconds, a, kappa, rng):
    for bps in depths_bps:
        depth = bps * 1e-4
        observe(states, depth, seconds, int(rng.poisson(seconds * a * math.exp(-kappa * depth))))


@pytest.mark.parametrize("depths_bps", [(2.5, 7.5), (9.5, 19.5), (0.5, 4.5, 15.5)])
@pytest.mark.parametrize(("a", "kappa"), [(0.05, 2500.0), (0.3, 900.0)])
def test_the_truth_comes_back_wherever_we_quote(a, kappa, depths_bps):
    states = new()
    rng = np.random.default_rng(11)
    quote(states, depths_bps, 2e6, a, kappa, rng)
    solve(states)
    s = states[0]
    assert abs(s.kappa - kappa) < min(3 * s.kappa_sd, 0.1 * kappa)
    assert s.intensity_per_s == pytest.approx(a, rel=0.1)


@pytest.mark.parametrize("depths_bps", [(0.03, 0.3), (0.1, 0.7), (0.2, 0.9)])
def test_a_market_that_trades_within_a_bp_is_seen_wherever_we_quote(depths_bps):
    states = new()
    quote(states, depths_bps, 5e6, 0.3, 30_000.0, np.random.default_rng(12))
    solve(states)
    s = states[0]
    assert s.kappa == pytest.approx(30_000.0, rel=0.03)
    assert s.intensity_per_s == pytest.approx(0.3, rel=0.05)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_two_quoting_depths_agree_within_their_errors(seed):
    rng = np.random.default_rng(seed)
    near, far = new(), new()
    quote(near, rng.uniform(0.1, 5.0, 4), 3e5, 0.05, 2000.0, rng)
    quote(far, rng.uniform(5.0, 15.0, 4), 3e5, 0.05, 2000.0, rng)
    solve(near)
    solve(far)
    error = math.hypot(near[0].kappa_sd, far[0].kappa_sd)
    assert abs(near[0].kappa - far[0].kappa) < 5 * error


@kernel
def survey(states, kappas, fills, depths, seconds):
    """Return how often the 95 % interval of ln κ has the truth; one state for each truth."""
    inside = 0
    for k in range(len(states)):
        s = states[k]
        intensity.start(s, PRIOR, PRIOR_FILLS, PRIOR_A)
        for j in range(len(depths)):
            intensity.expose(s, depths[j], seconds)
            for _ in range(fills[k, j]):
                intensity.fill(s, depths[j])
        for _ in range(3):
            intensity.solve(s)
        inside += abs(math.log(s.kappa / kappas[k])) < 1.96 * s.kappa_sd / s.kappa
    return inside / len(states)


@pytest.mark.parametrize("seconds", [3e3, 1e5])
@pytest.mark.parametrize("from_prior", [True, False])
def test_the_stated_error_is_honest(from_prior, seconds):
    """On truths the prior expects at any time, on another truth once there are enough fills."""
    rng = np.random.default_rng(5)
    n = 400
    depths = np.array([0.3, 2.5, 6.0, 12.0]) * 1e-4
    kappas = rng.gamma(PRIOR_FILLS, PRIOR / PRIOR_FILLS, n) if from_prior else np.full(n, 1200.0)
    rates = rng.gamma(2.0, PRIOR_A / 2.0, n) if from_prior else np.full(n, 2 * PRIOR_A)
    fills = rng.poisson(seconds * rates[:, None] * np.exp(-kappas[:, None] * depths))
    assert 0.90 <= survey(zeros(Intensity, n), kappas, fills, depths, seconds) <= 0.98


def sweep(states, kappa, n, rng, spacing=0.0):
    """Let `n` public sweeps reach beyond the touch, known to the next of evenly spaced levels."""
    for x in rng.exponential(1.0 / kappa, n):
        known = math.floor(x / spacing) * spacing if spacing else x
        intensity.reach(states[0], known, spacing)


@pytest.mark.parametrize("spacing_bps", [0.0, 1.0, 5.0, 20.0])
@pytest.mark.parametrize("kappa", [600.0, 1500.0])
def test_sweeps_alone_give_kappa_back_however_coarse_the_levels(kappa, spacing_bps):
    states = zeros(Intensity)
    intensity.start(states[0], kappa, 1e-3, PRIOR_A)  # hardly any prior
    states[0].kappa = 5000.0  # wherever we search from
    sweep(states, kappa, 20_000, np.random.default_rng(3), spacing_bps * 1e-4)
    for _ in range(3):
        solve(states)
    assert states[0].kappa == pytest.approx(kappa, rel=0.08)
    assert states[0].kappa_sd >= 0.99 * kappa / math.sqrt(intensity.SWEEP_CAP)


def test_sweeps_raise_the_confidence_but_never_above_what_ten_fills_would():
    rng = np.random.default_rng(4)
    states = new()
    seen = [0.0]
    for n in (1, 9, 60, 900):
        sweep(states, PRIOR, n, rng)
        solve(states)
        seen.append(intensity.confidence(states[0]))
    ceiling = 1.0 - math.sqrt(PRIOR_FILLS / (PRIOR_FILLS + intensity.SWEEP_CAP))
    assert seen == sorted(seen)
    assert 0.0 < seen[1] < seen[2] < seen[3] <= seen[4] <= ceiling + 1e-9
    assert states[0].intensity_per_s == pytest.approx(PRIOR_A)  # they say nothing of A


def test_own_fills_soon_outweigh_a_market_that_misleads():
    rng = np.random.default_rng(6)
    states = new()
    sweep(states, 6000.0, 5000, rng)
    solve(states)
    misled = states[0].kappa
    assert misled > 1.3 * PRIOR
    quote(states, (1.0, 5.0, 12.0), 2e5, 0.05, 1200.0, rng)
    solve(states)
    assert states[0].kappa == pytest.approx(1200.0, rel=0.05)


def test_before_evidence_it_is_the_prior_and_confidence_is_zero():
    states = new()
    solve(states)
    s = states[0]
    assert s.kappa == pytest.approx(PRIOR, rel=1e-9)
    assert s.intensity_per_s == pytest.approx(PRIOR_A, rel=1e-9)
    assert s.kappa_sd == pytest.approx(PRIOR / math.sqrt(PRIOR_FILLS), rel=1e-6)
    assert intensity.confidence(s) == 0.0


def test_silence_alone_gives_no_confidence_but_lowers_the_intensity():
    states = new()
    observe(states, 3e-4, 7200.0, 0)
    solve(states)
    assert intensity.confidence(states[0]) == 0.0
    assert states[0].intensity_per_s < PRIOR_A / 10


def test_confidence_grows_with_evidence_towards_one():
    seen = []
    for seconds in (1e3, 1e4, 1e5, 1e6, 1e7):
        states = new()
        for bps in (2.5, 9.5):
            fills = round(seconds * 0.05 * math.exp(-PRIOR * bps * 1e-4))
            observe(states, bps * 1e-4, seconds, fills)
        solve(states)
        seen.append(intensity.confidence(states[0]))
    assert 0.0 < seen[0] < 0.5
    assert seen == sorted(seen)
    assert seen[-1] > 0.95


def test_incremental_is_batch():
    rng = np.random.default_rng(2)
    batch, steps = new(), new()
    for _ in range(40):
        bps, seconds = float(rng.uniform(0.5, 20.0)), float(rng.uniform(1.0, 900.0))
        fills = int(rng.poisson(0.05 * seconds * math.exp(-2000e-4 * bps)))
        observe(batch, bps * 1e-4, seconds, fills)
        observe(steps, bps * 1e-4, seconds, fills)
        solve(steps)
    solve(batch)
    for name in ("kappa", "intensity_per_s", "kappa_sd"):
        assert steps[0][name] == pytest.approx(batch[0][name], rel=1e-6)
    assert steps[0].n == batch[0].n == batch[0].fills


def test_a_restart_changes_nothing():
    rng = np.random.default_rng(4)
    states = new()
    quote(states, (2.5, 6.5), 5e4, 0.05, 1800.0, rng)
    again = load_state(Intensity, dump_state(states))
    for s in (states, again):
        intensity.forget(s[0], 600.0)
        observe(s, 4.5e-4, 100.0, 3)
        solve(s)
    assert again.tobytes() == states.tobytes()


def test_old_evidence_fades_by_half_in_a_half_life():
    states = new()
    observe(states, 3.5e-4, 1000.0, 8)
    intensity.reach(states[0], 2e-4, 1e-4)
    intensity.forget(states[0], intensity.HALFLIFE_S)
    s = states[0]
    assert s.fills == pytest.approx(4.0)
    assert s.seconds.sum() == pytest.approx(500.0)
    assert (s.sweeps.sum(), s.sweep_excess) == (pytest.approx(0.5), pytest.approx(1e-4))
    assert (s.n, s.n_sweeps) == (8, 1)  # ever


@pytest.mark.parametrize("depth", [-1.0, -1e-5, 0.0, 1e-9, 0.5, 1e6, math.inf, math.nan])
def test_any_depth_has_a_bin_and_stays_a_number(depth):
    states = new()
    observe(states, depth, 1.0, 1)
    intensity.reach(states[0], depth, depth)
    solve(states)
    assert states[0].seconds.sum() == states[0].sweeps.sum() == 1.0
    assert math.isfinite(states[0].kappa) and math.isfinite(states[0].kappa_sd)


@given(st.floats(4e-6, 1.3e-2))
@settings(deadline=None)
def test_a_bin_is_narrow_and_the_next_one_is_deeper(depth):
    k = intensity.bin_of(depth)
    assert intensity.bin_of(depth * (1 + 1 / 8)) in (k + 1, k + 2)
    assert intensity.bin_of(depth * (1 + 1e-9)) in (k, k + 1)


@pytest.mark.parametrize(("near", "far"), [(0, 5000), (5000, 0)])
def test_absurd_evidence_stays_within_bounds(near, far):
    states = new()
    observe(states, 0.5e-4, 3600.0, near)
    observe(states, 60e-4, 3600.0, far)
    for _ in range(20):
        solve(states)
    s = states[0]
    assert intensity.KAPPA_MIN <= s.kappa <= intensity.KAPPA_MAX
    assert math.isfinite(s.intensity_per_s) and s.intensity_per_s > 0
    assert 0.0 <= intensity.confidence(s) <= 1.0
