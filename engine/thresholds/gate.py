"""A gate as data: its lines with their tiers, its durations, what evidence it asks for."""

from typing import Annotated, Literal, Self

from pydantic import Field, FiniteFloat, model_validator

from engine.thresholds.rows import NonNegative, Positive, Row

Tier = Literal["minimum", "target", "fail"]


class Criterion(Row):
    """One line of a gate.

    `minimum`, `target` and `fail` are strict (``> minimum`` passes, ``< fail`` fails) unless named
    in `inclusive`. A line without `fail` can only wait. `exact` lines (a kill switch) are judged at
    any hour. `divided_by` names a second metric: the value is the ratio of the two.
    """

    metric: str
    title: str
    unit: str
    direction: Literal["higher", "lower"] = "higher"
    minimum: FiniteFloat
    target: FiniteFloat | None = None
    fail: FiniteFloat | None = None
    inclusive: tuple[Tier, ...] = ()
    exact: bool = False
    divided_by: str | None = None
    less_haircut: bool = False
    haircut: NonNegative = 0.0

    @model_validator(mode="after")
    def _tiers_are_in_order(self) -> Self:
        sign = 1.0 if self.direction == "higher" else -1.0
        tiers = [sign * t for t in (self.fail, self.minimum, self.target) if t is not None]
        if tiers != sorted(tiers):
            raise ValueError(
                f"fail {self.fail}, minimum {self.minimum}, target {self.target} must run from bad "
                f"to good where {self.direction} is better"
            )
        return self


class GatePolicy(Row):
    """A gate: its lines, how long the evidence must and may run, and what is asked of it.

    `evidence` is ``point`` where values are held against their tiers as they are, ``bound`` where
    what is measured by sampling must also be sure, at an error of `alpha` a side.

    `fails_below` is the tier that a bound must rule out before the line fails. Paper risks nothing,
    so what will surely not reach its minimum is sent back at once; live, an asset that earns less
    than the next phase asks for, and surely more than the fail tier, stays where it is.
    """

    gate: str
    evidence: Literal["point", "bound"] = "point"
    alpha: Annotated[FiniteFloat, Field(gt=0, lt=0.5)] = 0.05
    fails_below: Literal["minimum", "fail"] = "minimum"
    criteria: Annotated[tuple[Criterion, ...], Field(min_length=1)]
    min_hours: NonNegative = 0.0
    max_hours: Positive | None = None

    def extended(self, hours: float) -> Self:
        """Return the gate with `hours` more to reach its verdict: a person chose to extend."""
        longest = None if self.max_hours is None else self.max_hours + hours
        return self.model_copy(update={"max_hours": longest})
