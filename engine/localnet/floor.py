"""The trading floor: the state, the books over it, and what the present block has to tell.

Everything that changes an order's life goes through here, so that the books, the open orders of a
user and what the user hears cannot disagree.
"""

import hashlib
from dataclasses import dataclass, field
from decimal import Decimal
from operator import attrgetter

from engine.localnet import order_shapes
from engine.localnet.book import Book
from engine.localnet.digits import MICRO
from engine.localnet.state import Account, Closed, Json, Market, Order, State
from engine.localnet.universe import Asset, Universe

CLOSED_KEPT = 2_000  # the venue shows that many
# a reduce-only order that has nothing to reduce is told in `orderUpdates` alone
NOT_BY_USER = (
    "marginCanceled",
    "liquidatedCanceled",
    "delistedCanceled",
    "scheduledCancel",
    "selfTradeCanceled",
)
DAY_MS = 86_400_000
ZERO_HASH = "0x" + "0" * 64


@dataclass(slots=True)
class Block:
    """What one block did: an answer per request, and what the streams say.

    `answers` are the bodies of ``/exchange`` in the order of the requests; None where the action
    cannot be read (422). The rest is keyed by coin or by user (lower case), in the shapes of the
    websocket's ``data``.
    """

    time: int
    height: int
    hash: str
    answers: list[Json | None] = field(default_factory=list)
    trades: dict[str, list[Json]] = field(default_factory=dict)
    bbo: dict[str, Json] = field(default_factory=dict)
    books: dict[str, None] = field(default_factory=dict)  # coins whose book changed
    order_updates: dict[str, list[Json]] = field(default_factory=dict)
    fills: dict[str, list[Json]] = field(default_factory=dict)
    fundings: dict[str, list[Json]] = field(default_factory=dict)
    events: dict[str, list[Json]] = field(default_factory=dict)  # channel `user`, without fills
    ledger: dict[str, list[Json]] = field(default_factory=dict)
    notifications: dict[str, list[str]] = field(default_factory=dict)


def block_hash(height: int) -> str:
    """Return a block's hash; before the first one there is none."""
    if not height:
        return ZERO_HASH
    return "0x" + hashlib.blake2b(b"%d" % height, digest_size=32).hexdigest()


