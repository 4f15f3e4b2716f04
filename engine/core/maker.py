"""The market maker: one state machine for replay, paper, shadow and live.

``step(state, event, out)`` absorbs one event and says what to do about it. It is total and
deterministic; time is the event's; it does not know whether anybody carries the actions out.
"""

import math
from typing import Any

from engine.actions import CANCEL_ALL, HALT
from engine.core import (
    attribution,
    beliefs,
    book,
    budget,
    calibration,
    decide,
    intensity,
    ledger,
    limits,
    markout,
    mids,
    orders,
    output,
    quoting,
    report,
    risk,
    volatility,
)
from engine.core.attribution import Attribution
from engine.core.beliefs import Beliefs
from engine.core.book import ASK, BID, Book
from engine.core.budget import Budget
from engine.core.ladder import Ladder
from engine.core.ledger import Ledger
from engine.core.mids import Mids
from engine.core.orders import GONE, PLACING, SLOTS, Orders
from engine.core.params import NS_PER_S, Params
from engine.core.quote import Quote
from engine.core.quoting import Quoting
from engine.core.reconcile import Plan
from engine.core.risk import KillSwitch
from engine.events import (
    ACCEPTED,
    BUY,
    CANCELED,
    CLOCK,
    CONNECTED,
    CONTEXT,
    DISCONNECTED,
    FILL,
    FUNDING,
    LAST,
    LEVEL,
    LIQUIDATED,
    POSITION,
    QUOTA,
    RATE_LIMIT,
    REFERENCE,
    REFERENCE_TRADE,
    REJECTED,
    STOP,
    TAKEN_OVER,
    TIMER,
    TRADE,
)
from engine.instrument import to_px
from engine.record import f8, i8, kernel, record, zeros

STAND_EVERY_NS = NS_PER_S // 10  # exposure is accounted with a mid at most this old


@record
class Maker:
    """Everything the engine remembers about one asset."""

    params: Params
    book: Book
    ledger: Ledger
    attribution: Attribution
    orders: Orders
    budget: Budget
    beliefs: Beliefs
    quoting: Quoting
    kill: KillSwitch
    quote: Quote
    ladder: Ladder
    plan: Plan
    mid: f8  # of the last open book
    mids: Mids
    venue_ns: i8  # the venue's clock as we know it
    now_ns: i8  # our clock
    heard_ns: i8  # when the feed last showed that it is alive, on our clock
    stood_ns: i8  # until when standing quotes are accounted for
    fill_ns: i8  # last fill heard
    start_ns: i8  # first accepted quote
    next_quote_ns: i8
    spent_ns: i8  # when something was asked for last, and with how many requests
    sent: i8
    next_solve_ns: i8
    next_epoch_ns: i8
    disconnected: i8
    said: i8  # rows written to the output, ever


def new_maker(params: Any) -> Any:
    """Return an array of one `Maker` that has seen nothing yet."""
    makers = zeros(Maker)
    makers[0].params = params
    beliefs.start(makers[0].beliefs, params)
    budget.start(makers[0].budget, params.request_grant, budget.REQUESTS_PER_USD)
    return makers


@kernel
def step_at(makers: Any, events: Any, k: int, outputs: Any) -> None:
    """Call `step` on the first maker and output with event `k`; the cheap call from Python."""
    step(makers[0], events[k], outputs[0])


@kernel
def step(m: Any, e: Any, out: Any) -> None:
    """Absorb one event and write what to do about it into ``out.actions``."""
    out.n_actions = 0
    if e.kind == LEVEL:
        _pass_market_time(m, e, out)
        book.apply(m.book, m.params.instrument, e)
        if e.code & LAST:
            _see_mid(m)
            _check_equity(m, out)
            decide.decide(m, out)
    elif e.kind == TRADE or e.kind == CONTEXT or e.kind == TIMER:
        _pass_market_time(m, e, out)
        beliefs.hear(m.beliefs, m.params.instrument, m.book, e, m.now_ns)
        if e.kind == TIMER:
            decide.decide(m, out)
    elif e.kind == REFERENCE or e.kind == REFERENCE_TRADE:
        _pass_time(m, e.recv_ns)
        beliefs.hear(m.beliefs, m.params.instrument, m.book, e, m.now_ns)
        beliefs.compare(m.beliefs, m.mid, m.now_ns)
    else:
        _pass_time(m, e.recv_ns)
        _hear(m, e, out)
    report.report(m, out)


