"""The book of the competing makers: a few orders a side, each one refreshed on its own.

Every slot is one competitor's order. Makers see the efficient price late, refresh one order at a
time, and never cross each other; takers walk the orders from the best outwards. What changes is
sent as LEVEL deltas that end in `LAST`.
"""

import math
from typing import Annotated, Any

from engine.core.book import ASK, BID
from engine.events import BUY, LAST, LEVEL, SELL, SNAPSHOT, TRADE
from engine.instrument import Instrument, passive_units, tick_units, to_px
from engine.record import f8, i8, kernel, record

SLOTS = 10
EMPTY_BPS = 1e6  # an empty slot is the most urgent of all
MAX_DEPTH_BPS = 2_000.0


@record
class Displayed:
    """Orders of the competitors: row 0 bids, row 1 asks, in no order; no lots means no order."""

    instrument: Instrument
    slots: i8
    px: Annotated[i8, (2, SLOTS)]  # units
    lots: Annotated[i8, (2, SLOTS)]
    depth_bps: Annotated[f8, (2, SLOTS)]  # distance from fair price its owner wants
    ts_ns: i8  # time of the last event sent
    recv_ns: i8
    trade_id: i8
    sweep_id: i8


@record
class Quoting:
    """How the competitors quote."""

    half_spread_bps: f8
    half_spread_sd: f8  # of its logarithm
    half_spread_reversion_per_s: f8
    step_bps: f8  # between one competitor and the next
    jitter: f8  # sd of the logarithm of the distance wanted
    level_usd: f8
    level_growth: f8  # each level is so much larger than the one before
    level_sd: f8
    refresh_per_s: f8
    urgent_per_s: f8
    tolerance_bps: f8


@kernel
def emit(d: Any, events: Any, n: int, kind: int, side: int, code: int, px: float, sz: float) -> int:
    """Write one event at the book's current times; return the new count."""
    e = events[n]
    e.kind = kind
    e.side = side
    e.code = code
    e.ts_ns = d.ts_ns
    e.recv_ns = d.recv_ns
    e.px = px
    e.sz = sz
    e.id = 0
    e.ref = 0
    e.extra = 0.0
    return n + 1


@kernel
def best(d: Any, r: int) -> int:
    """Return the slot with the best price on side `r`; -1 where the side is empty."""
    found = -1
    for k in range(d.slots):
        if d.lots[r, k] > 0 and (
            found < 0 or (d.px[r, k] > d.px[r, found] if r == BID else d.px[r, k] < d.px[r, found])
        ):
            found = k
    return found


@kernel
def best_px(d: Any, r: int) -> float:
    """Return the best price [USD] on side `r`; NaN where the side is empty."""
    k = best(d, r)
    return to_px(d.instrument, d.px[r, k]) if k >= 0 else math.nan


@kernel
def send_level(d: Any, events: Any, n: int, r: int, units: int, code: int) -> int:
    """Send what all slots together show at one price."""
    lots = 0
    orders = 0
    for k in range(d.slots):
        if d.px[r, k] == units and d.lots[r, k] > 0:
            lots += d.lots[r, k]
            orders += 1
    side = BUY if r == BID else SELL
    i = d.instrument
    n = emit(d, events, n, LEVEL, side, code, to_px(i, units), lots / i.lots_per_coin)
    events[n - 1].ref = orders
    return n


@kernel
def _seen_before(d: Any, r: int, k: int) -> bool:
    for j in range(k):  # noqa: SIM110 - numba has no generator expressions
        if d.px[r, j] == d.px[r, k] and d.lots[r, j] > 0:
            return True
    return False


@kernel
def send_snapshot(d: Any, events: Any, n: int) -> int:
    """Send the whole book; nothing where it is empty."""
    first = n
    for r in range(2):
        for k in range(d.slots):
            if d.lots[r, k] > 0 and not _seen_before(d, r, k):
                n = send_level(d, events, n, r, d.px[r, k], SNAPSHOT if n == first else 0)
    if n > first:
        events[n - 1]["code"] |= LAST
    return n


