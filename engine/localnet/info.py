"""``/info``: one table from the type of a question to its answer."""

from collections.abc import Callable
from typing import Any

from engine.localnet import account_answers as accounts
from engine.localnet import limits, market_answers, meta_answers, order_shapes, wire
from engine.localnet.digits import MalformedError
from engine.localnet.floor import Floor
from engine.localnet.meta_answers import UnanswerableError, dex_of
from engine.localnet.state import Account, Json, Order
from engine.localnet.wire import field

FILLS = 2_000
UNKNOWN_OID: Json = {"status": "unknownOid"}

Answer = Callable[[Floor, Json], Any]


def ask(floor: Floor, question: Json) -> Any:
    """Return the answer to a question.

    Raises
    ------
    MalformedError
        if the type is unknown, or a field is missing or ill-typed (422).
    UnanswerableError
        if it is about a dex, a coin or a table that does not exist (500 ``null``).
    """
    answer = ANSWERS.get(str(question.get("type")))
    if answer is None:
        raise MalformedError(f"type {question.get('type')!r} is unknown")
    return answer(floor, question)


def _user(floor: Floor, q: Json) -> Account:
    return floor.known(wire.address(q, "user"))


def _dex(floor: Floor, q: Json) -> int:
    return dex_of(floor, q.get("dex"))


def _span(q: Json, rows: list[Json]) -> list[Json]:
    """Return the rows from ``startTime`` to ``endTime``, both included, oldest first."""
    start, end = field(q, "startTime", int), q.get("endTime")
    if end is not None:
        end = field(q, "endTime", int)
    return [row for row in rows if row["time"] >= start and (end is None or row["time"] <= end)]


def _live(floor: Floor, q: Json) -> list[Order]:
    """Return live orders on a dex, the newest first."""
    dex, living = _dex(floor, q), floor.orders(wire.address(q, "user")).values()
    return [o for o in reversed(living) if floor.universe.assets[o.asset].dex == dex]


def open_orders(floor: Floor, q: Json) -> list[Json]:
    """Return ``openOrders``."""
    return [order_shapes.plain(floor.universe, order) for order in _live(floor, q)]


def frontend_open_orders(floor: Floor, q: Json) -> list[Json]:
    """Return ``frontendOpenOrders``."""
    return [_frontend(floor, order, order.sz) for order in _live(floor, q)]


def order_status(floor: Floor, q: Json) -> Json:
    """Return ``orderStatus``: as of the order's last change of status."""
    account, key = _user(floor, q), wire.order_key(q.get("oid"))
    oid = account.cloids.get(key) if isinstance(key, str) else key
    if oid is None:
        return UNKNOWN_OID
    order = floor.orders(account.address).get(oid)
    if order is not None:
        shape = _frontend(floor, order, order.told_sz)
        said = {"order": shape, "status": "open", "statusTimestamp": order.time}
        return {"status": "order", "order": said}
    over = account.closed.get(oid)
    if over is None:
        return UNKNOWN_OID
    return {"status": "order", "order": order_shapes.closed(floor.universe, over)}


def historical_orders(floor: Floor, q: Json) -> list[Json]:
    """Return ``historicalOrders``, the newest first."""
    closed = _user(floor, q).closed.values()
    return [order_shapes.closed(floor.universe, over) for over in reversed(closed)]


def active_asset_data(floor: Floor, q: Json) -> Json:
    """Return ``activeAssetData``."""
    asset = floor.universe.by_coin.get(str(q.get("coin")))
    if asset is None:
        raise UnanswerableError(f"coin {q.get('coin')!r} is not listed")
    return accounts.active_asset_data(floor, _user(floor, q), asset)


def max_builder_fee(floor: Floor, q: Json) -> int:
    """Return ``maxBuilderFee`` in tenths of a bp."""
    return _user(floor, q).builders.get(wire.address(q, "builder"), 0)


def l2_book(floor: Floor, q: Json) -> Json | None:
    """Return ``l2Book``."""
    figures, mantissa = q.get("nSigFigs"), q.get("mantissa")
    return market_answers.l2_book(floor, field(q, "coin", str), figures=figures, mantissa=mantissa)


def web_data2(floor: Floor, q: Json) -> Json:
    """Return ``webData2``: the aggregate of the old frontend, of the main dex."""
    account = _user(floor, q)
    meta, contexts = meta_answers.meta_and_contexts(floor, 0)
    return {
        "clearinghouseState": accounts.clearinghouse_state(floor, account, 0),
        "leadingVaults": [],
        "totalVaultEquity": "0.0",
        "openOrders": frontend_open_orders(floor, q),
        "agentAddress": None,
        "agentValidUntil": None,
        "cumLedger": "0.0",
        "meta": meta,
        "assetCtxs": contexts,
        "serverTime": floor.state.time,
        "isVault": False,
        "user": account.address,
        "spotState": accounts.spot_state(floor, account),
    }


