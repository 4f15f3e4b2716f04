import gzip
import json
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import BUY, REFERENCE, REFERENCE_TRADE, SELL
from engine.runners.tape_import import detect, import_tape
from engine.store.tape import read_tape
from engine.venues.binance.codec import (
    DEPTH,
    SNAPSHOT,
    SPOT,
    TOUCH,
    USDM,
    Depth,
    FrameError,
    Snapshot,
    address,
    grid,
    parse,
    time_ns,
    unwrap,
)
from engine.venues.binance.depth import DepthBook
from engine.venues.binance.reference import Reference
from engine.venues.recorded.clock import AHEAD_NS, RecorderClock
from engine.venues.recorded.lines import stamped_lines
from engine.venues.recorded.recording import RecordingError

RAW = "binance_raw_ws"
CRYPTOFEED = "cryptofeed_binance_raw"
MS = 1_000_000
START_MS = 1_723_161_256_000


def events_of(path):
    return np.concatenate(list(read_tape(path)))


def ticker(u, bid, ask, *, ms=None, symbol="BTCUSDT"):
    """A bookTicker: of futures where it has a time, else of spot."""
    data = {"u": u, "s": symbol, "b": f"{bid:.2f}", "B": "1.0", "a": f"{ask:.2f}", "A": "2.0"}
    return data | ({"e": TOUCH, "T": START_MS + ms, "E": START_MS + ms} if ms is not None else {})


def trade(t, px, ms, *, maker=True, symbol="BTCUSDT", **more):
    at = START_MS + ms
    data = {"e": "trade", "E": at, "T": at, "s": symbol, "t": t, "p": f"{px:.2f}", "q": "0.5"}
    return data | {"m": maker} | more


def depth_of(first, last, bids=(), asks=(), **more):
    return Depth.model_validate({"U": first, "u": last, "b": bids, "a": asks, **more})


def recording(path, lines):
    """A file of `(ms, message)`; what is bytes already stands as it is."""
    with gzip.open(path, "wb") as out:
        for ms, message in lines:
            frame = message if isinstance(message, bytes) else json.dumps(message).encode()
            out.write(b"%d %s\n" % ((START_MS + ms) * MS, frame))
    return path


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=60), st.sampled_from([ticker, trade]).flatmap(
    lambda make: st.dictionaries(
        st.sampled_from("eEsTubBaApqmtX"),
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5),
                  st.lists(st.lists(st.text(max_size=3), max_size=2), max_size=2)),
        max_size=4,
    ).map(lambda bad: json.dumps(make(1, 100, 101) | bad).encode())
)))  # fmt: skip
def test_any_frame_parses_or_is_refused(frame):
    try:
        data = unwrap(frame)
        about = address(data)
        time_ns(about.kind, data)
        message = parse(about.kind, data)
    except FrameError:
        return
    numbers = [v for v in message.model_dump().values() if isinstance(v, float)]
    assert np.isfinite(numbers).all() and min(numbers, default=1.0) > 0.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"b": "nan"}, "bookTicker: b: .*finite"),
        ({"b": "-1"}, "bookTicker: b: .*greater than 0"),
        ({"B": "0.0"}, "bookTicker: B: .*greater than 0"),
        ({"b": "102"}, "bid must not be over ask, was 102.0 > 101.0"),
        ({"u": "7"}, "bookTicker: u: .*integer"),
        ({"T": "now"}, "time must be ms since 1970"),
        ({"s": 5}, "message must name its symbol"),
        ({"e": "unheard_of"}, "kind must be one of"),
    ],
)
def test_a_message_that_cannot_be_true_is_refused_by_field(change, words):
    data = ticker(1, 100, 101, ms=5) | change

    def read():
        kind = address(data).kind
        return time_ns(kind, data), parse(kind, data)

    with pytest.raises(FrameError, match=words):
        read()


@pytest.mark.parametrize("frame", [b"", b"{", b"[1]", b"7", b'{"data": [1]}'])
def test_what_is_no_object_is_refused(frame):
    with pytest.raises(FrameError, match="must be a JSON object"):
        unwrap(frame)


