"""What Hyperliquid lists: the assets of a dex, and the dexs."""

import statistics

from engine.venues.hyperliquid.answers import AssetContext, Meta, PerpDex, Universe
from engine.venues.hyperliquid.info import InfoClient
from engine.venues.rows import MAIN_DEX, AssetRow, DexRow, unknown_dex


def assets(client: InfoClient, dex: str | None = None) -> tuple[AssetRow, ...]:
    """Return the assets of a dex (None or ``main``: the validators' own), in the venue's order."""
    name = "" if dex in (None, "", MAIN_DEX) else dex
    if name:
        builder_dex(client, name)
    _, pairs = client.meta_and_contexts(name)
    return tuple(_row(name, listed, context) for listed, context in pairs)


def dexs(client: InfoClient) -> tuple[DexRow, ...]:
    """Return the main dex and every builder dex."""
    tokens = client.tokens()
    main = client.meta()
    rows = [_dex_row(MAIN_DEX, "validators", main, tokens, None, None)]
    for dex in client.perp_dexs():
        meta = client.meta(dex.name)
        limits = client.perp_dex_limits(dex.name)
        cap = None if limits is None else limits.totalOiCap
        scale = _common_scale(meta, dex)
        rows.append(_dex_row(dex.name, dex.fullName, meta, tokens, cap, scale))
    return tuple(rows)


def builder_dex(client: InfoClient, name: str) -> PerpDex:
    """Return a builder dex.

    The venue answers an unknown dex with HTTP 500, which could be anything: ask for the list first.

    Raises
    ------
    UnknownAssetError
        if there is no such dex; the message names those there are.
    """
    listed = {dex.name: dex for dex in client.perp_dexs()}
    if name not in listed:
        raise unknown_dex(name, listed, client.url)
    return listed[name]


def deployer_scale(listed: Universe, dex: PerpDex) -> float:
    """Return the deployer's fee scale of an asset: its own, else the dex's, else 1."""
    own = listed.deployerFeeScale if listed.deployerFeeScale is not None else dex.deployerFeeScale
    return 1.0 if own is None else own


def _common_scale(meta: Meta, dex: PerpDex) -> float | None:
    live = [asset for asset in meta.universe if not asset.delisted]
    return (
        statistics.mode(deployer_scale(asset, dex) for asset in live)
        if live
        else dex.deployerFeeScale
    )


def _row(dex: str, listed: Universe, context: AssetContext) -> AssetRow:
    spread = context.impact_spread_bps
    return AssetRow(
        asset=listed.name,
        dex=dex or MAIN_DEX,
        sz_decimals=listed.szDecimals,
        max_leverage=listed.maxLeverage,
        margin_mode=listed.margin_mode,
        delisted=listed.delisted,
        mark_px=context.markPx or None,
        day_volume_usd=context.dayNtlVlm,
        spread_bps=spread,
        spread_from=None if spread is None else "impact prices",
        open_interest_usd=context.openInterest * context.markPx,
        funding_bps_per_hour=context.funding * 1e4,
    )


def _dex_row(
    name: str,
    full_name: str,
    meta: Meta,
    tokens: dict[int, str],
    oi_cap_usd: float | None,
    fee_scale: float | None,
) -> DexRow:
    delisted = sum(asset.delisted for asset in meta.universe)
    return DexRow(
        name=name,
        full_name=full_name,
        collateral=None if meta.collateralToken is None else tokens.get(meta.collateralToken),
        live=len(meta.universe) - delisted,
        delisted=delisted,
        oi_cap_usd=oi_cap_usd,
        fee_scale=fee_scale,
    )
