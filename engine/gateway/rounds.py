"""The regular comparison with the venue: its fills, its list of our orders, its position.

A full round is made when the account is heard (again), every minute, and when something did not
fit. While orders settle, the position alone is asked: where the venue's agrees with ours at a time
after they ended, and no fill from before that time turns up for as long as a message may be late,
none of their fills is missing, or none that matters: those that are cancel each other.
"""

from typing import Any

from engine.events import FILL, FUNDING, POSITION, QUOTA, STOP, TAKEN_OVER
from engine.gateway.live_orders import DOUBT, OPEN, SENT, SETTLING, SLOTS, find
from engine.gateway.state import doubt, next_nonce, release
from engine.gateway.words import (
    ASK_FILLS,
    ASK_ORDERS,
    ASK_POSITION,
    CANCEL_OID,
    FILLS_TOLD,
    LISTED,
    NEW,
    OLD,
    ORDERS_TOLD,
    OURS,
    QUESTION_LOST,
    next_request,
    tell,
)
from engine.record import kernel

S = 1_000_000_000
IDLE, FILLS, ORDERS, WHERE = 0, 1, 2, 3
FULL_EVERY_NS = 60 * S
LIGHT_EVERY_NS = 2 * S
AGAIN_NS = S  # after a question was lost
OVERLAP_NS = 10 * S  # of the fills asked for
LATE_NS = 7 * S // 2  # the longest that a message of the stream may be under way
YOUNG_NS = 3 * S  # an order this young may not be listed yet
ANSWER_NS = 20 * S
FENCED = 100  # a newer process trades this asset: the reason of a latch
BIRTH_NS = 12 * S  # what an earlier process sent last has arrived, or has expired


@kernel
def want(g: Any) -> None:
    """Ask for a full round, now or after this one."""
    g.rounds.is_wanted = 1
    g.next_look_ns = 0


@kernel
def drop(g: Any) -> None:
    """Forget the round that is under way: its answers will not come."""
    g.rounds.step = IDLE
    want(g)


@kernel
def look(g: Any, post: Any) -> None:
    """Begin a round where one is due, or drop one that is not answered."""
    r = g.rounds
    if r.agreed_ns > 0 and g.venue_ns - r.agreed_ns > LATE_NS:
        _settle(g, r.agreed_ns, post)
        r.agreed_ns = 0
    if r.step != IDLE and g.now_ns - r.asked_ns > ANSWER_NS:
        drop(g)
    if r.step != IDLE or not g.is_account_up:
        return
    if r.is_wanted or g.now_ns >= r.next_ns:
        r.is_wanted = 0
        r.is_full = 1
        r.saw_old = 0
        r.next_ns = g.now_ns + FULL_EVERY_NS
        _ask(g, FILLS if g.opened_ns > 0 else ORDERS, post)
    elif g.now_ns - r.asked_ns > LIGHT_EVERY_NS and _is_open_question(g):
        r.is_full = 0
        _ask(g, WHERE, post)


@kernel
def _is_open_question(g: Any) -> bool:
    is_any = False
    for k in range(SLOTS):
        is_any |= g.orders.slot[k].state in (DOUBT, SETTLING)
    return is_any


@kernel
def _ask(g: Any, step: int, post: Any) -> None:
    r = g.rounds
    kind = ASK_FILLS if step == FILLS else ASK_ORDERS if step == ORDERS else ASK_POSITION
    r.step = step
    r.questions += 1
    r.id = r.questions
    r.asked_ns = g.now_ns
    q = next_request(post, kind)
    q.id = r.id
    q.since_ns = max(g.opened_ns, r.told_ns - OVERLAP_NS)


@kernel
def hear(g: Any, e: Any, post: Any) -> None:
    """Absorb what answers a question, and what is only passed on."""
    if e.kind == LISTED:
        _listed(g, e, post)
    elif e.kind == POSITION:
        _where(g, e, post)
    elif e.kind in (ORDERS_TOLD, FILLS_TOLD, QUESTION_LOST) and e.id == g.rounds.id:
        _go_on(g, e, post)
    elif e.kind in (FUNDING, QUOTA, STOP):
        pass_on(g, e, post)


