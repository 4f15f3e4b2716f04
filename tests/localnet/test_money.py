"""Fees, funding, margin, isolated positions, transfers, liquidation."""

from decimal import Decimal

import pytest

from engine.localnet import fees
from engine.localnet.digits import MICRO
from engine.localnet.liquidation import BACKSTOP
from engine.localnet.state import Position
from tests.localnet.conftest import (
    BTC,
    ETH,
    GOLD,
    HYNA_BTC,
    MAKER,
    OTHER,
    TAKER,
    TSLA,
)

HOUR_MS = 3_600_000


def leverage(asset, value, cross=True):
    return {"type": "updateLeverage", "asset": asset, "isCross": cross, "leverage": value}


def margin(asset, ntli):
    return {"type": "updateIsolatedMargin", "asset": asset, "isBuy": True, "ntli": ntli}


def position(desk, user=MAKER, dex=""):
    (row,) = desk.ask("clearinghouseState", user, dex=dex)["assetPositions"]
    return row["position"]


def test_fees_are_cut_to_six_decimals_by_who_made_and_who_took(desk):
    desk.place(ETH, "buy", "4400.7", "0.0123")
    desk.place(ETH, "sell", 4400, "0.0123", "Ioc", signer=TAKER)
    made, took = desk.ask("userFills")[0], desk.ask("userFills", TAKER)[0]
    ntl = Decimal("4400.7") * Decimal("0.0123")
    assert made["fee"] == str((ntl * Decimal("0.00015")).quantize(Decimal("1e-6"), "ROUND_DOWN"))
    assert took["fee"] == str((ntl * Decimal("0.00045")).quantize(Decimal("1e-6"), "ROUND_DOWN"))
    assert (made["crossed"], took["crossed"]) == (False, True)
    assert made["tid"] == took["tid"] and made["hash"] == took["hash"]


@pytest.mark.parametrize(
    ("volume", "taker", "maker"),
    [(0, "0.00045", "0.00015"), (6e6, "0.0004", "0.00012"), (6e8, "0.00028", "0.0")],
)
def test_the_tier_is_that_of_the_fourteen_days_before_today(desk, volume, taker, maker):
    account, today = desk.account(), desk.exchange.floor.day()
    account.daily = {today - 14: [int(volume * MICRO), 0], today: [10**18, 0]}
    shown = desk.ask("userFees")
    assert (shown["userCrossRate"], shown["userAddRate"]) == (taker, maker)
    account.daily = {today - 15: [10**18, 0]}
    assert desk.ask("userFees")["userCrossRate"] == "0.00045"


def test_a_share_of_the_makers_volume_earns_a_rebate(desk):
    account, floor = desk.account(), desk.exchange.floor
    account.daily = {floor.day() - 1: [0, 2 * MICRO]}
    floor.state.volume[floor.day() - 1] = 100 * MICRO
    assert desk.ask("userFees")["userAddRate"] == "-0.00002"
    desk.place(ETH, "buy", 4400, 0.1)
    desk.place(ETH, "sell", 4400, 0.1, "Ioc", signer=TAKER)
    assert desk.ask("userFills")[0]["fee"] == "-0.0088"


def test_the_family_pools_its_volume(desk):
    floor = desk.exchange.floor
    sub = floor.account("0x" + "4" * 40)
    sub.master = MAKER
    sub.daily = {floor.day() - 1: [6_000_000 * MICRO, 0]}
    assert fees.rates(floor, desk.account())[0] == fees.rates(floor, sub)[0] == Decimal("0.0004")


def test_growth_mode_counts_a_tenth(desk):
    desk.move_market(TSLA, 348_000)
    desk.place(TSLA, "buy", 350, 1, "Ioc")
    fill = desk.ask("userFills")[0]
    assert (fill["fee"], fill["feeToken"]) == ("0.031329", "USDC")  # 348.1 at 0.009 %
    assert desk.ask("userRateLimit")["cumVlm"] == "34.81"


def test_fees_of_a_dex_are_in_its_collateral(desk):
    desk.move_market(HYNA_BTC, 1_100_000)
    desk.place(HYNA_BTC, "buy", 111_000, "0.001", "Ioc")
    assert desk.ask("userFills")[0]["feeToken"] == "USDE"
    assert desk.ask("userFills")[0]["coin"] == "hyna:BTC"


