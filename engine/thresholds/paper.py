"""policy/paper.toml: how long paper runs, what must hold, what live will take away."""

import math
from collections.abc import Iterable
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from engine.thresholds.gate import GatePolicy
from engine.thresholds.rows import NonNegative, Number, Positive, Row, Table

AssetClass = Literal["major", "midcap", "hip3", "low_volume"]

_CLASSES: tuple[AssetClass, ...] = get_args(AssetClass)


class Duration(Row):
    """How long paper must, should and may run [h]."""

    min_hours: Positive
    recommended_hours: Positive
    max_hours: Positive

    @model_validator(mode="after")
    def _durations_rise(self) -> Self:
        if not self.min_hours <= self.recommended_hours <= self.max_hours:
            raise ValueError("min_hours <= recommended_hours <= max_hours must hold")
        return self


class Durations(Table):
    """Paper durations by asset class."""

    major: Duration
    midcap: Duration
    hip3: Duration
    low_volume: Duration


class GapComponent(Row):
    """One source of the paper-to-live gap, guessed as `bps` ± `sd_bps`.

    `on_pessimistic` says that strict paper fills have it too.
    """

    name: str
    bps: NonNegative
    sd_bps: Positive
    on_pessimistic: bool


class BetweenAssets(Row):
    """How far the gaps of two assets of one class lie apart: their standard deviation."""

    sd_bps: Positive


class HaircutPolicy(Row):
    """How many assets must have been measured before their gaps may lower the haircut."""

    assets_to_lower: Annotated[int, Field(ge=1)]


class LatencyRow(Row):
    """A log-normal delay."""

    median_ms: Positive
    p99_ms: Positive

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if not self.median_ms <= self.p99_ms:
            raise ValueError("median_ms <= p99_ms must hold")
        return self


class PaperLatency(Table):
    """How long messages take on paper."""

    request: LatencyRow
    response: LatencyRow


class PaperPolicy(Table):
    """policy/paper.toml."""

    latency: PaperLatency
    low_volume_usd: Number
    durations: Durations
    validation: GatePolicy
    gap: Annotated[tuple[GapComponent, ...], Field(min_length=1)]
    gap_range_bps: tuple[NonNegative, NonNegative]
    between_assets: BetweenAssets
    haircut: HaircutPolicy
    loops_minutes: Number
    loops: GatePolicy

    @property
    def haircut_bps(self) -> float:
        """What a pessimistic paper edge is expected to lose on the way to live [bps]."""
        return round(sum(part.bps for part in self.gap if part.on_pessimistic), 9)

    @property
    def haircut_sd_bps(self) -> float:
        """How sure that is, before anything is measured: its parts err independently [bps]."""
        return math.hypot(*(part.sd_bps for part in self.gap if part.on_pessimistic))

    @property
    def gap_bps(self) -> float:
        """The whole expected gap, where paper fills are optimistic [bps]."""
        return round(sum(part.bps for part in self.gap), 9)

    def duration(self, classes: Iterable[AssetClass]) -> Duration:
        """Return the longest duration any of the asset's classes asks for."""
        wanted = set(classes)
        if not wanted or not wanted <= set(_CLASSES):
            raise ValueError(
                f"classes = {sorted(wanted)}: name one or more of {', '.join(_CLASSES)}"
            )
        return max(
            (getattr(self.durations, name) for name in _CLASSES if name in wanted),
            key=lambda duration: (duration.min_hours, duration.max_hours),
        )

    def validation_for(
        self, classes: Iterable[AssetClass], haircut_bps: float | None = None
    ) -> GatePolicy:
        """Return the validation gate with this asset's durations and haircut filled in.

        Parameters
        ----------
        classes
            the asset's.
        haircut_bps
            what its edge must clear beside the minimum [bps], >= 0; None where no gap was measured.

        Raises
        ------
        ValueError
            if there is no class, or an unknown one, or the haircut is negative or not finite.
        """
        haircut = self.haircut_bps if haircut_bps is None else haircut_bps
        if not 0.0 <= haircut < math.inf:
            raise ValueError(f"haircut_bps = {haircut}: must be finite and >= 0")
        duration = self.duration(classes)
        criteria = tuple(
            line.model_copy(update={"haircut": haircut}) if line.less_haircut else line
            for line in self.validation.criteria
        )
        hours = {"min_hours": duration.min_hours, "max_hours": duration.max_hours}
        return self.validation.model_copy(update={"criteria": criteria, **hours})
