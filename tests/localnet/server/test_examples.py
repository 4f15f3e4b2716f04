"""The official SDK's published basic examples, each to its end: same calls, same order.

Prices are those of this market, waiting is for what happens in place of a number of seconds, and
what an example prints is looked at.
"""

import queue

import pytest
from eth_account import Account
from hyperliquid.exchange import Exchange
from hyperliquid.utils.signing import get_timestamp_ms
from hyperliquid.utils.types import Cloid

from tests.localnet.server.conftest import statuses, wait_for

ALO, GTC, IOC = ({"limit": {"tif": tif}} for tif in ("Alo", "Gtc", "Ioc"))
CLOID = Cloid.from_str("0x00000000000000000000000000000001")
NOBODY = "0x" + "0" * 40
BUILDER = "0x8c967E73E7B15087c42A10D344cFf4c96D877f1D"
OK = {"status": "ok", "response": {"type": "default"}}


@pytest.fixture
def market(trader):
    """Somebody who quotes two levels of ETH around 4400, and of SOL around 205."""
    maker = trader()
    for coin, mid, steps, sz in (("ETH", 4400, (10, 50), 0.05), ("SOL", 205, (1, 5), 2)):
        for step in steps:
            maker.place(coin, "buy", mid - step, sz, "Alo")
            maker.place(coin, "sell", mid + step, sz, "Alo")
    return maker


def oid_of(answer):
    """The number of an order that rests."""
    (status,) = statuses(answer)
    return status["resting"]["oid"]


def balance(info, user):
    return float(info.user_state(user)["marginSummary"]["accountValue"])


def test_basic_order(setup):
    me = setup()
    assert me.info.user_state(me.address)["assetPositions"] == []
    oid = oid_of(me.exchange.order("ETH", True, 0.2, 1100, GTC))
    assert me.info.query_order_by_oid(me.address, oid)["order"]["status"] == "open"
    assert statuses(me.exchange.cancel("ETH", oid)) == ["success"]


def test_basic_order_with_cloid(setup):
    me = setup()
    oid_of(me.exchange.order("ETH", True, 0.2, 1100, GTC, cloid=CLOID))
    assert me.info.query_order_by_cloid(me.address, CLOID)["order"]["status"] == "open"
    unknown = me.info.query_order_by_cloid(me.address, Cloid.from_int(2))
    assert unknown == {"status": "unknownOid"}
    assert statuses(me.exchange.cancel_by_cloid("ETH", CLOID)) == ["success"]


def test_basic_order_modify(setup):
    me = setup()
    oid = oid_of(me.exchange.order("ETH", True, 0.2, 1100, GTC, cloid=CLOID))
    assert me.info.query_order_by_oid(me.address, oid)["order"]["order"]["origSz"] == "0.2"
    second = oid_of(me.exchange.modify_order(oid, "ETH", True, 0.1, 1105, GTC, cloid=CLOID))
    third = oid_of(me.exchange.modify_order(CLOID, "ETH", True, 0.1, 1105, GTC))
    assert oid < second < third
    assert [row["oid"] for row in me.info.open_orders(me.address)] == [third]


def test_basic_market_order(setup, market):
    me = setup()
    (sold,) = statuses(me.exchange.market_open("ETH", False, 0.05, None, 0.01))
    assert (sold["filled"]["totalSz"], sold["filled"]["avgPx"]) == ("0.05", "4390.0")
    (bought,) = statuses(me.exchange.market_close("ETH"))
    assert (bought["filled"]["totalSz"], bought["filled"]["avgPx"]) == ("0.05", "4410.0")


def test_basic_leverage_adjustment(setup, market):
    me = setup()
    me.exchange.market_open("ETH", False, 0.02, None, 0.01)  # its output is about a position
    assert me.exchange.update_leverage(21, "ETH") == OK
    (row,) = me.info.user_state(me.address)["assetPositions"]
    assert row["position"]["leverage"] == {"type": "cross", "value": 21}
    switched = me.exchange.update_leverage(21, "ETH", False)
    assert switched["response"] == "Cannot switch leverage type with open position."
    me.exchange.market_close("ETH")
    assert me.exchange.update_leverage(22, "ETH", False) == OK
    me.exchange.order("ETH", True, 0.02, 4410, IOC)
    assert me.exchange.update_isolated_margin(1, "ETH") == OK
    (row,) = me.info.user_state(me.address)["assetPositions"]
    isolated = row["position"]["leverage"]
    assert (isolated["type"], isolated["value"]) == ("isolated", 22)
    # what is added comes on top of the initial margin
    assert float(isolated["rawUsd"]) == pytest.approx(88.2 / 22 + 1 - 88.2, abs=2e-6)


