"""Sources: the same question to a server, a simulation or a recording."""

import numpy as np
import pytest

from engine.events import BUY, CONTEXT, LAST, LEVEL, SELL, SNAPSHOT, TRADE, Event
from engine.venues.hyperliquid.answers import META
from engine.venues.hyperliquid.info import InfoClient
from engine.venues.hyperliquid.market import Sampling
from engine.venues.measured import MeasuredSource
from engine.venues.rows import UnknownAssetError
from engine.venues.source import HyperliquidSource
from engine.venues.static import TAPE_ASSETS, StaticFacts

START_NS = 1_790_775_600_000_000_000
SECOND_NS = 1_000_000_000
TERMS = StaticFacts(sz_decimals=2, max_leverage=5, only_isolated=True, source="a test")


def minutes(n, *, context=True, trades=True):
    """One chunk: a book of 10 bps spread each second, a trade of $100 each ten seconds."""
    rows = []
    for k in range(n * 60 + 1):
        ts_ns = START_NS + k * SECOND_NS
        rows.append((LEVEL, BUY, SNAPSHOT, ts_ns, 99.95, 5.0, 0.0))
        rows.append((LEVEL, SELL, LAST, ts_ns, 100.05, 5.0, 0.0))
        if trades and k % 10 == 5:
            rows.append((TRADE, BUY, 0, ts_ns, 100.0, 1.0, 0.0))
        if context and k == 30:
            rows.append((CONTEXT, 0, 0, ts_ns, 101.0, 300.0, 1.25e-5))
    events = np.zeros(len(rows), Event.dtype)
    names = ("kind", "side", "code", "ts_ns", "px", "sz", "extra")
    for name, column in zip(names, zip(*rows, strict=True), strict=True):
        events[name] = column
    events["recv_ns"] = events["ts_ns"]
    return [events]


def measured(listed=None, **more):
    listed = listed or {"BTC": TERMS, "kt:ABC": TERMS.model_copy(update={"delisted": True})}
    return MeasuredSource("the test market", listed, lambda _: minutes(6, **more))


def test_measured_facts_are_those_of_the_events_and_their_terms():
    seen = measured().facts("BTC", START_NS)
    assert seen.spread_bps == pytest.approx(10.0, rel=0.012)
    assert seen.hours_observed == pytest.approx(0.1)
    assert seen.day_volume_usd == pytest.approx(36 * 100 * 240)
    assert seen.trades_per_min == pytest.approx(6.0)
    assert (seen.mark_px, seen.open_interest_usd) == (101.0, 30_300.0)
    assert (seen.sz_decimals, seen.max_leverage, seen.only_isolated) == (2, 5.0, True)
    assert (seen.binance_symbol, seen.source) == ("BTCUSDT", "the test market")
    assert "terms: a test" in seen.notes


def test_without_a_context_the_last_trade_is_the_mark():
    seen = measured(context=False).facts("BTC", START_NS)
    assert (seen.mark_px, seen.open_interest_usd) == (100.0, None)


def test_a_recording_without_any_price_is_an_error():
    with pytest.raises(ValueError, match="neither a mark price nor a trade of BTC"):
        measured(context=False, trades=False).facts("BTC", START_NS)


def test_a_market_is_measured_once():
    asked = []
    source = MeasuredSource("x", {"BTC": TERMS}, lambda asset: asked.append(asset) or minutes(1))
    source.facts("BTC", START_NS)
    source.assets()
    source.facts("BTC", START_NS)
    assert asked == ["BTC"]


def test_a_silence_is_told():
    chunk = minutes(6)[0]
    later = chunk.copy()
    later["ts_ns"] += 1000 * SECOND_NS
    later["recv_ns"] += 1000 * SECOND_NS
    source = MeasuredSource("x", {"BTC": TERMS}, lambda _: [chunk, later])
    assert any("640 s at the longest" in note for note in source.facts("BTC", START_NS).notes)


