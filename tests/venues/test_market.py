"""What the venue's answers mean: facts, rows, fees, caps, collateral."""

import json

import pytest

from engine.venues.hyperliquid.info import InfoClient
from engine.venues.hyperliquid.listing import assets, dexs
from engine.venues.hyperliquid.market import Sampling, facts, hip3_maker_fee_bps
from engine.venues.rows import UnknownAssetError, VenueError

NOW_NS = 1_790_775_600_000_000_000
UNIVERSE = [
    {"name": "BTC", "szDecimals": 5, "maxLeverage": 40, "marginTableId": 56},
    {"name": "MATIC", "szDecimals": 1, "maxLeverage": 20, "isDelisted": True},
    {"name": "OLD", "szDecimals": 0, "maxLeverage": 3, "onlyIsolated": True},
    {"name": "HYPE", "szDecimals": 2, "maxLeverage": 10},
]
HYNA = [
    {"name": "hyna:BTC", "szDecimals": 5, "maxLeverage": 10, "deployerFeeScale": "0.1111"},
    {
        "name": "hyna:ETH",
        "szDecimals": 4,
        "maxLeverage": 10,
        "onlyIsolated": True,
        "marginMode": "noCross",
        "growthMode": "enabled",
    },
    {"name": "hyna:SOL", "szDecimals": 2, "maxLeverage": 5, "isDelisted": True},
]


def context(mark="100.0", mid="100.0"):
    impact = None if mid is None else ["99.9", "100.1"]
    return {
        "funding": "0.0000125",
        "openInterest": "50.0",
        "dayNtlVlm": "2000000.0",
        "markPx": mark,
        "midPx": mid,
        "impactPxs": impact,
        "premium": None,
    }


def answer_meta(request, contexts):
    universes = {"": (UNIVERSE, 0), "hyna": (HYNA, 235), "odd": ([], 999)}
    if request["dex"] not in universes:
        return 500, "null"
    universe, token = universes[request["dex"]]
    meta = {"universe": universe, "marginTables": [], "collateralToken": token}
    rows = [context(mid=None if asset.get("isDelisted") else "100.0") for asset in universe]
    return [meta, rows] if contexts else meta


class Books:
    """Books 2 s apart whose spread is taken from a list."""

    def __init__(self, *spreads_bps):
        self.spreads_bps = list(spreads_bps)
        self.time = 1_790_775_567_699

    def __call__(self, request):
        half = self.spreads_bps.pop(0) / 2e4 * 100
        self.time += 2000
        sides = [[{"px": f"{100 + way * half:.6f}", "sz": "1.0", "n": 1}] for way in (-1, 1)]
        return {"coin": request["coin"], "time": self.time, "levels": sides}


@pytest.fixture
def client(venue):
    trades = [
        {"coin": "BTC", "side": "B", "px": "100.0", "sz": "1.0", "time": 1_000 * k, "tid": k}
        for k in range(1, 12)
    ]
    venue.answers |= {
        "meta": lambda request: answer_meta(request, contexts=False),
        "metaAndAssetCtxs": lambda request: answer_meta(request, contexts=True),
        "perpDexs": [
            None,
            {
                "name": "hyna",
                "fullName": "HyENA",
                "assetToStreamingOiCap": [["hyna:BTC", "100000.0"], ["hyna:ETH", "7.0"]],
            },
            {"name": "odd", "fullName": "Odd"},
        ],
        "perpDexLimits": "null",
        "perpsAtOpenInterestCap": ["OLD"],
        "spotMeta": {"tokens": [{"name": "USDC", "index": 0}, {"name": "USDE", "index": 235}]},
        "l2Book": Books(4.0, 2.0, 9.0),
        "recentTrades": trades,
    }
    with InfoClient(venue.url, timeout_s=2, sleep=lambda _: None) as client:
        yield client


def observed(client, asset, n=3, **more):
    return facts(client, asset, now_ns=NOW_NS, sampling=Sampling(n, 2.0, lambda _: None), **more)


def test_facts_of_a_main_dex_asset(client, venue):
    seen = observed(client, "BTC")
    assert (seen.dex, seen.coin, seen.sz_decimals, seen.max_leverage) == ("", "BTC", 5, 40)
    assert (seen.mark_px, seen.day_volume_usd, seen.open_interest_usd) == (100.0, 2e6, 5000.0)
    assert (seen.collateral, seen.oi_cap_usd, seen.maker_fee_bps) == ("USDC", None, 1.5)
    assert seen.listed and not seen.delisted and not seen.only_isolated
    assert seen.trades_per_min == pytest.approx(60.0)
    assert (seen.source, seen.observed_at_ns) == (venue.url, NOW_NS)