def test_basic_tpsl(setup, market):
    me = setup()
    main = {"coin": "SOL", "is_buy": True, "sz": 1, "limit_px": 206, "reduce_only": False}
    exits = [
        main
        | {"is_buy": False, "limit_px": px, "reduce_only": True}
        | {"order_type": {"trigger": {"isMarket": True, "triggerPx": px, "tpsl": kind}}}
        for kind, px in (("tp", 216.3), ("sl", 195.7))
    ]
    told = statuses(
        me.exchange.bulk_orders([main | {"order_type": IOC}, *exits], grouping="normalTpsl")
    )
    assert told[0]["filled"]["totalSz"] == "1.0"
    rows = me.info.frontend_open_orders(me.address)
    assert sorted(row["orderType"] for row in rows) == ["Stop Market", "Take Profit Market"]
    assert told[1:] == ["waitingForTrigger"] * 2


def test_basic_schedule_cancel(setup, localnet):
    me = setup()
    oid = oid_of(me.exchange.order("ETH", True, 0.2, 1100, GTC))
    assert me.info.query_order_by_oid(me.address, oid)["order"]["status"] == "open"
    told = me.exchange.schedule_cancel(get_timestamp_ms() + 10_000)
    words = "Cannot set scheduled cancel time until enough volume traded. Required: $1000000. "
    assert told == {"status": "err", "response": words + "Traded: $0.00."}
    localnet.fund(me.address, 0.0, volume_usd=1e6)
    due_ms = get_timestamp_ms() + 5_100
    assert me.exchange.schedule_cancel(due_ms) == OK
    wait_for(lambda: me.info.open_orders(me.address) == [], 15.0)
    (row,) = me.info.historical_orders(me.address)
    assert row["status"] == "scheduledCancel" and 0 <= row["statusTimestamp"] - due_ms < 1_000


def test_basic_adding(setup, market, trader):
    me, books, events = setup(skip_ws=False), queue.SimpleQueue(), queue.SimpleQueue()
    me.info.subscribe({"type": "l2Book", "coin": "ETH"}, lambda m: books.put(m["data"]))
    me.info.subscribe({"type": "userEvents", "user": me.address}, lambda m: events.put(m["data"]))
    assert me.info.open_orders(me.address) == []
    assert me.info.user_state(me.address)["assetPositions"] == []
    oids = {}
    for sign, side in zip((-1, 1), books.get(timeout=10)["levels"], strict=True):
        px = float(f"{float(side[0]['px']) * (1 + 0.003 * sign):.5g}")
        oids[sign] = oid_of(me.exchange.order("ETH", sign < 0, 0.01, px, ALO))
    trader().place("ETH", "buy", 4450, 0.06, "Ioc")  # through the market's ask into ours
    (fill,) = events.get(timeout=10)["fills"]
    assert (fill["oid"], fill["crossed"], fill["dir"]) == (oids[1], False, "Open Short")
    assert [row["oid"] for row in me.info.open_orders(me.address)] == [oids[-1]]
    assert statuses(me.exchange.cancel("ETH", oids[-1])) == ["success"]
    assert me.info.user_state(me.address)["assetPositions"][0]["position"]["szi"] == "-0.01"


def test_basic_ws(setup, trader):
    me, heard = setup(skip_ws=False), {}
    user, one = {"user": me.address}, {"coin": "ETH"}
    for asked in (
        {"type": "allMids"},
        {"type": "l2Book", **one},
        {"type": "trades", "coin": "PURR/USDC"},
        {"type": "userEvents", **user},
        {"type": "userFills", **user},
        {"type": "candle", **one, "interval": "1m"},
        {"type": "orderUpdates", **user},
        {"type": "userFundings", **user},
        {"type": "userNonFundingLedgerUpdates", **user},
        {"type": "webData2", **user},
        {"type": "bbo", **one},
        {"type": "activeAssetCtx", "coin": "BTC"},
        {"type": "activeAssetCtx", "coin": "@1"},
        {"type": "activeAssetData", **user, "coin": "BTC"},
    ):
        me.info.subscribe(asked, lambda message: heard.setdefault(message["channel"], message))
    trader().place("ETH", "sell", 4400, 0.01, "Alo")
    oid_of(me.exchange.order("ETH", True, 0.02, 4400, GTC))
    channels = {"allMids", "l2Book", "trades", "user", "userFills", "candle", "orderUpdates"}
    channels |= {"userFundings", "userNonFundingLedgerUpdates", "webData2", "bbo"}
    channels |= {"activeAssetCtx", "activeSpotAssetCtx", "activeAssetData"}
    wait_for(lambda: channels <= set(heard) | {"trades"}, 20.0)  # an empty list calls nobody
    me.exchange.cancel("ETH", me.info.open_orders(me.address)[0]["oid"])


def test_basic_agent(setup, localnet):
    me = setup()
    for name in (None, "persist"):
        answer, key = me.exchange.approve_agent(name)
        assert answer == OK
        agent = Exchange(Account.from_key(key), localnet.url, account_address=me.address)
        oid = oid_of(agent.order("ETH", True, 0.2, 1000, GTC))
        assert [row["oid"] for row in me.info.open_orders(me.address)] == [oid]
        assert statuses(agent.cancel("ETH", oid)) == ["success"]
        for client in (agent, agent.info):
            client.session.close()
    assert [row["name"] for row in me.info.extra_agents(me.address)] == ["persist"]


