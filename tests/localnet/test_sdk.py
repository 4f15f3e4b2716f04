"""The official SDK, unmodified but for its transport, as the client of the exchange."""

import itertools
import json

import pytest
from eth_account import Account as Wallet
from hyperliquid.api import API
from hyperliquid.exchange import Exchange as SdkExchange
from hyperliquid.info import Info
from hyperliquid.utils.error import ClientError, ServerError
from hyperliquid.utils.signing import get_timestamp_ms
from hyperliquid.utils.types import Cloid

from engine.localnet.digits import MalformedError
from engine.localnet.exchange import Exchange, Request
from engine.localnet.house import Oracle, Whole
from engine.localnet.listings import DEFAULT
from engine.localnet.meta_answers import UnanswerableError
from engine.venues.hyperliquid.curve import Signature
from engine.venues.hyperliquid.signing import recover
from tests.localnet.conftest import BTC, ETH, TSLA

URL = "http://127.0.0.1:1"
WALLET = Wallet.from_key("0x" + "01" * 32)
OTHER = "0x" + "2" * 40


@pytest.fixture
def exchange(monkeypatch):
    """An exchange at the other end of the SDK's transport; a body goes through JSON both ways."""
    exchange = Exchange(DEFAULT, time=get_timestamp_ms())
    exchange.deposit(WALLET.address, 10_000.0)
    exchange.deposit_spot(WALLET.address, 0, 500.0)
    for dex in ("xyz", "test"):
        exchange.deposit(WALLET.address, 1_000.0, dex)
    markets = {BTC: (1_100_000, 10), ETH: (440_000, 10), TSLA: (348_000, 100)}
    flow = []
    for asset, (px, step) in markets.items():
        sides = [tuple((px + sign * step * k, 10**6) for k in (1, 2, 3)) for sign in (-1, 1)]
        flow += [Oracle(asset, px), Whole(asset, sides[0], sides[1])]
    exchange.run_block(exchange.time + 1, flow=flow)

    def post(_, path, payload=None):
        body = json.loads(json.dumps(payload))
        answer = told(exchange, path, body)
        return json.loads(json.dumps(answer))

    monkeypatch.setattr(API, "post", post)
    # two calls fall into one millisecond where no network is between them
    nonces = itertools.count(get_timestamp_ms())
    monkeypatch.setattr("hyperliquid.exchange.get_timestamp_ms", lambda: next(nonces))
    return exchange


def told(exchange, path, body):
    """What a server would answer."""
    if path == "/info":
        try:
            return exchange.info(body)
        except MalformedError:
            raise ClientError(422, None, "Failed to deserialize", None, {}) from None
        except UnanswerableError:
            raise ServerError(500, "null") from None
    vault, expiry = body.get("vaultAddress"), body.get("expiresAfter")
    signature = Signature(**body["signature"])
    signer = recover(body["action"], signature, body["nonce"], vault, expiry)
    request = Request(signer, body["action"], body["nonce"], vault, expiry)
    (answer,) = exchange.run_block(exchange.time + 100, [request]).answers
    if answer is None:
        raise ClientError(422, None, "Failed to deserialize", None, {})
    return answer


@pytest.fixture
def sdk(exchange):
    return SdkExchange(WALLET, URL, perp_dexs=["", "xyz", "test"])


@pytest.fixture
def info(exchange):
    return Info(URL, skip_ws=True, perp_dexs=["", "xyz", "test"])


def status(answer):
    assert answer["status"] == "ok", answer
    return answer["response"]["data"]["statuses"][0]


def test_the_life_of_an_order(sdk, info):
    oid = status(sdk.order("ETH", True, 0.2, 1100, {"limit": {"tif": "Gtc"}}))["resting"]["oid"]
    assert info.query_order_by_oid(WALLET.address, oid)["order"]["status"] == "open"
    changed = sdk.modify_order(oid, "ETH", True, 0.1, 1105, {"limit": {"tif": "Gtc"}})
    new = status(changed)["resting"]["oid"]
    assert [row["oid"] for row in info.open_orders(WALLET.address)] == [new]
    assert status(sdk.cancel("ETH", new)) == "success"
    cloid = Cloid.from_str("0x00000000000000000000000000000001")
    status(sdk.order("ETH", True, 0.2, 1100, {"limit": {"tif": "Alo"}}, cloid=cloid))
    assert info.query_order_by_cloid(WALLET.address, cloid)["status"] == "order"
    assert status(sdk.cancel_by_cloid("ETH", cloid)) == "success"


