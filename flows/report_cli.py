"""`gangway report …`: what the gates have said of an asset, and on what."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.options import Asset, HomeDir, home_at

if TYPE_CHECKING:
    from engine.reports.pages import Page


def report(
    asset: Asset,
    html: Annotated[
        Path | None, typer.Option(help="Write one HTML file, with plots, instead of printing.")
    ] = None,
    gate: Annotated[str | None, typer.Option(help="Only this gate; all when absent.")] = None,
    home: HomeDir = None,
) -> None:
    """Show what every gate has said: the sentence, the table, each look, and what followed."""
    from engine.reports.pages import pages
    from engine.runners.standing import onboarding

    with onboarding(home_at(home)) as store:
        proved, state = store.verify(), store.get(asset)
        found = pages(store.history(asset), gate)
    if html is None:
        _print(asset, found)
        return
    from engine.reports.html import render

    html.write_text(render(state, found, proved), encoding="utf-8")
    typer.echo(f"{html}: {len(found)} pages of {asset}")


def _print(asset: str, found: list["Page"]) -> None:
    from flows.report_show import show_page

    for page in found:
        show_page(asset, page)
