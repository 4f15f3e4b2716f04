"""What ``/info`` and the public streams tell of a market: books, trades, candles, funding."""

from engine.localnet.book import Side
from engine.localnet.digits import RATE_DECIMALS, MalformedError, text
from engine.localnet.floor import Floor
from engine.localnet.meta_answers import UnanswerableError, is_pair
from engine.localnet.state import Json, Market
from engine.localnet.universe import Asset
from engine.localnet.wire import field

LEVELS = 20
FAST_LEVELS = 5
RECENT = 30
FUNDING_PAGE = 500
MINUTE_MS = 60_000
INTERVALS_MIN = {
    "1m": 1,
    "3m": 3,
    "5m": 5,
    "15m": 15,
    "30m": 30,
    "1h": 60,
    "2h": 120,
    "4h": 240,
    "8h": 480,
    "12h": 720,
    "1d": 1_440,
    "3d": 4_320,
    "1w": 10_080,
    "1M": 43_200,
}


def publish_touches(floor: Floor) -> None:
    """Put the touches that changed into the block."""
    for coin in floor.block.books:
        asset = floor.universe.by_coin[coin]
        touch = floor.books[asset.id].touch()
        if touch != floor.market(asset).bbo:
            floor.market(asset).bbo = touch
            floor.block.bbo[coin] = bbo(floor, asset)


def bbo(floor: Floor, asset: Asset) -> Json:
    """Return the data of the ``bbo`` stream."""
    rows = floor.books[asset.id].touch()
    sides = [None if row is None else _level(asset, *row) for row in rows]
    return {"coin": asset.coin, "time": floor.state.time, "bbo": sides}


def l2_book(
    floor: Floor,
    coin: str,
    *,
    figures: int | None = None,
    mantissa: int | None = None,
    levels: int = LEVELS,
) -> Json | None:
    """Return ``l2Book``; None for a coin that is not listed, an empty one for a spot pair.

    Parameters
    ----------
    figures, mantissa
        aggregate to that many significant figures, in steps of 2 or 5 of the fifth.
    levels
        of each side.
    """
    if figures not in (None, 2, 3, 4, 5) or mantissa not in (None, 1, 2, 5):
        raise UnanswerableError(f"nSigFigs {figures!r} or mantissa {mantissa!r} is not offered")
    if mantissa in (2, 5) and figures != 5:
        raise UnanswerableError("a mantissa needs nSigFigs 5")
    asset = floor.universe.by_coin.get(coin)
    if asset is None:
        empty: Json = {"coin": coin, "time": floor.state.time, "levels": [[], []]}
        return empty if is_pair(floor, coin) else None
    book = floor.books[asset.id]
    sides = [
        [_level(asset, *row) for row in _aggregated(asset, side, figures, mantissa or 1, levels)]
        for side in (book.bids, book.asks)
    ]
    answer: Json = {"coin": coin, "time": floor.state.time, "levels": sides}
    bid, ask = book.bids.best(), book.asks.best()
    if figures is not None and bid is not None and ask is not None:
        answer["spread"] = text(ask - bid, asset.px_decimals)
    return answer


def all_mids(floor: Floor, dex: int) -> dict[str, str]:
    """Return ``allMids``; an asset without a book shows its mark."""
    mids = {}
    for asset in floor.universe.on(dex):
        market, mid2 = floor.market(asset), floor.books[asset.id].mid2()
        if market.listed:
            mid2 = 2 * market.mark if mid2 is None else mid2
            mids[asset.coin] = text(mid2 * 5, asset.px_decimals + 1)
    return mids


def recent_trades(floor: Floor, coin: object) -> list[Json]:
    """Return ``recentTrades``, the newest first."""
    if is_pair(floor, coin):
        return []
    return _asset(floor, coin)[1].trades[: -RECENT - 1 : -1]


