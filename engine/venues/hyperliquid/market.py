"""What Hyperliquid's answers mean for one asset: its `MarketFacts`.

References
----------
Hyperliquid documentation, "Fees" (the formula for builder dexes), "HIP-3: builder-deployed
perpetuals" (caps, collateral), read in September 2026.
"""

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

from engine.derive.facts import MarketFacts
from engine.venues.hyperliquid.answers import AssetContext, L2Book, Meta, PerpDex, Universe
from engine.venues.hyperliquid.info import InfoClient
from engine.venues.hyperliquid.listing import builder_dex, deployer_scale
from engine.venues.rows import VenueError, unknown_asset

BASE_MAKER_FEE_BPS = 1.5  # the lowest volume tier; an account's own rate comes from `userFees`
GROWTH_MODE_SCALE = 0.1
MAX_TOKENS_SHOWN = 20


class Sampling(NamedTuple):
    """How the spread is sampled: `n` books, `spacing_s` seconds apart."""

    n: int = 5
    spacing_s: float = 2.0
    sleep: Callable[[float], None] = time.sleep


FEW_BOOKS = Sampling()


def facts(
    client: InfoClient,
    asset: str,
    *,
    now_ns: int,
    sampling: Sampling = FEW_BOOKS,
    maker_fee_bps: float = BASE_MAKER_FEE_BPS,
    address: str | None = None,
) -> MarketFacts:
    """Return what the venue says about one asset.

    Parameters
    ----------
    client
        the server to ask.
    asset
        name with its dex: ``BTC``, ``xyz:TSLA``.
    now_ns
        time of asking [ns UTC].
    sampling
        the spread is the median over these books; `hours_observed` is the span they cover, seconds
        and not a day, so a gate that needs 24 hours will not take them for one.
    maker_fee_bps
        the account's maker rate on the main dex [bps]; a builder dex scales it.
    address
        account whose own rate replaces `maker_fee_bps`.

    Raises
    ------
    UnknownAssetError
        if the dex or the asset is not listed.
    VenueError
        if the venue does not answer, or answers what cannot be true.
    """
    dex = asset.rpartition(":")[0]
    builder = builder_dex(client, dex) if dex else None
    meta, pairs = client.meta_and_contexts(dex)
    listed, context = _pick(asset, pairs, client.url)
    collateral, collateral_note = _collateral(client, meta)
    oi_cap, oi_notes = _oi_cap(client, asset, builder)
    seen = [] if listed.delisted else books(client, asset, sampling)
    spread, hours, spread_note = _spread(seen)
    base_fee = client.user_fees(address).userAddRate * 1e4 if address else maker_fee_bps
    return MarketFacts(
        asset=asset,
        dex=dex,
        coin=asset.rpartition(":")[2],
        listed=True,
        delisted=listed.delisted,
        mark_px=_mark(asset, context),
        sz_decimals=listed.szDecimals,
        max_leverage=listed.maxLeverage,
        only_isolated=listed.margin_mode != "cross",
        day_volume_usd=context.dayNtlVlm,
        spread_bps=spread,
        hours_observed=hours,
        volume_hours=24.0,  # the venue's own figure
        open_interest_usd=context.openInterest * context.markPx,
        oi_cap_usd=oi_cap,
        collateral=collateral,
        binance_symbol=None,  # another venue's knowledge; the source adds it
        maker_fee_bps=base_fee if builder is None else _builder_fee(base_fee, listed, builder),
        available_margin_usd=None,
        sigma_per_sqrt_s=None,
        trades_per_min=_trades_per_min(client, asset, listed),
        source=client.url,
        observed_at_ns=now_ns,
        notes=tuple(note for note in (spread_note, collateral_note, *oi_notes) if note),
    )