@kernel
def _hear(m: Any, e: Any, out: Any) -> None:
    """Absorb what is no market data: answers, money, the connection, our own clock."""
    if e.kind == FILL:
        _stand(m)  # up to now our orders were as they were
        _take_fill(m, e, out)
        _check_equity(m, out)
        decide.decide(m, out)
    elif ACCEPTED <= e.kind <= CANCELED:
        _stand(m)
        _hear_answer(m, e)
    elif e.kind == CLOCK:
        risk.check_silence(m.kill, m.heard_ns, m.now_ns)
        decide.decide(m, out)
    elif e.kind == DISCONNECTED or e.kind == CONNECTED:
        m.disconnected = e.kind == DISCONNECTED
        m.kill.reducing_ns = 0  # a time in which nobody could quote is not one without a quote
        book.clear(m.book)  # what was missed is not in it
    else:
        _hear_account(m, e, out)


@kernel
def _hear_account(m: Any, e: Any, out: Any) -> None:
    """Absorb what the venue, or a person, says about our account."""
    if e.kind == FUNDING and ledger.pay_funding(m.ledger, e):
        attribution.pay(m.attribution, e.extra)
    elif e.kind == QUOTA:
        budget.report(m.budget, e.px, e.sz)
    elif e.kind == POSITION:
        risk.hear_position(m.kill, e.sz, m.now_ns)
    elif e.kind == STOP and risk.latch(m.kill, risk.MANUAL, m.now_ns):
        _halt(m, out)


@kernel
def _pass_time(m: Any, recv_ns: int) -> None:
    """Let our clock run, over everything that was true until now."""
    m.now_ns = max(m.now_ns, recv_ns)
    if m.mid > 0.0 and m.now_ns - m.stood_ns >= STAND_EVERY_NS:
        _stand(m)


@kernel
def _pass_market_time(m: Any, e: Any, out: Any) -> None:
    """Let the venue's clock run too: only its market data shows that the feed is alive."""
    _pass_time(m, e.recv_ns)
    if m.mid > 0.0:
        is_open = book.is_open(m.book)
        b = m.beliefs
        markout.resolve(
            b.markouts, m.mid if is_open else math.nan, m.venue_ns, e.ts_ns, m.params.stale_ns
        )
        seconds = beliefs.pass_time(b, m.params.instrument, m.book, m.mid, e.ts_ns, m.now_ns)
        if seconds > 0:
            _each_second(m, out)
    m.heard_ns = m.now_ns
    m.venue_ns = max(m.venue_ns, e.ts_ns)


@kernel
def _each_second(m: Any, out: Any) -> None:
    """Do what needs no finer time: learn from outcomes, and look at the slow dangers."""
    b = m.beliefs
    k = markout.next_learned(b.markouts)
    while k >= 0:
        o = b.markouts.pending[k]
        signed = 1e-4 * (o.markout_bps[markout.PRIMARY] - o.half_spread_bps)
        attribution.resolve(m.attribution, signed * o.px * o.sz)
        beliefs.learn(b, o, m.now_ns)
        k = markout.next_learned(b.markouts)
    # a jump is measured by what was usual before it
    move, sigma = volatility.move(b.volatility), volatility.continuous_sigma(b.volatility)
    is_lost = risk.check_position(m.kill, m.params, m.ledger.position, m.fill_ns, m.now_ns)
    if risk.check_move(m.kill, move, sigma, m.now_ns) or limits.is_stuck(m) or is_lost:
        _halt(m, out)


@kernel
def _stand(m: Any) -> None:
    """Account for the time since the last call, with the book and our orders as they are."""
    dt_s = (m.now_ns - m.stood_ns) / NS_PER_S if m.stood_ns > 0 else 0.0
    m.stood_ns = m.now_ns
    if dt_s <= 0.0 or m.mid <= 0.0:
        return
    silent_s = (m.now_ns - m.heard_ns) / NS_PER_S
    q = m.quoting
    q.own_bid = 0.0
    q.own_ask = 0.0
    for k in range(SLOTS):
        o = m.orders.slot[k]
        if o.state == GONE or o.state == PLACING:
            continue
        px = to_px(m.params.instrument, o.px)
        if o.side == BUY:
            q.own_bid = max(q.own_bid, px)
        elif q.own_ask == 0.0 or px < q.own_ask:
            q.own_ask = px
        if silent_s <= quoting.GAP_S:
            intensity.expose(m.beliefs.intensity, o.side * (m.mid - px) / m.mid, dt_s)
    quoting.account(q, dt_s, silent_s, _market_spread(m))


