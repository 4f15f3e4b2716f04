"""Streams of markets known beforehand: served in step with a clock, whole and in order."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import LAST, LEVEL, SNAPSHOT, TRADE, Event
from engine.record import zeros
from engine.runners.market_stream import market_stream
from engine.sim.universe import market_of
from engine.venues.frames_stream import FramesStream
from engine.venues.hyperliquid.frames import FrameReader
from engine.venues.pacing import MOST_EVENTS, Pace
from engine.venues.recorded.hyperliquid_frames import read_hyperliquid_frames
from engine.venues.recorded.recording import RecordingError
from engine.venues.rows import UnknownAssetError
from engine.venues.simulated_stream import SimulatedStream

START_NS = 1_767_225_600_000_000_000
SECOND_NS = 1_000_000_000


class Clock:
    """A clock that moves only while somebody sleeps."""

    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s

    def sleep(self, seconds):
        self.now_s += seconds


def trades(recv_us):
    events = zeros(Event, len(recv_us))
    events["kind"] = TRADE
    events["ts_ns"] = events["recv_ns"] = START_NS + np.array(recv_us, np.int64) * 1000
    return events


def taken(stream, timeout_s=1.0, n=10**9):
    parts = []
    while n > 0 and (part := stream.take(timeout_s)) is not None:
        parts.append(part)
        n -= 1
    return parts


@settings(max_examples=100, deadline=None)
@given(
    chunks=st.lists(st.lists(st.integers(0, 10**6), max_size=20).map(sorted), max_size=4),
    speed=st.sampled_from([0.5, 1.0, 60.0, float("inf")]),
    timeout_s=st.sampled_from([0.3, 5.0]),
)
def test_everything_is_served_once_in_order_and_never_before_its_time(chunks, speed, timeout_s):
    clock = Clock()
    arrays = [trades([k * 10**6 + us for us in chunk]) for k, chunk in enumerate(chunks)]
    pace = Pace(iter(arrays), speed, clock, clock.sleep)
    parts, first_ns = [], next((int(a["recv_ns"][0]) for a in arrays if len(a)), 0)
    while (part := pace.take(timeout_s)) is not None:
        parts.append(part)
        if len(part):
            due_ns = (int(part["recv_ns"][-1]) - first_ns) / 1e9
            assert due_ns <= clock.now_s * speed + 1e-9 or speed == float("inf")
    served = np.concatenate([zeros(Event, 0), *parts])
    assert served.tobytes() == np.concatenate([zeros(Event, 0), *arrays]).tobytes()


def test_a_take_waits_for_the_next_event_and_no_longer_than_asked():
    clock = Clock()
    pace = Pace(iter([trades([0, 3_000_000])]), 1.0, clock, clock.sleep)
    assert len(pace.take(1.0)) == 1
    assert (len(pace.take(1.0)), clock.now_s) == (0, 1.0)
    assert (len(pace.take(10.0)), clock.now_s) == (1, 3.0)
    assert pace.take(1.0) is None


def test_as_fast_as_asked_is_still_bounded_and_cuts_no_moment_in_two():
    pace = Pace(iter([trades([0] * (MOST_EVENTS - 1) + [1] * 3 + [2])]), float("inf"))
    assert [len(part) for part in taken(pace)] == [MOST_EVENTS - 1, 4]
    pace = Pace(iter([trades([0] * (MOST_EVENTS + 5) + [1])]), float("inf"))
    assert [len(part) for part in taken(pace)] == [MOST_EVENTS + 5, 1]


def test_a_speed_must_be_positive():
    with pytest.raises(ValueError, match="speed must be positive, was 0"):
        Pace(iter(()), 0.0)


def test_a_simulated_stream_is_the_simulated_market_in_whole_microseconds():
    market = market_of("HYPE", None, 3, START_NS)
    wanted = np.concatenate([market.chunk(0), market.chunk(1)])
    stream = SimulatedStream("HYPE", seed=3, start_ns=START_NS, speed=float("inf"))
    assert (stream.px_decimals, stream.sz_decimals) == (4, 2)
    assert stream.source == "simulated thin-hip3, seed 3"
    served = np.concatenate(taken(stream, n=2))[: len(wanted)]
    for name in set(Event.dtype.names) - {"ts_ns", "recv_ns"}:
        assert served[name].tolist() == wanted[name].tolist()
    for name in ("ts_ns", "recv_ns"):
        assert served[name].tolist() == (wanted[name] // 1000 * 1000).tolist()
    assert (served["recv_ns"] >= served["ts_ns"]).all()
    assert (np.diff(served["recv_ns"]) >= 0).all()


@pytest.mark.parametrize("asset", ["HYPE", "BTC"])  # whole books alone; changes, and one a minute
def test_a_simulated_stream_goes_on_with_the_next_whole_book(asset):
    at_once = {"seed": 3, "start_ns": START_NS, "speed": float("inf")}
    whole = np.concatenate(taken(SimulatedStream(asset, **at_once), n=40))
    for heard_ns in (int(whole["recv_ns"][1000]), START_NS + 3600 * SECOND_NS + 1):
        again = SimulatedStream(asset, **at_once, heard_ns=heard_ns).take(0.0)
        assert again["kind"][0] == LEVEL
        assert again["code"][0] & SNAPSHOT
        assert heard_ns < again["recv_ns"][0] < heard_ns + 61 * SECOND_NS
        is_book = (whole["kind"] == LEVEL) & (whole["code"] & SNAPSHOT > 0)
        began = np.flatnonzero(is_book & (whole["recv_ns"] > heard_ns))[0]
        n = min(len(again), len(whole) - began)
        assert n > 100
        assert again[:n].tolist() == whole[began : began + n].tolist()


def test_a_simulated_stream_keeps_step_with_the_clock_and_ends_when_closed():
    clock = Clock()
    stream = SimulatedStream(
        "HYPE", start_ns=START_NS, speed=60.0, clock=clock, sleep=clock.sleep
    )  # fmt: skip
    parts = [p for p in taken(stream, timeout_s=0.25, n=200) if len(p)]
    first, last = parts[0]["recv_ns"][0], parts[-1]["recv_ns"][-1]
    assert clock.now_s * 60 == pytest.approx((last - first) / SECOND_NS, abs=0.25 * 60)
    assert all(a["recv_ns"][-1] < b["recv_ns"][0] for a, b in pairwise(parts))
    for part in parts:  # no run of levels is cut
        levels = part[part["kind"] == LEVEL]
        assert not len(levels) or levels["code"][-1] & LAST
    assert parts[0]["code"][0] & SNAPSHOT
    stream.close()
    assert stream.take(1.0) is None


def book(ms, bid="100.0"):
    levels = [[{"px": bid, "sz": "1", "n": 1}], [{"px": "101.0", "sz": "2", "n": 3}]]
    return {"channel": "l2Book", "data": {"coin": "BTC", "time": ms, "levels": levels}}


@pytest.fixture
def frames(tmp_path):
    lines = [f"{(ms + 1) * 1_000_000} {json.dumps(book(ms))}\n" for ms in range(1000, 9000, 500)]
    (tmp_path / "f.jsonl").write_text("".join(lines))
    return tmp_path / "f.jsonl"


def test_a_file_of_frames_is_served_as_its_import_reads_it(frames):
    stream = market_stream(f"frames:{frames}", "BTC")
    served = np.concatenate(taken(stream))
    assert (
        served.tobytes() == np.concatenate(list(read_hyperliquid_frames(frames).chunks)).tobytes()
    )
    assert (stream.asset, stream.venue, stream.source) == ("BTC", "hyperliquid", "frames: f.jsonl")


def test_a_file_of_frames_can_be_served_at_its_own_pace(frames):
    clock = Clock()
    stream = FramesStream(frames, speed=1.0, clock=clock, sleep=clock.sleep)
    parts = [part for part in taken(stream, timeout_s=10.0) if len(part)]
    assert len(parts) == 16
    assert clock.now_s == pytest.approx(7.5)


def test_a_damaged_file_of_frames_fails_with_what_came_before_it_served(frames):
    frames.write_text(frames.read_text() + "no time here\n")
    with pytest.raises(RecordingError, match=r"f.jsonl:17: line must be"):
        taken(FramesStream(frames, "BTC"))


FRAMES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [book(1000), book(1000), book(2000), book(1500, "99.0"), {"channel": "pong"}, {}, []]
        + [
            {
                "channel": "trades",
                "data": [
                    {"coin": "BTC", "side": "A", "px": "100.0", "sz": "1", "time": t, "tid": t}
                ],
            }
            for t in (900, 1000, 1700)
        ]
        + [
            {
                "channel": "bbo",
                "data": {
                    "coin": "BTC",
                    "time": t,
                    "bbo": [{"px": px, "sz": "1", "n": 1}, None],
                },
            }
            for t, px in ((1100, "100.5"), (2100, "99.5"))
        ]
    ).map(lambda frame: json.dumps(frame).encode()),
)


@settings(max_examples=300, deadline=None)
@given(said=st.lists(st.one_of(st.none(), FRAMES), max_size=30))
def test_whatever_a_socket_says_becomes_sound_events_or_is_counted(said):
    """A None is a new connection; after it the book begins anew."""
    reader, events, whole = FrameReader("BTC"), [], False
    for k, frame in enumerate(said):
        if frame is None:
            reader.reconnect()
            whole = False
            continue
        news = reader.read(frame, (3000 + k) * 1_000_000)
        levels = news[news["kind"] == LEVEL]
        assert whole or not len(levels) or levels["code"][0] & SNAPSHOT
        assert not len(levels) or levels["code"][-1] & LAST
        whole |= len(levels) > 0
        events.append(news)
    told = np.concatenate([zeros(Event, 0), *events])
    ids = told["id"][told["kind"] == TRADE].tolist()
    assert len(ids) == len(set(ids))
    assert all(n >= 0 for n in reader.dropped.values())


def test_a_venue_is_named_by_a_word_a_file_or_a_server():
    with pytest.raises(ValueError, match="choose sim, tape, mainnet"):
        market_stream("nowhere", "BTC")
    with pytest.raises(ValueError, match="asset must be one of"):
        market_stream("sim", "NOTHING")
    with pytest.raises(ValueError, match="speed must be 1 on a server"):
        market_stream("mainnet", "BTC", speed=60.0)


def test_a_server_is_asked_for_the_lots_of_the_asset(venue):
    universe = [
        {"name": "xyz:TSLA", "szDecimals": 3, "maxLeverage": 10},
        {"name": "xyz:GONE", "szDecimals": 3, "maxLeverage": 10, "isDelisted": True},
    ]
    venue.answers["meta"] = {"universe": universe, "marginTables": [], "collateralToken": 0}
    stream = market_stream(venue.url, "xyz:TSLA")
    assert (stream.sz_decimals, stream.px_decimals) == (3, 3)
    assert venue.requests[0] == {"type": "meta", "dex": "xyz"}
    stream.close()
    with pytest.raises(UnknownAssetError, match="'xyz:GONE' is not listed"):
        market_stream(venue.url, "xyz:GONE")
