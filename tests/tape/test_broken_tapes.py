"""What a tape refuses, on the way in and on the way out, each with its reason.

Nothing is mended, so nothing is lost in silence: whoever brings a recording in counts what they
leave out.
"""

import json
import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.events import BUY, LAST, LEVEL, SELL, SNAPSHOT, TRADE, Event
from engine.instrument import PX_MAX
from engine.store.tape import read_tape, tape_info, write_tape
from engine.store.tape_columns import OPTIONS, SCHEMA
from engine.store.tape_facts import KEY, TapeError, TapeMeta
from engine.store.tape_seal import seal
from engine.store.tape_verify import verify_tape

META = TapeMeta(asset="BTC", venue="hyperliquid", source="test", px_decimals=1, sz_decimals=5)
START_NS = 1_757_015_216_000_000_000
SECOND, MS = 1_000_000_000, 1_000_000


NOT_AS_WRITTEN = "the file is not as it was written; import the source again"


def day(seconds=100):
    """A book of two levels a side each second, and a trade 1 ms after it: row 4 of every five."""
    rng = np.random.default_rng(1)
    rows = []
    for i in range(seconds):
        recv, bid = START_NS + i * SECOND, 1_097_550 + int(rng.integers(-50, 50))
        levels = (
            (BUY, bid, SNAPSHOT),
            (BUY, bid - 1, 0),
            (SELL, bid + 1, 0),
            (SELL, bid + 2, LAST),
        )
        for side, units, code in levels:
            lots = int(rng.integers(1, 10**7))
            rows.append((LEVEL, side, code, recv - 4 * MS, recv, units / 10, lots / 1e5, 0, 3, 0.0))
        rows.append((TRADE, BUY, 0, recv, recv + MS, bid / 10, 0.1, i + 1, i, 0.0))
    return np.array(rows, Event.dtype)


def write(path, events, **changes):
    return write_tape(path, [events], META.model_copy(update=changes))


def read(path):
    return np.concatenate(list(read_tape(path)))


@pytest.fixture
def path(tmp_path):
    write(tmp_path / "a.tape", day())
    return tmp_path / "a.tape"


def written_anew(path, change=lambda columns: None, *, sealed=True, **facts):
    """Write the file of a tape anew with other rows, or another account of them."""
    with pq.ParquetFile(path) as old:
        table, told = old.read(), json.loads(old.metadata.metadata[KEY.encode()])
    columns = {name: table.column(name).to_pylist() for name in table.column_names}
    change(columns)
    with pq.ParquetWriter(path, SCHEMA, **OPTIONS) as writer:
        writer.write_table(pa.table(columns, schema=SCHEMA))
        writer.add_key_value_metadata({KEY: json.dumps(told | facts)})
    if sealed:
        seal(path)


# ---- rows that cannot be true are not written

TRADES = [
    ("px", np.nan, "px must be finite, was nan"),
    ("px", np.inf, "px must be finite"),
    ("px", 0.0, "px must be positive"),
    ("px", 1e15, r"px must be a price of at most 1e\+09 USD, was 10{15}\.0"),
    ("px", PX_MAX + 1.0, "px must be a price of at most"),
    ("px", 109755.04, "px must be a multiple of 1e-1, was 109755.04"),
    ("sz", np.nan, "sz must be finite"),
    ("sz", -1.0, "sz must be zero or positive, was -1.0"),
    ("sz", 0.0, "sz of a trade must be positive"),
    ("sz", 1e-6, "sz must be a multiple of 1e-5"),
    ("extra", np.nan, "extra must be finite"),
    ("side", 0, "side must be 1 or -1, was 0"),
    ("code", -1, "code must be within 0..32767"),
    ("kind", 99, "kind must be one of"),
    ("kind", -1, "kind must be one of"),
    ("ts_ns", START_NS + 5000 * SECOND, "recv_ns must be at or after ts_ns"),
    ("ts_ns", START_NS + 7, "ts_ns must be a whole number of microseconds"),
    ("recv_ns", START_NS + 10 * SECOND + MS + 7, "recv_ns must be a whole number of microseconds"),
]
LEVELS = [
    (53, "code", 0, "row 54: kind must be a level, for the run of levels before it has no LAST"),
    (498, "code", 0, "row 498: code must be LAST where the rows end"),
    (52, "code", SNAPSHOT, "row 52: code must be without SNAPSHOT"),
    (52, "ts_ns", START_NS, "row 52: ts_ns must be that of the run's first level"),
    (52, "recv_ns", START_NS + 10 * SECOND + 1000, "row 52: recv_ns must be that of the run's"),
    (50, "px", 120000.0, "row 53: px must be the end of a whole book that is not crossed"),
    (55, "recv_ns", START_NS, "row 55: recv_ns must be at or after that of the row before it"),
]


