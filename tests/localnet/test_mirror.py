"""Somebody's market drives the exchange, and users trade inside it."""

import numpy as np
import pytest

from engine.events import BUY, CONTEXT, LAST, LEVEL, SELL, SNAPSHOT, TRADE, Event
from engine.localnet.exchange import Exchange
from engine.localnet.house import MAKER as HOUSE
from engine.localnet.house import Level, Oracle, Taken, Whole
from engine.localnet.listings import DEFAULT
from engine.localnet.mirror import Mirror
from engine.record import zeros
from engine.sim.market import HOUR_NS
from engine.sim.universe import market_of
from tests.localnet.conftest import ETH, MAKER, OPENED, TAKER

MS = 1_000_000


def events(*rows):
    """Rows of (kind, side, code, ms, px, sz)."""
    made = zeros(Event, len(rows))
    for event, (kind, side, code, ms, px, sz) in zip(made, rows, strict=True):
        event["kind"], event["side"], event["code"] = kind, side, code
        event["ts_ns"], event["px"], event["sz"] = ms * MS, px, sz
    return made


def book(ms, bids, asks):
    rows = [(BUY, *row) for row in bids] + [(SELL, *row) for row in asks]
    codes = [SNAPSHOT, *[0] * (len(rows) - 2), LAST]
    return [(LEVEL, s, c, ms, px, sz) for (s, px, sz), c in zip(rows, codes, strict=True)]


def mirror_of(exchange, *rows, **more):
    return Mirror(exchange.floor.universe.assets[ETH], [events(*rows)], **more)


@pytest.fixture
def exchange():
    made = Exchange(DEFAULT, time=OPENED)
    for user in (MAKER, TAKER):
        made.deposit(user, 1e6)
    return made


def depths(exchange):
    floor = exchange.floor
    return [list(side.depth(99)) for side in (floor.books[ETH].bids, floor.books[ETH].asks)]


def test_books_trades_and_contexts_become_flow_up_to_a_time(exchange):
    rows = [
        *book(0, [(4399, 2)], [(4401, 3)]),
        (TRADE, SELL, 0, 50, 4399, 0.5),
        (CONTEXT, 0, 0, 60, 4400, 1000),
        (LEVEL, BUY, LAST, 70, 4399, 1.5),
    ]
    mirror = mirror_of(exchange, *rows, shift_ms=OPENED)
    whole = Whole(ETH, ((439_900, 20_000),), ((440_100, 30_000),))
    assert mirror.take(OPENED) == [whole, Oracle(ETH, 440_000)]
    assert mirror.take(OPENED + 55) == [Taken(ETH, False, 439_900, 5_000)]
    assert not mirror.ended
    assert mirror.take(OPENED + 70)[1:] == [Level(ETH, True, 439_900, 15_000)]
    assert mirror.ended and mirror.take(OPENED + 99) == []


def test_what_shrinks_goes_before_what_grows(exchange):
    rows = [
        *book(0, [(4399, 2)], [(4401, 3)]),
        (LEVEL, BUY, 0, 10, 4401, 5),
        (LEVEL, SELL, 0, 10, 4401, 0),
        (LEVEL, SELL, LAST, 10, 4402, 4),
    ]
    mirror = mirror_of(exchange, *rows, shift_ms=OPENED)
    exchange.run_block(OPENED, flow=mirror.take(OPENED + 10))
    assert depths(exchange) == [
        [(440_100, 50_000, 1), (439_900, 20_000, 1)],
        [(440_200, 40_000, 1)],
    ]


