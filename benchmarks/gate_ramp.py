"""Four weeks of one asset under two ramps: point values that never step back, and bounds that do.

Both look at whole days. The naive ramp is the older system's: it advances after its days when the
phase's edge and profit are right, and has no way down. Ours advances on the lower bound of the
phase's edge and steps down when cumulative edge falls by more than a budget.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.gate_streams import DAY_H, FILLS_PER_H, SD_BPS, Streams
from engine.gates.bounds import ALPHA, bounds, reach
from engine.gates.drawdown import drawdown, drawdown_budget

CAPITAL_PER_FILL = 0.05  # share of the phase's capital
INVENTORY_SD_BPS = 16.0  # of an hour's account profit, from inventory, on the phase's capital
FALSE_ALARM_H = 280 * 24.0
HOPED_BPS = 1.5
BUDGET_DEFF = 4.0
STEP_DOWNS = 3  # the last of them ends in paper
MONEY_BPS = (20.0, 40.0, 60.0, 80.0)  # 2 % of target capital, a tenth to four tenths to each phase

Array = NDArray[Any]


class Phase(NamedTuple):
    """A phase of the ramp: its capital, its least stay, and what takes it further."""

    fraction: float
    hours: int
    fills: float
    minimum_bps: float
    alpha: float


PHASES = (
    Phase(0.25, 72, 300, 0.0, 0.20),
    Phase(0.5, 96, 500, 1.0, 0.10),
    Phase(0.75, 168, 800, 0.0, 0.05),
    Phase(1.0, 0, np.inf, 0.0, 0.05),
)


class Path(NamedTuple):
    """One asset's hours: sums of its fills, and profit of inventory per unit of capital [bps]."""

    x: Array
    n: Array
    x2: Array
    inventory: Array

    @property
    def account(self) -> Array:
        """Profit of each hour at full capital [bps of it]."""
        return CAPITAL_PER_FILL * self.x + self.inventory


class Ramped(NamedTuple):
    """What a ramp made of many paths: profit [bps of target capital], and share at the top."""

    mean: float
    p05: float
    full: float


def edge_budget(deff: float = BUDGET_DEFF) -> float:
    """Return the budget of edge drawdown [bps · fills]; the same in every phase, as fills grow."""
    return drawdown_budget(
        HOPED_BPS * FILLS_PER_H, FILLS_PER_H * SD_BPS**2 * deff, hours_to_false_alarm=FALSE_ALARM_H
    )


def naive(path: Path) -> Array:
    """Return the fraction of capital at work in each hour under the naive ramp."""
    fractions, phase, start = np.zeros(len(path.x)), 0, 0
    for mark in range(DAY_H, len(fractions) + 1, DAY_H):
        fractions[mark - DAY_H : mark] = PHASES[phase].fraction
        x, n = path.x[start:mark].sum(), path.n[start:mark].sum()
        right = x > PHASES[phase].minimum_bps * n
        if phase > 0:
            right &= path.account[start:mark].sum() > 0.0
        if phase < 3 and mark - start >= PHASES[phase].hours and right:
            phase, start = phase + 1, mark
    return fractions


def ours(path: Path, budget: float, money: Array | None = None) -> Array:
    """Return the fraction of capital at work in each hour under our ramp.

    With `money`, profit of each hour at full capital, a phase that has lost its money budget ends
    in paper.
    """
    fractions, hour, phase, clock, start, downs = np.zeros(len(path.x)), 0, 0, 0, 0, 0
    while hour < len(fractions):
        mark = (hour // DAY_H + 1) * DAY_H
        lost = drawdown(path.x[clock:mark], budget)
        if lost.crossed_at is not None:
            mark = clock + lost.crossed_at + 1
        fractions[hour:mark] = PHASES[phase].fraction
        hour = mark
        if money is not None and _spent(money[start:hour], phase):
            break
        if lost.crossed_at is not None:
            downs += 1
            if phase == 0 or downs == STEP_DOWNS:
                break
            phase, clock, start = phase - 1, hour, hour
            continue
        step = _step(path, phase, start, hour)
        if step < 0:
            break
        phase, start = phase + step, hour if step else start
    return fractions


def _spent(money: Array, phase: int) -> bool:
    """Whether a phase's profit was ever below its money budget."""
    return bool((PHASES[phase].fraction * money.cumsum()).min() < -MONEY_BPS[phase])


def _step(path: Path, phase: int, start: int, mark: int) -> int:
    """Return 1 to advance, 0 to stay, -1 for paper: an edge that is below zero."""
    b = bounds(path.x[start:mark], path.n[start:mark], path.x2[start:mark])
    if b is None:
        return 0
    if b.value + reach(b.blocks, alpha=ALPHA) * b.se < 0.0:
        return -1
    now = PHASES[phase]
    proven = b.value - reach(b.blocks, alpha=now.alpha) * b.se > 0.0 and b.value >= now.minimum_bps
    return int(proven and b.blocks >= now.hours and b.n >= now.fills)


def paths_of(sums: Streams, inventory: Array) -> list[Path]:
    """Return single paths of streams and of the profit of their inventory."""
    return [Path(*one) for one in zip(*sums, inventory, strict=True)]


def outcome(paths: list[Path], fractions: list[Array]) -> Ramped:
    """Return what the capital at work made of the paths."""
    pairs = zip(paths, fractions, strict=True)
    profit = np.array([(at_work * path.account).sum() for path, at_work in pairs])
    full = np.mean([at_work[-1] == 1.0 for at_work in fractions])
    return Ramped(float(profit.mean()), float(np.quantile(profit, 0.05)), float(full))