@kernel
def _market_spread(m: Any) -> float:
    if not book.is_open(m.book):
        return 0.0
    i = m.params.instrument
    return to_px(i, m.book.px[ASK, 0]) - to_px(i, m.book.px[BID, 0])


@kernel
def _see_mid(m: Any) -> None:
    if not book.is_open(m.book):
        return
    mid = book.mid(m.book, m.params.instrument)
    if m.mid > 0.0:
        attribution.move(m.attribution, m.ledger.position, m.mid, mid)
    else:
        attribution.open_at(m.attribution, ledger.equity_usd(m.ledger, mid))
    m.mid = mid
    mids.see(m.mids, mid, m.book.ts_ns)
    beliefs.compare(m.beliefs, mid, m.now_ns)


@kernel
def _hear_answer(m: Any, e: Any) -> None:
    """Absorb an answer to one of our requests."""
    orders.hear(m.orders, m.params.instrument, e, m.now_ns)
    if m.start_ns == 0 and e.kind == ACCEPTED:
        m.start_ns = m.now_ns
    if e.kind == REJECTED and e.code == RATE_LIMIT:
        risk.hear_refusal(m.kill, m.now_ns)


@kernel
def _take_fill(m: Any, e: Any, out: Any) -> None:
    if not ledger.settle(m.ledger, e):
        return
    mid = mids.before(m.mids, e.ts_ns) if m.mid > 0.0 else e.px
    attribution.fill(m.attribution, e.side, e.px, e.sz, e.extra, mid, m.mid if m.mid > 0.0 else mid)
    if e.code == TAKEN_OVER:  # nobody's fill: there is nothing to learn, and nothing to tell
        return
    budget.earn(m.budget, e.px * e.sz)
    m.sent = 0  # what a fill earns pays for its replacement at once
    m.fill_ns = m.now_ns
    if m.mid > 0.0 and e.code != LIQUIDATED:
        _learn_of_fill(m, e, mid)
    elif e.code == LIQUIDATED and risk.latch(m.kill, risk.LIQUIDATION, m.now_ns):
        _halt(m, out)
    orders.hear(m.orders, m.params.instrument, e, m.now_ns)
    report.say_fill(m, e, mid, out)


@kernel
def _learn_of_fill(m: Any, e: Any, mid: float) -> None:
    """Let the estimators know of a fill, while the order it was of is still remembered."""
    b = m.beliefs
    k = orders.find(m.orders, e.ref)
    outcome = markout.remember(b.markouts, e, mid)
    outcome.orders = e.sz / limits.order_size(m)
    outcome.held_after = m.ledger.position / limits.position_limit(m)
    outcome.held_before = outcome.held_after - e.side * e.sz / limits.position_limit(m)
    if k >= 0:
        outcome.placement = m.orders.slot[k].placement
    intensity.fill(b.intensity, e.side * (mid - e.px) / mid)
    if quoting.count_fill(m.quoting, book.row(e.side), e.ts_ns):
        calibration.count_fill(b.calibration, m.now_ns)


@kernel
def _check_equity(m: Any, out: Any) -> None:
    """Trip the kill switch where the account has lost too much or holds too much."""
    if m.mid > 0.0:
        equity = ledger.equity_usd(m.ledger, m.mid)
        if risk.check(m.kill, m.params, equity, m.ledger.position, m.now_ns):
            _halt(m, out)


@kernel
def _halt(m: Any, out: Any) -> None:
    """Say that the switch has latched, and cancel everything: the latch came first."""
    out.halted = m.kill.reason
    out.halted_ns = m.now_ns
    out.halted_seq = report.next_seq(m)
    halt = output.next_action(out, m.now_ns)
    halt.kind = HALT
    halt.code = m.kill.reason
    cancel = output.next_action(out, m.now_ns)
    cancel.kind = CANCEL_ALL
    orders.cancel_all(m.orders, m.now_ns)
