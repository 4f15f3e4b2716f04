"""The shape of `policy/*.toml`: one model per table, strict, finite, each row with its reason.

Read from the bottom: a policy file is one model made of the rows above it.
"""

from collections.abc import Iterable
from typing import Annotated, Literal, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    field_validator,
    model_validator,
)

Positive = Annotated[FiniteFloat, Field(gt=0)]
NonNegative = Annotated[FiniteFloat, Field(ge=0)]
Share = Annotated[FiniteFloat, Field(ge=0, le=1)]
Tier = Literal["minimum", "target", "fail"]
AssetClass = Literal["major", "midcap", "hip3", "low_volume"]

_CLASSES: tuple[AssetClass, ...] = get_args(AssetClass)


class Table(BaseModel):
    """A table of a policy file: nothing unknown, nothing converted."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Row(Table):
    """Anything a policy file states, with the reason it is so."""

    why: Annotated[str, Field(min_length=12)]


class Number(Row):
    """One number."""

    value: FiniteFloat


class Names(Row):
    """A list of names."""

    names: Annotated[tuple[str, ...], Field(min_length=1)]


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
    """

    gate: str
    evidence: Literal["point", "bound"] = "point"
    alpha: Annotated[FiniteFloat, Field(gt=0, lt=0.5)] = 0.05
    criteria: Annotated[tuple[Criterion, ...], Field(min_length=1)]
    min_hours: NonNegative = 0.0
    max_hours: Positive | None = None

    def extended(self, hours: float) -> Self:
        """Return the gate with `hours` more to reach its verdict: a person chose to extend."""
        longest = None if self.max_hours is None else self.max_hours + hours
        return self.model_copy(update={"max_hours": longest})


class EconomicsPolicy(Table):
    """What a market must promise from its own data, and the suppositions of that calculation."""

    gate: GatePolicy
    target_margin_bps: Number
    inventory_orders: Number
    funding_bps_per_h: Number
    profit_days: Number
    infra_usd_per_day: Number
    tail_share: Number


class ViabilityPolicy(Table):
    """policy/viability.toml."""

    gate: GatePolicy
    economics: EconomicsPolicy
    no_pair_volume_usd: Number
    oi_headroom_capitals: Number
    binance_pair: Row


class Profile(Row):
    """One spread profile: what an order costs and how much of the position it may be."""

    target_spread_bps: tuple[Positive, Positive]
    gamma: Positive
    sizing_fraction: Share
    kappa_prior: Positive
    kappa_prior_builder: Positive  # the same on a builder dex
    kappa_prior_fills: Positive
    intensity_prior_per_s: Positive
    half_spread_floor_bps: NonNegative
    use_for: str


class ProfilesPolicy(Table):
    """policy/profiles.toml."""

    default: Profile
    hip3: Profile
    aggressive: Profile


class Sizing(Table):
    """The constants of auto_derive, and the limits on the ladder."""

    margin_safety: Number
    min_order_factor: Number
    min_orders: Number
    bps_diff_fees: Number
    bps_diff_min: Number
    bps_diff_max: Number
    max_levels_per_side: Number
    requote_interval_ms: Number


class KillTier(Row):
    """Daily loss limit for capital below `limit_usd` (None: any), or up to it if `included`."""

    limit_usd: Positive | None = None
    included: bool = False
    fraction: Annotated[FiniteFloat, Field(gt=0, le=0.2)]


class SessionRamp(Row):
    """How the position limit opens after a start: from `start`, as the square root of time."""

    duration_s: Positive
    start: Share
    curve: Literal["sqrt"]


class SessionRamps(Table):
    """The ramp of main-dex assets and the slower one of HIP-3 assets."""

    default: SessionRamp
    hip3: SessionRamp
    min_orders: Number


class Hip3Point(Row):
    """One of the specification's eight points about builder-deployed assets."""

    name: str
    fact: str
    consequence: str


class Hip3Policy(Table):
    """What a builder-deployed asset is given."""

    isolated_margin_usd: Number
    risk_model_blend: Number
    monopolist_pricing: Number
    quota_headroom_min: Number
    points: Annotated[tuple[Hip3Point, ...], Field(min_length=8, max_length=8)]


class Learning(Table):
    """How hungry a session is that has not learned yet."""

    fills_per_h: Number
    share: Number


class RiskPolicy(Table):
    """policy/risk.toml."""

    sizing: Sizing
    rl_shadow: Number
    learning: Learning
    request_grant: Number
    kill_tiers: Annotated[tuple[KillTier, ...], Field(min_length=1)]
    session_ramp: SessionRamps
    stale_after_s: Number
    risk_model_blend: Number
    hip3: Hip3Policy
    collateral: Names

    @field_validator("kill_tiers")
    @classmethod
    def _kill_tiers_cover_every_capital(cls, tiers: tuple[KillTier, ...]) -> tuple[KillTier, ...]:
        *bounded, last = [tier.limit_usd for tier in tiers]
        limits = [limit for limit in bounded if limit is not None]
        if last is not None or len(limits) < len(bounded) or limits != sorted(set(limits)):
            raise ValueError("tiers must rise in limit_usd, and only the last has no limit_usd")
        return tiers


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
    """One source of the paper-to-live gap; `on_pessimistic`: strict paper fills have it too."""

    name: str
    bps: NonNegative
    on_pessimistic: bool


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
    loops_minutes: Number
    loops: GatePolicy

    @property
    def haircut_bps(self) -> float:
        """What a pessimistic paper edge is expected to lose on the way to live [bps]."""
        return round(sum(part.bps for part in self.gap if part.on_pessimistic), 9)

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

    def validation_for(self, classes: Iterable[AssetClass]) -> GatePolicy:
        """Return the validation gate with this asset's durations and the edge haircut filled in."""
        duration = self.duration(classes)
        criteria = tuple(
            line.model_copy(update={"haircut": self.haircut_bps}) if line.less_haircut else line
            for line in self.validation.criteria
        )
        hours = {"min_hours": duration.min_hours, "max_hours": duration.max_hours}
        return self.validation.model_copy(update={"criteria": criteria, **hours})


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


class SymbolTable(Row):
    """Coin (in capitals) to the leading venue's symbol, which quotes `multiple` coins."""

    symbols: Annotated[dict[str, str], Field(min_length=1)]
    multiple: Positive = 1.0


class SymbolsPolicy(Table):
    """policy/symbols.toml."""

    single: SymbolTable
    thousands: SymbolTable
    natives: Names
    majors: Names
