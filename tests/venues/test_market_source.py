"""The operator's words for a venue, and what each of them gives."""

import numpy as np
import pytest

from engine.config import AssetSpec
from engine.events import BUY, LAST, LEVEL, SELL, SNAPSHOT, TRADE, Event
from engine.runners.market_source import market_of_spec, market_source, tape_source, venue_url
from engine.store.tape import write_tape
from engine.store.tape_facts import TapeError, TapeMeta
from engine.venues.rows import UnknownAssetError
from engine.venues.source import HyperliquidSource
from engine.venues.static import StaticFacts

START_NS = 1_790_775_600_000_000_000
SECOND_NS = 1_000_000_000


@pytest.fixture
def tape(tmp_path):
    """35 minutes of WLFI: 5 bps of spread, a trade of 100 coins a minute."""
    rows = []
    for k in range(35 * 60):
        ts_ns = START_NS + k * SECOND_NS
        rows.append((LEVEL, BUY, SNAPSHOT, ts_ns, 0.19995, 500.0))
        rows.append((LEVEL, SELL, LAST, ts_ns, 0.20005, 500.0))
        if k % 60 == 30:
            rows.append((TRADE, SELL, 0, ts_ns, 0.19995, 100.0))
    events = np.zeros(len(rows), Event.dtype)
    names = ("kind", "side", "code", "ts_ns", "px", "sz")
    for name, column in zip(names, zip(*rows, strict=True), strict=True):
        events[name] = column
    events["recv_ns"] = events["ts_ns"]
    path = tmp_path / "wlfi.parquet"
    meta = TapeMeta(asset="WLFI", venue="hyperliquid", source="x.csv", px_decimals=6, sz_decimals=0)
    write_tape(path, [events], meta, dropped={"duplicate trade": 3}, noted={"late trade": 2})
    return path


def spec(venue, asset="WLFI", **more):
    return AssetSpec(asset=asset, capital_usd=1000, venue=venue, **more)


def test_a_tape_is_measured_and_its_flaws_are_told(tape):
    source = market_of_spec(spec("tape", tape=str(tape)))
    seen = source.facts("WLFI", START_NS)
    assert seen.hours_observed == pytest.approx(35 / 60, rel=0.01)  # far from 24
    assert seen.volume_hours is None
    assert seen.spread_bps == pytest.approx(5.0, rel=0.012)
    assert (seen.mark_px, seen.max_leverage, seen.sz_decimals) == (0.19995, 5, 0)
    assert seen.source == "tape wlfi.parquet"
    assert "3 rows dropped: duplicate trade" in seen.notes
    assert "2 rows kept with a remark: late trade" in seen.notes


def test_a_tape_of_another_asset_is_refused(tape):
    with pytest.raises(UnknownAssetError, match=r"'BTC' is not listed on tape wlfi.*WLFI"):
        market_of_spec(spec("tape", "BTC", tape=str(tape)))


def test_a_tape_that_is_missing_is_named(tmp_path):
    with pytest.raises(TapeError, match="no such tape"):
        tape_source(tmp_path / "no.parquet", "BTC")


def test_the_venue_tape_needs_a_path():
    with pytest.raises(ValueError, match="needs tape, the path"):
        market_source("tape")


def test_an_asset_without_terms_asks_for_them(tape, monkeypatch):
    monkeypatch.delitem(market_source.__globals__["TAPE_ASSETS"], "WLFI")
    with pytest.raises(ValueError, match=r"terms of 'WLFI' are not in the table.*max_leverage"):
        tape_source(tape, "WLFI")
    terms = StaticFacts(sz_decimals=1, max_leverage=3, source="the operator")
    assert tape_source(tape, "WLFI", terms=terms).facts("WLFI", START_NS).max_leverage == 3


def test_servers_are_named_or_given_by_url():
    assert venue_url("mainnet") == "https://api.hyperliquid.xyz"
    assert venue_url("http://127.0.0.1:3001") == "http://127.0.0.1:3001"
    assert isinstance(market_source("http://127.0.0.1:3001"), HyperliquidSource)


@pytest.mark.parametrize("venue", ["binance", "main net", "", "localhost:3001"])
def test_an_unknown_venue_is_refused_with_the_choices(venue):
    with pytest.raises(ValueError, match="choose sim, tape, mainnet, testnet, the URL"):
        market_source(venue)


def test_a_tape_lists_what_it_holds(tape):
    source = market_source("tape", tape=str(tape))
    assert [row.asset for row in source.assets()] == ["WLFI"]


def test_a_simulated_day_is_measured_from_end_to_end():
    seen = market_of_spec(spec("sim", "HYPE")).facts("HYPE", START_NS)
    assert seen.hours_observed >= 24
    assert seen.spread_bps is not None and 12 < seen.spread_bps < 30
    assert seen.day_volume_usd is not None and seen.day_volume_usd > 1e6
    assert (seen.max_leverage, seen.binance_symbol, seen.collateral) == (10, None, "USDC")


def test_the_same_seed_measures_the_same_and_another_does_not():
    volumes = [
        market_source("sim", seed=seed, hours=1).facts("HYPE", START_NS).day_volume_usd
        for seed in (7, 7, 8)
    ]
    assert volumes[0] == volumes[1] != volumes[2]


def test_a_scenario_takes_the_place_of_one_assets_market_only():
    own, dead = (
        market_source("sim", asset="HYPE", scenario=name, hours=2) for name in (None, "dead")
    )
    assert dead.facts("HYPE", 0).trades_per_min < own.facts("HYPE", 0).trades_per_min / 3
    assert dead.facts("PURR", 0) == own.facts("PURR", 0)


def test_the_simulated_builder_dex_has_its_own_terms():
    source = market_source("sim", hours=1)
    seen = source.facts("hyna:LIT", START_NS)
    assert (seen.dex, seen.collateral, seen.only_isolated) == ("hyna", "USDE", True)
    assert seen.maker_fee_bps == pytest.approx(1.66665)
    assert seen.oi_cap_usd == 5e6
    assert [row.name for row in source.dexs()] == ["main", "hyna"]


def test_a_delisted_simulated_asset_says_so():
    assert market_source("sim", hours=1).facts("GONE", START_NS).delisted


def test_an_unknown_simulated_asset_is_refused():
    with pytest.raises(UnknownAssetError, match="the simulated venue; did you mean HYPE"):
        market_source("sim").facts("HPYE", START_NS)
