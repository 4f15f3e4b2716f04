"""Volatility per square root of a second, from mids on a one-second grid.

Realised variance with previous-tick sampling and exponential forgetting:
``v <- v + (r^2 - v) / w`` with r the log return over one grid second, ``w <- 2^(-1/h) w + 1``
and h the half-life (docs/model.md, eq. 1).

References
----------
Andersen, Bollerslev, Diebold and Labys, *Modeling and forecasting realized volatility*,
Econometrica 71 (2003), sec. 2; the forgetting is RiskMetrics (1996), eq. 5.3.
"""

import math
from typing import Annotated, Any

from engine.record import f8, i8, kernel, record

GRID_NS = 1_000_000_000
HALFLIFE_S = 300.0
PRIOR_SIGMA = 2.5e-4  # per √s, about 140 % a year
PRIOR_WEIGHT_S = 30.0
ADVERSE_BPS = 1.0
NULL_LAG = 5  # grid seconds


@record
class Volatility:
    """`weight` counts the grid seconds remembered, the prior's among them; `mids` is a ring."""

    var_per_s: f8
    weight: f8
    last_mid: f8
    next_ns: i8
    mids: Annotated[f8, NULL_LAG + 1]
    grid: i8
    null_n: i8
    null_adverse: i8


@kernel
def update(v: Any, mid: float, ts_ns: int) -> None:
    """Absorb the mid that held until `ts_ns`; call it before the mid changes."""
    if v.next_ns == 0:
        v.next_ns = ts_ns - ts_ns % GRID_NS + GRID_NS
    if ts_ns - v.next_ns > 60 * GRID_NS:
        forget_path(v, ts_ns)  # a gap is not a run of zero returns
    while v.next_ns <= ts_ns:
        _grid_second(v, mid)
        v.next_ns += GRID_NS


@kernel
def forget_path(v: Any, ts_ns: int) -> None:
    """Start a new path after a gap: keep the variance, drop the last mids."""
    v.last_mid = 0.0
    v.grid = 0
    v.next_ns = ts_ns - ts_ns % GRID_NS + GRID_NS


@kernel
def _grid_second(v: Any, mid: float) -> None:
    if v.weight == 0.0:
        v.weight = PRIOR_WEIGHT_S
        v.var_per_s = PRIOR_SIGMA * PRIOR_SIGMA
    if v.last_mid > 0.0:
        r = math.log(mid / v.last_mid)
        keep = 0.5 ** (1.0 / HALFLIFE_S)
        v.weight = keep * v.weight + 1.0
        v.var_per_s += (r * r - v.var_per_s) / v.weight
    v.last_mid = mid
    _count_null(v, mid)


@kernel
def _count_null(v: Any, mid: float) -> None:
    """Count how often a fill at a random time would be adverse: the matched null of the AS rate.

    docs/model.md, eq. 2.
    """
    v.mids[v.grid % (NULL_LAG + 1)] = mid
    if v.grid >= NULL_LAG:
        move = 1e4 * (mid / v.mids[(v.grid - NULL_LAG) % (NULL_LAG + 1)] - 1.0)
        v.null_n += 2  # one random buy and one random sell
        if abs(move) > ADVERSE_BPS:
            v.null_adverse += 1
    v.grid += 1


@kernel
def sigma(v: Any) -> float:
    """Return the volatility [1/√s]; the prior it starts from fades as any other second does."""
    return math.sqrt(v.var_per_s) if v.weight > 0.0 else PRIOR_SIGMA
