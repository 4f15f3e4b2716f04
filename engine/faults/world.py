"""A session: one engine process after another, the network, the venue, and what fails of them."""

from typing import Any

from engine.actions import MODIFY, PLACE
from engine.core import output
from engine.core.output import Output
from engine.events import (
    BUY,
    CLOCK,
    CONNECTED,
    CONTEXT,
    DISCONNECTED,
    LAST,
    LEVEL,
    POSITION,
    RATE_LIMIT,
    SELL,
    SNAPSHOT,
    STOP,
    Event,
)
from engine.faults import exchange, laws, mail, plan
from engine.faults.exchange import Exchange
from engine.faults.laws import Ledger
from engine.faults.mail import Mail, write
from engine.faults.plan import Chance, Faults, hit, uniform
from engine.gateway import desk
from engine.gateway.desk import Desk
from engine.gateway.words import (
    ACCOUNT,
    ASK_FILLS,
    ASK_ORDERS,
    ASK_POSITION,
    ASK_STATUS,
    CANCEL_REFUSED,
    FILLS_TOLD,
    FOUND_ENDED,
    FOUND_OPEN,
    LISTED,
    LOST,
    MARKET,
    ORDERS_TOLD,
    QUESTION_LOST,
    REFUSED,
    RESTARTED,
    Post,
)
from engine.record import f8, i8, kernel, record

MS = 1_000_000
S = 1_000_000_000
BEGIN_NS = 1_700_000_000 * S
TICK_NS, CALM_TICK_NS = S // 2, S
# then nothing fails, nothing is met any more, and all must be right
FAULTS_NS, MARKET_NS, END_NS = 45 * S, 135 * S, 145 * S
MARK_NS = 2 * S  # between two mark prices
TIMEOUT_NS = 2 * S
STALE_NS = 3 * S
SIGMA = 2e-4  # of the mid, a tick
MET = 0.06  # chance that a resting order near the market is met in a tick
HALF_SPREAD = 2e-4


@record
class World:
    """One session."""

    desk: Desk
    out: Output
    post: Post
    mail: Mail
    exchange: Exchange
    faults: Faults
    chance: Chance
    ledger: Ledger
    heard: Event
    now_ns: i8
    next_tick_ns: i8
    mid: f8
    jump_ns: i8  # what our clock is off by
    process: i8  # number of the one that lives, from 1
    dead_until_ns: i8  # 0 while one lives
    cut_until_ns: i8
    silent_until_ns: i8
    stop_ns: i8  # when a person stops it, 0 for never


@kernel
def play(w: Any, seed: int) -> int:
    """Play session `seed`; return what was broken, a bit for each law."""
    _begin(w, seed)
    while w.now_ns < BEGIN_NS + END_NS:
        k = mail.next_letter(w.mail)
        at_ns = w.mail.letter[k].at_ns if k >= 0 else w.next_tick_ns
        if at_ns < w.next_tick_ns:
            w.now_ns = at_ns
            _deliver(w, w.mail.letter[k])
            w.mail.letter[k].at_ns = 0
        else:
            w.now_ns = w.next_tick_ns
            w.next_tick_ns += TICK_NS if w.now_ns < BEGIN_NS + FAULTS_NS else CALM_TICK_NS
            _tick(w)
        laws.always(w)
    laws.at_rest(w)
    return w.ledger.broken


@kernel
def _begin(w: Any, seed: int) -> None:
    """Forget the session before, except the desk, which the caller has put in place."""
    exchange.forget(w.exchange)
    laws.forget(w.ledger)
    output.drained(w.out)
    w.out.halted = 0
    w.mail.top = 0
    w.mail.lost = 0
    w.jump_ns = 0
    w.dead_until_ns = 0
    w.cut_until_ns = 0
    w.silent_until_ns = 0
    w.stop_ns = 0
    plan.begin(w.faults, w.chance, seed)
    w.now_ns = BEGIN_NS
    w.next_tick_ns = BEGIN_NS
    w.mid = 100.0
    w.process = 1
    if w.faults.is_holding:
        w.exchange.held = (uniform(w.chance) - 0.5) * w.desk.gateway.limits.max_position
        w.exchange.held = int(w.exchange.held * 100.0) / 100.0
        w.exchange.position = w.exchange.held
    if w.faults.is_stopped:
        w.stop_ns = BEGIN_NS + int((15.0 + 40.0 * uniform(w.chance)) * S)
    _say_line(w, CONNECTED, MARKET)
    _say_line(w, CONNECTED, ACCOUNT)


