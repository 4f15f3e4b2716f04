"""When live edge has been lost: the drawdown of cumulative markout edge, and what it may reach.

Edge is summed by markouts, not by account equity: inventory moves the account some ten times as
much as an hour's edge, and would trip a budget by itself.
"""

import math

import numpy as np
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict, FiniteFloat

from engine.gates.bounds import block_values, check_positive


class Drawdown(BaseModel):
    """How far cumulative edge is, and ever was, below its highest, in the unit of what was summed.

    `crossed_at` is the first block after which it was more than the budget, None if it never was.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    current: FiniteFloat
    worst: FiniteFloat
    budget: FiniteFloat
    crossed_at: int | None

    @property
    def crossed(self) -> bool:
        """Whether the budget was ever exceeded: what came after does not undo it."""
        return self.crossed_at is not None


def drawdown(x: ArrayLike, budget: float) -> Drawdown:
    """Return the drawdown of Σx over blocks, from a start at zero: Page's CUSUM of edge.

    Parameters
    ----------
    x
        summed edge of each block, shape (t,) [bps · fills]; blocks without fills are zero.
    budget
        drawdown that may be reached, > 0 [bps · fills]; see `drawdown_budget`.

    Raises
    ------
    ValueError
        if a block is not finite (its comparison would be false and no alarm would ever come), or if
        the budget is not positive and finite.

    References
    ----------
    Page, Biometrika 41 (1954).

    >>> drawdown([5.0, -3.0, -4.0, 6.0], budget=6.0)
    Drawdown(current=1.0, worst=7.0, budget=6.0, crossed_at=2)
    """
    check_positive("budget", budget)
    total = np.concatenate(([0.0], np.cumsum(block_values("x", x))))
    below = (np.maximum.accumulate(total) - total)[1:]
    over = np.flatnonzero(below > budget)
    return Drawdown(
        current=float(below[-1]) if len(below) else 0.0,
        worst=float(below.max(initial=0.0)),
        budget=budget,
        crossed_at=int(over[0]) if len(over) else None,
    )


def drawdown_budget(mu_per_h: float, variance_per_h: float, hours_to_false_alarm: float) -> float:
    """Return the drawdown that an asset as good as hoped reaches once in so many hours, on average.

    The mean time until Brownian motion with drift m and variance s² an hour first falls B below its
    highest is ::

        E[τ] = s²/(2m²) · (eˣ - 1 - x),    x = 2mB/s²

    It is solved for B by Newton's method from above. Blocks are looked at by the hour, not all the
    time, which adds 1.166 s to B (Siegmund 1985): false alarms are rarer than asked for.

    Parameters
    ----------
    mu_per_h
        edge an hour of the asset as hoped, m > 0 [bps · fills/h].
    variance_per_h
        long-run variance of an hour's edge, s² > 0 [(bps · fills)²/h]: fills an hour times the
        variance of a fill times the design effect.
    hours_to_false_alarm
        mean time to a false alarm, E[τ] > 0 [h].

    Returns
    -------
    float
        B [bps · fills].

    Raises
    ------
    ValueError
        if a parameter is not positive and finite.

    References
    ----------
    Taylor, Ann. Probab. 3 (1975), 234-246; Siegmund, Sequential Analysis (1985), ch. X (the CUSUM
    in discrete time).

    >>> round(drawdown_budget(1.5 * 15, 15 * 10.0**2 * 4, 280 * 24))
    939
    """
    check_positive("mu_per_h", mu_per_h)
    check_positive("variance_per_h", variance_per_h)
    check_positive("hours_to_false_alarm", hours_to_false_alarm)
    c = hours_to_false_alarm * 2 * mu_per_h**2 / variance_per_h
    x = min(math.sqrt(2 * c), max(1.7, math.log(2 * c)))  # eˣ - 1 - x is at least c here
    for _ in range(50):
        step = (math.expm1(x) - x - c) / math.expm1(x)
        x -= step
        if abs(step) <= 1e-12 * x:
            break
    return x * variance_per_h / (2 * mu_per_h)
