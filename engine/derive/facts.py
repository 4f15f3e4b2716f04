"""What was observed about one market: the only input of viability and of derived parameters."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

Positive = Annotated[FiniteFloat, Field(gt=0)]
NonNegative = Annotated[FiniteFloat, Field(ge=0)]


class MarketFacts(BaseModel):
    """One market as observed at one moment. ``None`` means "not known", never zero.

    Parameters
    ----------
    asset, dex, coin
        The venue's name (``hyna:BTC``), the builder dex (empty on the main dex) and the bare coin.
    listed, delisted
        Whether the venue lists it, and whether it is marked as delisted or about to be.
    mark_px
        Mark price [USD]; 0 where the asset is not listed.
    max_leverage
        The venue's limit [times]; 0 where the asset is not listed.
    only_isolated
        The venue refuses cross margin. A fact of its own: it does not make an asset HIP-3.
    day_volume_usd
        Notional traded in 24 h [USD].
    spread_bps
        Time-weighted median touch spread over 24 h [bps of mid].
    hours_observed
        Hours of market data behind `spread_bps`, and behind `day_volume_usd` where measured.
    volume_hours
        Hours behind `day_volume_usd` where they differ: 24 for a figure the venue states itself.
    oi_cap_usd
        The venue's cap on open interest; None means no cap.
    collateral
        Token the margin is held in; None means unknown, which `derive_config` refuses.
    sigma_per_sqrt_s
        Standard deviation of the relative mid move over one second.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    asset: str
    dex: str
    coin: str
    listed: bool
    delisted: bool
    mark_px: NonNegative
    sz_decimals: Annotated[int, Field(ge=0, le=6)]
    max_leverage: NonNegative
    only_isolated: bool
    day_volume_usd: NonNegative | None
    spread_bps: NonNegative | None
    hours_observed: NonNegative
    volume_hours: NonNegative | None = None
    open_interest_usd: NonNegative | None = None
    oi_cap_usd: NonNegative | None = None
    collateral: str | None = None
    binance_symbol: str | None = None
    maker_fee_bps: FiniteFloat = 1.5
    min_notional_usd: Positive = 10.0
    available_margin_usd: NonNegative | None = None
    sigma_per_sqrt_s: NonNegative | None = None
    trades_per_min: NonNegative | None = None
    source: str
    observed_at_ns: int
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _listed_assets_have_a_price(self) -> Self:
        if self.listed and not (self.mark_px > 0 and self.max_leverage >= 1):
            raise ValueError(
                f"mark_px = {self.mark_px}, max_leverage = {self.max_leverage}: a listed "
                "asset has a mark price above 0 and a leverage of at least 1; say listed=False if "
                "it is not traded"
            )
        return self

    @property
    def is_hip3(self) -> bool:
        """Whether the asset belongs to a builder dex; isolated margin alone does not make it so."""
        return bool(self.dex)

    @classmethod
    def unlisted(cls, asset: str, source: str, observed_at_ns: int) -> Self:
        """Return the facts of an asset the venue does not list."""
        dex, _, coin = asset.rpartition(":")
        return cls(
            asset=asset,
            dex=dex,
            coin=coin,
            listed=False,
            delisted=False,
            mark_px=0.0,
            sz_decimals=0,
            max_leverage=0.0,
            only_isolated=False,
            day_volume_usd=None,
            spread_bps=None,
            hours_observed=0.0,
            source=source,
            observed_at_ns=observed_at_ns,
        )
