"""A synthetic market: an efficient price nobody sees, makers who follow it, takers who hit them.

- The *efficient price* (`efficient`) has two volatility regimes, jumps, drifts that last, and moves
  that informed takers know of before they happen.
- *Makers* (`displayed`) quote around a late view of it, pushed a little by recent flow.
- *Noise takers* are a two-sided Hawkes process with log-normal sizes. *Informed takers* trade ahead
  of a move; *pick-off takers* sweep quotes that the efficient price has already left.
- A *reference venue* shows the efficient price at once; its takers lean to where it just went.

All memory is one `Market` record; all randomness comes from the generator passed in, one per
simulated hour. So a restart at an hour's boundary needs the record's bytes and nothing else.

References
----------
Glosten and Milgrom, J. Financial Economics 14 (1985): informed takers against late makers.
Bacry, Mastromatteo and Muzy, *Hawkes processes in finance* (2015), eq. 5; sampled by thinning
(Ogata, IEEE Trans. Inf. Theory 27, 1981).
"""

import math
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from engine.core.book import ASK, BID
from engine.events import BUY, CONTEXT, REFERENCE, REFERENCE_TRADE, SELL, TIMER, Event, joined
from engine.instrument import new_instrument, to_units
from engine.record import dump_state, f8, i8, kernel, load_state, record, zeros
from engine.sim.displayed import (
    SLOTS,
    Displayed,
    Quoting,
    best_px,
    emit,
    place,
    refresh,
    send_snapshot,
    sweep,
    worst,
)
from engine.sim.efficient import Efficient, PriceModel, advance, buy_share, jump, turn
from engine.sim.scenarios import Scenario

SECOND_NS = 1_000_000_000
HOUR_NS = 3_600 * SECOND_NS
FAR_NS = 2**62
ROOM = 64  # no step writes more events than this
BUFFER = 1 << 16

NOISE, REFRESH, PICK_OFF, INFORMED, LEADER, JUMP, REGIME, TREND, WHOLE_BOOK, HOURLY = range(10)
LEADER_TRADE = 10
CLOCKS = 11


@record
class Takers:
    """How the takers behave."""

    noise_per_s: f8  # both sides, before self-excitation
    branching: f8  # trades that one trade causes, on average
    excitation_decay_per_s: f8
    size_usd: f8  # median
    size_sd: f8  # of its logarithm
    size_cap_usd: f8
    impact_bps: f8  # by which one sweep moves the makers' quotes
    impact_decay_s: f8
    informed_per_s: f8
    informed_bps: f8  # the move an informed taker knows of
    pick_off_per_s: f8  # how often somebody looks for stale quotes
    pick_off_bps: f8  # profit needed to take one
    pick_off_usd: f8


@record
class Market:
    """Everything the market remembers."""

    book: Displayed
    quoting: Quoting
    takers: Takers
    price: PriceModel
    efficient: Efficient
    per_s: Annotated[f8, CLOCKS]  # rates of the clocks without memory
    next_ns: Annotated[i8, CLOCKS]
    opened: i8
    now_ns: i8  # everything before this has been sent
    pressure_bps: f8  # by which recent flow moves the makers' quotes
    half_spread_log: f8  # relative to its median
    half_spread_ns: i8
    excitation_per_s: Annotated[f8, 2]  # of buys and of sells, at excitation_ns
    excitation_ns: i8
    noise_bound_per_s: f8


@kernel
def generate(markets: Any, rng: Any, events: Any, n: int, until_ns: int) -> int:
    """Append the market's events before `until_ns` to `events[n:]`; return the new count.

    Stops early where the buffer is nearly full; then `now_ns` of the market is before `until_ns`.
    """
    m = markets[0]
    if m.opened == 0:
        _open(m, rng)
    while n + ROOM <= events.shape[0]:
        c = _first_clock(m)
        timer_ns = m.book.ts_ns + SECOND_NS
        ts_ns = min(m.next_ns[c], timer_ns)
        if ts_ns >= until_ns:
            m.now_ns = until_ns
            break
        if timer_ns <= m.next_ns[c]:
            _stamp(m, rng, timer_ns)
            n = emit(m.book, events, n, TIMER, 0, 0, 0.0, 0.0)
        else:
            n = _step(m, rng, events, n, c, ts_ns)
    return n