@kernel
def _hear(w: Any, e: Any) -> None:
    """Let the process hear an event, and send what it asks for."""
    if w.dead_until_ns:
        return
    e.recv_ns = w.now_ns + w.jump_ns
    e.ts_ns = e.ts_ns if e.ts_ns else e.recv_ns
    desk.step(w.desk, e, w.out, w.post)
    if not output.has_room(w.out):
        output.drained(w.out)
    laws.after_step(w)
    for k in range(w.post.n_requests):
        if hit(w.chance, w.faults.killed):
            _die(w)
            return
        _send(w, w.post.requests[k])


@kernel
def _die(w: Any) -> None:
    """Kill the process: what it had not sent yet is never sent."""
    w.dead_until_ns = w.now_ns + int((0.5 + 5.0 * uniform(w.chance)) * S)
    w.process += 1


@kernel
def _live_again(w: Any) -> None:
    w.dead_until_ns = 0
    write(w.heard, RESTARTED, 0, 0)
    _hear(w, w.heard)
    _say_line(w, CONNECTED, MARKET)
    _reconnect(w)


@kernel
def _say_line(w: Any, kind: int, code: int) -> None:
    write(w.heard, kind, 0, 0)
    w.heard.code = code
    _hear(w, w.heard)


@kernel
def _reconnect(w: Any) -> None:
    """Let the account be heard again: its stream begins with the fills of the last minute."""
    w.cut_until_ns = 0
    _say_line(w, CONNECTED, ACCOUNT)
    x = w.exchange
    for k in range(x.n_fills):
        if x.done[k].ts_ns > w.now_ns - 60 * S:
            _stream_fill(w, k)


@kernel
def _late(w: Any) -> int:
    return w.now_ns + int((0.02 + 0.2 * uniform(w.chance)) * S)


@kernel
def _send(w: Any, q: Any) -> None:
    """Put a request on its way, or lose it."""
    laws.count_sent(w, q)
    if hit(w.chance, w.faults.lost_request):
        _answer_lost(w, q)
        return
    if hit(w.chance, w.faults.refused):
        e = mail.post(w.mail, _late(w), w.process, w.process).event
        _write_refused(e, q)
        return
    letter = mail.post(w.mail, _late(w), 0, w.process)
    r = letter.request
    r.kind = q.kind
    r.id = q.id
    r.nonce = q.nonce
    r.expires_ms = q.expires_ms
    r.wire = q.wire
    r.replaces = q.replaces
    r.cloid = q.cloid
    r.oid = q.oid
    r.side = q.side
    r.px = q.px
    r.sz = q.sz
    r.since_ns = q.since_ns


@kernel
def _write_refused(e: Any, q: Any) -> None:
    """Write the answer to a request that nobody looked at."""
    write(e, QUESTION_LOST, q.wire, 0)
    e.id = q.id
    e.code = RATE_LIMIT
    if q.kind == PLACE or q.kind == MODIFY:
        e.kind = REFUSED
    elif q.kind < ASK_STATUS:
        e.kind = CANCEL_REFUSED


@kernel
def _answer_lost(w: Any, q: Any) -> None:
    """Let the process give up waiting; of a cancel or a status it simply hears nothing."""
    if q.kind == PLACE or q.kind == MODIFY:
        e = mail.post(w.mail, w.now_ns + TIMEOUT_NS, w.process, w.process).event
        write(e, LOST, q.wire, 0)
    elif q.kind > ASK_STATUS:
        e = mail.post(w.mail, w.now_ns + TIMEOUT_NS, w.process, w.process).event
        write(e, QUESTION_LOST, 0, 0)
        e.id = q.id