def test_the_aggressor_is_whoever_was_not_the_maker():
    heard = Reference(Counter())
    for number, (maker, side) in enumerate([(True, SELL), (False, BUY)], 1):
        row = heard.hear("trade", parse("trade", trade(number, 100, 0, maker=maker)), 1, 2)
        assert row is not None and row[:2] == (REFERENCE_TRADE, side)


def test_prints_of_the_insurance_fund_are_no_flow():
    dropped = Counter()
    message = parse("trade", trade(1, 100, 0, X="INSURANCE_FUND"))
    assert Reference(dropped).hear("trade", message, 1, 2) is None
    assert dropped == {"trade_not_on_the_book": 1}


def test_the_touch_of_a_built_book_is_the_touch_the_venue_states(recorded):
    """Every touch built from changes, against the bookTicker of the same update."""
    for name, sure in (("usdm_btcusdt", 5824), ("spot_btcusdt", 3427)):
        book, built, stated, reasons = DepthBook(), {}, {}, Counter()
        for _, frame in stamped_lines(recorded(RAW) / f"{name}_20240808.gz"):
            data = unwrap(frame)
            kind = address(data).kind
            if kind == TOUCH:
                stated[data["u"]] = float(data["b"]), float(data["a"])
            elif kind in {DEPTH, SNAPSHOT}:
                reasons[why := book.hear(parse(kind, data))] += 1
                if not why:
                    built[book.last] = book.touch
        numbers = sorted(stated)
        at = np.searchsorted(numbers, sorted(built), side="right") - 1
        said = [stated[numbers[i]] if i >= 0 else None for i in at]
        assert all(built[u] == s for u, s in zip(sorted(built), said, strict=True) if s)
        assert reasons[""] == sure
        assert set(reasons) <= {"", "depth_without_snapshot", "depth_beyond_snapshot"}


changes = st.lists(
    st.tuples(st.booleans(), st.integers(1, 9), st.integers(0, 3)), min_size=1, max_size=12
)


@settings(max_examples=150, deadline=None)
@given(
    batches=st.lists(changes, min_size=4, max_size=12),
    lost=st.sets(st.integers(2, 11), max_size=3),
    asked=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 2)), min_size=1, max_size=4),
    depth=st.integers(1, 6),
    futures=st.booleans(),
)
def test_a_touch_is_stated_only_where_it_is_true(batches, lost, asked, depth, futures):
    """Messages are lost and snapshots come late and shallow; what is said of the touch is true."""
    bids, asks = {100 - k: 1 for k in range(1, 6)}, {100 + k: 1 for k in range(1, 6)}
    truth, snapshots, messages, u = {}, [], [], 10
    for batch in batches:
        first, news = u + 1, ({}, {})
        for is_bid, away, sz in batch:
            side, px = (bids, 100 - away) if is_bid else (asks, 100 + away)
            side[px] = news[0 if is_bid else 1][px] = sz
            if not sz:
                del side[px]
        u += len(batch)
        truth[u] = (max(bids, default=None), min(asks, default=None))
        before = {"pu": first - 1} if futures else {}
        told = [[(str(px), str(sz)) for px, sz in side.items()] for side in news]
        messages.append(depth_of(first, u, *told, **before))
        best = sorted(bids.items(), reverse=True)[:depth], sorted(asks.items())[:depth]
        snapshots.append({"lastUpdateId": u, "bids": best[0], "asks": best[1]})
    due = [(n + late, n) for n, late in asked if n < len(snapshots)]
    book = DepthBook()
    for n, message in enumerate(messages):
        heard = [] if n in lost else [message]
        heard += [Snapshot.model_validate(snapshots[k]) for at, k in due if at == n]
        for one in heard:
            if not book.hear(one):
                assert book.touch == truth[book.last]


