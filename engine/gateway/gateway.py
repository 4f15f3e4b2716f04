"""From the maker's wishes to requests, and from what the venue says to what the maker may believe.

Nothing is sent twice: an order whose answer was lost is in doubt, and asked for by its number until
the venue knows it, or can no longer carry it out because it has expired.
"""

from typing import Any

from engine.actions import CANCEL, CANCEL_ALL, HALT, MODIFY, PLACE
from engine.events import (
    CANCELED,
    CONNECTED,
    CONTEXT,
    DISCONNECTED,
    FILL,
    HALTED,
    LEVEL,
    POSITION,
    RATE_LIMIT,
    TOO_MANY,
    TRADE,
    UNKNOWN_ORDER,
)
from engine.gateway import pretrade, rounds
from engine.gateway.live_orders import (
    DOUBT,
    FREE,
    OPEN,
    SENT,
    SLOTS,
    add,
    find,
    newest,
    turn,
)
from engine.gateway.state import (
    MS,
    REMEMBERED,
    doubt,
    end,
    next_nonce,
    release,
    say_open,
    say_refused,
    say_whether_up,
    send_cancel,
    unwant,
)
from engine.gateway.words import (
    ASK_STATUS,
    CANCEL_DONE,
    CANCEL_REFUSED,
    FOUND_ENDED,
    FOUND_OPEN,
    LOST,
    MARKET,
    NOT_FOUND,
    REFUSED,
    RESTARTED,
    RESTING,
    next_request,
    tell,
)
from engine.record import kernel

S = 1_000_000_000
LIFE_NS = 5 * S  # an order that the venue has not carried out by then is none
SURE_NS = 5 * S  # after which what the venue says of it is no old copy
LOOK_NS = S // 4
ASK_NS = S  # between two questions about one order
ANSWER_NS = 3 * S  # without an answer, a cancel is sent again
NOBODY_KNOWS = 0  # why an order was not carried out
LOST_NS = 20 * S  # without any word of the shell, an answer is lost


@kernel
def ask(g: Any, a: Any, post: Any) -> None:
    """Carry out one action of the maker."""
    if a.kind == HALT:
        g.latched = max(a.code, 1)
    elif a.kind == CANCEL_ALL:
        for k in range(SLOTS):
            if g.orders.slot[k].state != FREE:
                unwant(g, g.orders.slot[k], post)
    elif a.kind == PLACE:
        _place(g, a, post)
    elif a.kind == MODIFY:
        _move(g, a, post)
    elif a.kind == CANCEL:
        _cancel(g, a.cloid, post)


@kernel
def _why_not(g: Any, side: int, px: float, sz: float) -> int:
    """Return what forbids to send an order, or `FITS`."""
    if g.latched:
        return HALTED
    if not (g.is_ready and g.is_account_up and g.is_market_up):
        return RATE_LIMIT
    fresh = g.mark if g.now_ns - g.mark_ns <= pretrade.MARK_FRESH_NS else 0.0
    code = pretrade.check(g.limits, g.orders, g.position, side, px, sz, fresh)
    return code if code else pretrade.may_send(g.throttle, g.limits, g.now_ns)


@kernel
def _place(g: Any, a: Any, post: Any) -> None:
    code = _why_not(g, a.side, a.px, a.sz)
    k = add(g.orders, a.cloid, a.side, a.px, a.sz) if code == pretrade.FITS else -1
    if k < 0:
        g.refused += 1
        say_refused(g, a.cloid, a.side, code if code else TOO_MANY, post)
        return
    _send(g, g.orders.slot[k], PLACE, post)


@kernel
def _move(g: Any, a: Any, post: Any) -> None:
    """Replace an open order; what may not be moved is cancelled."""
    k = newest(g.orders, a.cloid)
    if k < 0:
        tell(post, CANCELED, a.cloid, g.venue_ns, g.now_ns)
        return
    old = g.orders.slot[k]
    n = -1
    if old.state == OPEN and old.cancel_ns == 0:
        code = _why_not(g, old.side, a.px, a.sz)
        n = add(g.orders, a.cloid, old.side, a.px, a.sz) if code == pretrade.FITS else -1
    if n < 0:
        g.refused += 1
        unwant(g, old, post)
        return
    new = g.orders.slot[n]
    new.replaces = old.wire
    old.replaced_by = new.wire
    _send(g, new, MODIFY, post)


