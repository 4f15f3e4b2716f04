"""Websockets: what is acknowledged, said first, repeated, refused, and when a socket closes."""

import base64
import json
import threading
import zlib
from collections import defaultdict
from contextlib import ExitStack
from itertools import pairwise

import pytest
from websockets.exceptions import ConnectionClosed

from tests.localnet.server.conftest import Trader, wait_for

NOBODY = "0x" + "9" * 40
ORDER = "coin side limitPx sz oid timestamp origSz"
FILL = "coin px sz side time startPosition dir closedPnl hash oid crossed fee tid feeToken twapId"
STATE = (
    "marginSummary crossMarginSummary crossMaintenanceMarginUsed withdrawable assetPositions time"
)
CONTEXT = (
    "funding openInterest prevDayPx dayNtlVlm premium oraclePx markPx midPx impactPxs dayBaseVlm"
)
SPOT_CONTEXT = "prevDayPx dayNtlVlm markPx midPx circulatingSupply coin totalSupply dayBaseVlm"
# kind, fields → channel, where to look in its data, and the keys that are there, and no others
SHAPES = [
    ("l2Book", "coin", "l2Book", (), "coin time levels"),
    ("l2Book", "coin fast", "l2Book", (), "coin time levels fast"),
    ("l2Book", "coin nSigFigs", "l2Book", (), "coin time levels spread"),
    ("l2Book", "coin", "l2Book", ("levels", 0, 0), "px sz n"),
    ("bbo", "coin", "bbo", (), "coin time bbo"),
    ("bbo", "coin", "bbo", ("bbo", 1), "px sz n"),
    ("trades", "coin", "trades", (0,), "coin side px sz time hash tid users"),
    ("candle", "coin interval", "candle", (), "t T s i o c h l v n"),
    ("allMids", "", "allMids", (), "mids"),
    ("allMids", "dex", "allMids", (), "mids dex"),
    ("activeAssetCtx", "coin", "activeAssetCtx", (), "coin ctx"),
    ("activeAssetCtx", "coin", "activeAssetCtx", ("ctx",), CONTEXT),
    ("activeAssetCtx", "pair", "activeSpotAssetCtx", ("ctx",), SPOT_CONTEXT),
    ("assetCtxs", "dex", "assetCtxs", (), "dex ctxs"),
    ("assetCtxs", "dex", "assetCtxs", ("ctxs", 0), CONTEXT),
    ("spotAssetCtxs", "", "spotAssetCtxs", (0,), SPOT_CONTEXT),
    ("allDexsAssetCtxs", "", "allDexsAssetCtxs", ("ctxs", 1, 1, 0), CONTEXT),
    (
        *("activeAssetData", "user coin", "activeAssetData", ()),
        "user coin leverage maxTradeSzs availableToTrade markPx",
    ),
    ("orderUpdates", "user", "orderUpdates", (0,), "order status statusTimestamp"),
    ("orderUpdates", "user", "orderUpdates", (0, "order"), ORDER),
    ("userEvents", "user", "user", ("fills", 0), FILL),
    ("userFills", "user", "userFills", (), "isSnapshot user fills"),
    ("userFills", "user", "userFills", ("fills", 0), FILL),
    ("userFundings", "user", "userFundings", (), "isSnapshot user fundings"),
    (
        *("userNonFundingLedgerUpdates", "user", "userNonFundingLedgerUpdates", ()),
        "isSnapshot user nonFundingLedgerUpdates",
    ),
    (
        *("userNonFundingLedgerUpdates", "user", "userNonFundingLedgerUpdates"),
        *(("nonFundingLedgerUpdates", 0), "time hash delta"),
    ),
    ("userHistoricalOrders", "user", "userHistoricalOrders", (), "isSnapshot user orderHistory"),
    (
        *("userHistoricalOrders", "user", "userHistoricalOrders", ("orderHistory", 0)),
        "order status statusTimestamp",
    ),
    ("userTwapSliceFills", "user", "userTwapSliceFills", (), "isSnapshot user twapSliceFills"),
    ("userTwapHistory", "user", "userTwapHistory", (), "isSnapshot user history"),
    ("twapStates", "user", "twapStates", (), "dex user states"),
    ("webData3", "user", "webData3", (), "userState perpDexStates"),
    ("clearinghouseState", "user", "clearinghouseState", (), "dex user clearinghouseState"),
    ("clearinghouseState", "user dex", "clearinghouseState", ("clearinghouseState",), STATE),
    (
        *("allDexsClearinghouseState", "user", "allDexsClearinghouseState"),
        *(("clearinghouseStates", 3, 1), STATE),
    ),
    ("spotState", "user", "spotState", (), "user spotState"),
    ("openOrders", "user", "openOrders", (), "dex user orders"),
    (
        *("openOrders", "user", "openOrders", ("orders", 0)),
        f"{ORDER} triggerCondition isTrigger triggerPx children isPositionTpsl reduceOnly "
        "orderType tif cloid",
    ),
]


