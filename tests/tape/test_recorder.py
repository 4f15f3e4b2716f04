"""A stream written down: nothing lost, nothing twice, every tape whole by itself."""

import os
import signal
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import (
    BUY,
    CONNECTED,
    CONTEXT,
    DISCONNECTED,
    LAST,
    LEVEL,
    SELL,
    SNAPSHOT,
    TRADE,
    Event,
)
from engine.record import zeros
from engine.runners.record_folder import RecordError, RecordFolder
from engine.runners.recorder import record
from engine.runners.stopping import Stop
from engine.runners.tape_import import import_tape
from engine.runners.tape_writer import TapeWriter
from engine.store.standing_book import StandingBook
from engine.store.tail import read_tail
from engine.store.tape import read_tape, tape_info
from engine.venues.frames_stream import FramesStream
from engine.venues.simulated_stream import SimulatedStream

START_NS = 1_767_225_600_000_000_000  # a whole hour
SECOND_NS = 1_000_000_000


class ListStream:
    """Batches of events, then the end; an exception in place of a batch is raised."""

    asset, venue, source, px_decimals, sz_decimals = "BTC", "test", "a list", 1, 3
    trouble = ""

    def __init__(self, *batches):
        self.batches = list(batches)
        self.dropped, self.noted = Counter(), Counter()

    def take(self, timeout_s):
        if not self.batches:
            return None
        batch = self.batches.pop(0)
        if isinstance(batch, Exception):
            raise batch
        return batch

    def close(self):
        self.batches = []


def event(at_s, kind, side=0, code=0, px=0.0, sz=0.0, tid=0):
    recv_ns = START_NS + round(at_s * 1e6) * 1000
    return np.array([(kind, side, code, recv_ns - 1000, recv_ns, px, sz, tid, 2, 0.0)], Event.dtype)


def whole_book(at_s, bid=100.0, depth=3):
    levels = [(side, bid + (side == SELL) - side * k) for side in (BUY, SELL) for k in range(depth)]
    run = [event(at_s, LEVEL, side, px=px, sz=1.5) for side, px in levels]
    run[0]["code"] |= SNAPSHOT
    run[-1]["code"] |= LAST
    return np.concatenate(run)


def level(at_s, side, px, sz):
    return event(at_s, LEVEL, side, LAST, px, sz)


def trade(at_s, tid):
    return event(at_s, TRADE, BUY, px=101.0, sz=0.25, tid=tid)


def market(n=400, seed=1, step_s=10.0):
    """Return batches of a delta feed: a whole book now and then, levels and trades between."""
    rng = np.random.default_rng(seed)
    batches = []
    for k in range(n):
        at_s = k * step_s
        if k % 50 == 0:
            batches.append(whole_book(at_s, 100.0 + k % 7))
        elif rng.random() < 0.5:
            side = BUY if rng.random() < 0.5 else SELL
            px = 95.0 - rng.integers(5) if side == BUY else 115.0 + rng.integers(5)
            batches.append(level(at_s, side, px, float(rng.integers(3))))
        else:
            batches.append(np.concatenate([trade(at_s, k), event(at_s, CONTEXT, px=100.0)]))
    return batches


def tapes(folder):
    return sorted(folder.glob("*.tape"))


def recorded(folder):
    """Return what the tapes hold together, without the books that were said again."""
    parts = [zeros(Event, 0)]
    for path in tapes(folder):
        events = np.concatenate(list(read_tape(path)))
        if tape_info(path).noted.get("snapshots_added"):
            events = events[np.flatnonzero(events["code"] & LAST)[0] + 1 :]
        parts.append(events)
    return np.concatenate(parts)


def test_what_was_streamed_is_on_the_tapes_and_each_begins_at_a_whole_hour(tmp_path):
    batches = market()
    made = []
    look = record(ListStream(*batches), tmp_path, on_tape=lambda path, info: made.append(path))
    assert made == tapes(tmp_path)
    assert [path.name for path in made] == [
        "BTC-20260101T000000Z.tape", "BTC-20260101T010000Z.tape",
    ]  # fmt: skip
    assert recorded(tmp_path).tobytes() == np.concatenate(batches).tobytes()
    assert look.events == sum(map(len, batches))
    assert sorted(p.name for p in tmp_path.iterdir()) == [".BTC.lock", *(p.name for p in made)]