@kernel
def worst(d: Any, fair: float) -> tuple[int, float, float]:
    """Find the order that stands farthest from where its owner would put it now.

    Returns it as row·SLOTS + slot, its deviation [bps], and the second largest deviation [bps].
    """
    per_unit = 1e4 / (fair * d.instrument.units_per_usd)
    found, first, second = 0, -1.0, -1.0
    for r in range(2):
        sign = 1.0 if r == ASK else -1.0
        for k in range(d.slots):
            bps = EMPTY_BPS
            if d.lots[r, k] > 0:
                bps = abs(sign * (d.px[r, k] * per_unit - 1e4) - d.depth_bps[r, k])
            if bps > first:
                found, first, second = r * SLOTS + k, bps, first
            elif bps > second:
                second = bps
    return found, first, second


@kernel
def place(d: Any, q: Any, rng: Any, r: int, k: int, fair: float, half_bps: float) -> None:
    """Put the order of one slot where its owner wants it, behind the other side's best."""
    i = d.instrument
    wanted = half_bps * math.exp(q.jitter * rng.standard_normal()) + k * q.step_bps
    d.depth_bps[r, k] = min(wanted, MAX_DEPTH_BPS)
    side = BUY if r == BID else SELL
    sign = -1.0 if r == BID else 1.0
    units = passive_units(i, side, fair * (1.0 + sign * d.depth_bps[r, k] / 1e4))
    other = best(d, 1 - r)
    if other >= 0:
        opposite = d.px[1 - r, other]
        if r == BID and units >= opposite:
            units = opposite - tick_units(i, opposite - 1)
        elif r == ASK and units <= opposite:
            units = opposite + tick_units(i, opposite)
    usd = q.level_usd * q.level_growth**k * math.exp(q.level_sd * rng.standard_normal())
    d.px[r, k] = units
    d.lots[r, k] = max(int(usd / fair * i.lots_per_coin), 1)


@kernel
def refresh(
    d: Any, q: Any, rng: Any, events: Any, n: int, slot: int, fair: float, half_bps: float
) -> int:
    """Let one competitor replace its order, and send what changed."""
    r, k = slot // SLOTS, slot % SLOTS
    had, old = d.lots[r, k] > 0, d.px[r, k]
    place(d, q, rng, r, k, fair, half_bps)
    if had and old != d.px[r, k]:
        n = send_level(d, events, n, r, old, 0)
    return send_level(d, events, n, r, d.px[r, k], LAST)


@kernel
def sweep(d: Any, events: Any, n: int, side: int, lots: int, limit: int) -> int:
    """Let a taker walk the book for at most `lots`, not past `limit` [units].

    All prints of one taker share `ref`; each has its own id.
    """
    r = ASK if side == BUY else BID
    start, first, last = n, 0, 0
    d.sweep_id += 1
    while lots > 0:
        k = best(d, r)
        if k < 0 or (d.px[r, k] - limit) * side > 0:
            break
        if n == start:
            first = d.px[r, k]
        last = d.px[r, k]
        taken = min(lots, d.lots[r, k])
        n = _print_trade(d, events, n, side, last, taken)
        d.lots[r, k] -= taken
        lots -= taken
    return _send_consumed(d, events, n, r, first, last) if n > start else n


@kernel
def _print_trade(d: Any, events: Any, n: int, side: int, units: int, lots: int) -> int:
    i = d.instrument
    n = emit(d, events, n, TRADE, side, 0, to_px(i, units), lots / i.lots_per_coin)
    d.trade_id += 1
    events[n - 1].id = d.trade_id
    events[n - 1].ref = d.sweep_id
    return n


@kernel
def _send_consumed(d: Any, events: Any, n: int, r: int, first: int, last: int) -> int:
    """Send every level a sweep has touched: all prices between its first and its last print."""
    low, high = min(first, last), max(first, last)
    for k in range(d.slots):
        units = d.px[r, k]
        if low <= units <= high:
            n = send_level(d, events, n, r, units, 0)
            for j in range(k, d.slots):  # one message a price, and a consumed order is forgotten
                if d.px[r, j] == units and d.lots[r, j] == 0:
                    d.px[r, j] = 0
    events[n - 1]["code"] |= LAST
    return n
