"""What an engine is told: the operator's request and the parameters derived from it.

`AssetSpec` is what a person asks for; `MakerConfig` is what `derive` makes of it. Both are frozen,
and the hash of a `MakerConfig` is part of every verdict: change the config and the evidence clock
starts again.
"""

import hashlib
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

Positive = Annotated[FiniteFloat, Field(gt=0)]
NonNegative = Annotated[FiniteFloat, Field(ge=0)]
Fraction = Annotated[FiniteFloat, Field(ge=0, le=1)]
Profile = Literal["default", "hip3", "aggressive"]


class AssetSpec(BaseModel):
    """What the operator asks for.

    `asset` is the venue's name: ``HYPE`` on the main dex, ``hyna:BTC`` on a builder dex. `venue` is
    ``sim``, ``tape``, ``testnet``, ``mainnet`` or the URL of a server that speaks the same
    protocol.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    asset: Annotated[str, Field(pattern=r"^([a-z0-9]{2,6}:)?[A-Za-z0-9]{1,20}$")]
    capital_usd: Positive
    profile: Profile | None = None
    venue: str = "sim"
    scenario: str | None = None
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 7
    tape: str | None = None

    @property
    def dex(self) -> str:
        """Name of the builder dex; empty on the main dex."""
        return self.asset.rpartition(":")[0]

    @property
    def coin(self) -> str:
        """Name without the dex."""
        return self.asset.rpartition(":")[2]


class BinanceSignals(BaseModel):
    """The leading venue's feed; one optional field, so half a configuration cannot be written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    symbol: str
    price_factor: Positive = 1.0  # our price / Binance's price

    use_lead_lag: Literal[True] = True
    use_cross_venue: Literal[True] = True


class MakerConfig(BaseModel):
    """Everything the compiled maker is told about one asset. Prices in USD, sizes in coins."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    asset: str
    profile: Profile
    capital_usd: Positive
    # the instrument
    sz_decimals: Annotated[int, Field(ge=0, le=6)]
    min_notional_usd: Positive
    maker_fee_bps: FiniteFloat
    max_leverage: Positive
    isolated: bool
    isolated_margin_usd: NonNegative
    oi_cap_usd: Positive | None
    collateral: str
    # sizes, from auto_derive
    max_position: Positive
    target_liquidity: Positive
    levels: Annotated[int, Field(ge=1, le=25)]
    # quoting
    gamma: Positive  # risk aversion per order size, dimensionless
    kappa_prior: Positive  # decay of fill intensity per unit of relative price
    kappa_prior_fills: Positive  # strength of that prior
    intensity_prior_per_s: Positive  # A, fills per second at zero distance
    half_spread_floor_bps: NonNegative
    max_bps_diff: Positive
    requote_interval_ms: Annotated[int, Field(ge=0)]
    risk_model_blend: Fraction
    monopolist_pricing: bool
    signals: BinanceSignals | None
    rl_enabled: bool
    rl_shadow: bool  # the ensemble is computed and recorded, and moves no quote
    learning_fills_per_h: Positive  # filled orders wanted while learning
    learning_share: Annotated[FiniteFloat, Field(gt=0, le=1)]  # least share of the base half-spread
    request_grant: Annotated[int, Field(ge=1)]  # requests the address has before it trades
    # safety
    kill_fraction: Annotated[FiniteFloat, Field(gt=0, le=0.2)]
    stale_after_s: Positive
    session_ramp_s: NonNegative
    session_ramp_start: Fraction

    def fingerprint(self) -> str:
        """Return the SHA-256 of the canonical JSON, as hex."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()
