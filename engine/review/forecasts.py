"""Whether probabilities said in advance were worth saying.

A Brier score below 0.25 is what always saying one half scores, and resolution over uncertainty is
above zero by luck alone; so the score stands beside that of the base rate, and the information
ratio beside its distribution for forecasts that know nothing.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, FiniteFloat

from engine.review.intervals import Estimate, chi2_tail, ratio, wilson

BINS = 10  # of equal width
LEVEL = 0.05  # chance of calling noise a finding


class CalibrationRow(BaseModel):
    """One bin of the calibration curve: what was said, and what came."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bin: int  # of 0-9
    n: int
    forecast: FiniteFloat
    observed: FiniteFloat
    lo: FiniteFloat
    hi: FiniteFloat


class Decomposition(BaseModel):
    """The parts of a Brier score, which add up to it exactly.

    ``brier = reliability - resolution + uncertainty + within_variance - within_covariance``
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    brier: FiniteFloat
    reliability: FiniteFloat
    resolution: FiniteFloat
    uncertainty: FiniteFloat
    within_variance: FiniteFloat
    within_covariance: FiniteFloat


class Ratio(BaseModel):
    """Resolution over uncertainty, beside what forecasts that know nothing would show.

    It never exceeds 1; `p_value` says how often luck alone does as well.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: FiniteFloat
    null_mean: FiniteFloat
    p_value: FiniteFloat

    @property
    def informs(self) -> bool:
        """Whether luck is an unlikely explanation."""
        return self.p_value < LEVEL


class Forecasts(BaseModel):
    """Everything about one set of forecasts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int
    base_rate: FiniteFloat
    score: Decomposition
    skill: Estimate | None
    information: Ratio | None
    curve: tuple[CalibrationRow, ...]


def judge_forecasts(
    said: ArrayLike,
    came: ArrayLike,
    base: ArrayLike,
    block: ArrayLike,
    rng: np.random.Generator,
) -> Forecasts | None:
    """Hold probabilities against outcomes; None where there is no complete row.

    Parameters
    ----------
    said
        probabilities [0 to 1].
    came
        outcomes, 1 or 0.
    base
        the base rate known when each was said [0 to 1], which skill is measured against.
    block
        label of the block of dependent forecasts each belongs to.
    rng
        where the draws of the bootstrap come from.
    """
    p, o, b = (np.asarray(x, dtype=float) for x in (said, came, base))
    kept = np.isfinite(p) & np.isfinite(o)
    if not kept.any():
        return None
    p, o, b = p[kept], o[kept], b[kept]
    return Forecasts(
        n=len(p),
        base_rate=float(o.mean()),
        score=decompose(p, o),
        skill=skill(p, o, b, np.asarray(block)[kept], rng),
        information=information_ratio(p, o),
        curve=calibration(p, o),
    )


def decompose(p: NDArray[Any], o: NDArray[Any]) -> Decomposition:
    """Split the Brier score into parts that add up to it to the last digit.

    With n_k forecasts in bin k, whose means are p̄_k and ō_k, and the base rate ō:
    ``REL = Σ n_k (p̄_k - ō_k)² / n``, ``RES = Σ n_k (ō_k - ō)² / n``, ``UNC = ō (1 - ō)``,
    ``WBV = Σ (p - p̄_k)² / n``, ``WBC = 2 Σ (o - ō_k)(p - p̄_k) / n``.

    References
    ----------
    Murphy, J. Appl. Meteorol. 12 (1973), eq. 8; Stephenson, Coelho and Jolliffe, Weather and
    Forecasting 23 (2008), for the terms within bins.
    """
    index, n, mean_p, mean_o = _bins(p, o)
    base = o.mean()
    off_p, off_o = p - mean_p[index], o - mean_o[index]
    return Decomposition(
        brier=float(np.mean((p - o) ** 2)),
        reliability=float(n @ (mean_p - mean_o) ** 2 / len(p)),
        resolution=float(n @ (mean_o - base) ** 2 / len(p)),
        uncertainty=float(base * (1.0 - base)),
        within_variance=float(np.mean(off_p**2)),
        within_covariance=float(2.0 * np.mean(off_o * off_p)),
    )


def skill(
    p: NDArray[Any], o: NDArray[Any], base: NDArray[Any], block: ArrayLike, rng: Any
) -> Estimate | None:
    """Return ``1 - Brier / Brier of the base rate``: above zero, the forecast beats the base rate.

    Both are scored on the same outcomes, so most of the noise cancels in the difference.
    """
    reference = (base - o) ** 2
    return ratio(reference - (p - o) ** 2, reference, block, rng)


def information_ratio(p: NDArray[Any], o: NDArray[Any]) -> Ratio | None:
    """Return RES/UNC and the chance that forecasts that know nothing do as well.

    n·RES/UNC is Pearson's χ² of the table of outcomes by bins, so without any information it is
    distributed as χ² with K-1 degrees of freedom, K the bins in use. None where there is nothing
    to resolve: one outcome only, or one bin only.
    """
    parts = decompose(p, o)
    df = len(np.unique(_bin_of(p))) - 1
    if df == 0 or not parts.uncertainty > 0.0:
        return None
    value = parts.resolution / parts.uncertainty
    return Ratio(value=value, null_mean=df / len(p), p_value=chi2_tail(len(p) * value, df))


def calibration(p: NDArray[Any], o: NDArray[Any]) -> tuple[CalibrationRow, ...]:
    """Return the calibration curve: a row for every bin in use, with Wilson's interval."""
    _, count, mean_p, mean_o = _bins(p, o)
    rows = []
    for k in np.flatnonzero(count):
        n, observed = int(count[k]), float(mean_o[k])
        lo, hi = wilson(observed * n, n)
        row = CalibrationRow(
            bin=int(k), n=n, forecast=float(mean_p[k]), observed=observed, lo=lo, hi=hi
        )
        rows.append(row)
    return tuple(rows)


def _bin_of(p: NDArray[Any]) -> NDArray[Any]:
    if not ((p >= 0.0) & (p <= 1.0)).all():
        worst = p[np.argmax(np.abs(p - 0.5))]
        raise ValueError(f"a probability must lie between 0 and 1, was {worst:g}")
    return np.minimum((BINS * p).astype(int), BINS - 1)


def _bins(p: NDArray[Any], o: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """Return the bin of each forecast, and each bin's count and means (0 where it is empty)."""
    index = _bin_of(p)
    n = np.bincount(index, minlength=BINS)
    weight = np.maximum(n, 1)
    mean_p = np.bincount(index, p, BINS) / weight
    return index, n, mean_p, np.bincount(index, o, BINS) / weight