@kernel
def _open(m: Any, rng: Any) -> None:
    m.opened = 1
    m.book.ts_ns = m.now_ns
    m.half_spread_ns = m.now_ns
    m.excitation_ns = m.now_ns
    for k in range(m.book.slots):
        place(m.book, m.quoting, rng, BID, k, m.efficient.px, m.quoting.half_spread_bps)
        place(m.book, m.quoting, rng, ASK, k, m.efficient.px, m.quoting.half_spread_bps)
    m.per_s[REFRESH] = m.quoting.refresh_per_s
    m.per_s[PICK_OFF] = m.takers.pick_off_per_s
    m.per_s[INFORMED] = m.takers.informed_per_s
    m.per_s[LEADER] = m.price.reference_per_s
    m.per_s[LEADER_TRADE] = m.price.reference_trades_per_s
    m.per_s[JUMP] = m.price.jumps_per_s
    m.per_s[REGIME] = m.price.leave_per_s[m.efficient.regime]
    m.per_s[TREND] = m.price.trend_change_per_s
    for c in range(CLOCKS):
        m.next_ns[c] = _after(rng, m.now_ns, m.per_s[c])
    m.next_ns[WHOLE_BOOK] = m.now_ns
    m.next_ns[HOURLY] = m.now_ns
    _draw_noise(m, rng)


@kernel
def _after(rng: Any, now_ns: int, per_s: float) -> int:
    if per_s <= 0.0:
        return FAR_NS
    return now_ns + 1 + int(rng.standard_exponential() / per_s * 1e9)


@kernel
def _first_clock(m: Any) -> int:
    first = 0
    for c in range(1, CLOCKS):
        if m.next_ns[c] < m.next_ns[first]:
            first = c
    return first


@kernel
def _step(m: Any, rng: Any, events: Any, n: int, c: int, ts_ns: int) -> int:
    _advance(m, rng, ts_ns)
    if c == REFRESH:
        return _refresh(m, rng, events, n)
    if c == NOISE:
        return _noise(m, rng, events, n)
    if c in (WHOLE_BOOK, HOURLY):
        return _publish(m, rng, events, n, c)
    m.next_ns[c] = _after(rng, ts_ns, m.per_s[c])
    if c in (PICK_OFF, INFORMED):
        return _trade_informed(m, rng, events, n, c)
    if c == LEADER_TRADE:
        return _trade_on_leader(m, rng, events, n)
    return _move(m, rng, events, n, c)


@kernel
def _stamp(m: Any, rng: Any, ts_ns: int) -> None:
    """Set the times of the events to come; what was sent later is never heard earlier."""
    latency_s = m.price.feed_latency_s * (0.6 + 0.4 * rng.standard_exponential())
    m.book.ts_ns = ts_ns
    m.book.recv_ns = max(m.book.recv_ns, ts_ns + int(latency_s * 1e9))


@kernel
def _advance(m: Any, rng: Any, ts_ns: int) -> None:
    dt = advance(m.efficient, m.price, rng, ts_ns)
    m.pressure_bps *= math.exp(-dt / m.takers.impact_decay_s)
    m.now_ns = ts_ns


@kernel
def _move(m: Any, rng: Any, events: Any, n: int, c: int) -> int:
    """Show the price on the reference venue, or change how it moves."""
    if c == LEADER:
        _stamp(m, rng, m.now_ns)
        return emit(m.book, events, n, REFERENCE, 0, 0, m.efficient.px, 0.0)
    if c == JUMP:
        jump(m.efficient, m.price, rng)
    elif c == TREND:
        turn(m.efficient, m.price, rng)
    else:
        m.efficient.regime = 1 - m.efficient.regime
        m.per_s[REGIME] = m.price.leave_per_s[m.efficient.regime]
        m.next_ns[REGIME] = _after(rng, m.now_ns, m.per_s[REGIME])
    return n


