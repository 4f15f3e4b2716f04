"""Our account as the venue keeps it: position, fees, funding, margin, and the address's requests.

The venue has its own books. The maker's ledger must come to the same numbers from the fills and
payments it hears of; a test compares them.

References
----------
Hyperliquid documentation (2026-09): *Fees* (tiers by 14-day volume, per UTC day), *Funding* (every
hour, on the mark's notional), *Margining* and *Liquidations* (maintenance is half the initial
margin at the highest leverage), *Rate limits and user limits* (one request per dollar traded; more
for cancels; one in ten seconds when there are none left).
"""

import math
from typing import Annotated, Any

from engine.core import budget
from engine.core.budget import DAY_S, TRICKLE_S, Budget
from engine.events import MIN_NOTIONAL, NO_MARGIN, OI_CAP
from engine.record import f8, i8, kernel, record

S = 1_000_000_000
HOUR_NS = 3_600 * S
DAY_NS = int(DAY_S) * S
QUOTA_NS = 60 * S  # how often we ask for the venue's count of our requests
DAYS = 14
CANCELS_MORE = 100_000.0  # cancels may use as many more, or twice as many if that is less
NOISE = 1e-6  # of a step
FEE_STEPS_PER_USD = 1e6  # a fee is truncated to six decimals of the collateral
# 14-day volume above which a tier applies [USD], and what its maker and taker pay [bps]
TIER_USD = (0.0, 5e6, 25e6, 100e6, 500e6, 2e9, 7e9)
TIER_MAKER = (1.5, 1.2, 0.8, 0.4, 0.0, 0.0, 0.0)
TIER_TAKER = (4.5, 4.0, 3.5, 3.0, 2.8, 2.6, 2.4)


@record
class Account:
    """USD and coins, from zero; `margin_usd` is what the account was given."""

    margin_usd: f8
    max_leverage: f8
    oi_cap_usd: f8
    limits: i8  # whether margin, cap and requests are enforced
    position: f8
    cash_usd: f8
    mark: f8  # the mid, or the venue's own mark before there is one
    open_interest: f8  # coins, as last published
    funding_hourly: f8  # as last published
    next_funding_ns: i8
    payments: i8
    maker_fee: f8  # of the tier at the start
    start_tier: i8
    volume_usd: Annotated[f8, DAYS]
    day: i8
    budget: Budget
    trickle_ns: i8  # when a request beyond the budget was last let through
    next_quota_ns: i8
    refused: i8  # requests, for whatever reason
    liquidated: i8


def start(a: Any, params: Any, *, volume_14d_usd: float, limits: bool) -> None:
    """Fill a zeroed record from the maker's parameters."""
    a.margin_usd = params.capital_usd
    a.max_leverage = params.max_leverage
    a.oi_cap_usd = params.oi_cap_usd
    a.limits = limits
    a.maker_fee = params.maker_fee
    a.volume_usd[:] = volume_14d_usd / DAYS
    a.start_tier = _tier_now(a)
    budget.start(a.budget, params.request_grant, budget.REQUESTS_PER_USD)


@kernel
def tier(volume_usd: float) -> int:
    """Return the fee tier of a 14-day volume [USD].

    >>> [tier(v) for v in (0.0, 5e6, 5.1e6, 1e10)]
    [0, 0, 1, 6]
    """
    found = 0
    for k in range(1, len(TIER_USD)):
        if volume_usd > TIER_USD[k]:
            found = k
    return found


