"""Requests out, answers in: a few threads that wait for the venue, so that the engine never does.

Requests are signed one after another on the engine's thread, in the order they were decided; each
is sent once. An answer comes back as events, as everything else the engine hears.
"""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import Any

import httpx
from numpy.typing import NDArray

from engine.actions import CANCEL, MODIFY, PLACE
from engine.events import (
    BAD_PX,
    BAD_SZ,
    MIN_NOTIONAL,
    NO_MARGIN,
    OI_CAP,
    POST_ONLY,
    QUOTA,
    RATE_LIMIT,
    TOO_MANY,
    UNKNOWN_ORDER,
    joined,
)
from engine.gateway.words import (
    ASK_FILLS,
    ASK_ORDERS,
    ASK_POSITION,
    ASK_STATUS,
    CANCEL_DONE,
    CANCEL_OID,
    CANCEL_REFUSED,
    LOST,
    QUESTION_LOST,
    REFUSED,
    RESTING,
)
from engine.runners.live.journal import Ask
from engine.runners.live.news import Who, event, of_fills, of_order, of_orders, of_position
from engine.venues.hyperliquid.account import Account
from engine.venues.hyperliquid.exchange import Exchange, Prepared
from engine.venues.hyperliquid.outcome import Done, Outcome, Refused, Resting
from engine.venues.hyperliquid.refusals import Reason
from engine.venues.hyperliquid.wire import (
    Action,
    Cancel,
    CancelByCloid,
    CancelCloid,
    CancelOrders,
    Modify,
    ModifyOrders,
    Order,
    PlaceOrders,
    limit_order,
)
from engine.venues.rows import VenueError

SENDERS, ASKERS = 4, 3  # threads; one that waits for an answer keeps no order from leaving
MOST_PARTS = 20  # of one request
UNSEEN = (Reason.NOT_SENT, Reason.EXPIRED, Reason.NONCE, Reason.RATE_LIMIT)  # nobody looked at it
CODES = {  # what an engine knows a refusal by; 0 where it knows none
    **dict.fromkeys(UNSEEN, RATE_LIMIT),
    Reason.POST_ONLY: POST_ONLY,
    Reason.MIN_NOTIONAL: MIN_NOTIONAL,
    Reason.NO_MARGIN: NO_MARGIN,
    Reason.UNKNOWN_ORDER: UNKNOWN_ORDER,
    Reason.OI_CAP: OI_CAP,
    Reason.BAD_PX: BAD_PX,
    Reason.BAD_SZ: BAD_SZ,
    Reason.TOO_MANY: TOO_MANY,
}
Say = Callable[[NDArray[Any]], None]


