import gzip
from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import (
    BUY,
    LAST,
    LEVEL,
    REFERENCE,
    REFERENCE_TRADE,
    SELL,
    SNAPSHOT,
    TRADE,
    Event,
)
from engine.runners.tape_import import import_tape
from engine.runners.tape_merge import MergeError, merge_tapes
from engine.store.tape import read_tape, tape_info, write_tape
from engine.store.tape_facts import TapeMeta

START_NS = 1_757_015_216_000_000_000
MS = 1_000_000
MARKET = TapeMeta(asset="BTC", venue="hyperliquid", source="a", px_decimals=1, sz_decimals=5)
LEADER = TapeMeta(asset="BTCUSDT", venue="binance-usdm", source="b", px_decimals=8, sz_decimals=8)


def book(ms, *, whole=True, bid=100.0):
    at = START_NS + ms * MS
    flags = [SNAPSHOT * whole, 0, 0, LAST]
    sides = [(BUY, bid), (BUY, bid - 1), (SELL, bid + 1), (SELL, bid + 2)]
    return [
        (LEVEL, side, flag, at - MS, at, px, 1.0, 0, 3, 0.0)
        for flag, (side, px) in zip(flags, sides, strict=True)
    ]


def trade(ms):
    at = START_NS + ms * MS
    return [(TRADE, BUY, 0, at - MS, at, 101.0, 0.5, ms + 1, 0, 0.0)]


def reference(ms):
    at = START_NS + ms * MS
    return [
        (REFERENCE, 0, 0, at - MS, at, 100.0 + abs(ms) / 3, 0.0, 0, 0, 0.0),
        (REFERENCE_TRADE, SELL, 0, at - MS, at, 100.05, 0.001, 7, 0, 0.0),
    ]


def tape(path, meta, *parts):
    write_tape(path, [np.array(list(chain(*parts)), Event.dtype)], meta)
    return path


def events_of(path):
    return np.concatenate(list(read_tape(path)))


def test_both_stand_in_order_and_the_market_comes_first_at_one_instant(tmp_path):
    market = tape(tmp_path / "m", MARKET, book(0), trade(10), book(20, whole=False), trade(30))
    leader = tape(
        tmp_path / "r", LEADER, reference(-5), reference(10), reference(20), reference(40)
    )
    info = merge_tapes(market, leader, tmp_path / "out")
    events = events_of(tmp_path / "out")
    kinds = "".join("?BTR??? "[k] if k < 7 else "r" for k in events["kind"].tolist())
    assert kinds == "BBBBTRrBBBBRrT"
    assert info.dropped == {"reference: not_in_common_time": 4}
    assert (info.asset, info.venue) == ("BTC", "hyperliquid")
    assert events["px"][events["kind"] == REFERENCE].tolist() == [100.0 + 10 / 3, 100.0 + 20 / 3]


def test_the_merged_tape_names_its_parents_and_what_they_said_of_themselves(tmp_path):
    market, leader = tmp_path / "m", tmp_path / "r"
    rows = [np.array(book(2) + trade(9), Event.dtype)]
    ours = write_tape(market, rows, MARKET, dropped={"book_repeated": 3})
    rows = [np.array(reference(0) + reference(7), Event.dtype)]
    theirs = write_tape(leader, rows, LEADER, noted={"heard_5s_late": 2})
    info = merge_tapes(market, leader, tmp_path / "out", shift_s=0.002)
    assert info.source == (
        f"merge of hyperliquid BTC sha256 {ours.sha256} (a) "
        f"with binance-usdm BTCUSDT sha256 {theirs.sha256} (b) moved by +0.002 s"
    )
    assert info.dropped == {"market: book_repeated": 3}
    assert info.noted == {"reference: heard_5s_late": 2, "reference: moved_in_time": 4}