@pytest.fixture(scope="module")
def crowd(localnet):
    """A trader in BTC with a fill, an order that rests and one that is over."""
    maker, taker = Trader(localnet), Trader(localnet)
    maker.place("BTC", "sell", 111_000, 0.05)
    maker.place("BTC", "buy", 109_000, 0.05)
    taker.place("BTC", "buy", 111_000, 0.01)
    taker.place("BTC", "buy", 108_000, 0.01)
    yield taker
    taker.close()
    maker.close()


@pytest.mark.parametrize(("kind", "fields", "channel", "path", "keys"), SHAPES)
def test_every_stream_has_the_keys_of_its_shape_and_no_others(
    crowd, talk, kind, fields, channel, path, keys
):
    given = {"coin": "BTC", "pair": "@1", "fast": True, "nSigFigs": 4, "interval": "1m"}
    given |= {"user": crowd.address, "dex": "xyz"}
    asked = {name if name != "pair" else "coin": given[name] for name in fields.split()}
    socket = talk()
    socket.subscribe(kind, **asked)
    if kind in ("orderUpdates", "userEvents"):  # these begin without a snapshot
        socket.until("subscriptionResponse")
        crowd.place("BTC", "buy", 111_000, 0.001)
    data = socket.until(channel)
    for step in path:
        data = data[step]
    assert set(data) == set(keys.split())


def test_fast_contexts_are_raw_deflate_in_base64(talk, localnet):
    socket = talk()
    socket.subscribe("fastAssetCtxs")
    told = json.loads(zlib.decompress(base64.b64decode(socket.until("fastAssetCtxs")), wbits=-15))
    context = localnet.info("metaAndAssetCtxs", dex="hyna")[1][1]
    assert told["hyna:LIT"] == {"markPx": context["markPx"], "midPx": context["midPx"]}


def test_the_history_tells_of_every_order_that_ends(talk, trader):
    one, socket = trader(), talk()
    socket.subscribe("userHistoricalOrders", user=one.address)
    assert socket.until("userHistoricalOrders")["orderHistory"] == []
    oid = one.place("SOL", "buy", 100.0, 1.0)["resting"]["oid"]
    one.exchange.cancel("SOL", oid)
    told = socket.until("userHistoricalOrders")
    assert set(told) == {"user", "orderHistory"}
    assert [(r["order"]["oid"], r["status"]) for r in told["orderHistory"]] == [(oid, "canceled")]
    assert told["orderHistory"] == one.info.historical_orders(one.address)


def test_the_acknowledgement_comes_first_with_its_defaults_filled_in(talk):
    socket = talk()
    socket.subscribe("l2Book", coin="BTC")
    told = {"type": "l2Book", "coin": "BTC", "nSigFigs": None, "mantissa": None, "fast": False}
    data = {"method": "subscribe", "subscription": told}
    assert socket.next() == {"channel": "subscriptionResponse", "data": data}
    assert socket.next()["channel"] == "l2Book"
    socket.subscribe("userFills", user=NOBODY.upper().replace("X", "x"))
    told = {"type": "userFills", "user": NOBODY, "aggregateByTime": False}
    assert socket.until("subscriptionResponse")["subscription"] == told
    first = socket.until("userFills")
    assert first == {"isSnapshot": True, "user": NOBODY, "fills": []}


def test_a_pong_has_no_data(talk):
    socket = talk()
    socket.say(method="ping")
    assert socket.next() == {"channel": "pong"}


def test_subscribing_and_unsubscribing_twice_are_refused_and_the_socket_stays(talk):
    socket = talk()
    for _ in range(2):
        socket.subscribe("trades", coin="BTC")
    assert socket.until("error") == 'Already subscribed: {"type":"trades","coin":"BTC"}'
    for _ in range(2):
        socket.say(method="unsubscribe", subscription={"type": "trades", "coin": "BTC"})
    assert socket.until("subscriptionResponse", lambda d: d["method"] == "unsubscribe")
    assert socket.until("error") == 'Already unsubscribed: {"type":"trades","coin":"BTC"}'


