"""Recorded accounts: every number that the venue printed comes out of ours."""

from decimal import Decimal

import pytest

from engine.localnet.account_answers import clearinghouse_state
from engine.localnet.exchange import Exchange
from engine.localnet.floor import Floor
from engine.localnet.listings import recorded_universe
from engine.localnet.state import Account, Leverage, Order, Position

META = "hl_snapshots/transcribed/meta_main_20260930.json"
WHALE = "hl_snapshots/marketmicro_mcp/clearinghouse_whale.json"
SMALL = "hl_snapshots/marketmicro_mcp/clearinghouse_small.json"
TESTNET = "hl_signed_actions_testnet/09_clearinghouseState.json"
ORDERS = "hl_signed_actions_testnet/06_openOrders.json"
# the margin tables of the day, where the venue has changed them since (SOL: on testnet)
THEN = {"OP": 51, "SEI": 51, "TIA": 10, "SOL": 10}
USER = "0x" + "5" * 40


def near(ours, theirs):
    """The venue prints floats: its noise is below 1e-7 of a dollar."""
    return abs(Decimal(ours) - Decimal(theirs)) < Decimal("1e-7")


def micro(text):
    return round(Decimal(text) * 10**6)


def rebuilt(meta, state) -> tuple[Floor, Account]:
    """The account on an exchange that lists what it holds, with the recorded marks."""
    most = {
        row["position"]["coin"]: row["position"]["maxLeverage"] for row in state["assetPositions"]
    }
    for listed in meta["universe"]:
        if listed["maxLeverage"] != most.get(listed["name"], listed["maxLeverage"]):
            listed["maxLeverage"] = most[listed["name"]]
            listed["marginTableId"] = THEN[listed["name"]]
    floor = Exchange(recorded_universe([("", meta)], {}), time=state["time"]).floor
    account = floor.account(USER)
    account.usd[0] = micro(state["marginSummary"]["totalRawUsd"])
    for row in state["assetPositions"]:
        p = row["position"]
        asset = floor.universe.by_coin[p["coin"]]
        lots = round(Decimal(p["szi"]) * asset.lot_scale)
        value, pnl = micro(p["positionValue"]), micro(p["unrealizedPnl"])
        cost = value - pnl if lots > 0 else value + pnl
        account.positions[asset.id] = Position(lots, cost)
        account.leverage[asset.id] = Leverage(cross=True, value=p["leverage"]["value"])
        floor.market(asset).mark = value // abs(lots)
        assert value % abs(lots) == 0, "a mark is on the price grid"
    return floor, account


@pytest.mark.parametrize("name", [WHALE, SMALL, TESTNET])
def test_a_recorded_account_comes_out_to_the_digit(recorded, name):
    theirs = recorded(name)
    theirs = theirs.get("response", theirs)
    floor, account = rebuilt(recorded(META), theirs)
    ours = clearinghouse_state(floor, account, 0)
    for summary in ("marginSummary", "crossMarginSummary"):
        for key, value in theirs[summary].items():
            assert near(ours[summary][key], value), (summary, key)
    assert near(ours["crossMaintenanceMarginUsed"], theirs["crossMaintenanceMarginUsed"])
    positions = {row["position"]["coin"]: row["position"] for row in ours["assetPositions"]}
    assert set(positions) == {row["position"]["coin"] for row in theirs["assetPositions"]}
    for row in theirs["assetPositions"]:
        assert_same_position(positions[row["position"]["coin"]], row["position"], name == WHALE)


def assert_same_position(ours, theirs, has_all_collateral):
    """The other two are unified accounts: what saves them is on spot, which the answer lacks."""
    for key in ("szi", "positionValue", "unrealizedPnl", "marginUsed"):
        assert near(ours[key], theirs[key]), (theirs["coin"], key)
    for key in ("leverage", "entryPx", "returnOnEquity", "maxLeverage"):
        assert ours[key] == theirs[key], (theirs["coin"], key)
    if has_all_collateral:
        assert ours["liquidationPx"] == theirs["liquidationPx"], theirs["coin"]


def test_withdrawable_holds_back_a_tenth_of_the_notional_and_the_margin_of_resting_orders(recorded):
    theirs = recorded(TESTNET)["response"]
    floor, account = rebuilt(recorded(META), theirs)
    btc = floor.universe.by_coin["BTC"]
    for row in recorded(ORDERS)["response"]:
        px, sz = (int(Decimal(row[k]) * scale) for k, scale in (("limitPx", 10), ("sz", 10**5)))
        floor.rest(Order(floor.next_oid(), USER, btc.id, True, px, sz, sz, "Gtc", False, 0))
    ours = clearinghouse_state(floor, account, 0)
    assert ours["withdrawable"] == theirs["withdrawable"] == "0.059593"


def test_an_account_that_never_traded_is_all_zeros(recorded):
    theirs = recorded("hl_signed_actions_testnet/25_clearinghouse_wallet2.json")["response"]
    floor, _ = rebuilt(recorded(META), theirs)
    assert clearinghouse_state(floor, Account(USER), 0) == theirs


@pytest.mark.parametrize("name", ["meta_main_20260930", "meta_xyz_20260930"])
def test_a_recorded_meta_comes_out_as_it_went_in(recorded, name):
    theirs = recorded(f"hl_snapshots/transcribed/{name}.json")
    dex = "xyz" if "xyz" in name else ""
    main = recorded(META)
    metas = [("", main)] if not dex else [("", main), (dex, theirs)]
    exchange = Exchange(recorded_universe(metas, {}), time=0)
    assert exchange.info({"type": "meta", "dex": dex}) == theirs
    assert exchange.info({"type": "allPerpMetas"})[-1] == theirs
    for number, listed in enumerate(theirs["universe"]):
        asset = exchange.floor.universe.by_coin[listed["name"]]
        assert asset.id == (110_000 if dex else 0) + number
