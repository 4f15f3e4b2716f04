"""What ``/info`` tells of what is listed: metas, dexs, margin tables, spot."""

from engine.localnet.checks import MARKET_ORDERS
from engine.localnet.digits import MICRO, RATE_DECIMALS, text, usd
from engine.localnet.floor import Floor
from engine.localnet.marks import impact_prices, premium_of
from engine.localnet.state import Json
from engine.localnet.universe import LISTED_TABLES_FROM, Asset, TierSpec, table_id

SIZE_CAP = "10000000000.0"


class UnanswerableError(LookupError):
    """A question about what does not exist, which the venue answers with 500 ``null``."""


def dex_of(floor: Floor, name: object) -> int:
    """Return the index of the dex that a question is about; none means the main one."""
    found = floor.universe.dex_index.get(str(name or ""))
    if found is None:
        raise UnanswerableError(f"dex {name!r} is not listed")
    return found


def meta(floor: Floor, dex: int) -> Json:
    """Return ``meta``."""
    spec = floor.universe.spec.dexs[dex]
    tables = [
        [table.id, {"description": table.description, "marginTiers": _tiers(table.tiers)}]
        for table in spec.tables
    ]
    return {
        "universe": [_listing(floor, asset) for asset in floor.universe.on(dex)],
        "marginTables": tables,
        "collateralToken": spec.collateral,
    }


def meta_and_contexts(floor: Floor, dex: int) -> list[object]:
    """Return ``metaAndAssetCtxs``."""
    return [meta(floor, dex), [context(floor, asset) for asset in floor.universe.on(dex)]]


def context(floor: Floor, asset: Asset) -> Json:
    """Return the context of one asset."""
    market, book = floor.market(asset), floor.books[asset.id]
    px_decimals, mid2 = asset.px_decimals, book.mid2()
    impact = impact_prices(asset, book)
    premium = premium_of(asset, book, market.oracle)
    return {
        "funding": text(market.funding if market.listed else 0, RATE_DECIMALS),
        "openInterest": text(floor.interest(asset), asset.sz_decimals),
        "prevDayPx": text(market.prev_day, px_decimals),
        "dayNtlVlm": usd(sum(hour[2] for hour in market.hours)),
        "premium": None
        if premium is None
        else text(round(premium * 10**RATE_DECIMALS), RATE_DECIMALS),
        "oraclePx": text(market.oracle, px_decimals),
        "markPx": text(market.mark, px_decimals),
        "midPx": None if mid2 is None else text(mid2 * 5, px_decimals + 1),
        "impactPxs": None if impact is None else [text(round(p), px_decimals) for p in impact],
        "dayBaseVlm": text(sum(hour[3] for hour in market.hours), asset.sz_decimals),
    }


def perp_dexs(floor: Floor) -> list[Json | None]:
    """Return ``perpDexs``: the main dex is null."""
    found: list[Json | None] = [None]
    for number, dex in enumerate(floor.universe.spec.dexs[1:], start=1):
        assets = sorted(floor.universe.on(number), key=lambda asset: asset.coin)
        found.append(
            {
                "name": dex.name,
                "fullName": dex.full_name,
                "deployer": dex.deployer,
                "oracleUpdater": None,
                "feeRecipient": None,
                "assetToStreamingOiCap": [
                    [a.coin, f"{a.spec.oi_cap_usd}.0"] for a in assets if a.spec.oi_cap_usd
                ],
                "subDeployers": [],
                "assetToFundingMultiplier": [
                    [a.coin, str(a.spec.funding_multiplier)]
                    for a in assets
                    if a.spec.funding_multiplier != 1
                ],
                "assetToFundingInterestRate": [],
                "assetToFundingClamp": [],
            }
        )
    return found


def perp_dex_limits(floor: Floor, name: object) -> Json | None:
    """Return ``perpDexLimits``; there are none for the main dex."""
    number = floor.universe.dex_index.get(str(name or ""))
    if not number:
        return None
    dex = floor.universe.spec.dexs[number]
    caps = [
        [asset.coin, f"{asset.spec.oi_cap_usd}.0"]
        for asset in sorted(floor.universe.on(number), key=lambda asset: asset.coin)
        if asset.spec.oi_cap_usd is not None
    ]
    return {
        "totalOiCap": f"{dex.total_oi_cap_usd}.0",
        "oiSzCapPerPerp": SIZE_CAP,
        "maxTransferNtl": f"{dex.max_transfer_usd}.0",
        "coinToOiCap": caps,
    }


