"""The simulated venue: which assets it lists, and which market each of them is.

The names and grids are those of the real venue; marks, open interest and caps are round numbers.
"""

import zlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from engine.sim.market import SimulatedMarket
from engine.sim.scenarios import Scenario, scenario

Positive = Annotated[FiniteFloat, Field(gt=0)]


class Listing(BaseModel):
    """One perpetual of the simulated venue."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    asset: str
    scenario: str
    why: str
    sz_decimals: Annotated[int, Field(ge=0, le=6)]
    mark_px: Positive
    max_leverage: Annotated[int, Field(ge=1, le=50)]
    only_isolated: bool = False
    collateral: str = "USDC"
    open_interest_usd: Positive
    oi_cap_usd: Positive | None = None
    delisted: bool = False
    funding_hourly: FiniteFloat = 1.25e-5

    @property
    def dex(self) -> str:
        """Name of the builder dex; empty on the main dex."""
        return self.asset.rpartition(":")[0]

    @property
    def coin(self) -> str:
        """Name without the dex."""
        return self.asset.rpartition(":")[2]


_ROWS = (
    Listing(
        asset="BTC",
        scenario="major",
        why="the red flag of a spread that is too tight",
        sz_decimals=5,
        mark_px=110_000.0,
        max_leverage=40,
        open_interest_usd=3e9,
    ),
    Listing(
        asset="ETH",
        scenario="major",
        why="a second major",
        sz_decimals=4,
        mark_px=4_400.0,
        max_leverage=25,
        open_interest_usd=2e9,
    ),
    Listing(
        asset="SOL",
        scenario="midcap",
        why="a standard perpetual with a leading venue",
        sz_decimals=2,
        mark_px=205.0,
        max_leverage=20,
        open_interest_usd=5e8,
    ),
    Listing(
        asset="WLFI",
        scenario="midcap",
        why="the recorded mid-cap itself",
        sz_decimals=0,
        mark_px=0.1865,
        max_leverage=5,
        open_interest_usd=1.5e8,
    ),
    Listing(
        asset="HYPE",
        scenario="thin-hip3",
        why="the procedure's worked example: no leading venue, a wide spread",
        sz_decimals=2,
        mark_px=40.0,
        max_leverage=10,
        open_interest_usd=2e7,
    ),
    Listing(
        asset="PURR",
        scenario="thin-hip3",
        why="a second token of the venue's own, at the least leverage that passes",
        sz_decimals=0,
        mark_px=0.2,
        max_leverage=3,
        open_interest_usd=5e6,
    ),
    Listing(
        asset="TREND",
        scenario="trending",
        why="long drifts against a maker's inventory",
        sz_decimals=2,
        mark_px=40.0,
        max_leverage=10,
        open_interest_usd=2e7,
    ),
    Listing(
        asset="BAIT",
        scenario="toxic",
        why="passes viability and loses on paper",
        sz_decimals=1,
        mark_px=2.5,
        max_leverage=5,
        open_interest_usd=1e7,
    ),
    Listing(
        asset="SOUR",
        scenario="souring",
        why="passes every gate on paper and loses live, two weeks in",
        sz_decimals=2,
        mark_px=40.0,
        max_leverage=10,
        open_interest_usd=2e7,
    ),
    Listing(
        asset="DUST",
        scenario="dead",
        why="the red flag of no volume",
        sz_decimals=0,
        mark_px=0.8,
        max_leverage=3,
        open_interest_usd=3e5,
    ),
    Listing(
        asset="GONE",
        scenario="dead",
        why="the red flag of a delisted asset",
        sz_decimals=1,
        mark_px=1.5,
        max_leverage=3,
        open_interest_usd=1e3,
        delisted=True,
    ),
    Listing(
        asset="hyna:BTC",
        scenario="major",
        why="a mirror of a major on a builder dex: isolated, capped, other collateral",
        sz_decimals=5,
        mark_px=110_000.0,
        max_leverage=20,
        only_isolated=True,
        collateral="USDE",
        open_interest_usd=4e6,
        oi_cap_usd=1e7,
    ),
    Listing(
        asset="hyna:LIT",
        scenario="thin-hip3",
        why="a builder-deployed token that is worth quoting",
        sz_decimals=1,
        mark_px=3.0,
        max_leverage=5,
        only_isolated=True,
        collateral="USDE",
        open_interest_usd=2e6,
        oi_cap_usd=5e6,
    ),
)

UNIVERSE: Mapping[str, Listing] = MappingProxyType({row.asset: row for row in _ROWS})


def scenario_of(asset: str, name: str | None = None) -> Scenario:
    """Return the market of an asset, on the asset's own grid.

    Parameters
    ----------
    asset : str
        an asset of the universe, or any name where `name` is given.
    name : str, optional
        a scenario that takes the place of the asset's own.

    Raises
    ------
    ValueError
        if the asset is not listed and no scenario is named, or there is no such scenario.
    """
    listing = UNIVERSE.get(asset)
    if listing is None:
        if name is None:
            listed = ", ".join(UNIVERSE)
            raise ValueError(f"asset must be one of {listed}, or name a scenario; was {asset!r}")
        return scenario(name)
    chosen = scenario(name or listing.scenario)
    price = chosen.price.model_copy(
        update={
            "open_interest_usd": listing.open_interest_usd,
            "funding_hourly": listing.funding_hourly,
        }
    )
    grid = {"mark_px": listing.mark_px, "sz_decimals": listing.sz_decimals}
    return chosen.model_copy(update={**grid, "price": price})


def market_of(asset: str, name: str | None, seed: int, start_ns: int) -> SimulatedMarket:
    """Return the simulated market of an asset; assets with the same seed move apart."""
    return SimulatedMarket(scenario_of(asset, name), seed, start_ns, zlib.crc32(asset.encode()))
