"""The kill switch: latched before it acts, and never un-latched by the engine; and pauses.

Loss and drawdown are measured on account value at 00:00 UTC, whatever the sign of the profit:
``loss = (E_0 - E) / (C + E_0)`` and ``drawdown = (max E since 00:00 - E) / (C + E_0)`` with C the
phase's capital and E the profit since the session began. The worse of the two against the tier
trips (docs/model.md, "Limits").

What passes by itself (a dead feed, a venue that refuses requests, a cascade) only pauses: quotes
are pulled until the condition is over and 30 s more.
"""

import math
from typing import Any

from engine.record import f8, i8, kernel, record

DAY_NS = 86_400_000_000_000
S = 1_000_000_000

ARMED = 0
# reasons of a latch
DAILY_LOSS, DRAWDOWN, POSITION, MANUAL = 1, 2, 3, 4
CRASH, LIQUIDATION, STUCK = 5, 6, 7
# reasons of a pause
STALE, RATE_LIMITED, CASCADE = 11, 12, 13

# scopes: what a restart may forget
TRANSIENT, DAILY, PERMANENT = 0, 1, 2

POSITION_MULTIPLE = 2.0
STALE_NS = 30 * S
COOL_DOWN_NS = 30 * S
REFUSALS = 3  # for too many requests, within a minute
REFUSALS_NS = 60 * S
CASCADE_MOVE, CASCADE_SDS = 0.005, 20.0  # in 5 s: half a per cent, and 20 standard deviations
CRASH_MOVE = 0.15  # in 5 s
LOST_SHARE = 0.2  # of the limit, missing from the venue's account of our position
LOST_NS = 5 * S  # in which no fill explains it
STUCK_SHARE = 0.1
STUCK_NS = 60 * S  # able to quote, holding, and nothing that would reduce it


@record
class KillSwitch:
    """`reason` is ARMED or why it tripped; `tripped_ns` never changes afterwards."""

    reason: i8
    tripped_ns: i8
    day: i8
    day_start_usd: f8
    day_peak_usd: f8
    loss: f8  # of account value, worst seen today, or until it tripped
    drawdown: f8
    pause: i8  # reason, while quotes are pulled for a while
    paused_until_ns: i8
    pauses: i8  # ever
    refusals: i8
    refused_ns: i8  # first of those counted
    venue_position: f8  # as last reported
    reported_ns: i8  # when; 0 where there is nothing to compare
    reducing_ns: i8  # when inventory was last small or had a quote that reduces it


@kernel
def scope(reason: int) -> int:
    """Return what ends a reason: its condition, the day, or only a person.

    >>> [scope(r) for r in (STALE, DRAWDOWN, LIQUIDATION)] == [TRANSIENT, DAILY, PERMANENT]
    True
    """
    if reason >= STALE:
        return TRANSIENT
    return DAILY if reason in (DAILY_LOSS, DRAWDOWN) else PERMANENT


@kernel
def latch(k: Any, reason: int, now_ns: int) -> bool:
    """Trip the switch; return True in the one call that does."""
    if k.reason != ARMED:
        return False
    k.reason = reason
    k.tripped_ns = now_ns
    return True


@kernel
def check(k: Any, p: Any, equity_usd: float, position: float, now_ns: int) -> bool:
    """Absorb the equity now; return True in the one call that trips the switch."""
    if k.reason != ARMED:
        return False
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
    reason = _reason(k, p, position)
    return reason != ARMED and latch(k, reason, now_ns)


@kernel
def _reason(k: Any, p: Any, position: float) -> int:
    if k.loss > p.kill_fraction:
        return DAILY_LOSS
    if k.drawdown > p.kill_fraction:
        return DRAWDOWN
    if abs(position) > POSITION_MULTIPLE * p.max_position:
        return POSITION
    return ARMED


@kernel
def used(k: Any, p: Any) -> float:
    """Return the share of the tier that today's loss or drawdown has used."""
    return max(k.loss, k.drawdown) / p.kill_fraction if p.kill_fraction > 0.0 else 0.0


@kernel
def is_paused(k: Any, now_ns: int) -> bool:
    """Return whether a pause holds."""
    return now_ns < k.paused_until_ns


@kernel
def pause(k: Any, reason: int, now_ns: int) -> None:
    """Pull quotes until 30 s after the last call."""
    if not is_paused(k, now_ns):
        k.pauses += 1
        k.pause = reason
    k.paused_until_ns = now_ns + COOL_DOWN_NS


@kernel
def hear_refusal(k: Any, now_ns: int) -> None:
    """Count a request refused for the address's rate limit; more than three a minute pause."""
    if now_ns - k.refused_ns > REFUSALS_NS:
        k.refused_ns = now_ns
        k.refusals = 0
    k.refusals += 1
    if k.refusals > REFUSALS:
        pause(k, RATE_LIMITED, now_ns)


@kernel
def check_silence(k: Any, heard_ns: int, now_ns: int) -> None:
    """Pause where the market has been silent for half a minute."""
    if heard_ns > 0 and now_ns - heard_ns > STALE_NS:
        pause(k, STALE, now_ns)


@kernel
def check_move(k: Any, move: float, sigma: float, now_ns: int) -> bool:
    """Absorb the mid's move of the last 5 s; a cascade pauses, a crash trips."""
    size = abs(move)
    if size > CASCADE_MOVE and size > CASCADE_SDS * sigma * math.sqrt(5.0):
        pause(k, CASCADE, now_ns)
    return size > CRASH_MOVE and latch(k, CRASH, now_ns)


@kernel
def hear_position(k: Any, venues: float, now_ns: int) -> None:
    """Remember what the venue says we hold."""
    k.venue_position = venues
    k.reported_ns = now_ns


@kernel
def check_position(k: Any, p: Any, ours: float, fill_ns: int, now_ns: int) -> bool:
    """Trip where the venue's account of our position still differs after 5 s without a fill.

    A fill after the report makes it old: the next one is compared.
    """
    is_told = k.reported_ns > 0 and fill_ns < k.reported_ns - LOST_NS
    is_lost = abs(k.venue_position - ours) > LOST_SHARE * p.max_position
    return (
        is_told and is_lost and now_ns - k.reported_ns > LOST_NS and latch(k, LIQUIDATION, now_ns)
    )


@kernel
def check_stuck(k: Any, is_held: bool, is_reducing: bool, now_ns: int) -> bool:
    """Trip where inventory has had no quote that reduces it for a minute of being able to quote."""
    if not is_held or is_reducing or k.reducing_ns == 0:
        k.reducing_ns = now_ns
    return now_ns - k.reducing_ns > STUCK_NS and latch(k, STUCK, now_ns)
