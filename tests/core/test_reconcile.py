"""The fewest requests from the orders that rest to the quotes wished for."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core import orders, reconcile
from engine.core.ladder import Ladder
from engine.core.orders import (
    CANCELING,
    GONE,
    MAX_LEVELS,
    MODIFYING,
    PLACING,
    RESTING,
    Orders,
)
from engine.core.params import Params
from engine.core.reconcile import KEEP, MOVE, PLACE_NEW, Plan
from engine.events import BUY, SELL
from engine.record import zeros

GRID = 20  # units between levels; the tolerance of 3 bps of 200,000 is 60


def planned(live, wishes, tolerance=3e-4, side=BUY):
    """Plan one side: `live` are (state, px, sz) in slot order, `wishes` are (px, sz) by level."""
    r, first = (0, 0) if side == BUY else (1, MAX_LEVELS)
    table, wish, plan = zeros(Orders)[0], zeros(Ladder)[0], zeros(Plan)[0]
    for k, (state, px, sz) in enumerate(live):
        o = table.slot[first + k]
        o.state, o.px, o.sz, o.side, o.cloid = state, px, sz, side, k + 1
        o.asked_px, o.asked_sz = px, sz
    for k, (px, sz) in enumerate(wishes):
        wish.px[r, k], wish.sz[r, k] = px, sz
    plan.tolerance = tolerance
    reconcile.plan(plan, wish, table, side, 0)
    return plan, r, first


def requests(plan, r, wishes):
    todo = [int(plan.todo[r, k]) for k in range(len(wishes))]
    return todo, int(plan.surplus[r].sum())


@pytest.mark.parametrize(
    ("order", "wish", "todo", "canceled"),
    [
        ((GONE, 0, 0.0), (200_000, 1.0), PLACE_NEW, 0),
        ((GONE, 0, 0.0), (200_000, 0.0), KEEP, 0),
        ((RESTING, 200_000, 1.0), (200_000, 1.0), KEEP, 0),
        ((RESTING, 200_050, 1.0), (200_000, 1.0), KEEP, 0),  # 2.5 bps of 3
        ((RESTING, 199_950, 1.0), (200_000, 1.0), KEEP, 0),
        ((RESTING, 200_070, 1.0), (200_000, 1.0), MOVE, 0),  # 3.5 bps
        ((RESTING, 199_930, 1.0), (200_000, 1.0), MOVE, 0),
        ((RESTING, 200_000, 0.6), (200_000, 1.0), KEEP, 0),
        ((RESTING, 200_000, 0.4), (200_000, 1.0), MOVE, 0),
        ((RESTING, 200_000, 1.6), (200_000, 1.0), MOVE, 0),
        ((RESTING, 200_000, 1.0), (200_000, 0.0), KEEP, 1),
        ((PLACING, 190_000, 1.0), (200_000, 1.0), KEEP, 0),
        ((MODIFYING, 190_000, 1.0), (200_000, 1.0), KEEP, 0),
        ((CANCELING, 200_000, 1.0), (200_000, 1.0), PLACE_NEW, 0),
        ((PLACING, 200_000, 1.0), (200_000, 0.0), KEEP, 0),
    ],
)
@pytest.mark.parametrize("side", [BUY, SELL])
def test_what_one_order_and_one_wish_need(side, order, wish, todo, canceled):
    plan, r, _ = planned([order], [wish], side=side)
    assert requests(plan, r, [wish]) == ([todo], canceled)


def test_a_ladder_that_moves_by_one_level_moves_one_order():
    prices = [200_000 - 100 * k for k in range(5)]
    live = [(RESTING, px, 1.0) for px in prices]
    wishes = [(px + 100, 1.0) for px in prices]
    plan, r, first = planned(live, wishes, tolerance=1e-4)
    todo, canceled = requests(plan, r, wishes)
    assert (todo, canceled) == ([MOVE, KEEP, KEEP, KEEP, KEEP], 0)
    assert plan.slot[r, 0] == first + 4  # the farthest order becomes the nearest


def test_a_ladder_that_shrinks_cancels_what_is_left_over():
    live = [(RESTING, 200_000 - 100 * k, 1.0) for k in range(4)]
    plan, r, _ = planned(live, [(200_000, 1.0)], tolerance=1e-4)
    assert requests(plan, r, [1]) == ([KEEP], 3)


orders_of = st.lists(
    st.tuples(
        st.sampled_from([GONE, RESTING, PLACING, CANCELING, MODIFYING]),
        st.integers(199_000, 200_000),
        st.sampled_from([0.5, 1.0, 3.0]),
    ),
    max_size=MAX_LEVELS,
)
wishes_of = st.lists(
    st.tuples(st.integers(199_000, 200_000), st.sampled_from([0.0, 1.0])), max_size=MAX_LEVELS
)


@settings(max_examples=150, deadline=None)
@given(orders_of, wishes_of, st.sampled_from([BUY, SELL]))
def test_every_order_serves_one_wish_or_none_and_no_wish_is_forgotten(live, wishes, side):
    plan, r, first = planned(live, wishes, side=side)
    served = [int(plan.slot[r, k]) for k in range(MAX_LEVELS) if plan.slot[r, k] >= 0]
    assert len(served) == len(set(served))
    for k in range(MAX_LEVELS):
        wished = k < len(wishes) and wishes[k][1] > 0.0
        has = plan.slot[r, k] >= 0
        assert (plan.todo[r, k] == PLACE_NEW) == (wished and not has)
        assert (plan.todo[r, k] == MOVE) <= has
    resting = {first + k for k, o in enumerate(live) if o[0] == RESTING}
    surplus = {first + k for k in range(MAX_LEVELS) if plan.surplus[r, k]}
    assert surplus <= resting - set(served)
    assert resting <= surplus | set(served)
    if surplus:  # nobody is cancelled while a wish wants an order
        assert PLACE_NEW not in plan.todo[r]


def test_the_tolerance_begins_at_the_fees_and_ends_at_the_noise():
    p = zeros(Params)[0]
    p.max_diff = 3e-4
    wide = 50e-4
    assert reconcile.tolerance(p, 1e-4, 0.0, wide) == pytest.approx(3e-4)
    assert reconcile.tolerance(p, 1e-4, 1e9, wide) == pytest.approx(1e-4 * 5**0.5)
    assert reconcile.tolerance(p, 1e-4, 0.0, 4e-4) == pytest.approx(1e-4)  # near quotes
    assert reconcile.tolerance(p, 1.0, 1e9, 1.0) == pytest.approx(15e-4)
    assert orders.first_slot(SELL) == MAX_LEVELS
