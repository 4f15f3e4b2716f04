"""The ladder and what it takes to get there."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core import ladder
from engine.core.ladder import Ladder
from engine.core.orders import (
    MAX_LEVELS,
)
from engine.core.params import Params
from engine.events import BUY, SELL
from engine.instrument import min_sz, new_instrument, passive_units, tick_units, to_px
from engine.record import zeros

sides = st.sampled_from([BUY, SELL])


def params(sz_decimals=2, levels=5, max_diff=3e-4):
    p = zeros(Params)[0]
    p.instrument, p.levels, p.max_diff = new_instrument(sz_decimals), levels, max_diff
    return p


def quotes(wish, side):
    r = 0 if side == BUY else 1
    rows = zip(wish.px[r].tolist(), wish.sz[r].tolist(), strict=True)
    return [(px, sz) for px, sz in rows if sz > 0]


@settings(max_examples=300, deadline=None)
@given(
    sides,
    st.integers(0, 5),
    st.floats(-3.0, 5.0).map(lambda x: 10.0**x),
    st.integers(1, MAX_LEVELS),
    st.floats(0.0, 5e-3),
    st.floats(0.0, 1e-2),
    st.floats(-50.0, 3000.0),
    st.floats(1.0, 500.0),
    st.floats(-1e-3, 1e-3),
)
def test_a_side_of_the_ladder_is_legal(
    side, sz_decimals, mid, levels, gap, delta, room_usd, usd, offset
):
    p = params(sz_decimals, levels)
    i = p.instrument
    opposite = passive_units(i, -side, mid * (1 + side * offset))
    limit = opposite - side * tick_units(i, opposite)
    wish = zeros(Ladder)[0]
    room = room_usd / mid
    ladder.fill_side(
        wish, p, side, p.levels, mid * (1 - side * delta), gap * mid, usd / mid, room, limit
    )
    laid = quotes(wish, side)
    assert len(laid) <= levels
    assert sum(sz for _, sz in laid) <= max(room, 0.0) + 2e-6 / i.lots_per_coin * len(laid)
    for px, sz in laid:
        assert px > 0
        assert side * (opposite - px) > 0  # cannot match
        assert px % tick_units(i, px) == 0
        assert sz >= min_sz(i, to_px(i, px)) * (1 - 1e-12)
        assert to_px(i, px) * sz >= 10.0 * (1 - 1e-9)
    away = [side * (a - b) for (a, _), (b, _) in pairwise(laid)]
    assert all(step > 0 for step in away)
    assert quotes(wish, -side) == []


def test_the_last_of_the_room_is_used_up_and_then_nothing():
    p = params()
    wish = zeros(Ladder)[0]
    ladder.fill_side(wish, p, BUY, p.levels, 20.0, 0.01, 1.0, 2.6, 210_000)
    assert [sz for _, sz in quotes(wish, BUY)] == [1.0, 1.0, 0.6]
    ladder.fill_side(wish, p, BUY, p.levels, 20.0, 0.01, 1.0, 2.3, 210_000)
    assert [sz for _, sz in quotes(wish, BUY)] == [1.0, 1.0]  # 0.3 is worth six dollars
    ladder.fill_side(wish, p, BUY, p.levels, 20.0, 0.01, 0.1, 9.0, 210_000)
    assert [sz for _, sz in quotes(wish, BUY)] == [0.5, 0.51, 0.51, 0.51, 0.51]
    ladder.clear(wish)
    assert quotes(wish, BUY) == []


def test_levels_that_round_together_are_set_apart():
    p = params(0)
    wish = zeros(Ladder)[0]
    ladder.fill_side(wish, p, SELL, p.levels, 0.18648, 1e-7, 100.0, 1e6, 1)
    assert [px for px, _ in quotes(wish, SELL)] == [186_480 + 10 * k for k in range(5)]


def test_a_price_of_nothing_is_no_quote():
    p = params(0)
    wish = zeros(Ladder)[0]
    ladder.fill_side(wish, p, BUY, p.levels, 3e-6, 1e-6, 1.0, 1e9, 4)
    assert [px for px, _ in quotes(wish, BUY)] == [3, 2, 1]
