"""How the venue writes an order: plain, for its frontend, in a stream, in a history."""

from engine.localnet.digits import text
from engine.localnet.state import Closed, Json, Order, Trigger
from engine.localnet.universe import Asset, Universe


def plain(universe: Universe, order: Order, sz: int | None = None) -> Json:
    """Return an order as ``openOrders`` and ``orderUpdates`` do."""
    asset = universe.assets[order.asset]
    shape = _essentials(asset, order, order.sz if sz is None else sz)
    shape["origSz"] = text(order.orig_sz, asset.sz_decimals)
    if order.cloid is not None:
        shape["cloid"] = order.cloid
    if order.reduce_only:
        shape["reduceOnly"] = True
    return shape


def frontend(universe: Universe, order: Order, children: list[Json], sz: int | None = None) -> Json:
    """Return an order as ``frontendOpenOrders`` and ``orderStatus`` do."""
    asset = universe.assets[order.asset]
    trigger = order.trigger
    return {
        **_essentials(asset, order, order.sz if sz is None else sz),
        "triggerCondition": condition(asset, order),
        "isTrigger": trigger is not None,
        "triggerPx": text(trigger.px if trigger else 0, asset.px_decimals),
        "children": children,
        "isPositionTpsl": trigger is not None and trigger.whole_position,
        "reduceOnly": order.reduce_only,
        "orderType": kind(order),
        "origSz": text(order.orig_sz, asset.sz_decimals),
        "tif": None if trigger else order.tif,
        "cloid": order.cloid,
    }


def update(universe: Universe, order: Order, status: str, time: int) -> Json:
    """Return one element of ``orderUpdates``."""
    return {
        "order": plain(universe, order),
        "status": status,
        "statusTimestamp": time,
    }


def closed(universe: Universe, over: Closed) -> Json:
    """Return one element of ``historicalOrders``."""
    return {
        "order": frontend(universe, over.order, []),
        "status": over.status,
        "statusTimestamp": over.time,
    }


def kind(order: Order) -> str:
    """Return the order's type in the venue's words."""
    if order.trigger is None:
        return "Market" if order.tif in ("FrontendMarket", "LiquidationMarket") else "Limit"
    name = "Take Profit" if order.trigger.tpsl == "tp" else "Stop"
    return f"{name} {'Market' if order.trigger.is_market else 'Limit'}"


def fires_above(order: Order) -> bool:
    """Return whether a trigger waits for a higher mark: a sell's profit, a buy's stop."""
    return order.trigger is not None and (order.trigger.tpsl == "tp") != order.is_buy


def is_reached(trigger: Trigger, order: Order, mark: int) -> bool:
    """Return whether a trigger's price has come."""
    return mark >= trigger.px if fires_above(order) else mark <= trigger.px


def condition(asset: Asset, order: Order) -> str:
    """Return the trigger in the venue's words."""
    if order.trigger is None:
        return "N/A"
    px = text(order.trigger.px, asset.px_decimals).removesuffix(".0")
    return f"Price {'above' if fires_above(order) else 'below'} {px}"


def _essentials(asset: Asset, order: Order, sz: int) -> Json:
    return {
        "coin": asset.coin,
        "side": "B" if order.is_buy else "A",
        "limitPx": text(order.px, asset.px_decimals),
        "sz": text(sz, asset.sz_decimals),
        "oid": order.oid,
        "timestamp": order.time,
    }