def _frontend(floor: Floor, order: Order, sz: int) -> Json:
    children = [_frontend(floor, child, child.sz) for child in floor.children(order)]
    return order_shapes.frontend(floor.universe, order, children, sz)


def _auction(floor: Floor, _: Json) -> Json:
    start = floor.state.time // 1000 // 111_600 * 111_600
    fixed = {"startGas": "500.0", "currentGas": "500.0", "endGas": None}
    return {"startTimeSeconds": start, "durationSeconds": 111_600, **fixed}


def _delegator(_: Floor, __: Json) -> Json:
    names = ("delegated", "undelegated", "totalPendingWithdrawal")
    return {**dict.fromkeys(names, "0.0"), "nPendingWithdrawals": 0}


def _for_user(tell: Callable[[Floor, Account], Any]) -> Answer:
    return lambda floor, q: tell(floor, _user(floor, q))


def _for_dex(tell: Callable[[Floor, int], Any]) -> Answer:
    return lambda floor, q: tell(floor, _dex(floor, q))


def _nothing(floor: Floor, q: Json) -> list[Json]:
    """Answer about what does not exist here: vaults, staking, twaps."""
    _user(floor, q)
    return []


ANSWERS: dict[str, Answer] = {
    "meta": _for_dex(meta_answers.meta),
    "metaAndAssetCtxs": _for_dex(meta_answers.meta_and_contexts),
    "allPerpMetas": lambda floor, _: [
        meta_answers.meta(floor, dex) for dex in range(len(floor.universe.spec.dexs))
    ],
    "perpDexs": lambda floor, _: meta_answers.perp_dexs(floor),
    "perpDexLimits": lambda floor, q: meta_answers.perp_dex_limits(floor, q.get("dex")),
    "perpDexStatus": _for_dex(meta_answers.perp_dex_status),
    "perpsAtOpenInterestCap": _for_dex(meta_answers.at_cap),
    "perpCategories": lambda floor, _: meta_answers.categories(floor),
    "perpDeployAuctionStatus": _auction,
    "marginTable": lambda floor, q: meta_answers.margin_table(
        floor, _dex(floor, q), field(q, "id", int)
    ),
    "maxMarketOrderNtls": lambda _, __: meta_answers.market_order_limits(),
    "exchangeStatus": lambda floor, _: {"time": floor.state.time, "specialStatuses": None},
    "spotMeta": lambda floor, _: meta_answers.spot_meta(floor),
    "spotMetaAndAssetCtxs": lambda floor, _: meta_answers.spot_contexts(floor),
    "allMids": _for_dex(market_answers.all_mids),
    "l2Book": l2_book,
    "recentTrades": lambda floor, q: market_answers.recent_trades(floor, q.get("coin")),
    "candleSnapshot": lambda floor, q: market_answers.candles(floor, field(q, "req", dict)),
    "fundingHistory": market_answers.funding_history,
    "predictedFundings": lambda floor, _: market_answers.predicted_fundings(floor),
    "clearinghouseState": lambda floor, q: accounts.clearinghouse_state(
        floor, _user(floor, q), _dex(floor, q)
    ),
    "spotClearinghouseState": _for_user(accounts.spot_state),
    "activeAssetData": active_asset_data,
    "openOrders": open_orders,
    "frontendOpenOrders": frontend_open_orders,
    "orderStatus": order_status,
    "historicalOrders": historical_orders,
    "userFills": lambda floor, q: _user(floor, q).fills[: -FILLS - 1 : -1],
    "userFillsByTime": lambda floor, q: _span(q, _user(floor, q).fills)[:FILLS],
    "userFunding": lambda floor, q: _span(q, _user(floor, q).fundings)[:FILLS],
    "userNonFundingLedgerUpdates": lambda floor, q: _span(q, _user(floor, q).ledger)[:FILLS],
    "userFees": _for_user(accounts.user_fees),
    "userRateLimit": lambda floor, q: limits.user_rate_limit(_user(floor, q)),
    "userRole": lambda floor, q: accounts.user_role(floor, wire.address(q, "user")),
    "userAbstraction": lambda floor, q: _user(floor, q).abstraction,
    "userDexAbstraction": lambda floor, q: _user(floor, q).dex_abstraction,
    "extraAgents": _for_user(accounts.extra_agents),
    "subAccounts": _for_user(accounts.sub_accounts),
    "portfolio": _for_user(accounts.portfolio),
    "referral": lambda floor, q: accounts.referral(_user(floor, q)),
    "maxBuilderFee": max_builder_fee,
    "webData2": web_data2,
    "delegatorSummary": _delegator,
    "spotDeployState": lambda floor, q: {"states": [], "gasAuction": _auction(floor, q)},
    "userToMultiSigSigners": lambda _, __: None,
    **dict.fromkeys(
        (
            "userTwapSliceFills",
            "userVaultEquities",
            "delegations",
            "delegatorRewards",
            "delegatorHistory",
        ),
        _nothing,
    ),
}
