"""Every look at every path at once: what `engine.gates.bounds` would say after each hour.

Lag products of residuals x - θn, for a θ that changes with every look, expand into running sums of
x x', x n' + n x' and n n', so a look costs no more than the one before. A test holds it against the
product's function.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.gates.bounds import ALPHA, DEFF_FLOOR, MIN_BLOCKS, lags_of, reach

Array = NDArray[Any]


class Looks(NamedTuple):
    """What each hour's look sees, shape (paths, hours): NaN where there is nothing to see yet.

    `se` is the product's standard error, `se_hac` without the floor of independent items,
    `se_items` as if items were independent; `blocks` have items.
    """

    value: Array
    se: Array
    se_hac: Array
    se_items: Array
    blocks: Array

    def lo(self, alpha: float = ALPHA) -> Array:
        """Return the product's lower bounds."""
        return self.value - _reaches(self.blocks, alpha) * self.se

    def hi(self, alpha: float = ALPHA) -> Array:
        """Return the product's upper bounds."""
        return self.value + _reaches(self.blocks, alpha) * self.se


def _reaches(blocks: Array, alpha: float) -> Array:
    """Return `reach` of so many blocks, NaN where they are too few."""
    enough = range(MIN_BLOCKS, int(blocks.max()) + 1)
    table = [np.nan] * MIN_BLOCKS + [reach(t, alpha=alpha) for t in enough]
    return np.array(table)[blocks]


def looks(x: Array, n: Array, x2: Array | None = None) -> Looks:
    """Return the looks at hourly sums, each array of shape (paths, hours)."""
    items = n.cumsum(axis=1)
    total = np.where(items > 0.0, items, np.nan)
    value = x.cumsum(axis=1) / total
    hac = _hac_variance(x, n, value)
    if x2 is None:
        single = np.zeros_like(hac)
    else:
        single = np.maximum(x2.cumsum(axis=1) - items * value**2, 0.0)
    return Looks(
        value=value,
        se=np.sqrt(np.maximum(hac, DEFF_FLOOR * single)) / total,
        se_hac=np.sqrt(hac) / total,
        se_items=np.sqrt(single) / total,
        blocks=(n > 0.0).cumsum(axis=1),
    )


def _hac_variance(x: Array, n: Array, value: Array) -> Array:
    """Return Bartlett's variance of the sum of residuals over every growing window."""
    lags = np.array([lags_of(t) for t in range(1, x.shape[1] + 1)])
    together = np.zeros_like(value)
    for lag in range(1, min(int(lags[-1]), x.shape[1])):
        weight = np.maximum(1.0 - lag / lags[lag:], 0.0)
        together[:, lag:] += weight * _lag_product(x, n, value, lag)
    alone = np.maximum(_lag_product(x, n, value, 0), 0.0)  # rounding may leave less than nothing
    return alone + 2 * np.maximum(together, 0.0)


def _lag_product(x: Array, n: Array, value: Array, lag: int) -> Array:
    """Return Σ u_b u_{b-lag} over windows that end at hours lag, lag + 1 and so on."""
    past, now = slice(None, x.shape[1] - lag), slice(lag, None)
    xx = (x[:, now] * x[:, past]).cumsum(axis=1)
    xn = (x[:, now] * n[:, past] + n[:, now] * x[:, past]).cumsum(axis=1)
    nn = (n[:, now] * n[:, past]).cumsum(axis=1)
    theta = value[:, now]
    return xx - theta * xn + theta**2 * nn


def first(passed: Array) -> Array:
    """Return the hour of each path's first True, counted from 1; infinity where there is none."""
    return np.where(passed.any(axis=1), passed.argmax(axis=1) + 1.0, np.inf)
