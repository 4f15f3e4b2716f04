"""What the venue says of an account, as the events a gateway hears."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.events import BUY, CONNECTED, DISCONNECTED, FILL, FUNDING, LIQUIDATED, POSITION, Event
from engine.gateway.words import (
    ACCOUNT,
    FILLS_TOLD,
    FOREIGN,
    FOUND_ENDED,
    FOUND_OPEN,
    LISTED,
    NEW,
    NOT_FOUND,
    OLD,
    ORDERS_TOLD,
    OURS,
)
from engine.venues.hyperliquid.account_answers import (
    ClearinghouseState,
    Fill,
    Funding,
    Order,
    OrderNews,
)
from engine.venues.hyperliquid.account_frames import Lost
from engine.venues.hyperliquid.account_stream import Deaf, Listening
from engine.venues.hyperliquid.cloid import Cloid, read_cloid

MS = 1_000_000


class Who(NamedTuple):
    """Whose news counts: one asset of one account, traded by one run."""

    account: str
    coin: str
    asset_id: int
    epoch: int

    def cloid(self, wire: int) -> str:
        """Return the venue's name of an order that the gateway sent as `wire`."""
        return Cloid(self.epoch, self.asset_id, wire).wire()

    def wire(self, cloid: str | None) -> int:
        """Return what the gateway calls an order; 0 where this run did not send it."""
        return self._wire_and_code(cloid)[0] if self._wire_and_code(cloid)[1] == OURS else 0

    def _wire_and_code(self, cloid: str | None) -> tuple[int, int]:
        named = read_cloid(cloid)
        if named is None or named.asset != self.asset_id:
            return 0, FOREIGN
        if named.epoch == self.epoch:
            return named.number, OURS
        return named.number, OLD if named.epoch < self.epoch else NEW

    def listed(self, order: Order) -> tuple[int, int]:
        """Return the number and the owner (a code of LISTED) of an order of the asset."""
        return self._wire_and_code(order.cloid)


def event(kind: int, recv_ns: int, **fields: Any) -> NDArray[Any]:
    """Return one event; its venue time is not after we heard it."""
    one: NDArray[Any] = np.zeros(1, Event.dtype)
    one["kind"], one["ts_ns"], one["recv_ns"] = kind, recv_ns, recv_ns
    for name, value in fields.items():
        one[name] = value
    one["ts_ns"] = np.minimum(one["ts_ns"], recv_ns)
    return one


# what could not be read may have been a fill: compare with the venue
_LINE = {Listening: (CONNECTED,), Deaf: (DISCONNECTED,), Lost: (DISCONNECTED, CONNECTED)}


def of_news(who: Who, what: Any, recv_ns: int) -> list[NDArray[Any]]:
    """Return what one piece of the account's stream says to the gateway."""
    match what:
        case Listening() | Deaf() | Lost():
            return [event(kind, recv_ns, code=ACCOUNT) for kind in _LINE[type(what)]]
        case Fill() if what.coin == who.coin:
            return [of_fill(who, what, recv_ns)]
        case Funding() if what.coin == who.coin:
            return [event(FUNDING, recv_ns, ts_ns=what.time * MS, id=what.time, extra=what.usdc)]
        case OrderNews() if what.order.coin == who.coin and who.wire(what.order.cloid):
            return [of_order(who.wire(what.order.cloid), what, recv_ns)]
    return []


def of_fill(who: Who, fill: Fill, recv_ns: int) -> NDArray[Any]:
    """Return a fill; one that closed our position against our will says so."""
    user = fill.liquidation.liquidatedUser if fill.liquidation else None
    return event(
        FILL,
        recv_ns,
        ref=who.wire(fill.cloid),
        side=fill.side,
        code=LIQUIDATED if (user or "").lower() == who.account else 0,
        ts_ns=fill.time * MS,
        px=fill.px,
        sz=fill.sz,
        id=fill.tid,
        extra=fill.fee,
    )


def of_order(wire: int, news: OrderNews | None, recv_ns: int) -> NDArray[Any]:
    """Return what became of an order; None where the venue does not know it."""
    if news is None:
        return event(NOT_FOUND, recv_ns, ref=wire)
    kind = FOUND_OPEN if news.alive else FOUND_ENDED
    return event(kind, recv_ns, ref=wire, id=news.order.oid, ts_ns=news.statusTimestamp * MS)


def of_fills(
    who: Who, fills: Iterable[Fill], question: int, until_ns: int, recv_ns: int
) -> list[NDArray[Any]]:
    """Return the answer to a question for fills, which were all until `until_ns`."""
    told = [of_fill(who, fill, recv_ns) for fill in fills if fill.coin == who.coin]
    return [*told, event(FILLS_TOLD, recv_ns, id=question, ts_ns=until_ns)]


def of_orders(who: Who, orders: Iterable[Order], question: int, recv_ns: int) -> list[NDArray[Any]]:
    """Return the answer to a question for what rests."""
    told = []
    for order in orders:
        if order.coin == who.coin:
            wire, code = who.listed(order)
            told.append(event(LISTED, recv_ns, ref=wire, code=code, id=order.oid, side=order.side))
    return [*told, event(ORDERS_TOLD, recv_ns, id=question)]


def of_position(who: Who, state: ClearinghouseState, question: int, recv_ns: int) -> NDArray[Any]:
    """Return the answer to a question for the position, at the price the venue values it at."""
    held = state.position(who.coin)
    value = sum(
        p.position.positionValue for p in state.assetPositions if p.position.coin == who.coin
    )
    return event(
        POSITION,
        recv_ns,
        id=question,
        ts_ns=state.time * MS,
        sz=held,
        px=value / abs(held) if held else 0.0,
        side=BUY if held > 0 else -BUY,
    )
