"""Oracle, mark, premium: the prices that margin, triggers and funding go by.

The oracle is given (`house.Oracle`). The mark is the venue's rule without other exchanges: the
median of oracle + 150 s average of (mid - oracle), of the local price, and of its 30 s average; the
local price is the median of best bid, best ask and last trade.

References
----------
Hyperliquid documentation, "Robust price indices", "Funding", read in September 2026.
"""

import math
import statistics

from engine.localnet.book import Book, Side
from engine.localnet.digits import MICRO, RATE_DECIMALS
from engine.localnet.floor import Floor
from engine.localnet.state import Market
from engine.localnet.universe import Asset

MARK_EVERY_MS = 3_000
SAMPLE_EVERY_MS = 5_000
BASIS_S = 150.0
LOCAL_S = 30.0
IMPACT = {"BTC": 20_000 * MICRO, "ETH": 20_000 * MICRO}
IMPACT_ELSEWHERE = 6_000 * MICRO
INTEREST = 0.0001  # per 8 h
CLAMP = 0.0005
BUILDER_CLAMP = 0.0003
CAP_PER_HOUR = 0.04


def update(floor: Floor) -> bool:
    """Bring marks and premiums up to the block's time; return whether any mark was due."""
    now, due = floor.state.time, False
    for asset in floor.universe.assets.values():
        market = floor.market(asset)
        if not market.listed:
            continue
        if now - market.averages.at >= MARK_EVERY_MS:
            due = True
            _mark(floor, asset, market)
        if now - market.averages.sampled_at >= SAMPLE_EVERY_MS:
            _sample(floor, asset, market)
    return due


def hourly_rate(asset: Asset, premium: float) -> int:
    """Return the hourly funding rate of an average premium, in units of 10^-10.

    >>> from engine.localnet.listings import DEFAULT
    >>> from engine.localnet.universe import Universe
    >>> coins = Universe(DEFAULT).by_coin
    >>> hourly_rate(coins["BTC"], 0.0), hourly_rate(coins["xyz:GOLD"], 0.0)
    (125000, 62500)
    """
    limit = BUILDER_CLAMP if asset.dex else CLAMP
    per_8h = premium + min(max(INTEREST - premium, -limit), limit)
    rate = per_8h / 8.0 * float(asset.spec.funding_multiplier)
    return round(min(max(rate, -CAP_PER_HOUR), CAP_PER_HOUR) * 10**RATE_DECIMALS)


def premium_of(asset: Asset, book: Book, oracle: int) -> float | None:
    """Return the premium of the impact prices over the oracle; None where a side is too thin."""
    prices = impact_prices(asset, book)
    if prices is None:
        return None
    bid, ask = prices
    if asset.dex:
        return 0.5 * (bid + ask) / oracle - 1.0
    return (max(bid - oracle, 0.0) - max(oracle - ask, 0.0)) / oracle


def impact_prices(asset: Asset, book: Book) -> tuple[float, float] | None:
    """Return the mean prices of selling and buying the impact notional, in units."""
    ntl = IMPACT.get(asset.coin, IMPACT_ELSEWHERE)
    bid, ask = _impact(book.bids, ntl), _impact(book.asks, ntl)
    return None if bid is None or ask is None else (bid, ask)


def _impact(side: Side, ntl: int) -> float | None:
    left, lots = ntl, 0.0
    for px, available, _ in side.depth(len(side.keys)):
        lots += min(available, left / px)
        left -= available * px
        if left <= 0:
            return ntl / lots
    return None


def _mark(floor: Floor, asset: Asset, market: Market) -> None:
    averages, now = market.averages, floor.state.time
    dt = (now - averages.at) / 1e3
    averages.at = now
    mid2 = floor.books[asset.id].mid2()
    if mid2 is None:
        market.mark = market.oracle
        return
    touch = [floor.books[asset.id].bids.best(), floor.books[asset.id].asks.best(), market.last]
    local = statistics.median(px for px in touch if px)
    averages.basis = _average(averages.basis, mid2 / 2.0 - market.oracle, dt, BASIS_S)
    averages.local = _average(averages.local, local, dt, LOCAL_S)
    basis = averages.basis[0] / averages.basis[1]
    slow = averages.local[0] / averages.local[1]
    market.mark = max(1, round(statistics.median((market.oracle + basis, local, slow))))


def _average(
    before: tuple[float, float], sample: float, dt: float, s: float
) -> tuple[float, float]:
    # the venue weighs a sample by the time since the last; after a silence that must have an end
    fade, weight = math.exp(-dt / s), min(dt, s)
    return before[0] * fade + sample * weight, before[1] * fade + weight


def _sample(floor: Floor, asset: Asset, market: Market) -> None:
    averages = market.averages
    averages.sampled_at = floor.state.time
    premium = premium_of(asset, floor.books[asset.id], market.oracle)
    if premium is None:
        return
    averages.premium += premium
    averages.samples += 1
    market.funding = hourly_rate(asset, averages.premium / averages.samples)
