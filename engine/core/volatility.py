"""Volatility per square root of a second, from mids on a one-second grid, and its jumps.

Realised variance with previous-tick sampling and exponential forgetting:
``v <- v + (r^2 - v) / w`` with r the log return over one grid second, ``w <- 2^(-1/h) w + 1``
and h the half-life. Beside it the bipower variation, the same mean of (π/2)·|r|·|r₋₁|, which a
single jump hardly moves: what v has more of is jumps. Where the mid stands still in many seconds
the product is mostly zero without any jump, which is corrected for (docs/model.md, Volatility).

References
----------
Andersen, Bollerslev, Diebold and Labys, *Modeling and forecasting realized volatility*,
Econometrica 71 (2003), sec. 2; the forgetting is RiskMetrics (1996), eq. 5.3. Barndorff-Nielsen and
Shephard, *Power and bipower variation with stochastic volatility and jumps*, J. Financ. Econom. 2
(2004); Lee and Mykland, *Jumps in financial markets*, Rev. Financ. Stud. 21 (2008), eq. 7.
"""

import math
from typing import Annotated, Any

from engine.record import f8, i8, kernel, record

GRID_NS = 1_000_000_000
HALFLIFE_S = 300.0
FAST_HALFLIFE_S = 60.0
PRIOR_SIGMA = 2.5e-4  # per √s, about 140 % a year
PRIOR_WEIGHT_S = 30.0
ADVERSE_BPS = 1.0
NULL_LAG = 5  # grid seconds
JUMP_SIGMAS = 4.0  # a Gaussian return goes beyond it once in four hours
JUMP_WARM_S = 90.0  # of `weight`: a minute seen, so the prior is less than a third of the variance
PAIRS_NEEDED = 10.0  # pairs of seconds that both moved, for the bipower to weigh as much as v


@record
class Volatility:
    """`weight` counts the grid seconds remembered, the prior's among them; `mids` is a ring."""

    var_per_s: f8
    weight: f8
    fast_var_per_s: f8
    fast_weight: f8
    bipower_per_s: f8
    moving: f8  # share of seconds in which the mid moved
    last_size: f8  # |r| of the second before
    jumps: i8
    last_mid: f8
    next_ns: i8
    mids: Annotated[f8, NULL_LAG + 1]
    grid: i8
    null_n: i8
    null_adverse: i8


@kernel
def update(v: Any, mid: float, ts_ns: int) -> int:
    """Absorb the mid that held until `ts_ns`; call it before the mid changes.

    Returns how many grid seconds that closed.
    """
    if v.next_ns == 0:
        v.next_ns = ts_ns - ts_ns % GRID_NS + GRID_NS
    if ts_ns - v.next_ns > 60 * GRID_NS:
        forget_path(v, ts_ns)  # a gap is not a run of zero returns
    closed = 0
    while v.next_ns <= ts_ns:
        _grid_second(v, mid)
        v.next_ns += GRID_NS
        closed += 1
    return closed


@kernel
def forget_path(v: Any, ts_ns: int) -> None:
    """Start a new path after a gap: keep the variance, drop the last mids."""
    v.last_mid = 0.0
    v.grid = 0
    v.next_ns = ts_ns - ts_ns % GRID_NS + GRID_NS


@kernel
def _grid_second(v: Any, mid: float) -> None:
    if v.weight == 0.0:
        _begin(v)
    if v.last_mid > 0.0:
        _absorb(v, math.log(mid / v.last_mid))
    v.last_mid = mid
    _count_null(v, mid)


@kernel
def _begin(v: Any) -> None:
    """Start from the prior: thirty seconds of a Brownian mid that moves in every one of them."""
    v.weight = PRIOR_WEIGHT_S
    v.fast_weight = PRIOR_WEIGHT_S
    v.var_per_s = PRIOR_SIGMA * PRIOR_SIGMA
    v.fast_var_per_s = v.var_per_s
    v.bipower_per_s = v.var_per_s
    v.moving = 1.0


@kernel
def _absorb(v: Any, r: float) -> None:
    """Absorb the log return of one grid second: first judge it by what was known, then learn."""
    if v.weight > JUMP_WARM_S and abs(r) > JUMP_SIGMAS * _usual_move(v):
        v.jumps += 1
    v.weight = 0.5 ** (1.0 / HALFLIFE_S) * v.weight + 1.0
    v.var_per_s += (r * r - v.var_per_s) / v.weight
    v.fast_weight = 0.5 ** (1.0 / FAST_HALFLIFE_S) * v.fast_weight + 1.0
    v.fast_var_per_s += (r * r - v.fast_var_per_s) / v.fast_weight
    v.moving += ((r != 0.0) - v.moving) / v.weight
    if v.grid >= 2:  # the first return of a path has none before it
        pair = 0.5 * math.pi * abs(r) * v.last_size
        v.bipower_per_s += (pair - v.bipower_per_s) / v.weight
    v.last_size = abs(r)


@kernel
def _continuous_var(v: Any) -> float:
    """Return the variance per second that is not jumps.

    A mid that moves in a share q of the seconds, independently, has q² of them in adjacent pairs:
    its bipower is q times its variance without any jump, so it is divided by q. With w·q² pairs
    remembered it is then drawn to the realised variance with the weight of ten, for where moves
    stand alone the bipower is zero and knows nothing.
    """
    pairs = v.weight * v.moving * v.moving
    bipower = v.bipower_per_s / v.moving if v.moving > 1e-12 else v.var_per_s
    return (pairs * bipower + PAIRS_NEEDED * v.var_per_s) / (pairs + PAIRS_NEEDED)


@kernel
def _usual_move(v: Any) -> float:
    """Return the standard deviation of a return in a second in which the mid moves."""
    return math.sqrt(_continuous_var(v) / max(v.moving, 1e-12))


@kernel
def _count_null(v: Any, mid: float) -> None:
    """Count how often a fill at a random time would be adverse: the matched null of the AS rate.

    docs/model.md, Volatility.
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


@kernel
def fast_sigma(v: Any) -> float:
    """Return the volatility [1/√s] of the last minute or two."""
    return math.sqrt(v.fast_var_per_s) if v.fast_weight > 0.0 else PRIOR_SIGMA


@kernel
def continuous_sigma(v: Any) -> float:
    """Return the volatility [1/√s] without its jumps: one of a moment ago hardly moves it."""
    return math.sqrt(_continuous_var(v)) if v.weight > 0.0 else PRIOR_SIGMA


@kernel
def jump_share(v: Any) -> float:
    """Return the share of the realised variance that came in jumps, within [0, 1]."""
    if v.var_per_s <= 0.0:
        return 0.0
    return max(1.0 - _continuous_var(v) / v.var_per_s, 0.0)


@kernel
def effective_s(v: Any) -> float:
    """Return the seconds `sigma` rests on, the prior's 30 among them as long as they last."""
    return v.weight


@kernel
def move(v: Any) -> float:
    """Return the return of the mid over the last five grid seconds; 0 before there are five."""
    if v.grid <= NULL_LAG:
        return 0.0
    last = v.grid - 1
    return v.mids[last % (NULL_LAG + 1)] / v.mids[(last - NULL_LAG) % (NULL_LAG + 1)] - 1.0
