"""The market's own flow: accounts of the house whose orders are somebody else's market.

The house rests what the source shows, level by level, and takes what the source trades. Whatever
users do rests and trades in the same books, by the same rules. The house has no margin and pays no
fees, and what it holds is nobody's open interest.
"""

from typing import NamedTuple

from engine.localnet.floor import Floor
from engine.localnet.matching import match, write_off
from engine.localnet.positions import trade
from engine.localnet.state import Order, Tif
from engine.localnet.universe import Asset

MAKER = "0x" + "a" * 40
TAKER = "0x" + "7" * 40


class Level(NamedTuple):
    """The house rests so many lots at a price; none removes them."""

    asset: int
    is_buy: bool
    px: int
    lots: int


class Whole(NamedTuple):
    """The house rests this and nothing else: pairs of price and lots."""

    asset: int
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]


class Taken(NamedTuple):
    """Somebody bought (or sold) so many lots at a price, as the source printed it."""

    asset: int
    is_buy: bool
    px: int
    lots: int


class Oracle(NamedTuple):
    """The oracle's price from now on."""

    asset: int
    px: int


class Interest(NamedTuple):
    """Open interest [lots] of everybody who is not ours."""

    asset: int
    lots: int


class Delist(NamedTuple):
    """Trading ends: orders are cancelled, positions settled at the mark."""

    asset: int


Op = Level | Whole | Taken | Oracle | Interest | Delist


def apply(floor: Floor, op: Op) -> None:
    """Let the market do one thing."""
    asset = floor.universe.assets[op.asset]
    market = floor.market(asset)
    if isinstance(op, Oracle):
        market.oracle = op.px
    elif isinstance(op, Interest):
        market.interest = op.lots
    elif not market.listed:
        return
    elif isinstance(op, Level):
        _set_level(floor, op)
    elif isinstance(op, Whole):
        _set_whole(floor, op)
    elif isinstance(op, Taken):
        _take(floor, op)
    else:
        _delist(floor, asset)


def _set_level(floor: Floor, op: Level) -> None:
    """Bring the house's size at a price to `lots`: the newest go first, new ones go last."""
    level = floor.books[op.asset].side(op.is_buy).at(op.px)
    mine = [] if level is None else [o for o in level.orders.values() if o.user == MAKER]
    excess = sum(order.sz for order in mine) - op.lots
    while excess > 0:
        order = mine.pop()
        if order.sz <= excess:
            excess -= order.sz
            floor.close(order, "canceled")
        else:
            floor.shrink(order, excess)
            excess = 0
    if excess < 0:
        _rest(floor, op.asset, op.is_buy, op.px, -excess)


def _set_whole(floor: Floor, op: Whole) -> None:
    book = floor.books[op.asset]
    for is_buy, rows in ((True, op.bids), (False, op.asks)):
        wanted = dict(rows)
        for px in [side_px for side_px, *_ in book.side(is_buy).depth(1 << 30)]:
            if px not in wanted:
                _set_level(floor, Level(op.asset, is_buy, px, 0))
    for is_buy, rows in ((True, op.bids), (False, op.asks)):
        for px, lots in rows:
            _set_level(floor, Level(op.asset, is_buy, px, lots))


def _rest(floor: Floor, asset: int, is_buy: bool, px: int, lots: int) -> None:
    """Rest an order of the house; users it crosses are filled at their own price first."""
    order = _order(floor, MAKER, asset, is_buy, px, lots, "Gtc")
    match(floor, order)
    if order.sz:
        floor.keep(order)
        floor.rest(order)


def _take(floor: Floor, op: Taken) -> None:
    """Reproduce a trade: against what rests, then against the house for what is missing there."""
    order = _order(floor, TAKER, op.asset, op.is_buy, op.px, op.lots, "Ioc")
    match(floor, order)
    if order.sz and floor.books[op.asset].crossing(not op.is_buy, op.px) is None:
        _rest(floor, op.asset, not op.is_buy, op.px, order.sz)
        match(floor, order)


def _order(
    floor: Floor, user: str, asset: int, is_buy: bool, px: int, lots: int, tif: Tif
) -> Order:
    floor.account(user).house = True
    oid, time = floor.next_oid(), floor.state.time
    return Order(oid, user, asset, is_buy, px, lots, lots, tif, reduce_only=False, time=time)


def _delist(floor: Floor, asset: Asset) -> None:
    market = floor.market(asset)
    for order in list(floor.state.orders.values()):
        if order.asset == asset.id and order.oid in floor.state.orders:
            floor.close(order, "delistedCanceled")
    for account in floor.state.accounts.values():
        held = account.positions.get(asset.id)
        if held is not None and account.house:
            trade(account, asset, -held.lots, market.mark)
        elif held is not None:
            write_off(floor, account, asset, market.mark, "Settlement")
    market.listed = False
    words = f"{asset.coin} is delisted; positions are settled at the mark."
    for account in floor.state.accounts.values():
        if not account.house:
            floor.block.notifications.setdefault(account.address, []).append(words)
