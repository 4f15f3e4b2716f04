"""The Q-table: cold it is neutral, it learns the better arm, and it tells how it chose."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core import q_table
from engine.core.q_table import ARMS, EPSILON, MIN_OUTCOMES, SAME, STATES, TIGHTER, WIDER, QTable
from engine.record import dump_state, kernel, load_state, zeros

any_float = st.floats(allow_nan=True, allow_infinity=True)


def new(seed=7):
    q = zeros(QTable)[0]
    q_table.start(q, 1, seed)
    return q


@kernel
def live(q, s, arm, epochs, fills, mean_bps, noise_bps):
    """Spend epochs in one arm, a few of them filled: half above the mean, half below."""
    for _ in range(epochs):
        q_table.open_epoch(q, s, arm)
    for k in range(fills):
        r = mean_bps + (noise_bps if k % 2 == 0 else -noise_bps)
        q_table.learn(q, s, arm, r, r)


def test_every_state_is_reached_by_its_own_inputs():
    states = [
        q_table.state_of(inventory, volatility, imbalance)
        for inventory in (-0.5, -0.1, 0.0, 0.1, 0.5)
        for volatility in (0.5, 1.0, 2.0)
        for imbalance in (-0.5, 0.0, 0.5)
    ]
    assert states == list(range(STATES))


@given(any_float, any_float, any_float)
def test_any_input_has_a_state(inventory, volatility, imbalance):
    assert 0 <= q_table.state_of(inventory, volatility, imbalance) < STATES


def test_what_is_unknown_is_ordinary():
    assert q_table.state_of(math.nan, math.nan, math.nan) == q_table.state_of(0.0, 1.0, 0.0)


def test_cold_it_says_zero_and_stays_neutral():
    q = new()
    for s in range(STATES):
        assert q_table.value(q, s, TIGHTER) == q_table.surprise(q, s, WIDER) == 0.0
        assert q_table.choose(q, s) == SAME
        assert q_table.propensity(q, s, SAME) == 1.0


def test_nothing_acts_before_twenty_outcomes_of_this_session():
    q = new()
    live(q, 3, TIGHTER, 5000, MIN_OUTCOMES - 1, 50.0, 0.0)
    live(q, 3, SAME, 5000, 0, 0.0, 0.0)
    assert [q_table.choose(q, 3) for _ in range(200)] == [SAME] * 200
    q_table.learn(q, 3, TIGHTER, 50.0, 0.0)
    assert Counter(q_table.choose(q, 3) for _ in range(200)).most_common(1)[0][0] == TIGHTER


@pytest.mark.parametrize(
    ("tighter", "same", "wider", "best"),
    [
        ((400, 3.0), (200, 3.0), (100, 3.0), TIGHTER),  # more fills of the same edge
        ((400, -3.0), (200, -3.0), (0, 0.0), WIDER),  # fills lose: those that never trade are best
        ((200, 3.0), (200, 3.0), (0, 0.0), SAME),  # an arm that never trades is not good
        ((200, 3.0), (200, 3.0), (210, 3.0), SAME),  # within noise
    ],
)
def test_the_unfilled_epochs_count(tighter, same, wider, best):
    q = new()
    for arm, (fills, edge) in ((TIGHTER, tighter), (SAME, same), (WIDER, wider)):
        live(q, 0, arm, 3000, fills, edge, 5.0)
    assert q_table.preferred(q, 0) == best


def test_one_lucky_epoch_is_noise():
    q = new()
    live(q, 0, SAME, 1000, 50, 0.0, 5.0)
    live(q, 0, TIGHTER, 1, 1, 100.0, 0.0)
    assert q_table.preferred(q, 0) == SAME
    assert 0.0 < q_table.value(q, 0, TIGHTER) < 2.0


def test_equal_arms_are_seldom_told_apart():
    rng = np.random.default_rng(3)
    apart = 0
    for _ in range(400):
        q = new()
        for arm in (TIGHTER, SAME, WIDER):
            for _ in range(300):
                q_table.open_epoch(q, 0, arm)
            for r in rng.normal(1.0, 6.0, rng.poisson(30)):
                q_table.learn(q, 0, arm, float(r), 0.0)
        apart += q_table.preferred(q, 0) != SAME
    assert apart < 0.1 * 400  # two arms, 5 % each


def test_propensity_is_the_frequency_of_the_choice():
    q = new()
    live(q, 0, WIDER, 2000, 400, 5.0, 2.0)
    live(q, 0, SAME, 2000, 100, 5.0, 2.0)
    said = {arm: q_table.propensity(q, 0, arm) for arm in (TIGHTER, SAME, WIDER)}
    assert sum(said.values()) == pytest.approx(1.0)
    assert min(said.values()) == pytest.approx(EPSILON / ARMS)
    n = 60_000
    seen = Counter(int(q_table.choose(q, 0)) for _ in range(n))
    for arm, p in said.items():
        assert seen[arm] / n == pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / n))


def test_an_unseeded_generator_still_explores():
    q = zeros(QTable)[0]
    live(q, 0, SAME, 20, MIN_OUTCOMES, 0.0, 5.0)
    assert {q_table.choose(q, 0) for _ in range(2000)} == {TIGHTER, SAME, WIDER}


def test_a_restart_changes_nothing():
    states = zeros(QTable)
    q_table.start(states[0], 5, 11)
    live(states[0], 0, SAME, 50, 30, 1.0, 5.0)
    again = load_state(QTable, dump_state(states))
    chosen = [[q_table.choose(s[0], 0) for _ in range(500)] for s in (states, again)]
    assert chosen[0] == chosen[1]
    assert again.tobytes() == states.tobytes()


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, STATES - 1),
            st.sampled_from([TIGHTER, SAME, WIDER]),
            any_float,
            any_float,
        ),
        max_size=40,
    )
)
def test_whatever_is_learned_stays_finite_and_bounded(rows):
    q = new()
    for s, arm, reward, surprise in rows:
        q_table.open_epoch(q, s, arm)
        q_table.learn(q, s, arm, reward, surprise)
        assert abs(q_table.value(q, s, arm)) <= q_table.OUTLIER_BPS
        assert math.isfinite(q_table.advantage(q, s, arm))
        assert q_table.choose(q, s) in (TIGHTER, SAME, WIDER)
    for column in ("weight", "reward_bps", "square_bps2", "fills", "surprise_bps"):
        assert np.isfinite(q[column]).all()


def test_a_fill_that_brings_inventory_home_earns_more():
    home, flat, away = (
        q_table.reward(2.0, 1.0, b, a) for b, a in ((0.5, 0.25), (0, 0), (0.5, 0.75))
    )
    assert home > flat == 2.0 > away
    assert q_table.reward(2.0, 0.5, 0.0, 0.0) == 1.0


def test_a_round_trip_pays_no_inventory():
    out = q_table.reward(0.0, 1.0, 0.0, 0.4)
    assert out + q_table.reward(0.0, 1.0, 0.4, 0.0) == pytest.approx(0.0)
