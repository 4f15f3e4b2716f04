"""How a quote's terms are shown: one line a term, in bps of the mid, adding up."""

from datetime import UTC, datetime

from rich.table import Table

from engine.runners.explain import Explanation
from flows.show import console, rows_table


def show(e: Explanation) -> None:
    """Print the quote, its terms, and the state they come from."""
    at = datetime.fromtimestamp(e.ts_ns / 1e9, UTC).isoformat(timespec="milliseconds")
    market = f"{_px(e.market_bid)} / {_px(e.market_ask)}"
    console.print(f"[bold]{e.asset}[/] at {at}: mid {e.mid:.8g}, market {market}")
    table = Table(title="distance from the mid, bps", title_justify="left", header_style="bold")
    table.add_column("term")
    sides = (e.bid, e.ask)
    for side in sides:
        table.add_column(f"{side.side} {_px(side.px)}", justify="right")
    for name in e.bid.terms_bps:
        terms = [side.terms_bps[name] for side in sides]
        table.add_row(name, *(f"{term:+.4f}" for term in terms), style="" if any(terms) else "dim")
    table.add_section()
    table.add_row("sum", *(f"{side.distance_bps:+.4f}" for side in sides), style="bold")
    console.print(table)
    console.print(rows_table("state", [{"what": k, "value": v} for k, v in e.state.items()]))


def _px(px: float | None) -> str:
    return "nothing" if px is None else f"{px:.8g}"
