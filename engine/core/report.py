"""What the maker tells the shell: finished markouts, periodic samples, the journal of actions."""

import math
from typing import Any

from engine.core import (
    alpha,
    attribution,
    beliefs,
    book,
    budget,
    calibration,
    intensity,
    lead_lag,
    ledger,
    markout,
    output,
    quote,
    quoting,
    toxicity,
    volatility,
)
from engine.core.book import ASK, BID
from engine.instrument import to_px
from engine.record import kernel


@kernel
def next_seq(m: Any) -> int:
    """Return the number of the next row; rows are numbered in the order they are said."""
    m.said += 1
    return m.said


@kernel
def report(m: Any, out: Any) -> None:
    """Hand over finished markouts, the periodic sample, and this step's actions for the journal."""
    for _ in range(output.ROOM // 2):  # a long silence may finish more than there is room for
        if not markout.is_complete(m.beliefs.markouts):
            break
        _say_markout(m, out)
    if m.mid > 0.0 and m.now_ns >= m.quoting.next_sample_ns:
        if m.quoting.next_sample_ns > 0:
            _say_sample(m, out)
        period = m.params.sample_ns
        m.quoting.next_sample_ns = m.now_ns - m.now_ns % period + period
    for k in range(out.n_actions):
        out.journal[out.n_journal] = out.actions[k]
        out.n_journal += 1


@kernel
def say_fill(m: Any, e: Any, mid: float, out: Any) -> None:
    """Say that a fill was booked; `mid` is the mid when it happened."""
    row = out.fills[out.n_fills]
    out.n_fills += 1
    row.seq = next_seq(m)
    row.ts_ns = e.ts_ns
    row.tid = e.id
    row.cloid = e.ref
    row.side = e.side
    row.px = e.px
    row.sz = e.sz
    row.fee_usd = e.extra
    row.mid = mid
    row.position = m.ledger.position


@kernel
def _say_markout(m: Any, out: Any) -> None:
    o = markout.pop(m.beliefs.markouts)
    row = out.markouts[out.n_markouts]
    out.n_markouts += 1
    row.seq = next_seq(m)
    row.ts_ns = o.ts_ns
    row.tid = o.tid
    row.cloid = o.cloid
    row.side = o.side
    row.notional_usd = o.px * o.sz
    row.fee_bps = o.fee_bps
    row.half_spread_bps = o.half_spread_bps
    for h in range(markout.HORIZONS):
        row.markout_bps[h] = o.markout_bps[h]
    w = o.placement
    row.p_adverse = w.p_adverse if w.is_known else math.nan
    row.p_base = w.p_base if w.is_known else math.nan
    row.expected_edge_bps = w.edge_bps if w.is_known else math.nan
    row.structural_edge_bps = w.structural_bps if w.is_known else math.nan
    row.rl_state = w.state if w.is_known else -1
    row.rl_arm = w.arm
    row.rl_propensity = w.propensity if w.is_known else math.nan
    row.alpha_bps = 1e4 * w.alpha if w.is_known else math.nan
    row.regime = w.regime
    row.sigma = w.sigma


@kernel
def _say_sample(m: Any, out: Any) -> None:
    s = out.samples[out.n_samples]
    out.n_samples += 1
    s.seq = next_seq(m)
    q = m.quoting
    is_open = book.is_open(m.book)
    s.ts_ns = m.now_ns
    s.mid = m.mid
    s.equity_usd = ledger.equity_usd(m.ledger, m.mid)
    s.position = m.ledger.position
    s.own_bid = q.own_bid if q.own_bid > 0.0 else math.nan
    s.own_ask = q.own_ask if q.own_ask > 0.0 else math.nan
    s.mkt_bid = to_px(m.params.instrument, m.book.px[BID, 0]) if is_open else math.nan
    s.mkt_ask = to_px(m.params.instrument, m.book.px[ASK, 0]) if is_open else math.nan
    s.spread_ratio = quoting.take_spread_ratio(q)
    s.quote_s = q.quote_s
    s.live_s = q.live_s
    s.gap_s = q.gap_s
    s.actions = m.orders.requests
    s.filled_orders = q.filled_orders
    s.own_fills = m.ledger.fills
    s.headroom = budget.headroom(m.budget)
    s.gamma = m.quote.gamma
    s.pauses = m.kill.pauses
    _say_profit(s, m.attribution)
    _say_learning(s, m.beliefs)
    _say_signals(s, m)


@kernel
def _say_profit(s: Any, a: Any) -> None:
    s.spread_usd = a.spread_usd
    s.adverse_usd = a.adverse_usd
    s.inventory_usd = attribution.inventory_usd(a)
    s.fees_usd = a.fees_usd
    s.funding_usd = a.funding_usd


@kernel
def _say_learning(s: Any, b: Any) -> None:
    s.null_n = b.volatility.null_n
    s.null_adverse = b.volatility.null_adverse
    s.outcomes = b.markouts.outcomes
    s.kappa = b.intensity.kappa
    s.kappa_confidence = intensity.confidence(b.intensity)
    s.as_progress = calibration.as_progress(b.markouts)
    s.kappa_progress = calibration.kappa_progress(b.intensity)
    s.calibration = calibration.progress(b.markouts, b.intensity)
    s.sigma = volatility.sigma(b.volatility)
    s.regime = b.regime.level
    s.brier = toxicity.brier(b.toxicity)
    s.brier_base = toxicity.base_brier(b.toxicity)
    s.skill = toxicity.skill(b.toxicity)
    s.tox_trust = toxicity.trust(b.toxicity)


@kernel
def _say_signals(s: Any, m: Any) -> None:
    """Say what each signal adds to the centre now [bps]; a bid is nearer by it."""
    t = m.quote.terms
    s.alpha_micro_bps = -1e4 * t[BID, quote.MICRO]
    s.alpha_flow_bps = -1e4 * t[BID, quote.FLOW]
    s.alpha_lead_bps = -1e4 * t[BID, quote.LEAD_LAG]
    s.alpha_cross_bps = -1e4 * t[BID, quote.CROSS_FLOW]
    b = m.beliefs
    s.alpha_trust = alpha.trust(b.alpha)
    s.lead_lag_ms = lead_lag.lag_ms(b.lead_lag)
    s.lead_lag_significant = lead_lag.is_significant(b.lead_lag)
    s.staleness = beliefs.staleness(b, m.now_ns)
