"""The unmodified official SDK as the client: every question, and what is whose to the cent."""

import time

import pytest
from hyperliquid.utils.types import Cloid

from tests.localnet.server.conftest import Trader, statuses

START = 1_700_000_000_000
GONE = "Order was never placed, already canceled, or filled."


@pytest.fixture(scope="module")
def sdk(localnet):
    """A trader whom nobody disturbs, for questions."""
    one = Trader(localnet)
    yield one
    one.close()


@pytest.mark.parametrize(
    ("method", "args", "kind"),
    [
        ("user_state", ("USER",), dict),
        ("spot_user_state", ("USER",), dict),
        ("open_orders", ("USER",), list),
        ("frontend_open_orders", ("USER",), list),
        ("all_mids", (), dict),
        ("user_fills", ("USER",), list),
        ("user_fills_by_time", ("USER", START), list),
        ("meta", (), dict),
        ("meta_and_asset_ctxs", (), list),
        ("perp_dexs", (), list),
        ("spot_meta", (), dict),
        ("spot_meta_and_asset_ctxs", (), list),
        ("funding_history", ("BTC", START), list),
        ("user_funding_history", ("USER", START), list),
        ("l2_snapshot", ("BTC",), dict),
        ("candles_snapshot", ("BTC", "1m", START, 2 * START), list),
        ("user_fees", ("USER",), dict),
        ("user_staking_summary", ("USER",), dict),
        ("user_staking_delegations", ("USER",), list),
        ("user_staking_rewards", ("USER",), list),
        ("delegator_history", ("USER",), list),
        ("query_order_by_oid", ("USER", 1), dict),
        ("query_order_by_cloid", ("USER", Cloid.from_int(1)), dict),
        ("query_referral_state", ("USER",), dict),
        ("query_sub_accounts", ("USER",), type(None)),
        ("query_user_to_multi_sig_signers", ("USER",), type(None)),
        ("query_perp_deploy_auction_status", (), dict),
        ("query_user_dex_abstraction_state", ("USER",), (bool, type(None))),
        ("query_user_abstraction_state", ("USER",), str),
        ("historical_orders", ("USER",), list),
        ("user_non_funding_ledger_updates", ("USER", START), list),
        ("portfolio", ("USER",), list),
        ("user_twap_slice_fills", ("USER",), list),
        ("user_vault_equities", ("USER",), list),
        ("user_role", ("USER",), dict),
        ("user_rate_limit", ("USER",), dict),
        ("query_spot_deploy_auction_status", ("USER",), dict),
        ("extra_agents", ("USER",), list),
    ],
)
def test_every_question_of_the_sdk_is_answered(sdk, method, args, kind):
    asked = (sdk.address if arg == "USER" else arg for arg in args)
    assert isinstance(getattr(sdk.info, method)(*asked), kind)


def test_asset_ids_follow_from_dex_and_place(sdk):
    ids = sdk.exchange.info.coin_to_asset
    assert (ids["BTC"], ids["xyz:XYZ100"], ids["hyna:BTC"]) == (0, 110_000, 120_000)


def test_batches_keep_their_order(trader):
    one = trader()
    orders = [
        {"coin": "ETH", "is_buy": True, "sz": sz, "limit_px": px, "reduce_only": False,
         "order_type": {"limit": {"tif": "Alo"}}}
        for px, sz in ((1000.0, 0.2), (1001.0, 0.001), (1002.0, 0.3))
    ]  # fmt: skip
    told = statuses(one.exchange.bulk_orders(orders))
    assert ["resting" in status for status in told] == [True, False, True]
    assert told[1]["error"].startswith("Order must have minimum value of $10.")
    oids = [told[k]["resting"]["oid"] for k in (0, 2)]
    changes = [{"oid": oid, "order": orders[0] | {"limit_px": 900.0 + oid % 7}} for oid in oids]
    changed = statuses(one.exchange.bulk_modify_orders_new(changes))
    cancels = [{"coin": "ETH", "oid": status["resting"]["oid"]} for status in changed]
    told = statuses(one.exchange.bulk_cancel([*cancels, {"coin": "ETH", "oid": 1 << 40}]))
    assert told == ["success", "success", {"error": f"{GONE} asset=1"}]


