"""The market maker: one state machine for replay, paper, shadow and live.

``step(state, event, out)`` absorbs one event and says what to do about it. It is total and
deterministic; time is the event's; it does not know whether anybody carries the actions out.
"""

import math
from typing import Annotated, Any

from engine.actions import CANCEL, CANCEL_ALL, HALT, MODIFY, PLACE
from engine.core import (
    book,
    glft,
    intensity,
    ladder,
    ledger,
    markout,
    orders,
    output,
    quoting,
    reconcile,
    report,
    risk,
    session_ramp,
    volatility,
)
from engine.core.book import ASK, BID, Book
from engine.core.intensity import Intensity
from engine.core.ladder import Ladder
from engine.core.ledger import Ledger
from engine.core.markout import Markouts
from engine.core.orders import GONE, MAX_LEVELS, PLACING, SLOTS, Orders
from engine.core.params import NS_PER_S, Params
from engine.core.quoting import Quoting
from engine.core.risk import ARMED, KillSwitch
from engine.core.volatility import Volatility
from engine.events import (
    ACCEPTED,
    BUY,
    CLOCK,
    CONNECTED,
    DISCONNECTED,
    FILL,
    FUNDING,
    LAST,
    LEVEL,
    SELL,
    TIMER,
)
from engine.instrument import min_sz, tick_units, to_px
from engine.record import f8, i8, kernel, record, zeros

MIDS = 256  # mids remembered, to know the one that held when a late fill happened
LEVEL_GAP = 0.3  # of the half-spread, between one level and the next
SOLVE_EVERY_NS = 10 * NS_PER_S


@record
class Maker:
    """Everything the engine remembers about one asset."""

    params: Params
    book: Book
    ledger: Ledger
    orders: Orders
    volatility: Volatility
    intensity: Intensity
    markouts: Markouts
    quoting: Quoting
    kill: KillSwitch
    ladder: Ladder
    mid: f8  # of the last open book
    mid_ts_ns: Annotated[i8, MIDS]
    mids: Annotated[f8, MIDS]
    n_mids: i8
    venue_ns: i8  # the venue's clock as we know it
    now_ns: i8  # our clock
    heard_ns: i8  # when the feed last showed that it is alive, on our clock
    start_ns: i8  # first accepted quote
    next_quote_ns: i8
    next_solve_ns: i8
    disconnected: i8
    said: i8  # rows written to the output, ever


def new_maker(params: Any) -> Any:
    """Return an array of one `Maker` that has seen nothing yet."""
    makers = zeros(Maker)
    makers[0].params = params
    intensity.start(
        makers[0].intensity,
        params.kappa_prior,
        params.kappa_prior_fills,
        params.intensity_prior_per_s,
    )
    return makers


@kernel
def step_at(makers: Any, events: Any, k: int, outputs: Any) -> None:
    """Call `step` on the first maker and output with event `k`; the cheap call from Python."""
    step(makers[0], events[k], outputs[0])


@kernel
def step(m: Any, e: Any, out: Any) -> None:
    """Absorb one event and write what to do about it into ``out.actions``."""
    out.n_actions = 0
    _pass_time(m, e)
    if e.kind == LEVEL:
        book.apply(m.book, m.params.instrument, e)
        if e.code & LAST:
            _see_mid(m)
            _check_risk(m, out)
            _quote(m, out)
    elif e.kind == FILL:
        _take_fill(m, e, out)
        _check_risk(m, out)
        _quote(m, out)
    elif e.kind == FUNDING:
        ledger.pay_funding(m.ledger, e)
    elif e.kind == TIMER or e.kind == CLOCK:
        _quote(m, out)
    elif e.kind == DISCONNECTED or e.kind == CONNECTED:
        m.disconnected = e.kind == DISCONNECTED
    else:
        _hear(m, e)
    report.report(m, out)


