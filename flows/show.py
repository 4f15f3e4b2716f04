"""How a terminal shows what happened: verdict tables, lists of assets, progress."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from engine.gates.prelive import ChecklistItem
from engine.gates.verdict import Verdict
from engine.gates.words import quantity

COLOURS = {"PASS": "green", "FAIL": "red", "ERROR": "red", "NOT_YET": "yellow", "NO_DATA": "yellow"}
MARKS = {"ticked": "[green]✔[/]", "open": "[red]✗[/]", "person": "[yellow]?[/]"}

console = Console(highlight=False)
narrator = Console(stderr=True, highlight=False)


def verdict_table(verdict: Verdict) -> Table:
    """Return a gate's criteria as a table under its sentence."""
    colour = COLOURS[verdict.verdict]
    table = Table(
        title=f"[bold]{verdict.asset} · {verdict.gate}[/]  [{colour}]{verdict.words}[/]",
        title_justify="left",
        header_style="bold",
    )
    for name in ("criterion", "measured", "needed", "target", "verdict", "note"):
        table.add_column(
            name, justify="right" if name in ("measured", "needed", "target") else "left"
        )
    for line in verdict.criteria:
        sign = ">" if line.direction == "higher" else "<"
        table.add_row(
            line.title or line.metric,
            _said(line.value, line.unit),
            _said(line.bound, line.unit, sign),
            _said(line.target, line.unit, sign),
            f"[{COLOURS[line.verdict]}]{line.verdict}[/]",
            line.note,
        )
    return table


def _said(value: float | None, unit: str, sign: str = "") -> str:
    return "–" if value is None else f"{sign} {quantity(value, unit)}".strip()


def rows_table(title: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return a list of like rows as a table, one column per key of the first."""
    table = Table(title=title, title_justify="left", header_style="bold")
    names = list(rows[0]) if rows else ["nothing"]
    for name in names:
        table.add_column(name.replace("_", " "), justify=_side(rows[0][name]) if rows else "left")
    for row in rows:
        table.add_row(*(_cell(row[name]) for name in names))
    return table


def _side(value: Any) -> Any:
    return "right" if isinstance(value, int | float) and not isinstance(value, bool) else "left"


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,.6g}" if isinstance(value, float) else str(value)


def checklist(title: str, items: Iterable[ChecklistItem]) -> None:
    """Print a checklist with the evidence of every line."""
    console.print(f"[bold]{title}[/]")
    for item in items:
        console.print(f" {MARKS[item.status]} {item.text}\n     [dim]{item.evidence}[/]")


@contextmanager
def progress(label: str, quiet: bool = False) -> Iterator[Any]:
    """Show a bar on stderr while the block runs; it yields ``update(label, done, total)``."""
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(),
        console=narrator, transient=True, disable=quiet,
    )  # fmt: skip
    with bar:
        task = bar.add_task(label, total=None)
        yield lambda name, done, total: bar.update(
            task, description=name, completed=done, total=total
        )