@pytest.mark.parametrize(
    "said",
    [
        "not json",
        "[1]",
        '{"method":"shout"}',
        '{"method":"subscribe"}',
        '{"method":"subscribe","subscription":{"type":"nothing"}}',
        '{"method":"subscribe","subscription":{"type":"bbo"}}',
        '{"method":"subscribe","subscription":{"type":"orderUpdates","user":"me"}}',
        '{"method":"post","id":"1","request":{"type":"info","payload":{}}}',
    ],
)
def test_what_cannot_be_read_is_said_back(talk, said):
    socket = talk()
    socket.socket.send(said)
    words = f"Error parsing JSON into valid websocket request: {said}"
    assert socket.next() == {"channel": "error", "data": words}
    socket.say(method="ping")
    assert socket.next() == {"channel": "pong"}


@pytest.mark.parametrize(
    "asked",
    [
        {"type": "bbo", "coin": "NONE"},
        {"type": "trades", "coin": "btc"},
        {"type": "l2Book", "coin": "BTC", "nSigFigs": 6},
        {"type": "l2Book", "coin": "BTC", "nSigFigs": 4, "mantissa": 2},
    ],
)
def test_a_coin_that_does_not_exist_closes_the_socket_without_a_word(talk, asked):
    socket = talk()
    socket.say(method="subscribe", subscription=asked)
    with pytest.raises(ConnectionClosed) as closed:
        socket.next()
    assert closed.value.rcvd is None  # no closing handshake


def test_the_touch_is_told_when_it_changes_and_trades_when_they_happen(talk, trader):
    maker, taker, socket = trader(), trader(), talk()
    socket.subscribe("bbo", coin="SOL")
    socket.subscribe("trades", coin="SOL")
    maker.place("SOL", "sell", 210.0, 1.0, "Alo")
    socket.until("bbo", lambda d: d["bbo"][1] == {"px": "210.0", "sz": "1.0", "n": 1})
    taker.place("SOL", "buy", 210.0, 1.0, "Ioc")
    (trade,) = socket.until("trades", lambda rows: rows and rows[-1]["px"] == "210.0")[-1:]
    assert trade["users"] == [taker.address, maker.address] and trade["side"] == "B"


def test_who_subscribes_to_trades_hears_the_last_thirty_first(talk, trader):
    maker, taker = trader(), trader()
    row = {"coin": "OP", "is_buy": False, "sz": 20, "limit_px": 0.7, "reduce_only": False}
    maker.exchange.bulk_orders([row | {"order_type": {"limit": {"tif": "Alo"}}}] * 32)
    assert taker.place("OP", "buy", 0.7, 640, "Ioc")["filled"]["totalSz"] == "640.0"
    socket = talk()
    socket.subscribe("trades", coin="OP")
    told, fills = socket.until("trades"), taker.info.user_fills(taker.address)
    assert [trade["tid"] for trade in told] == [fill["tid"] for fill in fills[:30]][::-1]


def test_the_same_tids_come_by_every_road(talk, trader):
    maker, taker, socket = trader(), trader(), talk()
    for kind in ("userFills", "userEvents", "orderUpdates"):
        socket.subscribe(kind, user=maker.address)
    wait_for(lambda: sum(m["channel"] == "subscriptionResponse" for m in [socket.next()]) or True)
    socket.until("userFills", lambda d: d.get("isSnapshot"))
    oid = maker.place("OP", "sell", 0.72, 100.0, "Alo")["resting"]["oid"]
    taker.place("OP", "buy", 0.72, 40.0, "Ioc")
    event = socket.until("user", lambda d: d.get("fills"))["fills"][0]
    fill = socket.until("userFills", lambda d: d["fills"])["fills"][0]
    assert fill == event == maker.info.user_fills(maker.address)[0]
    assert fill["oid"] == oid and fill["sz"] == "40.0"
    maker.exchange.cancel("OP", oid)
    (update,) = socket.until("orderUpdates", lambda rows: rows[-1]["status"] == "canceled")
    assert (update["order"]["sz"], update["order"]["origSz"]) == ("60.0", "100.0")


