"""What ``/info`` answers, key by key as the venue does."""

from itertools import pairwise

import pytest

from engine.localnet.digits import MalformedError
from engine.localnet.house import Taken, Whole
from engine.localnet.listings import MAIN, TOKENS
from engine.localnet.meta_answers import UnanswerableError
from engine.localnet.universe import DexSpec, Universe, UniverseSpec, tiers_of
from tests.localnet.conftest import ETH, MAKER, TAKER

SHAPES = {
    "frontendOpenOrders": "hl_signed_actions_testnet/06_openOrders.json",
    "userFills": "hl_signed_actions_testnet/07_userFills.json",
    "userFees": "hl_signed_actions_testnet/13_userFees.json",
    "userRateLimit": "hl_signed_actions_testnet/15_userRateLimit.json",
    "activeAssetData": "hl_signed_actions_testnet/16_activeAssetData.json",
    "clearinghouseState": "hl_signed_actions_testnet/09_clearinghouseState.json",
    "spotClearinghouseState": "hl_signed_actions_testnet/27_spot_balances_wallet2.json",
    "userFunding": "hl_signed_actions_testnet/10_userFunding.json",
    "historicalOrders": "hl_snapshots/sdk_cassettes/historical_orders.json",
    "fundingHistory": "hl_snapshots/sdk_cassettes/get_funding_history_None.json",
    "candleSnapshot": "hl_snapshots/sdk_cassettes/get_candles_snapshot.json",
    "portfolio": "hl_signed_actions_testnet/12_portfolio.json",
}
OPTIONAL = {"cloid", "reduceOnly", "liquidation", "builderFee"}


@pytest.fixture
def busy(desk):
    """A user with an order, a fill, a position, a funding payment and spot."""
    desk.exchange.deposit_spot(MAKER, 0, 12.5)
    desk.place(ETH, "buy", 4300, 0.1)
    desk.place(ETH, "buy", 4402, 0.1, "Ioc")
    desk.block(ms=3_600_000)
    return desk


