"""A sole provider: takers' elasticity comes back, and the markup knows its place."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core import monopolist
from engine.core.monopolist import MARKUP_MAX, USED_WINDOWS, Monopolist
from engine.record import dump_state, kernel, load_state, zeros

COST = 2e-4
positive = st.floats(0.001, 1e6)


@kernel
def live(states, half_spreads, sweeps):
    """One second at each half-spread, with the sweeps heard in it."""
    for i in range(len(half_spreads)):
        monopolist.observe(states[0], half_spreads[i], 1.0)
        for _ in range(sweeps[i]):
            monopolist.hear_sweep(states[0])


def market(eta, per_minute, seconds=172_800, seed=1):
    """A half-spread that wanders around 6 bps, and takers who mind."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=seconds // 600 + 2)
    for k in range(1, len(steps)):
        steps[k] = 0.5 * steps[k - 1] + math.sqrt(0.75) * steps[k]
    x = 0.5 * np.interp(np.arange(seconds), 600.0 * np.arange(len(steps)), steps)
    return 6e-4 * np.exp(x), rng.poisson(per_minute / 60 * np.exp(-eta * x))


def knowing(eta, n=USED_WINDOWS):
    """A state that has measured an elasticity without error."""
    states = zeros(Monopolist)
    m = states[0]
    m.n, m.weight, m.xx, m.xy, m.yy = n, float(n), 1.0, -eta, eta * eta
    return states


@pytest.mark.parametrize("per_minute", [0.3, 1.0, 5.0, 30.0])
@pytest.mark.parametrize("eta", [0.5, 1.5])
def test_a_planted_elasticity_comes_back_in_thin_markets_too(eta, per_minute):
    states = zeros(Monopolist)
    live(states, *market(eta, per_minute))
    assert monopolist.elasticity(states[0]) == pytest.approx(eta, rel=0.2)


def test_the_stated_error_is_honest():
    inside = 0
    for seed in range(60):
        states = zeros(Monopolist)
        live(states, *market(0.7, 4.0, 20_000, seed))
        m = states[0]
        inside += abs(-m.xy / m.xx - 0.7) < 1.96 * monopolist.slope_sd(m)
    assert inside >= 48  # a window mixes half-spreads, so the line is not quite straight


def test_noise_and_what_is_no_demand_curve_give_the_default():
    assert monopolist.elasticity(zeros(Monopolist)[0]) == 1.0
    assert monopolist.elasticity(knowing(-0.8)[0]) == 1.0
    loud = knowing(0.2)
    loud[0].yy = 1000.0
    assert monopolist.elasticity(loud[0]) == pytest.approx(1.0, abs=0.01)


def test_it_is_the_default_before_ten_windows_and_where_the_spread_never_moves():
    assert monopolist.elasticity(knowing(3.0, 9)[0]) == 1.0
    assert monopolist.elasticity(knowing(3.0, 10)[0]) == pytest.approx(3.0)
    states = zeros(Monopolist)
    live(states, np.full(50_000, 5e-4), market(0.0, 5.0, 50_000)[1])
    assert states[0].n > USED_WINDOWS
    assert monopolist.elasticity(states[0]) == 1.0


def test_nothing_before_fifty_windows():
    assert monopolist.markup(knowing(2.0, USED_WINDOWS - 1)[0], 1.0, 0.0, COST) == 0.0
    assert monopolist.markup(knowing(2.0)[0], 1.0, 0.0, COST) > 0.0


def test_alone_it_is_lerners():
    eta = 3.0
    delta = COST + monopolist.markup(knowing(eta)[0], 1.0, 0.0, COST)
    assert (delta - COST) / delta == pytest.approx(1 / eta)
    shared = COST + monopolist.markup(knowing(eta)[0], 2.0, 1.0, COST)
    assert (shared - COST) / shared == pytest.approx(2 / 3 / eta)


@pytest.mark.parametrize("eta", [0.2, 1.0])
def test_takers_who_do_not_mind_pay_the_cap_and_no_more(eta):
    assert monopolist.markup(knowing(eta)[0], 1.0, 0.0, COST) == MARKUP_MAX


