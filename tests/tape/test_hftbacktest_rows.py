"""What hftbacktest is told of a market: every rule of the differences, and of the two clocks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.book import Book, apply
from engine.events import BUY, CONTEXT, LAST, LEVEL, SELL, SNAPSHOT, TRADE, Event
from engine.instrument import new_instrument
from engine.record import zeros
from engine.store.tape import write_tape
from engine.store.tape_export import (
    BUY_FLAG,
    EXCH_FLAG,
    LOCAL_FLAG,
    ROW,
    SELL_FLAG,
    export_hftbacktest,
    hftbacktest_rows,
)
from engine.store.tape_facts import TapeMeta

TICK, LOT = 0.1, 0.01
START_NS = 1_757_015_216_000_000_000
MS = 1_000_000
BID_ROW, ASK_ROW = 1 | BUY_FLAG, 1 | SELL_FLAG
BOTH = EXCH_FLAG | LOCAL_FLAG


def level(side, ticks, lots, code=0, ts=0, recv=5):
    return (LEVEL, side, code, ts, recv, ticks, lots)


def book(bids, asks, *, whole=True, **when):
    """A run of levels: {ticks: lots} a side."""
    told = [(BUY, *x) for x in bids.items()] + [(SELL, *x) for x in asks.items()]
    flags = [SNAPSHOT * whole * (k == 0) | LAST * (k == len(told) - 1) for k in range(len(told))]
    return [level(*x, code, **when) for x, code in zip(told, flags, strict=True)]


def trade(side, ticks, lots, ts=0, recv=5):
    return [(TRADE, side, 0, ts, recv, ticks, lots)]


def array(*parts):
    """Events of tuples; times are milliseconds from the start."""
    rows = [row for part in parts for row in part]
    out = zeros(Event, len(rows))
    for k, (kind, side, code, ts, recv, ticks, lots) in enumerate(rows):
        out[k].kind, out[k].side, out[k].code = kind, side, code
        out[k].ts_ns, out[k].recv_ns = START_NS + ts * MS, START_NS + recv * MS
        out[k].px, out[k].sz = ticks / 10, lots / 100
    return out


def told(rows, flag=EXCH_FLAG):
    """Rows of one clock as (ms, type and side, ticks, lots)."""
    clock = "exch_ts" if flag == EXCH_FLAG else "local_ts"
    mine = rows[rows["ev"] & flag > 0]
    return [
        (
            int(r[clock] - START_NS) // MS, int(r["ev"]) & ~BOTH,
            round(float(r["px"]) / TICK), round(float(r["qty"]) / LOT),
        )
        for r in mine
    ]  # fmt: skip


def rows_of(*parts):
    return hftbacktest_rows(array(*parts), TICK, LOT)


FIRST = {"bids": {100: 5, 99: 6, 98: 7}, "asks": {101: 4, 102: 3, 103: 2}}


def second(bids=None, asks=None, ts=10, recv=15):
    return book(bids or FIRST["bids"], asks or FIRST["asks"], ts=ts, recv=recv)


def test_the_first_book_is_told_in_full():
    assert told(rows_of(book(**FIRST))) == [
        (0, BID_ROW, 100, 5), (0, BID_ROW, 99, 6), (0, BID_ROW, 98, 7),
        (0, ASK_ROW, 101, 4), (0, ASK_ROW, 102, 3), (0, ASK_ROW, 103, 2),
    ]  # fmt: skip


def test_a_book_that_repeats_itself_is_not_told():
    assert len(rows_of(book(**FIRST), second())) == 6


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"bids": {100: 5, 99: 9, 98: 7}}, [(10, BID_ROW, 99, 9)]),
        ({"asks": {101: 4, 103: 2}}, [(10, ASK_ROW, 102, 0)]),
        ({"bids": {99: 6, 98: 7}}, [(10, BID_ROW, 100, 0)]),  # the touch is gone
        ({"bids": {101: 1, 100: 5, 99: 6}}, [(10, BID_ROW, 101, 1)]),  # 98 left the range
        ({"asks": {101: 4}}, []),  # 102 and 103 left the range
    ],
)  # fmt: skip
def test_a_whole_book_becomes_what_changed_within_its_range(change, expected):
    assert told(rows_of(book(**FIRST), second(**change)))[6:] == expected


def test_what_left_the_range_is_deleted_once_the_range_is_back():
    narrow = second(bids={101: 1, 100: 5}, ts=10)
    wide = second(bids={101: 1, 97: 1}, ts=20, recv=25)
    assert told(rows_of(book(**FIRST), narrow, wide))[7:] == [
        (20, BID_ROW, 98, 0), (20, BID_ROW, 99, 0), (20, BID_ROW, 100, 0), (20, BID_ROW, 97, 1),
    ]  # fmt: skip


def test_a_side_without_levels_is_gone():
    one_sided = book({}, FIRST["asks"], ts=10, recv=15)
    assert [row[2:] for row in told(rows_of(book(**FIRST), one_sided))[6:]] == [
        (98, 0), (99, 0), (100, 0),
    ]  # fmt: skip


@pytest.mark.parametrize(("side", "ticks", "row"), [(SELL, 100, BID_ROW), (BUY, 102, ASK_ROW)])
def test_a_level_that_traded_is_told_though_it_did_not_change(side, ticks, row):
    rows = rows_of(book(**FIRST), trade(side, ticks, 3, ts=5, recv=9), second())
    lots = (FIRST["bids"] | FIRST["asks"])[ticks]
    assert told(rows)[7:] == [(10, row, ticks, lots)]
    assert told(rows, LOCAL_FLAG)[7:] == []  # only the venue owes the traded size
    again = rows_of(book(**FIRST), trade(side, ticks, 3, 5, 9), second(), second(ts=20, recv=25))
    assert told(again) == told(rows)


def test_a_level_that_traded_away_within_the_range_is_deleted_once():
    hidden = trade(BUY, 100, 1, ts=5, recv=9)  # below the best ask: nothing was displayed there
    rows = rows_of(book(**FIRST), hidden, second(), second(ts=20, recv=25))
    assert told(rows)[7:] == [(10, ASK_ROW, 100, 0)]


def test_changes_pass_as_they_are():
    changes = book({99: 0, 97: 2}, {101: 4}, whole=False, ts=10, recv=15)
    assert told(rows_of(book(**FIRST), changes))[6:] == [
        (10, BID_ROW, 99, 0), (10, BID_ROW, 97, 2), (10, ASK_ROW, 101, 4),
    ]  # fmt: skip


def test_a_change_below_the_range_uncovers_what_was_left_behind():
    narrow = second(bids={100: 5}, ts=10)
    deeper = book({97: 2}, {}, whole=False, ts=20, recv=25)
    assert told(rows_of(book(**FIRST), narrow, deeper))[6:] == [
        (20, BID_ROW, 98, 0), (20, BID_ROW, 99, 0), (20, BID_ROW, 97, 2),
    ]  # fmt: skip


def test_a_trade_keeps_its_side_price_and_size():
    rows = rows_of(trade(BUY, 101, 3), trade(SELL, 100, 2))
    assert told(rows) == [(0, 2 | BUY_FLAG, 101, 3), (0, 2 | SELL_FLAG, 100, 2)]


def test_prices_are_whole_ticks_to_the_last_bit():
    rows = rows_of(book({1_097_551: 3}, {1_097_553: 7}))
    assert rows["px"].tolist() == [1_097_551 * TICK, 1_097_553 * TICK]
    assert rows["qty"].tolist() == [0.03, 0.07]  # as recorded


def test_other_kinds_give_no_row():
    mark = array(trade(BUY, 101, 3))
    mark["kind"] = CONTEXT
    assert len(hftbacktest_rows(mark, TICK, LOT)) == 0


def test_a_late_trade_is_there_twice_once_for_each_clock():
    late = trade(BUY, 101, 3, ts=7, recv=30)
    rows = rows_of(book(**FIRST), second({100: 1}), late, second({100: 2}, ts=40, recv=45))
    assert told(rows)[6:] == [
        (7, 2 | BUY_FLAG, 101, 3), (10, BID_ROW, 100, 1), (10, ASK_ROW, 101, 4),
        (40, BID_ROW, 100, 2),
    ]  # fmt: skip
    assert told(rows, LOCAL_FLAG)[6:] == [
        (15, BID_ROW, 100, 1), (30, 2 | BUY_FLAG, 101, 3), (45, BID_ROW, 100, 2),
    ]  # fmt: skip
    assert len(rows) == 6 + 5  # the trade twice; the level it took once, for the venue


def test_at_the_venue_a_print_stands_before_the_book_of_its_time():
    rows = rows_of(book(**FIRST), second({100: 2}), trade(SELL, 100, 3, ts=10, recv=15))
    print_row, book_row = (10, 2 | SELL_FLAG, 100, 3), (10, BID_ROW, 100, 2)
    assert told(rows)[6:] == [print_row, book_row]
    assert [row[1:] for row in told(rows, LOCAL_FLAG)[6:]] == [book_row[1:], print_row[1:]]


def test_a_level_without_size_is_not_in_a_book():
    told_away = second({101: 0, 100: 5, 99: 0, 98: 7})
    assert told(rows_of(book(**FIRST), told_away))[6:] == [(10, BID_ROW, 99, 0)]


def test_an_overtaken_book_is_told_to_each_clock_in_its_own_order():
    old, new = {100: 1}, {100: 2}
    rows = rows_of(
        book(**FIRST), second(new, ts=20, recv=25), second(old, ts=10, recv=26),
    )  # fmt: skip
    assert told(rows)[6:] == [(10, BID_ROW, 100, 1), (20, BID_ROW, 100, 2)]
    assert told(rows, LOCAL_FLAG)[6:] == [(25, BID_ROW, 100, 2), (26, BID_ROW, 100, 1)]


def test_the_local_clock_is_always_later_and_never_goes_back():
    rows = rows_of(
        trade(BUY, 101, 3, ts=5, recv=5), trade(BUY, 101, 2, ts=5, recv=5), trade(BUY, 101, 1, 6, 6)
    )
    assert (rows["local_ts"] - rows["exch_ts"]).tolist() == [1, 1, 1]
    events = array(trade(BUY, 101, 3, ts=5, recv=5), trade(BUY, 101, 2, ts=4, recv=5))
    assert (np.diff(hftbacktest_rows(events, TICK, LOT)["local_ts"]) >= 0).all()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("px", 10.14, "event 3: px must be a multiple of 0.1, was 10.14"),
        ("sz", 0.005, "event 3: sz must be a multiple of 0.01, was 0.005"),
        ("px", np.nan, "event 3: px must be a multiple of 0.1, was nan"),
        ("ts_ns", START_NS + MS, "event 2: must be LAST, or the next be a level of the same time"),
        ("code", SNAPSHOT, "event 2: must be LAST"),
    ],
)
def test_what_hftbacktest_would_misread_is_refused(field, value, words):
    events = array(book(**FIRST))
    events[field][3] = value
    with pytest.raises(ValueError, match=words):
        hftbacktest_rows(events, TICK, LOT)


LEVELS = st.dictionaries(st.integers(90, 100), st.integers(0, 3), max_size=8)
RUN = st.tuples(st.sampled_from([True, True, False]), LEVELS, LEVELS)
PRINT = st.tuples(st.sampled_from([BUY, SELL]), st.integers(90, 100), st.integers(1, 3))


@st.composite
def markets(draw):
    """Runs of levels and trades with times that disagree about their order."""
    parts, recv = [], 0
    for step in draw(st.lists(RUN | PRINT, min_size=1, max_size=12)):
        recv += draw(st.integers(0, 3))
        when = {"ts": draw(st.integers(recv - 4, recv)), "recv": recv}
        if isinstance(step[0], bool) and (step[1] or step[2]):
            parts.append(book(step[1], step[2], whole=step[0], **when))
        elif not isinstance(step[0], bool):
            parts.append(trade(*step, **when))
    return parts


def books_by_time(parts, clock):
    """The visible book after the last part of every time, and whether it is known whole."""
    instrument, books = new_instrument(sz_decimals=5), zeros(Book)  # its unit is our tick
    after = {}
    for part in sorted(parts, key=lambda part: part[0][clock]):
        for event in array(part):
            if event.kind == LEVEL:
                apply(books[0], instrument, event)
        b = books[0]
        sides = [{int(b.px[r, j]): round(b.sz[r, j] / LOT) for j in range(b.n[r])} for r in (0, 1)]
        after[part[0][clock]] = (sides, bool(part[0][2] & SNAPSHOT))
    return after


@settings(max_examples=300, deadline=None)
@given(markets())
def test_whoever_follows_the_rows_sees_the_same_book(parts):
    rows = rows_of(*parts)
    for flag, clock in ((EXCH_FLAG, 3), (LOCAL_FLAG, 4)):
        mine = told(rows, flag)
        assert [row[0] for row in mine] == sorted(row[0] for row in mine)
        seen = {BID_ROW: {}, ASK_ROW: {}}
        for time, (sides, whole) in books_by_time(parts, clock).items():
            while mine and mine[0][0] <= time:
                _, row, ticks, lots = mine.pop(0)
                if row in seen:
                    seen[row][ticks] = lots
            for row, sign, visible in zip(seen, (1, -1), sides, strict=True):
                worst = min((sign * px for px in visible), default=None)
                reader = {
                    px: lots for px, lots in seen[row].items()
                    if lots and (worst is None or sign * px >= worst)
                }  # fmt: skip
                if visible or whole:
                    assert reader == visible
        assert not mine


@settings(max_examples=100, deadline=None)
@given(markets())
def test_every_trade_is_told_once_to_each_clock(parts):
    rows = rows_of(*parts)
    for flag, clock in ((EXCH_FLAG, 3), (LOCAL_FLAG, 4)):
        prints = [row for row in told(rows, flag) if row[1] not in (BID_ROW, ASK_ROW)]
        parts_of_clock = sorted((p[0] for p in parts if p[0][0] == TRADE), key=lambda p: p[clock])
        assert prints == [
            (p[clock], 2 | (BUY_FLAG if p[1] == BUY else SELL_FLAG), p[5], p[6])
            for p in parts_of_clock
        ]


def test_a_tape_is_exported_whole_or_not_at_all(tmp_path):
    meta = TapeMeta(asset="BTC", venue="x", source="test", px_decimals=1, sz_decimals=2)
    events = array(book(**FIRST), trade(BUY, 101, 3, ts=7, recv=9), second({100: 1}))
    write_tape(tmp_path / "a.tape", [events], meta)
    n = export_hftbacktest(tmp_path / "a.tape", tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as file:
        data = file["data"]
    assert (len(data), data.dtype) == (n, ROW)
    assert data.tobytes() == hftbacktest_rows(events, TICK, LOT).tobytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "a.tape"]
