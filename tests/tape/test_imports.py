import gzip
import json
import shutil

import numpy as np
import polars as pl
import pytest

from engine.events import BUY, LAST, LEVEL, SELL, SNAPSHOT, TRADE
from engine.runners.tape_import import detect, import_tape
from engine.store.tape import read_tape
from engine.venues.recorded.recording import RecordingError

CSV = "hl_l2_bbo_trades_20250904"
STANDX = "standx_btc_l2_trades_20260106"
FRAMES = "hl_raw_ws_frames"


def events_of(path):
    return np.concatenate(list(read_tape(path)))


@pytest.mark.parametrize(
    ("asset", "trades", "repeated", "bbo_rows", "spread_bps", "gap_s", "bytes_per_event"),
    [
        ("BTC", 6675 - 30, 0, 27792, 0.09, 17.5, 5.2),
        ("ETH", 6884 - 30 - 17, 17, 30518, 0.23, 17.7, 5.6),
        ("WLFI", 2563 - 30 - 8, 8, 17706, 3.18, 18.1, 4.6),
    ],
)  # fmt: skip
def test_the_csv_recording_is_counted_row_by_row(
    recorded, tmp_path, asset, trades, repeated, bbo_rows, spread_bps, gap_s, bytes_per_event
):
    info = import_tape(recorded(CSV), tmp_path / "a.tape", asset=asset)
    assert info.counts["trade"] == trades
    assert info.books == 3785 - 3
    assert info.dropped["book_repeated"] == 3
    assert info.dropped["trade_before_first_book"] == 30
    assert info.dropped.get("trade_repeated", 0) == repeated
    assert info.noted["bbo_rows_read"] == bbo_rows
    assert info.disorder == {"book": 0, "trade": 0}
    assert info.spread_bps_median == pytest.approx(spread_bps, abs=0.01)
    assert [round(g.seconds, 1) for g in info.gaps] == [gap_s]
    assert info.hours == pytest.approx(34.8 / 60, abs=0.001)
    assert info.bytes_per_event < bytes_per_event
    assert info.locked_books == 0


def test_every_bbo_statement_is_on_the_tape_or_counted(recorded, tmp_path):
    info = import_tape(recorded(CSV), tmp_path / "a.tape", asset="WLFI")
    events = events_of(tmp_path / "a.tape")
    ends = int(np.count_nonzero((events["kind"] == LEVEL) & (events["code"] & LAST > 0)))
    dropped = sum(n for reason, n in info.dropped.items() if reason.startswith("bbo_"))
    assert 2 * (ends - info.books) == info.noted["bbo_rows_read"] - dropped


def test_the_tape_shows_the_touch_the_venue_stated(recorded, tmp_path):
    """Replays the tape with a plain book and compares its top with every row of the bbo file."""
    import_tape(recorded(CSV), tmp_path / "a.tape", asset="WLFI")
    stated = pl.read_csv(recorded(CSV) / "prices_WLFI.csv")
    truth = {}
    for t, side, px, sz in stated.select("exchange_timestamp", "side", "price", "size").iter_rows():
        truth[t * 1_000_000, BUY if side == "bid" else SELL] = (px, sz)
    book, checked = {BUY: {}, SELL: {}}, 0
    for e in events_of(tmp_path / "a.tape"):
        if e["kind"] != LEVEL:
            continue
        if e["code"] & SNAPSHOT:
            book = {BUY: {}, SELL: {}}
        side, px = int(e["side"]), float(e["px"])
        book[side][px] = float(e["sz"])
        if not e["sz"]:
            del book[side][px]
        at = int(e["ts_ns"])
        if e["code"] & LAST and (at, BUY) in truth:
            bid, ask = max(book[BUY]), min(book[SELL])
            assert (bid, book[BUY][bid]) == truth[at, BUY]
            assert (ask, book[SELL][ask]) == truth[at, SELL]
            checked += 1
    assert checked > 8000


