"""The live stream, against a server on the loopback that says what it is told to say."""

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from engine.events import CONNECTED, CONTEXT, DISCONNECTED, LAST, LEVEL, SNAPSHOT, TRADE
from engine.venues.hyperliquid.stream import SUBSCRIPTIONS, HyperliquidStream
from engine.venues.line import FRAME, Line, Patience
from engine.venues.recorded.hyperliquid_frames import read_hyperliquid_frames
from engine.venues.recorded.lines import stamped_lines
from engine.venues.rows import VenueError

QUICK = Patience(open_s=2.0, ping_s=30.0, pause_s=0.01, longest_pause_s=0.05)
T0_MS = 1_767_225_600_000
Script = Callable[[ServerConnection], None]


class SpeakingVenue:
    """Acknowledges subscriptions, then follows one script per connection, the last one for ever."""

    def __init__(self) -> None:
        self.scripts: list[Script] = []
        self.heard: list[dict] = []
        self.connections = 0
        self.url = ""

    def talk(self, ws: ServerConnection) -> None:
        script = self.scripts[min(self.connections, len(self.scripts) - 1)]
        self.connections += 1
        subscribed = 0
        for text in ws:
            message = json.loads(text)
            self.heard.append(message)
            if message["method"] == "ping":
                ws.send('{"channel":"pong"}')
                continue
            ws.send(json.dumps({"channel": "subscriptionResponse", "data": message}))
            subscribed += 1
            if subscribed == len(SUBSCRIPTIONS):
                script(ws)


@pytest.fixture
def venue() -> Iterator[SpeakingVenue]:
    venue = SpeakingVenue()
    with serve(venue.talk, "127.0.0.1", 0, compression=None, close_timeout=0.2) as server:
        venue.url = f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield venue
        server.shutdown()
        thread.join()


@pytest.fixture
def listen(venue: SpeakingVenue) -> Iterator[Callable[..., HyperliquidStream]]:
    streams = []

    def listen(asset: str = "BTC", **more) -> HyperliquidStream:
        streams.append(HyperliquidStream(venue.url, asset, 5, patience=QUICK, **more))
        return streams[-1]

    yield listen
    for stream in streams:
        stream.close()


def say(*frames: dict | str) -> Script:
    """Return a script that says these frames, and then keeps the connection open."""

    def script(ws: ServerConnection) -> None:
        for frame in frames:
            ws.send(frame if isinstance(frame, str) else json.dumps(frame))

    return script


def say_and_vanish(*frames: dict | str) -> Script:
    def script(ws: ServerConnection) -> None:
        say(*frames)(ws)
        time.sleep(0.1)  # a reset would overtake the frames
        ws.socket.shutdown(socket.SHUT_RDWR)

    return script


def book(ms: int = 0, bid: str = "100.0", coin: str = "BTC") -> dict:
    levels = [[{"px": bid, "sz": "1", "n": 1}], [{"px": "101.0", "sz": "2", "n": 3}]]
    return {"channel": "l2Book", "data": {"coin": coin, "time": T0_MS + ms, "levels": levels}}


def trades(*tids: int, ms: int = 0) -> dict:
    about = {"coin": "BTC", "side": "B", "px": "101.0", "sz": "1"}
    return {"channel": "trades", "data": [{**about, "time": T0_MS + ms, "tid": i} for i in tids]}


def bbo(ms: int) -> dict:
    levels = [{"px": "100.5", "sz": "1", "n": 1}, {"px": "101.0", "sz": "2", "n": 3}]
    return {"channel": "bbo", "data": {"coin": "BTC", "time": T0_MS + ms, "bbo": levels}}


def context(mark: str = "100.5") -> dict:
    ctx = {"markPx": mark, "funding": "0.0000125", "openInterest": "12.5"}
    return {"channel": "activeAssetCtx", "data": {"coin": "BTC", "ctx": ctx}}


def gather(stream: HyperliquidStream, done: Callable[[np.ndarray], bool], limit_s: float = 10.0):
    """Return all events up to those with which `done` is true."""
    parts, end_s = [], time.monotonic() + limit_s
    while time.monotonic() < end_s:
        taken = stream.take(0.2)
        if taken is None:
            break
        parts.append(taken)
        events = np.concatenate(parts)
        if done(events):
            return events
    raise AssertionError(f"after {limit_s} s only {np.concatenate(parts) if parts else 'nothing'}")


