"""How a terminal shows a gate's page: the sentence, the table, the looks, what followed."""

from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.gates.words import measured
from engine.reports import table
from engine.reports.pages import Page
from flows.show import COLOURS, console

WIDE = 170
NUMBERS = ("measured", "bar", "minimum", "target", "fail")
COLUMNS = ("measured", "bar", "verdict", "value alone", "forecast", "minimum", "target", "fail")


def show_page(asset: str, page: Page) -> None:
    """Print one gate of an asset. Nothing of it is markup: people have written some of it."""
    verdict = page.newest
    attempt = f", attempt {page.attempt}" if page.attempt > 1 else ""
    head = Text(f"{asset} · {page.gate}{attempt}  ", style="bold")
    console.print(head + Text(verdict.words, style=COLOURS[verdict.verdict]))
    about = "; ".join(part for part in (table.about(verdict), page.seen) if part)
    console.print(Text(f"{about}: {_course(page)}", style="dim"))
    if verdict.criteria:
        # as wide as it is: a figure cut to "8…" would be none
        Console(width=max(console.width, WIDE), highlight=False).print(_criteria(page))
    for line in (line for line in verdict.criteria if line.note):
        console.print(Text(f"{line.title or line.metric}: {line.note}", style="dim"))
    for reading in table.readings(verdict):
        console.print(Text(reading))
    for told in page.followed:
        console.print(Text(f"{told.at}  {told.said}"))
    made = " ".join(f"{name} {value[:12]}" for name, value in table.hashes(verdict).items())
    console.print(Text(f"{made} evidence {page.looks[-1].id}\n", style="dim"))


def _course(page: Page) -> str:
    """Return what the looks said one after the other, equal neighbours counted."""
    outcomes = groupby(table.said(look.verdict.verdict) for look in page.looks)
    counted = [(outcome, sum(1 for _ in same)) for outcome, same in outcomes]
    return ", ".join(f"{outcome} × {n}" if n > 1 else outcome for outcome, n in counted)


def _criteria(page: Page) -> Table:
    shown = Table(header_style="bold", box=SIMPLE_HEAD)
    for name in ("criterion", *COLUMNS):
        shown.add_column(name, justify="right" if name in NUMBERS else "left")
    for line, row in zip(page.newest.criteria, table.rows(page.newest), strict=True):
        told = row | {"measured": measured(line)}
        cells = [Text(told[name], style=_colour(told[name])) for name in ("criterion", *COLUMNS)]
        shown.add_row(*cells)
    return shown


def _colour(said: str) -> str:
    return COLOURS.get(said.replace(" ", "_"), "")
