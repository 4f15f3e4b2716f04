"""The universe the exchange starts with, and universes read from recorded ``meta`` answers.

The default has what the official SDK's examples name (BTC, ETH, OP, ``test:ABC``, spot ``@1`` and
``@8``), the assets of the simulated market, and builder dexs with and without USDC as collateral.
Margin tables and flags are the venue's of 30 September 2026; prices are round.
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from engine.localnet.universe import (
    DexSpec,
    PairSpec,
    PerpSpec,
    TableSpec,
    TierSpec,
    TokenSpec,
    UniverseSpec,
)


def _table(number: int, description: str, *tiers: tuple[int, int]) -> TableSpec:
    rows = tuple(TierSpec(lower_bound_usd=low, max_leverage=most) for low, most in tiers)
    return TableSpec(id=number, description=description, tiers=rows)


TABLES = (
    _table(50, "", (0, 50)),
    _table(51, "tiered 10x", (0, 10), (3_000_000, 5)),
    _table(52, "tiered 10x (2)", (0, 10), (20_000_000, 5)),
    _table(53, "tiered 20x", (0, 20), (40_000_000, 10)),
    _table(54, "tiered 20x (2)", (0, 20), (70_000_000, 10)),
    _table(55, "tiered 25x", (0, 25), (100_000_000, 15)),
    _table(56, "tiered 40x", (0, 40), (150_000_000, 20)),
)


def _token(name: str, index: int, number: str, *, sz: int = 2, wei: int = 8) -> TokenSpec:
    given = "0x" + number.rjust(32, "0")
    return TokenSpec(name=name, index=index, sz_decimals=sz, wei_decimals=wei, token_id=given)


def _perp(coin: str, sz_decimals: int, max_leverage: int, px: str, **more: Any) -> PerpSpec:
    return PerpSpec(
        coin=coin, sz_decimals=sz_decimals, max_leverage=max_leverage, px=Decimal(px), **more
    )


TOKENS = (
    _token("USDC", 0, "6d1e7cde53ba9467b783cb7c530ce054", sz=8),
    _token("PURR", 1, "c1fb593aeffbeb02f85e0308e9956a90", sz=0, wei=5),
    _token("HYPE", 150, "96"),
    _token("USDE", 235, "eb"),
    _token("USDT0", 268, "10c"),
    _token("USDH", 360, "168"),
)
PAIRS = (
    PairSpec(index=0, base=1, canonical=True),
    PairSpec(index=1, base=235),
    PairSpec(index=8, base=360),
    PairSpec(index=107, base=150),
)
_DEPLOYER = "0x88806a71d74ad0a510b350545c9ae490912f0888"
_HALF = Decimal("0.5")
_HYNA = {"margin_mode": "strictIsolated", "fee_scale": Decimal("0.1111")}

MAIN = DexSpec(
    tables=TABLES,
    perps=(
        _perp("BTC", 5, 40, "110000", margin_table=56),
        _perp("ETH", 4, 25, "4400", margin_table=55),
        _perp("SOL", 2, 20, "205", margin_table=54),
        _perp("HYPE", 2, 10, "40", margin_table=52),
        _perp("OP", 1, 5, "0.7"),
        _perp("kPEPE", 0, 10, "0.0093", margin_table=52),
        _perp("MATIC", 1, 20, "1", delisted=True),
    ),
)
XYZ = DexSpec(
    name="xyz",
    full_name="XYZ",
    deployer=_DEPLOYER,
    perps=(
        _perp(
            "XYZ100",
            4,
            30,
            "24000",
            growth=True,
            oi_cap_usd=1_000_000_000,
            funding_multiplier=_HALF,
            category="indices",
        ),
        _perp(
            "TSLA",
            3,
            10,
            "348",
            margin_mode="noCross",
            growth=True,
            oi_cap_usd=100_000_000,
            funding_multiplier=_HALF,
            category="stocks",
        ),
        _perp(
            "GOLD",
            4,
            25,
            "4000",
            oi_cap_usd=500_000_000,
            funding_multiplier=_HALF,
            category="commodities",
        ),
    ),
)
HYNA = DexSpec(
    name="hyna",
    full_name="HyENA",
    deployer="0x" + "53" * 20,
    collateral=235,
    perps=(
        _perp("BTC", 5, 20, "110000", oi_cap_usd=10_000_000, **_HYNA),
        _perp("LIT", 1, 5, "3", oi_cap_usd=5_000_000, **_HYNA),
    ),
)
TEST = DexSpec(
    name="test", full_name="Test", deployer=_DEPLOYER, perps=(_perp("ABC", 2, 10, "12"),)
)
DEFAULT = UniverseSpec(tokens=TOKENS, pairs=PAIRS, dexs=(MAIN, XYZ, HYNA, TEST))


def recorded_universe(
    metas: Iterable[tuple[str, Mapping[str, Any]]],
    prices: Mapping[str, str],
    tokens: tuple[TokenSpec, ...] = TOKENS,
) -> UniverseSpec:
    """Return the universe of recorded ``meta`` answers.

    Parameters
    ----------
    metas
        dex name and answer, the main dex (named ``""``) first, in the order of ``perpDexs``.
    prices
        coin to oracle price [USD]; an asset without one starts at 1.
    tokens
        the tokens, collateral among them.

    Raises
    ------
    ValueError
        if an answer is not a ``meta``.
    """
    dexs = tuple(_recorded_dex(name, meta, prices) for name, meta in metas)
    return UniverseSpec(tokens=tokens, dexs=dexs)


def _recorded_dex(name: str, meta: Mapping[str, Any], prices: Mapping[str, str]) -> DexSpec:
    try:
        tables = tuple(
            _table(number, table["description"], *_tiers(table["marginTiers"]))
            for number, table in meta["marginTables"]
        )
        perps = tuple(_recorded_perp(row, prices.get(row["name"], "1")) for row in meta["universe"])
        return DexSpec(name=name, collateral=meta["collateralToken"], perps=perps, tables=tables)
    except (KeyError, TypeError) as error:
        raise ValueError(f"meta of dex {name!r} lacks or garbles {error}") from error


def _tiers(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[int, int]]:
    return ((int(Decimal(row["lowerBound"])), row["maxLeverage"]) for row in rows)


def _recorded_perp(row: Mapping[str, Any], px: str) -> PerpSpec:
    isolated = "noCross" if row.get("onlyIsolated") else "cross"
    return PerpSpec(
        coin=row["name"].rpartition(":")[2],
        sz_decimals=row["szDecimals"],
        max_leverage=row["maxLeverage"],
        px=Decimal(px),
        margin_table=row.get("marginTableId"),
        margin_mode=row.get("marginMode", isolated),
        delisted=bool(row.get("isDelisted")),
        growth=row.get("growthMode") == "enabled",
        fee_scale=Decimal(row.get("deployerFeeScale", "1.0")),
    )
