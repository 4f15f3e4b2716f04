"""What can be subscribed to: how each is asked for, and what is said of it as things stand.

References
----------
Hyperliquid documentation, "Subscriptions", and the server's acknowledgements as measured in 2026:
defaults are filled in, users are in lower case.
"""

from collections.abc import Callable
from typing import Any

from engine.localnet import market_answers, meta_answers, wire
from engine.localnet.digits import MalformedError
from engine.localnet.exchange import Exchange
from engine.localnet.market_answers import FAST_LEVELS, INTERVALS_MIN, MINUTE_MS
from engine.localnet.meta_answers import UnanswerableError
from engine.localnet.state import Json

# subscription → its fields beside ``type``, with what stands where one is left away
_NEEDED = object()
FIELDS: dict[str, dict[str, Any]] = {
    "l2Book": {"coin": _NEEDED, "nSigFigs": None, "mantissa": None, "fast": False},
    "bbo": {"coin": _NEEDED},
    "trades": {"coin": _NEEDED},
    "activeAssetCtx": {"coin": _NEEDED},
    "candle": {"coin": _NEEDED, "interval": _NEEDED},
    "allMids": {"dex": ""},
    "allDexsAssetCtxs": {},
    "activeAssetData": {"user": _NEEDED, "coin": _NEEDED},
    "orderUpdates": {"user": _NEEDED},
    "userEvents": {"user": _NEEDED},
    "userFills": {"user": _NEEDED, "aggregateByTime": False},
    "userFundings": {"user": _NEEDED},
    "userNonFundingLedgerUpdates": {"user": _NEEDED},
    "notification": {"user": _NEEDED},
    "webData2": {"user": _NEEDED},
    "webData3": {"user": _NEEDED},
    "clearinghouseState": {"user": _NEEDED, "dex": ""},
    "openOrders": {"user": _NEEDED, "dex": ""},
}
HIDDEN = ("dex",)  # not filled in where it was not said
CHANNELS = {"userEvents": "user"}
Frame = tuple[str, Any]  # channel and data


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
    if not listed and not (topic["type"] == "activeAssetCtx" and _spot(exchange, coin)):
        raise UnanswerableError(f"coin {coin!r} is not listed")
    if topic["type"] in ("l2Book", "allMids", "clearinghouseState", "openOrders"):
        NOW[topic["type"]](exchange, topic)


def snapshot(exchange: Exchange, topic: Json) -> Frame | None:
    """Return what a subscriber is told first; None where it is nothing."""
    say = FIRST.get(topic["type"]) or NOW.get(topic["type"])
    return None if say is None else say(exchange, topic)


def _book(exchange: Exchange, topic: Json) -> Frame:
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


def _bbo(exchange: Exchange, topic: Json) -> Frame:
    floor = exchange.floor
    return "bbo", market_answers.bbo(floor, floor.universe.by_coin[topic["coin"]])


def _trades(exchange: Exchange, topic: Json) -> Frame:
    return "trades", market_answers.recent_trades(exchange.floor, topic["coin"])[::-1]


def _mids(exchange: Exchange, topic: Json) -> Frame:
    data: Json = {"mids": _ask(exchange, "allMids", topic)}
    return "allMids", data | ({"dex": topic["dex"]} if "dex" in topic else {})


def _context(exchange: Exchange, topic: Json) -> Frame:
    floor, coin = exchange.floor, topic["coin"]
    asset = floor.universe.by_coin.get(coin)
    if asset is None:
        return "activeSpotAssetCtx", {"coin": coin, "ctx": _spot(exchange, coin)}
    return "activeAssetCtx", {"coin": coin, "ctx": meta_answers.context(floor, asset)}


def _contexts(exchange: Exchange, _: Json) -> Frame:
    floor = exchange.floor
    rows = [
        [dex.name, [meta_answers.context(floor, asset) for asset in floor.universe.on(number)]]
        for number, dex in enumerate(floor.universe.spec.dexs)
    ]
    return "allDexsAssetCtxs", {"ctxs": rows}


