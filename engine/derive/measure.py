"""What a market looks like from its events alone: spread, volume, volatility, silence.

One compiled pass, the same for a simulated market and for a tape. The median spread is read from a
histogram of 200 bins per decade (1.2 % wide) from 0.001 to 10,000 bps, weighted by time.
"""

import math
from collections.abc import Iterable
from typing import Annotated, Any

from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from engine.core import book
from engine.core.book import Book
from engine.events import CONNECTED, DISCONNECTED, LAST, LEVEL, TRADE
from engine.instrument import Instrument, new_instrument
from engine.record import f8, i8, kernel, record, zeros

SECOND_NS = 1_000_000_000
GAP_S = 5.0
LOWEST_BPS = 1e-3
BINS_PER_DECADE = 200
BINS = 7 * BINS_PER_DECADE
FINEST_SZ_DECIMALS = 0  # six price decimals: the grid on which every legal price is exact


class Measurement(BaseModel):
    """A market as it was observed; `None` where there was nothing to observe."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hours_observed: float  # without gaps
    spread_bps: float | None  # time-weighted median touch spread while the book was open
    closed_share: float  # share of the observed time with a locked, crossed or absent book
    day_volume_usd: float | None  # traded notional, scaled to 24 h
    trades: int
    trades_per_min: float | None
    sigma_per_sqrt_s: float | None  # from mids on a grid of one second; bounce included
    largest_gap_s: float  # the longest time between two events
    gap_s: float  # total of the silences longer than 5 s, and of the time disconnected


@record
class Observed:
    """Memory of one pass."""

    instrument: Instrument
    book: Book
    first_ns: i8
    last_ns: i8
    connected: i8
    open_: i8  # the book between the last two runs could be traded against
    spread_bps: f8
    mid: f8
    weight_s: Annotated[f8, BINS]
    closed_s: f8
    gap_s: f8
    largest_gap_s: f8
    traded_usd: f8
    trades: i8
    second: i8  # number of the last grid second
    grid_mid: f8  # NaN where the book was closed
    squares: f8
    returns: i8


@kernel
def absorb(states: Any, events: Any) -> None:
    """Absorb events in order; a time that runs backwards counts as no time."""
    s = states[0]
    for j in range(events.shape[0]):
        e = events[j]
        if s.first_ns == 0:
            s.first_ns = e.ts_ns
            s.last_ns = e.ts_ns
            s.second = e.ts_ns // SECOND_NS
        if e.ts_ns > s.last_ns:
            _pass_time(s, e.ts_ns)
        _apply(s, e)


@kernel
def _pass_time(s: Any, ts_ns: int) -> None:
    dt_s = (ts_ns - s.last_ns) * 1e-9
    s.last_ns = ts_ns
    s.largest_gap_s = max(s.largest_gap_s, dt_s)
    silent = dt_s > GAP_S or s.connected == 0
    if silent:
        s.gap_s += dt_s
    elif s.open_ == 1:
        s.weight_s[_bin(s.spread_bps)] += dt_s
    else:
        s.closed_s += dt_s
    _pass_seconds(s, ts_ns // SECOND_NS, silent)


@kernel
def _pass_seconds(s: Any, second: int, silent: bool) -> None:
    """Sample the mid at every whole second passed; after a silence the series starts anew."""
    passed = second - s.second
    if passed <= 0:
        return
    s.second = second
    if silent or s.open_ == 0:
        s.grid_mid = math.nan
        return
    if s.grid_mid > 0.0:  # false for NaN
        r = math.log(s.mid / s.grid_mid)
        s.squares += r * r
        s.returns += passed  # the seconds in between saw no change
    elif passed > 1:
        s.returns += passed - 1
    s.grid_mid = s.mid


@kernel
def _bin(bps: float) -> int:
    position = math.log10(max(bps, LOWEST_BPS) / LOWEST_BPS) * BINS_PER_DECADE
    return min(int(position), BINS - 1)


@kernel
def _apply(s: Any, e: Any) -> None:
    if e.kind == LEVEL:
        book.apply(s.book, s.instrument, e)
        if e["code"] & LAST:
            _look(s)
    elif e.kind == TRADE:
        s.traded_usd += e.px * e.sz
        s.trades += 1
    elif e.kind == DISCONNECTED:
        s.connected = 0
        s.open_ = 0
        s.book.n[0] = 0
        s.book.n[1] = 0
    elif e.kind == CONNECTED:
        s.connected = 1


@kernel
def _look(s: Any) -> None:
    s.open_ = 1 if book.is_open(s.book) else 0
    if s.open_ == 1:
        s.spread_bps = book.spread_bps(s.book, s.instrument)
        s.mid = book.mid(s.book, s.instrument)


def measure(chunks: Iterable[NDArray[Any]]) -> Measurement:
    """Measure a market from its events, given in chunks in order of time.

    Examples
    --------
    >>> measure([]).spread_bps is None
    True
    """
    states = zeros(Observed)
    states[0].instrument = new_instrument(FINEST_SZ_DECIMALS)
    states[0].connected = 1
    states[0].grid_mid = math.nan
    for events in chunks:
        absorb(states, events)
    return _measurement(states[0])


def _measurement(s: Any) -> Measurement:
    observed_s = max((int(s.last_ns) - int(s.first_ns)) * 1e-9 - float(s.gap_s), 0.0)
    per_s = 1.0 / observed_s if observed_s > 0 else None
    return Measurement(
        hours_observed=observed_s / 3600,
        spread_bps=_median(s.weight_s),
        closed_share=float(s.closed_s) * per_s if per_s else 0.0,
        day_volume_usd=float(s.traded_usd) * per_s * 86_400 if per_s else None,
        trades=int(s.trades),
        trades_per_min=int(s.trades) * per_s * 60 if per_s else None,
        sigma_per_sqrt_s=math.sqrt(s.squares / s.returns) if s.returns else None,
        largest_gap_s=float(s.largest_gap_s),
        gap_s=float(s.gap_s),
    )


def _median(weights: NDArray[Any]) -> float | None:
    total = weights.sum()
    if total <= 0.0:
        return None
    middle = int((weights.cumsum() >= total / 2).argmax())
    return float(LOWEST_BPS * 10.0 ** ((middle + 0.5) / BINS_PER_DECADE))
