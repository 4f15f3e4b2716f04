from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import BUY, LAST, LEVEL, SELL, SNAPSHOT, Event
from engine.venues.hyperliquid.touch import DEEPEST, TouchBook


def run(bids, asks, ts_ns, flags=0, recv_ns=None):
    sides = [(BUY, *level) for level in bids] + [(SELL, *level) for level in asks]
    rows = [(LEVEL, side, 0, ts_ns, recv_ns or ts_ns, px, sz, 0, 0, 0.0) for side, px, sz in sides]
    events = np.array(rows, Event.dtype)
    events["code"][0] |= flags
    events["code"][-1] |= LAST
    return events


def apply(book, events):
    """What any consumer of LEVEL events does, as plainly as can be."""
    for e in events:
        if e["code"] & SNAPSHOT:
            book.clear()
        book[int(e["side"]), float(e["px"])] = float(e["sz"])
    for key in [key for key, sz in book.items() if sz == 0.0]:
        del book[key]


def top(book):
    bids = {px: sz for (side, px), sz in book.items() if side == BUY}
    asks = {px: sz for (side, px), sz in book.items() if side == SELL}
    return (max(bids), bids[max(bids)]), (min(asks), asks[min(asks)])


def test_a_fallen_bid_removes_the_levels_above_it():
    touch = TouchBook(Counter())
    touch.on_book(run([(100, 1), (99, 2)], [(101, 1)], 10, SNAPSHOT))
    delta = touch.on_touch(run([(99, 5)], [(101, 1)], 11))
    rows = [(int(e["side"]), float(e["px"]), float(e["sz"])) for e in delta]
    assert rows == [(BUY, 100.0, 0.0), (BUY, 99.0, 5.0)]
    assert delta["code"].tolist() == [0, LAST]


def test_an_older_book_does_not_take_the_touch_back_in_time():
    touch = TouchBook(Counter())
    touch.on_book(run([(100, 1)], [(101, 1)], 10, SNAPSHOT))
    touch.on_touch(run([(102, 3)], [(103, 4)], 20))
    late = touch.on_book(run([(100, 1), (99, 1)], [(101, 1), (103, 1), (104, 1)], 15, SNAPSHOT))
    book = {}
    apply(book, late)
    assert top(book) == ((102.0, 3.0), (103.0, 4.0))
    assert (SELL, 101.0) not in book
    assert set(late["ts_ns"]) == {20}


def test_statements_that_bring_nothing_are_counted():
    counts = Counter()
    touch = TouchBook(counts)
    assert not len(touch.on_touch(run([(100, 1)], [(101, 1)], 5)))
    touch.on_book(run([(100, 1)], [(101, 1)], 10, SNAPSHOT))
    assert not len(touch.on_touch(run([(98, 1)], [(101, 1)], 9)))
    assert not len(touch.on_touch(run([(100, 1)], [(101, 1)], 11)))
    assert counts == {"bbo_before_first_book": 1, "bbo_stale": 1, "bbo_unchanged": 1}


moves = st.lists(
    st.tuples(
        st.booleans(),
        st.integers(90, 110),
        st.integers(1, 3),
        st.integers(1, 9),
        st.integers(-3, 3),
    ),
    max_size=30,
)


@settings(max_examples=100, deadline=None)
@given(moves)
def test_the_touch_is_always_that_of_the_newest_statement(moves):
    touch, book, newest, truth = TouchBook(Counter()), {}, 0, None
    for i, (whole, bid, width, sz, shift) in enumerate(moves):
        ts_ns = 100 + 2 * i + shift  # the two streams overtake each other
        statement = [(bid, sz)], [(bid + width, sz)]
        if whole or truth is None:
            deep = [*statement[0], (bid - 1, 1)], [*statement[1], (bid + width + 1, 1)]
            apply(book, touch.on_book(run(*deep, ts_ns, SNAPSHOT)))
        else:
            apply(book, touch.on_touch(run(*statement, ts_ns)))
        if ts_ns >= newest:
            newest, truth = ts_ns, ((float(bid), float(sz)), (float(bid + width), float(sz)))
        assert top(book) == truth


def test_a_market_that_runs_away_between_two_books_is_followed_back():
    touch, book = TouchBook(Counter()), {}
    apply(book, touch.on_book(run([(1, 1)], [(10_000, 1)], 10, SNAPSHOT)))
    for k in range(DEEPEST + 10):
        apply(book, touch.on_touch(run([(2 + k, 1)], [(10_000, 1)], 11 + k)))
    assert sum(side == BUY for side, _ in book) == DEEPEST + 11
    fallen = touch.on_touch(run([(20, 5)], [(10_000, 1)], 10_000))
    apply(book, fallen)
    assert top(book) == ((20.0, 5.0), (10_000.0, 1.0))
    assert sum(side == BUY for side, _ in book) == 20