def candles(floor: Floor, request: Json) -> list[Json]:
    """Return ``candleSnapshot``."""
    if is_pair(floor, request.get("coin")):
        return []
    asset, market = _asset(floor, request.get("coin"))
    interval = field(request, "interval", str)
    if interval not in INTERVALS_MIN:
        raise MalformedError(f"interval must be one of {list(INTERVALS_MIN)}, was {interval!r}")
    start, end = field(request, "startTime", int), request.get("endTime")
    step = INTERVALS_MIN[interval]
    found: dict[int, list[int]] = {}
    for minute, *rest in market.candles:
        first = minute // step * step
        merged = found.get(first)
        found[first] = list(rest) if merged is None else _merged(merged, rest)
    made = [_candle(asset, interval, first, row) for first, row in found.items()]
    return [one for one in made if one["T"] >= start and (end is None or one["t"] <= end)]


def funding_history(floor: Floor, question: Json) -> list[Json]:
    """Return ``fundingHistory``, a page of it."""
    asset, market = _asset(floor, question.get("coin"))
    start, end = field(question, "startTime", int), question.get("endTime")
    rows = [
        {
            "coin": asset.coin,
            "fundingRate": text(rate, RATE_DECIMALS),
            "premium": text(premium, RATE_DECIMALS),
            "time": time,
        }
        for time, rate, premium in market.rates
        if time >= start and (end is None or time <= end)
    ]
    return rows[:FUNDING_PAGE]


def predicted_fundings(floor: Floor) -> list[object]:
    """Return ``predictedFundings`` of the main dex: this venue's alone."""
    hour = (floor.state.time // 3_600_000) * 3_600_000
    found: list[object] = []
    for asset in floor.universe.on(0):
        rate = text(floor.market(asset).funding, RATE_DECIMALS)
        found.append([asset.coin, [["HlPerp", {"fundingRate": rate, "nextFundingTime": hour}]]])
    return found


def _asset(floor: Floor, coin: object) -> tuple[Asset, Market]:
    asset = floor.universe.by_coin.get(str(coin))
    if asset is None:
        raise UnanswerableError(f"coin {coin!r} is not listed")
    return asset, floor.market(asset)


def _level(asset: Asset, px: int, lots: int, n: int) -> Json:
    return {"px": text(px, asset.px_decimals), "sz": text(lots, asset.sz_decimals), "n": n}


def _aggregated(
    asset: Asset, side: Side, figures: int | None, mantissa: int, levels: int
) -> list[list[int]]:
    """Return levels by step: bids floored, asks ceiled."""
    if figures is None:
        return [list(row) for row in side.depth(levels)]
    del asset
    best = side.best()
    step = 1 if best is None else mantissa * 10 ** max(0, len(str(best)) - figures)
    found: list[list[int]] = []
    for px, lots, n in side.depth(len(side.keys)):
        rounded = px // step * step if side.sign > 0 else -(-px // step) * step
        if found and found[-1][0] == rounded:
            found[-1][1] += lots
            found[-1][2] += n
        elif len(found) == levels:
            break
        else:
            found.append([rounded, lots, n])
    return found


def _merged(merged: list[int], more: list[int]) -> list[int]:
    opened, _, high, low, lots, n = merged
    _, close, more_high, more_low, more_lots, more_n = more
    return [opened, close, max(high, more_high), min(low, more_low), lots + more_lots, n + more_n]


def _candle(asset: Asset, interval: str, first: int, row: list[int]) -> Json:
    opened, close, high, low, lots, n = row
    start = first * MINUTE_MS
    return {
        "t": start,
        "T": start + INTERVALS_MIN[interval] * MINUTE_MS - 1,
        "s": asset.coin,
        "i": interval,
        "o": text(opened, asset.px_decimals),
        "c": text(close, asset.px_decimals),
        "h": text(high, asset.px_decimals),
        "l": text(low, asset.px_decimals),
        "v": text(lots, asset.sz_decimals),
        "n": n,
    }