def test_a_shift_moves_the_reference_and_nothing_else(tmp_path):
    market = tape(tmp_path / "m", MARKET, book(0), book(1000))
    leader = tape(tmp_path / "r", LEADER, reference(5_000_000), reference(5_000_250))
    with pytest.raises(MergeError, match=r"must cover a common time, have hyperliquid BTC from 20"):
        merge_tapes(market, leader, tmp_path / "out")
    for bad in (np.nan, np.inf, -1e10):
        with pytest.raises(MergeError, match="shift_s must be within ±1e"):
            merge_tapes(market, leader, tmp_path / "out", shift_s=bad)
    assert not (tmp_path / "out").exists()
    merge_tapes(market, leader, tmp_path / "out", shift_s=-5000)
    events = events_of(tmp_path / "out")
    moved = events[events["kind"] >= REFERENCE]
    assert moved["recv_ns"].tolist() == [START_NS] * 2 + [START_NS + 250 * MS] * 2
    assert moved["ts_ns"].tolist() == [START_NS - MS] * 2 + [START_NS + 249 * MS] * 2
    assert events[:4].tobytes() == events_of(market)[:4].tobytes()


def test_the_market_begins_with_the_book_as_it_stood(tmp_path):
    market = tape(tmp_path / "m", MARKET, book(0), book(4, whole=False, bid=99.0), trade(6))
    leader = tape(tmp_path / "r", LEADER, reference(5), reference(30))
    info = merge_tapes(market, leader, tmp_path / "out")
    events = events_of(tmp_path / "out")
    first = events[events["kind"] == LEVEL]
    assert len(first) == info.noted["market: level_of_the_book_as_it_stood"]
    assert (first["recv_ns"] == START_NS + 5 * MS).all()
    assert first["code"].tolist() == [SNAPSHOT] + [0] * (len(first) - 2) + [LAST]
    assert set(first["px"].tolist()) == {98.0, 99.0, 100.0, 101.0, 102.0}
    assert info.dropped == {"market: not_in_common_time": 8, "reference: not_in_common_time": 2}


def test_a_market_without_a_book_waits_for_one(tmp_path):
    rows = book(0, whole=False), trade(11), book(20)
    leader = tape(tmp_path / "r", LEADER, reference(5), reference(30))
    info = merge_tapes(tape(tmp_path / "m", MARKET, *rows), leader, tmp_path / "out")
    assert (
        events_of(tmp_path / "out")["kind"].tolist() == [REFERENCE, REFERENCE_TRADE] + [LEVEL] * 4
    )
    assert info.dropped == {"market: not_in_common_time": 5, "reference: not_in_common_time": 2}
    market = tape(tmp_path / "m", MARKET, *rows[:2])
    with pytest.raises(MergeError, match="must have a whole book before the common time ends"):
        merge_tapes(market, leader, tmp_path / "out")


@settings(max_examples=40, deadline=None)
@given(
    ours=st.lists(st.tuples(st.integers(0, 40), st.sampled_from([book, trade])), min_size=1),
    theirs=st.lists(st.integers(-10, 50), min_size=2),
)
def test_no_event_is_lost_reordered_or_split(tmp_path_factory, ours, theirs):
    folder = tmp_path_factory.mktemp("m")
    rows = [make(ms) for ms, make in sorted(ours, key=lambda item: item[0])]
    market = tape(folder / "m", MARKET, book(0), *rows, trade(41))
    leader = tape(folder / "r", LEADER, *(reference(ms) for ms in sorted(theirs)))
    span = max(min(theirs), 0), min(max(theirs), 41)
    if span[0] >= span[1]:
        return
    both = [events_of(market), events_of(leader)]
    start, end = (START_NS + ms * MS for ms in span)
    both = [e[(e["recv_ns"] >= start) & (e["recv_ns"] <= end)] for e in both]
    if not len(both[0]):
        return
    info = merge_tapes(market, leader, folder / "out")
    again = info.noted.get("market: level_of_the_book_as_it_stood", 0)
    events = events_of(folder / "out")
    at_start = events["recv_ns"][:again] == start
    assert at_start.all() and bool(again) == (start > START_NS)
    events = events[again:]
    leads = np.isin(events["kind"], (REFERENCE, REFERENCE_TRADE))
    assert events[~leads].tobytes() == both[0].tobytes()
    assert events[leads].tobytes() == both[1].tobytes()
    assert (np.diff(events["recv_ns"]) >= 0).all()
    is_open = (events["kind"] == LEVEL) & (events["code"] & LAST == 0)
    assert (events["kind"][1:][is_open[:-1]] == LEVEL).all()
    at_once = np.flatnonzero(np.diff(events["recv_ns"]) == 0)
    assert not (leads[at_once] & ~leads[at_once + 1]).any()
    parents = tape_info(market).events + tape_info(leader).events
    assert info.events - again + sum(info.dropped.values()) == parents