def hip3_maker_fee_bps(base_bps: float, deployer_scale: float, *, growth: bool) -> float:
    r"""Return the maker fee on a builder dex.

    .. math:: f = b \cdot k(s) \cdot g, \quad k(s) = 1 + s \text{ if } s < 1 \text{ else } 2s

    A rebate (negative base) is only scaled by the growth factor.

    Parameters
    ----------
    base_bps
        the account's rate on the main dex, b [bps].
    deployer_scale
        the deployer's fee scale, s [1], 0 or more.
    growth
        whether the asset is in growth mode: g = 0.1, else 1.

    Examples
    --------
    >>> round(hip3_maker_fee_bps(1.5, 1.0, growth=True), 9)
    0.3
    >>> round(hip3_maker_fee_bps(1.5, 0.1111, growth=False), 9)
    1.66665
    """
    factor = GROWTH_MODE_SCALE if growth else 1.0
    if base_bps < 0:
        return base_bps * factor
    scale = 1 + deployer_scale if deployer_scale < 1 else 2 * deployer_scale
    return base_bps * scale * factor


def books(client: InfoClient, asset: str, sampling: Sampling) -> list[L2Book]:
    """Return `n` books of one asset, spaced.

    Raises
    ------
    VenueError
        if a book is crossed, or the venue does not know an asset it lists.
    """
    seen: list[L2Book] = []
    for i in range(sampling.n):
        if i:
            sampling.sleep(sampling.spacing_s)
        book = client.l2_book(asset)
        if book is None:
            raise VenueError(f"{client.url} lists {asset} but has no book for it; ask again later")
        seen.append(book)
    return seen


def _spread(seen: list[L2Book]) -> tuple[float | None, float, str]:
    spreads = [spread for spread in (book.spread_bps for book in seen) if spread is not None]
    if not spreads:
        return None, 0.0, "no book with two sides was seen, so the spread is unknown"
    span_s = (seen[-1].time - seen[0].time) / 1e3
    note = (
        f"the spread is the median of {len(spreads)} books over {span_s:.1f} s, not of 24 hours; "
        "record a tape to measure a day"
    )
    return statistics.median(spreads), max(0.0, span_s) / 3600, note


def _pick(
    asset: str, pairs: tuple[tuple[Universe, AssetContext], ...], venue: str
) -> tuple[Universe, AssetContext]:
    for listed, context in pairs:
        if listed.name == asset:
            return listed, context
    raise unknown_asset(asset, [listed.name for listed, _ in pairs], venue)


def _mark(asset: str, context: AssetContext) -> float:
    if context.markPx <= 0:
        raise VenueError(f"the venue gives no mark price for {asset}; ask again later")
    return context.markPx


def _collateral(client: InfoClient, meta: Meta) -> tuple[str | None, str]:
    tokens = client.tokens()
    if meta.collateralToken in tokens:
        return tokens[meta.collateralToken], ""
    known = [f"{name} ({index})" for index, name in sorted(tokens.items())]
    more = f" and {len(known) - MAX_TOKENS_SHOWN} more" if len(known) > MAX_TOKENS_SHOWN else ""
    return None, (
        f"collateral token {meta.collateralToken} is unknown; the venue's tokens are "
        f"{', '.join(known[:MAX_TOKENS_SHOWN])}{more}"
    )


def _oi_cap(
    client: InfoClient, asset: str, builder: PerpDex | None
) -> tuple[float | None, list[str]]:
    dex = "" if builder is None else builder.name
    notes: list[str] = []
    if asset in client.at_open_interest_cap(dex):
        notes.append("at its open-interest cap now: the venue refuses orders that open a position")
    if builder is None:
        return None, notes
    limits = client.perp_dex_limits(dex)
    caps = dict(builder.assetToStreamingOiCap)
    if limits is not None:
        caps |= dict(limits.coinToOiCap)
        caps[asset] = min(caps.get(asset, limits.totalOiCap), limits.totalOiCap)
    if asset not in caps:
        notes.append("the venue names no open-interest cap for this builder-dex asset")
    return caps.get(asset), notes


def _builder_fee(base_bps: float, listed: Universe, dex: PerpDex) -> float:
    return hip3_maker_fee_bps(
        base_bps, deployer_scale(listed, dex), growth=listed.growthMode == "enabled"
    )


def _trades_per_min(client: InfoClient, asset: str, listed: Universe) -> float | None:
    if listed.delisted:
        return None
    times = [trade.time for trade in client.recent_trades(asset)]
    span_min = (max(times) - min(times)) / 60_000 if times else 0.0
    return (len(times) - 1) / span_min if span_min > 0 else None
