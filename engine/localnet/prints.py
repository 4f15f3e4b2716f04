"""What the public sees of trades: prints, candles, the day's volume."""

import hashlib

from engine.localnet.digits import text
from engine.localnet.floor import Floor
from engine.localnet.state import Json, Market
from engine.localnet.universe import Asset

TRADES_KEPT = 100
CANDLES_KEPT = 5_000  # as many as the venue serves
HOURS = 24
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
_TID_BITS = 50


def trade_id(buyer_oid: int, seller_oid: int) -> int:
    """Return a trade's id: 50 bits of a hash of both orders (docs: websocket, "trades").

    >>> trade_id(1, 2) != trade_id(2, 1) and trade_id(1, 2) < 2**50
    True
    """
    digest = hashlib.blake2b(b"%d,%d" % (buyer_oid, seller_oid), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> (64 - _TID_BITS)


def publish(
    floor: Floor, asset: Asset, px: int, lots: int, users: list[str], *, is_buy: bool, tid: int
) -> None:
    """Print a trade; `users` are buyer and seller, `is_buy` is the aggressor's side."""
    shape: Json = {
        "coin": asset.coin,
        "side": "B" if is_buy else "A",
        "px": text(px, asset.px_decimals),
        "sz": text(lots, asset.sz_decimals),
        "time": floor.state.time,
        "hash": floor.block.hash,
        "tid": tid,
        "users": users,
    }
    floor.block.trades.setdefault(asset.coin, []).append(shape)
    market = floor.market(asset)
    market.last = px
    market.trades.append(shape)
    del market.trades[:-TRADES_KEPT]
    _add_to_candle(market, floor.state.time // MINUTE_MS, px, lots)
    _add_to_hour(market, floor.state.time // HOUR_MS, px, lots)


def _add_to_candle(market: Market, minute: int, px: int, lots: int) -> None:
    if not market.candles or market.candles[-1][0] < minute:
        market.candles.append([minute, px, px, px, px, 0, 0])
        del market.candles[:-CANDLES_KEPT]
    candle = market.candles[-1]
    candle[2] = px
    candle[3] = max(candle[3], px)
    candle[4] = min(candle[4], px)
    candle[5] += lots
    candle[6] += 1


def _add_to_hour(market: Market, hour: int, px: int, lots: int) -> None:
    usd, coins = px * lots, lots
    if market.hours and market.hours[-1][0] == hour:
        _, _, before, coins_before = market.hours.pop()
        usd, coins = usd + before, coins + coins_before
    market.hours.append((hour, px, usd, coins))
    while market.hours[0][0] <= hour - HOURS:
        market.prev_day = market.hours.pop(0)[1]