def shape(value):
    """The keys of an answer and the kind of each value, down to the first element of lists."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items() if key not in OPTIONAL}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "number" if isinstance(value, int | float) else type(value).__name__


@pytest.mark.parametrize("kind", SHAPES)
def test_answers_have_the_recorded_shape(busy, recorded, kind):
    theirs = recorded(SHAPES[kind])
    theirs = (theirs[-1] if isinstance(theirs, list) else theirs)["response"]
    req = {"coin": "ETH", "interval": "1h", "startTime": 0, "endTime": 1 << 50}
    ours = busy.ask(kind, coin="ETH", startTime=0, endTime=None, req=req)
    ours, theirs = shape(ours), shape(theirs)
    if kind == "clearinghouseState":  # one has a liquidation price, the other has none
        for one in (ours, theirs):
            del one["assetPositions"][0]["position"]["liquidationPx"]
    if kind == "userFees":
        assert set(theirs) == set(ours)
        theirs, ours = (
            {k: one[k] for k in ("dailyUserVlm", "userAddRate")} for one in (theirs, ours)
        )
    if kind == "historicalOrders":
        theirs, ours = theirs[0]["order"].keys(), ours[0]["order"].keys()
    assert ours == theirs


def test_every_type_that_the_sdk_asks_for_is_answered(busy):
    asked = [
        "meta",
        "spotMeta",
        "perpDexs",
        "metaAndAssetCtxs",
        "allMids",
        "userFees",
        "userRateLimit",
        "userRole",
        "portfolio",
        "extraAgents",
        "historicalOrders",
        "userTwapSliceFills",
        "userVaultEquities",
        "referral",
        "subAccounts",
        "userToMultiSigSigners",
        "perpDeployAuctionStatus",
        "spotDeployState",
        "userDexAbstraction",
        "userAbstraction",
        "delegatorSummary",
        "delegations",
        "delegatorRewards",
        "delegatorHistory",
        "spotMetaAndAssetCtxs",
        "clearinghouseState",
        "spotClearinghouseState",
        "openOrders",
        "frontendOpenOrders",
        "userFills",
        "exchangeStatus",
        "webData2",
        "allPerpMetas",
        "perpCategories",
        "predictedFundings",
        "maxMarketOrderNtls",
        "perpsAtOpenInterestCap",
    ]
    for kind in asked:
        busy.ask(kind)


@pytest.mark.parametrize(
    "question",
    [
        {},
        {"type": "bogus"},
        {"type": "openOrders"},
        {"type": "openOrders", "user": "0x12"},
        {"type": "userFillsByTime", "user": MAKER},
        {"type": "l2Book"},
        {"type": "candleSnapshot", "req": {"coin": "ETH", "interval": "7m", "startTime": 0}},
        {"type": "orderStatus", "user": MAKER, "oid": "0x1"},
    ],
)
def test_a_question_that_cannot_be_read_is_malformed(desk, question):
    with pytest.raises(MalformedError):
        desk.exchange.info(question)


@pytest.mark.parametrize(
    "question",
    [
        {"type": "metaAndAssetCtxs", "dex": "nope"},
        {"type": "fundingHistory", "coin": "NOPE", "startTime": 0},
        {"type": "l2Book", "coin": "ETH", "nSigFigs": 6},
        {"type": "l2Book", "coin": "ETH", "nSigFigs": 4, "mantissa": 2},
        {"type": "marginTable", "id": 77},
    ],
)
def test_a_question_about_nothing_has_no_answer(desk, question):
    with pytest.raises(UnanswerableError):
        desk.exchange.info(question)


def test_an_unknown_coin_has_a_null_book_and_an_unknown_order_no_status(desk):
    assert desk.exchange.info({"type": "l2Book", "coin": "NOPE"}) is None
    assert desk.ask("orderStatus", oid=7) == {"status": "unknownOid"}
    assert desk.ask("orderStatus", oid="0x" + "a" * 32) == {"status": "unknownOid"}


def test_a_book_is_aggregated_bids_down_asks_up(desk):
    bids, asks = ((440_012, 1), (440_007, 2), (439_990, 4)), ((440_021, 1), (440_033, 2))
    desk.block(flow=(Whole(ETH, bids, asks),))
    book = desk.exchange.info({"type": "l2Book", "coin": "ETH", "nSigFigs": 5})
    assert [(row["px"], row["sz"], row["n"]) for row in book["levels"][0]] == [
        ("4400.1", "0.0001", 1),
        ("4400.0", "0.0002", 1),
        ("4399.9", "0.0004", 1),
    ]
    assert book["spread"] == "0.09"
    book = desk.exchange.info({"type": "l2Book", "coin": "ETH", "nSigFigs": 4, "mantissa": None})
    assert [row["px"] for row in book["levels"][1]] == ["4401.0"]
    assert book["levels"][1][0]["sz"] == "0.0003"
    by_five = {"type": "l2Book", "coin": "ETH", "nSigFigs": 5, "mantissa": 5}
    assert [row["px"] for row in desk.exchange.info(by_five)["levels"][1]] == ["4400.5"]


def test_an_order_that_is_gone_keeps_its_last_status_and_remainder(desk):
    oid = desk.place(ETH, "buy", 4400, 0.3)["resting"]["oid"]
    desk.place(ETH, "sell", 4400, 0.1, "Ioc", signer=TAKER)
    assert desk.ask("openOrders")[0]["sz"] == "0.2"
    shown = desk.ask("orderStatus", oid=oid)["order"]
    assert (shown["status"], shown["order"]["sz"]) == ("open", "0.3")  # of the last change
    block = desk.block(desk.request({"type": "cancel", "cancels": [{"a": ETH, "o": oid}]}))
    (update,) = block.order_updates[MAKER]
    assert (update["status"], update["order"]["sz"]) == ("canceled", "0.2")


def test_fills_come_newest_first_and_by_time_oldest_first(desk):
    for _ in range(3):
        desk.place(ETH, "buy", 4402, 0.1, "Ioc")
    times = [fill["time"] for fill in desk.ask("userFills")]
    assert times == sorted(times, reverse=True)
    by_time = desk.ask("userFillsByTime", startTime=times[1], endTime=None, aggregateByTime=False)
    assert [fill["time"] for fill in by_time] == [times[1], times[0]]


def test_candles_and_trades_are_the_prints(desk):
    desk.block(flow=(Taken(ETH, True, 440_100, 100), Taken(ETH, False, 439_900, 200)))
    req = {"coin": "ETH", "interval": "15m", "startTime": 0, "endTime": 1 << 50}
    (candle,) = desk.exchange.info({"type": "candleSnapshot", "req": req})
    assert (candle["o"], candle["h"], candle["l"], candle["c"]) == (
        "4401.0",
        "4401.0",
        "4399.0",
        "4399.0",
    )
    assert (candle["v"], candle["n"], candle["T"] - candle["t"]) == ("0.03", 2, 15 * 60_000 - 1)
    newest = desk.exchange.info({"type": "recentTrades", "coin": "ETH"})[0]
    assert (newest["px"], newest["side"], len(newest["users"])) == ("4399.0", "A", 2)
    context = desk.exchange.info({"type": "metaAndAssetCtxs", "dex": ""})[1][ETH]
    assert (context["dayBaseVlm"], context["dayNtlVlm"]) == ("0.03", "131.99")


def test_builder_dexs_come_with_null_first_and_their_limits(desk):
    dexs = desk.exchange.info({"type": "perpDexs"})
    assert dexs[0] is None and [dex["name"] for dex in dexs[1:]] == ["xyz", "hyna", "test"]
    limits = desk.exchange.info({"type": "perpDexLimits", "dex": "hyna"})
    assert limits["coinToOiCap"] == [["hyna:BTC", "10000000.0"], ["hyna:LIT", "5000000.0"]]
    assert desk.exchange.info({"type": "perpDexLimits", "dex": ""}) is None
    meta = desk.exchange.info({"type": "meta", "dex": "hyna"})
    assert meta["collateralToken"] == 235
    assert meta["universe"][0] == {
        "szDecimals": 5,
        "name": "hyna:BTC",
        "maxLeverage": 20,
        "marginTableId": 20,
        "onlyIsolated": True,
        "marginMode": "strictIsolated",
        "deployerFeeScale": "0.1111",
    }
    tiers = desk.exchange.info({"type": "marginTable", "id": 56})["marginTiers"]
    assert tiers[1] == {"lowerBound": "150000000.0", "maxLeverage": 20}


def test_deductions_make_maintenance_continuous():
    for table in MAIN.tables:
        tiers = tiers_of(table.tiers)
        for below, above in pairwise(tiers):
            at = above.lower
            assert at // (2 * below.max_leverage) - below.deduction == pytest.approx(
                at // (2 * above.max_leverage) - above.deduction
            )


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"dexs": (MAIN, MAIN)}, "different names"),
        ({"dexs": (DexSpec(perps=MAIN.perps[:1]),)}, "margin table 56 is not declared"),
        ({"dexs": (DexSpec(perps=MAIN.perps[4:5], collateral=7),)}, "collateral 7 is no token"),
    ],
)
def test_a_universe_that_cannot_be_is_refused(broken, says):
    with pytest.raises(ValueError, match=says):
        Universe(UniverseSpec(tokens=TOKENS, **broken))


def test_a_snapshot_is_of_one_universe(desk):
    other = UniverseSpec(tokens=TOKENS, dexs=(MAIN,))
    with pytest.raises(ValueError, match="same universe"):
        type(desk.exchange).restore(other, desk.exchange.snapshot())
    with pytest.raises(ValueError, match="time must not be before"):
        desk.exchange.run_block(0)
