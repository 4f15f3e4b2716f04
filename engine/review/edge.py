"""What fills earned: edge over the day and by hour of the day, and how often the market turned.

``edge_h = markout_h - fee`` [bps], weighted by notional (docs/model.md, "What happens after a
fill").
"""

from typing import Any

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict

from engine.review.intervals import Estimate, ratio

HOUR_NS = 3_600_000_000_000
CLUSTER_NS = 300_000_000_000  # fills of five minutes share the market's move


class HourEdge(BaseModel):
    """The edge of the fills in one hour of the day, UTC."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hour: int
    edge_bps: Estimate


def hours(frame: pl.DataFrame) -> Any:
    """Return the hour each row belongs to: the blocks of the day's intervals."""
    return frame["ts_ns"].to_numpy() // HOUR_NS


def edge(fills: pl.DataFrame, column: str, rng: np.random.Generator) -> Estimate | None:
    """Return the edge at the horizon of `column` [bps], with an interval over hourly blocks."""
    return _edge(fills.drop_nulls(column), column, HOUR_NS, rng)


def edge_by_hour(fills: pl.DataFrame, rng: np.random.Generator) -> tuple[HourEdge, ...]:
    """Return the edge at 5 s by hour of the day, with intervals over five-minute clusters.

    This is for reading. Of 24 such intervals one misses by chance, and an hour that was bad once
    is no reason to quote otherwise in it: see it again on another day first.
    """
    known = fills.drop_nulls("mk5")
    of_day = hours(known) % 24
    rows = []
    for hour in np.unique(of_day):
        one = _edge(known.filter(pl.Series(of_day == hour)), "mk5", CLUSTER_NS, rng)
        if one is not None:
            rows.append(HourEdge(hour=int(hour), edge_bps=one))
    return tuple(rows)


def forecast_gap(fills: pl.DataFrame, rng: np.random.Generator) -> Estimate | None:
    """Return what was earned at 5 s less what was expected when the order was placed [bps]."""
    known = fills.drop_nulls(["mk5", "expected_edge_bps"])
    weight = known["notional_usd"]
    gap = known["mk5"] - known["fee_bps"] - known["expected_edge_bps"]
    return ratio(weight * gap, weight, hours(known), rng)


def adverse_rate(fills: pl.DataFrame, rng: np.random.Generator) -> Estimate | None:
    """Return the share of fills after which the mid moved against us by more than 1 bp in 5 s."""
    known = fills.drop_nulls("adverse")
    return ratio(known["adverse"].cast(float), np.ones(len(known)), hours(known), rng)


def _edge(
    known: pl.DataFrame, column: str, block_ns: int, rng: np.random.Generator
) -> Estimate | None:
    weight = known["notional_usd"]
    block = known["ts_ns"].to_numpy() // block_ns
    return ratio(weight * (known[column] - known["fee_bps"]), weight, block, rng)
