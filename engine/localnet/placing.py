"""Placing, cancelling and modifying: what each order of an action is answered."""

from dataclasses import replace
from typing import Any

from engine.localnet import checks, refusals
from engine.localnet.digits import text
from engine.localnet.floor import Floor
from engine.localnet.matching import match
from engine.localnet.refusals import Refusal, RefusedError
from engine.localnet.state import Account, Json, Order
from engine.localnet.universe import SPOT_BASE, Asset
from engine.localnet.wire import Wanted

Status = str | Json


def listed(floor: Floor, number: int) -> Asset:
    """Return a perpetual by its id.

    Raises
    ------
    RefusedError
        if there is none; the venue's words for it are not published.
    """
    asset = floor.universe.assets.get(number)
    if asset is None:
        spot = {SPOT_BASE + pair.index for pair in floor.universe.spec.pairs}
        raise RefusedError(refusals.SPOT_CLOSED if number in spot else f"Unknown asset {number}")
    return asset


def place(
    floor: Floor,
    account: Account,
    wanted: Wanted,
    *,
    builder: tuple[str, int] | None = None,
    whole: bool = False,
) -> tuple[Status, Order | None]:
    """Place one order; return its status and, where it was not refused, the order."""
    asset = listed(floor, wanted.asset)
    order = checks.as_order(floor, account, asset, wanted, whole=whole)
    if isinstance(order, Refusal):
        return error(order, asset), None
    if builder is not None:
        order.builder, order.builder_fee = builder
    why = refusals.HALTED if not floor.market(asset).listed else None
    why = why or checks.refusal(floor, account, asset, order)
    if order.cloid is not None and why is not refusals.SAME_CLOID:
        account.cloids[order.cloid] = order.oid
    if why is None and order.trigger is not None:
        floor.keep(order)
        floor.tell(order, "open")
        return "waitingForTrigger", order
    status = why or execute(floor, asset, order)
    if isinstance(status, Refusal):
        floor.record(order, status.status)
        return error(status, asset), None
    return status, order


def adopt(
    floor: Floor, account: Account, wanted: Wanted, parent: Order
) -> tuple[Status, Order | None]:
    """Place a child that waits for its parent's fill, or for its trigger where that is done."""
    asset = listed(floor, wanted.asset)
    order = checks.as_order(floor, account, asset, wanted)
    if isinstance(order, Refusal):
        return error(order, asset), None
    waits = parent.oid in floor.state.orders
    if order.trigger is not None and waits:
        order.trigger.parent = parent.oid
    if order.cloid is not None:
        account.cloids[order.cloid] = order.oid
    floor.keep(order)
    floor.tell(order, "open")
    return "waitingForFill" if waits else "waitingForTrigger", order


def execute(floor: Floor, asset: Asset, order: Order) -> Json | Refusal:
    """Let an order trade and rest as its time in force says.

    One that does both is answered with ``resting``; what the venue answers is not published, and
    fills are to be taken from the stream.
    """
    if order.tif == "Alo" and floor.books[asset.id].crossing(order.is_buy, order.px):
        bid, ask = floor.books[asset.id].touch()
        touch = (text(row[0] if row else 0, asset.px_decimals) for row in (bid, ask))
        return refusals.post_only(*touch)
    lots, ntl = match(floor, order)
    if order.sz and order.tif in ("Alo", "Gtc"):
        floor.keep(order)
        floor.rest(order)
        floor.tell(order, "open")
        return {"resting": _named(order, {"oid": order.oid})}
    if lots == 0:
        return refusals.IOC if order.tif == "Ioc" else refusals.NO_LIQUIDITY
    floor.record(order, "filled")
    return {"filled": _named(order, filled(asset, order.oid, lots, ntl))}


def filled(asset: Asset, oid: int, lots: int, ntl: int) -> Json:
    """Return the answer about a fill; the mean price is rounded to the grid's decimals."""
    mean = (2 * ntl + lots) // (2 * lots)
    return {
        "totalSz": text(lots, asset.sz_decimals),
        "avgPx": text(mean, asset.px_decimals),
        "oid": oid,
    }


def error(why: Refusal, asset: Asset) -> Json:
    """Return a refusal as the venue's servers write it."""
    return {"error": f"{why.text} asset={asset.id}"}


def cancel(floor: Floor, account: Account, number: int, key: int | str) -> Status:
    """Cancel a live order of an asset by oid or cloid."""
    order = floor.find(account.address, key)
    if order is None or order.asset != number:
        return {"error": f"{refusals.GONE} asset={number}"}
    floor.close(order, "canceled")
    return "success"


def modify(
    floor: Floor, account: Account, key: int | str, wanted: Wanted, *, always: bool = False
) -> Status:
    """Replace an order: the old one is cancelled, the new one has a new oid and no priority.

    What is refused for its price or size leaves the old order alone. The client order id stays,
    unless the new order brings its own.

    Parameters
    ----------
    always
        place the new order even where the old one is gone.
    """
    old = floor.find(account.address, key)
    asset = listed(floor, wanted.asset)
    if old is None or old.asset != asset.id:
        return place(floor, account, wanted)[0] if always else {"error": refusals.NOT_MODIFIABLE}
    grid = checks.on_grid(asset, wanted)
    if isinstance(grid, Refusal):
        return error(grid, asset)
    if wanted.cloid is None and old.cloid is not None:
        wanted = replace(wanted, cloid=old.cloid)
    floor.close(old, "canceled")
    return place(floor, account, wanted)[0]


def _named(order: Order, shape: dict[str, Any]) -> Json:
    return shape if order.cloid is None else {**shape, "cloid": order.cloid}
