"""`gangway audit …`: an asset's story in plain sentences, and the proof that it was not changed."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

audit_app = typer.Typer()

What = Annotated[
    str, typer.Argument(help="An asset, or `verify` to prove the whole audit.", metavar="ASSET")
]
HomeDir = Annotated[
    Path | None, typer.Option(help="Directory of all state.", envvar="GANGWAY_HOME")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


@audit_app.command()
def audit(asset: What, home: HomeDir = None, as_json: AsJson = False) -> None:
    """Tell an asset's story: every verdict, question, answer and move, in order.

    `gangway audit verify` proves the chain, and that each move was justified.
    """
    from engine.runners.standing import onboarding
    from engine.store.home import Home

    with onboarding(Home(home) if home else Home()) as store:
        proved = store.verify()
        entries = [] if asset == "verify" else store.history(store.get(asset).asset)
    if asset == "verify":
        _show_proof(proved, as_json)
        return
    _show_story(entries, as_json)


def _show_proof(proved: Any, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(proved._asdict(), indent=2))
        return
    typer.echo(
        f"audit chain verified: {proved.rows} rows, {proved.assets} assets, "
        f"{proved.approvals} approvals; last hash {proved.head or 'none'}"
    )


def _show_story(entries: list[Any], as_json: bool) -> None:
    from engine.onboarding.telling import tell

    told = tell(entries)
    if as_json:
        typer.echo(json.dumps([one._asdict() for one in told], indent=2))
        return
    for one in told:
        typer.echo(f"{one.at}  {one.said}")