def test_importing_twice_gives_the_same_file(recorded, tmp_path):
    a, b = (
        import_tape(recorded(CSV), tmp_path / name, asset="WLFI") for name in ("a.tape", "b.tape")
    )
    assert a.sha256 == b.sha256


@pytest.fixture(scope="module")
def two_hours(recorded, tmp_path_factory):
    """The first two hours of the StandX day; the whole day is the same in kind, only longer."""
    folder = tmp_path_factory.mktemp("standx")
    for hour in ("00", "01"):
        for name in ("orderbook", "trades"):
            file = f"{name}_BTC-USD_2026-01-06_{hour}.parquet"
            shutil.copy(recorded(STANDX) / file, folder / file)
    return folder


def test_the_flaws_of_the_standx_recording_are_counted(two_hours, tmp_path):
    info = import_tape(two_hours, tmp_path / "a.tape")
    rows = sum(pl.read_parquet(p).height for p in two_hours.glob("orderbook_*"))
    prints = sum(pl.read_parquet(p).height for p in two_hours.glob("trades_*"))
    assert (info.asset, info.px_decimals, info.sz_decimals) == ("BTC", 2, 4)
    assert info.books + info.dropped["book_repeated"] == rows
    assert info.dropped["book_repeated"] == rows // 2
    assert info.counts["trade"] + info.dropped.get("trade_before_first_book", 0) == prints
    assert 150 < len(info.gaps) < 250  # a silence about every 36 s
    assert np.median([g.seconds for g in info.gaps]) == pytest.approx(7.0, abs=0.5)
    assert info.locked_share is not None and 0.35 < info.locked_share < 0.55
    assert info.bytes_per_event < 3.0


def test_a_side_that_never_changes_is_inferred_and_said_so(two_hours, tmp_path):
    info = import_tape(two_hours, tmp_path / "a.tape")
    events = events_of(tmp_path / "a.tape")
    sides = events["side"][events["kind"] == TRADE]
    assert 0.1 < np.mean(sides == SELL) < 0.9
    inferred = [n for reason, n in info.noted.items() if reason.startswith("trade_side_inferred")]
    assert sum(inferred) == info.counts["trade"] + info.dropped.get("trade_before_first_book", 0)


@pytest.mark.slow
def test_the_whole_standx_day(recorded, tmp_path):
    info = import_tape(recorded(STANDX), tmp_path / "a.tape")
    assert info.books == info.dropped["book_repeated"] == 261_470
    assert info.counts == {"level": 40 * 261_470, "trade": 165_660}
    assert info.locked_share == pytest.approx(0.469, abs=0.001)
    assert len(info.gaps) == 2364
    assert info.hours == pytest.approx(24.0, abs=0.001)
    assert sum(len(c) for c in read_tape(tmp_path / "a.tape")) == info.events


def test_recorded_frames_become_a_tape(recorded, tmp_path):
    info = import_tape(recorded(FRAMES), tmp_path / "a.tape")
    assert info.asset == "BTC"
    assert info.books == 45
    assert info.counts == {"level": 45 * 40, "trade": 34}
    assert info.dropped == {"book_repeated": 1, "trade_before_first_book": 30}


def test_frames_of_another_coin_and_refused_frames_are_counted(recorded, tmp_path):
    source = recorded(FRAMES) / "hyperliquid_btcusd_20250126.gz"
    with gzip.open(source) as file:
        lines = file.readlines()
    lines.insert(
        3, lines[2].split(b" ")[0] + b" " + lines[3].split(b" ", 1)[1].replace(b"BTC", b"ETH")
    )
    lines.insert(4, lines[2].split(b" ")[0] + b' {"channel":"l2Book","data":{"coin":"BTC"}}\n')
    with gzip.open(tmp_path / "f.gz", "wb") as out:
        out.writelines(lines)
    with pytest.raises(RecordingError, match=r"asset must be one of \['BTC', 'ETH'\], was None"):
        import_tape(tmp_path / "f.gz", tmp_path / "a.tape")
    info = import_tape(tmp_path / "f.gz", tmp_path / "a.tape", asset="BTC")
    assert info.dropped["frame_of_other_coin"] == 1
    assert info.dropped["frame_refused: time"] == 1
    assert info.books == 45


