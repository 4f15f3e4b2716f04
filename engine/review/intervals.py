"""How sure a number is, for evidence that comes in clusters: ratios over blocks, shares, χ²."""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, FiniteFloat

DRAWS = 2000  # the 2.5 % quantile is then the mean of some 50 draws away from the end
MIN_BLOCKS = 6  # with fewer, the spread of the blocks itself is anybody's guess
Z95 = NormalDist().inv_cdf(0.975)

Ratio = tuple[ArrayLike, ArrayLike]  # numerators and denominators, one per block


class Estimate(BaseModel):
    """A number, its 95 % interval where the evidence allows one, and how much there was."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: FiniteFloat
    lo: FiniteFloat | None = None
    hi: FiniteFloat | None = None
    n: int
    blocks: int


def ratio(
    numerator: ArrayLike, denominator: ArrayLike, block: ArrayLike, rng: np.random.Generator
) -> Estimate | None:
    """Return Σ numerator / Σ denominator with a block-bootstrap interval.

    Whole blocks are drawn with replacement, so what depends on each other inside a block stays
    together. Percentiles of few blocks are too narrow by √((B-1)/B) and by the tails of Student's
    t; they are taken further out by both.

    Parameters
    ----------
    numerator, denominator
        one value per observation; rows that are not finite in both are left out.
    block
        label of the block each observation belongs to.
    rng
        where the draws come from.

    Returns
    -------
    Estimate
        without an interval below 6 blocks; None where the denominator sums to nothing.

    References
    ----------
    Künsch, Ann. Statist. 17 (1989); Hesterberg, Am. Statist. 69 (2015), sec. 5.3 (expanded
    percentiles).
    """
    above, below = np.asarray(numerator, dtype=float), np.asarray(denominator, dtype=float)
    kept = np.isfinite(above) & np.isfinite(below)
    above, below = above[kept], below[kept]
    if not below.sum() > 0.0:
        return None
    labels, index = np.unique(np.asarray(block)[kept], return_inverse=True)
    sums = np.array([np.bincount(index, above), np.bincount(index, below)])
    lo, hi = _percentiles(sums, rng)
    value = float(above.sum() / below.sum())
    return Estimate(value=value, lo=lo, hi=hi, n=len(above), blocks=len(labels))


def ratio_difference(
    pairs: Sequence[tuple[Ratio, Ratio]], rng: np.random.Generator
) -> Estimate | None:
    """Return Σ (Σa/Σb - Σc/Σd) over pairs of ratios, with a paired block-bootstrap interval.

    One draw of blocks serves every ratio, so what befell all of them in the same hour cancels; with
    several pairs the result is the sum of their differences.

    Parameters
    ----------
    pairs
        of ratios (numerators, denominators), one finite value per block and the same blocks
        everywhere; a block in which a ratio has nothing is zero over zero.
    rng
        where the draws come from.

    Returns
    -------
    Estimate
        `n` are the blocks, `blocks` those in which the ratio with the fewest has something: below 6
        there is no interval. None where a denominator sums to nothing.
    """
    sums = np.array([side for pair in pairs for one in pair for side in one], dtype=float)
    if not (sums[1::2].sum(axis=1) > 0.0).all():
        return None
    lo, hi = _percentiles(sums, rng)
    value = float(_difference(sums.sum(axis=1)[:, None])[0])
    return Estimate(value=value, lo=lo, hi=hi, n=sums.shape[1], blocks=_solid(sums))


def _percentiles(
    sums: NDArray[Any], rng: np.random.Generator
) -> tuple[float, float] | tuple[None, None]:
    """Return the bounds of what `_difference` makes of `sums`, in which a column is a block."""
    blocks = _solid(sums)
    if blocks < MIN_BLOCKS:
        return None, None
    drawn = sums.shape[1]
    counts = rng.multinomial(drawn, np.full(drawn, 1 / drawn), size=DRAWS)
    totals = sums @ counts.T
    solid = (totals[1::2] > 0.0).all(axis=0)
    tail = NormalDist().cdf(-t975(blocks - 1) * math.sqrt(blocks / (blocks - 1)))
    lo, hi = np.quantile(_difference(totals[:, solid]), [tail, 1.0 - tail])
    return float(lo), float(hi)


def _solid(sums: NDArray[Any]) -> int:
    """Return in how many blocks the ratio with the fewest has something."""
    return int((sums[1::2] > 0.0).sum(axis=1).min())


def _difference(sums: NDArray[Any]) -> NDArray[Any]:
    """Return the ratios in rows 0/1, 4/5, … less those in rows 2/3, 6/7, …, of each column."""
    ratios = sums[0::2] / sums[1::2]
    return ratios[0::2].sum(axis=0) - ratios[1::2].sum(axis=0)


def t975(df: int) -> float:
    """Return the 97.5 % quantile of Student's t, within 0.2 % from 4 degrees of freedom on.

    The Cornish-Fisher expansion (Abramowitz and Stegun, 26.7.5).

    >>> round(t975(10), 3), round(t975(1000), 3)
    (2.228, 1.962)
    """
    z = Z95
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / df**k for k, term in enumerate(terms, start=1))


def wilson(successes: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share of `n` independent trials (Wilson, JASA 22, 1927).

    >>> [round(bound, 4) for bound in wilson(1, 10)]
    [0.0179, 0.4042]
    """
    share, z2 = successes / n, Z95**2 / n
    middle = (share + z2 / 2) / (1 + z2)
    half = math.sqrt(z2 * (share * (1 - share) + z2 / 4)) / (1 + z2)
    return max(0.0, middle - half), min(1.0, middle + half)


def chi2_tail(x: float, df: int) -> float:
    """Return P(χ² > x) for a whole number of degrees of freedom.

    ``Q(a + 1, h) = Q(a, h) + h^a e^(-h) / Γ(a + 1)`` with h = x/2, from ``Q(1/2, h) = erfc(√h)`` or
    ``Q(1, h) = e^(-h)`` (Abramowitz and Stegun, 26.4.4-26.4.5).

    >>> round(chi2_tail(16.919, 9), 4), round(chi2_tail(5.991, 2), 4), chi2_tail(0.0, 3)
    (0.05, 0.05, 1.0)
    """
    half = x / 2
    if half <= 0.0:
        return 1.0
    a, tail = (0.5, math.erfc(math.sqrt(half))) if df % 2 else (1.0, math.exp(-half))
    while a < df / 2:
        tail += math.exp(a * math.log(half) - half - math.lgamma(a + 1))
        a += 1
    return min(tail, 1.0)
