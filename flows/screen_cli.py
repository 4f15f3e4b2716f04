"""`gangway viability | screen`: one asset, or a universe, before anything is tried."""

from pathlib import Path
from typing import Annotated

import typer

from flows.options import (
    AsJson,
    Asset,
    Capital,
    ScenarioName,
    Seed,
    TapeFile,
    Venue,
    asset_spec,
    market_facts,
    print_json,
)


def viability(
    asset: Asset,
    capital_usd: Capital = 1000.0,
    venue: Venue = "sim",
    scenario: ScenarioName = None,
    seed: Seed = 7,
    tape: TapeFile = None,
    as_json: AsJson = False,
) -> None:
    """Judge whether an asset is worth quoting: the table, the red flags, the decision."""
    from engine.derive.decisions import decision_tree, hip3_points
    from engine.derive.viability import assess
    from engine.policy import load_policy
    from engine.runners.screening import economics_of_spec
    from flows.show import console, progress, rows_table
    from flows.show_economics import show_economics

    spec = asset_spec(asset, capital_usd, venue=venue, scenario=scenario, seed=seed, tape=tape)
    policy = load_policy()
    with progress(f"measuring {asset}", as_json):
        facts = market_facts(spec)
        promised = economics_of_spec(spec, facts, policy)
    report = assess(facts, capital_usd, policy)
    if as_json:
        told = {"facts": facts, "report": report, "economics": promised}
        print_json({name: one.model_dump() for name, one in told.items()})
        return
    rows = [row.model_dump(exclude={"why"}) for row in report.rows]
    console.print(rows_table(f"{asset}, a {report.asset_type}", rows))
    console.print(f"[bold]{report.decision.replace('_', ' ')}[/]  {report.reason}")
    show_economics(promised, report)
    path = decision_tree(facts, capital_usd, policy)
    for step in (*path.steps, path.outcome):
        console.print(f"[dim]→ {step}[/]")
    for point in hip3_points(facts, policy):
        console.print(f"[dim]· {point.name}: {point.fact}; {point.consequence}[/]")
    for note in facts.notes:
        console.print(f"[dim]· {note}[/]")


def screen(
    assets: Annotated[list[str] | None, typer.Argument(help="Only these; all when absent.")] = None,
    capital_usd: Annotated[float, typer.Option(help="What each may trade with [USD].")] = 1000.0,
    venue: Venue = "sim",
    dex: Annotated[str | None, typer.Option(help="Builder dex of a venue that is asked.")] = None,
    snapshots: Annotated[
        Path | None, typer.Option(help="Recorded metaAndAssetCtxs answers instead of a venue.")
    ] = None,
    seed: Seed = 7,
    as_json: AsJson = False,
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
        print_json(found.model_dump(mode="json"))
        return
    show_screening(found)