def frame(channel, data):
    return json.dumps({"channel": channel, "data": data})


def test_a_replay_on_reconnect_enters_once(tmp_path):
    def trade(tid, time):
        return {"coin": "BTC", "side": "B", "px": "101.0", "sz": "1", "time": time, "tid": tid}

    def book(time):
        levels = [[{"px": "100.0", "sz": "1", "n": 1}], [{"px": "101.0", "sz": "1", "n": 1}]]
        return frame("l2Book", {"coin": "BTC", "time": time, "levels": levels})

    lines = [
        (1_000, frame("trades", [trade(1, 800)])),  # older than the first book
        (1_100, book(1_000)),
        (1_200, frame("trades", [trade(2, 1_150)])),
        (9_000, frame("trades", [trade(2, 1_150), trade(3, 5_000)])),  # the reconnect
        (9_100, book(9_050)),
    ]
    text = "".join(f"{ms * 1_000_000} {message}\n" for ms, message in lines)
    (tmp_path / "f.jsonl").write_text(text)
    info = import_tape(tmp_path / "f.jsonl", tmp_path / "a.tape")
    assert info.counts["trade"] == 2
    assert info.dropped == {"trade_before_first_book": 1, "trade_repeated": 1}
    assert info.gap_s == pytest.approx(8.0)


def csv_folder(folder, books="", trades=""):
    head = "timestamp,exchange_timestamp,bid_price_0,bid_size_0,ask_price_0,ask_size_0\n"
    (folder / "orderbooks_BTC.csv").write_text(head + books)
    head = "timestamp,price,size,side,trade_id,exchange_timestamp\n"
    (folder / "trades_BTC.csv").write_text(head + trades)
    return folder


def test_rows_that_cannot_be_true_are_dropped_by_reason(tmp_path):
    books = (
        "1000.5,1000400,100.0,1.0,101.0,1.0\n"
        "1001.0,1000900,102.0,1.0,101.0,1.0\n"  # crossed
        "1001.5,1001400,100.0,-1.0,101.0,1.0\n"
        "1002.0,1001900,,,101.0,1.0\n"
        "1002.5,1002400,inf,1.0,101.0,1.0\n"
        "1003.0,1003700,100.0,1.0,101.0,1.0\n"  # heard before it happened
    )
    trades = (
        "1001.0,101.0,1.0,buy,7,1000900\n"
        "1002.0,101.0,0.0,sell,8,1001900\n"
        "1002.0,inf,1.0,sell,9,1001900\n"
        "1002.0,101.0,1.0,neither,10,1001900\n"
    )
    info = import_tape(csv_folder(tmp_path, books, trades), tmp_path / "a.tape")
    assert info.dropped == {
        "book_crossed": 1, "book_not_positive": 1, "book_one_sided": 1, "book_not_finite": 1,
        "trade_not_positive": 1, "trade_not_finite": 1, "trade_side_unknown": 1,
    }  # fmt: skip
    assert info.noted["recv_raised_to_venue_time"] == 2  # both levels of the last book
    assert info.counts == {"level": 4, "trade": 1}


def test_what_is_no_recording_is_refused_with_what_would_be(tmp_path):
    with pytest.raises(RecordingError, match="must be a folder with"):
        detect(tmp_path)
    with pytest.raises(RecordingError, match="source must exist"):
        import_tape(tmp_path / "absent", tmp_path / "a.tape")
    with pytest.raises(RecordingError, match="format must be one of"):
        import_tape(tmp_path, tmp_path / "a.tape", format="csv")
    (tmp_path / "x.gz").write_bytes(b"\x1f\x8bnot gzip at all")
    with pytest.raises(RecordingError, match="must be a folder with"):
        detect(tmp_path)