@kernel
def _pass_time(m: Any, e: Any) -> None:
    """Let the time until this event pass over everything that was true during it."""
    dt_s = (e.recv_ns - m.now_ns) / NS_PER_S if m.now_ns > 0 else 0.0
    if m.mid > 0.0 and dt_s > 0.0:
        _stand(m, dt_s, (e.recv_ns - m.heard_ns) / NS_PER_S)
    m.now_ns = max(m.now_ns, e.recv_ns)
    if e.kind > TIMER:  # only market data shows that the feed is alive
        return
    if m.mid > 0.0:
        mid = m.mid if book.is_open(m.book) else math.nan
        markout.resolve(m.markouts, mid, m.venue_ns, e.ts_ns, m.params.stale_ns)
        volatility.update(m.volatility, m.mid, e.ts_ns)
    m.heard_ns = m.now_ns
    m.venue_ns = max(m.venue_ns, e.ts_ns)


@kernel
def _stand(m: Any, dt_s: float, silent_s: float) -> None:
    """Account for `dt_s` seconds with the book and our orders as they are."""
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
            intensity.expose(m.intensity, o.side * (m.mid - px) / m.mid, dt_s)
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
    m.mid = book.mid(m.book, m.params.instrument)
    m.mids[m.n_mids % MIDS] = m.mid
    m.mid_ts_ns[m.n_mids % MIDS] = m.book.ts_ns
    m.n_mids += 1


@kernel
def _mid_before(m: Any, ts_ns: int) -> float:
    """Return the mid that held just before a venue time, or the oldest one remembered."""
    mid = m.mid
    for back in range(1, min(m.n_mids, MIDS) + 1):
        k = (m.n_mids - back) % MIDS
        mid = m.mids[k]
        if m.mid_ts_ns[k] < ts_ns:
            break
    return mid


@kernel
def _hear(m: Any, e: Any) -> None:
    """Absorb an answer to one of our requests; market data that moves nothing ends here too."""
    orders.hear(m.orders, m.params.instrument, e)
    if m.start_ns == 0 and e.kind == ACCEPTED:
        m.start_ns = m.now_ns


@kernel
def _take_fill(m: Any, e: Any, out: Any) -> None:
    if not ledger.settle(m.ledger, e):
        return
    mid = _mid_before(m, e.ts_ns)
    orders.hear(m.orders, m.params.instrument, e)
    markout.remember(m.markouts, e, mid)
    intensity.fill(m.intensity, e.side * (mid - e.px) / mid)
    quoting.count_fill(m.quoting, book.row(e.side), e.ts_ns)
    row = out.fills[out.n_fills]
    row.seq = report.next_seq(m)
    row.ts_ns = e.ts_ns
    row.tid = e.id
    row.cloid = e.ref
    row.side = e.side
    row.px = e.px
    row.sz = e.sz
    row.fee_usd = e.extra
    row.mid = mid
    row.position = m.ledger.position
    out.n_fills += 1


@kernel
def _check_risk(m: Any, out: Any) -> None:
    """Trip the kill switch where a limit is broken: first the latch, then the cancels."""
    if m.mid <= 0.0:
        return
    equity = ledger.equity_usd(m.ledger, m.mid)
    if risk.check(m.kill, m.params, equity, m.ledger.position, m.now_ns):
        out.halted = m.kill.reason
        out.halted_ns = m.now_ns
        out.halted_seq = report.next_seq(m)
        halt = output.next_action(out, m.now_ns)
        halt.kind = HALT
        halt.code = m.kill.reason
        cancel = output.next_action(out, m.now_ns)
        cancel.kind = CANCEL_ALL
        orders.cancel_all(m.orders)


@kernel
def _quote(m: Any, out: Any) -> None:
    """Wish for a ladder, at most once an interval, and ask for what is missing."""
    if m.now_ns < m.next_quote_ns:
        return
    m.next_quote_ns = m.now_ns + m.params.requote_ns
    if m.now_ns >= m.next_solve_ns:
        intensity.forget(m.intensity, (m.now_ns - m.next_solve_ns + SOLVE_EVERY_NS) / NS_PER_S)
        intensity.solve(m.intensity)
        m.next_solve_ns = m.now_ns + SOLVE_EVERY_NS
    if _may_quote(m):
        _wish(m)
    else:
        ladder.clear(m.ladder)
    _ask(m, out)


