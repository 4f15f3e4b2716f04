"""How a terminal shows what a market's data promise: beside the table, and a ranked universe."""

from typing import TYPE_CHECKING, Any

from engine.derive.economics import Economics
from engine.gates.verdict import CriterionResult
from engine.gates.words import lowered, row
from flows.show import COLOURS, console, rows_table

if TYPE_CHECKING:
    from engine.derive.viability import ViabilityReport
    from engine.runners.screening import Screening


def show_economics(found: Economics, report: "ViabilityReport") -> None:
    """Print the lines, the depth they were judged at, and whether they agree with the table."""
    rows: list[dict[str, Any]] = [row(line) for line in found.verdict.criteria]
    for one in rows:
        del one["target"]
    console.print(rows_table(f"{found.asset}, from its own data (${found.capital_usd:,.0f})", rows))
    colour = COLOURS[found.verdict.verdict]
    console.print(f"[{colour}]{found.verdict.words}[/]")
    for line in (_depth_words(found), disagreement(found, report)):
        if line:
            console.print(line)


def _depth_words(found: Economics) -> str:
    best = found.best
    if best is None or best.edge_bps is None or best.margin_bps is None:
        return ""
    said = (
        f"Last in the queue at {best.depth_bps:g} bps: {best.joined_per_h:.1f} fills an hour of "
        f"${found.order_usd:,.0f} ({best.front_per_h:.1f} in front); the mid follows by "
        f"{best.move_5s_bps:.1f} bps in 5 s, edge {best.edge_bps:.1f} bps, after inventory, "
        f"funding and the gap to live {best.margin_bps:.1f} bps"
    )
    money = "" if found.usd_per_day is None else f": {found.usd_per_day:,.2f} $ a day"
    waiting = found.usd_per_waiting_day
    queue = "" if waiting is None else f"; {waiting:,.2f} $ per day of waiting"
    return f"{said}{money}{queue}."


def disagreement(found: Economics, report: "ViabilityReport") -> str:
    """Return the words for a table and data that point different ways; empty where they do not."""
    data, table = found.verdict.verdict, report.verdict.verdict
    if {data, table} != {"PASS", "FAIL"}:
        return ""
    return (
        f"The table says {table}, the data say {data}. The table is the verdict; going against it "
        "takes an approval."
    )


def show_screening(found: "Screening") -> None:
    """Print a universe, best first."""
    title = (
        f"{found.universe}, ${found.capital_usd:,.0f} each, by expected $ a day per day of waiting"
    )
    console.print(rows_table(title, screening_rows(found)))
    for note in found.notes:
        console.print(f"[dim]· {note}[/]")


def screening_rows(found: "Screening") -> list[dict[str, Any]]:
    """Return one row per asset: what it may bring, and what decides."""
    return [
        {
            "asset": one.asset,
            "$/waiting": _told(one.economics.usd_per_waiting_day, "{:,.2f}"),
            "$/day": _told(one.economics.usd_per_day, "{:,.2f}"),
            "hours": _told(_line(one.economics, "verdict_hours").value, "{:.0f}"),
            "margin_bps": _margin(_line(one.economics, "net_margin_bps")),
            "volume": _told(one.day_volume_usd and one.day_volume_usd / 1e6, "${:,.1f}M"),
            "table": one.decision.replace("_", " "),
            "data": one.economics.verdict.verdict.replace("_", " "),
            "weakest_link": weakest_link(one.economics),
        }
        for one in found.ranked
    ]


def weakest_link(found: Economics) -> str:
    """Return the first line that speaks for the verdict; a dash where all hold."""
    verdict = found.verdict
    weakest = [one for one in verdict.criteria if one.verdict == verdict.verdict]
    if verdict.verdict == "PASS":
        return "–"
    if not weakest:
        return "hours of market data"
    title = lowered(weakest[0].title)
    return f"{title}: no data" if weakest[0].value is None else title


def _line(found: Economics, metric: str) -> CriterionResult:
    return next(one for one in found.verdict.criteria if one.metric == metric)


def _margin(line: CriterionResult) -> str:
    bounds = "" if line.lo is None or line.hi is None else f" [{line.lo:.1f}, {line.hi:.1f}]"
    return _told(line.value, "{:.1f}") + bounds


def _told(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)
