"""Fill intensity: the truth comes back, wherever we chose to quote."""

import math

import numpy as np
import pytest

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


def test_the_stated_error_is_honest():
    rng = np.random.default_rng(5)
    inside = 0
    for _ in range(200):
        states = new()
        quote(states, (2.5, 8.5), 2e4, 0.05, PRIOR, rng)
        solve(states)
        inside += abs(states[0].kappa - PRIOR) < 1.96 * states[0].kappa_sd
    assert inside >= 180  # the prior is right here, so the intervals are wide rather than narrow


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
    assert steps[0].n == batch[0].n == batch[0].fills.sum()


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
    intensity.forget(states[0], intensity.HALFLIFE_S)
    assert states[0].fills.sum() == pytest.approx(4.0)
    assert states[0].seconds.sum() == pytest.approx(500.0)
    assert states[0].n == 8  # ever


@pytest.mark.parametrize("depth", [-1.0, -1e-5, 0.0, 1e-9, 0.5, 1e6])
def test_any_depth_has_a_bin(depth):
    assert 0 <= intensity.bin_of(depth) < intensity.BINS


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