def test_longs_pay_shorts_every_hour_on_the_oracle(desk):
    desk.place(ETH, "buy", 4402, 0.1, "Ioc")
    desk.place(ETH, "sell", 4390, 0.2, "Ioc", signer=TAKER)
    market = desk.exchange.floor.state.markets[ETH]
    worth = desk.account().usd[0]
    rate, oracle = market.funding, market.oracle
    block = desk.block(ms=HOUR_MS)
    paid = 1_000 * oracle * rate // 10**10
    assert worth - desk.account().usd[0] == paid > 0
    told = block.fundings[MAKER][0]
    assert (told["coin"], told["szi"], told["usdc"]) == ("ETH", "0.1", f"-{paid / 1e6}")
    assert block.fundings[TAKER][0]["usdc"] == str(2 * paid / 1e6)
    assert block.events[MAKER] == [{"funding": told}]
    assert position(desk)["cumFunding"]["allTime"] == str(paid / 1e6)
    assert desk.ask("userFunding", startTime=0)[0]["delta"]["type"] == "funding"
    history = desk.exchange.info({"type": "fundingHistory", "coin": "ETH", "startTime": 0})
    assert history[-1]["fundingRate"] == told["fundingRate"]


def test_nobody_pays_twice_for_an_hour(desk):
    desk.place(ETH, "buy", 4402, 0.1, "Ioc")
    desk.block(ms=HOUR_MS)
    worth = desk.account().usd[0]
    desk.block(ms=1_000)
    assert desk.account().usd[0] == worth


def test_leverage_has_bounds_and_does_not_switch_with_a_position(desk):
    assert desk.send(leverage(ETH, 26)) == "Invalid leverage value"
    assert desk.send(leverage(TSLA, 5)) == "Cross margin is not allowed for this asset."
    desk.place(ETH, "buy", 4402, 0.1, "Ioc")
    assert desk.send(leverage(ETH, 20, cross=False)) == (
        "Cannot switch leverage type with open position."
    )
    assert desk.send(leverage(ETH, 25)) == {"type": "default"}
    assert position(desk)["leverage"] == {"type": "cross", "value": 25}
    desk.account().usd[0] -= 900 * MICRO
    assert desk.send(leverage(ETH, 1)).startswith("Cross position does not have sufficient margin")


def test_an_isolated_position_has_its_own_margin(desk):
    desk.send(leverage(ETH, 10, cross=False))
    desk.place(ETH, "buy", 4402, 0.1, "Ioc")
    held = position(desk)
    assert held["leverage"]["rawUsd"] == "-396.09"  # a tenth of 440.1, less 440.1
    state = desk.ask("clearinghouseState")
    assert state["crossMarginSummary"]["totalNtlPos"] == "0.0"
    assert state["marginSummary"]["totalNtlPos"] == "440.0"
    assert desk.send(margin(ETH, 10 * MICRO)) == {"type": "default"}
    assert position(desk)["leverage"]["rawUsd"] == "-386.09"
    assert desk.send(margin(ETH, -5 * MICRO)) == {"type": "default"}
    assert desk.send(margin(ETH, -50 * MICRO)) == (
        "Position does not have sufficient margin for reduction."
    )
    assert desk.send(margin(ETH, 10**10)) == (
        "Account does not have sufficient margin available for increase."
    )
    assert desk.send(margin(ETH, 0)) == "Update to isolated margin cannot be zero."
    assert desk.send(leverage(ETH, 2, cross=False)) == (
        "Isolated position does not have sufficient margin available to decrease leverage. "
        "To decrease leverage, add margin to the position."
    )
    desk.send(leverage(BTC, 10, cross=False))
    assert desk.send(margin(BTC, 1)) == "Cannot update margin for empty position."
    desk.send(leverage(BTC, 10))
    assert desk.send(margin(BTC, 1)) == "Position does not use isolated margin."