def test_a_book_is_unknown_until_its_snapshot_and_from_a_gap_to_the_next():
    book = DepthBook()
    assert book.hear(depth_of(1, 5, [["99", "1"]])) == "depth_without_snapshot"
    assert book.hear(depth_of(6, 7, [["98", "1"]])) == "depth_without_snapshot"
    whole = {"bids": [["99", "1"], ["90", "1"]], "asks": [["101", "1"], ["110", "1"]]}
    assert book.hear(Snapshot.model_validate({"lastUpdateId": 5, **whole})) == ""
    assert (book.last, book.touch) == (7, (99.0, 101.0))
    assert book.hear(depth_of(3, 7)) == "depth_older_than_book"
    assert book.hear(depth_of(8, 8, [["99", "0"]])) == ""
    assert book.touch == (98.0, 101.0)
    assert book.hear(depth_of(8, 9, [["98", "0"], ["90", "0"]], pu=8)) == "depth_one_sided"
    assert book.hear(depth_of(12, 13, [["97", "1"]])) == "depth_gap"
    assert book.hear(depth_of(14, 15)) == "depth_without_snapshot"
    assert book.hear(Snapshot.model_validate({"lastUpdateId": 10, **whole})) == (
        "snapshot_not_connected"
    )
    assert book.hear(Snapshot.model_validate({"lastUpdateId": 12, **whole})) == ""
    assert book.hear(Snapshot.model_validate({"lastUpdateId": 12, **whole})) == "snapshot_not_newer"
    assert book.hear(depth_of(16, 16, [["99", "0"], ["97", "0"], ["89", "1"], ["90", "0"]])) == (
        "depth_beyond_snapshot"  # what rests between 89 and 90 was never shown
    )
    assert book.hear(depth_of(17, 17, [["102", "1"]])) == "depth_crossed"
    assert book.hear(depth_of(18, 18)) == "depth_without_snapshot"


@pytest.fixture(scope="module")
def spot(recorded, tmp_path_factory):
    """The recording of the spot market, and the tape of it."""
    source = recorded(RAW) / "spot_btcusdt_20240808.gz"
    tape = tmp_path_factory.mktemp("spot") / "spot.tape"
    import_tape(source, tape)
    return source, tape


@pytest.mark.parametrize(
    ("name", "venue", "touches", "trades", "early", "beside", "moved_ms"),
    [
        ("usdm_btcusdt", USDM, 66_089, 21_313, 1, 6_551, 1273),
        ("usdm_ethusdt", USDM, 53_992, 14_076, 1, 6_586, 1273),
        ("spot_btcusdt", SPOT, 28_040, 9_757, 2, 3_450, 1275),
    ],
)
def test_every_recorded_frame_is_an_event_or_counted(
    recorded, tmp_path, name, venue, touches, trades, early, beside, moved_ms
):
    info = import_tape(recorded(RAW) / f"{name}_20240808.gz", tmp_path / "a.tape")
    assert (info.venue, info.asset) == (venue, name.split("_")[1].upper())
    assert info.counts == {"reference": touches, "reference_trade": trades}
    assert info.dropped == {
        "depth_without_snapshot": early, "depth_beside_book_ticker": beside
    }  # fmt: skip
    assert info.noted == {
        "frames_read": touches + trades + early + beside,
        f"recv_raised_by_up_to_{moved_ms}_ms": info.events,
    }
    assert (info.books, info.spread_bps_median) == (0, None)
    assert info.bytes_per_event < 8.0


def test_mids_come_back_as_the_very_floats(spot):
    source, tape = spot
    events = events_of(tape)
    data = [unwrap(frame) for _, frame in stamped_lines(source)]
    mids = [0.5 * (float(d["b"]) + float(d["a"])) for d in data if "B" in d]
    prints = [(float(d["p"]), float(d["q"]), d["m"]) for d in data if d.get("e") == "trade"]
    assert events["px"][events["kind"] == REFERENCE].tolist() == mids
    heard = events[events["kind"] == REFERENCE_TRADE]
    side = [SELL if maker else BUY for _, _, maker in prints]
    assert heard["px"].tolist() == [px for px, _, _ in prints]
    assert heard["sz"].tolist() == [sz for _, sz, _ in prints]
    assert heard["side"].tolist() == side