@kernel
def _cancel(g: Any, cloid: int, post: Any) -> None:
    if newest(g.orders, cloid) < 0:
        tell(post, CANCELED, cloid, g.venue_ns, g.now_ns)
    for k in range(SLOTS):
        o = g.orders.slot[k]
        if o.state != FREE and o.cloid == cloid:
            unwant(g, o, post)


@kernel
def _send(g: Any, o: Any, kind: int, post: Any) -> None:
    """Send a new order once; whatever happens now, it may fill until the venue says otherwise."""
    o.expires_ns = max(g.now_ns, g.venue_ns) + LIFE_NS
    turn(o, SENT, g.now_ns)
    r = next_request(post, kind)
    r.nonce = next_nonce(g)
    r.expires_ms = o.expires_ns // MS
    r.wire = o.wire
    r.replaces = o.replaces
    r.cloid = o.cloid
    r.side = o.side
    r.px = o.px
    r.sz = o.left


@kernel
def hear(g: Any, e: Any, post: Any) -> None:
    """Absorb what the venue or the connection says."""
    if e.kind == FILL:
        _fill(g, e, post)
    elif RESTING <= e.kind <= NOT_FOUND:
        k = find(g.orders, e.ref)
        if k < 0:
            if e.kind == RESTING or e.kind == FOUND_OPEN:
                rounds.cancel_orphan(g, e, post)
        elif e.kind == CANCEL_DONE or e.kind == CANCEL_REFUSED:
            _hear_cancel(g, g.orders.slot[k], e)
        else:
            _hear_order(g, g.orders.slot[k], e, post)
    elif e.kind == DISCONNECTED or e.kind == CONNECTED:
        _hear_line(g, e)
    elif e.kind == RESTARTED:
        _restart(g)
    else:
        rounds.hear(g, e, post)
    say_whether_up(g, post)


@kernel
def _hear_order(g: Any, o: Any, e: Any, post: Any) -> None:
    """Absorb an answer about a new order, or what the venue says of it."""
    if e.kind == RESTING or e.kind == FOUND_OPEN:
        if o.state == SENT or o.state == DOUBT:
            _open(g, o, e.id, post)
    elif e.kind == FOUND_ENDED:
        end(g, o, e.ts_ns)
    elif o.state != SENT and o.state != DOUBT:
        return
    elif e.kind == LOST:
        doubt(g, o)
    elif e.kind == REFUSED:
        _never_was(g, o, e.code, post)
    elif e.kind == NOT_FOUND and g.venue_ns > o.expires_ns + SURE_NS:
        _never_was(g, o, NOBODY_KNOWS, post)


@kernel
def _open(g: Any, o: Any, oid: int, post: Any) -> None:
    """Note that an order rests; the one it replaces has ended."""
    turn(o, OPEN, g.now_ns)
    o.oid = oid
    _has_replaced(g, o)
    if o.left <= g.limits.half_lot:
        release(g, o, post)
    elif o.replaced_by == 0:
        say_open(g, o, post)
    if o.state == OPEN and (o.is_unwanted or g.latched) and o.cancel_ns == 0:
        send_cancel(g, o, post)


@kernel
def _has_replaced(g: Any, o: Any) -> None:
    """Note that an order was placed: the one that it replaces has ended."""
    k = find(g.orders, o.replaces) if o.replaces else -1
    o.replaces = 0
    if k >= 0:
        g.orders.slot[k].replaced_by = 0
        end(g, g.orders.slot[k], g.venue_ns)


@kernel
def _never_was(g: Any, o: Any, code: int, post: Any) -> None:
    """Free the slot of an order that was not carried out; the one it was to move may be there."""
    k = find(g.orders, o.replaces) if o.replaces else -1
    cloid, side = o.cloid, o.side
    o.replaces = 0
    turn(o, FREE, g.now_ns)
    if k < 0:
        say_refused(g, cloid, side, code if code else UNKNOWN_ORDER, post)
        return
    old = g.orders.slot[k]
    old.replaced_by = 0
    if code == UNKNOWN_ORDER:
        end(g, old, g.venue_ns)
    elif code == RATE_LIMIT and old.state == OPEN:  # nobody looked at it
        say_open(g, old, post)
    else:
        doubt(g, old)


