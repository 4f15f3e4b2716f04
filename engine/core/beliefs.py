"""What the maker believes: every estimator, and which event reaches which of them.

Market data moves the market's estimators; the passing of a second moves the slow ones; what became
of a fill teaches the learners, each exactly once, with what was believed when its order was asked
for.
"""

import math
from typing import Annotated, Any

from engine.core import (
    alpha,
    book,
    edge,
    feed,
    flow,
    intensity,
    lead_lag,
    markout,
    monopolist,
    q_table,
    reach,
    regime,
    risk_aversion,
    toxicity,
    volatility,
)
from engine.core.alpha import CROSS_FLOW, FLOW, LEAD_LAG, MICRO, SIGNALS, Alpha
from engine.core.book import ASK, BID
from engine.core.calibration import Calibration
from engine.core.edge import EdgeEnsemble
from engine.core.feed import Feed
from engine.core.flow import Flow
from engine.core.intensity import Intensity
from engine.core.lead_lag import LeadLag
from engine.core.markout import Markouts
from engine.core.monopolist import Monopolist
from engine.core.q_table import QTable
from engine.core.reach import Sweep
from engine.core.regime import Regime
from engine.core.risk_aversion import RiskAversion
from engine.core.toxicity import Toxicity
from engine.core.volatility import Volatility
from engine.events import CONTEXT, REFERENCE, REFERENCE_TRADE, TRADE
from engine.instrument import to_px
from engine.record import f8, kernel, record

WAKE_S = 60  # a longer silence counts as this much of what it ended with
DEPTH_HALFLIFE_S = 600.0
FADE = 0.5 ** (1.0 / DEPTH_HALFLIFE_S)


@record
class Beliefs:
    """One estimator each; the rest is what was last heard."""

    volatility: Volatility
    regime: Regime
    intensity: Intensity
    sweep: Sweep
    markouts: Markouts
    calibration: Calibration
    toxicity: Toxicity
    aversion: RiskAversion
    monopolist: Monopolist
    flow: Flow
    reference: Feed  # quotes of the leading venue
    reference_trades: Feed
    reference_flow: Flow
    lead_lag: LeadLag
    alpha: Alpha
    q_table: QTable
    edge: EdgeEnsemble
    reference_px: f8
    signals: Annotated[f8, SIGNALS]  # as of the last whole second
    depth: f8  # coins displayed near the touch, averaged over ten minutes
    funding_hourly: f8
    open_interest: f8  # coins


@kernel
def start(b: Any, p: Any) -> None:
    """Set every estimator to its prior."""
    intensity.start(b.intensity, p.kappa_prior, p.kappa_prior_fills, p.intensity_prior_per_s)
    toxicity.start(b.toxicity)
    risk_aversion.start(b.aversion)
    regime.start(b.regime)
    b.reference.configured = p.has_reference
    b.reference_trades.configured = p.has_reference
    q_table.start(b.q_table, p.asset_hash, p.asset_hash)
    edge.start(b.edge, p.rl_enabled)


@kernel
def hear(b: Any, i: Any, bk: Any, e: Any, now_ns: int) -> None:
    """Absorb market data other than the book's."""
    if e.kind == TRADE:
        flow.hear(b.flow, e.side, e.px * e.sz, now_ns)
        if reach.hear(b.sweep, e, bk, i):
            intensity.reach(b.intensity, b.sweep.excess, b.sweep.gap)
            monopolist.hear_sweep(b.monopolist)
    elif e.kind == REFERENCE:
        b.reference_px = e.px
        feed.hear(b.reference, now_ns)
    elif e.kind == REFERENCE_TRADE:
        flow.hear(b.reference_flow, e.side, e.px * e.sz, now_ns)
        feed.hear(b.reference_trades, now_ns)
    elif e.kind == CONTEXT:
        b.funding_hourly = e.extra
        b.open_interest = e.sz


