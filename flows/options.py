"""What commands share: their options, and how an asset, a home and an answer are told.

Heavy libraries are imported inside the functions that need them, so that help is instant.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from engine.config import AssetSpec
    from engine.derive.facts import MarketFacts
    from engine.store.home import Home

Asset = Annotated[str, typer.Argument(help="HYPE on the main dex, hyna:BTC on a builder dex.")]
Capital = Annotated[float, typer.Option(help="What it may trade with at full capital [USD].")]
ProfileName = Annotated[
    Literal["default", "hip3", "aggressive"] | None,
    typer.Option(help="Spread profile; chosen by the decision tree when absent."),
]
Venue = Annotated[str, typer.Option(help="sim, testnet, mainnet, or a server's URL.")]
ScenarioName = Annotated[str | None, typer.Option(help="Market of the simulated venue.")]
Seed = Annotated[int, typer.Option(help="Same seed, same market.")]
TapeFile = Annotated[Path | None, typer.Option("--tape", help="Recorded market to use instead.")]
HomeDir = Annotated[
    Path | None, typer.Option(help="Directory of all state.", envvar="GANGWAY_HOME")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def asset_spec(asset: str, capital_usd: float, **more: Any) -> "AssetSpec":
    """Return an asset with what a command was told of it; a tape must exist."""
    from engine.config import AssetSpec

    tape = more.pop("tape", None)
    if tape is not None:
        if not tape.is_file():
            raise ValueError(f"tape {tape} does not exist; make one with `gangway tape import`")
        more |= {"tape": str(tape.resolve()), "venue": "tape"}
    return AssetSpec(asset=asset, capital_usd=capital_usd, **more)


def print_json(value: Any) -> None:
    """Print one JSON object."""
    typer.echo(json.dumps(value, indent=2, default=str))


def market_facts(spec: "AssetSpec") -> "MarketFacts":
    """Measure the market of `spec` now."""
    import time

    from engine.runners.market_source import market_of_spec

    return market_of_spec(spec).facts(spec.asset, time.time_ns())


def home_at(root: Path | None) -> "Home":
    """Return the home at `root`, by default the process's own."""
    from engine.store.home import Home

    return Home(root) if root else Home()
