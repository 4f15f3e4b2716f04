"""Orders meet: price, then time; what a trade does to both sides."""

from engine.localnet import fees, margin, positions, prints
from engine.localnet.digits import text, usd
from engine.localnet.floor import Floor
from engine.localnet.state import Account, Json, Order
from engine.localnet.universe import Asset

FILLS_KEPT = 10_000  # the venue serves the most recent


def match(floor: Floor, taker: Order, *, liquidation: bool = False) -> tuple[int, int]:
    """Let an order trade as far as its price allows; return the lots and the micro-dollars.

    A resting order of the same user is cancelled (`selfTradeCanceled`), one whose owner no longer
    has the margin too (`marginCanceled`).
    """
    asset = floor.universe.assets[taker.asset]
    book = floor.books[taker.asset]
    lots, ntl = 0, 0
    while taker.sz > 0:
        maker = book.crossing(taker.is_buy, taker.px)
        if maker is None:
            break
        if maker.user == taker.user:
            floor.close(maker, "selfTradeCanceled")
        elif not _can_trade(floor, asset, maker):
            floor.close(maker, "marginCanceled")
        else:
            traded = min(taker.sz, maker.sz)
            lots, ntl = lots + traded, ntl + traded * maker.px
            _trade(floor, asset, taker, maker, traded, liquidation=liquidation)
    return lots, ntl


def settle(
    floor: Floor, asset: Asset, order: Order, px: int, lots: int, tid: int, *, crossed: bool
) -> Json | None:
    """Book one side of a trade; return the fill that its owner is told of, if he is told."""
    account = floor.account(order.user)
    before = account.positions[asset.id].lots if asset.id in account.positions else 0
    pnl = positions.trade(account, asset, order.sign * lots, px)
    if account.house:
        return None
    ntl, maker = px * lots, not crossed
    if account.address not in floor.rates:
        floor.rates[account.address] = fees.rates(floor, account)
    taker_rate, maker_rate = floor.rates[account.address]
    rate = fees.rate_on(asset, maker_rate if maker else taker_rate, maker=maker)
    builder = ntl * order.builder_fee // 100_000
    charged = fees.fee(ntl, rate) + builder
    account.usd[asset.dex] = account.usd.get(asset.dex, 0) - charged
    token = floor.universe.spec.dexs[asset.dex].collateral
    floor.state.fees[token] = floor.state.fees.get(token, 0) + charged
    fees.count_volume(floor, account, asset, ntl, maker=maker)
    fill: Json = {
        "coin": asset.coin,
        "px": text(px, asset.px_decimals),
        "sz": text(lots, asset.sz_decimals),
        "side": "B" if order.is_buy else "A",
        "time": floor.state.time,
        "startPosition": text(before, asset.sz_decimals),
        "dir": positions.direction(before, before + order.sign * lots),
        "closedPnl": usd(pnl),
        "hash": floor.block.hash,
        "oid": order.oid,
        "crossed": crossed,
        "fee": usd(charged),
        "tid": tid,
        "feeToken": asset.collateral,
        "twapId": None,
    }
    if order.cloid is not None:
        fill["cloid"] = order.cloid
    if builder:
        fill["builderFee"] = usd(builder)
    remember(floor, account, fill)
    return fill


def write_off(floor: Floor, account: Account, asset: Asset, px: int, direction: str) -> Json:
    """Close a position at a price, without a fee and with nobody in the market; return the fill."""
    lots = account.positions[asset.id].lots
    pnl, oid = positions.trade(account, asset, -lots, px), floor.next_oid()
    fill: Json = {
        "coin": asset.coin,
        "px": text(px, asset.px_decimals),
        "sz": text(abs(lots), asset.sz_decimals),
        "side": "A" if lots > 0 else "B",
        "time": floor.state.time,
        "startPosition": text(lots, asset.sz_decimals),
        "dir": direction,
        "closedPnl": usd(pnl),
        "hash": floor.block.hash,
        "oid": oid,
        "crossed": True,
        "fee": "0.0",
        "tid": prints.trade_id(oid, 0),
        "feeToken": asset.collateral,
        "twapId": None,
    }
    remember(floor, account, fill)
    return fill


def remember(floor: Floor, account: Account, fill: Json) -> None:
    """Write a fill down and tell its owner."""
    account.fills.append(fill)
    del account.fills[:-FILLS_KEPT]
    floor.block.fills.setdefault(account.address, []).append(fill)


def liquidated(floor: Floor, asset: Asset, user: str, method: str) -> Json:
    """Return what a fill says of a liquidation."""
    mark = text(floor.market(asset).mark, asset.px_decimals)
    return {"liquidatedUser": user, "markPx": mark, "method": method}


def fit_to_position(floor: Floor, account: Account, asset: Asset) -> None:
    """Shrink reduce-only orders to the position; cancel those that would no longer reduce it."""
    if account.house:
        return
    position = account.positions.get(asset.id)
    held = position.lots if position else 0
    for order in list(floor.reducing.get(account.address, {}).values()):
        waits = order.trigger is not None and order.trigger.parent is not None
        if order.asset != asset.id or waits:
            continue
        if order.sign * held >= 0:
            floor.close(order, "reduceOnlyCanceled")
        elif order.sz > abs(held):
            floor.shrink(order, order.sz - abs(held))


def _can_trade(floor: Floor, asset: Asset, maker: Order) -> bool:
    account = floor.account(maker.user)
    if account.house or maker.reduce_only:
        return True
    position = account.positions.get(asset.id)
    if position is not None and position.lots * maker.sign < 0 and maker.sz <= abs(position.lots):
        return True
    return margin.still_allows(floor, account, asset.dex)


def _trade(
    floor: Floor, asset: Asset, taker: Order, maker: Order, lots: int, *, liquidation: bool
) -> None:
    px = maker.px
    buyer, seller = (taker, maker) if taker.is_buy else (maker, taker)
    tid = prints.trade_id(buyer.oid, seller.oid)
    users = [buyer.user, seller.user]
    prints.publish(floor, asset, px, lots, users, is_buy=taker.is_buy, tid=tid)
    taker.sz -= lots
    floor.shrink(maker, lots)
    for order, crossed in ((taker, True), (maker, False)):
        fill = settle(floor, asset, order, px, lots, tid, crossed=crossed)
        if fill is not None and liquidation:
            fill["liquidation"] = liquidated(floor, asset, taker.user, "market")
    if maker.sz == 0:
        floor.close(maker, "filled")
    for user in (maker.user, taker.user):
        fit_to_position(floor, floor.account(user), asset)
