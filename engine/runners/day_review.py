"""The review of one day of one asset: read its newest run, put it on a card, hold it to limits."""

from datetime import UTC, date, datetime
from typing import NamedTuple

import numpy as np

from engine.policy import Policy
from engine.review.adjustments import Adjustment, Limits, adjustments
from engine.review.scorecard import DAY_NS, Rows, Scorecard, scorecard
from engine.store.home import Home
from engine.store.metrics import Metrics

MEMORY_DAYS = 28  # over which the fading of a signal is measured


class DayReview(NamedTuple):
    """A scorecard, and what the procedure would change after it."""

    card: Scorecard
    adjustments: tuple[Adjustment, ...]


def review_day(
    home: Home, asset: str, policy: Policy, day: str | None = None, *, over: bool = False
) -> DayReview:
    """Review one UTC day of an asset's newest run in it; by default its last day.

    Parameters
    ----------
    over
        take the last day that is over, not the one in progress.

    Raises
    ------
    ValueError
        if the asset has no run, or none on that day.
    """
    with Metrics.open(home) as metrics:
        metrics.ingest()
        who, from_ns = _find(metrics, asset, _day_ns(day), back=int(over))
        window = {"run": who["run"], "from_ns": from_ns, "until_ns": from_ns + DAY_NS}
        kills = metrics.query("events", run=who["run"], name="kill")
        rows = Rows(
            placements=metrics.query("placements", **window),
            course=metrics.query("course", **window),
            signals=metrics.query(
                "signals", **window | {"from_ns": from_ns - (MEMORY_DAYS - 1) * DAY_NS}
            ),
            kills=len(kills.filter(kills["ts_ns"].is_between(from_ns + 1, from_ns + DAY_NS))),
        )
        limits = _limits(metrics, who["run"], policy)
    rng = np.random.default_rng(from_ns // DAY_NS)
    card = scorecard(who, from_ns, from_ns + DAY_NS, rows, policy.monitor.decay, rng)
    return DayReview(card, adjustments(card, limits))


def _day_ns(day: str | None) -> int | None:
    if day is None:
        return None
    try:
        return (date.fromisoformat(day).toordinal() - date(1970, 1, 1).toordinal()) * DAY_NS
    except ValueError:
        raise ValueError(f"day: must be YYYY-MM-DD, was {day!r}") from None


def _find(
    metrics: Metrics, asset: str, from_ns: int | None, back: int
) -> tuple[dict[str, str], int]:
    """Return the newest run with samples on a day, and when that day began.

    Without a day it is the newest run's last, or so many days `back`.
    """
    runs = metrics.query("runs", asset=asset).to_dicts()
    if not runs:
        raise ValueError(f"asset {asset!r} has no run yet; nothing to review")
    last = ((runs[0]["last_ns"] - 1) // DAY_NS - back) * DAY_NS
    start = last if from_ns is None else from_ns
    for run in runs:
        if run["last_ns"] > start and run["first_ns"] <= start + DAY_NS:
            return {name: run[name] for name in ("run", "asset", "mode")}, start
    first, last = min(run["first_ns"] for run in runs), max(run["last_ns"] for run in runs)
    raise ValueError(f"day: {asset} has samples from {_utc(first)} to {_utc(last)}, none on it")


def _limits(metrics: Metrics, run: str, policy: Policy) -> Limits:
    lines = policy.paper.validation.criteria
    least = next(line.minimum for line in lines if line.metric == "fill_rate")
    known = metrics.query("allocation", run=run).to_dicts()
    return Limits(
        adjust=policy.monitor.adjust, fill_rate_minimum=least, **known[0] if known else {}
    )


def _utc(ts_ns: int) -> str:
    return datetime.fromtimestamp(ts_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M")


def remarks(review: DayReview) -> list[str]:
    """Return what the day asks a person to do: adjustments proposed, and signals that fade."""
    proposed = [f"{one.about}: {one.proposal}" for one in review.adjustments if one.proposal]
    fading = [
        f"signal {one.signal} {one.decay.words} ({one.decay.alarm})"
        for one in review.card.signals
        if one.decay is not None and one.decay.alarm != "none"
    ]
    return proposed + fading
