"""What a gateway remembers, and the few things every part of it does."""

from typing import Annotated, Any

from engine.actions import CANCEL
from engine.events import ACCEPTED, CANCELED, CONNECTED, DISCONNECTED, REJECTED
from engine.gateway.live_orders import (
    DOUBT,
    FREE,
    OPEN,
    SETTLING,
    LiveOrders,
    find,
    newest,
    turn,
)
from engine.gateway.pretrade import Limits, Throttle
from engine.gateway.words import next_request, tell
from engine.record import f8, i8, kernel, record

MS = 1_000_000
REMEMBERED = 4_096  # fills; the venue tells the last 2,000 again after a reconnect


@record
class Rounds:
    """The comparison with the venue that is under way; see `engine.gateway.rounds`."""

    step: i8
    id: i8
    asked_ns: i8
    next_ns: i8
    is_full: i8
    is_wanted: i8  # another full one, as soon as this one is over
    told_ns: i8  # the venue's time up to which all fills were told
    agreed_ns: i8  # the venue's time at which its position was ours; 0 where that is in doubt
    saw_old: i8  # orders of an earlier process were listed
    questions: i8  # ever


@record
class Gateway:
    """One asset's orders and position, as far as they are known; times in ns."""

    limits: Limits
    throttle: Throttle
    orders: LiveOrders
    rounds: Rounds
    position: f8  # what it began with, and every fill since
    opened_ns: i8  # the venue's time of what it began with; 0 before
    born_ns: i8
    seen: Annotated[i8, REMEMBERED]  # ids of fills
    n_seen: i8
    filled_ns: i8  # the venue's time of the last fill
    mark: f8
    mark_ns: i8
    now_ns: i8
    venue_ns: i8  # the venue's clock, as far as it was heard
    nonce: i8
    next_look_ns: i8
    is_market_up: i8
    is_account_up: i8
    is_ready: i8  # compared with the venue since the account was heard again
    told_up: i8
    latched: i8  # why nothing new may be sent, ever; 0 where it may
    refused: i8  # by the last check
    orphans: i8  # orders at the venue that were thought gone
    surprises: i8  # fills of orders that were thought gone
    doubts: i8


@kernel
def next_nonce(g: Any) -> int:
    """Return a nonce [ms] that was never used, near both clocks."""
    g.nonce = max(g.nonce + 1, max(g.now_ns, g.venue_ns) // MS)
    return g.nonce


@kernel
def send_cancel(g: Any, o: Any, post: Any) -> None:
    """Ask for the end of an order; asking again is harmless."""
    r = next_request(post, CANCEL)
    r.nonce = next_nonce(g)
    r.wire = o.wire
    r.cloid = o.cloid
    r.side = o.side
    o.cancel_ns = g.now_ns


@kernel
def unwant(g: Any, o: Any, post: Any) -> None:
    """Let an order end: now where it may rest, else as soon as it does."""
    o.is_unwanted = 1
    if o.state in (OPEN, DOUBT) and o.cancel_ns == 0:
        send_cancel(g, o, post)


@kernel
def doubt(g: Any, o: Any) -> None:
    """Take an order for unknown, to be asked for at the next look."""
    if o.state in (FREE, SETTLING):
        return
    if o.state != DOUBT:
        g.doubts += 1
        turn(o, DOUBT, g.now_ns)
    o.asked_ns = 0
    g.next_look_ns = 0


@kernel
def end(g: Any, o: Any, venue_ns: int) -> None:
    """Note that an order has ended at the venue; fills of it may still be on their way."""
    if o.state == FREE or o.state == SETTLING:
        return
    turn(o, SETTLING, g.now_ns)
    o.ended_ns = max(venue_ns, g.venue_ns)
    _part(g, o)


@kernel
def _part(g: Any, o: Any) -> None:
    """Undo the tie of a move that is over; what the venue did to the other order is asked."""
    k = find(g.orders, o.replaces) if o.replaces else -1
    if k >= 0:
        g.orders.slot[k].replaced_by = 0
        doubt(g, g.orders.slot[k])
    o.replaces = 0


@kernel
def release(g: Any, o: Any, post: Any) -> None:
    """Free a slot that cannot fill any more, and say so where it was the last of its order."""
    cloid = o.cloid
    _part(g, o)
    turn(o, FREE, g.now_ns)
    if newest(g.orders, cloid) < 0:
        tell(post, CANCELED, cloid, g.venue_ns, g.now_ns)


@kernel
def say_open(g: Any, o: Any, post: Any) -> None:
    """Tell the maker where its order rests, and with what."""
    e = tell(post, ACCEPTED, o.cloid, g.venue_ns, g.now_ns)
    e.side = o.side
    e.px = o.px
    e.sz = o.left


@kernel
def say_refused(g: Any, cloid: int, side: int, code: int, post: Any) -> None:
    """Tell the maker that a new order was not placed."""
    e = tell(post, REJECTED, cloid, g.venue_ns, g.now_ns)
    e.side = side
    e.code = code


@kernel
def say_whether_up(g: Any, post: Any) -> None:
    """Tell the maker when the way to the market opens or closes."""
    is_up = g.is_market_up and g.is_account_up and g.is_ready
    if is_up != (g.told_up != 0):
        g.told_up = 1 if is_up else 0
        tell(post, CONNECTED if is_up else DISCONNECTED, 0, g.venue_ns, g.now_ns)
