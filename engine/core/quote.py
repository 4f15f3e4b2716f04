"""The quote: a sum of named terms on each side, and nothing else.

A side's distance from the mid is the sum of its row of `terms`, in the order of `TERMS`; what the
grid and the other side's touch then change is the last term. So the explanation of a quote is not
written beside its computation: it is the computation (docs/model.md, "The quote").
"""

import math
from typing import Annotated, Any

from engine.core import (
    alpha,
    beliefs,
    book,
    calibration,
    edge,
    glft,
    intensity,
    markout,
    monopolist,
    regime,
    risk_aversion,
    toxicity,
    volatility,
)
from engine.core.alpha import SIGNALS
from engine.core.book import ASK, BID
from engine.core.edge import MEMBERS
from engine.core.placement import Placement
from engine.events import BUY, SELL
from engine.record import copy, f8, i8, kernel, record

TERMS = (
    "base",
    "width",
    "inventory",
    "fee",
    "adverse selection",
    "its standard error",
    "regime",
    "staleness",
    "toxicity",
    "edge",
    "monopolist",
    "learning",
    "ramp",
    "floor",
    "micro-price",
    "flow",
    "lead-lag",
    "cross-venue flow",
    "funding",
    "rounding",
)
N = len(TERMS)
(
    BASE,
    WIDTH,
    INVENTORY,
    FEE,
    ADVERSE,
    CAUTION,
    REGIME,
    STALENESS,
    TOXICITY,
    EDGE,
    MONOPOLIST,
    LEARNING,
    RAMP,
    FLOOR,
    MICRO,
    FLOW,
    LEAD_LAG,
    CROSS_FLOW,
    FUNDING,
    ROUNDING,
) = range(N)

FULL_SKEW = 0.5  # of the base: how far the centre has moved when the limit of now is reached
SIGNAL_SHARE = 0.8  # of the half-spread: signals alone never bring a quote to the mid
FUNDING_MAX = 5e-4
HOLD_MIN_S, HOLD_MAX_S = 60.0, 3_600.0


@record
class Quote:
    """The last quote wished for; row 0 bids, row 1 asks; distances relative to the mid."""

    terms: Annotated[f8, (2, N)]
    placement: Annotated[Placement, 2]
    mid: f8
    ts_ns: i8
    inventory: f8  # in orders
    gamma: f8
    limit: f8  # coins, as ramped and forced
    order_sz: f8  # coins of one order


@kernel
def distance(q: Any, r: int) -> float:
    """Return how far a side's best quote is from the mid, before it is rounded."""
    total = 0.0
    for k in range(ROUNDING):
        total += q.terms[r, k]
    return total


@kernel
def cost(q: Any, r: int) -> float:
    """Return what a fill costs: the fee and adverse selection, at a cautious estimate."""
    return q.terms[r, FEE] + q.terms[r, ADVERSE] + q.terms[r, CAUTION]


@kernel
def expected_cost(q: Any, r: int) -> float:
    """Return the same at its mean: what the quote was built to pay."""
    return q.terms[r, FEE] + q.terms[r, ADVERSE]


@kernel
def rebase(placement: Any, structural_bps: float) -> None:
    """Let the forecasts of an edge be of an order that was built to earn `structural_bps`."""
    shift = structural_bps - placement.structural_bps
    placement.structural_bps += shift
    placement.edge_bps += shift
    for k in range(MEMBERS):
        placement.edges_bps[k] += shift


@kernel
def write(q: Any, b: Any, p: Any, bk: Any, used: float, now_ns: int) -> None:
    """Write both sides' terms and what is believed of a fill on each.

    Parameters
    ----------
    q : `Quote` with `mid`, `inventory`, `limit` and `order_sz` set
    b : `Beliefs`
    used : share of the kill switch's tier that is used
    """
    q.ts_ns = now_ns
    sigma = volatility.sigma(b.volatility)
    _risk_features(q, b, bk, used)
    q.gamma = risk_aversion.gamma(b.aversion, p.gamma, q.placement[0].risk, p.risk_model_blend)
    base = glft.base(q.gamma, b.intensity.kappa)
    step = glft.step(q.gamma, b.intensity.kappa, b.intensity.intensity_per_s, sigma)
    _write_costs(q, b, p, base, step, sigma, now_ns)
    _write_centre(q, b)
    for side in (BUY, SELL):
        r = book.row(side)
        _write_inventory(q, r, side, base, step)
        _write_beliefs(q, b, p, bk, r, side, sigma)
        _write_floor(q, p, r)


@kernel
def _risk_features(q: Any, b: Any, bk: Any, used: float) -> None:
    near = book.near_sz(bk, BID) + book.near_sz(bk, ASK)
    risk_aversion.fill_risks(
        q.placement[BID].risk,
        regime.ratio(b.regime) - 1.0,
        1.0 - near / b.depth if b.depth > 0.0 else 0.0,
        1.0 - intensity.confidence(b.intensity),
        volatility.jump_share(b.volatility),
        used,
    )
    copy(q.placement[ASK].risk, q.placement[BID].risk)


