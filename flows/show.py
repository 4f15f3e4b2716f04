"""How a terminal shows what happened: verdict tables, lists of assets, progress."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from engine.gates.prelive import ChecklistItem
from engine.gates.verdict import Verdict
from engine.gates.words import row

if TYPE_CHECKING:
    pass

COLOURS = {"PASS": "green", "FAIL": "red", "ERROR": "red", "NOT_YET": "yellow", "NO_DATA": "yellow"}
MARKS = {"ticked": "[green]✔[/]", "open": "[red]✗[/]", "person": "[yellow]?[/]"}

console = Console(highlight=False)
side = Console(stderr=True, highlight=False)  # what is told while it happens


def show_verdict(verdict: Verdict, to: Console = console) -> None:
    """Print a gate's sentence, and its criteria as a table."""
    colour = COLOURS[verdict.verdict]
    to.print(f"[bold]{verdict.asset} · {verdict.gate}[/]  [{colour}]{verdict.words}[/]")
    if verdict.criteria:
        to.print(_criteria(verdict))


def _criteria(verdict: Verdict) -> Table:
    table = Table(header_style="bold")
    for name in ("criterion", "measured", "needed", "target", "verdict", "note"):
        table.add_column(
            name, justify="right" if name in ("measured", "needed", "target") else "left"
        )
    for line in verdict.criteria:
        told = row(line) | {"verdict": f"[{COLOURS[line.verdict]}]{line.verdict}[/]"}
        table.add_row(*told.values())
    return table


@dataclass
class Narrator:
    """Tell a rehearsal while it runs: a table for every move, one line for every other look."""

    quiet: bool = False
    _untold: Verdict | None = None

    def step(self, step: Any) -> None:
        """Tell one step."""
        if self.quiet or step.verdict is None:
            return
        if step.after.stage == step.before.stage:
            self._untold = step.verdict
            side.print(f"[dim]{step.verdict.words}[/]")
            return
        self._untold = None
        show_verdict(step.verdict, side)
        side.print(f"[bold]{step.before.stage} → {step.after.stage}[/]\n")

    def end(self) -> None:
        """Show the last look in full where it led to no move."""
        if self._untold is not None:
            show_verdict(self._untold, side)


def rows_table(title: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return a list of like rows as a table, one column per key of the first."""
    table = Table(title=title, title_justify="left", header_style="bold")
    names = list(rows[0]) if rows else ["nothing"]
    for name in names:
        table.add_column(name.replace("_", " "), justify=_side(rows[0][name]) if rows else "left")
    for values in rows:
        table.add_row(*(_cell(values[name]) for name in names))
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
        console=side, transient=True, disable=quiet,
    )  # fmt: skip
    with bar:
        task = bar.add_task(label, total=None)
        yield lambda name, done, total: bar.update(
            task, description=name, completed=done, total=total
        )
