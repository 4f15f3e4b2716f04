"""How far this session has learned, and how much tighter a hungry session may quote.

Progress is the mean of two progresses, from this session's data only. Until it is complete, and
while fills are fewer than wanted, the base half-spread is discounted; what a fill costs is not
(docs/model.md, "Learning").
"""

import math
from typing import Any

from engine.core.intensity import confidence
from engine.record import f8, i8, kernel, record

ENOUGH_OUTCOMES = 20.0
ENOUGH_CONFIDENCE = 0.5
COMPLETE = 0.95
MEMORY_S = 900.0  # a quarter of an hour, over which fills are counted


@record
class Calibration:
    """Filled orders, fading over a quarter of an hour."""

    recent_fills: f8
    ts_ns: i8


@kernel
def as_progress(markouts: Any) -> float:
    """Return min(outcomes / 20, 1): how much of adverse selection has been seen."""
    return min(markouts.outcomes / ENOUGH_OUTCOMES, 1.0)


@kernel
def kappa_progress(intensity: Any) -> float:
    """Return min(kappa_confidence / 0.5, 1): how well the fill intensity is known."""
    return min(confidence(intensity) / ENOUGH_CONFIDENCE, 1.0)


@kernel
def progress(markouts: Any, intensity: Any) -> float:
    """Return (as_progress + kappa_progress) / 2, zero at the start of a session."""
    return 0.5 * (as_progress(markouts) + kappa_progress(intensity))


@kernel
def count_fill(c: Any, now_ns: int) -> None:
    """Count one filled order."""
    c.recent_fills = recent_fills(c, now_ns) + 1.0
    c.ts_ns = now_ns


@kernel
def recent_fills(c: Any, now_ns: int) -> float:
    """Return the filled orders remembered, those of a quarter of an hour ago weighing 1/e."""
    return c.recent_fills * math.exp(-max(now_ns - c.ts_ns, 0) * 1e-9 / MEMORY_S)


@kernel
def share(c: Any, done: float, fills_per_h: float, least: float, now_ns: int) -> float:
    """Return the share of the base half-spread to quote while learning, in [least, 1].

    Parameters
    ----------
    done : `progress`
    fills_per_h : filled orders wanted per hour
    least : share quoted with no fill and no progress
    """
    if done >= COMPLETE:
        return 1.0
    wanted = fills_per_h * MEMORY_S / 3600.0
    fed = max(min(recent_fills(c, now_ns) / wanted, 1.0), least)
    return fed + (1.0 - fed) * done
