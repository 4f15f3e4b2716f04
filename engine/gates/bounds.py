"""How far a gate may trust a ratio of hourly sums: bounds that hold however often one looks.

Reading order: `bounds` (the confidence sequence), `hours_to_pass` and `planned_hours` (how long it
will take), `attempt_alpha` (what is left after a retry).
"""

import math
from bisect import bisect_left
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, FiniteFloat

ALPHA = 0.05  # each side
BEST_AT = 72  # [blocks] where the bounds are tightest: the middle of a week of paper
DEFF_FLOOR = 3.0  # fills come in bursts and regimes: 2 to 4 in the streams we tried
MIN_BLOCKS = 24  # one of each hour of the day
HORIZON = 5000  # [blocks] half a year: a longer forecast says nothing

_NORMAL = NormalDist()


class Bounds(BaseModel):
    """A ratio θ = Σx/Σn and how far it can be believed, in the unit of x per n.

    The truth is ever below `lo` with probability alpha at most, over all looks together, and as
    seldom above `hi`. `se` is the standard error of `value` at this look; `blocks` and `n` are the
    blocks with items and the items behind it. `deff` is the measured design effect, before its
    floor: the variance of Σx over that of as many independent items; None where single items are
    not known or do not vary.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: FiniteFloat
    lo: FiniteFloat
    hi: FiniteFloat
    se: FiniteFloat
    blocks: int
    n: FiniteFloat
    deff: FiniteFloat | None


def bounds(
    x: ArrayLike,
    n: ArrayLike,
    x2: ArrayLike | None = None,
    *,
    alpha: float = ALPHA,
    best_at: float = BEST_AT,
    deff_floor: float = DEFF_FLOOR,
    min_blocks: int = MIN_BLOCKS,
) -> Bounds | None:
    """Return Σx/Σn over hourly blocks with anytime-valid one-sided bounds on each side.

    With residuals u_b = x_b - θ n_b over t blocks, the variance of Σx is ::

        v = max(Σ u_b²,                                        blocks alone
                Σ u_b² + 2 Σ_{l<S} (1 - l/S) Σ u_b u_{b-l},    with their neighbours
                deff_floor · (Σx2 - θ² Σn))                    independent items
        S = max(2, ⌈1.3 √t⌉)

    The standard error of θ is √v / Σn, and the bounds are θ ± `reach` of it; there only blocks with
    items count, so that hours without fills teach nothing. Look as often and wait as long as you
    like: the probability that the truth is ever beyond one side is at most alpha, asymptotically.
    No item is clipped. Regimes that last for much of the evidence are not learnt from it: there
    the promise breaks (``python -m benchmarks.gate_power`` prints by how much).

    Parameters
    ----------
    x
        sum over the items of each block, shape (t,) [any unit]: bps of edge, a count, dollars.
    n
        weight of the items of each block, shape (t,), >= 0: fills, quoted hours, 1. Hours without
        items are blocks with zero in both, and must be there.
    x2
        sum of the squared items of each block, which weigh one each, or one on average; None where
        single items are not known, and then there is no floor of independent items.
    alpha
        error probability of each side, in (0, 0.25].
    best_at
        [blocks] where the bounds are tightest, > 0.
    deff_floor
        the least design effect believed, >= 1.
    min_blocks
        blocks with items below which there is no answer, >= 2.

    Returns
    -------
    Bounds
        None where fewer than `min_blocks` blocks have items.

    Raises
    ------
    ValueError
        if a value is not finite (it would compare as false and slip through a gate), if a weight is
        negative, if shapes differ, or if a parameter is outside its domain.

    References
    ----------
    Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas, Ann. Statist. 52 (2024), arXiv 2103.06476
    (asymptotic confidence sequences from Robbins' normal mixture); Newey & West, Econometrica 55
    (1987) (Bartlett kernel).

    >>> day = bounds([50.0, 70.0] * 12, [10.0] * 24, [1600.0] * 24)
    >>> f"{day.value:.1f} [{day.lo:.1f}, {day.hi:.1f}]"
    '6.0 [1.6, 10.4]'
    """
    _check(alpha, best_at, deff_floor, min_blocks)
    sums, weights = block_values("x", x), block_values("n", n)
    squares = None if x2 is None else block_values("x2", x2)
    _check_blocks(sums, weights, squares)
    blocks = int(np.count_nonzero(weights))
    if blocks < min_blocks:
        return None
    items = float(weights.sum())
    value = float(sums.sum()) / items
    v = hac_variance(sums - value * weights)
    single = 0.0 if squares is None else _spread(float(squares.sum()), items * value**2)
    se = math.sqrt(max(v, deff_floor * single)) / items
    far = reach(blocks, alpha=alpha, best_at=best_at) * se
    return Bounds(
        value=value,
        lo=value - far,
        hi=value + far,
        se=se,
        blocks=blocks,
        n=items,
        deff=v / single if single > 0.0 else None,
    )


def _spread(squares: float, of_mean: float) -> float:
    """Return Σ(item - θ)², zero where only rounding is left of it."""
    left = squares - of_mean
    return left if left > 1e-12 * squares else 0.0


def hac_variance(u: NDArray[Any]) -> float:
    """Return the variance of the sum of residuals u [their unit squared]; see `bounds`.

    Bartlett's kernel keeps it from being negative; that neighbours offset each other is not
    believed, so it is never below the variance of the blocks alone.
    """
    t, lags = len(u), lags_of(len(u))
    alone = float(u @ u)
    together = sum((1 - lag / lags) * float(u[lag:] @ u[:-lag]) for lag in range(1, min(lags, t)))
    return alone + 2 * max(together, 0.0)


def lags_of(t: int) -> int:
    """Return S, the lags of the kernel over t blocks.

    >>> lags_of(24), lags_of(168)
    (7, 17)
    """
    return max(2, math.ceil(1.3 * math.sqrt(t)))


def reach(t: int, *, alpha: float = ALPHA, best_at: float = BEST_AT) -> float:
    """Return how many standard errors the bounds lie off the value after t blocks [1].

    ::

        √(2 (tρ² + 1)/(tρ²) · ln(1 + √(tρ² + 1)/(2α))) · t_{1-α}(ν)/z_{1-α}
        ρ² = (-2 ln 2α + ln(-2 ln 2α) + 1)/best_at,    ν = 1.5 t/S

    Student's t over z pays for a variance that S lags of t blocks tell.

    >>> round(reach(24), 2), round(reach(72), 2), round(reach(168), 2)
    (3.54, 3.1, 3.01)
    """
    spread = -2 * math.log(2 * alpha)
    rho2 = (spread + math.log(spread) + 1) / best_at
    a = t * rho2 + 1
    mixture = math.sqrt(2 * a / (a - 1) * math.log1p(math.sqrt(a) / (2 * alpha)))
    return mixture * student_t(t, alpha) / _NORMAL.inv_cdf(1 - alpha)


def student_t(t: int, alpha: float) -> float:
    """Return the quantile of Student's t for the standard error of t blocks: ν = 1.5 t/S.

    Within 2 % (Wallace, Ann. Math. Statist. 30, 1959, inverted).

    >>> round(student_t(24, 0.05), 2), round(student_t(1000, 0.05), 2)
    (2.0, 1.69)
    """
    nu = 1.5 * t / lags_of(t)
    z = _NORMAL.inv_cdf(1 - alpha) * (8 * nu + 3) / (8 * nu + 1)
    return math.sqrt(nu * math.expm1(z * z / nu))


def hours_to_pass(
    b: Bounds,
    *,
    bar: float,
    truth: float | None = None,
    power: float = 0.8,
    alpha: float = ALPHA,
    best_at: float = BEST_AT,
) -> float | None:
    """Return how many more hourly blocks with items it takes for `lo` to clear a bar [blocks].

    The first t from `b.blocks` on with ``truth - bar ≥ (reach(t) + z_power) · s/√t``, where s is
    the standard error of one block so far.

    Parameters
    ----------
    b
        what is known; where lower is better, give `-bar` and `-truth`.
    bar
        what `lo` must exceed [unit of b].
    truth
        what to suppose of the ratio; by default its value so far.
    power
        probability of being there by then, in (0, 1).
    alpha, best_at
        as `bounds` will be asked.

    Returns
    -------
    float
        None where it never gets there, or not within half a year of blocks.
    """
    margin = (b.value if truth is None else truth) - bar
    return _more_blocks(
        margin, b.se * math.sqrt(b.blocks), b.blocks, power=power, alpha=alpha, best_at=best_at
    )


def planned_hours(
    margin: float,
    *,
    sd: float,
    per_hour: float,
    deff: float = DEFF_FLOOR,
    power: float = 0.8,
    alpha: float = ALPHA,
    best_at: float = BEST_AT,
) -> float | None:
    """Return how many hourly blocks a gate will take, before any is seen [blocks].

    Parameters
    ----------
    margin
        truth less bar [unit of an item].
    sd
        standard deviation of an item [unit of an item], > 0.
    per_hour
        items an hour, > 0.
    deff
        design effect [1], > 0.
    power, alpha, best_at
        as for `hours_to_pass`.

    Returns
    -------
    float
        at least `MIN_BLOCKS`; None where the margin is not positive or half a year is too little.

    >>> [planned_hours(margin, sd=10.0, per_hour=10.0) for margin in (0.0, 1.5, 5.0)]
    [None, 199.0, 24.0]
    """
    for name, given in (("sd", sd), ("per_hour", per_hour), ("deff", deff)):
        check_positive(name, given)
    more = _more_blocks(
        margin,
        sd * math.sqrt(deff / per_hour),
        MIN_BLOCKS,
        power=power,
        alpha=alpha,
        best_at=best_at,
    )
    return None if more is None else MIN_BLOCKS + more


def _more_blocks(
    margin: float, sd: float, so_far: int, *, power: float, alpha: float, best_at: float
) -> float | None:
    _check(alpha, best_at, 1.0, MIN_BLOCKS)
    if not math.isfinite(margin):
        raise ValueError(f"margin is {margin}; it must be finite")
    if not 0.0 < power < 1.0:
        raise ValueError(f"power is {power}; it must lie in (0, 1)")
    if margin <= 0.0:
        return None
    extra = _NORMAL.inv_cdf(power)

    def enough(t: int) -> bool:
        return margin * math.sqrt(t) >= (reach(t, alpha=alpha, best_at=best_at) + extra) * sd

    within = range(so_far, HORIZON)
    first = bisect_left(within, True, key=enough)
    return float(first) if first < len(within) else None


def attempt_alpha(alpha: float, k: int) -> float:
    """Return alpha/(k(k+1)), the error probability of the k-th attempt; they sum to alpha.

    >>> [round(attempt_alpha(0.06, k), 3) for k in (1, 2, 3)]
    [0.03, 0.01, 0.005]
    """
    if k < 1:
        raise ValueError(f"k is {k}; attempts count from 1")
    return alpha / (k * (k + 1))


def block_values(name: str, given: ArrayLike) -> NDArray[Any]:
    """Return one finite value per block, or raise a ValueError that names the first that is not."""
    values = np.asarray(given, dtype=float)
    if values.ndim != 1:
        raise ValueError(f"{name} has shape {values.shape}; it must be one value per block")
    broken = np.flatnonzero(~np.isfinite(values))
    if len(broken):
        first = broken[0]
        raise ValueError(f"{name} is {values[first]} in block {first}; every block must be finite")
    return values


def _check_blocks(x: NDArray[Any], n: NDArray[Any], x2: NDArray[Any] | None) -> None:
    sizes = {"x": len(x), "n": len(n)} | ({} if x2 is None else {"x2": len(x2)})
    if len(set(sizes.values())) > 1:
        raise ValueError(f"blocks are {sizes}; there must be as many of each")
    for name, values in (("n", n), ("x2", n if x2 is None else x2)):
        if (values < 0.0).any():
            first = np.flatnonzero(values < 0.0)[0]
            raise ValueError(f"{name} is {values[first]} in block {first}; it must be >= 0")


def _check(alpha: float, best_at: float, deff_floor: float, min_blocks: int) -> None:
    if not 0.0 < alpha <= 0.25:
        raise ValueError(f"alpha is {alpha}; it must lie in (0, 0.25]")
    check_positive("best_at", best_at)
    if not 1.0 <= deff_floor < math.inf:
        raise ValueError(f"deff_floor is {deff_floor}; it must be finite and >= 1")
    if min_blocks < 2:
        raise ValueError(f"min_blocks is {min_blocks}; one block has no spread, it must be >= 2")


def check_positive(name: str, value: float) -> None:
    """Raise a ValueError unless a value is finite and above zero."""
    if not 0.0 < value < math.inf:
        raise ValueError(f"{name} is {value}; it must be finite and > 0")
