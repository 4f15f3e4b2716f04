"""policy/monitor.toml: what a live asset is held against on its first day, week and month."""

from collections.abc import Collection
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from engine.thresholds.gate import Criterion, GatePolicy
from engine.thresholds.rows import Number, Row, Table

Regime = Literal["calm", "normal", "high", "extreme"]
MonthOutcome = Literal["scale", "hold", "reduce"]

REGIMES: tuple[Regime, ...] = get_args(Regime)


def edge_metric(regime: Regime) -> str:
    """Return the name of the edge in one regime."""
    return f"edge_{regime}_bps"


class DayOne(Table):
    """The first day; `hip3` are lines that only builder-dex assets are held against."""

    loops_hours: Number
    gate: GatePolicy
    hip3: Annotated[tuple[Criterion, ...], Field(min_length=1)]

    def gate_for(self, *, hip3: bool) -> GatePolicy:
        """Return the gate for an asset of the main dex, or of a builder's."""
        lines = (*self.gate.criteria, *self.hip3) if hip3 else self.gate.criteria
        return self.gate.model_copy(update={"criteria": lines})


class Outcome(Row):
    """One outcome of the month, and the procedure's steps for it."""

    steps: Annotated[tuple[str, ...], Field(min_length=1)]


class MonthOne(Table):
    """The first month: a line for every regime, and what follows."""

    regime_fills: Number
    gate: GatePolicy
    scale: Outcome
    hold: Outcome
    reduce: Outcome

    @model_validator(mode="after")
    def _every_regime_has_a_line(self) -> Self:
        missing = {edge_metric(r) for r in REGIMES} - {one.metric for one in self.gate.criteria}
        if missing:
            raise ValueError(f"gate lacks a line for {', '.join(sorted(missing))}")
        return self

    def gate_for(self, regimes: Collection[Regime]) -> GatePolicy:
        """Return the gate without the lines of regimes that had too few fills to be judged."""
        silent = {edge_metric(regime) for regime in REGIMES if regime not in regimes}
        lines = tuple(one for one in self.gate.criteria if one.metric not in silent)
        return self.gate.model_copy(update={"criteria": lines})


class DecayLimits(Table):
    """Share of a signal's information lost a week at which it is spoken of."""

    warn: Number
    critical: Number

    @model_validator(mode="after")
    def _limits_rise(self) -> Self:
        if not 0.0 < self.warn.value <= self.critical.value:
            raise ValueError("0 < warn <= critical must hold")
        return self


class AdjustLimits(Table):
    """Where the daily review proposes another gamma."""

    high_cost: Number
    near_kill: Number


class MonitorPolicy(Table):
    """policy/monitor.toml."""

    day_1: DayOne
    week_1: GatePolicy
    month_1: MonthOne
    decay: DecayLimits
    adjust: AdjustLimits