def test_every_tape_can_be_read_alone(tmp_path):
    record(ListStream(*market()), tmp_path, rotate_s=600)
    before = StandingBook()
    for path in tapes(tmp_path):
        events = np.concatenate(list(read_tape(path)))
        first_run = events[: np.flatnonzero(events["code"] & LAST)[0] + 1]
        assert first_run["code"][0] & SNAPSHOT
        if tape_info(path).noted:
            alone = StandingBook()
            alone.update(first_run)
            for name in ("side", "px", "sz", "ref"):
                assert alone.levels[name].tolist() == before.levels[name].tolist()
        before.update(events)
    assert len(tapes(tmp_path)) == 7


def test_a_run_of_levels_has_one_time_so_no_hour_can_cut_it(tmp_path):
    run = whole_book(3599.9999)
    run["recv_ns"][3:] += SECOND_NS  # half of the message in the next hour: no message is so
    record(ListStream(np.concatenate([whole_book(0.0), run, trade(3601.5, 1)])), tmp_path)
    first, second = map(tape_info, tapes(tmp_path))
    assert (first.counts, second.counts) == ({"level": 6}, {"level": 6, "trade": 1})
    assert first.dropped == {"refused: recv_ns must be that of the run's first level": 6}


def test_a_lost_line_takes_the_book_with_it_into_the_next_tape(tmp_path):
    record(
        ListStream(whole_book(0.0), event(3599.0, DISCONNECTED), trade(3601.0, 1)), tmp_path
    )  # fmt: skip
    assert tape_info(tapes(tmp_path)[1]).counts == {"trade": 1}


def test_recorded_frames_give_the_events_of_their_import(recorded_frames, tmp_path):
    info = import_tape(recorded_frames, tmp_path / "import.tape")
    record(FramesStream(recorded_frames), tmp_path / "rec")
    (path,) = tapes(tmp_path / "rec")
    wanted, found = (
        np.concatenate(list(read_tape(p))) for p in (tmp_path / "import.tape", path)
    )  # fmt: skip
    assert found.tobytes() == wanted.tobytes()
    assert tape_info(path).dropped == info.dropped


@pytest.fixture
def recorded_frames(recorded):
    return recorded("hl_raw_ws_frames") / "hyperliquid_btcusd_20250126.gz"


@pytest.mark.slow
def test_the_simulated_market_is_recorded_to_the_last_bit(tmp_path):
    how = {"seed": 5, "start_ns": START_NS, "speed": float("inf")}
    record(SimulatedStream("HYPE", **how), tmp_path, rotate_s=1800, hours=2)
    stream, parts = SimulatedStream("HYPE", **how), []
    end_ns = START_NS + 7200 * SECOND_NS
    while not parts or parts[-1]["recv_ns"][-1] < end_ns:
        parts.append(stream.take(0.0))
    wanted = np.concatenate(parts)
    wanted = wanted[wanted["recv_ns"] < end_ns]
    assert recorded(tmp_path).tobytes() == wanted.tobytes()
    assert len(tapes(tmp_path)) == 4


CRASHING = """
import sys
from collections import Counter
from pathlib import Path
import numpy as np
from engine.events import Event
from engine.runners.recorder import record

class Saved:
    asset, venue, source, px_decimals, sz_decimals = "BTC", "test", "a list", 1, 3
    dropped, noted, trouble = Counter(), Counter(), ""

    def __init__(self, path):
        saved = np.load(path)
        self.batches = np.split(saved["events"].view(Event.dtype), saved["ends"])

    def take(self, timeout_s):
        print(len(self.batches), flush=True)
        return self.batches.pop(0) if self.batches else None

record(Saved(sys.argv[1]), Path(sys.argv[2]), rotate_s=900)
"""