@settings(deadline=None)
@given(positive, st.floats(1.5, 1e3), st.floats(0.0, 10.0))
def test_nothing_with_competitors(own, ratio, eta):
    assert monopolist.markup(knowing(eta)[0], own, own * ratio * (1 + 1e-9), COST) == 0.0


@settings(deadline=None)
@given(positive, st.floats(0, 1e6), st.floats(-1e-3, 1e-2), st.floats(-5, 50))
def test_it_is_bounded_and_competitors_never_raise_it(own, others, cost, eta):
    m = knowing(eta)[0]
    alone = monopolist.markup(m, own, 0.0, cost)
    assert 0.0 <= monopolist.markup(m, own, others, cost) <= alone <= MARKUP_MAX


def test_it_fades_out_as_others_arrive():
    m = knowing(2.0)[0]
    markups = [monopolist.markup(m, 1.0, r, COST) for r in np.linspace(0.0, 1.5, 200)]
    assert markups == sorted(markups, reverse=True)
    assert max(-np.diff(markups)) < 0.05 * markups[0]


@pytest.mark.parametrize("own", [0.0, -1.0, math.nan])
def test_who_shows_nothing_is_no_monopolist(own):
    assert monopolist.markup(knowing(2.0)[0], own, 0.0, COST) == 0.0


@pytest.mark.parametrize("half_spread", [0.0, -1e-4, math.nan, math.inf])
def test_a_closed_book_does_not_count(half_spread):
    states = zeros(Monopolist)
    monopolist.observe(states[0], half_spread, 1000.0)
    assert states[0].seconds == 0.0
    for _ in range(100):
        monopolist.hear_sweep(states[0])
    assert states[0].n == 0


def test_silence_is_not_dropped():
    """An hour without a sweep ends in one window at one rate, not in none."""
    states = zeros(Monopolist)
    monopolist.observe(states[0], 5e-4, 3600.0)
    for _ in range(4):
        monopolist.hear_sweep(states[0])
    m = states[0]
    assert m.n == 1
    assert m.y_mean == pytest.approx(math.log(3.5 / 3600))
    assert m.x_mean == pytest.approx(math.log(5e-4))


def test_old_windows_fade_by_half_in_a_half_life():
    states = knowing(2.0, 64)
    m = states[0]
    m.x_mean, m.y_mean = math.log(5e-4), math.log(3.5 / monopolist.HALFLIFE_S)
    monopolist.observe(m, 5e-4, monopolist.HALFLIFE_S)
    for _ in range(4):
        monopolist.hear_sweep(m)
    assert m.weight == pytest.approx(33.0)
    assert m.xx == pytest.approx(0.5)
    assert m.n == 65  # ever


def test_incremental_is_batch():
    rng = np.random.default_rng(2)
    states = zeros(Monopolist)
    m = states[0]
    m.x_mean = 0.0
    xs, ys, ages = [], [], []
    for _ in range(40):
        half_spread, seconds = rng.uniform(2e-4, 9e-4), rng.uniform(60, 2000)
        monopolist.observe(m, half_spread, seconds)
        for _ in range(4):
            monopolist.hear_sweep(m)
        xs.append(math.log(half_spread))
        ys.append(math.log(3.5 / seconds))
        ages = [age + seconds for age in ages] + [0.0]
    w = 0.5 ** (np.array(ages) / monopolist.HALFLIFE_S)
    slope, _ = np.polyfit(xs, ys, 1, w=np.sqrt(w))
    assert m.xy / m.xx == pytest.approx(slope, rel=1e-9)
    assert m.weight == pytest.approx(w.sum())


def test_a_restart_changes_nothing():
    states = zeros(Monopolist)
    live(states, *market(1.0, 5.0, 5000))
    again = load_state(Monopolist, dump_state(states))
    for s in (states, again):
        live(s, *market(1.0, 5.0, 5000, 2))
    assert again.tobytes() == states.tobytes()