def test_a_slow_clock_is_moved_as_a_whole_and_never_ahead_of_the_venue(spot):
    """The recorder was 1.27 s behind; spot touches have no venue time to raise them to."""
    source, tape = spot
    events = events_of(tape)
    kinds = [address(unwrap(frame)).kind for _, frame in stamped_lines(source)]
    assert [
        REFERENCE if k == TOUCH else REFERENCE_TRADE for k in kinds if k in {TOUCH, "trade"}
    ] == (events["kind"].tolist())
    assert (events["recv_ns"] >= events["ts_ns"]).all()
    stamps = np.array([ns for ns, f in stamped_lines(source) if b"@depth" not in f and b"@" in f])
    moved = events["recv_ns"] - stamps
    assert (np.diff(moved) >= 0).all()
    assert 1.270e9 < moved[100] <= moved[-1] < 1.275e9


@given(st.lists(st.tuples(st.integers(0, 9), st.none() | st.integers(-50, 50)), max_size=30))
def test_a_clock_keeps_order_and_never_hears_the_future(steps):
    clock, recv_ns, last = RecorderClock(), 1000, 0
    for step, ahead in steps:
        recv_ns += step
        ts_ns = None if ahead is None else recv_ns + ahead
        heard = clock.hear(ts_ns, recv_ns)
        if heard is not None:
            assert heard >= max(last, recv_ns, ts_ns or 0)
            last = heard


def test_a_time_nobody_can_believe_moves_no_clock():
    clock = RecorderClock()
    assert clock.hear(None, 5) is None
    assert clock.hear(6 + AHEAD_NS, 5) is None
    assert clock.hear(7, 5) == 7
    assert clock.hear(None, 6) == 8


def test_a_recording_without_book_ticker_has_its_touch_from_the_book(spot, tmp_path):
    source, tape = spot
    with gzip.open(source) as lines, gzip.open(tmp_path / "f.gz", "wb") as out:
        out.writelines(line for line in lines if b"@bookTicker" not in line)
    info = import_tape(tmp_path / "f.gz", tmp_path / "a.tape")
    assert info.counts == {"reference": 3_427, "reference_trade": 9_757}
    assert info.dropped == {"depth_without_snapshot": 3, "depth_beyond_snapshot": 22}
    built, stated = (events_of(path) for path in (tmp_path / "a.tape", tape))
    mids = {float(e["px"]) for e in stated[stated["kind"] == REFERENCE]}
    assert {float(e["px"]) for e in built[built["kind"] == REFERENCE]} <= mids


def test_a_trade_stream_makes_the_aggregated_one_superfluous(tmp_path):
    def aggregated(a, ms):
        return trade(a, 100, ms) | {"e": "aggTrade", "a": a}

    lines = [
        (1, aggregated(1, 0)),
        (2, trade(70, 100, 1)),
        (3, aggregated(2, 1)),
        (4, trade(70, 100, 1)),  # said twice by a new connection
        (5, {"e": "kline", "E": START_MS, "s": "BTCUSDT", "k": {}}),
        (5, {"e": "markPriceUpdate", "E": START_MS, "T": START_MS + 30_000, "s": "BTCUSDT"}),
        (
            5,
            {"stream": "btcusdt@depth5@100ms", "data": {"e": DEPTH, "E": START_MS, "s": "BTCUSDT"}},
        ),
        (6, {"result": None, "id": 1}),
    ]
    info = import_tape(recording(tmp_path / "f.gz", lines), tmp_path / "a.tape")
    assert info.counts == {"reference_trade": 2}
    assert info.dropped == {
        "agg_trade_beside_trade": 1, "trade_not_newer": 1, "kind_of_no_use": 3,
        "answer_to_a_request": 1,
    }  # fmt: skip
    assert info.noted == {"frames_read": 8}  # the next funding is no time to set a clock by


