"""How wild the market is against its own usual: CALM, NORMAL, HIGH or EXTREME.

The level follows the ratio of the fast σ to the running median of its past, with hysteresis. The
median of ln σ is found by stochastic approximation in time, one step a second,

    m <- m + max(-η, min(η, ln σ - m)),   η = max(1/n, η_∞),

which needs no memory of the past and moves by at most η whatever happens (docs/model.md, Regime).

References
----------
Robbins and Monro, *A stochastic approximation method*, Ann. Math. Stat. 22 (1951), sec. 4, for
quantiles.
"""

import math
from typing import Any

from engine.core.volatility import PRIOR_SIGMA
from engine.record import f8, i8, kernel, record

CALM, NORMAL, HIGH, EXTREME = 0, 1, 2, 3

WARM_S = 120  # twice the half-life of the fast σ: before, it is still its prior
# The median can double in half an hour, so a new usual is no longer HIGH after about 20 minutes.
STEP = math.log(2.0) / 1800.0
# 0.2 bps/√s, 11 % a year. A market that stood still overnight must not call its morning EXTREME
# until the median has climbed back from nothing.
SIGMA_FLOOR = 2e-5

ENTER_HIGH, LEAVE_HIGH = 2.0, 1.6
ENTER_EXTREME, LEAVE_EXTREME = 3.0, 2.4
ENTER_CALM, LEAVE_CALM = 0.5, 0.6

PREMIUM_HIGH, PREMIUM_EXTREME = 0.25, 0.5  # of σ√5s, the move over the primary horizon
PREMIUM_CAP = 10e-4


@record
class Regime:
    """The level, and the running median it is judged by; `start` it."""

    level: i8
    seconds: i8  # grid seconds heard, ever
    ln_median: f8
    ln_ratio: f8


@kernel
def start(r: Any) -> None:
    """Begin NORMAL, with the median at the prior of σ."""
    r.level = NORMAL
    r.ln_median = math.log(PRIOR_SIGMA)


@kernel
def update(r: Any, fast_sigma: float) -> None:
    """Absorb the fast σ [1/√s] of one more grid second: judge it first, then learn from it."""
    ln_sigma = math.log(max(fast_sigma, SIGMA_FLOOR))
    r.seconds += 1
    r.ln_ratio = ln_sigma - r.ln_median
    if r.seconds > WARM_S:
        r.level = _level(r.level, ratio(r))
    step = max(1.0 / r.seconds, STEP)
    r.ln_median += min(max(ln_sigma - r.ln_median, -step), step)


@kernel
def ratio(r: Any) -> float:
    """Return the fast σ as a multiple of its running median, as it was when last judged."""
    return math.exp(r.ln_ratio)


@kernel
def _level(level: int, x: float) -> int:
    """Return the next level: each is left only well inside the bound by which it was entered."""
    if x > (LEAVE_EXTREME if level == EXTREME else ENTER_EXTREME):
        return EXTREME
    if x > (LEAVE_HIGH if level >= HIGH else ENTER_HIGH):
        return HIGH
    if x < (LEAVE_CALM if level == CALM else ENTER_CALM):
        return CALM
    return NORMAL


@kernel
def premium(r: Any, sigma: float) -> float:
    """Return what the regime adds to a half-spread [fraction of the price], at most 10 bps.

    Nothing in CALM and NORMAL, 0.25·σ·√5 in HIGH, 0.5·σ·√5 in EXTREME.
    """
    share = 0.0
    if r.level == HIGH:
        share = PREMIUM_HIGH
    elif r.level == EXTREME:
        share = PREMIUM_EXTREME
    return min(share * sigma * math.sqrt(5.0), PREMIUM_CAP)
