import hashlib
import threading

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import (
    BUY,
    CONTEXT,
    FILL,
    LAST,
    LEVEL,
    REFERENCE,
    SELL,
    SNAPSHOT,
    TIMER,
    TRADE,
    Event,
)
from engine.instrument import PX_MAX
from engine.record import zeros
from engine.store import tape
from engine.store.tape import read_tape, tape_info, write_tape
from engine.store.tape_checks import CODE_MAX
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
    events = day(7200, step_s=10.0)
    info = write_tape(tmp_path / "a.tape", np.split(events, 36), META)
    assert read(tmp_path / "a.tape").tobytes() == events.tobytes()
    assert info.events == len(events)
    assert info.counts == {"level": 2880, "trade": 720}
    assert info == tape_info(tmp_path / "a.tape")


def floats(*, least=-1e300):
    return st.floats(least, 1e300, allow_nan=False, allow_infinity=False)


@st.composite
def single_events(draw, decimals):
    """One event of any kind with any value a tape takes."""
    px_scale, sz_scale = (10.0**n for n in decimals)
    event = zeros(Event, 1)
    kind = event["kind"] = draw(st.sampled_from([TRADE, LEVEL, CONTEXT, REFERENCE, FILL, TIMER]))
    event["code"] = LAST if kind == LEVEL else draw(st.integers(0, CODE_MAX))
    event["side"] = draw(st.sampled_from([BUY, SELL] + [0] * (kind not in (TRADE, LEVEL))))
    market = kind in (TRADE, LEVEL)
    event["px"] = draw(st.integers(1, 10**8)) / px_scale if market else draw(floats(least=1e-9))
    event["px"] = np.minimum(event["px"], PX_MAX) if kind == REFERENCE else event["px"]
    event["sz"] = draw(st.integers(1, 10**12)) / sz_scale if market else draw(floats(least=-0.0))
    event["extra"] = draw(floats())
    for name in ("id", "ref"):
        event[name] = draw(st.integers(-(2**63), 2**63 - 1))
    event["recv_ns"] = START_NS
    event["ts_ns"] = START_NS - draw(st.integers(0, START_NS // 1000)) * 1000
    return event


@settings(max_examples=200, deadline=None)
@given(st.data(), st.tuples(st.integers(0, 6), st.integers(0, 6)))
def test_every_bit_comes_back(tmp_path_factory, data, decimals):
    path = tmp_path_factory.mktemp("t") / "a.tape"
    event = data.draw(single_events(decimals))
    write(path, event, px_decimals=decimals[0], sz_decimals=decimals[1])
    assert read(path).tobytes() == event.tobytes()


def test_zero_keeps_its_sign(tmp_path):
    event = zeros(Event, 1)
    event["kind"], event["ts_ns"], event["recv_ns"] = CONTEXT, START_NS, START_NS
    event["px"], event["sz"], event["extra"] = -0.0, -0.0, -0.0
    write(tmp_path / "a.tape", event)
    assert read(tmp_path / "a.tape").tobytes() == event.tobytes()


def test_chunks_are_hours_of_the_tape_and_cut_no_book(tmp_path):
    events = day(3 * 3600 + 60, step_s=20.0)
    write(tmp_path / "a.tape", events)
    chunks = list(read_tape(tmp_path / "a.tape"))
    assert [int((c["recv_ns"][0] - START_NS) // (3600 * SECOND)) for c in chunks] == [0, 1, 2, 3]
    assert all(c["code"][0] == SNAPSHOT for c in chunks)
    halves = list(read_tape(tmp_path / "a.tape", chunk_hours=0.5))
    assert len(halves) == 7
    assert np.concatenate(halves).tobytes() == events.tobytes()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from([0, 1000, SECOND, 3600 * SECOND]), min_size=1, max_size=30),
    st.sampled_from([1, 7, 16, 1 << 17]),
    st.sampled_from([1e-9, 0.3, 1.0, 100.0]),
    st.integers(-2, 35),
)
def test_chunks_are_what_the_clock_says(tmp_path_factory, steps, row_group, chunk_hours, start):
    path = tmp_path_factory.mktemp("t") / "a.tape"
    events = day(len(steps))
    events["recv_ns"] = START_NS + np.repeat(np.cumsum(steps), 5)
    events["ts_ns"] = events["recv_ns"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tape, "ROW_GROUP", row_group)
        write(path, events)
    since = int(events["recv_ns"][min(max(start, 0), len(steps) - 1) * 5]) + (start < 0) * -1
    chunks = list(read_tape(path, chunk_hours=chunk_hours, since_ns=since))
    whole = np.concatenate(chunks)
    assert whole.tobytes() == events[events["recv_ns"] >= since].tobytes()
    step_ns = max(int(chunk_hours * tape.NS_PER_HOUR), 1)
    numbers = [np.unique((c["recv_ns"] - events["recv_ns"][0]) // step_ns) for c in chunks]
    assert all(len(n) == 1 for n in numbers)
    assert np.all(np.diff(np.concatenate(numbers)) > 0)


def test_a_row_group_cuts_no_run_of_levels(tmp_path, monkeypatch):
    monkeypatch.setattr(tape, "ROW_GROUP", 7)
    info = write(tmp_path / "a.tape", day(100))
    groups = pq.ParquetFile(tmp_path / "a.tape")
    for g in range(groups.num_row_groups):
        what = groups.read_row_group(g, columns=["what"])["what"].to_numpy()
        assert what[-1] & 255 != LEVEL or what[-1] >> 16 & LAST
        assert len(what) <= 7
    assert info.events == groups.metadata.num_rows


def test_a_reader_may_stop_early(tmp_path, monkeypatch):
    monkeypatch.setattr(tape, "ROW_GROUP", 100)
    write(tmp_path / "a.tape", day(3600, step_s=10.0))
    chunks = read_tape(tmp_path / "a.tape", chunk_hours=0.1)
    next(chunks)
    chunks.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("tape")]


def test_a_chunk_must_have_a_length():
    with pytest.raises(ValueError, match="chunk_hours must be positive, was 0"):
        next(read_tape(None, chunk_hours=0))


def test_the_same_events_make_the_same_file_however_they_come(tmp_path, monkeypatch):
    monkeypatch.setattr(tape, "ROW_GROUP", 64)
    events = day(100)
    a = write(tmp_path / "a.tape", events)
    b = write_tape(tmp_path / "b.tape", np.split(events, 50), META)
    assert a == b
    assert (tmp_path / "a.tape").read_bytes() == (tmp_path / "b.tape").read_bytes()


def test_the_events_have_a_hash_of_their_own(tmp_path, monkeypatch):
    events = day(100)
    a = write(tmp_path / "a.tape", events)
    monkeypatch.setattr(tape, "ROW_GROUP", 64)
    b = write(tmp_path / "b.tape", events, source="elsewhere")
    assert a.sha256 != b.sha256
    assert a.events_sha256 == b.events_sha256 == hashlib.sha256(events.tobytes()).hexdigest()


def test_any_reader_of_parquet_can_look(tmp_path):
    write(tmp_path / "a.tape", day(100))
    seen = pl.read_parquet(tmp_path / "a.tape")
    assert seen["px"].to_list() == (day(100)["px"] * 10).round().astype(int).tolist()


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


def test_nothing_is_not_a_tape(tmp_path):
    with pytest.raises(TapeError, match="no events to write"):
        write_tape(tmp_path / "a.tape", [], META)
