"""What we may do now: how much to hold, how much to show, and whether to quote at all."""

from typing import Any

from engine.core import book, budget, risk, session_ramp
from engine.core.risk import ARMED
from engine.instrument import min_sz
from engine.record import kernel


@kernel
def may_quote(m: Any) -> bool:
    """Return whether nothing forbids to quote; whatever rests is cancelled where something does."""
    is_fresh = m.now_ns - m.heard_ns <= m.params.stale_ns
    is_calm = m.kill.reason == ARMED and not risk.is_paused(m.kill, m.now_ns)
    return is_calm and is_fresh and not m.disconnected and book.is_open(m.book)


@kernel
def position_limit(m: Any) -> float:
    """Return how many coins we may hold now: the limit as ramped and as the budget forces it.

    It is never less than two tradable orders, so that both sides can be quoted.
    """
    p = m.params
    ramp = session_ramp.fraction(m.start_ns, m.now_ns, p.ramp_ns, p.ramp_start)
    least = 2.0 * min_sz(p.instrument, m.mid)
    forced = ramp * budget.limit_factor(m.budget)
    return max(forced * p.max_position, min(least, p.max_position))


@kernel
def room(m: Any, side: int) -> float:
    """Return how many coins a side may still add: under our limit and the venue's on the asset."""
    p = m.params
    held = side * m.ledger.position
    under_limit = m.quote.limit - held
    under_cap = p.oi_cap_usd / m.mid - m.beliefs.open_interest
    return min(under_limit, max(under_cap, 0.0) + max(-held, 0.0))


@kernel
def order_size(m: Any) -> float:
    """Return the size of one level [coins]: the liquidity over as many levels as it can fill."""
    p = m.params
    least = min_sz(p.instrument, m.mid)
    levels = min(max(int(p.liquidity / least), 1), p.levels)
    return max(p.liquidity / levels, least)


@kernel
def is_stuck(m: Any) -> bool:
    """Return whether inventory has been held too long without a quote that reduces it."""
    q = m.ledger.position
    held = max(risk.STUCK_SHARE * m.params.max_position, min_sz(m.params.instrument, m.mid))
    reducing = m.quoting.own_ask if q > 0.0 else m.quoting.own_bid
    is_held = abs(q) > held and may_quote(m)
    return risk.check_stuck(m.kill, is_held, reducing > 0.0, m.now_ns)
