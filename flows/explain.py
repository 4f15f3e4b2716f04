"""How a quote's terms are shown: one line a term, in bps of the mid, adding up."""

from datetime import UTC, datetime

from rich.table import Table

from engine.runners.explain import Explanation
from flows.show import console, rows_table


def show(e: Explanation) -> None:
    """Print the quote, its terms, and the state they come from."""
    at = datetime.fromtimestamp(e.ts_ns / 1e9, UTC).isoformat(timespec="milliseconds")
    console.print(f"[bold]{e.asset}[/] at {at}: mid {e.mid:.8g}, market {_px(e.market_bid)} / ", end="")
    console.print(_px(e.market_ask))
    table = Table(title="distance from the mid, bps", title_justify="left")
    table.add_column("term")
    for side in (e.bid, e.ask):
        table.add_column(f"{side.side} {_px(side.px)}", justify="right")
    for name in e.bid.terms_bps:
        terms = [side.terms_bps[name] for side in (e.bid, e.ask)]
        style = None if any(terms) else "dim"
        table.add_row(name, *(f"{term:+.4f}" for term in terms), style=style)
    table.add_section()
    table.add_row("distance", *(f"{side.distance_bps:+.4f}" for side in (e.bid, e.ask)), style="bold")
    console.print(table)
    console.print(rows_table("state", [{"what": k, "value": v} for k, v in e.state.items()]))


def _px(px: float | None) -> str:
    return "not quoted" if px is None else f"{px:.8g}"
