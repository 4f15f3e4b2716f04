"""`gangway freeze` and `gangway unfreeze`: the one switch that keeps every capital from rising."""

import getpass
import time
from typing import Annotated

import typer

from flows.options import HomeDir, home_at

freeze_app = typer.Typer()

By = Annotated[str | None, typer.Option(help="Who decides; the user's name when absent.")]


@freeze_app.command()
def freeze(
    reason: Annotated[str, typer.Argument(help="Why, in words others will read.")],
    by: By = None,
    home: HomeDir = None,
) -> None:
    """Stop the line: no asset's capital rises until `gangway unfreeze`.

    Engines trade on, and what must come down comes down.
    """
    from engine.runners.standing import stop_line

    who = by or getpass.getuser()
    stop_line(home_at(home), reason, who, time.time_ns())
    typer.echo(f"the line is stopped by {who}: {reason}")


@freeze_app.command()
def unfreeze(by: By = None, home: HomeDir = None) -> None:
    """Let the line go on: capital rises again where evidence allows it."""
    from engine.runners.standing import release_line

    who = by or getpass.getuser()
    release_line(home_at(home), who, time.time_ns())
    typer.echo(f"the line goes on, says {who}")
