"""How the session has quoted: uptime, filled orders, and own against market spread."""

import math
from typing import Annotated, Any

from engine.record import f8, i8, kernel, record

BINS = 96
RATIO_MIN, RATIO_MAX = 0.02, 50.0  # own touch spread / market touch spread; a bin is 8.5 % wide
GAP_S = 5.0  # silence longer than this is a gap, not a quiet market
BURST_NS = 1_000_000_000  # fills of one side within this are one aggressor's


@record
class Quoting:
    """Seconds and counts since the session began."""

    quote_s: f8  # both sides resting
    live_s: f8  # the feed spoke
    gap_s: f8
    own_bid: f8  # best resting [USD], 0 where there is none
    own_ask: f8
    filled_orders: i8
    last_fill_ns: Annotated[i8, 2]
    ratio_s: Annotated[f8, BINS]  # seconds spent at each ratio since the last sample
    next_sample_ns: i8


@kernel
def account(q: Any, dt_s: float, silent_s: float, market_spread: float) -> None:
    """Absorb `dt_s` seconds of standing quotes, at the end of `silent_s` without market data.

    `market_spread` [USD] is 0 in a closed book.
    """
    if silent_s > GAP_S:
        q.gap_s += dt_s
        return
    q.live_s += dt_s
    if q.own_bid > 0.0 and q.own_ask > 0.0:
        q.quote_s += dt_s
        if market_spread > 0.0:
            q.ratio_s[_bin((q.own_ask - q.own_bid) / market_spread)] += dt_s


@kernel
def _bin(ratio: float) -> int:
    x = math.log(max(ratio, RATIO_MIN) / RATIO_MIN) / math.log(RATIO_MAX / RATIO_MIN)
    return min(int(x * BINS), BINS - 1)


@kernel
def take_spread_ratio(q: Any) -> float:
    """Return the time-weighted median ratio since the last call, NaN where we never quoted."""
    total = 0.0
    for k in range(BINS):
        total += q.ratio_s[k]
    below, median = 0.0, math.nan
    for k in range(BINS):
        below += q.ratio_s[k]
        if total > 0.0 and math.isnan(median) and below >= 0.5 * total:
            median = RATIO_MIN * (RATIO_MAX / RATIO_MIN) ** ((k + 0.5) / BINS)
        q.ratio_s[k] = 0.0
    return median


@kernel
def count_fill(q: Any, row: int, ts_ns: int) -> bool:
    """Count a filled order, unless the same sweep filled us within the last second."""
    is_new = ts_ns - q.last_fill_ns[row] > BURST_NS or q.filled_orders == 0
    q.filled_orders += is_new
    q.last_fill_ns[row] = ts_ns
    return is_new
