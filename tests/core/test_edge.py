"""The edge ensemble: the best forecaster wins, RL keeps its floor, authority is bounded."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core import edge, q_table
from engine.core.edge import AUTHORITY, EMPIRICAL, MEMBERS, RL, RL_FLOOR, STRUCTURAL, EdgeEnsemble
from engine.core.q_table import MIN_OUTCOMES, SAME, TIGHTER, WIDER, QTable
from engine.record import dump_state, kernel, load_state, zeros

any_float = st.floats(allow_nan=True, allow_infinity=True)
bps = st.floats(-1e4, 1e4)


def new(rl_enabled=True):
    e = zeros(EdgeEnsemble)[0]
    edge.start(e, rl_enabled)
    return e


@kernel
def live(e, q, s, structural, realised):
    """Forecast and learn fills one after the other; return the last forecast."""
    blend = 0.0
    for k in range(len(realised)):
        blend = edge.forecast(e, q, s[k], 0, structural[k])
        edge.learn(e, e.members_bps, realised[k])
        q_table.learn(q, s[k], 0, 0.0, realised[k] - structural[k])
    return blend


def market(n, seed, bias=0.0, by_state=0.0, noise=6.0):
    """Fills whose structural forecast misses by `bias`, and by ± `by_state` in two states."""
    rng = np.random.default_rng(seed)
    s = rng.integers(0, 2, n)
    structural = rng.uniform(0.5, 4.0, n)
    realised = structural + bias + by_state * (2 * s - 1) + rng.normal(0.0, noise, n)
    return s, structural, realised


def test_before_evidence_it_is_the_structural_forecast_whoever_is_asked():
    e, q = new(), zeros(QTable)[0]
    assert edge.forecast(e, q, 4, WIDER, 3.25) == pytest.approx(3.25, rel=1e-15)
    assert list(e.members_bps) == [3.25] * MEMBERS
    assert list(e.weight) == [1 - RL_FLOOR, 0.0, RL_FLOOR]


def test_before_twenty_outcomes_weights_and_quote_are_as_at_the_start():
    e, q = new(), zeros(QTable)[0]
    live(e, q, *market(MIN_OUTCOMES - 1, 1, bias=-40.0))
    assert list(e.weight) == [1 - RL_FLOOR, 0.0, RL_FLOOR]
    assert edge.correction(e, 3.0, -40.0, WIDER, 5.0) == 0.0
    edge.learn(e, e.members_bps, -40.0)
    assert edge.correction(e, 3.0, -40.0, WIDER, 5.0) == pytest.approx(AUTHORITY * 5.0)


def test_where_the_structural_forecast_is_right_the_others_agree_with_it():
    e, q = new(), zeros(QTable)[0]
    live(e, q, *market(4000, 2))
    assert max(abs(e.members_bps - e.members_bps[STRUCTURAL])) < 1.0
    assert edge.skill(e, EMPIRICAL) < 0.01


def test_rl_wins_where_states_differ():
    e, q = new(), zeros(QTable)[0]
    live(e, q, *market(2000, 2, by_state=5.0))
    assert e.weight[RL] > 0.9
    assert edge.skill(e, RL) > 0.2


def test_empirical_wins_where_all_states_miss_alike():
    wins = 0
    for seed in range(20):
        e, q = new(), zeros(QTable)[0]
        s, structural, realised = market(400, seed, bias=-4.0)
        s = np.random.default_rng(seed).integers(0, 45, 400)  # few fills in any one
        live(e, q, s, structural, realised)
        wins += e.weight[EMPIRICAL] > max(e.weight[STRUCTURAL], e.weight[RL])
    assert wins >= 18


def test_the_blend_finds_the_bias():
    e, q = new(), zeros(QTable)[0]
    live(e, q, *market(3000, 5, bias=-2.0))
    assert edge.forecast(e, q, 0, SAME, 3.0) == pytest.approx(1.0, abs=0.8)
    assert edge.correction(e, 3.0, 1.0, SAME, 20.0) == pytest.approx(2.0)


def test_a_correction_that_moves_the_quote_does_not_feed_itself():
    """A quote moved out by the correction is built to earn more, and earns more: no runaway."""
    e, q = new(), zeros(QTable)[0]
    rng = np.random.default_rng(8)
    seen, added = [], 0.0
    for _ in range(3000):
        structural = 2.0 + added
        blend = edge.forecast(e, q, 0, SAME, structural)
        realised = structural - 1.5 + rng.normal(0.0, 5.0)
        edge.learn(e, e.members_bps, realised)
        q_table.learn(q, 0, SAME, 0.0, realised - structural)
        added = edge.correction(e, structural, blend, SAME, 40.0)  # room of 8 bps
        seen.append(added)
    assert np.mean(seen[-1000:]) == pytest.approx(1.5, abs=0.5)


def test_without_rl_it_has_no_weight():
    e, q = new(rl_enabled=False), zeros(QTable)[0]
    live(e, q, *market(4000, 2, by_state=40.0))  # RL would win by far
    assert e.weight[RL] == 0.0
    assert e.weight.sum() == pytest.approx(1.0)


@settings(max_examples=150, deadline=None)
@given(st.booleans(), st.lists(st.tuples(bps, any_float), min_size=25, max_size=60))
def test_weights_are_a_distribution_and_the_floor_holds(rl_enabled, rows):
    e, q = new(rl_enabled), zeros(QTable)[0]
    for k, (structural, realised) in enumerate(rows):
        blend = edge.forecast(e, q, k % 45, SAME, structural)
        assert min(e.members_bps) - 1e-9 <= blend <= max(e.members_bps) + 1e-9
        edge.learn(e, e.members_bps, realised)
        q_table.learn(q, k % 45, SAME, 0.0, realised - structural)
        assert e.weight.sum() == pytest.approx(1.0, abs=1e-12)
        assert min(e.weight) >= 0.0
        assert e.weight[RL] >= e.rl_floor


@pytest.mark.parametrize("best", [STRUCTURAL, EMPIRICAL, RL])
@pytest.mark.parametrize("rl_enabled", [True, False])
def test_a_member_that_is_always_wrong_leaves_a_distribution(best, rl_enabled):
    e = new(rl_enabled)
    members = np.full(MEMBERS, 1e6)
    members[best] = 0.0
    for _ in range(1000):
        edge.learn(e, members, 0.0)
    assert e.weight.sum() == pytest.approx(1.0, abs=1e-12)
    expected = 1.0 - RL_FLOOR * (rl_enabled and best != RL)
    if rl_enabled or best != RL:
        assert e.weight[best] == pytest.approx(expected, abs=1e-9)


@settings(max_examples=300, deadline=None)
@given(
    any_float,
    any_float,
    st.sampled_from([TIGHTER, SAME, WIDER]),
    st.floats(0.0, 1e9),
    st.integers(0, 100),
)
def test_authority_is_bounded_whatever_comes(structural, blend, arm, base, outcomes):
    e = new()
    for _ in range(outcomes):
        edge.learn(e, e.members_bps, 1.0)
    asked = edge.correction(e, structural, blend, arm, base)
    assert abs(asked) <= AUTHORITY * base
    assert asked == 0.0 or outcomes >= MIN_OUTCOMES


@settings(max_examples=100, deadline=None)
@given(any_float, any_float, st.integers(1, 60))
def test_whatever_is_heard_the_state_stays_finite(structural, realised, times):
    e, q = new(), zeros(QTable)[0]
    for _ in range(times):
        edge.forecast(e, q, 0, SAME, structural)
        edge.learn(e, e.members_bps, realised)
    for name in ("evidence", "surprise_bps", "square_bps2", "weight", "members_bps"):
        assert np.isfinite(e[name]).all()


@pytest.mark.parametrize("arm", [TIGHTER, SAME, WIDER])
def test_an_arm_moves_the_quote_by_the_weight_of_rl(arm):
    e, q = new(), zeros(QTable)[0]
    live(e, q, *market(500, 1))
    moved = edge.correction(e, 3.0, 3.0, arm, 5.0)
    assert moved == pytest.approx(arm * e.weight[RL] * AUTHORITY * 5.0)


def test_a_fill_that_earns_less_than_it_was_built_for_moves_the_quote_out():
    e, q = new(), zeros(QTable)[0]
    live(e, q, *market(500, 1))
    assert edge.correction(e, 3.0, 2.5, SAME, 5.0) > 0.0 > edge.correction(e, 3.0, 3.5, SAME, 5.0)


def test_unknown_outcomes_are_none():
    e, q = new(), zeros(QTable)[0]
    live(e, q, *market(100, 3))
    before = e.tobytes()
    edge.learn(e, e.members_bps, math.nan)
    assert e.tobytes() == before


def test_a_restart_changes_nothing():
    states, q = zeros(EdgeEnsemble), zeros(QTable)[0]
    edge.start(states[0], True)
    live(states[0], q, *market(200, 3))
    again = load_state(EdgeEnsemble, dump_state(states))
    q2 = q.copy()
    for e, table in ((states[0], q), (again[0], q2)):
        live(e, table, *market(200, 4))
    assert again.tobytes() == states.tobytes()