def test_the_spread_is_a_median_and_a_few_seconds_are_not_a_day(client):
    seen = observed(client, "BTC")
    assert seen.spread_bps == pytest.approx(4.0, abs=1e-3)
    assert seen.hours_observed == pytest.approx(4.0 / 3600)
    assert seen.volume_hours == 24.0
    assert any("3 books over 4.0 s, not of 24 hours" in note for note in seen.notes)


def test_books_are_spaced_but_nobody_waits_after_the_last(client):
    naps = []
    facts(client, "BTC", now_ns=NOW_NS, sampling=Sampling(3, 1.5, naps.append))
    assert naps == [1.5, 1.5]


def test_facts_of_a_builder_dex_asset(client):
    seen = observed(client, "hyna:BTC")
    assert (seen.dex, seen.coin, seen.collateral) == ("hyna", "BTC", "USDE")
    assert seen.oi_cap_usd == 100_000.0
    assert seen.maker_fee_bps == pytest.approx(1.5 * 1.1111)
    assert seen.is_hip3 and not seen.only_isolated


def test_isolated_only_and_growth_are_read_per_asset(client):
    seen = observed(client, "hyna:ETH")
    assert seen.only_isolated
    assert seen.maker_fee_bps == pytest.approx(0.3)  # no scale given anywhere: 1, so 2 × 0.1
    assert observed(client, "OLD", n=0).only_isolated and not observed(client, "OLD", n=0).is_hip3


def test_the_dexs_limits_bound_the_cap_of_an_asset(client, venue):
    venue.answers["perpDexLimits"] = {
        "totalOiCap": "60000.0",
        "oiSzCapPerPerp": "1.0",
        "coinToOiCap": [["hyna:BTC", "90000.0"], ["hyna:ETH", "8.0"]],
    }
    assert observed(client, "hyna:BTC").oi_cap_usd == 60_000.0
    assert observed(client, "hyna:ETH", n=0).oi_cap_usd == 8.0


def test_an_asset_at_its_cap_says_so(client):
    assert any("open-interest cap now" in note for note in observed(client, "OLD").notes)


def test_unknown_collateral_stays_unknown_and_lists_what_is_known(client, venue):
    venue.answers["spotMeta"] = {"tokens": [{"name": "USDC", "index": 0}]}
    seen = observed(client, "hyna:BTC")
    assert seen.collateral is None
    assert any("token 235 is unknown" in n and "USDC (0)" in n for n in seen.notes)


def test_a_delisted_asset_is_not_sampled(client, venue):
    seen = observed(client, "MATIC")
    assert seen.delisted and seen.spread_bps is None and seen.hours_observed == 0
    assert "l2Book" not in {request["type"] for request in venue.requests}


def test_an_accounts_own_rate_replaces_the_default(client, venue):
    venue.answers["userFees"] = {"userAddRate": "-0.00001", "userCrossRate": "0.0002"}
    assert observed(client, "BTC", address="0xabc").maker_fee_bps == pytest.approx(-0.1)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("HPYE", "HYPE"), ("hype", "HYPE"), ("btc", "BTC"), ("ZZZZZZ", "it lists BTC, HYPE, MATIC")],
)
def test_an_unknown_asset_is_named_with_close_ones(client, name, hint):
    with pytest.raises(UnknownAssetError, match=f"'{name}' is not listed.*{hint}"):
        observed(client, name)


def test_an_unknown_coin_of_a_dex_suggests_its_coins(client):
    with pytest.raises(UnknownAssetError, match=r"'hyna:BTX'.*did you mean hyna:BTC"):
        observed(client, "hyna:BTX")


def test_an_unknown_dex_is_named_with_those_there_are(client):
    with pytest.raises(UnknownAssetError, match=r"dex 'nope' is not on .* main, hyna, odd"):
        observed(client, "nope:BTC")
    with pytest.raises(UnknownAssetError, match="dex 'nope'"):
        assets(client, "nope")


def test_a_listed_asset_without_a_book_is_an_error(client, venue):
    venue.answers["l2Book"] = "null"
    with pytest.raises(VenueError, match="lists BTC but has no book"):
        observed(client, "BTC")


def test_a_crossed_sample_is_refused(client, venue):
    venue.answers["l2Book"] = Books(4.0, -2.0, 9.0)
    with pytest.raises(VenueError, match="crossed"):
        observed(client, "BTC")