def kinds(events: np.ndarray) -> list[int]:
    return events["kind"].tolist()


def has(kind: int, n: int = 1) -> Callable[[np.ndarray], bool]:
    return lambda events: kinds(events).count(kind) >= n


def test_it_asks_for_books_touch_trades_and_context_of_the_coin(venue, listen):
    venue.scripts = [say(book(coin="xyz:TSLA"))]
    gather(listen("xyz:TSLA"), has(LEVEL))
    asked = [message["subscription"] for message in venue.heard]
    assert asked == [{"type": kind, "coin": "xyz:TSLA"} for kind in SUBSCRIPTIONS]


def test_every_kind_of_frame_becomes_its_event(venue, listen):
    venue.scripts = [say(book(), context(), bbo(1), trades(1, 2, ms=2))]
    stream = listen()
    events = gather(stream, has(TRADE))
    assert kinds(events) == [LEVEL, LEVEL, CONTEXT, LEVEL, TRADE, TRADE]
    assert events["code"][:4].tolist() == [SNAPSHOT, LAST, 0, LAST]
    assert events["px"].tolist() == [100.0, 101.0, 100.5, 100.5, 101.0, 101.0]
    assert (events["sz"][2], events["extra"][2]) == (12.5, 1.25e-5)
    assert (np.diff(events["recv_ns"]) >= 0).all() and (events["recv_ns"] % 1000 == 0).all()
    assert not +stream.dropped


def test_a_recorded_socket_gives_what_the_import_of_its_recording_gives(venue, listen):
    root = Path(__file__).parents[2]
    data = Path(os.environ.get("GANGWAY_DATA", root.parent / "shared" / "data"))
    path = data / "hl_raw_ws_frames" / "hyperliquid_btcusd_20250126.gz"
    if not path.is_file():
        pytest.skip(f"recorded frames are not at {path}; set GANGWAY_DATA")
    recording = read_hyperliquid_frames(path)
    wanted = np.concatenate(list(recording.chunks))
    venue.scripts = [say(*(frame.decode() for _, frame in stamped_lines(path)))]
    stream = listen()
    events = gather(stream, lambda events: len(events) >= len(wanted))
    for name in set(events.dtype.names) - {"recv_ns"}:
        assert events[name].tolist() == wanted[name].tolist()
    assert +stream.dropped == +recording.dropped


def test_a_line_that_breaks_is_said_and_what_the_next_one_repeats_comes_once(venue, listen):
    venue.scripts = [
        say_and_vanish(book(), trades(1, 2, ms=1)),
        say(trades(1, 2, 3, ms=1), bbo(5), book(), bbo(6)),
    ]
    stream = listen()
    events = gather(stream, has(LEVEL, 5))
    assert kinds(events) == [
        LEVEL, LEVEL, TRADE, TRADE, DISCONNECTED, TRADE, CONNECTED, LEVEL, LEVEL, LEVEL,
    ]  # fmt: skip
    assert events["id"][events["kind"] == TRADE].tolist() == [1, 2, 3]
    assert events["code"][7:].tolist() == [SNAPSHOT, LAST, LAST]
    assert +stream.dropped == {"trade_repeated": 2, "bbo_before_first_book": 1}
    assert "Connection" in stream.trouble
    assert (np.diff(events["recv_ns"]) >= 0).all()


def test_nothing_is_said_of_a_line_that_never_showed_a_book(venue, listen):
    venue.scripts = [say_and_vanish(trades(1)), say_and_vanish(), say(trades(1), book(1))]
    stream = listen()
    events = gather(stream, has(LEVEL))
    assert kinds(events) == [LEVEL, LEVEL]
    assert +stream.dropped == {"heard_before_first_book": 1, "trade_repeated": 1}


def test_a_second_break_before_the_next_book_is_the_same_absence(venue, listen):
    venue.scripts = [say_and_vanish(book()), say_and_vanish(trades(7, ms=1)), say(book(2))]
    events = gather(listen(), has(CONNECTED))
    assert kinds(events) == [LEVEL, LEVEL, DISCONNECTED, TRADE, CONNECTED, LEVEL, LEVEL]