def test_the_operator_may_know_better_than_the_table():
    source = MeasuredSource(
        "x", {"HYPE": TERMS}, lambda _: minutes(1), overrides={"HYPE": "hypeusdt"}
    )
    assert source.facts("HYPE", START_NS).binance_symbol == "HYPEUSDT"


def test_measured_rows():
    source = measured()
    (row,) = source.assets()
    assert (row.asset, row.dex, row.margin_mode, row.spread_from) == (
        "BTC", "main", "isolated", "touch",
    )  # fmt: skip
    assert row.funding_bps_per_hour == pytest.approx(0.125)
    assert [row.asset for row in source.assets("kt")] == ["kt:ABC"]
    assert [(row.name, row.live, row.delisted) for row in source.dexs()] == [
        ("main", 1, 0),
        ("kt", 0, 1),
    ]


def test_unknown_names_are_refused_with_what_there_is():
    with pytest.raises(UnknownAssetError, match=r"'ABC' is not listed on the test market.*kt:ABC"):
        measured().facts("ABC", START_NS)
    with pytest.raises(UnknownAssetError, match=r"dex 'no' .* main, kt"):
        measured().assets("no")


def test_the_table_of_terms_agrees_with_the_recorded_universe(snapshots):
    path = snapshots / "transcribed" / "meta_main_20260930.json"
    listed = {asset.name: asset for asset in META.validate_json(path.read_bytes()).universe}
    for name, terms in TAPE_ASSETS.items():
        assert terms.sz_decimals == listed[name].szDecimals
        assert terms.max_leverage == listed[name].maxLeverage
        assert terms.only_isolated == (listed[name].margin_mode != "cross")


@pytest.fixture
def hyperliquid(venue):
    listed = [{"name": name, "szDecimals": 2, "maxLeverage": 10} for name in ("BTC", "HYPE")]
    context = {"funding": "0.0", "openInterest": "1.0", "dayNtlVlm": "1.0", "markPx": "100.0"}
    level = [[{"px": "99.9", "sz": "1.0"}], [{"px": "100.1", "sz": "1.0"}]]
    venue.answers |= {
        "metaAndAssetCtxs": [{"universe": listed, "collateralToken": 0}, [context, context]],
        "spotMeta": {"tokens": [{"name": "USDC", "index": 0}]},
        "perpsAtOpenInterestCap": [],
        "recentTrades": "null",
        "l2Book": {"coin": "BTC", "time": 1_790_775_567_699, "levels": level},
        "/fapi/v1/exchangeInfo": {
            "symbols": [{"symbol": "BTCUSDT", "status": "TRADING", "contractType": "PERPETUAL"}]
        },
        "/fapi/v1/ticker/bookTicker?symbol=BTCUSDT": {"bidPrice": "100.2", "askPrice": "100.4"},
    }
    with InfoClient(venue.url, timeout_s=2, sleep=lambda _: None) as client:
        once = Sampling(1, 0.0, lambda _: None)
        yield HyperliquidSource(client, sampling=once, binance_url=venue.url)


def test_a_server_and_binance_together_give_facts(hyperliquid):
    seen = hyperliquid.facts("BTC", START_NS)
    assert seen.binance_symbol == "BTCUSDT"
    assert seen.notes[-1] == "BTCUSDT is confirmed by Binance"
    assert seen.trades_per_min is None


def test_a_pair_at_another_price_is_dropped_with_a_note(hyperliquid, venue):
    ticker = "/fapi/v1/ticker/bookTicker?symbol=BTCUSDT"
    venue.answers[ticker] = {"bidPrice": "120.2", "askPrice": "120.4"}
    seen = hyperliquid.facts("BTC", START_NS)
    assert seen.binance_symbol is None and "stay off" in seen.notes[-1]


def test_a_native_token_has_no_pair(hyperliquid):
    assert hyperliquid.facts("HYPE", START_NS).binance_symbol is None