def test_frames_that_cannot_be_used_are_counted_by_reason(tmp_path):
    lines = [
        (0, ticker(1, 100, 101)),  # of spot, without a time, before the clock is known
        (1, trade(1, 100, 1, M=True)),
        (2, ticker(2, 100, 101)),
        (3, ticker(2, 100, 101)),
        (4, b"{not json"),
        (5, ticker(3, -100, 101)),
        (6, trade(2, 100, 90_000, M=True)),
        (7, ticker(4, 100, 101, symbol="ETHUSDT")),
        (8, trade(3, 100, 8, M=True) | {"q": "-0.5"}),
        (6_000, trade(4, 100, 9, M=True)),
    ]
    info = import_tape(recording(tmp_path / "f.gz", lines), tmp_path / "a.tape", asset="BTCUSDT")
    assert info.counts == {"reference": 1, "reference_trade": 2}
    assert info.dropped == {
        "time_not_known": 1, "touch_not_newer": 1, "frame_refused": 3, "time_a_minute_ahead": 1,
        "frame_of_other_symbol": 1,
    }  # fmt: skip
    assert info.noted == {"frames_read": len(lines), "heard_5s_late": 1}


@pytest.mark.parametrize("later", [1, 10_001])
def test_several_symbols_or_venues_in_one_file_are_listed(tmp_path, later):
    lines = [(n, ticker(n, 100, 101, ms=n)) for n in range(later)]
    mixed = recording(
        tmp_path / "s.gz", [*lines, (later, ticker(1, 9, 10, ms=1, symbol="ETHUSDT"))]
    )
    names = r"\['binance-usdm:BTCUSDT', 'binance-usdm:ETHUSDT'\]"
    with pytest.raises(RecordingError, match=f"asset must name one of {names}, was None"):
        import_tape(mixed, tmp_path / "a.tape")
    assert not (tmp_path / "a.tape").exists()
    assert import_tape(mixed, tmp_path / "a.tape", asset="ETHUSDT").events == 1
    mixed = recording(tmp_path / "v.gz", [*lines, (later, ticker(1, 9, 10))])
    names = r"\['binance-spot:BTCUSDT', 'binance-usdm:BTCUSDT'\]"
    with pytest.raises(RecordingError, match=f"asset must name one of {names}, was 'BTCUSDT'"):
        import_tape(mixed, tmp_path / "a.tape", asset="BTCUSDT")
    info = import_tape(mixed, tmp_path / "a.tape", asset="binance-spot:BTCUSDT")
    assert (info.venue, info.asset, info.events) == (SPOT, "BTCUSDT", 1)


def test_a_snapshot_is_used_only_where_it_can_be_of_one_symbol(tmp_path):
    whole = {"lastUpdateId": 9, "E": START_MS, "T": START_MS, "asks": [["101", "1"]]}
    whole["bids"] = [["100", "1"]]
    one = [(0, {"e": DEPTH, "s": "BTCUSDT", "E": START_MS, "T": START_MS, "U": 1, "u": 2, "pu": 0,
                "b": [], "a": []}), (1, whole)]  # fmt: skip
    info = import_tape(recording(tmp_path / "f.gz", one), tmp_path / "a.tape")
    assert info.counts == {"reference": 1}
    two = [*one, (2, ticker(1, 5, 6, ms=1, symbol="ETHUSDT"))]
    recording(tmp_path / "f.gz", two)
    with pytest.raises(RecordingError, match="'snapshot_of_unnamed_symbol': 1"):
        import_tape(tmp_path / "f.gz", tmp_path / "a.tape", asset="BTCUSDT")


def test_a_damaged_file_is_refused(recorded, tmp_path):
    whole = (recorded(RAW) / "spot_btcusdt_20240808.gz").read_bytes()
    (tmp_path / "f.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RecordingError, match="must be a whole file of frames"):
        import_tape(tmp_path / "f.gz", tmp_path / "a.tape")
    whole = (recorded(CRYPTOFEED) / "BINANCE.jsonl.zst").read_bytes()
    (tmp_path / "f.jsonl.zst").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RecordingError, match="must be a whole file of frames"):
        import_tape(tmp_path / "f.jsonl.zst", tmp_path / "a.tape", format="cryptofeed")
    lines = [(5, ticker(1, 100, 101, ms=1)), (4, ticker(2, 100, 101, ms=1))]
    with pytest.raises(RecordingError, match=r"f.gz:2: local time must not fall"):
        import_tape(recording(tmp_path / "f.gz", lines), tmp_path / "a.tape")
    with gzip.open(tmp_path / "f.gz", "ab") as out:
        out.write(b"no time\n")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["f.gz", "f.jsonl.zst"]