@kernel
def _write_costs(
    q: Any, b: Any, p: Any, base: float, step: float, sigma: float, now_ns: int
) -> None:
    """Write what both sides are charged: width, costs, the state of the market and its feeds."""
    t, r = q.terms, BID
    t[r, BASE] = base
    t[r, WIDTH] = 0.5 * step
    t[r, FEE] = p.maker_fee
    t[r, ADVERSE] = markout.expected_cost(b.markouts, sigma)
    t[r, CAUTION] = markout.CAUTION * markout.cost_error(b.markouts, sigma)
    t[r, REGIME] = regime.premium(b.regime, sigma)
    t[r, STALENESS] = (beliefs.staleness(b, now_ns) - 1.0) * (base + 0.5 * step)
    done = calibration.progress(b.markouts, b.intensity)
    share = calibration.share(b.calibration, done, p.learning_fills_per_h, p.learning_share, now_ns)
    t[r, LEARNING] = -(1.0 - share) * base
    copy(t[ASK], t[BID])


@kernel
def _write_inventory(q: Any, r: int, side: int, base: float, step: float) -> None:
    """Write the skew: c for every order held, and more where the limit of now is near.

    Inventory may take back the whole of base and width from a reducing quote, never the costs.
    """
    room = base + 0.5 * step
    q.terms[r, INVENTORY] = max(side * q.inventory * step, -room)
    held = q.inventory * q.order_sz / q.limit if q.limit > 0.0 else 0.0
    missing = max(FULL_SKEW * base - q.limit / q.order_sz * step, 0.0)
    q.terms[r, RAMP] = max(side * held * missing, -room - q.terms[r, INVENTORY])


@kernel
def _write_beliefs(q: Any, b: Any, p: Any, bk: Any, r: int, side: int, sigma: float) -> None:
    """Write what depends on what a fill here is expected to bring."""
    t = q.terms
    w = q.placement[r]
    costs = cost(q, r)
    half = t[r, BASE] + t[r, WIDTH] + costs
    beliefs.say(b, w, side, half, bk)
    t[r, TOXICITY] = toxicity.premium(b.toxicity, w.toxicity, sigma)
    t[r, MONOPOLIST] = 0.0
    if p.monopolist_pricing:
        others = beliefs.others_within(p.instrument, bk, side, q.mid * (1.0 - side * half))
        t[r, MONOPOLIST] = monopolist.markup(b.monopolist, q.order_sz, others, costs)
    w.structural_bps = 1e4 * (half - expected_cost(q, r))
    w.edge_bps = edge.forecast(b.edge, b.q_table, w.state, w.arm, w.structural_bps)
    copy(w.edges_bps, b.edge.members_bps)
    asked = edge.correction(b.edge, w.structural_bps, w.edge_bps, w.arm, 1e4 * t[r, BASE])
    t[r, EDGE] = 0.0 if p.rl_shadow else 1e-4 * asked


@kernel
def _write_floor(q: Any, p: Any, r: int) -> None:
    """Let nothing bring a quote nearer to its centre than what a fill costs."""
    t = q.terms
    total = 0.0
    for k in range(FLOOR):
        total += t[r, k]
    least = max(cost(q, r), p.half_spread_floor)
    t[r, FLOOR] = max(least - total, 0.0)


@kernel
def _write_centre(q: Any, b: Any) -> None:
    """Move the centre to where the mid is expected to be: nearer to one side, off the other."""
    t = q.terms
    nearest = t[BID, BASE] + t[BID, WIDTH] + t[BID, FEE] + t[BID, ADVERSE]
    signals = t[ASK, MICRO : MICRO + SIGNALS]
    total = alpha.forecast(b.alpha, b.signals, signals)
    scale = min(1.0, SIGNAL_SHARE * nearest / abs(total)) if total != 0.0 else 1.0
    for k in range(MICRO, MICRO + SIGNALS):
        t[ASK, k] *= scale
        t[BID, k] = -t[ASK, k]
    q.placement[BID].alpha = scale * total
    q.placement[ASK].alpha = -scale * total
    paid = b.funding_hourly * hold_s(b, t[BID, BASE]) / 3_600.0
    t[BID, FUNDING] = min(max(paid, -FUNDING_MAX), FUNDING_MAX)
    t[ASK, FUNDING] = -t[BID, FUNDING]


@kernel
def hold_s(b: Any, base: float) -> float:
    """Return how long an order's worth of inventory is expected to be held [s]."""
    rate = b.intensity.intensity_per_s * math.exp(-b.intensity.kappa * base)
    return min(max(1.0 / max(rate, 1e-9), HOLD_MIN_S), HOLD_MAX_S)