def test_an_unknown_precision_or_asset_is_asked_for(tmp_path):
    folder = csv_folder(tmp_path, "1000.5,1000400,100.0,1.0,101.0,1.0\n")
    (folder / "orderbooks_BTC.csv").rename(folder / "orderbooks_NEWCOIN.csv")
    (folder / "trades_BTC.csv").rename(folder / "trades_NEWCOIN.csv")
    with pytest.raises(RecordingError, match="sz_decimals of 'NEWCOIN' must be given"):
        import_tape(folder, tmp_path / "a.tape")
    with pytest.raises(RecordingError, match="asset must be one of"):
        import_tape(folder, tmp_path / "a.tape", asset="BTC")
    info = import_tape(folder, tmp_path / "a.tape", sz_decimals=3)
    assert (info.px_decimals, info.sz_decimals, info.books) == (3, 3, 1)


def test_missing_columns_and_files_are_named(tmp_path):
    folder = csv_folder(tmp_path, "1000.5,1000400,100.0,1.0,101.0,1.0\n")
    (folder / "trades_BTC.csv").write_text("timestamp,price\n1,2\n")
    with pytest.raises(RecordingError, match=r"columns .*trade_id.* must be there"):
        import_tape(folder, tmp_path / "a.tape")
    (folder / "trades_BTC.csv").unlink()
    with pytest.raises(RecordingError, match=r"trades_BTC.csv: must be a CSV file"):
        import_tape(folder, tmp_path / "a.tape")
    assert not (tmp_path / "a.tape").exists()


def test_a_cut_file_of_frames_is_refused(recorded, tmp_path):
    whole = (recorded(FRAMES) / "hyperliquid_btcusd_20250126.gz").read_bytes()
    (tmp_path / "f.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RecordingError, match="must be a whole file of frames"):
        import_tape(tmp_path / "f.gz", tmp_path / "a.tape", asset="BTC")


def test_a_column_of_words_is_refused_and_a_missing_time_is_counted(tmp_path):
    books = "1000.5,1000400,100.0,1.0,101.0,1.0\n1000.6,,100.0,1.0,101.0,1.0\n"
    info = import_tape(csv_folder(tmp_path, books), tmp_path / "a.tape")
    assert info.dropped == {"time_or_id_missing": 1}
    with pytest.raises(RecordingError, match="must be a CSV file of numbers"):
        import_tape(csv_folder(tmp_path, books + "1,2,3,4,five,6\n"), tmp_path / "a.tape")


def standx_folder(folder, hour=0, *, symbol="ABC-USD", books=2, sides=None, **columns):
    """An hour of books of one level and one print, five seconds apart."""
    at = [1_767_657_600_000_000_000 + hour * 3_600 * 10**9 + i * 5 * 10**9 for i in range(books)]
    kind = pl.Datetime("ns", "UTC")
    times = {"timestamp": pl.Series(at, dtype=kind), "received_at": pl.Series(at, dtype=kind)}
    levels = {
        f"{side}_{what}": pl.Series([[value]] * books, dtype=pl.List(pl.Float64))
        for side, px in (("bid", 100.0), ("ask", 101.0))
        for what, value in (("prices", px), ("quantities", 1.5))
    }
    prints = {"price": [100.5] * books, "quantity": [2.0] * books, "is_buyer_taker": [True] * books}
    book = pl.DataFrame(times | levels)
    trade = pl.DataFrame(times | prints, schema_overrides={"price": pl.Float64,
                         "quantity": pl.Float64, "is_buyer_taker": pl.Boolean})  # fmt: skip
    for name, frame in (("orderbook", book), ("trades", trade)):
        news = {k: v for k, v in columns.items() if k in frame.columns}
        path = folder / f"{name}_{symbol}_2026-01-06_{hour:02d}.parquet"
        frame.with_columns(**news).write_parquet(path)
    return folder


def test_parquet_rows_that_cannot_be_true_are_dropped_by_reason(tmp_path):
    negative = pl.Series([[-1.5], [1.5]])
    sizes = pl.Series([-2.0, 2.0])
    folder = standx_folder(tmp_path, bid_quantities=negative, quantity=sizes)
    info = import_tape(folder, tmp_path / "a.tape")
    assert info.counts == {"level": 2, "trade": 1}
    assert info.dropped == {"book_not_positive": 1, "trade_not_positive": 1}


def test_an_hour_without_rows_is_an_hour_without_events(tmp_path):
    for hour, books in enumerate([2, 0, 2]):
        standx_folder(tmp_path, hour, books=books)
    assert import_tape(tmp_path, tmp_path / "a.tape").counts == {"level": 8, "trade": 4}


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("timestamp", [None, None], "timestamp must have no nulls, has 2"),
        ("bid_prices", ["a", "b"], "must be a Parquet file with columns"),
        ("bid_prices", [[1.0, 2.0], [1.0]], r"bid_prices must have one depth, has \[1, 2\]"),
        ("price", [0.123456789, 1.0], "values must have at most 8 decimals"),
    ],
)
def test_a_parquet_column_that_cannot_be_read_is_named(tmp_path, column, values, words):
    kinds = {"timestamp": pl.Datetime("ns", "UTC")}
    folder = standx_folder(tmp_path, **{column: pl.Series(values, dtype=kinds.get(column))})
    with pytest.raises(RecordingError, match=words):
        import_tape(folder, tmp_path / "a.tape")