@pytest.mark.parametrize("seed", [1, 2])
def test_sigkill_at_random_moments_loses_nothing_and_repeats_nothing(tmp_path, seed):
    """The stream begins anew each time, as the simulated market does."""
    batches, rng = market(1000), np.random.default_rng(seed)
    whole = np.concatenate(batches)
    ends = np.cumsum([len(batch) for batch in batches])
    np.savez(tmp_path / "stream.npz", events=whole.view(np.int64), ends=ends)
    command = [sys.executable, "-c", CRASHING, str(tmp_path / "stream.npz"), str(tmp_path)]
    for _ in range(2):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for _ in range(int(rng.integers(2, 950))):
                process.stdout.readline()
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
    record(ListStream(*batches), tmp_path, rotate_s=900)
    assert recorded(tmp_path).tobytes() == whole.tobytes()
    assert not list(tmp_path.glob("*.tail"))


def interrupted(folder, *batches):
    """Record, and die as SIGKILL would: the tail stays behind."""
    boom = KeyboardInterrupt()

    class Dying(ListStream):
        def take(self, timeout_s):
            if not self.batches:
                raise boom
            return super().take(timeout_s)

    with pytest.raises(KeyboardInterrupt):
        record(Dying(*batches), folder)
    return sorted(folder.glob("*.tail"))[-1]


def test_bytes_a_crash_tore_are_counted_on_the_tape(tmp_path):
    tail = interrupted(tmp_path, whole_book(0.0), trade(1.0, 1))
    with tail.open("ab") as file:
        file.write(b"torn")
    record(ListStream(), tmp_path)
    info = tape_info(tail.with_suffix(".tape"))
    assert info.noted == {"tail_bytes_cut": 4}
    assert info.counts == {"level": 6, "trade": 1}


def test_a_crash_between_publishing_a_tape_and_dropping_its_tail_changes_nothing(tmp_path):
    tail = interrupted(tmp_path, whole_book(0.0), trade(1.0, 1))
    kept = tail.read_bytes()
    (tmp_path / f".{tail.stem}.tape.4711.part").write_bytes(b"half a tape")
    record(ListStream(), tmp_path)
    assert not list(tmp_path.glob("*.part"))
    before = recorded(tmp_path)
    tail.write_bytes(kept)
    record(ListStream(), tmp_path)
    assert recorded(tmp_path).tobytes() == before.tobytes()


def test_a_tail_that_cannot_be_read_at_all_is_set_aside_and_counted(tmp_path):
    (tmp_path / "BTC-20251231T230000Z.tail").write_bytes(b"gangway ta")
    record(ListStream(whole_book(0.0)), tmp_path)
    assert tape_info(tapes(tmp_path)[0]).noted == {"tail_bytes_cut": 10}
    assert (tmp_path / "BTC-20251231T230000Z.unreadable").read_bytes() == b"gangway ta"


def test_time_away_is_a_gap_on_the_next_tape(tmp_path):
    interrupted(tmp_path, whole_book(0.0), level(40.0, BUY, 99.0, 0.0))
    record(ListStream(whole_book(100.0), trade(101.0, 1)), tmp_path)
    first, second = tapes(tmp_path)
    info = tape_info(second)
    assert [(gap.start_ns, gap.seconds) for gap in info.gaps] == [(START_NS + 40 * SECOND_NS, 60.0)]
    assert info.noted == {"snapshots_added": 1, "disconnects_added": 1}
    events = np.concatenate(list(read_tape(second)))
    assert events["kind"][:7].tolist() == [LEVEL] * 5 + [DISCONNECTED, CONNECTED]
    assert (events["recv_ns"][5:7] - START_NS).tolist() == [40 * SECOND_NS, 100 * SECOND_NS]
    assert tape_info(first).last_ns == info.first_ns


def test_time_away_until_the_next_hour_is_no_event_of_it(tmp_path):
    interrupted(tmp_path, whole_book(0.0))
    record(ListStream(whole_book(4000.0)), tmp_path)
    info = tape_info(tapes(tmp_path)[1])
    assert (info.first_ns, info.noted) == (START_NS + 4000 * SECOND_NS, {})