def test_rows_of_assets_keep_the_venues_order_and_its_gaps(client):
    rows = {row.asset: row for row in assets(client)}
    assert list(rows) == ["BTC", "MATIC", "OLD", "HYPE"]
    assert rows["BTC"].spread_bps == pytest.approx(20.0)
    assert rows["BTC"].spread_from == "impact prices"
    assert rows["BTC"].funding_bps_per_hour == pytest.approx(0.125)
    assert rows["MATIC"].delisted and rows["MATIC"].spread_bps is None
    assert rows["OLD"].margin_mode == "isolated"
    assert assets(client, "main") == assets(client, "")
    assert [row.dex for row in assets(client, "hyna")] == ["hyna"] * 3


def test_rows_of_dexs(client):
    main, hyna, odd = dexs(client)
    assert (main.name, main.collateral, main.live, main.delisted) == ("main", "USDC", 3, 1)
    assert (hyna.full_name, hyna.collateral, hyna.live, hyna.delisted) == ("HyENA", "USDE", 2, 1)
    assert hyna.fee_scale == pytest.approx(0.1111)
    assert (odd.collateral, odd.live, odd.fee_scale) == (None, 0, None)


@pytest.mark.parametrize(
    ("base", "scale", "growth", "fee"),
    [
        (1.5, 1.0, False, 3.0),  # xyz:GOLD
        (1.5, 1.0, True, 0.3),  # xyz in growth mode
        (1.5, 0.1111, False, 1.66665),  # hyna
        (1.5, 0.0, False, 1.5),
        (-0.1, 1.0, True, -0.01),  # a rebate is not scaled by the deployer
    ],
)
def test_fees_of_builder_dexs(base, scale, growth, fee):
    assert hip3_maker_fee_bps(base, scale, growth=growth) == pytest.approx(fee)


def test_the_recorded_main_universe_reads_whole(client, venue, snapshots):
    recorded = snapshots / "transcribed" / "metaAndAssetCtxs_main_joined_20260530.json"
    venue.answers["metaAndAssetCtxs"] = recorded.read_text()
    rows = {row.asset: row for row in assets(client)}
    assert len(rows) == 230
    hype = rows["HYPE"]
    assert (hype.max_leverage, hype.sz_decimals, hype.margin_mode) == (10, 2, "cross")
    assert hype.day_volume_usd == pytest.approx(700_413_860.28)
    assert hype.spread_bps == pytest.approx((62.674 - 62.673) / 62.6735 * 1e4)
    assert rows["MATIC"].delisted


def test_the_recorded_builder_dex_gives_facts(client, venue, snapshots):
    transcribed = snapshots / "transcribed"
    recorded = transcribed / "metaAndAssetCtxs_xyz_joined_20260530.json"
    venue.answers["metaAndAssetCtxs"] = recorded.read_text()
    venue.answers["perpDexs"] = (snapshots / "marketmicro_mcp" / "perpdexs.json").read_text()
    venue.answers["l2Book"] = (transcribed / "l2Book_xyz_TSLA_20260930.json").read_text()
    seen = observed(client, "xyz:TSLA")
    assert (seen.max_leverage, seen.only_isolated, seen.collateral) == (20, False, "USDC")
    assert seen.oi_cap_usd == 1e8
    assert seen.maker_fee_bps == pytest.approx(0.3)
    assert seen.spread_bps == pytest.approx((347.97 - 347.94) / 347.955 * 1e4)
    assert observed(client, "xyz:GOLD", n=0).maker_fee_bps == pytest.approx(3.0)


def test_recorded_universes_of_september_read_whole(client, venue, snapshots):
    for name, total, live in (("main", 234, 178), ("xyz", 128, 109)):
        text = (snapshots / "transcribed" / f"meta_{name}_20260930.json").read_text()
        venue.answers["meta"] = lambda _, text=text: text
        universe = client.meta().universe
        assert (len(universe), sum(not a.delisted for a in universe)) == (total, live)


def test_recorded_fragments_of_other_clients_read(client, venue, snapshots):
    nautilus = snapshots / "nautilus"
    venue.answers["recentTrades"] = (nautilus / "http_recent_trades_btc.json").read_text()
    venue.answers["spotMeta"] = (nautilus / "http_spot_meta_non_usdc_collateral.json").read_text()
    assert {trade.side for trade in client.recent_trades("BTC")} == {"A", "B"}
    assert client.tokens() == {0: "USDC", 360: "USDH", 235: "USDE"}
    for nsf in ("nsf3", "nsf4", "nsf5", "nsf5_m5"):
        text = (snapshots / "marketmicro_mcp" / f"l2book_btc_{nsf}.json").read_text()
        venue.answers["l2Book"] = text
        assert client.l2_book("BTC").coin == json.loads(text)["coin"]
