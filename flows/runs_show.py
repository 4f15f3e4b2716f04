"""How runs in memory are shown: a row a session, a comparison, the parts of the gap."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from engine.review.intervals import Estimate
from engine.runners.comparing import MEASURES, Difference, Pair, common_hours, estimate
from engine.runners.gap import Gap
from engine.runners.replaying import Answer, ReplayResult
from engine.thresholds.paper import PaperPolicy
from flows.show import console

NOTHING = "–"
WIDE = 200
UNUSUAL = {"refused": "0", "stopped": "no"}  # columns that are shown where a row says otherwise


def show_replays(answers: Iterable[Answer]) -> None:
    """Print a row for every session that was played."""
    played = [one for one in answers if isinstance(one, ReplayResult)]
    if not played:
        return
    rows = [_row(one) for one in played]
    names = [name for name in rows[0] if any(row[name] != UNUSUAL.get(name) for row in rows)]
    table = _table(names, left=("session", "stopped"))
    for row in rows:
        table.add_row(*(row[name] for name in names))
    _print(table)
    seconds = sum(one.wall_s for one in played)
    hours = sum(one.total.hours for one in played)
    console.print(
        f"[dim]in brackets 95 %, over blocks of an hour; {hours:,.0f} session hours in "
        f"{seconds:,.1f} s of computing: {3600 * hours / seconds:,.0f} times real time[/]"
    )


def _table(names: Iterable[str], left: Sequence[str]) -> Table:
    table = Table(header_style="bold", box=SIMPLE_HEAD)
    for name in names:
        table.add_column(name, justify="left" if name in left else "right")
    return table


def _print(table: Table) -> None:
    """Print a table as wide as it is: a figure cut to "8…" would be none."""
    Console(width=max(console.width, WIDE), highlight=False).print(table)


def _row(one: ReplayResult) -> dict[str, str]:
    t, edge = one.total, estimate(one, MEASURES["edge"])
    return {
        "session": one.spec.name,
        "hours": f"{t.hours:,.1f}",
        "fills": f"{t.fills:,}",
        "fills/h": _number(t.fill_rate, ".1f"),
        "edge at 5 s, bps": NOTHING if edge is None else f"{edge.value:+.2f} {_bound(edge)}",
        "at 60 s": _number(t.edge_60_bps, "+.2f"),
        "net, bps": _number(t.net_bps, "+.2f"),
        "AS rate": _number(t.as_rate, ".0%"),
        "profit": f"${t.pnl_usd:+,.2f}",
        "drawdown": f"${one.max_drawdown_usd:,.2f}",
        "requests/$": _number(t.requests_per_usd, ".2f"),
        "refused": f"{t.refused:,}",
        "stopped": one.killed or "no",
    }


def show_comparison(
    titles: Sequence[str], pairs: Sequence[Pair], differences: Iterable[Difference]
) -> None:
    """Print what differs between A and B, measure by measure, and over which hours."""
    for name, title in zip("AB", titles, strict=True):
        console.print(f"[bold]{name}[/]  {title}")
    for pair in pairs:
        console.print(f"[dim]{_hours(pair)}[/]")
    table = _table(("measure", "A", "B", "A - B", "95 %"), left=("measure",))
    for one in differences:
        d = one.difference
        value, bound = (NOTHING, "") if d is None else (f"{d.value:+.3f}", _bound(d))
        sides = (_number(side, "+.3f") for side in (one.a, one.b))
        table.add_row(f"{one.measure}, {one.unit}", *sides, value, bound)
    _print(table)
    for one in differences:
        console.print(f"{one.measure}: {one.words}", markup=False)


def _hours(pair: Pair) -> str:
    told = f"{pair[0].spec.market.label}: {len(common_hours(pair))} hours"
    stops = [
        f"{name} was stopped in hour {one.spec.skip_hours + len(one.blocks)} ({one.killed})"
        for name, one in zip("AB", pair, strict=True)
        if one.killed
    ]
    return told + (f"; {' and '.join(stops)}, and what comes after is not compared" * bool(stops))


def show_gap(gap: Gap, policy: PaperPolicy) -> None:
    """Print the parts of the gap beside what the policy assumes, their sum, and a sentence."""
    edge = _number(gap.edge_bps, "+.2f")
    console.print(f"[bold]{gap.market}[/]: {gap.hours} hours; as gates judge it, edge {edge} bps")
    names = ("part", "assumed, bps", "on pessimistic", "measured, bps", "in words")
    table = _table(names, left=("part", "in words"))
    for row in gap.rows:
        kept = {None: NOTHING, True: "yes", False: "no"}[row.on_pessimistic]
        assumed = _number(row.assumed_bps, ".1f")
        table.add_row(row.part, assumed, kept, _measured(row.measured), row.words)
    table.add_section()
    kept = f"{policy.haircut_bps:.1f} of it"
    table.add_row("sum", f"{policy.gap_bps:.1f}", kept, _measured(gap.sum), style="bold")
    _print(table)
    for row in gap.rows:
        if row.how:
            console.print(f"[dim]{row.part}: {row.how}[/]")
    console.print(gap.words, markup=False)


def _measured(one: Estimate | None) -> str:
    return NOTHING if one is None else f"{one.value:+.2f} {_bound(one)}"


def _bound(one: Estimate) -> str:
    if one.lo is None or one.hi is None:
        return "(no bound)"
    return rf"\[{one.lo:+.2f}, {one.hi:+.2f}]"


def _number(value: Any, form: str) -> str:
    return NOTHING if value is None else format(value, form)
