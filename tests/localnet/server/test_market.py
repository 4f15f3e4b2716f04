"""Markets behind the exchange: from any moment on, at any speed, and their leading venue."""

import json
from collections import Counter

import numpy as np
import pytest

from engine.events import BUY, LAST, LEVEL, REFERENCE, SELL, SNAPSHOT, TRADE, Event
from engine.localnet.exchange import Exchange
from engine.localnet.house import Taken, Whole
from engine.localnet.universe import Universe
from engine.record import zeros
from engine.runners.localnet.binance import LEVELS, Symbol
from engine.runners.localnet.market import Ahead, Markets, standing
from engine.runners.localnet.setup import new_setup
from engine.sim.market import HOUR_NS
from engine.sim.universe import market_of
from engine.store.tape import write_tape
from engine.store.tape_facts import TapeMeta
from engine.venues.binance.codec import DEPTH, parse
from engine.venues.binance.codec import SNAPSHOT as WHOLE
from engine.venues.binance.reference import Reference
from tests.localnet.server.conftest import wait_for

OPENED = 1_767_225_600_000 + 20 * 60_000 + 37  # within an hour, off every grid
MS = 1_000_000


def events(*rows):
    """Rows of (kind, side, code, ms, px, sz)."""
    made = zeros(Event, len(rows))
    for event, (kind, side, code, ms, px, sz) in zip(made, rows, strict=True):
        event["kind"], event["side"], event["code"] = kind, side, code
        event["ts_ns"] = event["recv_ns"] = ms * MS
        event["px"], event["sz"] = px, sz
    return made


def book(ms, bid, ask):
    return [(LEVEL, BUY, SNAPSHOT, ms, bid, 1.0), (LEVEL, SELL, LAST, ms, ask, 1.0)]


def test_a_market_begins_with_its_book_as_it_stands_and_without_old_trades():
    rows = [
        *book(0, 99, 101),
        *book(60, 98, 102),
        (TRADE, BUY, 0, 70, 102.0, 1.0),
        (LEVEL, BUY, LAST, 80, 99.0, 2.0),
        (TRADE, BUY, 0, 110, 102.0, 3.0),
    ]
    (chunk,) = standing(iter([events(*rows)]), 100 * MS)
    assert chunk["kind"].tolist() == [LEVEL, LEVEL, LEVEL, TRADE]
    assert chunk["ts_ns"].tolist() == [60 * MS, 60 * MS, 80 * MS, 110 * MS]


def test_where_no_book_came_before_the_next_one_begins():
    rows = [(TRADE, BUY, 0, 70, 102.0, 1.0), *book(160, 98, 102), (TRADE, BUY, 0, 170, 1.0, 3.0)]
    (chunk,) = standing(iter([events(*rows)]), 100 * MS)
    assert chunk["ts_ns"].tolist() == [160 * MS, 160 * MS, 170 * MS]


def markets(speed=1.0, now_ms=OPENED, assets=("HYPE",), since_ms=OPENED):
    setup = new_setup(since_ms, assets)
    universe = Universe(setup.universe)
    return Markets(universe.by_coin, dict(setup.drives), speed, now_ms), setup


def test_the_exchange_shows_the_simulated_book_of_this_very_moment():
    driven, setup = markets()
    exchange = Exchange(setup.universe, time=OPENED)
    for now in range(OPENED, OPENED + 60_000, 500):
        exchange.run_block(now, flow=driven.take(now))
    start_ns = OPENED * MS // HOUR_NS * HOUR_NS
    mirror = driven.sources[0]._mirror
    asset = exchange.floor.universe.by_coin["HYPE"]
    ours = exchange.floor.books[asset.id]
    for theirs, side in zip(mirror.sides, (ours.bids, ours.asks), strict=True):
        assert theirs == {px: lots for px, lots, _ in side.depth(1 << 20)} and theirs
    hour = market_of("HYPE", None, 7, start_ns).chunk(0)
    whole = (hour["kind"] == TRADE) & (hour["ts_ns"] > OPENED * MS)
    whole &= hour["ts_ns"] <= (OPENED + 59_500) * MS
    printed = sum(float(t["sz"]) for t in exchange.info({"type": "recentTrades", "coin": "HYPE"}))
    assert printed == pytest.approx(hour["sz"][whole].sum())


def test_a_faster_market_has_more_in_the_same_time():
    slow, fast = markets(1.0)[0], markets(60.0)[0]
    counts = [
        sum(isinstance(op, Taken) for op in one.take(OPENED + 60_000)) for one in (slow, fast)
    ]
    assert counts[1] > 20 * max(counts[0], 1)


def test_a_restart_within_the_market_shows_the_same_book_as_without():
    steady, _ = markets(5.0)
    later = OPENED + 1_800_000  # 2.5 market hours on
    steady.take(later)
    again, _ = markets(5.0, now_ms=later)
    first = again.take(later)
    assert isinstance(first[0], Whole)
    assert steady.sources[0]._mirror.sides == again.sources[0]._mirror.sides
    assert not any(isinstance(op, Taken) for op in first)


def test_a_tape_begins_again_when_it_is_over(tmp_path):
    rows = [*book(0, 0.5, 0.6), (TRADE, BUY, 0, 400, 0.6, 1.0), *book(1_000, 0.4, 0.7)]
    chunk = events(*rows)
    for name in ("ts_ns", "recv_ns"):
        chunk[name] += 1_700_000_000_000 * MS
    meta = TapeMeta(asset="WLFI", venue="test", source="by hand", px_decimals=6, sz_decimals=0)
    path = tmp_path / "w.tape"
    write_tape(path, [chunk], meta)
    setup = new_setup(OPENED, (), tapes=(path,))
    driven = Markets(Universe(setup.universe).by_coin, dict(setup.drives), 1.0, OPENED)
    ops = [op for now in range(OPENED, OPENED + 3_500, 100) for op in driven.take(now)]
    assert sum(isinstance(op, Taken) for op in ops) == 4
    assert sum(isinstance(op, Whole) for op in ops) >= 7


