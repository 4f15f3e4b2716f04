"""What happened after each fill: markouts at five horizons, and the cost of adverse selection.

``markout_h = side * (mid_{t+h} - px) / px * 1e4`` [bps]: positive is good, fees are not in it. It
splits exactly into the half-spread captured at the fill and the move of the mid after it. The mid
at t+h is the one that held at that instant; where the feed was silent around it the markout is
NaN, never stale (docs/model.md, "What happens after a fill").
"""

import math
from typing import Annotated, Any

from engine.core.placement import Placement
from engine.record import f8, i8, kernel, record

PENDING = 1024  # fills within 300 s; more than that is a runaway, and the oldest is given up
HORIZONS = 5
PRIMARY = 1  # 5 s
PRIOR_OUTCOMES = 20.0
PRIOR_COST = 0.3  # of σ√5s: what a random walk that is somewhat informed would take
KEEP = 0.5 ** (1 / 500)  # per outcome: what a fill cost last week is not what it costs now
CAUTION = 0.67  # standard errors of the cost that a quote is charged besides its mean
FAR_NS = 2**62
S = 1_000_000_000


@kernel
def horizon_ns(k: int) -> int:
    """Return horizon `k` [ns]: 1, 5, 30, 60, 300 s."""
    if k == 0:
        return S
    if k == 1:
        return 5 * S
    if k == 2:
        return 30 * S
    return 60 * S if k == 3 else 300 * S


@record
class Outcome:
    """One fill and what became of it."""

    tid: i8
    cloid: i8
    ts_ns: i8
    side: i8
    px: f8
    sz: f8
    fee_bps: f8
    half_spread_bps: f8
    markout_bps: Annotated[f8, HORIZONS]
    known: i8  # horizons resolved
    orders: f8  # size, in orders
    held_before: f8  # inventory around it, as a share of the limit
    held_after: f8
    placement: Placement  # what we believed when its order was asked for


@record
class Markouts:
    """A ring of open outcomes, and the running cost of adverse selection at the primary horizon."""

    pending: Annotated[Outcome, PENDING]
    head: i8
    tail: i8
    learned: i8  # outcomes handed to the learners: those before it in the ring
    due_ns: i8  # nothing can be resolved before
    outcomes: i8  # primary markouts resolved in this session
    weight: f8  # of those remembered
    cost_sum_bps: f8
    cost_sq_bps: f8


@kernel
def remember(m: Any, e: Any, mid: float) -> Any:
    """Open and return the outcome of one FILL event; `mid` is the mid when it happened."""
    if m.head - m.tail == PENDING:
        m.tail += 1
        m.learned = max(m.learned, m.tail)
    o = m.pending[m.head % PENDING]
    o.tid = e.id
    o.cloid = e.ref
    o.ts_ns = e.ts_ns
    o.side = e.side
    o.px = e.px
    o.sz = e.sz
    o.fee_bps = 1e4 * e.extra / (e.px * e.sz)
    o.half_spread_bps = 1e4 * e.side * (mid - e.px) / e.px
    o.known = 0
    o.placement.is_known = 0
    m.head += 1
    m.due_ns = min(m.due_ns, o.ts_ns + S)
    return o


@kernel
def resolve(m: Any, mid: float, heard_ns: int, now_ns: int, stale_ns: int) -> None:
    """Fill in every horizon that ended before `now_ns`, with the mid that held until then.

    Parameters
    ----------
    mid : the mid that held until now; NaN where the book is closed
    heard_ns : when the feed last showed that it is alive
    stale_ns : silence after which a mid is no longer believed
    """
    if now_ns < m.due_ns:
        return
    m.due_ns = FAR_NS
    for j in range(m.tail, m.head):
        o = m.pending[j % PENDING]
        while o.known < HORIZONS and o.ts_ns + horizon_ns(o.known) <= now_ns:
            fresh = o.ts_ns + horizon_ns(o.known) - heard_ns <= stale_ns
            o.markout_bps[o.known] = 1e4 * o.side * (mid - o.px) / o.px if fresh else math.nan
            if o.known == PRIMARY and not math.isnan(o.markout_bps[PRIMARY]):
                _learn(m, o.half_spread_bps - o.markout_bps[PRIMARY])
            o.known += 1
        if o.known < HORIZONS:
            m.due_ns = min(m.due_ns, o.ts_ns + horizon_ns(o.known))


@kernel
def next_learned(m: Any) -> int:
    """Return the place in the ring of an outcome whose primary markout is news, or -1.

    Outcomes are handed over in the order of their fills; one whose markout is unknown is passed by.
    """
    while m.learned < m.head and m.pending[m.learned % PENDING].known > PRIMARY:
        k = m.learned % PENDING
        m.learned += 1
        if not math.isnan(m.pending[k].markout_bps[PRIMARY]):
            return k
    return -1


@kernel
def _learn(m: Any, cost_bps: float) -> None:
    m.outcomes += 1
    m.weight = KEEP * m.weight + 1.0
    m.cost_sum_bps = KEEP * m.cost_sum_bps + cost_bps
    m.cost_sq_bps = KEEP * m.cost_sq_bps + cost_bps * cost_bps


@kernel
def is_complete(m: Any) -> bool:
    """Return whether the oldest outcome knows all its horizons; `pop` it then."""
    return m.tail < m.head and m.pending[m.tail % PENDING].known == HORIZONS


@kernel
def pop(m: Any) -> Any:
    """Take the oldest outcome out of the ring; read it before the next fill."""
    m.tail += 1
    m.learned = max(m.learned, m.tail)
    return m.pending[(m.tail - 1) % PENDING]


@kernel
def expected_cost(m: Any, sigma: float) -> float:
    """Return E[adverse selection] of a fill at 5 s, as a fraction of the price, never negative.

    The mean of (half-spread captured - markout), shrunk to 0.3·σ·√5 with the weight of 20 fills
    (docs/model.md, "What happens after a fill").
    """
    prior = PRIOR_COST * sigma * math.sqrt(5.0)
    total = PRIOR_OUTCOMES * prior + 1e-4 * m.cost_sum_bps
    return max(total / (PRIOR_OUTCOMES + m.weight), 0.0)


@kernel
def cost_error(m: Any, sigma: float) -> float:
    """Return the standard error of `expected_cost`, relative; σ·√5/√20 before any outcome.

    The prior's 20 outcomes scatter by σ·√5 each, ours by what was seen.
    """
    scatter = 0.0
    if m.weight > 0.0:
        mean = m.cost_sum_bps / m.weight
        scatter = 1e-8 * max(m.cost_sq_bps - m.weight * mean * mean, 0.0)
    n = PRIOR_OUTCOMES + m.weight
    return math.sqrt((PRIOR_OUTCOMES * 5.0 * sigma * sigma + scatter) / n / n)
