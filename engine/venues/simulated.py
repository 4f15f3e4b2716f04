"""The simulated venue as a source: its assets' terms, and a day of each market to measure."""

from collections.abc import Iterator, Mapping
from typing import Any

from numpy.typing import NDArray

from engine.events import TIMER, Event
from engine.record import zeros
from engine.sim.market import HOUR_NS
from engine.sim.universe import UNIVERSE, Listing, market_of
from engine.venues.hyperliquid.market import BASE_MAKER_FEE_BPS, hip3_maker_fee_bps
from engine.venues.measured import MeasuredSource
from engine.venues.static import StaticFacts

DAY_HOURS = 24
# 2025-12-31T00:00Z. Each simulated hour has its own randomness, so this day tells nothing about the
# days that are traded, as long as those come later.
MEASURED_FROM_NS = 1_767_139_200_000_000_000
DEPLOYER_FEE_SCALE = {"hyna": 0.1111}  # Hyperliquid perpDexs, 2026-06


def simulated_source(
    asset: str | None = None,
    scenario: str | None = None,
    seed: int = 7,
    *,
    hours: int = DAY_HOURS,
    overrides: Mapping[str, str | None] | None = None,
) -> MeasuredSource:
    """Return the market knowledge of the simulated venue.

    Parameters
    ----------
    asset, scenario
        this asset's market is that scenario's instead of its own.
    seed
        the same as the one it will be traded with.
    hours
        how much of each market is watched [h]; a gate wants 24.
    overrides
        asset to Binance symbol, or to None.
    """

    def events(name: str) -> Iterator[NDArray[Any]]:
        market = market_of(name, scenario if name == asset else None, seed, MEASURED_FROM_NS)
        yield _clock(MEASURED_FROM_NS)
        yield from (market.chunk(hour) for hour in range(hours))
        yield _clock(MEASURED_FROM_NS + hours * HOUR_NS)

    terms = {name: _terms(listing) for name, listing in UNIVERSE.items()}
    return MeasuredSource("the simulated venue", terms, events, overrides=overrides)


def _clock(ts_ns: int) -> NDArray[Any]:
    """Return a tick of time, so that the day is watched from end to end and not between events."""
    events = zeros(Event)
    events[0].kind, events[0].ts_ns, events[0].recv_ns = TIMER, ts_ns, ts_ns
    return events


def _terms(listing: Listing) -> StaticFacts:
    scale = DEPLOYER_FEE_SCALE.get(listing.dex)
    fee = BASE_MAKER_FEE_BPS
    return StaticFacts(
        sz_decimals=listing.sz_decimals,
        max_leverage=listing.max_leverage,
        only_isolated=listing.only_isolated,
        delisted=listing.delisted,
        collateral=listing.collateral,
        oi_cap_usd=listing.oi_cap_usd,
        deployer_fee_scale=scale,
        maker_fee_bps=fee if scale is None else hip3_maker_fee_bps(fee, scale, growth=False),
        source="engine.sim.universe",
    )
