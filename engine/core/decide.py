"""From what is believed to what is asked for: quote, ladder, plan, requests."""

from typing import Any

from engine.actions import CANCEL, MODIFY, PLACE
from engine.core import (
    book,
    budget,
    intensity,
    ladder,
    limits,
    orders,
    output,
    q_table,
    quote,
    reconcile,
    regime,
    risk,
    volatility,
)
from engine.core.book import ASK, BID
from engine.core.orders import MAX_LEVELS, RESTING
from engine.core.params import NS_PER_S
from engine.events import BUY, SELL
from engine.instrument import tick_units, to_px
from engine.record import kernel

LEVEL_GAP = 0.3  # of the half-spread, between one level and the next
SOLVE_EVERY_NS = 10 * NS_PER_S


@kernel
def decide(m: Any, out: Any) -> None:
    """Wish for a ladder, at most once an interval, and ask for what is missing.

    A budget that runs out delays what is asked for, never the look, and never a cancel.
    """
    if m.now_ns < m.next_quote_ns:
        return
    if m.now_ns >= m.next_solve_ns:
        s = m.beliefs.intensity
        intensity.forget(s, (m.now_ns - m.next_solve_ns + SOLVE_EVERY_NS) / NS_PER_S)
        intensity.solve(s)
        m.next_solve_ns = m.now_ns + SOLVE_EVERY_NS
    if limits.may_quote(m):
        _wish(m)
    else:
        ladder.clear(m.ladder)
    _ask(m, out)
    m.next_quote_ns = m.now_ns + m.params.requote_ns


@kernel
def _wish(m: Any) -> None:
    """Lay the ladder around the quote, inside the limits, behind the other side's touch."""
    q = m.quote
    i = m.params.instrument
    q.mid = m.mid
    q.limit = limits.position_limit(m)
    q.order_sz = limits.order_size(m)
    q.inventory = m.ledger.position / q.order_sz
    if m.params.rl_enabled and m.now_ns >= m.next_epoch_ns:
        _open_epoch(m)
    quote.write(q, m.beliefs, m.params, m.book, risk.used(m.kill, m.params), m.now_ns)
    levels = budget.levels(m.budget, m.params.levels)
    for side in (BUY, SELL):
        r = book.row(side)
        delta = quote.distance(q, r)
        gap = LEVEL_GAP * max(delta, quote.cost(q, r)) * m.mid
        opposite = m.book.px[ASK, 0] if side == BUY else m.book.px[BID, 0]
        limit_px = opposite - side * tick_units(i, opposite)
        touch = m.mid * (1.0 - side * delta)
        ladder.fill_side(
            m.ladder, m.params, side, levels, touch, gap, q.order_sz, limits.room(m, side), limit_px
        )
        final = side * (m.mid - to_px(i, m.ladder.px[r, 0])) / m.mid
        q.terms[r, quote.ROUNDING] = final - delta if m.ladder.sz[r, 0] > 0.0 else 0.0


@kernel
def _open_epoch(m: Any) -> None:
    """Choose the arm that is kept until the next epoch."""
    b = m.beliefs
    m.next_epoch_ns = m.now_ns + q_table.EPOCH_NS
    state = q_table.state_of(
        m.ledger.position / m.quote.limit,
        regime.ratio(b.regime),
        book.imbalance(m.book),
    )
    arm = q_table.choose(b.q_table, state)
    for r in range(2):
        w = m.quote.placement[r]
        w.state = state
        w.arm = arm
        w.propensity = q_table.propensity(b.q_table, state, arm)
    q_table.open_epoch(b.q_table, state, arm)


