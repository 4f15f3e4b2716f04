"""policy/ramp.toml: the phases of the capital ramp."""

from typing import Annotated

from pydantic import Field, FiniteFloat

from engine.thresholds.gate import GatePolicy
from engine.thresholds.rows import Row, Table


class RampPhase(Row):
    """One phase of the capital ramp."""

    fraction: Annotated[FiniteFloat, Field(gt=0, le=1)]
    schedule: str
    gate: GatePolicy


class RampPolicy(Table):
    """policy/ramp.toml."""

    ramp_25: RampPhase
    ramp_50: RampPhase
    ramp_75: RampPhase
    ramp_100: RampPhase

    def phase(self, stage: str) -> RampPhase:
        """Return the phase of a stage, by its name."""
        names = tuple(type(self).model_fields)
        if stage not in names:
            raise ValueError(f"stage = {stage!r}: a ramp phase is one of {', '.join(names)}")
        return getattr(self, stage)