@kernel
def _deliver(w: Any, letter: Any) -> None:
    """Let a letter arrive: at the venue, or at the process it was for, if that lives."""
    if letter.to == 0:
        _serve(w, letter.request, letter.process)
    elif letter.to == w.process:
        _hear(w, letter.event)


@kernel
def _serve(w: Any, q: Any, process: int) -> None:
    """Let the venue carry out a request, and its answer go back, or get lost."""
    x = w.exchange
    x.now_ns = w.now_ns
    if q.kind >= ASK_STATUS:
        _answer(w, q, process)
        return
    orders = x.n_orders
    e = w.heard
    exchange.carry_out(x, q, w.faults, w.chance, e)
    laws.see_accepted(w, x.n_orders > orders)
    _stream_orders(w, q)
    if hit(w.chance, w.faults.lost_answer):
        if process == w.process:
            _answer_lost(w, q)
    else:
        mail.same(mail.post(w.mail, _late(w), process, process).event, e)


@kernel
def _answer(w: Any, q: Any, process: int) -> None:
    """Answer a question, truly or from a copy of up to 3 s ago."""
    if hit(w.chance, w.faults.lost_answer):
        if process == w.process:
            _answer_lost(w, q)
        return
    x = w.exchange
    as_of = w.now_ns
    if hit(w.chance, w.faults.stale):
        as_of -= int(uniform(w.chance) * STALE_NS)
    at_ns = _late(w)
    if q.kind == ASK_STATUS:
        exchange.status(x, q.wire, as_of, mail.post(w.mail, at_ns, process, process).event)
    elif q.kind == ASK_POSITION:
        e = mail.post(w.mail, at_ns, process, process).event
        write(e, POSITION, 0, as_of)
        e.id = q.id
        e.px = w.mid
        e.sz = exchange.position_at(x, as_of)
    elif q.kind == ASK_FILLS:
        _answer_fills(w, q, at_ns, as_of, process)
    elif q.kind == ASK_ORDERS:
        _answer_orders(w, q, at_ns, as_of, process)


@kernel
def _answer_fills(w: Any, q: Any, at_ns: int, as_of: int, process: int) -> None:
    x = w.exchange
    for k in range(x.n_fills):
        if q.since_ns <= x.done[k].ts_ns <= as_of:
            exchange.tell_fill(x, k, mail.post(w.mail, at_ns, process, process).event)
    _told(w, FILLS_TOLD, q.id, at_ns, as_of, process)


@kernel
def _answer_orders(w: Any, q: Any, at_ns: int, as_of: int, process: int) -> None:
    x = w.exchange
    for k in range(x.n_orders):
        if exchange.was_open(x, k, as_of):
            e = mail.post(w.mail, at_ns, process, process).event
            write(e, LISTED, x.order[k].wire, as_of)
            e.id = k + 1
            e.side = x.order[k].side
    _told(w, ORDERS_TOLD, q.id, at_ns, as_of, process)


@kernel
def _told(w: Any, kind: int, question: int, at_ns: int, as_of: int, process: int) -> None:
    e = mail.post(w.mail, at_ns, process, process).event
    write(e, kind, 0, as_of)
    e.id = question


