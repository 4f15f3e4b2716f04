"""What the streams of a user say of him as things stand, and what is said of him first.

References
----------
Hyperliquid documentation, "Subscriptions"; shapes that it leaves open from the client schemas of
github.com/nktkas/hyperliquid, both as of September 2026.
"""

from typing import Any

from engine.localnet import meta_answers
from engine.localnet.exchange import Exchange
from engine.localnet.state import Json
from engine.runners.localnet.market_topics import Frame


def asset_data(exchange: Exchange, topic: Json) -> Frame:
    """Return ``activeAssetData``."""
    return "activeAssetData", _ask(exchange, "activeAssetData", topic)


def web_data(exchange: Exchange, topic: Json) -> Frame:
    """Return ``webData2``."""
    return "webData2", _ask(exchange, "webData2", topic)


def web_data3(exchange: Exchange, topic: Json) -> Frame:
    """Return ``webData3``."""
    user = {"agentAddress": None, "agentValidUntil": None, "cumLedger": "0.0"}
    user |= {"serverTime": exchange.time, "isVault": False, "user": topic["user"]}
    dexs = range(len(exchange.floor.universe.spec.dexs))
    states = [
        {"totalVaultEquity": "0.0", "perpsAtOpenInterestCap": capped}
        for capped in (meta_answers.at_cap(exchange.floor, dex) for dex in dexs)
    ]
    return "webData3", {"userState": user, "perpDexStates": states}


def clearinghouse(exchange: Exchange, topic: Json) -> Frame:
    """Return ``clearinghouseState``."""
    name = "clearinghouseState"
    return name, {**_about(topic), name: _ask(exchange, name, topic)}


def all_clearinghouses(exchange: Exchange, topic: Json) -> Frame:
    """Return ``allDexsClearinghouseState``."""
    dexs = (dex.name for dex in exchange.floor.universe.spec.dexs)
    rows = [[dex, _ask(exchange, "clearinghouseState", topic, dex=dex)] for dex in dexs]
    return "allDexsClearinghouseState", {"user": topic["user"], "clearinghouseStates": rows}


def spot_state(exchange: Exchange, topic: Json) -> Frame:
    """Return ``spotState``."""
    found = _ask(exchange, "spotClearinghouseState", topic)
    return "spotState", {"user": topic["user"], "spotState": found}


def orders(exchange: Exchange, topic: Json) -> Frame:
    """Return ``openOrders``."""
    return "openOrders", {**_about(topic), "orders": _ask(exchange, "frontendOpenOrders", topic)}


def twaps(_: Exchange, topic: Json) -> Frame:
    """Return ``twapStates``: there are none here."""
    return "twapStates", {**_about(topic), "states": []}


def first_fills(exchange: Exchange, topic: Json) -> Frame:
    """Return the snapshot of ``userFills``."""
    return _snapshot(topic, "fills", _ask(exchange, "userFills", topic))


def first_fundings(exchange: Exchange, topic: Json) -> Frame:
    """Return the snapshot of ``userFundings``."""
    rows = [
        {"time": row["time"], **{k: v for k, v in row["delta"].items() if k != "type"}}
        for row in _ask(exchange, "userFunding", topic, startTime=0)
    ]
    return _snapshot(topic, "fundings", rows)


def first_ledger(exchange: Exchange, topic: Json) -> Frame:
    """Return the snapshot of ``userNonFundingLedgerUpdates``."""
    rows = _ask(exchange, "userNonFundingLedgerUpdates", topic, startTime=0)
    return _snapshot(topic, "nonFundingLedgerUpdates", rows)


def first_history(exchange: Exchange, topic: Json) -> Frame:
    """Return the snapshot of ``userHistoricalOrders``."""
    return _snapshot(topic, "orderHistory", _ask(exchange, "historicalOrders", topic))


def first_slices(_: Exchange, topic: Json) -> Frame:
    """Return the snapshot of ``userTwapSliceFills``: there are none here."""
    return _snapshot(topic, "twapSliceFills", [])


def first_twaps(_: Exchange, topic: Json) -> Frame:
    """Return the snapshot of ``userTwapHistory``: there are none here."""
    return _snapshot(topic, "history", [])


def ended(exchange: Exchange, user: str, updates: list[Json]) -> list[Json]:
    """Return what ``userHistoricalOrders`` says of the orders that ended among updates."""
    asked = {"type": "orderStatus", "user": user}
    numbers = (row["order"]["oid"] for row in updates if row["status"] not in ("open", "triggered"))
    return [exchange.info({**asked, "oid": number})["order"] for number in numbers]


def _about(topic: Json) -> Json:
    return {"dex": topic.get("dex", ""), "user": topic["user"]}


def _snapshot(topic: Json, name: str, rows: Any) -> Frame:
    return topic["type"], {"isSnapshot": True, "user": topic["user"], name: rows}


def _ask(exchange: Exchange, kind: str, topic: Json, **more: Any) -> Any:
    return exchange.info({**topic, "type": kind, **more})
