"""Rounding to tick and lot: in kernels it happens here and nowhere else.

Hyperliquid perpetuals: a price has at most 5 significant figures and at most ``6 - sz_decimals``
decimals, integers are always legal; a size has at most ``sz_decimals`` decimals; an order that
opens is worth at least 10 USD (docs: trading/tick-and-lot-size, 2026-09-30). Inside kernels a
price is an integer number of `units`, the smallest step the decimals allow; the tick is a multiple
of it.
"""

import math
from typing import Any

from engine.events import BUY
from engine.grid import MAX_PX_DECIMALS, SIGNIFICANT_FIGURES
from engine.record import f8, kernel, record, zeros

# what a price may be at all: six decimals at most, and no unit near the end of 64 bits
PX_MIN, PX_MAX = 1e-6, 1e9


@record
class Instrument:
    """Grid of one perpetual."""

    units_per_usd: f8  # 10^(6 - sz_decimals)
    lots_per_coin: f8  # 10^sz_decimals
    min_notional_usd: f8


def new_instrument(sz_decimals: int, min_notional_usd: float = 10.0) -> Any:
    """Return one `Instrument` record.

    Raises
    ------
    ValueError
        if `sz_decimals` is not within 0..6.

    Examples
    --------
    >>> i = new_instrument(sz_decimals=2)
    >>> float(tick_size(i, 40.123)), float(tick_size(i, 9.9))
    (0.001, 0.0001)
    """
    if not 0 <= sz_decimals <= MAX_PX_DECIMALS:
        raise ValueError(f"sz_decimals must be within 0..6, was {sz_decimals}")
    instrument = zeros(Instrument)[0]
    instrument.units_per_usd = 10.0 ** (MAX_PX_DECIMALS - sz_decimals)
    instrument.lots_per_coin = 10.0**sz_decimals
    instrument.min_notional_usd = min_notional_usd
    return instrument


@kernel
def to_units(i: Any, px: float) -> int:
    """Return the price as an integer number of units, to the nearest."""
    return math.floor(px * i.units_per_usd + 0.5)


@kernel
def to_px(i: Any, units: int) -> float:
    """Return the price [USD] of an integer number of units."""
    return units / i.units_per_usd


@kernel
def tick_units(i: Any, units: int) -> int:
    """Return the tick at this price, in units: five significant figures, integers always legal."""
    step = 1
    digits = units
    while digits >= 10**SIGNIFICANT_FIGURES:
        digits //= 10
        step *= 10
    return min(step, max(int(i.units_per_usd), 1))


@kernel
def tick_size(i: Any, px: float) -> float:
    """Return the tick [USD] at price `px`."""
    return to_px(i, tick_units(i, to_units(i, px)))


@kernel
def passive_units(i: Any, side: int, px: float) -> int:
    """Return the legal price at or behind `px`, in units: bids are floored, asks are ceiled."""
    raw = px * i.units_per_usd
    tick = tick_units(i, int(raw))
    ticks = raw / tick
    # a price that is legal up to float noise stays where it is
    nearest = math.floor(ticks + 0.5)
    if abs(ticks - nearest) < 1e-6:
        return int(nearest) * tick
    return int(math.floor(ticks) if side == BUY else math.ceil(ticks)) * tick


@kernel
def floor_sz(i: Any, sz: float) -> float:
    """Return the largest legal size [coins] not above `sz`."""
    return math.floor(sz * i.lots_per_coin + 1e-6) / i.lots_per_coin


@kernel
def min_sz(i: Any, px: float) -> float:
    """Return the smallest legal size [coins] worth the minimum notional at `px`.

    >>> i = new_instrument(sz_decimals=2)
    >>> float(min_sz(i, 30.9))
    0.33
    """
    return math.ceil(i.min_notional_usd / px * i.lots_per_coin - 1e-6) / i.lots_per_coin
