"""What the exchange lists: perpetuals on the main dex and on builder dexs, tokens, margin tables.

A `UniverseSpec` is the declaration (written by hand, or read from recordings by `recorded`); a
`Universe` is what the exchange looks things up in. The list only grows: an asset's id is its place.

References
----------
Hyperliquid documentation, "Asset IDs", "Margin tiers", "HIP-3: builder-deployed perpetuals", read
in September 2026.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from engine.grid import MAX_PX_DECIMALS
from engine.localnet.digits import MICRO

DEX_STEP = 10_000
BUILDER_BASE = 100_000
SPOT_BASE = 10_000
LISTED_TABLES_FROM = 50  # a table below is one tier and is not listed

MarginMode = Literal["cross", "noCross", "strictIsolated"]
Whole = Annotated[int, Field(ge=0)]


class Spec(BaseModel):
    """A part of the declaration."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TokenSpec(Spec):
    """A token that an account can hold."""

    name: str
    index: Whole
    sz_decimals: Annotated[int, Field(ge=0, le=8)] = 8
    wei_decimals: Annotated[int, Field(ge=0, le=18)] = 8
    token_id: Annotated[str, Field(pattern="^0x[0-9a-f]{32}$")]


class TierSpec(Spec):
    """From this notional on [USD], at most that leverage."""

    lower_bound_usd: Whole
    max_leverage: Annotated[int, Field(ge=1, le=100)]


class TableSpec(Spec):
    """A margin table that is listed."""

    id: Annotated[int, Field(ge=LISTED_TABLES_FROM)]
    description: str = ""
    tiers: Annotated[tuple[TierSpec, ...], Field(min_length=1)]


class PerpSpec(Spec):
    """One perpetual; `px` is its oracle price before a market drives it [USD]."""

    coin: str
    sz_decimals: Annotated[int, Field(ge=0, le=MAX_PX_DECIMALS)]
    max_leverage: Annotated[int, Field(ge=1, le=50)]
    px: Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]
    margin_table: int | None = None
    margin_mode: MarginMode = "cross"
    delisted: bool = False
    growth: bool = False
    fee_scale: Annotated[Decimal, Field(ge=0, le=3)] = Decimal(1)  # of its deployer
    oi_cap_usd: Whole | None = None
    funding_multiplier: Annotated[Decimal, Field(ge=0, le=10)] = Decimal(1)
    category: str | None = None


class DexSpec(Spec):
    """One dex; the first of a universe is the main one and has no name."""

    name: str = ""
    full_name: str = ""
    deployer: str = "0x" + "0" * 40
    collateral: Whole = 0
    perps: Annotated[tuple[PerpSpec, ...], Field(min_length=1)]
    tables: tuple[TableSpec, ...] = ()
    total_oi_cap_usd: Whole = 1_000_000_000
    max_transfer_usd: Whole = 1_000_000_000


class PairSpec(Spec):
    """A spot pair; `base` and `quote` are token indices."""

    index: Whole
    base: Whole
    quote: Whole = 0
    canonical: bool = False


class UniverseSpec(Spec):
    """Everything that is listed."""

    tokens: tuple[TokenSpec, ...]
    pairs: tuple[PairSpec, ...] = ()
    dexs: Annotated[tuple[DexSpec, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Tier:
    """One band of notional: ``maintenance = notional / (2 leverage) - deduction`` [micro-USD]."""

    lower: int
    max_leverage: int
    deduction: int


@dataclass(frozen=True, slots=True)
class Asset:
    """A perpetual as the exchange sees it."""

    id: int
    dex: int
    coin: str
    spec: PerpSpec
    tiers: tuple[Tier, ...]
    px_scale: int  # units per USD
    lot_scale: int  # lots per coin
    collateral: str

    @property
    def px_decimals(self) -> int:
        """Decimals of a price."""
        return MAX_PX_DECIMALS - self.spec.sz_decimals

    @property
    def sz_decimals(self) -> int:
        """Decimals of a size."""
        return self.spec.sz_decimals

    @property
    def isolated_only(self) -> bool:
        """Whether the asset cannot be held on cross margin."""
        return self.spec.margin_mode != "cross"


class Universe:
    """Look-up over a `UniverseSpec`.

    Raises
    ------
    ValueError
        if a margin table, collateral token or pair token is not declared, or a name occurs twice.
    """

    def __init__(self, spec: UniverseSpec) -> None:
        self.spec = spec
        self.tokens = {token.index: token for token in spec.tokens}
        self.dex_index = {dex.name: i for i, dex in enumerate(spec.dexs)}
        self.assets = {asset.id: asset for asset in self._assets()}
        self.by_coin = {asset.coin: asset for asset in self.assets.values()}
        if len(self.by_coin) < len(self.assets) or len(self.dex_index) < len(spec.dexs):
            raise ValueError("coins and dexs must have different names")
        missing = {i for pair in spec.pairs for i in (pair.base, pair.quote)} - set(self.tokens)
        if missing:
            raise ValueError(f"pairs name tokens that are not declared: {sorted(missing)}")

    def on(self, dex: int) -> list[Asset]:
        """Return the assets of a dex in their order."""
        return [asset for asset in self.assets.values() if asset.dex == dex]

    def _assets(self) -> Iterator[Asset]:
        for d, dex in enumerate(self.spec.dexs):
            if dex.collateral not in self.tokens:
                raise ValueError(f"dex {dex.name!r}: collateral {dex.collateral} is no token")
            tables = {table.id: table.tiers for table in dex.tables}
            for i, perp in enumerate(dex.perps):
                yield Asset(
                    id=i if d == 0 else BUILDER_BASE + d * DEX_STEP + i,
                    dex=d,
                    coin=f"{dex.name}:{perp.coin}" if d else perp.coin,
                    spec=perp,
                    tiers=tiers_of(_table(dex, perp, tables)),
                    px_scale=10 ** (MAX_PX_DECIMALS - perp.sz_decimals),
                    lot_scale=10**perp.sz_decimals,
                    collateral=self.tokens[dex.collateral].name,
                )


def table_id(perp: PerpSpec) -> int:
    """Return the id of a perpetual's margin table."""
    return perp.max_leverage if perp.margin_table is None else perp.margin_table


def tiers_of(tiers: tuple[TierSpec, ...]) -> tuple[Tier, ...]:
    """Return the tiers with their deductions, which make maintenance continuous.

    >>> [t.deduction // 10**6 for t in tiers_of((
    ...     TierSpec(lower_bound_usd=0, max_leverage=10),
    ...     TierSpec(lower_bound_usd=3_000_000, max_leverage=5)))]
    [0, 150000]
    """
    found: list[Tier] = []
    for tier in tiers:
        lower, deduction = tier.lower_bound_usd * MICRO, 0
        if found:
            above, before = 2 * tier.max_leverage, 2 * found[-1].max_leverage
            deduction = found[-1].deduction + lower * (before - above) // (before * above)
        found.append(Tier(lower, tier.max_leverage, deduction))
    return tuple(found)


def _table(
    dex: DexSpec, perp: PerpSpec, tables: dict[int, tuple[TierSpec, ...]]
) -> tuple[TierSpec, ...]:
    number = table_id(perp)
    if number < LISTED_TABLES_FROM:
        return (TierSpec(lower_bound_usd=0, max_leverage=number),)
    if number not in tables:
        raise ValueError(f"{dex.name}:{perp.coin}: margin table {number} is not declared")
    return tables[number]