def test_posts_are_answered_by_number(talk, trader):
    one, socket = trader(), talk()
    socket.say(
        method="post", id=5, request={"type": "info", "payload": {"type": "l2Book", "coin": "BTC"}}
    )
    told = socket.until("post")
    assert told["id"] == 5 and told["response"]["type"] == "info"
    assert told["response"]["payload"]["data"]["coin"] == "BTC"
    socket.say(
        method="post", id=6, request={"type": "info", "payload": {"type": "l2Book", "coin": "NO"}}
    )
    told = socket.until("post")
    payload = {"type": "l2Book", "data": None}
    assert told == {"id": 6, "response": {"type": "info", "payload": payload}}
    socket.say(method="post", id=7, request={"type": "info", "payload": {"type": "nothing"}})
    told = socket.until("post")
    assert told["response"]["type"] == "error" and told["response"]["payload"].startswith("422 ")
    sent = []
    one.exchange.post = lambda path, body: sent.append(body) or {"status": "ok"}
    one.exchange.order("ETH", True, 0.2, 1000.0, {"limit": {"tif": "Gtc"}})
    del one.exchange.post
    socket.say(method="post", id=8, request={"type": "action", "payload": sent[0]})
    told = socket.until("post")["response"]
    assert told["type"] == "action" and told["payload"]["status"] == "ok"
    assert len(one.info.open_orders(one.address)) == 1


def test_the_fast_book_has_five_levels_and_comes_more_often(talk, trader):
    maker, socket = trader(), talk()
    for k in range(7):
        maker.place("kPEPE", "sell", 0.01 + 0.0001 * k, 10_000.0, "Alo")
    socket.subscribe("l2Book", coin="kPEPE", fast=True)
    books = [socket.until("l2Book") for _ in range(3)]
    assert all(len(book["levels"][1]) == 5 and book["fast"] is True for book in books)
    gaps = [b["time"] - a["time"] for a, b in pairwise(books[1:])]
    assert all(300 < gap < 900 for gap in gaps)


def test_books_of_all_coins_come_at_one_time(talk):
    socket, times = talk(), defaultdict(list)
    for coin in ("BTC", "ETH"):
        socket.subscribe("l2Book", coin=coin)
    while min((len(t) for t in times.values()), default=0) < 4 or len(times) < 2:
        book = socket.until("l2Book")
        times[book["coin"]].append(book["time"])
    assert times["BTC"][1:4] == times["ETH"][1:4]


def test_a_socket_on_which_nothing_is_said_is_closed(strict, ip):
    with strict.socket(ip) as socket, pytest.raises(ConnectionClosed) as closed:
        socket.recv(20)
    assert closed.value.rcvd is not None and closed.value.rcvd.reason == "Inactive"


def test_an_ip_opens_so_many_sockets(strict, ip):
    with ExitStack() as stack:
        for _ in range(15):
            stack.enter_context(strict.socket(ip))
        with strict.socket(ip) as one_more, pytest.raises(ConnectionClosed) as closed:
            one_more.recv(10)
    told = (closed.value.rcvd.code, closed.value.rcvd.reason)
    assert told == (1008, "Cannot open more than 15 connections.")


def test_an_ip_follows_so_many_users(strict, ip):
    with strict.socket(ip) as socket:
        for k in range(11):
            asked = {"type": "orderUpdates", "user": f"0x{k:040x}"}
            socket.send(json.dumps({"method": "subscribe", "subscription": asked}))
        said = [json.loads(socket.recv(10)) for _ in range(11)]
    assert said[-1] == {"channel": "error", "data": "Cannot track more than 10 total users."}
    assert {one["channel"] for one in said[:-1]} == {"subscriptionResponse"}


def test_many_listeners_hear_the_same(localnet, trader):
    maker, heard = trader(), defaultdict(list)

    def listen(number):
        with localnet.socket() as socket:
            asked = {"method": "subscribe", "subscription": {"type": "bbo", "coin": "xyz:GOLD"}}
            socket.send(json.dumps(asked))
            while not heard[number] or heard[number][-1]["bbo"][1] is None:
                message = json.loads(socket.recv(20))
                if message["channel"] == "bbo":
                    heard[number].append(message["data"])
                    ready.release()

    ready = threading.Semaphore(0)
    threads = [threading.Thread(target=listen, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert ready.acquire(timeout=20)
    localnet.fund(maker.address, 1000.0, dex="xyz")
    maker.place("xyz:GOLD", "sell", 4100.0, 0.01, "Alo")
    for thread in threads:
        thread.join(20)
    assert len({json.dumps(heard[number][-1]) for number in range(5)}) == 1
