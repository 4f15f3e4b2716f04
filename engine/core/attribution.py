r"""Where the profit came from: spread, adverse selection, inventory, fees and funding.

Every change of equity is booked once, as it happens, so the parts add up to it:

.. math::
    E = \underbrace{\sum s z (m - p)}_{spread} + \underbrace{\sum q\,Δm}_{carry} - fees + funding,

with s, z, p the side, size and price of a fill, m the mid when it happened and q the position held
while the mid moved. The part of the carry that comes within 5 s of each fill is adverse selection;
the rest is inventory (docs/model.md, "Attribution").

References
----------
Huang and Stoll, *Dealer versus auction markets*, J. Financ. Econ. 41 (1996): the realised
spread is the effective spread less the move after the trade.
"""

import math
from typing import Any

from engine.record import f8, kernel, record


@record
class Attribution:
    """USD since the session began; a part is positive where it earned, fees where they cost."""

    spread_usd: f8
    carry_usd: f8
    adverse_usd: f8  # the part of `carry_usd` within 5 s of a fill, negative where it moved on us
    fees_usd: f8
    funding_usd: f8


@kernel
def fill(
    a: Any, side: int, px: float, sz: float, fee_usd: float, mid_at_fill: float, mid_now: float
) -> None:
    """Book one fill, once; it may have happened before the mid of now.

    Parameters
    ----------
    mid_at_fill, mid_now : the mid that held at the fill's own time, and the one `move` knows last
    """
    a.spread_usd += side * sz * (mid_at_fill - px)
    a.carry_usd += side * sz * (mid_now - mid_at_fill)
    a.fees_usd += fee_usd


@kernel
def move(a: Any, position: float, old_mid: float, new_mid: float) -> None:
    """Book a change of the mid while `position` coins were held; between known mids only."""
    a.carry_usd += position * (new_mid - old_mid)


@kernel
def resolve(a: Any, signed_move_usd: float) -> None:
    """Book side·size·(mid 5 s after a fill - mid at the fill); unknown (NaN) is inventory."""
    if math.isfinite(signed_move_usd):
        a.adverse_usd += signed_move_usd


@kernel
def pay(a: Any, usd: float) -> None:
    """Book funding received [USD]; negative when paid."""
    a.funding_usd += usd


@kernel
def inventory_usd(a: Any) -> float:
    """Return what holding earned beyond 5 s after each fill [USD]."""
    return a.carry_usd - a.adverse_usd


@kernel
def total_usd(a: Any) -> float:
    """Return the sum of the parts [USD]: the ledger's equity at the last mid."""
    return a.spread_usd + a.carry_usd - a.fees_usd + a.funding_usd


@kernel
def open_at(a: Any, equity_usd: float) -> None:
    """Take what the first mid makes of fills before it as carry: until then nothing had a price."""
    a.carry_usd += equity_usd - total_usd(a)
