"""`gangway kill`, `rearm` and `guard`: how live engines are stopped, and may start again."""

import getpass
import time
from pathlib import Path
from typing import Annotated

import typer

from flows.options import HomeDir, home_at

kill_app = typer.Typer()

What = Annotated[str, typer.Argument(help="HYPE, xyz:TSLA, or all.")]
By = Annotated[str | None, typer.Option(help="Who decides; the user's name when absent.")]


@kill_app.command()
def kill(
    asset: What,
    reason: Annotated[str, typer.Argument(help="Why, in words others will read.")],
    by: By = None,
    home: HomeDir = None,
) -> None:
    """Stop trading an asset, or all of them, at once: orders are cancelled, positions stay.

    The engine hears of it within a second; where none lives, the guard cancels. Only `gangway
    rearm` takes it back.
    """
    from engine.runners.live.latch import read_latch, write_latch

    at = home_at(home)
    write_latch(at, asset, reason, by or getpass.getuser())
    typer.echo(f"{asset} is stopped: {read_latch(at, asset)}")


@kill_app.command()
def rearm(
    asset: What,
    note: Annotated[str, typer.Argument(help="What went wrong, and why it will not again.")],
    by: By = None,
    home: HomeDir = None,
) -> None:
    """Let an asset that was stopped begin again, on paper, in a new attempt."""
    from tasks.approvals import rearm as let_again

    typer.echo(let_again(home_at(home), asset, by or getpass.getuser(), note, time.time_ns()))


@kill_app.command()
def guard(
    venue: Annotated[str, typer.Argument(help="Name of the venue: its file is venues/NAME.toml.")],
    dex: Annotated[list[str] | None, typer.Option(help="Other dexes than the engines'.")] = None,
    flatten: Annotated[bool, typer.Option(help="Close positions once all is cancelled.")] = False,
    i_mean_mainnet: Annotated[bool, typer.Option(help="Real money is at stake.")] = False,
    home: HomeDir = None,
) -> None:
    """Watch the engines of a venue, and cancel where one is dead or stopped, until Ctrl-C."""
    from engine.runners.guard import main

    words = [venue, *(word for name in dex or () for word in ("--dex", name))]
    flags = {"--flatten": flatten, "--i-mean-mainnet": i_mean_mainnet}
    words += [flag for flag, said in flags.items() if said]
    where = ["--home", str(home)] if isinstance(home, Path) else []
    raise typer.Exit(main([*words, *where]))