def test_a_market_order_and_its_close(sdk, info):
    filled = status(sdk.market_open("ETH", True, 0.05, None, 0.01))["filled"]
    assert filled["totalSz"] == "0.05"
    state = info.user_state(WALLET.address)
    assert state["assetPositions"][0]["position"]["szi"] == "0.05"
    assert status(sdk.market_close("ETH"))["filled"]["totalSz"] == "0.05"
    assert info.user_state(WALLET.address)["assetPositions"] == []
    assert len(info.user_fills(WALLET.address)) == 2
    assert len(info.user_fills_by_time(WALLET.address, 0)) == 2


def test_an_order_on_a_builder_dex(sdk, info):
    placed = sdk.order("test:ABC", True, 20, 3, {"limit": {"tif": "Gtc"}})
    oid = status(placed)["resting"]["oid"]
    assert status(sdk.cancel("test:ABC", oid)) == "success"
    assert "filled" in status(sdk.order("xyz:TSLA", True, 1, 350, {"limit": {"tif": "Ioc"}}))
    positions = info.user_state(WALLET.address, "xyz")["assetPositions"]
    assert positions[0]["position"]["coin"] == "xyz:TSLA"


def test_triggers_for_a_position(sdk):
    status(sdk.market_open("ETH", True, 0.05, None, 0.01))
    stop = {"trigger": {"triggerPx": 4000, "isMarket": True, "tpsl": "sl"}}
    assert status(sdk.order("ETH", False, 0.05, 3900, stop, reduce_only=True)) == (
        "waitingForTrigger"
    )


def test_settings_transfers_and_agents(sdk, exchange, info):
    for answer in (
        sdk.update_leverage(21, "ETH"),
        sdk.update_leverage(22, "ETH", False),
        sdk.usd_class_transfer(10.5, True),
        sdk.usd_transfer(1, OTHER),
        sdk.send_asset(OTHER, "", "xyz", "USDC", 2),
        sdk.spot_transfer(1, OTHER, "USDC"),
        sdk.withdraw_from_bridge(2, OTHER),
        sdk.approve_builder_fee(OTHER, "0.001%"),
        sdk.user_set_abstraction(WALLET.address, "disabled"),
        sdk.set_referrer("ABC"),
    ):
        assert answer == {"status": "ok", "response": {"type": "default"}}
    answer, key = sdk.approve_agent("desk")
    assert answer["status"] == "ok"
    agent = SdkExchange(Wallet.from_key(key), URL, account_address=WALLET.address)
    assert "resting" in status(agent.order("ETH", True, 0.2, 1100, {"limit": {"tif": "Gtc"}}))
    assert len(info.open_orders(WALLET.address)) == 1
    exchange.credit_volume(WALLET.address, 2e6)
    assert sdk.schedule_cancel(exchange.time + 10_000)["status"] == "ok"
    sub = sdk.create_sub_account("second")["response"]["data"]
    assert sdk.sub_account_transfer(sub, True, 10**6)["status"] == "ok"
    assert sdk.sub_account_spot_transfer(sub, True, "USDC", 1.5)["status"] == "ok"
    assert [row["subAccountUser"] for row in info.query_sub_accounts(WALLET.address)] == [sub]


def test_what_is_refused_is_told_in_the_body(sdk):
    assert sdk.schedule_cancel(None)["response"].startswith("Cannot set scheduled cancel time")
    assert sdk.update_isolated_margin(1, "ETH")["response"] == (
        "Position does not use isolated margin."
    )
    assert (
        sdk.vault_usd_transfer(OTHER, True, 10**6)["response"] == f"Vault not registered: {OTHER}"
    )


def test_every_question_of_the_sdk_that_needs_only_a_user(info):
    for ask in (
        info.user_state,
        info.spot_user_state,
        info.open_orders,
        info.frontend_open_orders,
        info.user_fills,
        info.user_fees,
        info.user_staking_summary,
        info.user_staking_delegations,
        info.user_staking_rewards,
        info.query_referral_state,
        info.query_sub_accounts,
        info.historical_orders,
        info.user_twap_slice_fills,
        info.user_vault_equities,
        info.user_role,
        info.user_rate_limit,
        info.extra_agents,
        info.portfolio,
    ):
        ask(WALLET.address)
    assert float(info.all_mids()["ETH"]) == 4400.0
    assert len(info.l2_snapshot("ETH")["levels"]) == 2
    assert info.funding_history("ETH", 0) == []
    assert info.candles_snapshot("ETH", "1m", 0, 1 << 50) == []
    assert info.meta_and_asset_ctxs()[1][ETH]["markPx"] == "4400.0"
