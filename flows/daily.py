"""How a terminal shows the review of a day."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from engine.review.adjustments import said
from engine.review.forecasts import Forecasts
from engine.review.intervals import Estimate
from engine.review.scorecard import Scorecard
from engine.runners.day_review import DayReview
from flows.show import console, rows_table

UNMEASURED = "–"


def show(result: DayReview, to: Console = console) -> None:
    """Print a card as plain tables."""
    card = result.card
    table = Table(title=_title(card), title_justify="left", show_header=False)
    for name, value in _lines(card):
        table.add_row(name, value)
    to.print(table)
    to.print(rows_table("signals, against the move to the next sample", list(_signals(card))))
    if card.forecasts:
        rows = [row.model_dump() for row in card.forecasts.curve]
        to.print(rows_table("calibration of P(adverse)", rows))
    if card.edge_by_hour:
        title = "edge by hour, bps (1 in 20 misses)"
        to.print(rows_table(title, list(_hours(card))))
    for one in result.adjustments:
        to.print(f"[bold]{one.about}[/]  {one.finding}")
        to.print(f"  [dim]→ {one.proposal or 'nothing to change'}[/]")


def _title(card: Scorecard) -> str:
    return f"{card.asset} on {_utc(card.from_ns)[:10]} · {card.run} ({card.mode})"


def _lines(card: Scorecard) -> Iterator[tuple[str, str]]:
    quoting, money = card.quoting, card.attribution
    if quoting:
        yield "hours, with both sides quoted", f"{quoting.hours:.2f}, {quoting.quoted_hours:.2f}"
        yield "filled orders per quoted hour", _said(quoting.fill_rate)
    yield "fills followed to the end", str(card.fills)
    edges = (card.edge_bps, card.edge_60_bps, card.edge_300_bps)
    yield "edge at 5, 60, 300 s, bps", "; ".join(_said(one) for one in edges)
    yield "edge less what was expected, bps", _said(card.forecast_gap_bps)
    null = quoting.adverse_null if quoting else None
    chance = "" if null is None else f" against {null:.3g} at random times"
    yield "adverse within 5 s", _said(card.adverse_rate) + chance
    yield from _forecasts(card.forecasts)
    if money is None:
        yield "attribution", UNMEASURED
        return
    for name, usd in money.model_dump(exclude={"closes_to_usd", "equity_usd"}).items():
        yield f"  {name.removesuffix('_usd')}, USD", f"{usd:+,.4f}"
    yield "change of equity, USD", f"{money.equity_usd:+,.4f}"
    yield "closes to, USD", f"{money.closes_to_usd:.1e}"


def _forecasts(one: Forecasts | None) -> Iterator[tuple[str, str]]:
    if one is None:
        yield "Brier score of P(adverse)", UNMEASURED
        return
    parts = one.score
    yield "Brier score of P(adverse)", f"{parts.brier:.4f} over {one.n} fills; always ½ scores 0.25"
    within = parts.within_variance - parts.within_covariance
    three = f"{parts.reliability:.4f} − {parts.resolution:.4f} + {parts.uncertainty:.4f}"
    yield "  reliability − resolution + uncertainty", f"{three}, within bins {within:+.4f}"
    yield "  skill over the base rate", _said(one.skill)
    ratio = one.information
    if ratio is None:
        yield "  information ratio", UNMEASURED
        return
    verdict = "adds information" if ratio.informs else "not distinguishable from luck"
    luck = f"luck: {ratio.null_mean:.3g}; p = {ratio.p_value:.2g}"
    yield "  information ratio", f"{ratio.value:.3g} ({luck}): {verdict}"


def _signals(card: Scorecard) -> Iterator[dict[str, Any]]:
    for one in card.signals:
        told, fading = one.information, one.decay
        yield {
            "signal": one.signal,
            "samples": told.n if told else None,
            "bits": told.bits if told else None,
            "shuffled": told.null_bits if told else None,
            "verdict": one.words,
            "decay": fading.words if fading else None,
        }


def _hours(card: Scorecard) -> Iterator[dict[str, Any]]:
    for one in card.edge_by_hour:
        yield {"hour": one.hour} | one.edge_bps.model_dump(exclude={"blocks"})


def _said(one: Estimate | None) -> str:
    return UNMEASURED if one is None else said(one)


def _utc(ts_ns: int) -> str:
    return datetime.fromtimestamp(ts_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M")
