"""`gangway screen`: a universe in the order in which its assets are worth an onboarding."""

import json
from pathlib import Path
from typing import Annotated

import typer


def screen(
    assets: Annotated[list[str] | None, typer.Argument(help="Only these; all when absent.")] = None,
    capital_usd: Annotated[float, typer.Option(help="What each may trade with [USD].")] = 1000.0,
    venue: Annotated[str, typer.Option(help="sim, testnet, mainnet, or a server's URL.")] = "sim",
    dex: Annotated[str | None, typer.Option(help="Builder dex of a venue that is asked.")] = None,
    snapshots: Annotated[
        Path | None, typer.Option(help="Recorded metaAndAssetCtxs answers instead of a venue.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same market.")] = 7,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
) -> None:
    """Rank a universe by expected dollars per day of waiting; the weakest link decides each."""
    from engine.policy import load_policy
    from engine.runners.screening import screen as screen_universe
    from flows.show import progress
    from flows.show_economics import show_screening

    with progress(f"screening {snapshots or venue}", as_json) as say:
        found = screen_universe(
            venue, capital_usd, load_policy(),
            assets=assets or (), dex=dex, seed=seed, snapshots=snapshots, say=say,
        )  # fmt: skip
    if as_json:
        typer.echo(json.dumps(found.model_dump(mode="json"), indent=2))
        return
    show_screening(found)