def test_basic_builder_fee(setup, market):
    me = setup()
    builder = {"b": BUILDER, "f": 1}
    told = me.exchange.market_open("ETH", True, 0.05, None, 0.01, builder=dict(builder))
    assert told == {"status": "err", "response": "Builder fee has not been approved"}
    assert me.exchange.approve_builder_fee(BUILDER, "0.001%") == OK
    (done,) = statuses(me.exchange.market_open("ETH", True, 0.05, None, 0.01, builder=builder))
    (fill,) = me.info.user_fills(me.address)
    assert done["filled"]["totalSz"] == "0.05"
    assert (fill["builderFee"], fill["fee"]) == ("0.002205", "0.10143")  # 0.1 and 4.6 bps of 220.5


def test_rounding(setup):
    me = setup()
    decimals = {row["name"]: row["szDecimals"] for row in me.info.meta()["universe"]}
    raw = me.exchange.order("OP", True, 12.345678, 1.2345678, GTC)
    assert "error" in statuses(raw)[0]
    px = round(float(f"{1.2345678:.5g}"), 6 - decimals["OP"])
    oid = oid_of(me.exchange.order("OP", True, round(12.345678, decimals["OP"]), px, GTC))
    (row,) = me.info.open_orders(me.address)
    assert (row["limitPx"], row["sz"]) == ("1.2346", "12.3")
    assert statuses(me.exchange.cancel("OP", oid)) == ["success"]


def test_cancel_open_orders(setup):
    me = setup()
    for px in (1000, 1001):
        oid_of(me.exchange.order("ETH", True, 0.02, px, GTC))
    for row in me.info.open_orders(me.address):
        assert statuses(me.exchange.cancel(row["coin"], row["oid"])) == ["success"]
    assert me.info.open_orders(me.address) == []


def test_basic_order_with_builder_deployed_dex(setup, localnet):
    me = setup(perp_dexs=["test"])
    localnet.fund(me.address, 100.0, dex="test")
    assert me.info.user_state(me.address)["assetPositions"] == []
    assert [row["name"] for row in me.info.meta(dex="test")["universe"]] == ["test:ABC"]
    oid = oid_of(me.exchange.order("test:ABC", True, 20, 3, GTC))
    assert me.info.query_order_by_oid(me.address, oid)["order"]["status"] == "open"
    assert statuses(me.exchange.cancel("test:ABC", oid)) == ["success"]


def test_basic_transfer_and_withdraw(setup):
    me = setup()
    assert me.exchange.usd_transfer(1, NOBODY) == OK
    assert me.exchange.withdraw_from_bridge(1, me.address) == OK
    assert balance(me.info, me.address) == 9_998.0


def test_basic_send_asset(setup):
    me = setup()
    assert me.exchange.send_asset(NOBODY, "", "test", "USDC", 1.23) == OK
    assert balance(me.info, me.address) == 9_998.77


def test_basic_spot_to_perp_and_to_a_builder_deployed_dex(setup):
    me = setup()
    for to_perp in (False, True):
        assert me.exchange.usd_class_transfer(1.23, to_perp) == OK
    for source, target in (("spot", "test"), ("test", "spot")):
        assert me.exchange.send_asset(me.address, source, target, "USDC", 1.23) == OK
    assert balance(me.info, me.address) == 10_000.0
    (row,) = me.info.spot_user_state(me.address)["balances"]
    assert row["total"] == "100.0"


def test_basic_spot_transfer(setup, localnet):
    me = setup()
    token = "PURR:0xc4bf3f870c0e9465323c0b6ed28096c2"  # the id is that of another network
    refused = me.exchange.spot_transfer(1, NOBODY, token)
    assert refused == {"status": "err", "response": "Insufficient balance for token transfer"}
    localnet.fund(me.address, 3.0, token="PURR")
    assert me.exchange.spot_transfer(1, NOBODY, token) == OK
    totals = {r["coin"]: r["total"] for r in me.info.spot_user_state(me.address)["balances"]}
    assert totals == {"USDC": "100.0", "PURR": "2.0"}


def test_basic_sub_account(setup, localnet):
    me = setup()
    told = me.exchange.create_sub_account("example123")
    words = "Cannot create sub-accounts until enough volume traded. Required: $100000. "
    assert told == {"status": "err", "response": words + "Traded: $0.00."}
    localnet.fund(me.address, 0.0, volume_usd=1e5)
    created = me.exchange.create_sub_account("example123")
    (row,) = me.info.query_sub_accounts(me.address)
    assert (row["name"], row["subAccountUser"]) == ("example123", created["response"]["data"])
    assert me.exchange.sub_account_transfer(row["subAccountUser"], True, 10) == OK
    assert balance(me.info, row["subAccountUser"]) == 0.00001
