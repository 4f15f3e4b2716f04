"""The efficient price: what an asset is worth, which makers learn late and some takers early.

Log-Brownian with a calm and an active regime, jumps, drifts that last, and announced moves: an
informed taker knows of a move that is released over the seconds after its trade.
"""

import math
from typing import Annotated, Any

from engine.record import f8, i8, kernel, record

SETTLED = 1e-9  # an announced move this small is over
LEAN = 0.6  # of the reference venue's takers, at most this share more go with a move than against


@record
class PriceModel:
    """How the price moves, and who sees it when."""

    sigma_bps: Annotated[f8, 2]  # per √s, in the calm and the active regime
    leave_per_s: Annotated[f8, 2]
    jumps_per_s: f8
    jump_bps: f8
    trend_bps_per_s: f8
    trend_change_per_s: f8
    informed_horizon_s: f8
    maker_lag_s: f8
    reference_per_s: f8
    reference_trades_per_s: f8
    feed_latency_s: f8
    funding_hourly: f8
    open_interest_usd: f8


@record
class Efficient:
    """The price now, and what is already decided about its future."""

    ts_ns: i8
    px: f8
    seen_px: f8  # as the makers see it
    regime: i8
    drift_per_s: f8
    announced: f8  # log move still to come


@kernel
def advance(s: Any, p: Any, rng: Any, ts_ns: int) -> float:
    """Move the price to `ts_ns`; return the seconds that passed."""
    dt = (ts_ns - s.ts_ns) * 1e-9
    if dt <= 0.0:
        return 0.0
    s.ts_ns = ts_ns
    move = p.sigma_bps[s.regime] * 1e-4 * math.sqrt(dt) * rng.standard_normal() + s.drift_per_s * dt
    before = s.px
    s.px = before * math.exp(move + _release(s, p, dt))
    # exact answer of a first-order lag to a ramp: a coarse step must not shorten the lag
    caught = -math.expm1(-dt / p.maker_lag_s)
    ramp = 1.0 - caught * p.maker_lag_s / dt
    s.seen_px += (before - s.seen_px) * caught + (s.px - before) * ramp
    return dt


@kernel
def _release(s: Any, p: Any, dt: float) -> float:
    if s.announced == 0.0:
        return 0.0
    released = -s.announced * math.expm1(-dt / p.informed_horizon_s)
    s.announced -= released
    if abs(s.announced) < SETTLED:
        s.announced = 0.0
    return released


@kernel
def jump(s: Any, p: Any, rng: Any) -> None:
    """Move the price at once, to nobody's warning."""
    s.px *= math.exp(p.jump_bps * 1e-4 * rng.standard_normal())


@kernel
def turn(s: Any, p: Any, rng: Any) -> None:
    """Draw the drift that lasts until the next turn."""
    s.drift_per_s = p.trend_bps_per_s * 1e-4 * rng.standard_normal()


@kernel
def buy_share(s: Any, p: Any) -> float:
    """Return the share of buys on the reference venue: takers there go where the price just went.

    The move is the one the makers have not yet followed, in units of its usual size.
    """
    usual = p.sigma_bps[s.regime] * 1e-4 * math.sqrt(p.maker_lag_s)
    if usual <= 0.0:
        return 0.5
    return 0.5 + 0.5 * LEAN * math.tanh(math.log(s.px / s.seen_px) / usual)
