"""What the maker tells the shell: finished markouts, periodic samples, the journal of actions."""

import math
from typing import Any

from engine.core import book, calibration, intensity, ledger, markout, output, quoting, volatility
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
        if not markout.is_complete(m.markouts):
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
def _say_markout(m: Any, out: Any) -> None:
    o = m.markouts.pending[m.markouts.tail % markout.PENDING]
    m.markouts.tail += 1
    row = out.markouts[out.n_markouts]
    out.n_markouts += 1
    row.seq = next_seq(m)
    row.ts_ns = o.ts_ns
    row.tid = o.tid
    row.cloid = o.cloid
    row.side = o.side
    row.px = o.px
    row.sz = o.sz
    row.fee_bps = o.fee_bps
    row.half_spread_bps = o.half_spread_bps
    for h in range(markout.HORIZONS):
        row.markout_bps[h] = o.markout_bps[h]


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
    s.null_n = m.volatility.null_n
    s.null_adverse = m.volatility.null_adverse
    s.actions = m.orders.requests
    s.filled_orders = q.filled_orders
    s.own_fills = m.ledger.fills
    s.outcomes = m.markouts.outcomes
    s.kappa = m.intensity.kappa
    s.kappa_confidence = intensity.confidence(m.intensity)
    s.as_progress = calibration.as_progress(m.markouts)
    s.kappa_progress = calibration.kappa_progress(m.intensity)
    s.calibration = calibration.progress(m.markouts, m.intensity)
    s.sigma = volatility.sigma(m.volatility)