def test_a_closed_isolated_position_gives_everything_back(desk):
    desk.send(leverage(ETH, 10, cross=False))
    before = desk.account().usd[0]
    desk.place(ETH, "buy", 4402, 0.1, "Ioc")
    desk.place(ETH, "sell", 4390, "0.04", "Ioc")
    held = position(desk)
    assert Decimal(held["marginUsed"]) / Decimal(held["positionValue"]) == pytest.approx(
        Decimal("0.1"), abs=Decimal("0.005")
    )
    desk.place(ETH, "sell", 4390, "0.06", "Ioc")
    fills = desk.ask("userFills")
    paid = sum(round(Decimal(fill["fee"]) * MICRO) for fill in fills)
    pnl = sum(round(Decimal(fill["closedPnl"]) * MICRO) for fill in fills)
    assert desk.account().usd[0] - before == pnl - paid


def test_margin_of_a_strictly_isolated_asset_only_goes_in(desk):
    desk.move_market(HYNA_BTC, 1_100_000)
    desk.place(HYNA_BTC, "buy", 111_000, "0.001", "Ioc")
    assert desk.send(margin(HYNA_BTC, -1)).startswith("Cannot remove isolated margin")
    top = {"type": "topUpIsolatedOnlyMargin", "asset": HYNA_BTC, "leverage": "5"}
    assert desk.send(top) == {"type": "default"}
    held = position(desk, dex="hyna")
    assert Decimal(held["positionValue"]) / Decimal(held["marginUsed"]) == 5
    assert desk.send({**top, "asset": ETH}) == "Asset not strict isolated"


def test_a_position_stays_below_the_tier_of_its_leverage(desk):
    desk.exchange.deposit(MAKER, 1e9)
    desk.send(leverage(ETH, 25))
    words = "Order would cause position to exceed margin tier limit at current leverage asset=1"
    assert desk.place(ETH, "buy", 4300, 23_000) == {"error": words}
    desk.send(leverage(ETH, 15))
    assert "resting" in desk.place(ETH, "buy", 4300, 23_000)


def test_maintenance_above_the_first_band_is_tiered_with_its_deduction(desk):
    desk.exchange.deposit(MAKER, 1e9)
    floor = desk.exchange.floor
    floor.account(MAKER).positions[BTC] = Position(lots=2_000 * 10**5, cost=10**6)
    floor.market(floor.universe.assets[BTC]).mark = 1_000_000  # 100,000 USD: 200 M in all
    used = desk.ask("clearinghouseState")["crossMaintenanceMarginUsed"]
    assert used == "3125000.0"  # 200 M / 40 less 150 M (1/40 - 1/80)


def test_each_dex_is_a_margin_universe_of_its_own(desk):
    desk.move_market(GOLD, 400_000)
    assert "filled" in desk.place(GOLD, "buy", 4_002, 0.1, "Ioc")
    state = desk.ask("clearinghouseState")
    assert state["assetPositions"] == [] and state["withdrawable"] == "1000.0"
    assert position(desk, dex="xyz")["coin"] == "xyz:GOLD"


def test_money_moves_between_dexs_spot_and_people(desk):
    to_spot = {"type": "usdClassTransfer", "amount": "100.5", "toPerp": False, "nonce": 1}
    assert desk.send(to_spot) == {"type": "default"}
    assert desk.ask("spotClearinghouseState")["balances"][0]["total"] == "100.5"
    send = {
        "type": "sendAsset",
        "destination": MAKER,
        "sourceDex": "",
        "destinationDex": "xyz",
        "token": "USDC",
        "amount": "50",
        "fromSubAccount": "",
        "nonce": 1,
    }
    assert desk.send(send) == {"type": "default"}
    assert desk.ask("clearinghouseState", dex="xyz")["withdrawable"] == "1050.0"
    assert desk.send({**send, "destinationDex": "hyna"}) == "Invalid send"  # not its collateral
    assert desk.send({**send, "destinationDex": "nope"}) == "Invalid perp DEX"
    assert desk.send({**send, "destinationDex": ""}) == "Invalid send"
    assert desk.send({**send, "amount": "0"}) == "Send amount cannot be zero"
    assert desk.send({**send, "token": "NOPE"}) == "Unknown token NOPE"
    assert desk.send({**send, "amount": "10000"}) == "Insufficient balance for token transfer"
    gift = {"type": "usdSend", "destination": OTHER, "amount": "1.5", "time": 1}
    assert desk.send(gift) == {"type": "default"}
    assert desk.ask("clearinghouseState", OTHER)["withdrawable"] == "1001.5"
    desk.send({"type": "userSetAbstraction", "user": MAKER, "abstraction": "unifiedAccount"})
    assert desk.send(gift) == "Action disabled when unified account is active"
    assert desk.ask("userAbstraction") == "unifiedAccount"