@pytest.mark.parametrize(("field", "value", "words"), TRADES)
def test_what_cannot_be_true_is_not_written(tmp_path, field, value, words):
    events = day()
    events[field][54] = value
    with pytest.raises(TapeError, match=f"row 54: {words}"):
        write(tmp_path / "a.tape", events)


@pytest.mark.parametrize(("row", "field", "value", "words"), LEVELS)
def test_levels_that_are_no_run_are_not_written(tmp_path, row, field, value, words):
    events = day()[:-1]
    events[field][row] = value
    events["ts_ns"][row] = min(events["ts_ns"][row], events["recv_ns"][row])
    with pytest.raises(TapeError, match=words):
        write(tmp_path / "a.tape", events)


def test_a_level_without_size_crosses_no_book(tmp_path):
    events = day()
    events["px"][50], events["sz"][50] = 120000.0, 0.0
    assert write(tmp_path / "a.tape", events).locked_books == 0
    assert read(tmp_path / "a.tape").tobytes() == events.tobytes()


def test_time_must_not_fall_from_chunk_to_chunk(tmp_path):
    first, second = np.split(day(), 2)
    with pytest.raises(TapeError, match="row 250: recv_ns must be at or after"):
        write_tape(tmp_path / "a.tape", [second, first], META)


def test_an_empty_tape_is_not_written(tmp_path):
    with pytest.raises(TapeError, match="no events to write"):
        write_tape(tmp_path / "a.tape", [day()[:0]], META)
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_tape_and_no_litter(tmp_path, path):
    old, events = tape_info(path), day()
    events["px"][490] = np.nan
    with pytest.raises(TapeError, match="row 490"):
        write(path, events)
    assert tape_info(path) == old
    assert [p.name for p in tmp_path.iterdir()] == ["a.tape"]


# ---- nor are they read


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("recv_us", START_NS // 1000, "recv_ns must be at or after that of the row before"),
        ("px", -7, "px must be positive, was -0.7"),
        (
            "px",
            10**16,
            r"px must be a price of at most 1e\+09 USD, was 10{15}\.0",
        ),
        ("sz", -7, "sz must be zero or positive"),
        ("extra", float("nan"), "extra must be finite, was nan"),
        ("sz_raw", float("inf"), "sz must be finite, was inf"),
        ("lag_us", -1, "recv_ns must be at or after ts_ns"),
        ("what", 77, "kind must be one of"),
        ("what", TRADE | 1 << 8, "side must be 1 or -1, was 0"),
        ("what", LEVEL | 2 << 8, "code must be without SNAPSHOT"),
    ],
)
def test_a_row_that_cannot_be_true_is_not_read(path, column, value, words):
    def change(columns):
        columns[column][44] = value
        columns["sz"][44] *= column != "sz_raw"

    written_anew(path, change)
    for reading in (read, verify_tape):
        with pytest.raises(TapeError, match=f"{path}: row 4[45]: .*{words}.*import the source"):
            reading(path)