def test_hours_are_joined_across_the_chunks_they_are_read_in(tmp_path):
    hour = 3_600_000
    ours = [book(ms) for ms in range(0, 5 * hour, 600_000)]
    theirs = [reference(ms) for ms in [*range(-hour, 2 * hour, 90_001), 4 * hour, 9 * hour]]
    market, leader = tape(tmp_path / "m", MARKET, *ours), tape(tmp_path / "r", LEADER, *theirs)
    info = merge_tapes(market, leader, tmp_path / "out")
    events = events_of(tmp_path / "out")
    assert (np.diff(events["recv_ns"]) >= 0).all()
    assert info.counts["level"] == 4 * 30
    assert info.counts["reference"] == sum(0 <= ms < 5 * hour for ms in
                                           [*range(-hour, 2 * hour, 90_001), 4 * hour])  # fmt: skip


@pytest.mark.parametrize(
    ("asset", "symbol"),
    [("BTC", "ETHUSDT"), ("BTC", "BTCDOMUSDT"), ("HYPE", "BTCUSDT"), ("kPEPE", "PEPEEUR")],
)
def test_another_coin_does_not_lead(tmp_path, asset, symbol):
    market = tape(tmp_path / "m", MARKET.model_copy(update={"asset": asset}), book(0), trade(9))
    leader = tape(tmp_path / "r", LEADER.model_copy(update={"asset": symbol}), reference(5))
    with pytest.raises(MergeError, match=rf"binance-usdm {symbol} must be of .* {asset}"):
        merge_tapes(market, leader, tmp_path / "out", shift_s=0)


@pytest.mark.parametrize(
    ("asset", "symbol"),
    [
        ("BTC", "BTCUSDC"),
        ("hyna:BTC", "BTCUSDT"),
        ("HYPE", "HYPEUSDT"),
        ("kPEPE", "1000PEPEUSDT"),
        ("kPEPE", "PEPEUSDT"),
        ("MATIC", "POLUSDT"),
    ],
)
def test_one_coin_under_several_names_leads_itself(tmp_path, asset, symbol):
    market = tape(tmp_path / "m", MARKET.model_copy(update={"asset": asset}), book(0), trade(9))
    rows = reference(1), reference(5)
    leader = tape(tmp_path / "r", LEADER.model_copy(update={"asset": symbol}), *rows)
    assert merge_tapes(market, leader, tmp_path / "out").counts["reference"] == 2


def test_only_a_market_and_a_reference_can_be_joined(tmp_path):
    market = tape(tmp_path / "m", MARKET, book(0), trade(9))
    leader = tape(tmp_path / "r", LEADER, reference(1), reference(5))
    both = tmp_path / "both"
    merge_tapes(market, leader, both)
    with pytest.raises(MergeError, match=r"reference hyperliquid BTC must hold .* alone, holds"):
        merge_tapes(market, market, tmp_path / "out")
    with pytest.raises(MergeError, match="market binance-usdm BTCUSDT must be a tape with books"):
        merge_tapes(leader, leader, tmp_path / "out")
    with pytest.raises(MergeError, match="without a leading venue"):
        merge_tapes(both, leader, tmp_path / "out")


def test_a_recorded_market_is_joined_with_a_recorded_leader(recorded, tmp_path):
    source = recorded("hl_raw_ws_frames") / "hyperliquid_btcusd_20250126.gz"
    ours = import_tape(source, tmp_path / "m")
    with gzip.open(recorded("binance_raw_ws") / "usdm_btcusdt_20240808.gz") as lines:
        (tmp_path / "f.txt").write_bytes(b"".join(next(lines) for _ in range(5_000)))
    theirs = import_tape(tmp_path / "f.txt", tmp_path / "r")
    shift_s = round((ours.first_ns - theirs.first_ns) / 1e9) + 1
    info = merge_tapes(tmp_path / "m", tmp_path / "r", tmp_path / "out", shift_s=shift_s)
    assert info.counts["level"] > 1000
    assert info.counts["reference"] > 100
    parents = (
        ours.events + theirs.events + sum(ours.dropped.values()) + sum(theirs.dropped.values())
    )
    again = info.noted["market: level_of_the_book_as_it_stood"]
    assert again == 40
    assert info.events - again + sum(info.dropped.values()) == parents
