import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import BUY, CONTEXT, LAST, LEVEL, SELL, SNAPSHOT, TRADE, Event
from engine.record import zeros
from engine.store.tape import read_tape, tape_info, write_tape
from engine.store.tape_facts import TapeError, TapeMeta

META = TapeMeta(asset="BTC", venue="hyperliquid", source="test", px_decimals=1, sz_decimals=5)
START_NS = 1_757_015_216_673_878_000
SECOND = 1_000_000_000


def day(seconds, *, seed=1, step_s=1.0):
    """Books of two levels a side and a trade after each, `step_s` apart."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(int(seconds / step_s)):
        recv = START_NS + int(i * step_s * SECOND)
        bid = 1_097_550 + int(rng.integers(-50, 50)) * 10
        for k, (side, units) in enumerate(
            [(BUY, bid), (BUY, bid - 10), (SELL, bid + 10), (SELL, bid + 20)]
        ):
            flags = SNAPSHOT * (k == 0) + LAST * (k == 3)
            lots = int(rng.integers(1, 10**7))
            rows.append(
                (LEVEL, side, flags, recv - 400_000_000, recv, units / 10, lots / 1e5, 0, 3)
            )
        recv += 1_000_000
        rows.append((TRADE, BUY, 0, recv - 300_000_000, recv, (bid + 10) / 10, 0.00011, i + 1, i))
    return np.array([(*row, 0.0) for row in rows], Event.dtype)


def write(path, events, **changes):
    return write_tape(path, [events], META.model_copy(update=changes))


def read(path, **how):
    return np.concatenate(list(read_tape(path, **how)))


def test_reading_gives_back_the_very_bytes(tmp_path):
    events = day(7200)
    info = write_tape(tmp_path / "a.tape", np.split(events, 36), META)
    assert read(tmp_path / "a.tape").tobytes() == events.tobytes()
    assert info.events == len(events)
    assert info.counts == {"level": 28800, "trade": 7200}
    assert info == tape_info(tmp_path / "a.tape")


@settings(max_examples=50, deadline=None)
@given(
    px=st.integers(1, 10**8), sz=st.integers(1, 10**12), decimals=st.integers(0, 6),
    tid=st.integers(0, 2**63 - 1), lag_us=st.integers(0, 10**8),
)  # fmt: skip
def test_every_value_on_the_grid_survives(tmp_path_factory, px, sz, decimals, tid, lag_us):
    path = tmp_path_factory.mktemp("t") / "a.tape"
    event = zeros(Event, 1)
    event["kind"], event["side"], event["id"], event["ref"] = TRADE, SELL, tid, tid
    event["px"], event["sz"] = px / 10.0 ** (6 - decimals), sz / 10.0**decimals
    event["recv_ns"], event["ts_ns"] = START_NS, START_NS - lag_us * 1000
    write(path, event, px_decimals=6 - decimals, sz_decimals=decimals)
    assert read(path).tobytes() == event.tobytes()


def test_kinds_without_a_grid_keep_their_floats(tmp_path):
    event = zeros(Event, 1)
    event["kind"], event["px"], event["sz"] = CONTEXT, 84359.0333333, 33897.6701800001
    event["extra"], event["ts_ns"], event["recv_ns"] = -1.25e-5, START_NS, START_NS
    write(tmp_path / "a.tape", event)
    assert read(tmp_path / "a.tape").tobytes() == event.tobytes()


def test_chunks_are_hours_of_the_tape_and_cut_no_book(tmp_path):
    events = day(3 * 3600 + 60, step_s=2.0)
    write(tmp_path / "a.tape", events)
    chunks = list(read_tape(tmp_path / "a.tape"))
    assert [int((c["recv_ns"][0] - START_NS) // (3600 * SECOND)) for c in chunks] == [0, 1, 2, 3]
    assert all(c["code"][0] == SNAPSHOT for c in chunks)
    halves = list(read_tape(tmp_path / "a.tape", chunk_hours=0.5))
    assert len(halves) == 7
    assert np.concatenate(halves).tobytes() == events.tobytes()


def test_reading_can_start_late(tmp_path):
    events = day(7200)
    write(tmp_path / "a.tape", events)
    since = START_NS + 5000 * SECOND
    late = read(tmp_path / "a.tape", since_ns=since)
    assert late.tobytes() == events[events["recv_ns"] >= since].tobytes()


def test_a_chunk_must_have_a_length():
    with pytest.raises(ValueError, match="chunk_hours must be positive, was 0"):
        next(read_tape(None, chunk_hours=0))


def test_the_same_events_make_the_same_file(tmp_path):
    a, b = (write(tmp_path / name, day(100)) for name in ("a.tape", "b.tape"))
    assert a.sha256 == b.sha256
    assert (tmp_path / "a.tape").read_bytes() == (tmp_path / "b.tape").read_bytes()


def test_gaps_locks_and_disorder_are_told(tmp_path):
    events = day(100)
    events["recv_ns"][250:] += 18 * SECOND  # silent after 50 books
    events["px"][2:5:5] = events["px"][0]  # the first book is locked
    events["ts_ns"][10:14] -= 2 * SECOND
    info = write(tmp_path / "a.tape", events)
    assert [round(g.seconds, 3) for g in info.gaps] == [19.0]
    assert (info.locked_books, info.locked_share, info.locked_s) == (1, 0.01, 1.0)
    assert info.disorder == {"book": 1, "trade": 0}
    assert info.spread_bps_median == pytest.approx(1e4 / 109755, rel=0.01)


def test_a_failed_write_leaves_the_old_tape_and_no_litter(tmp_path):
    old = write(tmp_path / "a.tape", day(100))
    events = day(100)
    events["px"][7] = np.nan
    with pytest.raises(TapeError, match="row 7: px must be finite, was nan"):
        write(tmp_path / "a.tape", events)
    assert tape_info(tmp_path / "a.tape") == old
    assert [p.name for p in tmp_path.iterdir()] == ["a.tape"]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("px", np.inf, "px must be finite"),
        ("px", 0.0, "px must be positive"),
        ("px", 109755.04, "px must be a multiple of 1e-1"),
        ("sz", -1.0, "sz must be zero or positive"),
        ("sz", 1e-6, "sz must be a multiple of 1e-5"),
        ("extra", np.nan, "extra must be finite"),
        ("side", 0, "side must be 1 or -1"),
        ("kind", 99, "kind must be one of"),
        ("ts_ns", START_NS + 5000 * SECOND, "recv_ns must be at or after ts_ns"),
        ("recv_ns", START_NS + 5000 * SECOND, "recv time must be at or after"),
        ("recv_ns", START_NS + 10 * SECOND + 7, "recv_ns must be a whole number of micro"),
        ("code", 0, "no LAST flag"),
    ],
)
def test_what_cannot_be_true_is_not_written(tmp_path, field, value, words):
    events = day(100)[:-1]
    row = len(events) - 1 if field == "code" else 50
    events[field][row] = value
    with pytest.raises(TapeError, match=words):
        write(tmp_path / "a.tape", events)


def test_a_crossed_book_is_not_written(tmp_path):
    events = day(10)
    events["px"][0] = events["px"][2] + 1.0
    with pytest.raises(TapeError, match="is crossed"):
        write(tmp_path / "a.tape", events)


def test_nothing_is_not_a_tape(tmp_path):
    with pytest.raises(TapeError, match="no events to write"):
        write_tape(tmp_path / "a.tape", [], META)


def damaged(tmp_path, column, row, value, **footer):
    """Write a tape, then the same file with one value or footer entry changed."""
    path = tmp_path / "a.tape"
    write(path, day(100))
    table = pq.read_table(path)
    facts = json.loads(table.schema.metadata[b"gangway.tape"]) | footer
    if column:
        values = table.column(column).to_pylist()
        values[row] = value
        at = table.column_names.index(column)
        array = pa.array(values, table.schema.field(at).type)
        table = table.set_column(at, pa.field(column, array.type), array)
    table = table.replace_schema_metadata({"gangway.tape": json.dumps(facts)})
    pq.write_table(table, path)
    return path


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("recv_us", 5, "row 42: "),
        ("px", -7, "row 42: px must be positive, was -0.7"),
        ("sz", -7, "row 42: sz must be zero or positive"),
        ("extra", float("nan"), "row 42: extra must be finite, was nan"),
        ("px_raw", float("inf"), "row 42: px must be finite, was inf"),
        ("lag_us", -1, "row 42: recv_ns must be at or after ts_ns"),
        ("kind", 77, "row 42: kind must be one of"),
        ("sz", None, "hold nulls"),
    ],
)
def test_a_damaged_row_is_refused_on_reading(tmp_path, column, value, words):
    path = damaged(tmp_path, column, 42, value)
    with pytest.raises(TapeError, match=words) as refusal:
        read(path)
    assert str(path) in str(refusal.value)
    assert "import the source again" in str(refusal.value)


@pytest.mark.parametrize(
    ("footer", "words"),
    [
        ({"version": 2}, "tape version must be 1, was 2"),
        ({"events": 3}, "500 rows of 12 columns, the footer says 3"),
        ({"surprise": 1}, "footer is not of tape version 1"),
    ],
)
def test_a_wrong_footer_is_refused(tmp_path, footer, words):
    path = damaged(tmp_path, "", 0, 0, **footer)
    with pytest.raises(TapeError, match=words):
        read(path)
    with pytest.raises(TapeError, match=words):
        tape_info(path)


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.7, 0.99])
def test_a_truncated_tape_is_refused(tmp_path, keep):
    path = tmp_path / "a.tape"
    write(path, day(100))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(TapeError, match="not a tape, or cut short"):
        read(path)


def test_damaged_pages_are_refused(tmp_path):
    path = tmp_path / "a.tape"
    write(path, day(2000))
    whole = bytearray(path.read_bytes())
    whole[200:2200] = bytes(2000)
    path.write_bytes(whole)
    with pytest.raises(TapeError, match=str(path)):
        read(path)


def test_a_foreign_file_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("no tape at all")
    with pytest.raises(TapeError, match="not a tape"):
        tape_info(tmp_path / "a.txt")
    pq.write_table(pa.table({"a": [1]}), tmp_path / "a.parquet")
    with pytest.raises(TapeError, match="a Parquet file but not a tape"):
        tape_info(tmp_path / "a.parquet")
    with pytest.raises(TapeError, match="no such tape"):
        tape_info(tmp_path / "absent.tape")