def perp_dex_status(floor: Floor, dex: int) -> Json:
    """Return ``perpDexStatus``: what the users have on it."""
    held = (a.usd.get(dex, 0) for a in floor.state.accounts.values() if not a.house)
    return {"totalNetDeposit": usd(sum(held))}


def at_cap(floor: Floor, dex: int) -> list[str]:
    """Return ``perpsAtOpenInterestCap``."""
    return [asset.coin for asset in floor.universe.on(dex) if floor.at_cap(asset)]


def margin_table(floor: Floor, dex: int, number: int) -> Json:
    """Return ``marginTable``."""
    for table in floor.universe.spec.dexs[dex].tables:
        if table.id == number:
            return {"description": table.description, "marginTiers": _tiers(table.tiers)}
    if not 0 < number < LISTED_TABLES_FROM:
        raise UnanswerableError(f"margin table {number} does not exist")
    tier = TierSpec(lower_bound_usd=0, max_leverage=number)
    return {"description": "", "marginTiers": _tiers((tier,))}


def market_order_limits() -> list[list[object]]:
    """Return ``maxMarketOrderNtls``."""
    return [[leverage, f"{most}.0"] for leverage, most in MARKET_ORDERS]


def categories(floor: Floor) -> list[list[str]]:
    """Return ``perpCategories``."""
    assets = floor.universe.assets.values()
    return [[a.coin, a.spec.category] for a in assets if a.spec.category is not None]


def spot_meta(floor: Floor) -> Json:
    """Return ``spotMeta``."""
    spec = floor.universe.spec
    tokens = [
        {
            "name": token.name,
            "szDecimals": token.sz_decimals,
            "weiDecimals": token.wei_decimals,
            "index": token.index,
            "tokenId": token.token_id,
            "isCanonical": token.index < 2,
            "evmContract": None,
            "fullName": None,
            "deployerTradingFeeShare": "0.0",
        }
        for token in spec.tokens
    ]
    pairs = [
        {
            "name": spot_name(floor, pair.index),
            "tokens": [pair.base, pair.quote],
            "index": pair.index,
            "isCanonical": pair.canonical,
        }
        for pair in spec.pairs
    ]
    return {"tokens": tokens, "universe": pairs}


def spot_name(floor: Floor, index: int) -> str:
    """Return the name of a spot pair: ``@index`` unless it is canonical."""
    pair = next(pair for pair in floor.universe.spec.pairs if pair.index == index)
    if not pair.canonical:
        return f"@{index}"
    return "/".join(floor.universe.tokens[token].name for token in (pair.base, pair.quote))


def is_pair(floor: Floor, coin: object) -> bool:
    """Return whether a coin is a spot pair: those are listed and do not trade."""
    return any(spot_name(floor, pair.index) == coin for pair in floor.universe.spec.pairs)


def spot_contexts(floor: Floor) -> list[object]:
    """Return ``spotMetaAndAssetCtxs``: pairs are listed and do not trade."""
    quiet = [
        {
            "prevDayPx": "1.0",
            "dayNtlVlm": "0.0",
            "markPx": "1.0",
            "midPx": None,
            "circulatingSupply": "0.0",
            "coin": spot_name(floor, pair.index),
            "totalSupply": "0.0",
            "dayBaseVlm": "0.0",
        }
        for pair in floor.universe.spec.pairs
    ]
    return [spot_meta(floor), quiet]


def _listing(floor: Floor, asset: Asset) -> Json:
    perp = asset.spec
    row: Json = {
        "szDecimals": perp.sz_decimals,
        "name": asset.coin,
        "maxLeverage": perp.max_leverage,
        "marginTableId": table_id(perp),
    }
    if asset.isolated_only:
        row["onlyIsolated"] = True
    if not floor.market(asset).listed:
        row["isDelisted"] = True
    if asset.isolated_only:
        row["marginMode"] = perp.margin_mode
    if perp.growth:
        row["growthMode"] = "enabled"
    if asset.dex:
        row["deployerFeeScale"] = scale_text(perp.fee_scale)
    return row


def scale_text(scale: object) -> str:
    """Return a fee scale with at least one decimal.

    >>> scale_text(1), scale_text("0.1111")
    ('1.0', '0.1111')
    """
    written = str(scale)
    return written if "." in written else f"{written}.0"


def _tiers(tiers: tuple[TierSpec, ...]) -> list[Json]:
    return [
        {"lowerBound": usd(tier.lower_bound_usd * MICRO), "maxLeverage": tier.max_leverage}
        for tier in tiers
    ]
