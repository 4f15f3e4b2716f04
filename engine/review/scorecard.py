"""One run's day on one card: what it said, what came, what it earned and from what.

The card is made of rows of the store (queries ``placements``, ``course``, ``signals`` and
``events``) and of nothing else; what was not measured is None.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, FiniteFloat

from engine.review import edge
from engine.review.edge import HourEdge
from engine.review.forecasts import LEVEL, Forecasts, judge_forecasts
from engine.review.information import Decay, Information, decay, information, next_moves
from engine.review.intervals import Estimate, ratio
from engine.thresholds.monitor import DecayLimits

DAY_NS: Final = 86_400_000_000_000
SIGNALS: Final = {
    "micro": "alpha_micro_bps",
    "flow": "alpha_flow_bps",
    "lead": "alpha_lead_bps",
    "cross": "alpha_cross_bps",
}
"""Signal -> the column that says what it adds to the price."""


class Attribution(BaseModel):
    """Where the change of equity came from [USD]; what was lost is negative, fees included."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    spread_usd: FiniteFloat
    adverse_usd: FiniteFloat
    inventory_usd: FiniteFloat
    fees_usd: FiniteFloat
    funding_usd: FiniteFloat
    equity_usd: FiniteFloat
    closes_to_usd: FiniteFloat  # the change of equity less the sum of the five


class SignalReport(BaseModel):
    """One signal's day, and its fading over the days before."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    signal: str
    information: Information | None
    decay: Decay | None
    words: str


class Quoting(BaseModel):
    """How the day's quoting went: hours, orders filled per quoted hour, drawdown, last κ."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hours: FiniteFloat
    quoted_hours: FiniteFloat
    fill_rate: Estimate | None
    adverse_null: FiniteFloat | None  # how often a fill at a random time would have looked adverse
    drawdown_usd: FiniteFloat
    kappa: FiniteFloat | None
    kappa_confidence: FiniteFloat | None
    spread_ratio: FiniteFloat | None


