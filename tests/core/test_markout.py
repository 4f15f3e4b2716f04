"""Markouts: the sign, the identity, the mid that held, and honest silence."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core import markout
from engine.core.markout import HORIZONS, PENDING, PRIOR_COST, Markouts
from engine.events import BUY, FILL, SELL, Event
from engine.record import zeros

S = markout.S
T0 = 1_000 * S
STALE_NS = 10 * S
AFTER_S = (1, 5, 30, 60, 300)


def fill(side=BUY, px=19.99, ts_ns=T0, tid=1):
    e = zeros(Event)[0]
    e.kind, e.side, e.px, e.sz, e.ts_ns, e.id, e.extra = FILL, side, px, 2.0, ts_ns, tid, 0.005
    return e


def follow(m, mids):
    """Let the feed speak every second; mids[t] holds from T0 + t seconds on."""
    for t in range(1, len(mids)):
        markout.resolve(m, mids[t - 1], T0 + (t - 1) * S, T0 + t * S, STALE_NS)


@pytest.mark.parametrize(
    ("side", "end", "sign"),
    [(BUY, 20.1, 1), (BUY, 19.9, -1), (SELL, 19.9, 1), (SELL, 20.1, -1)],
)
def test_a_buy_before_a_rise_is_good_and_a_sale_mirrors_it(side, end, sign):
    m = zeros(Markouts)[0]
    markout.remember(m, fill(side, px=20.0), 20.0)
    follow(m, [end] * 302)  # it moves at once after the fill
    assert m.pending[0].known == HORIZONS
    for bps in m.pending[0].markout_bps:
        assert bps == pytest.approx(sign * 50.0)
    assert m.cost_sum_bps == pytest.approx(-sign * 50.0)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([BUY, SELL]),
    st.floats(19.9, 20.1),
    st.lists(st.floats(19.0, 21.0), min_size=302, max_size=302),
)
def test_markout_is_half_spread_plus_the_move_after(side, px, mids):
    m = zeros(Markouts)[0]
    markout.remember(m, fill(side, px), mids[0])
    follow(m, mids)
    o = m.pending[0]
    assert o.half_spread_bps == pytest.approx(1e4 * side * (mids[0] - px) / px, abs=1e-9)
    for k, after_s in enumerate(AFTER_S):
        # the mid that held at the horizon, not the one that began there
        move = 1e4 * side * (mids[after_s - 1] - mids[0]) / px
        assert o.markout_bps[k] == pytest.approx(o.half_spread_bps + move, abs=1e-8)
    assert o.fee_bps == pytest.approx(1e4 * 0.005 / (2.0 * px))


def test_a_horizon_takes_the_mid_that_held_then_not_the_next_one_heard():
    m = zeros(Markouts)[0]
    markout.remember(m, fill(px=20.0), 20.0)
    # nothing moved from 0.2 s until 1.7 s, when the mid jumped
    markout.resolve(m, 20.0, T0, T0 + S // 5, STALE_NS)
    markout.resolve(m, 20.02, T0 + S // 5, T0 + 17 * S // 10, STALE_NS)
    markout.resolve(m, 25.0, T0 + 17 * S // 10, T0 + 2 * S, STALE_NS)
    assert m.pending[0].known == 1
    assert m.pending[0].markout_bps[0] == pytest.approx(10.0)


def test_silence_makes_a_markout_unknown_never_stale():
    m = zeros(Markouts)[0]
    markout.remember(m, fill(px=20.0), 20.0)
    follow(m, [20.0, 20.0])
    markout.resolve(m, 20.0, T0 + S, T0 + 40 * S, STALE_NS)  # 39 s of silence
    o = m.pending[0]
    assert o.known == 3
    assert o.markout_bps[0] == 0.0
    assert o.markout_bps[1] == 0.0  # 4 s after the feed last spoke: still believed
    assert math.isnan(o.markout_bps[2])
    markout.resolve(m, 20.2, T0 + 59 * S, T0 + 61 * S, STALE_NS)  # speaking again
    assert o.markout_bps[3] == pytest.approx(100.0)


def test_a_closed_book_has_no_markout_and_teaches_nothing():
    m = zeros(Markouts)[0]
    markout.remember(m, fill(px=20.0), 20.0)
    follow(m, [math.nan] * 302)
    assert all(math.isnan(bps) for bps in m.pending[0].markout_bps)
    assert m.outcomes == 0
    assert markout.is_complete(m)


def test_cost_of_adverse_selection_shrinks_to_its_prior():
    sigma = 2e-4
    prior = PRIOR_COST * sigma * math.sqrt(5.0)
    m = zeros(Markouts)[0]
    assert markout.expected_cost(m, sigma) == pytest.approx(prior)
    m.weight, m.cost_sum_bps = 20, 20 * 8.0  # as many outcomes as the prior weighs
    assert markout.expected_cost(m, sigma) == pytest.approx(0.5 * (prior + 8e-4))
    m.weight, m.cost_sum_bps = 20_000, 20_000 * 8.0
    assert markout.expected_cost(m, sigma) == pytest.approx(8e-4, rel=1e-2)
    m.weight, m.cost_sum_bps = 20_000, -20_000 * 8.0
    assert markout.expected_cost(m, sigma) == 0.0  # a run of luck is no reason to quote inside


def test_a_fill_on_a_quiet_market_costs_nothing():
    m = zeros(Markouts)[0]
    for side, px in ((BUY, 19.99), (SELL, 20.01)):
        markout.remember(m, fill(side, px), 20.0)
    follow(m, [20.0] * 7)
    assert m.outcomes == 2
    assert m.cost_sum_bps == pytest.approx(0.0, abs=1e-9)


def test_a_runaway_gives_up_the_oldest():
    m = zeros(Markouts)[0]
    for tid in range(PENDING + 5):
        markout.remember(m, fill(tid=tid), 20.0)
    assert m.head - m.tail == PENDING
    assert m.pending[m.tail % PENDING].tid == 5