@kernel
def _stream(w: Any, e: Any) -> None:
    """Send a message of the account's stream, as often and as late as it comes."""
    if w.cut_until_ns or hit(w.chance, w.faults.dropped):
        return
    at_ns = _late(w)
    if hit(w.chance, w.faults.delayed):
        at_ns += int(3.0 * uniform(w.chance) * S)
    mail.same(mail.post(w.mail, at_ns, w.process, w.process).event, e)
    if hit(w.chance, w.faults.doubled):
        mail.same(mail.post(w.mail, at_ns + S // 2, w.process, w.process).event, e)


@kernel
def _stream_fill(w: Any, k: int) -> None:
    exchange.tell_fill(w.exchange, k, w.heard)
    _stream(w, w.heard)


@kernel
def _stream_orders(w: Any, q: Any) -> None:
    """Tell of what a request changed, as order updates do."""
    x = w.exchange
    answered = w.heard
    kind, ref, code, side, oid, sz = (
        answered.kind,
        answered.ref,
        answered.code,
        answered.side,
        answered.id,
        answered.sz,
    )
    for wire in (q.wire, q.replaces):
        k = exchange.find(x, wire) if wire else -1
        if k >= 0 and w.now_ns in (x.order[k].placed_ns, x.order[k].ended_ns):
            write(w.heard, FOUND_ENDED if x.order[k].ended_ns else FOUND_OPEN, wire, w.now_ns)
            w.heard.id = k + 1
            _stream(w, w.heard)
    write(answered, kind, ref, w.now_ns)
    answered.code = code
    answered.side = side
    answered.id = oid
    answered.sz = sz


@kernel
def _tick(w: Any) -> None:
    """Let half a second pass in the market, and whatever goes wrong in it."""
    if w.now_ns >= BEGIN_NS + FAULTS_NS:
        plan.calm(w.faults)
    x, c = w.exchange, w.chance
    x.now_ns = w.now_ns
    w.mid *= 1.0 + SIGMA * (uniform(c) + uniform(c) + uniform(c) - 1.5)
    x.bid = w.mid * (1.0 - HALF_SPREAD)
    x.ask = w.mid * (1.0 + HALF_SPREAD)
    if w.now_ns < BEGIN_NS + MARKET_NS:
        _match(w)
    _fail(w)
    if w.now_ns >= w.silent_until_ns:
        _show_market(w)
    else:
        write(w.heard, CLOCK, 0, 0)
        _hear(w, w.heard)


@kernel
def _match(w: Any) -> None:
    x, c = w.exchange, w.chance
    while x.first < x.n_orders and x.order[x.first].ended_ns:
        x.first += 1
    step = 2.0 * w.desk.gateway.limits.half_lot
    for k in range(x.first, x.n_orders):
        o = x.order[k]
        if o.ended_ns:
            continue
        if (o.px >= w.mid if o.side == BUY else o.px <= w.mid) or hit(c, MET):
            exchange.meet(x, k, w.faults, c, step)
            _stream_fill(w, x.n_fills - 1)
            if o.ended_ns:
                write(w.heard, FOUND_ENDED, o.wire, w.now_ns)
                _stream(w, w.heard)


@kernel
def _fail(w: Any) -> None:
    """Draw what fails by itself, and mend what has failed for long enough."""
    c, f = w.chance, w.faults
    if w.dead_until_ns and w.now_ns >= w.dead_until_ns:
        _live_again(w)
    if w.cut_until_ns and w.now_ns >= w.cut_until_ns:
        _reconnect(w)
    if not w.cut_until_ns and hit(c, f.cut):
        w.cut_until_ns = w.now_ns + int((1.0 + 6.0 * uniform(c)) * S)
        _say_line(w, DISCONNECTED, ACCOUNT)
    if hit(c, f.silent):
        w.silent_until_ns = w.now_ns + int((1.0 + 40.0 * uniform(c)) * S)
    if hit(c, f.jumped):
        w.jump_ns = int((uniform(c) - 0.5) * 60.0 * S)
    if w.now_ns >= BEGIN_NS + FAULTS_NS:
        w.silent_until_ns = 0
        w.jump_ns = 0
    if w.stop_ns and w.now_ns >= w.stop_ns and not w.desk.gateway.latched:
        write(w.heard, STOP, 0, 0)
        _hear(w, w.heard)


@kernel
def _show_market(w: Any) -> None:
    """Tell the touch, and now and then the mark price."""
    e = w.heard
    for side in (BUY, SELL):
        write(e, LEVEL, 1, w.now_ns)
        e.side = side
        e.px = w.mid * (1.0 - side * HALF_SPREAD)
        e.sz = 100.0
        e.code = SNAPSHOT if side == BUY else LAST
        _hear(w, e)
    if w.now_ns % MARK_NS == 0:
        write(e, CONTEXT, 0, w.now_ns)
        e.px = w.mid
        e.sz = 1e6
        _hear(w, e)
