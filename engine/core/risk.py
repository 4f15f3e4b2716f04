"""The kill switch: latched before it acts, and never un-latched by the engine.

Loss and drawdown are measured on account value at 00:00 UTC, whatever the sign of the profit:
``loss = (E_0 - E) / (C + E_0)`` and ``drawdown = (max E since 00:00 - E) / (C + E_0)`` with C the
phase's capital and E the profit since the session began. The worse of the two against the tier
trips (docs/model.md, eqs. 19-20).
"""

from typing import Any

from engine.record import f8, i8, kernel, record

DAY_NS = 86_400_000_000_000

ARMED = 0
DAILY_LOSS, DRAWDOWN, POSITION, MANUAL = 1, 2, 3, 4  # reasons

POSITION_MULTIPLE = 2.0


@record
class KillSwitch:
    """`reason` is ARMED or why it tripped; `tripped_ns` never changes afterwards."""

    reason: i8
    tripped_ns: i8
    day: i8
    day_start_usd: f8
    day_peak_usd: f8
    loss: f8  # of account value, worst seen today
    drawdown: f8


@kernel
def check(k: Any, p: Any, equity_usd: float, position: float, now_ns: int) -> bool:
    """Absorb the equity now; return True in the one call that trips the switch."""
    day = now_ns // DAY_NS
    if day != k.day:
        k.day = day
        k.day_start_usd = equity_usd
        k.day_peak_usd = equity_usd
        k.loss = 0.0
        k.drawdown = 0.0
    k.day_peak_usd = max(k.day_peak_usd, equity_usd)
    account = max(p.capital_usd + k.day_start_usd, 1e-9)
    k.loss = max(k.loss, (k.day_start_usd - equity_usd) / account)
    k.drawdown = max(k.drawdown, (k.day_peak_usd - equity_usd) / account)
    if k.reason != ARMED:
        return False
    k.reason = _reason(k, p, position)
    if k.reason == ARMED:
        return False
    k.tripped_ns = now_ns
    return True


@kernel
def _reason(k: Any, p: Any, position: float) -> int:
    if k.loss > p.kill_fraction:
        return DAILY_LOSS
    if k.drawdown > p.kill_fraction:
        return DRAWDOWN
    if abs(position) > POSITION_MULTIPLE * p.max_position:
        return POSITION
    return ARMED
