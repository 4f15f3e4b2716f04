"""The book: snapshots and deltas end the same, to the depth we keep."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core import book
from engine.core.book import ASK, BID, DEPTH, Book
from engine.events import BUY, LAST, LEVEL, SELL, SNAPSHOT, Event
from engine.instrument import new_instrument
from engine.record import zeros

GRID = new_instrument(2)
sides = st.dictionaries(st.integers(1, 60), st.integers(1, 9), max_size=8)


def put(b, side, px, sz, code=0):
    e = zeros(Event)[0]
    e.kind, e.side, e.px, e.sz, e.code, e.ts_ns = LEVEL, side, px / 1e4, sz, code, 1
    book.apply(b, GRID, e)


def shown(b, r):
    n = int(b.n[r])
    return list(zip(b.px[r, :n].tolist(), b.sz[r, :n].tolist(), strict=True))


def snapshot(bids, asks):
    b = zeros(Book)[0]
    put(b, BUY, 1, 0.0, SNAPSHOT)
    for px, sz in bids.items():
        put(b, BUY, px, sz)
    for px, sz in asks.items():
        put(b, SELL, px, sz, LAST)
    return b


@settings(max_examples=200, deadline=None)
@given(sides, sides, sides, sides, st.randoms(use_true_random=False))
def test_snapshot_and_deltas_end_as_the_same_book(bids, asks, old_bids, old_asks, random):
    whole = snapshot(bids, asks)
    b = snapshot(old_bids, old_asks)
    changes = [(BUY, px, bids.get(px, 0.0)) for px in old_bids | bids]
    changes += [(SELL, px, asks.get(px, 0.0)) for px in old_asks | asks]
    random.shuffle(changes)
    for change in changes:
        put(b, *change)
    for r, levels in ((BID, bids), (ASK, asks)):
        want = sorted(levels.items(), reverse=r == BID)
        assert shown(b, r) == shown(whole, r) == want
    assert book.is_open(b) == (bool(bids and asks) and max(bids) < min(asks))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 80), st.integers(1, 9)), min_size=20, max_size=80))
def test_the_best_twenty_levels_are_kept(levels):
    for side, r in ((BUY, BID), (SELL, ASK)):
        b = zeros(Book)[0]
        for px, sz in levels:
            put(b, side, px, sz)
        # a level that was pushed out comes back with its next change only
        best = sorted(dict(levels), reverse=side == BUY)[:DEPTH]
        kept = shown(b, r)
        assert len(kept) == len(best)
        assert [px for px, _ in kept] == best
        assert all(sz > 0 for _, sz in kept)


def test_a_new_level_behind_a_full_book_is_forgotten():
    b = snapshot({}, {px: 1.0 for px in range(10, 10 + DEPTH)})
    put(b, SELL, 99, 1.0)
    assert b.n[ASK] == DEPTH
    assert book.size_at(b, ASK, 99) == 0.0
    put(b, SELL, 5, 2.0)
    assert shown(b, ASK)[0] == (5, 2.0)
    assert b.n[ASK] == DEPTH
    assert book.size_at(b, ASK, 9 + DEPTH) == 0.0


def test_size_at_a_price():
    b = snapshot({8: 2.0, 6: 3.0}, {})
    assert [book.size_at(b, BID, px) for px in (9, 8, 7, 6, 5)] == [0, 2, 0, 3, 0]
    put(b, BUY, 8, 0.0)
    assert book.size_at(b, BID, 8) == 0.0
    put(b, BUY, 7, 0.0)  # to remove what is not there changes nothing
    assert shown(b, BID) == [(6, 3.0)]


@pytest.mark.parametrize(
    ("bids", "asks", "is_open"),
    [
        ({9: 1.0}, {10: 1.0}, True),
        ({10: 1.0}, {10: 1.0}, False),
        ({11: 1.0}, {10: 1.0}, False),
        ({}, {10: 1.0}, False),
        ({9: 1.0}, {}, False),
        ({}, {}, False),
    ],
)
def test_a_locked_crossed_or_one_sided_book_is_not_open(bids, asks, is_open):
    assert bool(book.is_open(snapshot(bids, asks))) is is_open


def test_mid_spread_and_micro_price():
    b = snapshot({199_900: 3.0}, {200_100: 1.0})
    assert book.mid(b, GRID) == pytest.approx(20.0)
    assert book.spread_bps(b, GRID) == pytest.approx(10.0)
    assert book.micro_price(b, GRID) == pytest.approx((19.99 * 1 + 20.01 * 3) / 4)