def test_trades_the_venue_repeats_to_a_new_process_are_recorded_once(tmp_path):
    interrupted(tmp_path, whole_book(0.0), trade(1.0, 7), trade(2.0, 8))
    replay = np.concatenate([trade(1.0, 7), trade(2.0, 8), trade(2.5, 9)])
    replay["recv_ns"] = START_NS + 60 * SECOND_NS
    record(ListStream(whole_book(60.0), replay), tmp_path)
    events = recorded(tmp_path)
    assert events["id"][events["kind"] == TRADE].tolist() == [7, 8, 9]
    assert tape_info(tapes(tmp_path)[1]).dropped == {"trade_repeated": 2}


def test_what_is_recorded_already_is_counted_and_not_recorded_again(tmp_path):
    batches = market()
    record(ListStream(*batches[:150]), tmp_path)
    look = record(ListStream(*batches), tmp_path)
    assert look.dropped == {"already_recorded": sum(map(len, batches[:150]))}
    assert recorded(tmp_path).tobytes() == np.concatenate(batches).tobytes()


WRONG = st.sampled_from(
    [
        ("px", 100.04), ("px", -1.0), ("px", float("nan")), ("px", 1e12), ("px", 0.0),
        ("sz", 1e-7), ("sz", -1.0), ("sz", 1e300), ("sz", float("inf")), ("side", 0), ("side", 5),
        ("kind", 99), ("recv_ns", 1), ("recv_ns", START_NS + 7), ("ts_ns", 2**62),
        ("extra", float("nan")), ("code", 0), ("code", SNAPSHOT),
    ]
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(wrong=st.lists(st.tuples(st.integers(0, 10**6), WRONG), max_size=4), one=st.booleans())
def test_an_event_no_tape_would_have_costs_itself_and_no_tape(tmp_path_factory, wrong, one):
    folder = tmp_path_factory.mktemp("t")
    events = np.concatenate(market(40))
    for at, (field, value) in wrong:
        events[field][at % len(events)] = value
    ends = np.append(np.flatnonzero((events["kind"] != LEVEL) | (events["code"] & LAST > 0)), -1)
    batches = [events] if one else np.split(events, ends[:-1] + 1)
    look = record(ListStream(*batches), folder)
    assert look.events + sum(look.dropped.values()) == len(events)
    assert sum(len(chunk) for path in tapes(folder) for chunk in read_tape(path)) >= look.events
    if not wrong:
        assert not look.dropped


def test_a_refused_level_leaves_the_book_unknown_until_the_next_whole_one(tmp_path):
    bad = level(2.0, BUY, 100.04, 1.0)
    batches = [whole_book(0.0), bad, level(3.0, BUY, 99.0, 1.0), trade(3.5, 1), whole_book(4.0)]
    look = record(ListStream(*batches, level(5.0, BUY, 98.0, 1.0)), tmp_path)
    assert look.dropped == {
        "refused: px must be a multiple of 1e-1": 1, "level_of_unknown_book": 1,
    }  # fmt: skip
    assert tape_info(tapes(tmp_path)[0]).dropped == look.dropped
    assert recorded(tmp_path)["px"][-1] == 98.0


def test_what_the_stream_left_out_is_told_by_the_tape_it_happened_in(tmp_path):
    class Losing(ListStream):
        def take(self, timeout_s):
            batch = super().take(timeout_s)
            self.dropped["frame_refused"] += 1
            return batch

    record(Losing(whole_book(0.0), whole_book(10.0), whole_book(3700.0)), tmp_path)
    # the third book came with the third loss, and ended the first tape
    assert [tape_info(path).dropped for path in tapes(tmp_path)] == [
        {"frame_refused": 3}, {"frame_refused": 1},
    ]  # fmt: skip


def test_being_asked_to_stop_finishes_the_tape(tmp_path):
    stop = Stop()

    class Stopping(ListStream):
        def take(self, timeout_s):
            if len(self.batches) == 1:
                stop.ask()
            return super().take(timeout_s)

    record(Stopping(whole_book(0.0), whole_book(1.0), whole_book(2.0)), tmp_path, stop=stop)
    assert tape_info(tapes(tmp_path)[0]).books == 3


def test_a_number_of_hours_ends_the_recording(tmp_path):
    stream = ListStream(*market())
    record(stream, tmp_path, hours=0.5)
    assert tape_info(tapes(tmp_path)[0]).last_ns < START_NS + 1800 * SECOND_NS
    assert stream.batches


def test_a_stream_that_fails_leaves_a_tape_of_what_came_before(tmp_path):
    with pytest.raises(ValueError, match="broken"):
        record(ListStream(whole_book(0.0), ValueError("broken")), tmp_path)
    assert tape_info(tapes(tmp_path)[0]).books == 1


def test_a_full_disk_is_told_and_what_was_written_becomes_a_tape_later(tmp_path, monkeypatch):
    write, budget = os.write, [2000]

    def scarce(fd, data):
        if len(data) > budget[0]:
            raise OSError(28, "No space left on device")
        budget[0] -= len(data)
        return write(fd, data)

    monkeypatch.setattr(os, "write", scarce)
    with pytest.raises(RecordError, match=r"No space left .* becomes a tape at the next start"):
        record(ListStream(*market()), tmp_path)
    monkeypatch.undo()
    (tail,) = tmp_path.glob("*.tail")
    kept = read_tail(tail).events
    assert kept > 10
    record(ListStream(), tmp_path)
    assert recorded(tmp_path).tobytes() == np.concatenate(market())[:kept].tobytes()


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match="cannot record there"):
        record(ListStream(whole_book(0.0)), tmp_path / "file" / "folder")


