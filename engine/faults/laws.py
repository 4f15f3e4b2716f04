"""What must hold, whatever fails: at every moment, and once everything has come right again."""

from typing import Annotated, Any

from engine.actions import MODIFY, PLACE
from engine.core.risk import ARMED
from engine.events import BUY, SELL
from engine.faults import exchange
from engine.gateway.live_orders import DOUBT, SENT, find
from engine.record import i8, kernel, record

S = 1_000_000_000
MS = 1_000_000

# bits of what is broken
POSITION = 1  # more may be held than was approved, if all that rests is filled
BOOKS = 2  # at rest, our position is not the venue's
ORPHAN = 4  # at rest, an order at the venue that we do not know; or any, after a stop
FILLS = 8  # at rest, a fill was lost or counted twice, or its fee was
LATCH = 16  # an order after the kill switch
NONCE = 32  # a nonce was used again
RATE = 64  # more orders a second than agreed
CASH = 128  # at rest, our cash is not what the fills make
STUCK = 256  # at rest, an order in doubt, or nothing quoted though nothing forbids it
DOUBLE = 512  # one order was sent twice
NAMES = (
    "POSITION",
    "BOOKS",
    "ORPHAN",
    "FILLS",
    "LATCH",
    "NONCE",
    "RATE",
    "CASH",
    "STUCK",
    "DOUBLE",
)
EXPIRY_NS = 6 * S


@record
class Ledger:
    """What the laws remember."""

    broken: i8
    latched_ns: i8
    nonce: i8  # last sent
    sent: Annotated[i8, 256]  # times of the last orders sent, a ring
    n_sent: i8
    last_wire: i8


@kernel
def forget(law: Any) -> None:
    """Begin with nothing."""
    law.broken = 0
    law.latched_ns = 0
    law.nonce = 0
    law.n_sent = 0
    law.last_wire = 0


@kernel
def count_sent(w: Any, q: Any) -> None:
    """Look at a request as it leaves."""
    law = w.ledger
    if q.nonce:
        if q.nonce <= law.nonce:
            law.broken |= NONCE
        law.nonce = q.nonce
    if q.kind != PLACE and q.kind != MODIFY:
        return
    if q.wire <= law.last_wire:
        law.broken |= DOUBLE
    law.last_wire = q.wire
    if law.latched_ns and w.now_ns > law.latched_ns:
        law.broken |= LATCH
    # a bucket allows a burst of a second's orders, and as many in the second that follows
    burst = int(2.0 * w.desk.gateway.limits.orders_per_s) + 1
    if law.n_sent >= burst and w.now_ns - law.sent[(law.n_sent - burst) % 256] < S:
        law.broken |= RATE
    law.sent[law.n_sent % 256] = w.now_ns
    law.n_sent += 1


@kernel
def see_accepted(w: Any, is_accepted: bool) -> None:
    """Look at a request as the venue carries it out."""
    law = w.ledger
    if is_accepted and law.latched_ns and w.now_ns > law.latched_ns + EXPIRY_NS:
        law.broken |= LATCH


@kernel
def after_step(w: Any) -> None:
    """Look at the engine after it has heard something."""
    law = w.ledger
    if w.desk.gateway.latched and not law.latched_ns:
        law.latched_ns = w.now_ns
    if law.latched_ns and (not w.desk.gateway.latched or w.desk.maker.kill.reason == ARMED):
        law.broken |= LATCH


@kernel
def always(w: Any) -> None:
    """Hold the venue's truth against what was approved."""
    x = w.exchange
    limit = w.desk.gateway.limits.max_position + w.desk.gateway.limits.half_lot
    for side in (BUY, SELL):
        if (
            exchange.open_size(x, side) > 0.0
            and side * x.position + exchange.open_size(x, side) > limit
        ):
            w.ledger.broken |= POSITION


@kernel
def at_rest(w: Any) -> None:
    """Hold both sides against each other after the faults are over."""
    x, g, m, law = w.exchange, w.desk.gateway, w.desk.maker, w.ledger
    if abs(g.position - x.position) > g.limits.half_lot:
        law.broken |= BOOKS
    if abs(m.ledger.position - x.position) > g.limits.half_lot:
        law.broken |= BOOKS
    begun_with = 1 if abs(x.held) > g.limits.half_lot else 0
    fees = 0.0
    for k in range(x.n_fills):
        fees += x.done[k].fee_usd
    if m.ledger.fills != x.n_fills + begun_with or abs(m.ledger.fees_usd - fees) > 1e-6:
        law.broken |= FILLS
    if not begun_with and abs(m.ledger.cash_usd - x.cash_usd) > 1e-6 * max(1.0, abs(x.cash_usd)):
        law.broken |= CASH
    _orders_at_rest(w)


@kernel
def _orders_at_rest(w: Any) -> None:
    x, g, law = w.exchange, w.desk.gateway, w.ledger
    resting = 0
    for k in range(x.n_orders):
        o = x.order[k]
        if o.ended_ns or w.now_ns - o.placed_ns < 15 * S:
            resting += o.ended_ns == 0
            continue
        resting += 1
        if find(g.orders, o.wire) < 0 or law.latched_ns:
            law.broken |= ORPHAN
    for k in range(len(g.orders.slot)):
        o = g.orders.slot[k]
        resting += o.state == SENT
        if o.state in (SENT, DOUBT) and w.now_ns - o.changed_ns > 15 * S:
            law.broken |= STUCK
    is_quoting = resting > 0 or w.now_ns - x.accepted_ns < 30 * S
    if not law.latched_ns and not (is_quoting and g.is_ready):
        law.broken |= STUCK