def test_what_backs_a_position_cannot_leave(desk):
    desk.place(ETH, "buy", 4402, 2, "Ioc")
    free = Decimal(desk.ask("clearinghouseState")["withdrawable"])
    assert 0 < free < 1000
    out = {"type": "withdraw3", "destination": MAKER, "amount": str(free + 1), "time": 1}
    assert desk.send(out) == "Insufficient balance for withdrawal"
    assert desk.send({**out, "amount": str(free)}) == {"type": "default"}
    assert desk.ask("clearinghouseState")["withdrawable"] == "0.0"


def test_a_position_under_maintenance_is_sold_into_the_book(desk):
    desk.exchange.deposit(OTHER, 1e6)
    desk.send(leverage(ETH, 25))
    desk.place(ETH, "buy", 4402, 5, "Ioc")
    desk.place(ETH, "buy", 4300, 0.1)
    at = int(Decimal(position(desk)["liquidationPx"]) * 100)
    desk.place(ETH, "buy", at // 100 - 3, 10, signer=OTHER)
    block = desk.move_market(ETH, at - at % 100 - 200, lots=10)
    if not block.fills.get(MAKER):
        block = desk.move_market(ETH, at - at % 100 - 200, lots=10)
    assert desk.account().positions == {}
    told = [event for event in block.events[MAKER] if "liquidation" in event]
    assert told[0]["liquidation"]["liquidated_user"] == MAKER and block.notifications[MAKER]
    fill = block.fills[MAKER][-1]
    assert fill["liquidation"]["method"] == "market"
    assert fill["liquidation"] == block.fills[OTHER][-1]["liquidation"]
    assert desk.ask("openOrders") == []
    assert desk.account().usd[0] > 0


def test_a_large_position_is_sold_by_a_fifth_and_the_rest_half_a_minute_later(desk):
    desk.exchange.deposit(MAKER, 10_000.0)
    desk.move_market(ETH, 440_000, lots=10**6)
    desk.place(ETH, "buy", 4402, 30, "Ioc")
    state = desk.ask("clearinghouseState")
    worth = Decimal(state["marginSummary"]["accountValue"])
    kept = Decimal(state["crossMaintenanceMarginUsed"]) * Decimal("0.72")
    desk.account().usd[0] -= int((worth - kept) * MICRO)
    assert desk.block().fills[MAKER]
    assert position(desk)["szi"] == "24.0"
    assert not desk.block(ms=29_000).fills
    assert desk.block(ms=1_000).fills[MAKER]
    assert desk.account().positions == {}


def test_far_below_maintenance_the_backstop_takes_all(desk):
    desk.send(leverage(ETH, 25))
    desk.place(ETH, "buy", 4402, 2, "Ioc")
    block = desk.move_market(ETH, 390_000)
    assert desk.account().positions == {} and desk.account().usd[0] == 0
    assert block.fills[MAKER][-1]["liquidation"]["method"] == "backstop"
    assert desk.exchange.floor.account(BACKSTOP).positions[ETH].lots == 20_000
    (told,) = block.events[MAKER]
    assert told["liquidation"]["liquidator"] == BACKSTOP


def test_a_portfolio_has_its_worth_hour_by_hour(desk):
    desk.block(ms=HOUR_MS)
    rows = dict(desk.ask("portfolio"))
    assert list(rows)[:5] == ["day", "week", "month", "allTime", "perpDay"]
    assert rows["day"]["accountValueHistory"][-1][1] == "3000.0"
    assert rows["day"]["pnlHistory"][-1][1] == "0.0"
    active = desk.ask("activeAssetData", coin="ETH")
    assert active["availableToTrade"] == ["1000.0", "1000.0"]
    assert active["maxTradeSzs"] == ["4.5454", "4.5454"]