@kernel
def pass_time(b: Any, i: Any, bk: Any, mid: float, ts_ns: int, now_ns: int) -> int:
    """Let venue time run to `ts_ns` with the mid that held; return the whole seconds it passed."""
    seconds = volatility.update(b.volatility, mid, ts_ns)
    if seconds > 0:
        for _ in range(min(seconds, WAKE_S)):
            regime.update(b.regime, volatility.fast_sigma(b.volatility))
        if book.is_open(bk):
            half = 0.5e-4 * book.spread_bps(bk, i)
            monopolist.observe(b.monopolist, half, float(min(seconds, WAKE_S)))
            _see_signals(b, i, bk, mid, now_ns)
            alpha.observe(b.alpha, b.signals, mid, now_ns)
    return seconds


@kernel
def compare(b: Any, mid: float, now_ns: int) -> None:
    """Put our mid beside the leading venue's, as both are now; free where there is none."""
    if b.reference.configured:
        heard = feed.availability(b.reference, now_ns) in (feed.WARMING, feed.FRESH)
        px = b.reference_px if heard and b.reference_px > 0.0 else math.nan
        lead_lag.update(b.lead_lag, mid if mid > 0.0 else math.nan, px, now_ns)


@kernel
def _see_signals(b: Any, i: Any, bk: Any, mid: float, now_ns: int) -> None:
    b.signals[MICRO] = book.micro_price(bk, i) / mid - 1.0
    b.signals[FLOW] = flow.imbalance(b.flow, now_ns)
    heard = feed.availability(b.reference, now_ns) == feed.FRESH
    b.signals[LEAD_LAG] = lead_lag.signal(b.lead_lag) if heard else 0.0
    heard = feed.availability(b.reference_trades, now_ns) == feed.FRESH
    b.signals[CROSS_FLOW] = flow.imbalance(b.reference_flow, now_ns) if heard else 0.0
    near = book.near_sz(bk, BID) + book.near_sz(bk, ASK)
    b.depth = near if b.depth == 0.0 else FADE * b.depth + (1.0 - FADE) * near


@kernel
def others_within(i: Any, bk: Any, side: int, px: float) -> float:
    """Return the size displayed on a side at a price [USD] or better [coins]."""
    r = book.row(side)
    total = 0.0
    for k in range(bk.n[r]):
        if side * (to_px(i, bk.px[r, k]) - px) < 0.0:
            break
        total += bk.sz[r, k]
    return total


@kernel
def staleness(b: Any, now_ns: int) -> float:
    """Return the staleness multiplier of the leading venue, 1 where there is none.

    Its quotes are the heartbeat; trades may be rare without anything being wrong.
    """
    return feed.multiplier(b.reference, now_ns)


@kernel
def say(b: Any, placement: Any, side: int, half_spread: float, bk: Any) -> None:
    """Write what is believed of a fill at this distance on this side."""
    v = b.volatility
    sigma = volatility.sigma(v)
    root = max(sigma * math.sqrt(5.0), 1e-12)
    toxicity.fill_features(
        placement.toxicity,
        side,
        book.imbalance(bk),
        b.signals[FLOW],
        volatility.move(v) / root,
        b.signals[LEAD_LAG] / root,
        math.log(max(regime.ratio(b.regime), 1e-3)),
        half_spread / root,
    )
    placement.is_known = 1
    placement.p_adverse = toxicity.probability(b.toxicity, placement.toxicity)
    placement.p_base = toxicity.base_rate(b.toxicity)
    placement.regime = b.regime.level
    placement.sigma = sigma


@kernel
def learn(b: Any, o: Any, now_ns: int) -> None:
    """Teach every learner the primary outcome of one fill, by what was believed of it before."""
    w = o.placement
    if not w.is_known:
        return
    move_bps = o.markout_bps[markout.PRIMARY] - o.half_spread_bps
    realised = o.markout_bps[markout.PRIMARY] - o.fee_bps
    toxicity.learn(b.toxicity, w.toxicity, w.p_adverse, move_bps < -volatility.ADVERSE_BPS)
    risk_aversion.learn(b.aversion, w.risk, 1e-4 * move_bps, w.sigma, now_ns)
    edge.learn(b.edge, w.edges_bps, realised)
    reward = q_table.reward(realised, o.orders, o.held_before, o.held_after)
    q_table.learn(b.q_table, w.state, w.arm, reward, realised - w.structural_bps)
