"""The life of an order: every state, every answer, and what the worst case counts."""

import pytest

from engine.actions import CANCEL, MODIFY, PLACE, Action
from engine.core import orders
from engine.core.orders import (
    CANCELING,
    GONE,
    MAX_LEVELS,
    MODIFYING,
    PLACING,
    RESTING,
    SLOTS,
    Orders,
)
from engine.events import (
    ACCEPTED,
    BUY,
    CANCELED,
    CLOCK,
    CONNECTED,
    CONTEXT,
    DISCONNECTED,
    FILL,
    FUNDING,
    HALTED,
    LEVEL,
    MIN_NOTIONAL,
    NO_MARGIN,
    POST_ONLY,
    RATE_LIMIT,
    REFERENCE,
    REJECTED,
    SELL,
    TIMER,
    TRADE,
    UNKNOWN_ORDER,
    Event,
)
from engine.instrument import new_instrument
from engine.record import zeros

GRID = new_instrument(2)
STATES = {s: globals()[s] for s in ("GONE", "RESTING", "PLACING", "CANCELING", "MODIFYING")}
ANSWERS = {
    "accepted": (ACCEPTED, 0, 3.0),
    "part": (FILL, 0, 1.0),
    "rest": (FILL, 0, 3.0),
    "canceled": (CANCELED, 0, 0.0),
    "post only": (REJECTED, POST_ONLY, 0.0),
    "min notional": (REJECTED, MIN_NOTIONAL, 0.0),
    "no margin": (REJECTED, NO_MARGIN, 0.0),
    "halted": (REJECTED, HALTED, 0.0),
    "rate limit": (REJECTED, RATE_LIMIT, 0.0),
    "unknown order": (REJECTED, UNKNOWN_ORDER, 0.0),
}
# what every answer makes of every state; an order that is gone hears nothing any more
TABLE = {
    "GONE": ["GONE"] * 10,
    "RESTING": ["RESTING", "RESTING", *["GONE"] * 8],
    "PLACING": ["RESTING", "PLACING", *["GONE"] * 8],
    "CANCELING": ["CANCELING", "CANCELING", *["GONE"] * 6, "RESTING", "CANCELING"],
    "MODIFYING": ["RESTING", "MODIFYING", *["GONE"] * 6, "RESTING", "CANCELING"],
}
ROWS = [
    (state, answer, after)
    for state, row in TABLE.items()
    for answer, after in zip(ANSWERS, row, strict=True)
]


def one(state, sz=3.0, side=BUY):
    table = zeros(Orders)[0]
    o = table.slot[orders.first_slot(side)]
    o.state, o.cloid, o.side, o.px, o.sz = state, 9, side, 200_000, sz
    o.asked_px, o.asked_sz = 200_000, 5.0
    return table, o


def answer(kind, ref=9, code=0, sz=0.0, px=20.0):
    e = zeros(Event)[0]
    e.kind, e.ref, e.code, e.sz, e.px = kind, ref, code, sz, px
    return e


@pytest.mark.parametrize(("state", "heard", "after"), ROWS)
def test_every_answer_in_every_state(state, heard, after):
    table, o = one(STATES[state])
    kind, code, sz = ANSWERS[heard]
    orders.hear(table, GRID, answer(kind, 9, code, sz), 0)
    assert o.state == STATES[after]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    "kind",
    [LEVEL, TRADE, REFERENCE, CONTEXT, TIMER, CLOCK, FUNDING, DISCONNECTED, CONNECTED],
)
def test_whatever_is_no_answer_moves_no_order(state, kind):
    table, _ = one(STATES[state])
    before = table.tobytes()
    orders.hear(table, GRID, answer(kind, 9, 2, 1.0), 0)
    assert table.tobytes() == before


@pytest.mark.parametrize("heard", ANSWERS)
def test_an_answer_about_an_order_we_do_not_know_is_ignored(heard):
    table, _ = one(RESTING)
    before = table.tobytes()
    kind, code, sz = ANSWERS[heard]
    orders.hear(table, GRID, answer(kind, 8, code, sz), 0)
    assert table.tobytes() == before


@pytest.mark.parametrize(
    ("state", "counted"),
    [(GONE, 0.0), (RESTING, 3.0), (PLACING, 3.0), (CANCELING, 3.0), (MODIFYING, 8.0)],
)
def test_unknown_counts_in_exposure_at_its_worst(state, counted):
    for side in (BUY, SELL):
        table, _ = one(state, side=side)
        assert orders.exposure(table, side) == counted
        assert orders.exposure(table, -side) == 0.0


def test_a_cancel_refused_as_unknown_waits_for_its_fill():
    table, o = one(CANCELING)
    orders.hear(table, GRID, answer(REJECTED, code=UNKNOWN_ORDER), 0)
    assert orders.exposure(table, BUY) == 3.0
    orders.hear(table, GRID, answer(FILL, sz=3.0), 0)
    assert o.state == GONE
    assert orders.exposure(table, BUY) == 0.0


def test_an_answer_says_what_rests_and_fills_eat_it():
    table, o = one(MODIFYING)
    orders.hear(table, GRID, answer(ACCEPTED, sz=5.0, px=20.5), 0)
    assert (o.px, o.sz, o.state) == (205_000, 5.0, RESTING)
    orders.hear(table, GRID, answer(FILL, sz=4.9), 0)
    assert o.sz == pytest.approx(0.1)
    orders.hear(table, GRID, answer(FILL, sz=0.1), 0)
    assert o.state == GONE


def test_requests_name_the_order_they_are_about():
    table = zeros(Orders)[0]
    action = zeros(Action)[0]
    k = orders.first_slot(SELL) + 2
    orders.request(table, action, PLACE, k, SELL, 200_100, 2.0)
    assert (action.kind, action.side, action.cloid) == (PLACE, SELL, 1)
    assert table.slot[k].state == PLACING
    orders.hear(table, GRID, answer(ACCEPTED, 1, sz=2.0), 0)
    orders.request(table, action, MODIFY, k, SELL, 200_200, 2.5)
    assert (action.kind, action.cloid, table.slot[k].state) == (MODIFY, 1, MODIFYING)
    orders.hear(table, GRID, answer(ACCEPTED, 1, sz=2.5), 0)
    orders.request(table, action, CANCEL, k, SELL, 0, 0.0)
    assert (action.kind, action.cloid, table.slot[k].state) == (CANCEL, 1, CANCELING)
    orders.request(table, action, PLACE, 0, BUY, 199_900, 2.0)
    assert action.cloid == 2
    assert table.requests == 4


def test_cancel_all_marks_whatever_rests_and_waits_for_what_is_on_its_way():
    table = zeros(Orders)[0]
    for k, state in enumerate(STATES.values()):
        table.slot[k].state = state
    orders.cancel_all(table, 7)
    marked = [GONE, CANCELING, PLACING, CANCELING, CANCELING]
    assert [int(table.slot[k].state) for k in range(5)] == marked
    assert all(table.slot[k].state == GONE for k in range(5, SLOTS))


def test_slots_are_bids_then_asks_and_the_first_free_one_is_found():
    table = zeros(Orders)[0]
    assert [orders.free_slot(table, side) for side in (BUY, SELL)] == [0, MAX_LEVELS]
    table.slot[0].state = PLACING
    assert orders.free_slot(table, BUY) == 1
    for k in range(SLOTS):
        table.slot[k].state = RESTING
    assert [orders.free_slot(table, side) for side in (BUY, SELL)] == [-1, -1]
