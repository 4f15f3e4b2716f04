"""What the streams of a market say of it as things stand.

References
----------
Hyperliquid documentation, "Subscriptions"; shapes that it leaves open from the client schemas of
github.com/nktkas/hyperliquid, both as of September 2026.
"""

import base64
import zlib
from typing import Any

import orjson

from engine.localnet import market_answers, meta_answers
from engine.localnet.exchange import Exchange
from engine.localnet.market_answers import FAST_LEVELS, INTERVALS_MIN, MINUTE_MS
from engine.localnet.state import Json

Frame = tuple[str, Any]  # channel and data


def book(exchange: Exchange, topic: Json) -> Frame:
    """Return ``l2Book``."""
    data = market_answers.l2_book(
        exchange.floor,
        topic["coin"],
        figures=topic["nSigFigs"],
        mantissa=topic["mantissa"],
        levels=FAST_LEVELS if topic["fast"] else market_answers.LEVELS,
    )
    if topic["fast"] and data is not None:
        data["fast"] = True
    return "l2Book", data


def bbo(exchange: Exchange, topic: Json) -> Frame:
    """Return ``bbo``; a spot pair has none."""
    floor, coin = exchange.floor, topic["coin"]
    asset = floor.universe.by_coin.get(coin)
    if asset is None:
        return "bbo", {"coin": coin, "time": exchange.time, "bbo": [None, None]}
    return "bbo", market_answers.bbo(floor, asset)


def trades(exchange: Exchange, topic: Json) -> Frame:
    """Return ``trades``: the last ones, the newest last."""
    return "trades", market_answers.recent_trades(exchange.floor, topic["coin"])[::-1]


def mids(exchange: Exchange, topic: Json) -> Frame:
    """Return ``allMids``."""
    data: Json = {"mids": exchange.info({**topic, "type": "allMids"})}
    return "allMids", data | ({"dex": topic["dex"]} if "dex" in topic else {})


def context(exchange: Exchange, topic: Json) -> Frame:
    """Return ``activeAssetCtx``, or ``activeSpotAssetCtx`` of a spot pair."""
    floor, coin = exchange.floor, topic["coin"]
    asset = floor.universe.by_coin.get(coin)
    if asset is not None:
        return "activeAssetCtx", {"coin": coin, "ctx": meta_answers.context(floor, asset)}
    found = next(row for row in _spot_contexts(exchange) if row["coin"] == coin)
    return "activeSpotAssetCtx", {"coin": coin, "ctx": found}


def contexts(exchange: Exchange, topic: Json) -> Frame:
    """Return ``assetCtxs``: those of a dex."""
    _, rows = exchange.info({**topic, "type": "metaAndAssetCtxs"})
    return "assetCtxs", {"dex": topic.get("dex", ""), "ctxs": rows}


def spot_contexts(exchange: Exchange, _: Json) -> Frame:
    """Return ``spotAssetCtxs``."""
    return "spotAssetCtxs", _spot_contexts(exchange)


def all_contexts(exchange: Exchange, _: Json) -> Frame:
    """Return ``allDexsAssetCtxs``."""
    dexs = exchange.floor.universe.spec.dexs
    rows = [[dex.name, contexts(exchange, {"dex": dex.name})[1]["ctxs"]] for dex in dexs]
    return "allDexsAssetCtxs", {"ctxs": rows}


def fast_contexts(exchange: Exchange, _: Json) -> Frame:
    """Return ``fastAssetCtxs``: raw DEFLATE in base64; of all coins, not of the changed alone."""
    floor = exchange.floor
    found = {}
    for coin, asset in floor.universe.by_coin.items():
        told = meta_answers.context(floor, asset)
        found[coin] = {"markPx": told["markPx"], "midPx": told["midPx"]}
    squeezed = zlib.compress(orjson.dumps(found), wbits=-zlib.MAX_WBITS)
    return "fastAssetCtxs", base64.b64encode(squeezed).decode()


def candle(exchange: Exchange, topic: Json) -> Frame | None:
    """Return ``candle``: the one that is open, if there was a trade."""
    since = exchange.time - INTERVALS_MIN[topic["interval"]] * MINUTE_MS
    request = {"coin": topic["coin"], "interval": topic["interval"], "startTime": since}
    rows = market_answers.candles(exchange.floor, request)
    return ("candle", rows[-1]) if rows else None


def _spot_contexts(exchange: Exchange) -> Any:
    return meta_answers.spot_contexts(exchange.floor)[1]