@kernel
def _trade_on_leader(m: Any, rng: Any, events: Any, n: int) -> int:
    side = BUY if rng.random() < buy_share(m.efficient, m.price) else SELL
    coins = _usd(m, rng) / m.efficient.px
    _stamp(m, rng, m.now_ns)
    return emit(m.book, events, n, REFERENCE_TRADE, side, 0, m.efficient.px, coins)


@kernel
def _fair(m: Any) -> float:
    return m.efficient.seen_px * (1.0 + m.pressure_bps * 1e-4)


@kernel
def _half_spread(m: Any, rng: Any) -> float:
    """Move the makers' half-spread [bps], a log Ornstein-Uhlenbeck process, to now; return it."""
    q = m.quoting
    keep = math.exp(-q.half_spread_reversion_per_s * (m.now_ns - m.half_spread_ns) * 1e-9)
    noise = q.half_spread_sd * math.sqrt(1.0 - keep * keep)
    m.half_spread_log = keep * m.half_spread_log + noise * rng.standard_normal()
    m.half_spread_ns = m.now_ns
    return q.half_spread_bps * math.exp(m.half_spread_log)


@kernel
def _refresh(m: Any, rng: Any, events: Any, n: int) -> int:
    q = m.quoting
    slot, bps, next_bps = worst(m.book, _fair(m))
    if bps < q.tolerance_bps:  # nobody is in a hurry: somebody moves
        slot = int(rng.random() * 2.0) * SLOTS + int(rng.random() * m.book.slots)
    urgent = next_bps >= q.tolerance_bps
    m.next_ns[REFRESH] = _after(rng, m.now_ns, q.urgent_per_s if urgent else q.refresh_per_s)
    _stamp(m, rng, m.now_ns)
    return refresh(m.book, q, rng, events, n, slot, _fair(m), _half_spread(m, rng))


@kernel
def _draw_noise(m: Any, rng: Any) -> None:
    """Draw the next candidate; excitation only fades until then, so today's rate bounds it."""
    m.noise_bound_per_s = m.takers.noise_per_s + m.excitation_per_s[0] + m.excitation_per_s[1]
    m.next_ns[NOISE] = _after(rng, m.now_ns, m.noise_bound_per_s)


@kernel
def _noise(m: Any, rng: Any, events: Any, n: int) -> int:
    t = m.takers
    faded = math.exp(-(m.now_ns - m.excitation_ns) * 1e-9 * t.excitation_decay_per_s)
    m.excitation_ns = m.now_ns
    m.excitation_per_s[0] *= faded
    m.excitation_per_s[1] *= faded
    buys = 0.5 * t.noise_per_s + m.excitation_per_s[0]
    sells = 0.5 * t.noise_per_s + m.excitation_per_s[1]
    u = rng.random() * m.noise_bound_per_s
    if u < buys + sells:
        side = BUY if u < buys else SELL
        m.excitation_per_s[0 if side == BUY else 1] += t.branching * t.excitation_decay_per_s
        n = _take(m, rng, events, n, side)
    _draw_noise(m, rng)
    return n


@kernel
def _usd(m: Any, rng: Any) -> float:
    t = m.takers
    return min(t.size_usd * math.exp(t.size_sd * rng.standard_normal()), t.size_cap_usd)


@kernel
def _take(m: Any, rng: Any, events: Any, n: int, side: int) -> int:
    return _sweep(m, rng, events, n, side, _usd(m, rng), FAR_NS * side)


@kernel
def _sweep(m: Any, rng: Any, events: Any, n: int, side: int, usd: float, limit: int) -> int:
    lots = max(int(usd / m.efficient.px * m.book.instrument.lots_per_coin), 1)
    _stamp(m, rng, m.now_ns)
    m.pressure_bps += side * m.takers.impact_bps
    m.next_ns[REFRESH] = min(m.next_ns[REFRESH], _after(rng, m.now_ns, m.quoting.urgent_per_s))
    return sweep(m.book, events, n, side, lots, limit)


