"""Position, cash and fees: the one truth of what we own, driven by fills alone.

Every fill counts once, by its venue id; equity is ``cash + position * mid`` and starts at zero, so
it is the profit since the session began.
"""

from typing import Annotated, Any

from engine.record import f8, i8, kernel, record

REMEMBERED = 10_240  # ids; a reconnect replays at most 2,000 fills


@record
class Ledger:
    """USD and coins; `seen` is a ring of the last fill and payment ids."""

    position: f8
    cash_usd: f8
    fees_usd: f8
    funding_usd: f8
    volume_usd: f8
    fills: i8
    seen: Annotated[i8, REMEMBERED]
    n_seen: i8


@kernel
def _is_new(ledger: Any, key: int) -> bool:
    """Remember an id; return whether it was unknown. A scan costs 5 µs, and fills are rare."""
    for k in range(min(ledger.n_seen, REMEMBERED)):
        if ledger.seen[k] == key:
            return False
    ledger.seen[ledger.n_seen % REMEMBERED] = key
    ledger.n_seen += 1
    return True


@kernel
def settle(ledger: Any, e: Any) -> bool:
    """Book one FILL event; return False, and change nothing, where its id was booked before."""
    if not _is_new(ledger, e.id):
        return False
    notional = e.px * e.sz
    ledger.position += e.side * e.sz
    ledger.cash_usd -= e.side * notional + e.extra
    ledger.fees_usd += e.extra
    ledger.volume_usd += notional
    ledger.fills += 1
    return True


@kernel
def pay_funding(ledger: Any, e: Any) -> bool:
    """Book one FUNDING event, once per id."""
    if not _is_new(ledger, -e.id):  # payments and fills number themselves independently
        return False
    ledger.cash_usd += e.extra
    ledger.funding_usd += e.extra
    return True


@kernel
def equity_usd(ledger: Any, mid: float) -> float:
    """Return the profit since the start [USD], with the position at `mid`."""
    if ledger.position == 0.0:
        return ledger.cash_usd
    return ledger.cash_usd + ledger.position * mid
