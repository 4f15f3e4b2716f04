"""policy/risk.toml: sizes, the kill switch, and what a young session may do."""

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, field_validator

from engine.thresholds.rows import Names, Number, Positive, Row, Share, Table


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
