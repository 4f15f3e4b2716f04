"""The numbers by which the venue's actions name assets.

References
----------
Hyperliquid documentation, "Asset IDs", 2026-09-30: on the main dex the place in ``meta``; on a
builder dex 100000 + 10000 × the dex's place in ``perpDexs`` + the place in its ``meta``.
"""

from typing import NamedTuple

from engine.venues.hyperliquid.info import InfoClient
from engine.venues.rows import unknown_asset

BUILDER, DEX = 100_000, 10_000


class AssetId(NamedTuple):
    """An asset's number, and how its sizes are written."""

    number: int
    sz_decimals: int
    max_leverage: int


def asset_id(client: InfoClient, asset: str) -> AssetId:
    """Return the number of ``HYPE``, or of ``hyna:SOL`` on a builder dex.

    Raises
    ------
    UnknownAssetError
        if it is not listed, or delisted.
    """
    dex = asset.rpartition(":")[0]
    universe = client.meta(dex).universe
    for place, row in enumerate(universe):
        if row.name == asset and not row.delisted:
            return AssetId(_first(client, dex) + place, row.szDecimals, row.maxLeverage)
    raise unknown_asset(asset, (row.name for row in universe if not row.delisted), "the venue")


def _first(client: InfoClient, dex: str) -> int:
    if not dex:
        return 0
    names = [one.name for one in client.perp_dexs()]
    return BUILDER + DEX * (1 + names.index(dex))  # the main dex has place 0