@kernel
def _trade_informed(m: Any, rng: Any, events: Any, n: int, c: int) -> int:
    if c == PICK_OFF:
        return _pick_off(m, rng, events, n)
    side = BUY if rng.random() < 0.5 else SELL
    m.efficient.announced += side * m.takers.informed_bps * 1e-4 * rng.standard_exponential()
    return _take(m, rng, events, n, side)


@kernel
def _pick_off(m: Any, rng: Any, events: Any, n: int) -> int:
    """Let somebody sweep the quotes that the efficient price has left behind."""
    t = m.takers
    highest = m.efficient.px * (1.0 - t.pick_off_bps * 1e-4)
    lowest = m.efficient.px * (1.0 + t.pick_off_bps * 1e-4)
    i = m.book.instrument
    usd = t.pick_off_usd * math.exp(t.size_sd * rng.standard_normal())
    if best_px(m.book, ASK) <= highest:
        return _sweep(m, rng, events, n, BUY, usd, to_units(i, highest))
    if best_px(m.book, BID) >= lowest:
        return _sweep(m, rng, events, n, SELL, usd, to_units(i, lowest))
    return n


@kernel
def _publish(m: Any, rng: Any, events: Any, n: int, c: int) -> int:
    """Send the whole book (every minute) or the market's context (every hour)."""
    _stamp(m, rng, m.now_ns)
    if c == WHOLE_BOOK:
        m.next_ns[c] += 60 * SECOND_NS
        return send_snapshot(m.book, events, n)
    m.next_ns[c] += HOUR_NS
    n = emit(m.book, events, n, CONTEXT, 0, 0, m.efficient.px, 0.0)
    events[n - 1].sz = m.price.open_interest_usd / m.efficient.px
    events[n - 1].extra = m.price.funding_hourly * (1.0 + 0.5 * rng.standard_normal())
    return n


class SimulatedMarket:
    """One scenario from one seed, hour by hour.

    Parameters
    ----------
    scenario : Scenario
        what the market is like.
    seed : int
        same seed, same bytes.
    start_ns : int
        a whole hour [ns UTC].
    salt : int
        keeps assets with the same seed apart.
    """

    def __init__(self, scenario: Scenario, seed: int, start_ns: int, salt: int = 0) -> None:
        if start_ns % HOUR_NS:
            raise ValueError(f"start_ns must be a whole hour, was {start_ns}")
        self.scenario = scenario
        self.state = new_market(scenario, start_ns)
        self._seed = (seed, salt)
        self._first_hour = start_ns // HOUR_NS
        self._buffer = zeros(Event, BUFFER)

    @property
    def next_hour(self) -> int:
        """Index of the hour that comes next, counted from the start."""
        return int(self.state[0].now_ns // HOUR_NS - self._first_hour)

    def chunk(self, hour: int) -> NDArray[Any]:
        """Return the events of one hour; hours come in order.

        Raises
        ------
        ValueError
            if `hour` is not the next one.
        """
        if hour != self.next_hour:
            raise ValueError(f"hour must be {self.next_hour}, the next one, was {hour}")
        rng = np.random.default_rng((*self._seed, self._first_hour + hour))
        until_ns = (self._first_hour + hour + 1) * HOUR_NS
        parts = []
        while self.state[0].now_ns < until_ns:
            n = generate(self.state, rng, self._buffer, 0, until_ns)
            parts.append(self._buffer[:n].copy())
        return joined(parts)

    def dump(self) -> bytes:
        """Return a checkpoint; take it between two hours."""
        return dump_state(self.state)

    def load(self, blob: bytes) -> None:
        """Go on from a checkpoint of the same scenario and seed."""
        self.state = load_state(Market, blob)


def new_market(scenario: Scenario, start_ns: int) -> NDArray[Any]:
    """Return one `Market` that stands at `start_ns` and has sent nothing yet."""
    markets = zeros(Market)
    m = markets[0]
    m.book.instrument = new_instrument(scenario.sz_decimals)
    m.book.slots = scenario.slots
    for name, group in scenario.parameters().items():
        for field, value in group.items():
            m[name][field] = value
    m.efficient.px = m.efficient.seen_px = scenario.mark_px
    m.efficient.ts_ns = m.now_ns = start_ns
    return markets