class Courier:
    """Carries the requests of one engine.

    Parameters
    ----------
    who
        whose requests.
    exchange, account
        of the venue.
    sz_decimals
        of the asset.
    say
        given what the engine is to hear, on any thread.
    """

    def __init__(
        self, who: Who, exchange: Exchange, account: Account, sz_decimals: int, say: Say
    ) -> None:
        self._who, self._exchange, self._account = who, exchange, account
        self._sz_decimals, self._say = sz_decimals, say
        self._senders = ThreadPoolExecutor(SENDERS, thread_name_prefix="sender")
        self._askers = ThreadPoolExecutor(ASKERS, thread_name_prefix="asker")

    def send(self, asks: Iterable[Ask]) -> None:
        """Sign what is to be signed, in order, and let everything be carried out."""
        for kind, several in groupby(asks, key=lambda ask: ask.kind):
            if kind >= ASK_STATUS:
                for ask in several:
                    self._askers.submit(self._question, ask)
                continue
            parts = list(several)
            for k in range(0, len(parts), MOST_PARTS):
                some = parts[k : k + MOST_PARTS]
                prepared = self._exchange.prepare(
                    self._action(kind, some),
                    nonce=some[0].nonce,
                    expires_ms=some[0].expires_ms or None,
                )
                self._senders.submit(self._deliver, prepared, some)

    def ask_quota(self) -> None:
        """Ask how many requests the address has left."""
        self._askers.submit(self._quota)

    def close(self) -> None:
        """Wait for what is under way."""
        self._senders.shutdown(wait=True)
        self._askers.shutdown(wait=True)

    def _action(self, kind: int, asks: list[Ask]) -> Action:
        asset, cloid = self._who.asset_id, self._who.cloid
        if kind == PLACE:
            return PlaceOrders([self._order(ask) for ask in asks])
        if kind == MODIFY:
            return ModifyOrders([Modify(cloid(a.replaces), self._order(a)) for a in asks])
        if kind == CANCEL:
            return CancelByCloid([CancelCloid(asset, cloid(ask.wire)) for ask in asks])
        if kind == CANCEL_OID:
            return CancelOrders([Cancel(asset, ask.oid) for ask in asks])
        raise ValueError(f"kind {kind} of a request is not one that is signed")

    def _order(self, ask: Ask) -> Order:
        cloid = self._who.cloid(ask.wire)
        return limit_order(
            self._who.asset_id, ask.side, ask.px, ask.sz, self._sz_decimals, tif="Alo", cloid=cloid
        )

    def _deliver(self, prepared: Prepared, asks: list[Ask]) -> None:
        outcomes = self._exchange.send(prepared)
        now_ns = time.time_ns()
        told = [
            answer
            for ask, outcome in zip(asks, outcomes, strict=True)
            for answer in _answer(ask, outcome, now_ns)
        ]
        if told:
            self._say(joined(told))

    def _question(self, ask: Ask) -> None:
        try:
            told = self._answer(ask)
        except (VenueError, httpx.HTTPError, ValueError):
            if ask.kind == ASK_STATUS:  # asked again by itself
                return
            told = [event(QUESTION_LOST, time.time_ns(), id=ask.id)]
        self._say(joined(told))

    def _answer(self, ask: Ask) -> list[NDArray[Any]]:
        who = self._who
        if ask.kind == ASK_STATUS:
            news = self._account.order_status(who.cloid(ask.wire))
            return [of_order(ask.wire, news, time.time_ns())]
        if ask.kind == ASK_FILLS:
            until_ns = time.time_ns()
            fills = self._account.fills_since(ask.since_ns // 1_000_000)
            return of_fills(who, fills, ask.id, until_ns, time.time_ns())
        if ask.kind == ASK_ORDERS:
            return of_orders(who, self._account.open_orders(), ask.id, time.time_ns())
        if ask.kind == ASK_POSITION:
            return [of_position(who, self._account.clearinghouse(), ask.id, time.time_ns())]
        raise ValueError(f"kind {ask.kind} of a request is no question")

    def _quota(self) -> None:
        try:
            limit = self._account.rate_limit()
        except (VenueError, httpx.HTTPError, ValueError):
            return  # asked again in a minute
        used, cap = float(limit.nRequestsUsed), float(limit.nRequestsCap)
        self._say(event(QUOTA, time.time_ns(), px=used, sz=cap))


def _answer(ask: Ask, outcome: Outcome, now_ns: int) -> list[NDArray[Any]]:
    """Return what an outcome says to the gateway; a cancel without a clear answer says nothing."""
    is_order = ask.kind in (PLACE, MODIFY)
    match outcome:
        case Resting() if is_order:
            return [event(RESTING, now_ns, ref=ask.wire, id=outcome.oid, sz=ask.sz)]
        case Done() if not is_order:
            return [event(CANCEL_DONE, now_ns, ref=ask.wire)]
        case Refused():
            kind, code = REFUSED if is_order else CANCEL_REFUSED, CODES.get(outcome.reason, 0)
            return [event(kind, now_ns, ref=ask.wire, side=ask.side, code=code)]
    return [event(LOST, now_ns, ref=ask.wire)] if is_order else []