def test_a_tape_must_have_the_grid_of_its_asset(tmp_path):
    chunk = events(*book(0, 100.0, 101.0))
    chunk["ts_ns"] += 1_700_000_000_000 * MS
    chunk["recv_ns"] += 1_700_000_000_000 * MS
    meta = TapeMeta(asset="BTC", venue="test", source="by hand", px_decimals=4, sz_decimals=2)
    write_tape(tmp_path / "b.tape", [chunk], meta)
    with pytest.raises(ValueError, match="sz_decimals of BTC must be 5"):
        new_setup(OPENED, (), tapes=(tmp_path / "b.tape",))


def test_only_what_has_a_leading_venue_is_led_and_each_symbol_once():
    driven, _ = markets(assets=("HYPE", "BTC", "hyna:BTC"))
    heard = {}
    for now in range(OPENED, OPENED + 5_000, 100):
        driven.take(now)
        for symbol, news in driven.ahead(now).items():
            heard.setdefault(symbol, []).extend(news)
    assert set(heard) == {"BTCUSDT"}
    start_ns = OPENED * MS // HOUR_NS * HOUR_NS
    hour = market_of("BTC", None, 7, start_ns).chunk(0)
    since, until = OPENED * MS, (OPENED + 4_900) * MS
    told = hour[(hour["kind"] == REFERENCE) & (hour["ts_ns"] > since) & (hour["ts_ns"] <= until)]
    mids = [one.px for one in heard["BTCUSDT"] if not one.side]
    assert mids[-len(told) :] == told["px"].tolist()


def test_our_own_reader_follows_the_symbols_touch_and_its_depth():
    rng, dropped = np.random.default_rng(5), Counter()
    by_touch, by_depth, symbol = Reference(dropped), Reference(Counter()), Symbol("BTCUSDT")
    mids = 110_000.0 + np.cumsum(rng.normal(0, 3, 200))
    started = False
    for k, mid in enumerate(mids):
        now_ms = OPENED + 100 * k
        said = dict(symbol.hear([Ahead(float(mid))], now_ms))
        touch = parse("bookTicker", said["bookTicker"])
        row = by_touch.hear("bookTicker", touch, now_ms * MS, now_ms * MS)
        assert row is not None and abs(row[5] - mid) <= 0.5 * 10**-symbol.decimals + 1e-9
        change = parse(DEPTH, said["depth@100ms"])
        if not started:
            by_depth.hear(WHOLE, parse(WHOLE, symbol.snapshot(now_ms)), now_ms * MS, now_ms * MS)
            started = True
            continue
        deep = by_depth.hear(DEPTH, change, now_ms * MS, now_ms * MS)
        assert deep is None or deep[5] == row[5]
    assert not dropped


def test_a_trade_of_the_leading_venue_is_a_print_on_both_routes():
    symbol = Symbol("ETHUSDT")
    symbol.hear([Ahead(4_400.0)], OPENED)
    said = dict(symbol.hear([Ahead(4_400.5, -1, 0.25)], OPENED))
    assert set(said) == {"trade", "aggTrade"}
    printed = parse("aggTrade", said["aggTrade"])
    assert (printed.px, printed.sz, printed.buyer_is_maker) == (4_400.5, 0.25, True)
    assert len(symbol.snapshot(OPENED)["bids"]) == LEVELS


@pytest.mark.parametrize("px", [0.0001234, 0.5, 9.99, 110_000.0])
def test_the_touch_is_one_tick_wide_around_the_mid(px):
    symbol = Symbol("XUSDT")
    said = dict(symbol.hear([Ahead(px)], OPENED))["bookTicker"]
    bid, ask = float(said["b"]), float(said["a"])
    assert bid <= px * (1 + 1e-9) and px <= ask and ask - bid <= 2e-4 * px


def test_the_leading_venue_speaks_on_its_own_route_alone(strict, ip):
    ask = {"method": "SUBSCRIBE", "params": ["btcusdt@bookTicker"], "id": 1}
    with (
        strict.socket(ip, "/public/stream?streams=btcusdt@bookTicker") as touch,
        strict.socket(ip, "/market/ws") as other,
    ):
        told = json.loads(touch.recv(20))
        assert told["stream"] == "btcusdt@bookTicker"
        assert float(told["data"]["b"]) < float(told["data"]["a"])
        other.send(json.dumps(ask))
        assert json.loads(other.recv(10)) == {"result": None, "id": 1}
        with pytest.raises(TimeoutError):
            other.recv(1)


def test_the_leading_venue_answers_for_the_symbols_it_has(strict, ip):
    path = "/fapi/v1/ticker/bookTicker"
    with strict.visitor(ip) as client:
        wait_for(lambda: client.get(path, params={"symbol": "BTCUSDT"}).status_code == 200)
        listed = client.get("/fapi/v1/exchangeInfo").json()["symbols"]
        unknown = client.get(path, params={"symbol": "NOUSDT"})
    assert [row["symbol"] for row in listed] == ["BTCUSDT"]
    assert (unknown.status_code, unknown.json()["code"]) == (400, -1121)