@kernel
def _ask(m: Any, out: Any) -> None:
    """Send the fewest requests that bring our orders to the ladder: cancels first."""
    b, q = m.beliefs, m.quote
    half = min(quote.distance(q, BID), quote.distance(q, ASK))
    ample = reconcile.tolerance(
        m.params,
        volatility.sigma(b.volatility),
        volatility.effective_s(b.volatility),
        max(half, quote.cost(q, BID)),
    )
    m.plan.tolerance = budget.price(m.budget, ample)
    rested = _is_rested(m)
    spent = m.orders.requests
    for side in (BUY, SELL):
        reconcile.plan(m.plan, m.ladder, m.orders, side, m.now_ns)
        first = orders.first_slot(side)
        for k in range(MAX_LEVELS):
            if m.plan.surplus[book.row(side), k]:
                _request(m, out, CANCEL, first + k, side, 0, 0.0)
    for level in range(MAX_LEVELS):
        for side in (BUY, SELL):  # they alternate, so that neither waits
            _serve(m, out, side, level, rested)
    if m.spent_ns == m.now_ns:
        m.sent = m.orders.requests - spent


@kernel
def _is_rested(m: Any) -> bool:
    """Return whether the request budget allows new requests after those sent last."""
    rest_s = budget.interval_s(m.budget, m.params.requote_ns / NS_PER_S, m.sent)
    if not budget.may_spend(m.budget, 1.0):
        rest_s = budget.TRICKLE_S
    return m.now_ns - m.spent_ns >= int(rest_s * NS_PER_S)


@kernel
def _serve(m: Any, out: Any, side: int, level: int, rested: bool) -> None:
    """Place or move the order of one wish, where the worst case and the budget allow it."""
    r = book.row(side)
    todo, k = m.plan.todo[r, level], m.plan.slot[r, level]
    px, sz = m.ladder.px[r, level], m.ladder.sz[r, level]
    is_harmful = _is_harmful(m, side, k, px)
    if is_harmful:
        todo = reconcile.MOVE
    if todo == reconcile.KEEP:
        return
    if m.now_ns < m.orders.wait_ns[r] or not (rested or _must_reduce(m, side)):
        if is_harmful:
            _request(m, out, CANCEL, k, side, 0, 0.0)
        return
    worst = side * m.ledger.position + orders.exposure(m.orders, side) + sz
    fits = worst <= m.quote.limit * (1.0 + 1e-9)
    if todo == reconcile.MOVE:
        # what we cannot afford to move makes room for itself
        _request(m, out, MODIFY if fits else CANCEL, k, side, px, sz)
    elif fits:
        k = orders.free_slot(m.orders, side)
        if k >= 0:
            _request(m, out, PLACE, k, side, px, sz)


@kernel
def _is_harmful(m: Any, side: int, k: int, px: int) -> bool:
    """Return whether slot `k` rests where it would fill for less than it costs, and less than `px`.

    Such an order is not kept, whatever a request is worth.
    """
    if k < 0 or m.orders.slot[k].state != RESTING:
        return False
    least = min(quote.cost(m.quote, book.row(side)), _depth(m, side, px))
    return _depth(m, side, m.orders.slot[k].px) < least


@kernel
def _must_reduce(m: Any, side: int) -> bool:
    """Return whether we hold a position that nothing on this side would reduce."""
    return side * m.ledger.position < 0.0 and orders.exposure(m.orders, side) == 0.0


@kernel
def _depth(m: Any, side: int, px: int) -> float:
    """Return how far a price [units] is from the mid, as a fraction of it."""
    return side * (m.mid - to_px(m.params.instrument, px)) / m.mid


@kernel
def _request(m: Any, out: Any, kind: int, k: int, side: int, px: int, sz: float) -> None:
    """Send one request; an order keeps what is believed of a fill at its own price."""
    action = output.next_action(out, m.now_ns)
    orders.request(m.orders, action, kind, k, side, px, sz)
    action.px = to_px(m.params.instrument, px)
    action.sz = sz
    budget.spend(m.budget, 1.0)
    if kind != CANCEL:
        m.spent_ns = m.now_ns
        r = book.row(side)
        w = m.orders.slot[k].placement
        m.orders.slot[k].placement = m.quote.placement[r]
        quote.rebase(w, 1e4 * (_depth(m, side, px) - quote.expected_cost(m.quote, r)))
