"""policy/ramp.toml: the phases of the capital ramp, and what takes an asset down or holds it."""

from datetime import date
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, FiniteFloat, model_validator

from engine.thresholds.gate import GatePolicy
from engine.thresholds.rows import Positive, Row, Share, Table

Weekday = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
PHASES = ("ramp_25", "ramp_50", "ramp_75", "ramp_100")


class RampPhase(Row):
    """One phase of the capital ramp; `money_share` is its part of what an onboarding may lose."""

    fraction: Annotated[FiniteFloat, Field(gt=0, le=1)]
    schedule: str
    money_share: Share
    gate: GatePolicy


class DrawdownPolicy(Row):
    """How far cumulative edge may fall: as far as a good asset's does once in so many days.

    The good asset earns `hoped_edge_bps` a fill, with a design effect of `deff`.
    """

    hoped_edge_bps: Positive
    deff: Annotated[FiniteFloat, Field(ge=1)]
    days_to_false_alarm: Positive


class StepDowns(Row):
    """The step-down of an asset's life, from 1 on, that leads to paper; every later one does."""

    last: Annotated[int, Field(ge=1)]


class Money(Row):
    """What an onboarding may lose in all, a share of the target capital."""

    share: Annotated[FiniteFloat, Field(gt=0, le=1)]


class GapAlarm(Row):
    """By how much the paper-to-live gap must surely exceed the haircut before the ramp holds."""

    beyond_haircut_bps: Positive


class FreezeWindow(Row):
    """Hours in which capital does not rise, all UTC: on these weekdays, between these days.

    Both conditions hold where both are given; the days are included, `to_hour` is not.
    """

    name: str
    weekdays: tuple[Weekday, ...] = ()
    from_hour: Annotated[int, Field(ge=0, le=23)] = 0
    to_hour: Annotated[int, Field(ge=1, le=24)] = 24
    first_day: date | None = None
    last_day: date | None = None

    @model_validator(mode="after")
    def _is_a_window(self) -> Self:
        if (self.first_day is None) != (self.last_day is None):
            raise ValueError("first_day and last_day go together")
        if self.first_day and self.last_day and self.first_day > self.last_day:
            raise ValueError(f"first_day {self.first_day} is after last_day {self.last_day}")
        if not self.weekdays and self.first_day is None:
            raise ValueError("name weekdays, or first_day and last_day")
        if self.from_hour >= self.to_hour:
            raise ValueError(f"from_hour {self.from_hour} must be before to_hour {self.to_hour}")
        return self


class RampPolicy(Table):
    """policy/ramp.toml."""

    ramp_25: RampPhase
    ramp_50: RampPhase
    ramp_75: RampPhase
    ramp_100: RampPhase
    drawdown: DrawdownPolicy
    step_downs: StepDowns
    money: Money
    gap_alarm: GapAlarm
    freeze: tuple[FreezeWindow, ...] = ()

    @model_validator(mode="after")
    def _money_is_spent_once(self) -> Self:
        shares = [getattr(self, name).money_share for name in PHASES]
        if round(sum(shares), 9) > 1.0:
            raise ValueError(f"money_share of the phases is {shares}: must not exceed 1 together")
        return self

    def phase(self, stage: str) -> RampPhase:
        """Return the phase of a stage, by its name."""
        if stage not in PHASES:
            raise ValueError(f"stage = {stage!r}: a ramp phase is one of {', '.join(PHASES)}")
        return getattr(self, stage)
