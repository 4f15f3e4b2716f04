"""How paper trading is shown: a table that follows the market, and one of what became of it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.live import Live
from rich.markup import escape
from rich.table import Table

from engine.config import AssetSpec
from engine.runners.paper import PaperResult
from engine.runners.paper_asked import paper_spec, trade_as_asked
from engine.runners.paper_look import PaperLook, Standing
from engine.runners.simulated import warm
from engine.runners.stopping import stop_signals
from engine.store.home import Home
from flows.show import console, progress, side

NOTHING = "–"


def run(
    asset: str,
    capital_usd: float,
    root: Path | None,
    *,
    quiet: bool,
    asked: Mapping[str, Any],
    how: Mapping[str, Any],
) -> PaperResult:
    """Trade on paper until the stream ends, the hours are over or a signal comes.

    Parameters
    ----------
    root
        directory of all state; the usual one where absent.
    asked, how
        the rest of `AssetSpec`, and of `trade_as_asked`.
    """
    wanted = AssetSpec(asset=asset, capital_usd=capital_usd, **asked)
    home = Home(root) if root else Home()
    with progress(f"deriving a config for {asset}", quiet):
        spec = paper_spec(wanted, home)
        warm()
    with stop_signals() as stop, _following(asset, quiet) as on_look:
        return trade_as_asked(wanted, spec, home, stop=stop, on_look=on_look, **how)


def show_result(result: PaperResult) -> None:
    """Print what became of a run, under each fill model."""
    console.print(_table(result.asset, result.look))
    console.print(f"[bold]{result.asset}[/]: {result.why} after {result.hours:.2f} h of the run")
    left_out = {**result.dropped, **result.noted}
    told = ", ".join(f"{n:,} {escape(why)}" for why, n in sorted(left_out.items())) or "none"
    console.print(f"[dim]{result.events:,} events heard; left out or late: {told}[/]")
    if result.lag_p50_ms is not None and result.lag_p99_ms is not None:
        console.print(
            f"[dim]our own lag, which paper does not simulate: {result.lag_p50_ms:.2f} ms median, "
            f"{result.lag_p99_ms:.2f} ms at 99 %[/]"
        )
    if result.cpu_share is not None:
        console.print(f"[dim]{result.cpu_share:.1%} of one core[/]")
    console.print(f"[dim]run {result.run}: the same command goes on with it[/]")


@contextmanager
def _following(asset: str, quiet: bool) -> Iterator[Callable[[PaperLook], None] | None]:
    """Show a table on stderr that every look replaces, while the block runs; nothing if quiet."""
    if quiet:
        yield None
        return
    with Live(console=side, auto_refresh=False, transient=True) as live:
        yield lambda look: live.update(_table(asset, look), refresh=True)


def _table(asset: str, look: PaperLook) -> Table:
    at = datetime.fromtimestamp(look.ts_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S")
    age = NOTHING if look.book_age_s is None else f"{look.book_age_s:.1f} s old"
    market = f"mid {_px(look.mid)}, {_px(look.market_bid)} / {_px(look.market_ask)}, book {age}"
    table = Table(title=f"{asset} at {at}\n{market}", title_justify="left", header_style="bold")
    table.add_column("fills")
    for standing in look.models:
        table.add_column(standing.model, justify="right")
    rows = [_figures(standing) for standing in look.models]
    for name in rows[0]:
        table.add_row(name, *(row[name] for row in rows))
    if look.trouble:
        table.caption = escape(look.trouble)
    return table


def _figures(s: Standing) -> dict[str, str]:
    return {
        "bid": _px(s.own_bid),
        "ask": _px(s.own_ask),
        "position": f"{s.position:+,.6g}",
        "fills": f"{s.fills:,}, ${s.volume_usd:,.0f}",
        "edge at 5 s, bps": NOTHING if s.edge_bps is None else f"{s.edge_bps:+.2f}",
        "fees, funding": f"${-s.fees_usd:+,.2f}, ${s.funding_usd:+,.2f}",
        "profit": f"${s.pnl_usd:+,.2f}",
        "both sides quoted": f"{s.quoted_h:.2f} h",
        "requests": f"{s.requests:,} of {s.granted:,}",
        "refused": f"{s.refused:,}",
        "state": s.state,
    }


def _px(px: float | None) -> str:
    return NOTHING if px is None else f"{px:.8g}"