def test_a_crossed_book_is_not_read(path):
    written_anew(path, lambda columns: columns["px"].__setitem__(40, 2_000_000))
    with pytest.raises(TapeError, match="row 43: px must be the end of a whole book that is not"):
        read(path)


def test_rows_that_end_inside_a_run_are_not_read(path):
    def change(columns):
        for values in columns.values():
            del values[498:]

    written_anew(path, change)
    with pytest.raises(TapeError, match="row 497: code must be LAST where the rows end"):
        read(path)


# ---- files that are not as they were written


@pytest.mark.parametrize("keep", [*np.linspace(0.0, 0.999, 25).tolist(), -1, -4, -8, -9, -40])
def test_a_truncated_tape_is_refused(path, keep):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep) if keep >= 0 else int(keep)])
    for reading in (read, tape_info, verify_tape):
        with pytest.raises(TapeError, match=f"{path}: not a tape, or cut short"):
            reading(path)


@pytest.mark.parametrize("seed", range(10))
def test_garbage_anywhere_is_refused(path, seed):
    good, dice = path.read_bytes(), random.Random(seed)
    for _ in range(60):
        bad, at = bytearray(good), dice.randrange(len(good))
        n = min(dice.choice([1, 1, 8, 200]), len(good) - at)
        bad[at : at + n] = bytes(b ^ dice.randrange(1, 256) for b in bad[at : at + n])
        path.write_bytes(bad)
        for reading in (read, tape_info):
            with pytest.raises(TapeError, match=str(path)):
                reading(path)


def test_a_byte_added_or_lost_in_the_middle_is_refused(path):
    whole = path.read_bytes()
    for changed in (whole[:999] + b"x" + whole[999:], whole[:999] + whole[1000:]):
        path.write_bytes(changed)
        with pytest.raises(TapeError, match=NOT_AS_WRITTEN):
            read(path)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"version": 1}, "tape version must be 2, was 1; import the source again"),
        ({"version": 3}, "tape version must be 2, was 3"),
        ({"surprise": 1}, r"footer is not of tape version 2 \(1 fields, first \('surprise',\)\)"),
    ],
)
def test_another_version_is_refused(path, facts, words):
    written_anew(path, **facts)
    for reading in (read, tape_info):
        with pytest.raises(TapeError, match=words):
            reading(path)


def test_a_file_without_its_seal_is_refused(path):
    written_anew(path, sealed=False)
    with pytest.raises(TapeError, match=NOT_AS_WRITTEN):
        tape_info(path)


@pytest.mark.parametrize("other", [{"venue": "elsewhere"}, {"asset": "ETH"}, {"px_decimals": 3}])
def test_row_groups_of_two_tapes_are_no_tape(tmp_path, path, other):
    write(tmp_path / "b.tape", day(), **other)
    with pq.ParquetFile(path) as a, pq.ParquetFile(tmp_path / "b.tape") as b:
        told = a.metadata.metadata
        with pq.ParquetWriter(tmp_path / "both.tape", SCHEMA, **OPTIONS) as writer:
            for half in (a, b):
                writer.write_table(half.read())
            writer.add_key_value_metadata(told)
    with pytest.raises(TapeError, match=NOT_AS_WRITTEN):
        read(tmp_path / "both.tape")
    seal(tmp_path / "both.tape")
    with pytest.raises(TapeError, match="row 500: recv_ns must be at or after"):
        read(tmp_path / "both.tape")


def test_the_footer_of_one_tape_on_the_rows_of_another_is_refused(tmp_path, path):
    other = day()
    other["px"] += 1.0
    write(tmp_path / "b.tape", other)
    a, b = path.read_bytes(), (tmp_path / "b.tape").read_bytes()
    footer = int.from_bytes(b[-8:-4], "little") + 40  # with its length, its end and its seal
    path.write_bytes(a[: len(b) - footer] + b[-footer:])
    with pytest.raises(TapeError, match=NOT_AS_WRITTEN):
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
