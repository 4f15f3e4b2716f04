"""What events cannot tell about an asset: decimals, leverage, margin mode, collateral."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from engine.config import NonNegative, Positive


class StaticFacts(BaseModel):
    """Terms of one asset, as the venue publishes them; `source` says where and when."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sz_decimals: Annotated[int, Field(ge=0, le=6)]
    max_leverage: Positive
    only_isolated: bool = False
    delisted: bool = False
    collateral: str | None = "USDC"
    oi_cap_usd: Positive | None = None
    maker_fee_bps: FiniteFloat = 1.5
    deployer_fee_scale: NonNegative | None = None  # already in the fee; shown with the dex
    source: str


_MAIN = "Hyperliquid meta of the main dex, 2026-09-30"

# Terms that a recorded tape is onboarded under; the recording itself holds only books and trades.
TAPE_ASSETS = {
    "BTC": StaticFacts(sz_decimals=5, max_leverage=40, source=_MAIN),
    "ETH": StaticFacts(sz_decimals=4, max_leverage=25, source=_MAIN),
    "SOL": StaticFacts(sz_decimals=2, max_leverage=20, source=_MAIN),
    "WLFI": StaticFacts(sz_decimals=0, max_leverage=5, source=_MAIN),
    "HYPE": StaticFacts(sz_decimals=2, max_leverage=10, source=_MAIN),
    "BNB": StaticFacts(sz_decimals=3, max_leverage=10, source=_MAIN),
}