@kernel
def _hear_cancel(g: Any, o: Any, e: Any) -> None:
    """Absorb the answer to a cancel; one that finds no order may have come before it."""
    if e.kind == CANCEL_DONE or (e.code == UNKNOWN_ORDER and o.state == OPEN):
        end(g, o, e.ts_ns)


@kernel
def _fill(g: Any, e: Any, post: Any) -> None:
    """Book a fill once, whoever tells it, and pass it on."""
    if e.ts_ns <= g.opened_ns or g.opened_ns == 0:
        return
    for k in range(min(g.n_seen, REMEMBERED)):
        if g.seen[k] == e.id:
            return
    g.seen[g.n_seen % REMEMBERED] = e.id
    g.n_seen += 1
    g.position += e.side * e.sz
    g.filled_ns = max(g.filled_ns, e.ts_ns)
    if e.ts_ns <= g.rounds.agreed_ns:  # the agreement was an accident
        g.rounds.agreed_ns = 0
    rounds.pass_on(g, e, post).ref = _take(g, e)


@kernel
def _take(g: Any, e: Any) -> int:
    """Take a fill off its order; return whose it is to the maker, 0 where it knows a newer one."""
    k = find(g.orders, e.ref)
    if k < 0:  # what we thought was wrong: nothing new until that is understood
        g.surprises += 1
        g.is_ready = 0
        rounds.want(g)
        return 0
    o = g.orders.slot[k]
    o.left = max(o.left - e.sz, 0.0)
    _has_replaced(g, o)
    cloid = o.cloid if g.orders.slot[newest(g.orders, o.cloid)].wire == o.wire else 0
    if o.left <= g.limits.half_lot and o.state != SENT and o.replaced_by == 0:
        turn(o, FREE, g.now_ns)
    return cloid


@kernel
def _hear_line(g: Any, e: Any) -> None:
    is_up = e.kind == CONNECTED
    if e.code == MARKET:
        g.is_market_up = is_up
        return
    g.is_account_up = is_up
    g.is_ready = 0
    rounds.want(g)


@kernel
def _restart(g: Any) -> None:
    """Forget every answer that was awaited: this process will not hear it."""
    g.is_market_up = 0
    g.is_account_up = 0
    g.is_ready = 0
    rounds.drop(g)
    for k in range(SLOTS):
        o = g.orders.slot[k]
        o.cancel_ns = 0
        o.asked_ns = 0
        if o.state == SENT:
            doubt(g, o)


@kernel
def pass_time(g: Any, e: Any, post: Any) -> None:
    """Let the clocks run with an event, and do what has been waited for long enough."""
    g.now_ns = max(g.now_ns, e.recv_ns)
    if g.born_ns == 0:
        g.born_ns = g.now_ns
    if e.kind in (LEVEL, TRADE, CONTEXT, FILL, POSITION):  # whose time is the venue's
        g.venue_ns = max(g.venue_ns, e.ts_ns)
    if e.kind == CONTEXT and e.px > 0.0:
        g.mark = e.px
        g.mark_ns = g.now_ns
    if g.now_ns < g.next_look_ns:
        return
    g.next_look_ns = g.now_ns + LOOK_NS
    for k in range(SLOTS):
        if g.orders.slot[k].state != FREE:
            _look(g, g.orders.slot[k], post)
    rounds.look(g, post)


@kernel
def _look(g: Any, o: Any, post: Any) -> None:
    """Ask again for what one order still waits for."""
    if o.state == SENT and g.now_ns - o.changed_ns > LOST_NS:
        doubt(g, o)
    is_unwanted = o.is_unwanted or g.latched
    if o.state in (OPEN, DOUBT) and is_unwanted and g.now_ns - o.cancel_ns > ANSWER_NS:
        send_cancel(g, o, post)
    if o.state == DOUBT and g.now_ns - o.asked_ns > ASK_NS and g.is_account_up:
        o.asked_ns = g.now_ns
        r = next_request(post, ASK_STATUS)
        r.wire = o.wire
        r.cloid = o.cloid
