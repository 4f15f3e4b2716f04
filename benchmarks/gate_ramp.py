"""Four weeks of one asset under two ramps: point values that never step back, and bounds that do.

Both look at whole days. The naive ramp is the older system's: it advances after its days when the
phase's edge and profit are right, and has no way down. Ours is the product's rules and policy on
the edge of each phase: up on its lower bound, down when cumulative edge has fallen by more than a
budget, to paper when edge is surely below zero or the phase has lost its money.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.gate_streams import DAY_H, FILLS_PER_H, SD_BPS, Streams
from engine.gates import live_hours
from engine.gates.bounds import ALPHA, bounds, reach
from engine.gates.drawdown import drawdown
from engine.gates.ramp import Signs, rule
from engine.policy import load_policy
from engine.thresholds.ramp import PHASES as STAGES

CAPITAL_PER_FILL = 0.05  # share of the phase's capital
INVENTORY_SD_BPS = 16.0  # of an hour's account profit, from inventory, on the phase's capital
POLICY = load_policy().ramp

Array = NDArray[Any]


class Phase(NamedTuple):
    """A phase of the ramp: its capital and money, its least stay, and what takes it further."""

    fraction: float
    money_bps: float  # of target capital
    hours: float
    fills: float
    minimum_bps: float
    alpha: float


def phase_of(stage: str) -> Phase:
    """Return a phase as the policy has it."""
    row = POLICY.phase(stage)
    least = {line.metric: line.minimum for line in row.gate.criteria}
    return Phase(
        fraction=row.fraction,
        money_bps=1e4 * POLICY.money.share * row.money_share,
        hours=row.gate.min_hours,
        fills=least["filled_orders"],
        minimum_bps=least["edge_bps"],
        alpha=row.gate.alpha,
    )


PHASES = tuple(map(phase_of, STAGES))


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


def edge_budget(deff: float = POLICY.drawdown.deff) -> float:
    """Return the budget of edge drawdown [bps · fills]; the same in every phase, as fills grow."""
    paced = live_hours.Pace(FILLS_PER_H, CAPITAL_PER_FILL, SD_BPS)
    return live_hours.edge_budget(paced, POLICY.drawdown.model_copy(update={"deff": deff}))


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

    `money` is the profit of each hour at full capital that a phase's budget is charged with [bps of
    it]; its edge when absent.
    """
    charged = CAPITAL_PER_FILL * path.x if money is None else money
    fractions, hour, phase, clock, start, downs = np.zeros(len(path.x)), 0, 0, 0, 0, 0
    while hour < len(fractions):
        mark = (hour // DAY_H + 1) * DAY_H
        lost = drawdown(path.x[clock:mark], budget)
        if lost.crossed_at is not None:
            mark = clock + lost.crossed_at + 1
        fractions[hour:mark] = PHASES[phase].fraction
        hour = mark
        signs = _signs(path, phase, start, hour)._replace(
            fallen=lost.crossed, spent=_spent(charged[start:hour], phase)
        )
        asks = rule(phase, signs, downs, POLICY.step_downs.last)
        if asks == "paper":
            break
        if asks == "step_down":
            phase, clock, start, downs = phase - 1, hour, hour, downs + 1
        elif asks == "advance":
            phase, start = phase + 1, hour
    return fractions


def _spent(charged: Array, phase: int) -> bool:
    """Whether a phase's profit was ever below its money budget."""
    now = PHASES[phase]
    return bool((now.fraction * charged.cumsum()).min() <= -now.money_bps)


def _signs(path: Path, phase: int, start: int, mark: int) -> Signs:
    """Return what the phase's own hours say of its edge."""
    b = bounds(path.x[start:mark], path.n[start:mark], path.x2[start:mark])
    if b is None:
        return Signs()
    now = PHASES[phase]
    proven = b.value - reach(b.blocks, alpha=now.alpha) * b.se > 0.0 and b.value >= now.minimum_bps
    return Signs(
        passes=proven and mark % DAY_H == 0 and b.blocks >= now.hours and b.n >= now.fills,
        refuted=b.value + reach(b.blocks, alpha=ALPHA) * b.se < 0.0,
    )


def paths_of(sums: Streams, inventory: Array) -> list[Path]:
    """Return single paths of streams and of the profit of their inventory."""
    return [Path(*one) for one in zip(*sums, inventory, strict=True)]


def outcome(paths: list[Path], fractions: list[Array]) -> Ramped:
    """Return what the capital at work made of the paths."""
    pairs = zip(paths, fractions, strict=True)
    profit = np.array([(at_work * path.account).sum() for path, at_work in pairs])
    full = np.mean([at_work[-1] == 1.0 for at_work in fractions])
    return Ramped(float(profit.mean()), float(np.quantile(profit, 0.05)), float(full))