@kernel
def pass_on(g: Any, e: Any, post: Any) -> Any:
    """Tell the maker what it is to know as it is; return that."""
    told = tell(post, e.kind, e.ref, e.ts_ns, g.now_ns)
    told.side = e.side
    told.code = e.code
    told.px = e.px
    told.sz = e.sz
    told.id = e.id
    told.extra = e.extra
    return told


@kernel
def _go_on(g: Any, e: Any, post: Any) -> None:
    """Take the next step of the round, if this one was answered."""
    r = g.rounds
    if e.kind == QUESTION_LOST:
        r.step = IDLE
        if r.is_full:
            r.next_ns = min(r.next_ns, g.now_ns + AGAIN_NS)
    elif e.kind == FILLS_TOLD and r.step == FILLS:
        r.told_ns = max(r.told_ns, e.ts_ns)
        _ask(g, ORDERS, post)
    elif e.kind == ORDERS_TOLD and r.step == ORDERS:
        _miss(g)
        # an earlier process may have sent something that arrives only now
        if g.opened_ns > 0 or (not r.saw_old and g.now_ns - g.born_ns > BIRTH_NS):
            _ask(g, WHERE, post)
        else:
            r.step = IDLE
            r.next_ns = g.now_ns + AGAIN_NS


@kernel
def _listed(g: Any, e: Any, post: Any) -> None:
    """Absorb one order that the venue says is resting."""
    if e.code == NEW:
        g.latched = FENCED
    elif e.code == OLD:
        g.rounds.saw_old = 1
        _cancel_oid(g, e, post)
    elif e.code == OURS:
        k = find(g.orders, e.ref)
        if k < 0:
            cancel_orphan(g, e, post)
            return
        o = g.orders.slot[k]
        o.listed_ns = g.now_ns
        o.oid = e.id


@kernel
def cancel_orphan(g: Any, e: Any, post: Any) -> None:
    """Cancel an order of ours that was thought gone."""
    g.orphans += 1
    _cancel_oid(g, e, post)


@kernel
def _cancel_oid(g: Any, e: Any, post: Any) -> None:
    r = next_request(post, CANCEL_OID)
    r.nonce = next_nonce(g)
    r.oid = e.id
    r.wire = e.ref
    r.side = e.side


@kernel
def _miss(g: Any) -> None:
    """Doubt every order that was listed and not thought open, and the other way round."""
    for k in range(SLOTS):
        o = g.orders.slot[k]
        is_listed = o.listed_ns >= g.rounds.asked_ns
        is_old = g.rounds.asked_ns - o.changed_ns > YOUNG_NS
        if (o.state == OPEN and is_old and not is_listed) or (o.state == SENT and is_listed):
            doubt(g, o)


@kernel
def _where(g: Any, e: Any, post: Any) -> None:
    """Absorb the venue's position: begin with it, or settle what ended before it."""
    r = g.rounds
    is_asked = r.step == WHERE and e.id == r.id
    if is_asked:
        r.step = IDLE
    if g.opened_ns == 0:
        if is_asked:
            _begin(g, e, post)
        return
    # after a fill that is not in it, there is nothing to compare
    is_known = e.ts_ns >= g.filled_ns
    agrees = is_known and abs(e.sz - g.position) <= g.limits.half_lot
    if agrees and r.agreed_ns == 0:
        r.agreed_ns = e.ts_ns
    elif is_known and not agrees and not r.is_full:
        want(g)
    if is_asked:
        g.is_ready = g.is_ready or (r.is_full and agrees)
        if r.is_full and not agrees:
            r.next_ns = min(r.next_ns, g.now_ns + AGAIN_NS)
        pass_on(g, e, post)


@kernel
def _begin(g: Any, e: Any, post: Any) -> None:
    """Take over what the account holds, at the price that the venue gives for it."""
    g.opened_ns = e.ts_ns
    g.position = e.sz
    g.is_ready = 1
    if abs(e.sz) > g.limits.half_lot:
        told = tell(post, FILL, 0, e.ts_ns, g.now_ns)
        told.side = 1 if e.sz > 0.0 else -1
        told.px = e.px
        told.sz = abs(e.sz)
        told.id = -1
        told.code = TAKEN_OVER


@kernel
def _settle(g: Any, seen_ns: int, post: Any) -> None:
    """Free what ended before a time at which no fill was missing."""
    for k in range(SLOTS):
        o = g.orders.slot[k]
        if o.state == SETTLING and o.ended_ns < seen_ns:
            release(g, o, post)