@pytest.mark.parametrize(("coin", "minutes"), [("BTC", 1), ("HYPE", 10)])
def test_without_users_the_book_is_the_sources_own(exchange, coin, minutes):
    market = market_of(coin, None, 7, OPENED * MS // HOUR_NS * HOUR_NS)
    asset = exchange.floor.universe.by_coin[coin]
    chunk = market.chunk(0)
    chunk = chunk[chunk["ts_ns"] < (OPENED + minutes * 60_000) * MS]
    mirror = Mirror(asset, [chunk])
    traded = 0
    for now in range(OPENED, OPENED + minutes * 60_000 + 100, 100):
        block = exchange.run_block(now, flow=mirror.take(now))
        traded += sum(float(one["sz"]) for one in block.trades.get(coin, []))
        ours = exchange.floor.books[asset.id]
        for theirs, side in zip(mirror.sides, (ours.bids, ours.asks), strict=True):
            assert theirs == {px: lots for px, lots, _ in side.depth(1 << 20)}
    printed = chunk[chunk["kind"] == TRADE]["sz"].sum()
    assert mirror.ended and traded == pytest.approx(printed) and printed > 0
    assert exchange.floor.market(asset).oracle == pytest.approx(
        chunk[chunk["kind"] == LEVEL]["px"].mean() * asset.px_scale, rel=0.01
    )


def test_a_user_waits_behind_the_house_and_ahead_of_whoever_comes_later(exchange, desk_of):
    exchange.run_block(OPENED, flow=(Level(ETH, True, 439_900, 10_000),))
    desk = desk_of(exchange)
    oid = desk.place(ETH, "buy", 4399, 1)["resting"]["oid"]
    more = (Level(ETH, True, 439_900, 15_000), Taken(ETH, False, 439_900, 12_000))
    block = desk.block(flow=more)
    assert [(fill["oid"], fill["sz"]) for fill in block.fills[MAKER]] == [(oid, "0.2")]
    users = [trade["users"] for trade in block.trades["ETH"]]
    assert [pair[0] for pair in users] == [HOUSE, MAKER]


def test_depth_that_shrinks_fills_nobody(exchange, desk_of):
    exchange.run_block(OPENED, flow=(Level(ETH, True, 439_900, 10_000),))
    desk = desk_of(exchange)
    desk.place(ETH, "buy", 4399, 1)
    block = desk.block(flow=(Level(ETH, True, 439_900, 0),))
    assert block.fills == {} and depths(exchange)[0] == [(439_900, 10_000, 1)]


def test_the_house_leaves_a_queue_from_behind(exchange, desk_of):
    exchange.run_block(OPENED, flow=(Level(ETH, True, 439_900, 10_000),))
    desk = desk_of(exchange)
    desk.place(ETH, "buy", 4399, 1)
    desk.block(flow=(Level(ETH, True, 439_900, 15_000),))  # 0.5 joins behind the user
    desk.block(flow=(Level(ETH, True, 439_900, 12_000),))  # and 0.3 of it goes again
    block = desk.block(flow=(Taken(ETH, False, 439_900, 10_500),))
    assert [fill["sz"] for fill in block.fills[MAKER]] == ["0.05"]


def test_a_taker_eats_what_the_house_shows(exchange, desk_of):
    exchange.run_block(OPENED, flow=(Level(ETH, False, 440_100, 10_000),))
    desk = desk_of(exchange)
    assert desk.place(ETH, "buy", 4401, 0.4, "Ioc")["filled"]["totalSz"] == "0.4"
    assert depths(exchange)[1] == [(440_100, 6_000, 1)]
    assert np.isclose(
        sum(p.lots for a in exchange.floor.state.accounts.values() for p in a.positions.values()), 0
    )


def test_a_print_that_the_book_no_longer_shows_is_printed_all_the_same(exchange):
    flow = (Level(ETH, False, 440_300, 10_000), Taken(ETH, True, 440_100, 700))
    block = exchange.run_block(OPENED, flow=flow)
    (trade,) = block.trades["ETH"]
    assert (trade["px"], trade["sz"], trade["side"]) == ("4401.0", "0.07", "B")
    assert depths(exchange)[1] == [(440_300, 10_000, 1)]


def test_the_touch_is_told_once_when_it_changes(exchange):
    flow = (Level(ETH, True, 439_900, 10_000),)
    first = exchange.run_block(OPENED, flow=flow)
    level = {"px": "4399.0", "sz": "1.0", "n": 1}
    assert first.bbo["ETH"] == {"coin": "ETH", "time": OPENED, "bbo": [level, None]}
    assert exchange.run_block(OPENED + 100, flow=flow).bbo == {}
    deeper = exchange.run_block(OPENED + 200, flow=(Level(ETH, True, 439_000, 1),))
    assert deeper.bbo == {} and list(deeper.books) == ["ETH"]


def test_the_mark_follows_the_oracle_and_the_book(exchange):
    flow = [Oracle(ETH, 440_000), Whole(ETH, ((439_900, 9),), ((440_100, 9),))]
    exchange.run_block(OPENED, flow=flow)
    market = exchange.floor.state.markets[ETH]
    assert market.mark == 440_000
    lifted = Whole(ETH, ((440_900, 9),), ((441_100, 9),))
    exchange.run_block(OPENED + 3_000, flow=[lifted])
    assert 440_000 < market.mark < 441_000
    for k in range(2, 400):
        exchange.run_block(OPENED + 3_000 * k)
    assert market.mark == 441_000


def test_a_premium_of_the_book_becomes_the_hourly_rate(exchange):
    dear = Whole(ETH, ((442_000, 10**6),), ((442_100, 10**6),))
    exchange.run_block(OPENED + 5_000, flow=[Oracle(ETH, 440_000), dear])
    premium = (442_000 - 440_000) / 440_000
    rate = (premium - 0.0005) / 8  # far above the interest rate
    assert exchange.floor.state.markets[ETH].funding == round(rate * 10**10)
    context = exchange.info({"type": "metaAndAssetCtxs"})[1][ETH]
    assert float(context["premium"]) == pytest.approx(premium, abs=1e-9)
    assert context["impactPxs"] == ["4420.0", "4421.0"]
