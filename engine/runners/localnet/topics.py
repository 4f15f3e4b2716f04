"""What can be subscribed to: how each is asked for, and what is said of it as things stand.

References
----------
Hyperliquid documentation, "Subscriptions", and the server's acknowledgements as measured in 2026:
defaults are filled in, users are in lower case.
"""

from collections.abc import Callable
from typing import Any

from engine.localnet import meta_answers, wire
from engine.localnet.digits import MalformedError
from engine.localnet.exchange import Exchange
from engine.localnet.market_answers import INTERVALS_MIN
from engine.localnet.meta_answers import UnanswerableError
from engine.localnet.state import Json
from engine.runners.localnet import market_topics, user_topics
from engine.runners.localnet.market_topics import Frame

# subscription → its fields beside ``type``, with what stands where one is left away
_NEEDED = object()
FIELDS: dict[str, dict[str, Any]] = {
    "l2Book": {"coin": _NEEDED, "nSigFigs": None, "mantissa": None, "fast": False},
    "bbo": {"coin": _NEEDED},
    "trades": {"coin": _NEEDED},
    "activeAssetCtx": {"coin": _NEEDED},
    "candle": {"coin": _NEEDED, "interval": _NEEDED},
    "allMids": {"dex": ""},
    "assetCtxs": {"dex": ""},
    "spotAssetCtxs": {},
    "allDexsAssetCtxs": {},
    "fastAssetCtxs": {},
    "activeAssetData": {"user": _NEEDED, "coin": _NEEDED},
    "orderUpdates": {"user": _NEEDED},
    "userEvents": {"user": _NEEDED},
    "userFills": {"user": _NEEDED, "aggregateByTime": False},
    "userFundings": {"user": _NEEDED},
    "userNonFundingLedgerUpdates": {"user": _NEEDED},
    "userHistoricalOrders": {"user": _NEEDED},
    "userTwapSliceFills": {"user": _NEEDED},
    "userTwapHistory": {"user": _NEEDED},
    "notification": {"user": _NEEDED},
    "webData2": {"user": _NEEDED},
    "webData3": {"user": _NEEDED},
    "clearinghouseState": {"user": _NEEDED, "dex": ""},
    "allDexsClearinghouseState": {"user": _NEEDED},
    "spotState": {"user": _NEEDED},
    "twapStates": {"user": _NEEDED, "dex": ""},
    "openOrders": {"user": _NEEDED, "dex": ""},
}
HIDDEN = ("dex",)  # not filled in where it was not said
CHANNELS = {"userEvents": "user"}


def read(asked: Any) -> Json:
    """Return a subscription with its defaults filled in.

    Raises
    ------
    MalformedError
        if there is none of this kind, or a field is missing or of another type.
    """
    if not isinstance(asked, dict) or asked.get("type") not in FIELDS:
        raise MalformedError("no such subscription")
    found: Json = {"type": asked["type"]}
    for name, default in FIELDS[asked["type"]].items():
        value = asked.get(name, default)
        if name == "user":
            value = wire.address(asked, "user")
        elif default is _NEEDED:
            value = wire.field(asked, name, str)
        if name not in HIDDEN or value:
            found[name] = value
    if found.get("interval", "1m") not in INTERVALS_MIN:
        raise MalformedError(f"interval must be one of {list(INTERVALS_MIN)}")
    return found


def check(exchange: Exchange, topic: Json) -> None:
    """Make sure that there is something to say.

    Raises
    ------
    UnanswerableError
        if coin, dex or aggregation does not exist: the venue closes the socket.
    """
    coin = topic.get("coin")
    listed = coin is None or coin in exchange.floor.universe.by_coin
    pair = topic["type"] != "activeAssetData" and meta_answers.is_pair(exchange.floor, coin)
    if not listed and not pair:
        raise UnanswerableError(f"coin {coin!r} is not listed")
    if topic["type"] == "l2Book" or "dex" in topic:
        NOW[topic["type"]](exchange, topic)


def snapshot(exchange: Exchange, topic: Json) -> Frame | None:
    """Return what a subscriber is told first; None where it is nothing."""
    say = FIRST.get(topic["type"]) or NOW.get(topic["type"])
    return None if say is None else say(exchange, topic)


Say = Callable[[Exchange, Json], Frame | None]
# as things stand: said at once, and again in time
NOW: dict[str, Say] = {
    "l2Book": market_topics.book,
    "bbo": market_topics.bbo,
    "allMids": market_topics.mids,
    "activeAssetCtx": market_topics.context,
    "assetCtxs": market_topics.contexts,
    "spotAssetCtxs": market_topics.spot_contexts,
    "allDexsAssetCtxs": market_topics.all_contexts,
    "fastAssetCtxs": market_topics.fast_contexts,
    "candle": market_topics.candle,
    "activeAssetData": user_topics.asset_data,
    "webData2": user_topics.web_data,
    "webData3": user_topics.web_data3,
    "clearinghouseState": user_topics.clearinghouse,
    "allDexsClearinghouseState": user_topics.all_clearinghouses,
    "spotState": user_topics.spot_state,
    "openOrders": user_topics.orders,
    "twapStates": user_topics.twaps,
}
# said once, before what happens is
FIRST: dict[str, Say] = {
    "trades": market_topics.trades,
    "userFills": user_topics.first_fills,
    "userFundings": user_topics.first_fundings,
    "userNonFundingLedgerUpdates": user_topics.first_ledger,
    "userHistoricalOrders": user_topics.first_history,
    "userTwapSliceFills": user_topics.first_slices,
    "userTwapHistory": user_topics.first_twaps,
}
