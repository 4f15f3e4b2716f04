"""Shapes of the answers of Hyperliquid's ``POST /info``, parsed once and strictly.

Keys we do not read are ignored: the venue adds some every few months. Keys we read must have the
documented type, prices must be positive and books uncrossed, or the whole answer is refused.

References
----------
Hyperliquid API documentation, "Info endpoint" and "Perpetuals"; shapes as measured in September
2026. Every price, size, amount and rate is a JSON string; times and counts are numbers.
"""

import math
import re
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, model_validator

from engine.venues.rows import MarginMode

SIDES = {"B": 1, "A": -1}  # of an order its own, of a trade the aggressor's
WIRE = ConfigDict(frozen=True, extra="ignore", strict=True)
_DECIMAL = re.compile(r"-?\d{1,30}(\.\d{0,30})?(e-?\d{1,2})?")


def _number(value: object) -> float:
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
        raise ValueError(f"expected a decimal number written as a string, got {value!r}")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"expected a finite number, got {value!r}")
    return number


Number = Annotated[float, BeforeValidator(_number)]
Price = Annotated[Number, Field(gt=0)]
Amount = Annotated[Number, Field(ge=0)]


class Universe(BaseModel):
    """One asset in ``meta``; its asset id is its place in the list."""

    model_config = WIRE

    name: str
    szDecimals: Annotated[int, Field(ge=0, le=6)]  # noqa: N815 - the venue's key
    maxLeverage: Annotated[int, Field(ge=1)]  # noqa: N815
    isDelisted: bool | None = None  # noqa: N815
    onlyIsolated: bool | None = None  # noqa: N815
    marginMode: Literal["strictIsolated", "noCross"] | None = None  # noqa: N815
    growthMode: str | None = None  # noqa: N815
    deployerFeeScale: Amount | None = None  # noqa: N815

    @property
    def delisted(self) -> bool:
        """Whether the venue has taken the asset off; it keeps its place in the list."""
        return bool(self.isDelisted)

    @property
    def margin_mode(self) -> MarginMode:
        """``cross`` where allowed, else the kind of isolation."""
        return self.marginMode or ("isolated" if self.onlyIsolated else "cross")


class Meta(BaseModel):
    """Answer of ``meta``."""

    model_config = WIRE

    universe: tuple[Universe, ...]
    collateralToken: int | None = None  # noqa: N815 - index into the tokens of ``spotMeta``


class AssetContext(BaseModel):
    """State of one asset in ``metaAndAssetCtxs``; `funding` is the hourly rate."""

    model_config = WIRE

    markPx: Amount  # noqa: N815
    dayNtlVlm: Amount  # noqa: N815
    openInterest: Amount  # noqa: N815 - in coins, both sides counted once
    funding: Number
    midPx: Price | None = None  # noqa: N815 - null when a side of the book is empty
    impactPxs: tuple[Price, Price] | None = None  # noqa: N815 - bid, ask

    @model_validator(mode="after")
    def _uncrossed(self) -> "AssetContext":
        if self.impactPxs is not None and self.impactPxs[0] > self.impactPxs[1]:
            raise ValueError(f"impact prices are crossed: {self.impactPxs}")
        return self

    @property
    def impact_spread_bps(self) -> float | None:
        """Spread between the impact prices over the mid; wider than the touch."""
        if self.midPx is None or self.impactPxs is None:
            return None
        bid, ask = self.impactPxs
        return (ask - bid) / self.midPx * 1e4


class PerpDex(BaseModel):
    """One builder dex in ``perpDexs``."""

    model_config = WIRE

    name: Annotated[str, Field(min_length=1, max_length=6)]
    fullName: str = ""  # noqa: N815
    deployerFeeScale: Amount | None = None  # noqa: N815 - moved into the universe in 2026
    assetToStreamingOiCap: tuple[tuple[str, Amount], ...] = ()  # noqa: N815


class PerpDexLimits(BaseModel):
    """Answer of ``perpDexLimits``: caps on open interest in USD."""

    model_config = WIRE

    totalOiCap: Amount  # noqa: N815
    coinToOiCap: tuple[tuple[str, Amount], ...] = ()  # noqa: N815


class Token(BaseModel):
    """One token in ``spotMeta``."""

    model_config = WIRE

    name: str
    index: int


class SpotMeta(BaseModel):
    """Answer of ``spotMeta``."""

    model_config = WIRE

    tokens: tuple[Token, ...]


class Level(BaseModel):
    """One price of a book."""

    model_config = WIRE

    px: Price
    sz: Amount


class L2Book(BaseModel):
    """Answer of ``l2Book``: bids downwards, asks upwards, best first."""

    model_config = WIRE

    coin: str
    time: Annotated[int, Field(gt=0)]  # ms
    levels: tuple[tuple[Level, ...], tuple[Level, ...]]

    @model_validator(mode="after")
    def _ordered(self) -> "L2Book":
        bids, asks = ([level.px for level in side] for side in self.levels)
        if bids != sorted(set(bids), reverse=True) or asks != sorted(set(asks)):
            raise ValueError(f"the book of {self.coin} is not ordered from the best price")
        if bids and asks and bids[0] >= asks[0]:
            raise ValueError(f"the book of {self.coin} is crossed: bid {bids[0]}, ask {asks[0]}")
        return self

    @property
    def spread_bps(self) -> float | None:
        """Touch spread over the mid; None while a side is empty."""
        bids, asks = self.levels
        if not bids or not asks:
            return None
        return (asks[0].px - bids[0].px) / (asks[0].px + bids[0].px) * 2e4


class RecentTrade(BaseModel):
    """One public trade; `side` is the aggressor's."""

    model_config = WIRE

    coin: str
    side: Literal["A", "B"]
    px: Price
    sz: Price
    time: Annotated[int, Field(gt=0)]
    tid: int


class UserFees(BaseModel):
    """What we read of ``userFees``; the rates already include the account's discounts."""

    model_config = WIRE

    userAddRate: Number  # noqa: N815 - maker, negative is a rebate
    userCrossRate: Number  # noqa: N815 - taker


class ExchangeStatus(BaseModel):
    """What we read of ``exchangeStatus``."""

    model_config = WIRE

    time: Annotated[int, Field(gt=0)]  # ms


META = TypeAdapter(Meta)
META_AND_CONTEXTS = TypeAdapter(tuple[Meta, tuple[AssetContext, ...]])
PERP_DEXS = TypeAdapter(tuple[PerpDex | None, ...])
PERP_DEX_LIMITS = TypeAdapter(PerpDexLimits | None)
NAMES = TypeAdapter(tuple[str, ...])
SPOT_META = TypeAdapter(SpotMeta)
L2_BOOK = TypeAdapter(L2Book | None)
RECENT_TRADES = TypeAdapter(tuple[RecentTrade, ...] | None)
USER_FEES = TypeAdapter(UserFees)
EXCHANGE_STATUS = TypeAdapter(ExchangeStatus)