@kernel
def pass_time(a: Any, ts_ns: int) -> float:
    """Let the venue's clock run to `ts_ns`; return the funding due [USD], negative where we pay.

    Hours in which we heard nothing are paid at the last rate published.
    """
    if a.day != ts_ns // DAY_NS:
        _turn_days(a, ts_ns // DAY_NS)
    if a.next_funding_ns == 0:
        a.next_funding_ns = (ts_ns // HOUR_NS + 1) * HOUR_NS
    if ts_ns < a.next_funding_ns:
        return 0.0
    hours = 1 + (ts_ns - a.next_funding_ns) // HOUR_NS
    a.next_funding_ns += hours * HOUR_NS
    usd = -hours * a.funding_hourly * a.position * a.mark
    a.cash_usd += usd
    return usd


@kernel
def _turn_days(a: Any, day: int) -> None:
    """Begin a day's volume; days before the first were alike."""
    if a.day > 0:
        for d in range(max(a.day + 1, day - DAYS + 1), day + 1):
            a.volume_usd[d % DAYS] = 0.0
    a.day = day


@kernel
def hear_context(a: Any, e: Any) -> None:
    """Absorb what the venue publishes: mark, open interest, funding rate."""
    a.funding_hourly = e.extra
    a.open_interest = e.sz
    if a.mark == 0.0:
        a.mark = e.px


@kernel
def settle(a: Any, side: int, px: float, sz: float, rate: float) -> float:
    """Book one fill at a fee rate; return the fee [USD]."""
    usd = px * sz
    steps = usd * rate * FEE_STEPS_PER_USD
    fee = math.trunc(steps + math.copysign(NOISE, steps)) / FEE_STEPS_PER_USD
    a.position += side * sz
    a.cash_usd -= side * usd + fee
    a.volume_usd[a.day % DAYS] += usd
    budget.earn(a.budget, usd)
    return fee


@kernel
def maker_rate(a: Any) -> float:
    """Return what a maker pays now: the rate at the start, as the tiers have moved since."""
    now = _tier_now(a)
    if now == a.start_tier or a.maker_fee < 0.0:
        return a.maker_fee
    return _scale(a) * TIER_MAKER[now] * 1e-4


@kernel
def taker_rate(a: Any) -> float:
    """Return what a taker pays now."""
    return _scale(a) * TIER_TAKER[_tier_now(a)] * 1e-4


@kernel
def _scale(a: Any) -> float:
    """Return how the dex scales fees, from what a maker paid at the start; 1 where it is free."""
    base = TIER_MAKER[a.start_tier] * 1e-4
    return a.maker_fee / base if base > 0.0 and a.maker_fee > 0.0 else 1.0


@kernel
def _tier_now(a: Any) -> int:
    """Return the tier of the 13 days before and today: the venue looks once a day, we always."""
    total = 0.0
    for d in range(DAYS):
        total += a.volume_usd[d]
    return tier(total)


@kernel
def equity_usd(a: Any) -> float:
    """Return what the account is worth at the mark [USD]."""
    return a.margin_usd + a.cash_usd + a.position * a.mark


@kernel
def is_liquidated(a: Any) -> bool:
    """Return whether equity no longer covers maintenance: half the margin at highest leverage."""
    if a.position == 0.0 or not a.limits:
        return False
    return equity_usd(a) < abs(a.position) * a.mark / (2.0 * a.max_leverage)


@kernel
def reason_against(a: Any, side: int, px: float, sz: float, resting: float, least: float) -> int:
    """Return why an order may not rest, 0 where it may.

    Parameters
    ----------
    side, px, sz
        of the order [USD, coins].
    resting
        what rests on its side already [coins].
    least
        smallest notional of an order that opens [USD].
    """
    after = side * a.position + resting + sz
    if after <= NOISE * sz:  # together they only close: any size may, and no margin is needed
        return 0
    if px * sz < least * (1.0 - 1e-9):
        return MIN_NOTIONAL
    if not a.limits:
        return 0
    mark = a.mark if a.mark > 0.0 else px
    if a.open_interest * mark >= a.oi_cap_usd:
        return OI_CAP
    return NO_MARGIN if after * px > equity_usd(a) * a.max_leverage else 0


@kernel
def charge(a: Any, is_cancel: bool, now_ns: int) -> bool:
    """Count one request; return False, uncounted, where the address has none left."""
    if not a.limits:
        return True
    b = a.budget
    allowed = min(b.granted + CANCELS_MORE, 2.0 * b.granted) if is_cancel else b.granted
    if b.used + 1.0 > allowed:
        if a.trickle_ns > 0 and now_ns - a.trickle_ns < int(TRICKLE_S * S):
            return False
        a.trickle_ns = now_ns
    budget.spend(b, 1.0)
    return True
