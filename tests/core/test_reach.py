"""Reach: one aggressor is one sweep, and what it reached does not hang on when the book moved."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core import book, reach
from engine.core.book import Book
from engine.core.reach import Sweep
from engine.events import BUY, SELL, TRADE, Event
from engine.instrument import new_instrument, to_units
from engine.record import zeros

GRID = new_instrument(sz_decimals=2)  # a tick of 0.001 at 20


def shown(side, *prices):
    """A book with these levels on the side that an aggressor of `side` takes."""
    b = zeros(Book)[0]
    for px in prices:
        book.set_level(b, book.row(-side), to_units(GRID, px), 1.0)
    return b


def hear(s, b, side, px, ref=7, ts_ns=1000):
    e = zeros(Event)[0]
    e.kind, e.side, e.px, e.ref, e.ts_ns = TRADE, side, px, ref, ts_ns
    return bool(reach.hear(s, e, b, GRID))


ASKS = (20.000, 20.002, 20.005, 20.020)
BIDS = (20.000, 19.998, 19.995, 19.980)


@pytest.mark.parametrize(("side", "levels"), [(BUY, ASKS), (SELL, BIDS)])
def test_the_excess_is_from_the_touch_to_the_worst_print(side, levels):
    s, b = zeros(Sweep)[0], shown(side, *levels)
    assert not any(hear(s, b, side, px) for px in levels[:3])
    assert reach.close(s)
    assert s.excess == pytest.approx(5e-3 / 20)
    assert s.gap == pytest.approx(15e-3 / 20)
    assert not reach.close(s)


def test_a_sweep_that_stays_at_the_touch_has_no_excess_and_the_gap_to_the_next_level():
    s, b = zeros(Sweep)[0], shown(BUY, *ASKS)
    hear(s, b, BUY, 20.000)
    hear(s, b, BUY, 20.000)
    reach.close(s)
    assert s.excess == 0.0
    assert s.gap == pytest.approx(2e-3 / 20)


@given(
    st.sampled_from([BUY, SELL]),
    st.integers(0, 4),
    st.lists(st.integers(0, 30), min_size=1, max_size=6),
)
@settings(deadline=None)
def test_a_book_that_moved_already_changes_nothing_and_no_excess_is_negative(side, gone, ticks):
    before, after = zeros(Sweep)[0], zeros(Sweep)[0]
    levels = [20.0 + side * 1e-3 * k for k in range(0, 60, 3)]
    prints = sorted(20.0 + side * 1e-3 * 3 * (k // 3) for k in ticks)[::side]
    taken = [px for px in levels if side * px > side * prints[-1] + 1e-9]
    for px in prints:
        hear(before, shown(side, *levels[gone:]), side, px)
        hear(after, shown(side, *taken), side, px)
    reach.close(before)
    reach.close(after)
    assert before.excess >= 0.0 and before.gap >= 0.0
    assert after.excess == before.excess
    if gone <= len(levels) - len(taken):
        assert after.gap == pytest.approx(before.gap)


def test_prints_out_of_order_are_one_sweep():
    s, b = zeros(Sweep)[0], shown(BUY, *ASKS)
    for px in (20.002, 20.005, 20.000):
        hear(s, b, BUY, px)
    reach.close(s)
    assert s.excess == pytest.approx(5e-3 / 20)


@pytest.mark.parametrize(
    ("first", "second", "is_one"),
    [
        ((BUY, 7, 1000), (BUY, 7, 2000), True),
        ((BUY, 7, 1000), (BUY, 8, 1000), False),
        ((BUY, 7, 1000), (BUY, 0, 1000), False),
        ((BUY, 0, 1000), (BUY, 7, 1000), False),
        ((BUY, 0, 1000), (BUY, 0, 1000), True),
        ((BUY, 0, 1000), (BUY, 0, 1001), False),
        ((BUY, 0, 1000), (SELL, 0, 1000), False),
    ],
)
def test_one_aggressor_is_one_sweep(first, second, is_one):
    s, b = zeros(Sweep)[0], shown(BUY, *ASKS)
    assert not hear(s, b, first[0], 20.0, *first[1:])
    assert hear(s, b, second[0], 20.0, *second[1:]) != is_one


def test_where_no_level_is_known_behind_the_print_there_is_no_gap():
    s = zeros(Sweep)[0]
    hear(s, shown(BUY), BUY, 20.0)
    hear(s, shown(BUY, 20.0), BUY, 20.001)
    reach.close(s)
    assert s.excess == pytest.approx(1e-3 / 20)
    assert s.gap == 0.0


def test_as_many_sweeps_end_as_began():
    rng = np.random.default_rng(1)
    s, b = zeros(Sweep)[0], shown(BUY, *ASKS)
    refs = np.repeat(np.arange(1, 201), rng.integers(1, 4, 200))
    ended = sum(hear(s, b, BUY, 20.0, int(ref)) for ref in refs)
    assert ended + bool(reach.close(s)) == 200