@kernel
def _may_quote(m: Any) -> bool:
    """Return whether nothing forbids to quote; whatever rests is cancelled where something does."""
    is_fresh = m.now_ns - m.heard_ns <= m.params.stale_ns
    is_armed = m.kill.reason == ARMED
    return is_armed and is_fresh and not m.disconnected and book.is_open(m.book)


@kernel
def position_limit(m: Any) -> float:
    """Return how many coins we may hold now: the ramped limit, but always two tradable orders."""
    p = m.params
    ramp = session_ramp.fraction(m.start_ns, m.now_ns, p.ramp_ns, p.ramp_start)
    least = 2.0 * min_sz(p.instrument, m.mid)
    return max(ramp * p.max_position, min(least, p.max_position))


@kernel
def order_size(m: Any) -> float:
    """Return the size of one level [coins]: the liquidity over as many levels as it can fill."""
    p = m.params
    least = min_sz(p.instrument, m.mid)
    levels = min(max(int(p.liquidity / least), 1), p.levels)
    return max(p.liquidity / levels, least)


@kernel
def half_spread(m: Any, side: int) -> float:
    """Return the distance of our best quote from the mid, as a fraction of it.

    GLFT's half-spread for the inventory we hold, plus the maker fee, plus the expected cost of
    adverse selection; the inventory term may bring a reducing quote nearer, but never below those
    costs (docs/model.md, eq. 12).
    """
    p = m.params
    s = m.intensity
    sigma = volatility.sigma(m.volatility)
    b = glft.base(p.gamma, s.kappa)
    c = glft.step(p.gamma, s.kappa, s.intensity_per_s, sigma)
    n = m.ledger.position / order_size(m)
    costs = p.maker_fee + markout.expected_cost(m.markouts, sigma)
    return max(max(glft.half_spread(side, n, b, c), 0.0) + costs, p.half_spread_floor)


@kernel
def _wish(m: Any) -> None:
    """Lay the ladder around the mid, inside the limits, behind the other side's touch."""
    b = m.book
    i = m.params.instrument
    limit = position_limit(m)
    size = order_size(m)
    for side in (BUY, SELL):
        delta = half_spread(m, side)
        touch = m.mid * (1.0 - side * delta)
        opposite = b.px[ASK, 0] if side == BUY else b.px[BID, 0]
        ladder.fill_side(
            m.ladder,
            m.params,
            side,
            touch,
            LEVEL_GAP * delta * m.mid,
            size,
            limit - side * m.ledger.position,
            opposite - side * tick_units(i, opposite),
        )


@kernel
def _ask(m: Any, out: Any) -> None:
    """Send the requests that bring our orders to the ladder, within the worst-case limit."""
    limit = position_limit(m) if m.mid > 0.0 else 0.0
    for index in range(2 * MAX_LEVELS):
        side = reconcile.side_of(index)
        level = reconcile.level_of(index)
        kind = reconcile.wish_of(m.ladder, m.orders, m.params, side, level)
        if kind == reconcile.NOTHING:
            continue
        r = book.row(side)
        k = orders.slot_of(side, level)
        px, sz = m.ladder.px[r, level], m.ladder.sz[r, level]
        if kind in (PLACE, MODIFY):
            held = m.orders.slot[k].sz if kind == MODIFY else 0.0
            worst = side * m.ledger.position + orders.exposure(m.orders, side)
            if worst + max(sz - held, 0.0) > limit * (1.0 + 1e-9):
                if kind == PLACE:
                    continue
                kind = CANCEL  # what we cannot afford to move must not stay where it is
        action = output.next_action(out, m.now_ns)
        orders.request(m.orders, action, kind, k, side, px, sz)
        action.px = to_px(m.params.instrument, px)
        action.sz = sz
