"""One asset's resting orders by price, then time."""

from bisect import bisect_left, insort
from collections.abc import Iterator

from engine.localnet.state import Order


class Level:
    """The orders at one price, oldest first, and their size."""

    __slots__ = ("lots", "orders")

    def __init__(self) -> None:
        self.orders: dict[int, Order] = {}
        self.lots = 0


class Side:
    """One side; a key is the price, negated for asks, so that the best is the greatest."""

    __slots__ = ("keys", "levels", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.keys: list[int] = []
        self.levels: dict[int, Level] = {}

    def add(self, order: Order) -> None:
        """Put an order behind those at its price."""
        key = self.sign * order.px
        level = self.levels.get(key)
        if level is None:
            level = self.levels[key] = Level()
            insort(self.keys, key)
        level.orders[order.oid] = order
        level.lots += order.sz

    def remove(self, order: Order) -> None:
        """Take an order out."""
        key = self.sign * order.px
        level = self.levels[key]
        del level.orders[order.oid]
        level.lots -= order.sz
        if not level.orders:
            del self.levels[key]
            del self.keys[bisect_left(self.keys, key)]

    def reduce(self, order: Order, lots: int) -> None:
        """Make a resting order smaller; it keeps its place."""
        order.sz -= lots
        self.levels[self.sign * order.px].lots -= lots

    def best(self) -> int | None:
        """Return the best price."""
        return self.sign * self.keys[-1] if self.keys else None

    def first(self) -> Order | None:
        """Return the order that trades first."""
        if not self.keys:
            return None
        return next(iter(self.levels[self.keys[-1]].orders.values()))

    def depth(self, n: int) -> Iterator[tuple[int, int, int]]:
        """Yield price, size and number of orders of the best `n` levels."""
        for key in reversed(self.keys[-n:]):
            level = self.levels[key]
            yield self.sign * key, level.lots, len(level.orders)

    def at(self, px: int) -> Level | None:
        """Return the level at a price."""
        return self.levels.get(self.sign * px)


class Book:
    """Both sides."""

    __slots__ = ("asks", "bids")

    def __init__(self) -> None:
        self.bids = Side(1)
        self.asks = Side(-1)

    def side(self, is_buy: bool) -> Side:
        """Return the side where such orders rest."""
        return self.bids if is_buy else self.asks

    def crossing(self, is_buy: bool, px: int) -> Order | None:
        """Return the order that one arriving at `px` meets first, if any."""
        order = self.side(not is_buy).first()
        if order is None or (order.px > px if is_buy else order.px < px):
            return None
        return order

    def mid2(self) -> int | None:
        """Return twice the mid, in units."""
        bid, ask = self.bids.best(), self.asks.best()
        return None if bid is None or ask is None else bid + ask

    def touch(self) -> list[list[int] | None]:
        """Return price, size and number of orders of the best bid and the best ask."""
        return [next((list(row) for row in side.depth(1)), None) for side in (self.bids, self.asks)]