@pytest.mark.parametrize(
    ("file", "symbol", "grid", "touches", "trades"),
    [
        ("BINANCE", "NKNUSDT", (4, 0), 81, 1),
        ("BINANCE", "BLZETH", (8, 0), 8, 0),
        ("BINANCE", "LRCBTC", (8, 0), 10, 1),
        ("BINANCE", "RUNEEUR", (3, 1), 2, 0),
        ("BINANCE_FUTURES", "SUSHIUSDT", (3, 0), 305, 40),
        ("BINANCE_FUTURES", "AKROUSDT", (5, 0), 94, 8),
        ("BINANCE_FUTURES", "KEEPUSDT", (4, 0), 77, 5),
        ("BINANCE_FUTURES", "CTKUSDT", (3, 0), 146, 38),
    ],
)
def test_cryptofeeds_recordings_are_counted_and_know_their_grid(
    recorded, tmp_path, file, symbol, grid, touches, trades
):
    source = recorded(CRYPTOFEED) / f"{file}.jsonl.zst"
    assert detect(source) == "cryptofeed"
    info = import_tape(source, tmp_path / "a.tape", asset=symbol)
    assert info.venue == (SPOT if file == "BINANCE" else USDM)
    assert (info.px_decimals, info.sz_decimals) == grid
    assert info.counts == {
        k: n for k, n in {"reference": touches, "reference_trade": trades}.items() if n
    }
    assert info.events + sum(info.dropped.values()) == info.noted["frames_read"]


def packed(path, *lines):
    with pa.output_stream(path, compression="zstd") as out:
        out.write(b"\n".join(x if isinstance(x, bytes) else json.dumps(x).encode() for x in lines))
    return path


def test_cryptofeeds_lines_are_put_in_order_and_bad_ones_refused(recorded, tmp_path):
    source = recorded(CRYPTOFEED) / "BINANCE.jsonl.zst"
    with pytest.raises(RecordingError, match=r"one of \['binance-spot:BLZETH', .*was 'BTCUSDT'"):
        import_tape(source, tmp_path / "a.tape", asset="BTCUSDT")
    head = {"t": "header", "exchange": "BINANCE"}
    seconds = START_MS / 1000
    later = {"t": "recv", "ts": seconds + 2, "data": json.dumps(ticker(2, 100, 102))}
    first = {"t": "recv", "ts": seconds + 1, "data": json.dumps(trade(1, 100, 1, M=True))}
    info = import_tape(packed(tmp_path / "f.jsonl.zst", head, later, first), tmp_path / "a.tape")
    assert events_of(tmp_path / "a.tape")["px"].tolist() == [100.0, 101.0]
    assert (info.px_decimals, info.sz_decimals) == (8, 8)
    with pytest.raises(RecordingError, match=r"f.jsonl.zst:2: must be a line of cryptofeed's"):
        import_tape(packed(tmp_path / "f.jsonl.zst", head, b"{oops"), tmp_path / "a.tape")
    with pytest.raises(RecordingError, match=r"must be a folder with"):
        detect(packed(tmp_path / "f.jsonl.zst", head | {"exchange": "KRAKEN"}))


def test_an_exchange_info_without_the_symbol_is_no_grid():
    steps = [{"filterType": "PRICE_FILTER", "tickSize": "0.0500"}]
    info = {"symbols": [{"symbol": "ABC", "filters": steps}]}
    with pytest.raises(FrameError, match="does not list 'XYZ'"):
        grid(json.dumps(info).encode(), "XYZ")
    with pytest.raises(FrameError, match="must have the filters of 'ABC'"):
        grid(json.dumps(info).encode(), "ABC")
    steps.append({"filterType": "LOT_SIZE", "stepSize": "10.00"})
    assert grid(json.dumps(info).encode(), "ABC") == (2, 0)


def test_a_folder_of_several_files_asks_for_one(recorded, tmp_path):
    with pytest.raises(RecordingError, match=r"must hold one file, has \['spot_btcusdt"):
        import_tape(recorded(RAW), tmp_path / "a.tape")