def test_a_live_socket_with_a_frozen_book_is_opened_anew(venue, listen):
    def frozen(ws: ServerConnection) -> None:
        for ms in range(100):
            say(book(), trades(ms, ms=ms))(ws)  # the same book over and over, and trades go on
            time.sleep(0.02)

    venue.scripts = [frozen, say(book(5_000))]
    stream = listen(quiet_s=0.3)
    events = gather(stream, has(CONNECTED))
    assert kinds(events).count(DISCONNECTED) == 1
    assert stream.trouble == "no newer book came for 0.3 s"
    assert stream.dropped["book_repeated"] > 5


def test_a_market_that_moves_little_is_not_taken_for_frozen(venue, listen):
    def unchanged(ws: ServerConnection) -> None:
        for k in range(20):
            ws.send(json.dumps(book(500 * k)))  # the same levels at a newer time
            time.sleep(0.05)

    venue.scripts = [unchanged]
    events = gather(listen(quiet_s=0.5), has(LEVEL, 40))
    assert venue.connections == 1
    assert DISCONNECTED not in kinds(events)


def test_garbage_is_counted_by_reason_and_the_rest_goes_on(venue, listen):
    crossed, late = book(1, bid="102.0"), book(2)
    late["data"]["time"] = "yesterday"
    venue.scripts = [
        say(
            book(), "{", "[]", crossed, late, book(3, bid="nan"), book(4, coin="ETH"),
            {"channel": "error", "data": "Already subscribed"}, book(5),
        )
    ]  # fmt: skip
    stream = listen()
    events = gather(stream, has(LEVEL, 4))
    assert len(events) == 4
    assert +stream.dropped == {
        "frame_refused: frame": 2, "frame_refused: levels": 1, "frame_refused: time": 1,
        "frame_refused: px": 1, "frame_refused: coin": 1, "frame_refused: channel": 1,
    }  # fmt: skip
    assert "Already subscribed" in stream.trouble


def test_the_line_is_kept_open_by_pings_whose_answers_are_no_events(venue):
    venue.scripts = [say(book())]
    stream = HyperliquidStream(venue.url, "BTC", 5, patience=QUICK._replace(ping_s=0.05))
    gather(stream, has(LEVEL))
    end_s = time.monotonic() + 10
    while [m["method"] for m in venue.heard].count("ping") < 3 and time.monotonic() < end_s:
        assert len(stream.take(0.1)) == 0
    stream.close()
    assert [m["method"] for m in venue.heard].count("ping") >= 3
    assert venue.connections == 1


def test_a_reader_who_is_too_slow_gets_what_waited_and_then_an_error(venue):
    def flood(ws: ServerConnection) -> None:
        try:
            for _ in range(10_000):
                ws.send("x" * 1000)
        except ConnectionClosed:
            return

    venue.scripts = [flood]
    url = venue.url.replace("http", "ws") + "/ws"
    hello = [json.dumps({"method": "subscribe"})] * len(SUBSCRIPTIONS)
    line = Line(url, hello, "{}", patience=QUICK, limit_bytes=50_000)
    line._thread.join(10)
    waiting = line.take(0)
    assert sum(heard.what == FRAME for heard in waiting) >= 40
    with pytest.raises(VenueError, match="more than 50000 bytes; whoever reads this stream is too"):
        line.take(0)
    line.close()


def test_a_server_that_is_not_there_is_tried_again_and_told(listen, venue):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        stream = HyperliquidStream(url, "BTC", 5, patience=QUICK)
        end_s = time.monotonic() + 10
        while not stream.trouble and time.monotonic() < end_s:
            assert len(stream.take(0.05)) == 0
    assert "refused" in stream.trouble
    stream.close()


def test_a_closed_stream_is_over(venue, listen):
    venue.scripts = [say(book())]
    stream = listen()
    gather(stream, has(LEVEL))
    stream.close()
    while (rest := stream.take(0.1)) is not None:
        assert set(kinds(rest)) <= {DISCONNECTED}
    assert stream.take(0.1) is None