def test_a_parquet_file_that_is_cut_or_not_there_is_named(tmp_path):
    folder = standx_folder(tmp_path)
    with pytest.raises(RecordingError, match=r"asset must be one of \['ABC-USD'\], was 'XYZ'"):
        import_tape(folder, tmp_path / "a.tape", asset="XYZ")
    standx_folder(tmp_path, symbol="DEF-USD")
    with pytest.raises(RecordingError, match=r"must be one of \['ABC-USD', 'DEF-USD'\], was None"):
        import_tape(folder, tmp_path / "a.tape")
    path = folder / "trades_DEF-USD_2026-01-06_00.parquet"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(RecordingError, match=r"trades_DEF-USD.*must be a Parquet file"):
        import_tape(folder, tmp_path / "a.tape", asset="DEF-USD")
    path.unlink()
    with pytest.raises(RecordingError, match=r"trades_DEF-USD.*must be a Parquet file"):
        import_tape(folder, tmp_path / "a.tape", asset="DEF-USD")


def test_broken_frames_are_counted_and_broken_lines_refused(recorded, tmp_path):
    with gzip.open(recorded(FRAMES) / "hyperliquid_btcusd_20250126.gz") as file:
        lines = file.readlines()
    stamp = lines[9].split(b" ")[0]
    trade = json.dumps({"coin": "BTC", "side": "B", "px": "101.0", "sz": "-1", "time": 1, "tid": 9})
    negative = f'{{"channel": "trades", "data": [{trade}]}}'.encode()
    bad = [stamp + b" {not json\n", stamp + b" " + negative + b"\n"]
    (tmp_path / "f.txt").write_bytes(b"".join(lines[:10] + bad + lines[10:]))
    info = import_tape(tmp_path / "f.txt", tmp_path / "a.tape")
    assert info.dropped["frame_refused: frame"] == info.dropped["frame_refused: sz"] == 1
    assert info.books == 45
    with pytest.raises(RecordingError, match=r"asset must be one of \['BTC'\], was 'DOGE'"):
        import_tape(tmp_path / "f.txt", tmp_path / "a.tape", asset="DOGE")
    (tmp_path / "f.txt").write_bytes(b"".join([*lines[:10], b"no time\n"]))
    with pytest.raises(RecordingError, match=r"f.txt:11: line must be '<local_ns> <json>'"):
        import_tape(tmp_path / "f.txt", tmp_path / "b.tape")
    (tmp_path / "f.txt").write_bytes(b"".join([*lines[:10], lines[0]]))
    with pytest.raises(RecordingError, match=r"f.txt:11: local time must not fall"):
        import_tape(tmp_path / "f.txt", tmp_path / "b.tape")
    assert not (tmp_path / "b.tape").exists()