class Floor:
    """State, books and the block that is being made."""

    def __init__(self, universe: Universe, state: State) -> None:
        self.universe = universe
        self.state = state
        self.books = {number: Book() for number in universe.assets}
        self.open: dict[str, dict[int, Order]] = {}
        self.reducing: dict[str, dict[int, Order]] = {}  # the reduce-only ones among them
        # by user, asset and side, lots and micro-dollars of what may open a position
        self.opening: dict[str, dict[tuple[int, bool], list[int]]] = {}
        self.rates: dict[str, tuple[Decimal, Decimal]] = {}  # of the day: taker, maker
        for order in state.orders.values():
            self._index(order)
        resting = (order for order in state.orders.values() if order.place)
        for order in sorted(resting, key=attrgetter("place")):
            self.books[order.asset].side(order.is_buy).add(order)
            self._count(order, order.sz)
        # what comes before the next block belongs to the last one, also after a restart
        self.block = Block(state.time, state.height, block_hash(state.height))

    def begin(self, time: int) -> Block:
        """Start the next block."""
        if time // DAY_MS != self.day():
            self.rates.clear()
        self.state.time = time
        self.state.height += 1
        self.block = Block(time, self.state.height, block_hash(self.state.height))
        return self.block

    def account(self, address: str) -> Account:
        """Return an account; opens it where there is none."""
        address = address.lower()
        found = self.state.accounts.get(address)
        if found is None:
            found = self.state.accounts[address] = Account(address)
        return found

    def known(self, address: str) -> Account:
        """Return an account to look at: an empty one where there is none."""
        address = address.lower()
        return self.state.accounts.get(address) or Account(address)

    def market(self, asset: Asset) -> Market:
        """Return the market of an asset."""
        return self.state.markets[asset.id]

    def orders(self, address: str) -> dict[int, Order]:
        """Return the live orders of a user, oldest first."""
        return self.open.get(address, {})

    def find(self, address: str, key: int | str) -> Order | None:
        """Return a live order of a user by oid or cloid."""
        oid = self.known(address).cloids.get(key.lower()) if isinstance(key, str) else key
        return None if oid is None else self.orders(address).get(oid)

    def next_oid(self) -> int:
        """Return a fresh order id."""
        self.state.next_oid += 1
        return self.state.next_oid - 1

    def keep(self, order: Order) -> None:
        """Take an order among the living, without a place in the book."""
        self.state.orders[order.oid] = order
        self._index(order)
        order.told_sz = order.sz

    def rest(self, order: Order) -> None:
        """Put a living order at the end of its queue."""
        order.place = self.state.next_place
        self.state.next_place += 1
        self.books[order.asset].side(order.is_buy).add(order)
        self._count(order, order.sz)
        self.touch(order.asset)

    def leave(self, order: Order) -> None:
        """Take an order out of its book."""
        if order.place:
            self.books[order.asset].side(order.is_buy).remove(order)
            self._count(order, -order.sz)
            order.place = 0
            self.touch(order.asset)

    def shrink(self, order: Order, lots: int) -> None:
        """Make an order smaller by `lots`, in the book and out of it."""
        if order.place:
            self.books[order.asset].side(order.is_buy).reduce(order, lots)
            self._count(order, -lots)
            self.touch(order.asset)
        else:
            order.sz -= lots

    def close(self, order: Order, status: str) -> None:
        """End an order: out of the book, into the user's history, and told.

        Its children wait for their trigger once it is filled, and end with it otherwise.
        """
        self.leave(order)
        self.forget(order)
        order.told_sz = order.sz
        self.record(order, status)
        for child in self.children(order):
            if status == "filled" and child.trigger is not None:
                child.trigger.parent = None
            else:
                self.close(child, status)

    def forget(self, order: Order) -> None:
        """Take an order from among the living."""
        del self.state.orders[order.oid]
        del self.open[order.user][order.oid]
        if order.reduce_only:
            del self.reducing[order.user][order.oid]

    def children(self, order: Order) -> list[Order]:
        """Return the orders that wait until this one is filled."""
        reducing = self.reducing.get(order.user, {}).values()
        return [child for child in reducing if child.trigger and child.trigger.parent == order.oid]

    def _index(self, order: Order) -> None:
        self.open.setdefault(order.user, {})[order.oid] = order
        if order.reduce_only:
            self.reducing.setdefault(order.user, {})[order.oid] = order

    def _count(self, order: Order, lots: int) -> None:
        if not order.reduce_only:
            sides = self.opening.setdefault(order.user, {})
            side = sides.setdefault((order.asset, order.is_buy), [0, 0])
            side[0] += lots
            side[1] += lots * order.px

    def record(self, order: Order, status: str) -> None:
        """Write an order that is over into its owner's history, and tell."""
        account = self.account(order.user)
        if account.house:
            return
        account.closed[order.oid] = Closed(order, status, self.state.time)
        if len(account.closed) > CLOSED_KEPT:
            self._drop(account, next(iter(account.closed)))
        self.tell(order, status)
        if status in NOT_BY_USER:
            canceled = {"coin": self.universe.assets[order.asset].coin, "oid": order.oid}
            events = self.block.events.setdefault(order.user, [])
            events.append({"nonUserCancel": [canceled]})

    def tell(self, order: Order, status: str) -> None:
        """Send an order's new status to its owner."""
        if self.account(order.user).house:
            return
        update = order_shapes.update(self.universe, order, status, self.state.time)
        self.block.order_updates.setdefault(order.user, []).append(update)

    def touch(self, asset: int) -> None:
        """Note that a book has changed."""
        self.block.books[self.universe.assets[asset].coin] = None

    def day(self) -> int:
        """Return the UTC day."""
        return self.state.time // DAY_MS

    def interest(self, asset: Asset) -> int:
        """Return the open interest in lots: what users hold, and what nobody of ours holds."""
        held = [
            account.positions[asset.id].lots
            for account in self.state.accounts.values()
            if not account.house and asset.id in account.positions
        ]
        longs = sum(lots for lots in held if lots > 0)
        shorts = -sum(lots for lots in held if lots < 0)
        return self.market(asset).interest + max(longs, shorts)

    def at_cap(self, asset: Asset) -> bool:
        """Return whether an asset, or its dex, has all the open interest it may have."""
        cap = asset.spec.oi_cap_usd
        if cap is None:
            return False
        if self.interest(asset) * self.market(asset).mark >= cap * MICRO:
            return True
        on_dex = self.universe.on(asset.dex)
        total = sum(self.interest(other) * self.market(other).mark for other in on_dex)
        return total >= self.universe.spec.dexs[asset.dex].total_oi_cap_usd * MICRO

    def _drop(self, account: Account, oid: int) -> None:
        cloid = account.closed.pop(oid).order.cloid
        if cloid is not None and account.cloids.get(cloid) == oid:
            del account.cloids[cloid]
