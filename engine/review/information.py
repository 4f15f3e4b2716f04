"""How much a signal knows of the next move, in bits, and how fast it forgets.

Ranks make the measure blind to scale and safe with ties: a series of ticks that is mostly zeros
shows no information it does not have, which nearest-neighbour estimators do. Only a monotone
relation is seen; a signal that is added to a price is used as nothing else.
"""

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, FiniteFloat

from engine.review.intervals import t975
from engine.thresholds.monitor import DecayLimits

MIN_PAIRS = 100  # the null alone is then 1/140 bit
SHUFFLES = 1000
NEAREST = 0.1  # of the series: a rotation by less may still see the signal's own persistence
GAP_STEPS = 2.0  # a step longer than this many usual ones is a gap, not a move
MIN_DAYS = 5


class Information(BaseModel):
    """What a signal told of the next move.

    `bits` is what was measured less the mean of the shuffles, so it is about zero, of either sign,
    for a signal that knows nothing; more than `detectable_bits` is beyond 95 % of the shuffles.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int
    correlation: FiniteFloat  # of ranks; its sign is the signal's
    bits: FiniteFloat
    null_bits: FiniteFloat
    detectable_bits: FiniteFloat
    p_value: FiniteFloat


class Decay(BaseModel):
    """How fast information fades; a growing one has a negative loss."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    days: int
    seen: int  # days on which it was distinguishable from zero
    weekly_loss: FiniteFloat | None = None
    lo: FiniteFloat | None = None
    hi: FiniteFloat | None = None
    half_life_days: FiniteFloat | None = None
    alarm: Literal["none", "warn", "critical"] = "none"
    words: str


def next_moves(ts_ns: ArrayLike, mid: ArrayLike) -> NDArray[Any]:
    """Return the relative move of the mid to the next sample; NaN at the end and across a gap."""
    t, m = np.asarray(ts_ns, dtype=float), np.asarray(mid, dtype=float)
    moves = np.full(len(m), np.nan)
    if len(m) > 1:
        steps = np.diff(t)
        near = steps <= GAP_STEPS * np.median(steps)
        moves[:-1] = np.where(near, np.diff(m) / m[:-1], np.nan)
    return moves


def information(
    signal: ArrayLike, moves: ArrayLike, rng: np.random.Generator
) -> Information | None:
    """Return the mutual information of a signal with the move that followed.

    ``I = -½ log2(1 - ρ²)``, with ρ the correlation of the Gaussian copula that has the observed
    rank correlation ρ_s, ``ρ = 2 sin(π ρ_s / 6)``; at most log2 n. A shuffle rotates one series
    against the other by a random distance, so each keeps its own persistence; shuffling single
    values would call every slow signal informative.

    Parameters
    ----------
    signal, moves
        in order of time; pairs that are not finite are left out.
    rng
        where the rotations come from.

    Returns
    -------
    Information
        None below 100 pairs, or where one of the two never varies.

    References
    ----------
    Kruskal, JASA 53 (1958), sec. 6, for ρ; Cover and Thomas, Elements of Information Theory
    (2006), ex. 8.5.1; Theiler et al., Physica D 58 (1992), for surrogates.
    """
    x, y = np.asarray(signal, dtype=float), np.asarray(moves, dtype=float)
    kept = np.isfinite(x) & np.isfinite(y)
    x, y, n = x[kept], y[kept], int(kept.sum())
    if n < MIN_PAIRS or not (np.ptp(x) > 0.0 and np.ptp(y) > 0.0):
        return None
    rotated = np.fft.irfft(np.fft.rfft(_ranks(y)) * np.conj(np.fft.rfft(_ranks(x))), n)
    apart = np.arange(math.ceil(NEAREST * n), math.floor((1 - NEAREST) * n))
    drawn = rng.choice(apart, min(SHUFFLES, len(apart)), replace=False)
    here, null = float(_bits(rotated[:1], n)[0]), _bits(rotated[drawn], n)
    return Information(
        n=n,
        correlation=float(rotated[0]),
        bits=here - float(null.mean()),
        null_bits=float(null.mean()),
        detectable_bits=float(np.quantile(null, 0.95) - null.mean()),
        p_value=float((1 + (null >= here).sum()) / (1 + len(null))),
    )


def _ranks(x: NDArray[Any]) -> NDArray[Any]:
    """Return ranks, the mean rank where values tie, centred and of unit length."""
    _, place, count = np.unique(x, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[place]
    ranks = ranks - ranks.mean()
    return ranks / np.linalg.norm(ranks)


def _bits(rank_correlation: NDArray[Any], n: int) -> NDArray[Any]:
    rho = 2.0 * np.sin(np.pi * np.clip(rank_correlation, -1.0, 1.0) / 6.0)
    return -0.5 * np.log2(np.maximum(1.0 - rho**2, n**-2.0))


def decay(
    days: Sequence[float], told: Sequence[Information | None], limits: DecayLimits
) -> Decay | None:
    """Fit ``ln bits = a - λ·day``: the loss a week is ``1 - e^(-7λ)``, the half-life ``ln 2 / λ``.

    A day that cannot be told from zero enters at what could have been detected, so where there
    are such days the loss is at least what is said. Nothing is called decay unless the interval
    of λ excludes zero.

    Returns
    -------
    Decay
        None below 5 days with a measurement.
    """
    points = [(day, one) for day, one in zip(days, told, strict=True) if one is not None]
    if len(points) < MIN_DAYS:
        return None
    seen = sum(one.bits > one.detectable_bits for _, one in points)
    n = len(points)
    if seen == 0:
        return Decay(days=n, seen=0, words=f"not distinguishable from zero on any of {n} days")
    t = np.array([day for day, _ in points])
    log_bits = np.log([max(one.bits, one.detectable_bits) for _, one in points])
    slope, error = _slope(t, log_bits)
    mid, lo, hi = (1.0 - math.exp(7.0 * s) for s in (slope, slope + error, slope - error))
    warn, critical = limits.warn.value, limits.critical.value
    alarm = "none" if lo <= 0.0 or mid <= warn else "warn" if mid <= critical else "critical"
    half_life = math.log(2.0) / -slope if lo > 0.0 else None
    return Decay(
        days=n, seen=seen, weekly_loss=mid, lo=lo, hi=hi, half_life_days=half_life, alarm=alarm,
        words=_decay_words(mid, half_life, at_least=seen < n),
    )  # fmt: skip


def _slope(t: NDArray[Any], y: NDArray[Any]) -> tuple[float, float]:
    """Return the least-squares slope and the half-width of its 95 % interval."""
    off = t - t.mean()
    slope = float(off @ y / (off @ off))
    residual = y - y.mean() - slope * off
    variance = float(residual @ residual) / (len(t) - 2) / float(off @ off)
    return slope, t975(len(t) - 2) * math.sqrt(variance)


def _decay_words(loss: float, half_life: float | None, *, at_least: bool) -> str:
    if half_life is None:
        return "no decay that can be told from chance"
    more = "at least " if at_least else ""
    return f"loses {more}{100 * loss:.0f} % a week, half of it in {half_life:.0f} days"