def _candle(exchange: Exchange, topic: Json) -> Frame | None:
    since = exchange.time - INTERVALS_MIN[topic["interval"]] * MINUTE_MS
    request = {"coin": topic["coin"], "interval": topic["interval"], "startTime": since}
    rows = market_answers.candles(exchange.floor, request)
    return ("candle", rows[-1]) if rows else None


def _asset_data(exchange: Exchange, topic: Json) -> Frame:
    return "activeAssetData", _ask(exchange, "activeAssetData", topic)


def _web_data(exchange: Exchange, topic: Json) -> Frame:
    return "webData2", _ask(exchange, "webData2", topic)


def _web_data3(exchange: Exchange, topic: Json) -> Frame:
    user = {"agentAddress": None, "agentValidUntil": None, "cumLedger": "0.0"}
    user |= {"serverTime": exchange.time, "isVault": False, "user": topic["user"]}
    dexs = range(len(exchange.floor.universe.spec.dexs))
    states = [
        {"totalVaultEquity": "0.0", "perpsAtOpenInterestCap": capped}
        for capped in (meta_answers.at_cap(exchange.floor, dex) for dex in dexs)
    ]
    return "webData3", {"userState": user, "perpDexStates": states}


def _clearinghouse(exchange: Exchange, topic: Json) -> Frame:
    data = {"dex": topic.get("dex", ""), "user": topic["user"]}
    name = "clearinghouseState"
    return name, {**data, name: _ask(exchange, name, topic)}


def _orders(exchange: Exchange, topic: Json) -> Frame:
    data = {"dex": topic.get("dex", ""), "user": topic["user"]}
    return "openOrders", {**data, "orders": _ask(exchange, "frontendOpenOrders", topic)}


def _first_fills(exchange: Exchange, topic: Json) -> Frame:
    fills = _ask(exchange, "userFills", topic)
    return "userFills", {"isSnapshot": True, "user": topic["user"], "fills": fills}


def _first_fundings(exchange: Exchange, topic: Json) -> Frame:
    rows = [
        {"time": row["time"], **{k: v for k, v in row["delta"].items() if k != "type"}}
        for row in _ask(exchange, "userFunding", topic, startTime=0)
    ]
    return "userFundings", {"isSnapshot": True, "user": topic["user"], "fundings": rows}


def _first_ledger(exchange: Exchange, topic: Json) -> Frame:
    name = "nonFundingLedgerUpdates"
    rows = _ask(exchange, "userNonFundingLedgerUpdates", topic, startTime=0)
    data = {"isSnapshot": True, "user": topic["user"], name: rows}
    return "userNonFundingLedgerUpdates", data


def _ask(exchange: Exchange, kind: str, topic: Json, **more: Any) -> Any:
    return exchange.info({**topic, "type": kind, **more})


def _spot(exchange: Exchange, coin: Any) -> Json | None:
    """Return the context of a spot pair; None where there is no such pair."""
    contexts: Any = meta_answers.spot_contexts(exchange.floor)[1]
    return next((row for row in contexts if row["coin"] == coin), None)


Say = Callable[[Exchange, Json], Frame | None]
# as things stand: said at once, and again in time
NOW: dict[str, Say] = {
    "l2Book": _book,
    "bbo": _bbo,
    "allMids": _mids,
    "activeAssetCtx": _context,
    "allDexsAssetCtxs": _contexts,
    "candle": _candle,
    "activeAssetData": _asset_data,
    "webData2": _web_data,
    "webData3": _web_data3,
    "clearinghouseState": _clearinghouse,
    "openOrders": _orders,
}
# said once, before what happens is
FIRST: dict[str, Say] = {
    "trades": _trades,
    "userFills": _first_fills,
    "userFundings": _first_fundings,
    "userNonFundingLedgerUpdates": _first_ledger,
}
