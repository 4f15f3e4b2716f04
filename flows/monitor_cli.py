"""`gangway daily | monitor`: what a day has shown, and what the procedure's reviews say now."""

from typing import Annotated

import typer

from flows.options import AsJson, Asset, HomeDir, home_at, print_json


def daily(
    asset: Asset,
    day: Annotated[
        str | None, typer.Option(help="UTC day, YYYY-MM-DD; the last by default.")
    ] = None,
    home: HomeDir = None,
    as_json: AsJson = False,
) -> None:
    """Review a day of an asset's newest run: forecasts, signals, edge, and where it came from."""
    from engine.policy import load_policy
    from engine.runners.day_review import review_day
    from flows.daily import show

    result = review_day(home_at(home), asset, load_policy(), day)
    if as_json:
        proposed = [one.model_dump(mode="json") for one in result.adjustments]
        print_json(result.card.model_dump(mode="json") | {"adjustments": proposed})
        return
    show(result)


def monitor(asset: Asset, home: HomeDir = None, as_json: AsJson = False) -> None:
    """Show what day 1, week 1 and month 1 say of an asset as of now; nothing is recorded."""
    import time

    from engine.policy import load_policy
    from engine.runners.reviewing import review_asset
    from flows.show import console, show_verdict

    state, verdicts = review_asset(home_at(home), asset, load_policy(), time.time_ns())
    if as_json:
        told = {one.gate: one.model_dump(mode="json") for one in verdicts}
        print_json({"asset": asset, "stage": state.stage, "run": state.run, **told})
        return
    console.print(f"{asset} stands at [bold]{state.stage}[/], run {state.run}")
    for verdict in verdicts:
        show_verdict(verdict)