def test_two_accounts_trade_to_the_cent(trader, localnet):
    maker, taker = trader(), trader()
    maker.place("ETH", "sell", 4400.0, 0.5, "Alo")
    filled = taker.place("ETH", "buy", 4410.0, 0.3, "Ioc")["filled"]
    assert (filled["totalSz"], filled["avgPx"]) == ("0.3", "4400.0")
    (made,), (took,) = (one.info.user_fills(one.address) for one in (maker, taker))
    assert made["tid"] == took["tid"] and made["crossed"] is False and took["crossed"] is True
    assert (made["dir"], took["dir"]) == ("Open Short", "Open Long")
    assert (made["fee"], took["fee"]) == ("0.198", "0.594")  # 0.015 % and 0.045 % of 1,320
    assert maker.position("ETH") == -taker.position("ETH") == -0.3
    values = [one.info.user_state(one.address)["marginSummary"] for one in (maker, taker)]
    paid = sum(float(fill["fee"]) for fill in (made, took))
    assert sum(float(v["accountValue"]) for v in values) == pytest.approx(20_000 - paid, abs=1e-6)
    (trade,) = localnet.info("recentTrades", coin="ETH")[:1]
    assert trade["tid"] == made["tid"] and trade["users"] == [taker.address, maker.address]


def test_an_agent_trades_for_its_master_and_cannot_withdraw(trader):
    master = trader()
    told, key = master.exchange.approve_agent("maker one")
    assert told["status"] == "ok"
    agent = trader(agent_of=master, key=key)
    oid = agent.place("ETH", "buy", 1000.0, 0.2)["resting"]["oid"]
    assert [row["oid"] for row in master.info.open_orders(master.address)] == [oid]
    (row,) = master.info.extra_agents(master.address)
    assert (row["name"], row["address"]) == ("maker one", agent.wallet.address.lower())
    role = {"role": "agent", "data": {"user": master.address}}
    assert master.info.user_role(agent.wallet.address) == role
    told = agent.exchange.usd_transfer(1.0, master.address)
    words = f"Must deposit before performing actions. User: {agent.wallet.address.lower()}"
    assert told == {"status": "err", "response": words}
    told, _ = master.exchange.approve_agent()
    assert told["status"] == "ok"


def test_a_stranger_is_refused_by_name(trader):
    stranger = trader(agent_of=trader())
    told = stranger.exchange.order("ETH", True, 0.2, 1000.0, {"limit": {"tif": "Gtc"}})
    words = f"User or API Wallet {stranger.wallet.address.lower()} does not exist."
    assert told == {"status": "err", "response": words}


def test_an_action_that_has_expired_is_not_done(trader):
    one = trader()
    one.exchange.set_expires_after(int(time.time() * 1e3) - 1)
    told = one.exchange.order("ETH", True, 0.2, 1000.0, {"limit": {"tif": "Gtc"}})
    assert told == {"status": "err", "response": "Action expired."}
    one.exchange.set_expires_after(int(time.time() * 1e3) + 60_000)
    assert "resting" in one.place("ETH", "buy", 1000.0, 0.2)
    one.exchange.set_expires_after(None)
    assert len(one.info.open_orders(one.address)) == 1


def test_a_nonce_is_used_once(trader):
    one = trader()
    nonce = int(time.time() * 1e3)
    assert one.exchange.noop(nonce)["status"] == "ok"
    told = one.exchange.noop(nonce)
    assert told == {"status": "err", "response": f"Invalid nonce: duplicate nonce {nonce}"}
    told = one.exchange.noop(1)
    assert told["response"].startswith("Invalid nonce: nonce too low 1 < ")


def test_a_sub_account_trades_by_itself(trader, localnet):
    one = trader()
    localnet.fund(one.address, 0.0, volume_usd=1e5)
    sub = one.exchange.create_sub_account("desk")["response"]["data"]
    assert one.exchange.sub_account_transfer(sub, True, 100_000_000)["status"] == "ok"
    one.exchange.vault_address = sub
    oid = one.place("ETH", "buy", 1000.0, 0.02)["resting"]["oid"]
    assert [row["oid"] for row in one.info.open_orders(sub)] == [oid]
    assert one.info.open_orders(one.address) == []
    assert statuses(one.exchange.cancel("ETH", oid)) == ["success"]