class Scorecard(BaseModel):
    """One run, one window; by default a UTC day, without its first instant and with its last."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    asset: str
    mode: str
    from_ns: int
    until_ns: int
    fills: int
    kills: int
    quoting: Quoting | None
    forecasts: Forecasts | None
    edge_bps: Estimate | None
    edge_60_bps: Estimate | None
    edge_300_bps: Estimate | None
    forecast_gap_bps: Estimate | None
    edge_by_hour: tuple[HourEdge, ...]
    adverse_rate: Estimate | None
    signals: tuple[SignalReport, ...]
    attribution: Attribution | None


class Rows(NamedTuple):
    """What a scorecard is made of: the rows of the four queries."""

    placements: pl.DataFrame
    course: pl.DataFrame
    signals: pl.DataFrame
    kills: int


def scorecard(
    who: Mapping[str, str],
    from_ns: int,
    until_ns: int,
    rows: Rows,
    limits: DecayLimits,
    rng: np.random.Generator,
) -> Scorecard:
    """Put one run's window on a card.

    Parameters
    ----------
    who
        `run`, `asset` and `mode`.
    from_ns, until_ns
        the window: after the one, up to the other.
    rows
        placements and course of the window; signals of the window and as many days before it as
        decay shall be measured over; kill events of the window.
    limits
        of a signal's fading, at which it is spoken of.
    rng
        where every interval and null draws from; the same state gives the same card.
    """
    fills = rows.placements
    return Scorecard(
        **who,
        from_ns=from_ns,
        until_ns=until_ns,
        fills=len(fills),
        kills=rows.kills,
        quoting=_quoting(rows.course, from_ns, rng),
        forecasts=_forecasts(fills, rng),
        edge_bps=edge.edge(fills, "mk5", rng),
        edge_60_bps=edge.edge(fills, "mk60", rng),
        edge_300_bps=edge.edge(fills, "mk300", rng),
        forecast_gap_bps=edge.forecast_gap(fills, rng),
        edge_by_hour=edge.edge_by_hour(fills, rng),
        adverse_rate=edge.adverse_rate(fills, rng),
        signals=_signals(rows.signals, (from_ns, until_ns - from_ns), limits, rng),
        attribution=_attribution(rows.course),
    )


def _forecasts(fills: pl.DataFrame, rng: np.random.Generator) -> Forecasts | None:
    known = fills.drop_nulls(["adverse", "p_adverse"])
    came = known["adverse"].cast(float)
    return judge_forecasts(known["p_adverse"], came, known["p_base"], edge.hours(known), rng)


def _quoting(course: pl.DataFrame, from_ns: int, rng: np.random.Generator) -> Quoting | None:
    live_s, quote_s = _change(course, "live_s"), _change(course, "quote_s")
    if live_s is None or quote_s is None:
        return None
    steps = course.select(pl.col("quote_s", "filled_orders").diff().slice(1))
    hour = (course["ts_ns"].to_numpy()[1:] - from_ns - 1) // edge.HOUR_NS
    tried, adverse = _change(course, "null_n"), _change(course, "null_adverse")
    equity, last = course["equity_usd"].to_numpy(), course.row(-1, named=True)
    ratios = _floats(course["spread_ratio"].drop_nulls())
    return Quoting(
        hours=live_s / 3600,
        quoted_hours=quote_s / 3600,
        fill_rate=ratio(steps["filled_orders"], steps["quote_s"] / 3600, hour, rng),
        adverse_null=adverse / tried if tried and adverse is not None else None,
        drawdown_usd=float((np.maximum.accumulate(equity) - equity).max()),
        kappa=last["kappa"],
        kappa_confidence=last["kappa_confidence"],
        spread_ratio=float(np.median(ratios)) if len(ratios) else None,
    )


def _change(course: pl.DataFrame, name: str) -> float | None:
    known = course[name].drop_nulls()
    return float(known[-1] - known[0]) if len(known) > 1 else None


def _attribution(course: pl.DataFrame) -> Attribution | None:
    parts = ("spread_usd", "adverse_usd", "inventory_usd", "fees_usd", "funding_usd")
    known = course.drop_nulls(parts)
    if len(known) < 2:
        return None
    first, last = known.row(0, named=True), known.row(-1, named=True)
    change = {name: last[name] - first[name] for name in (*parts, "equity_usd")}
    change["fees_usd"] = -change["fees_usd"]
    rest = change["equity_usd"] - sum(change[name] for name in parts)
    return Attribution(**change, closes_to_usd=rest)


def _signals(
    samples: pl.DataFrame,
    window_ns: tuple[int, int],
    limits: DecayLimits,
    rng: np.random.Generator,
) -> tuple[SignalReport, ...]:
    from_ns, length_ns = window_ns
    window = (samples["ts_ns"].to_numpy() - 1 - from_ns) // length_ns  # 0 is the card's own
    told: dict[str, dict[int, Information | None]] = {name: {} for name in SIGNALS}
    for nr in np.unique(window):
        part = samples.filter(pl.Series(window == nr))
        moves = next_moves(part["ts_ns"], _floats(part["mid"]))
        for name, column in SIGNALS.items():
            told[name][int(nr)] = information(_floats(part[column]), moves, rng)
    days = length_ns / DAY_NS
    return tuple(_signal(name, each, days, limits) for name, each in told.items())


def _floats(column: pl.Series) -> Any:
    return column.cast(pl.Float64).fill_null(np.nan).to_numpy()


def _signal(
    name: str, told: Mapping[int, Information | None], days: float, limits: DecayLimits
) -> SignalReport:
    today = told.get(0)
    fading = decay([days * nr for nr in told], list(told.values()), limits)
    words = "nothing to measure: absent, constant, or too few samples"
    if today is not None:
        # four signals are asked, so each must be four times as sure
        tells = today.p_value < LEVEL / len(SIGNALS)
        words = f"{today.bits:.2g} bits a sample" if tells else "not distinguishable from zero"
        words += f" (p = {today.p_value:.2g})"
    return SignalReport(signal=name, information=today, decay=fading, words=words)