def test_two_recorders_of_one_asset_are_refused_and_of_two_are_not(tmp_path):
    class Nested(ListStream):
        def take(self, timeout_s):
            with pytest.raises(RecordError, match="another process records BTC here"):
                record(ListStream(), tmp_path)
            other = ListStream(whole_book(0.0))
            other.asset = "hyna:BTC"
            record(other, tmp_path)
            return super().take(timeout_s)

    record(Nested(), tmp_path)
    assert [path.name for path in tapes(tmp_path)] == ["hyna-BTC-20260101T000000Z.tape"]


def test_another_venue_is_not_recorded_on_top(tmp_path):
    record(ListStream(whole_book(0.0)), tmp_path)
    other = ListStream(whole_book(10.0))
    other.venue = "elsewhere"
    with pytest.raises(RecordError, match=r"venue must be 'elsewhere'.*was 'test'"):
        record(other, tmp_path)


def test_two_tapes_that_begin_in_one_second_have_two_names(tmp_path):
    record(ListStream(whole_book(0.0)), tmp_path)
    record(ListStream(whole_book(0.5)), tmp_path)
    assert [path.name for path in tapes(tmp_path)] == [
        "BTC-20260101T000000Z.tape", "BTC-20260101T000001Z.tape",
    ]  # fmt: skip


def test_a_look_tells_the_rate_the_age_of_the_book_and_the_trouble(tmp_path):
    now_s = [0.0]
    stream = ListStream()
    folder = RecordFolder(tmp_path, "BTC")
    writer = TapeWriter(stream, folder, 3600.0, lambda *_: None, clock=lambda: now_s[0])
    writer.write(whole_book(0.0))
    now_s[0], stream.trouble = 2.0, "refused"
    writer.write(trade(1.0, 1))
    assert writer.due
    assert writer.beat() == (7, 3.5, 2.0, {}, "refused")
    assert not writer.due
    now_s[0] = 3.0
    assert writer.beat().per_s == 0.0
    writer.finish()
    folder.close()


def test_a_tape_must_have_a_length(tmp_path):
    with pytest.raises(ValueError, match="rotate_s must be 1 or more, was 0"):
        record(ListStream(), tmp_path, rotate_s=0)
