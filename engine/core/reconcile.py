"""From the quotes we wish for to the fewest requests that get there.

Every wish takes the resting order that serves it best. An order near enough is kept, whatever
level it was asked for; of the rest, orders and wishes are paired and moved with one request each,
what is left over is cancelled, and what is missing is placed. An order whose answer is outstanding
is left alone, and serves the wish it was asked for.
"""

import math
from typing import Annotated, Any

from engine.core.book import row
from engine.core.orders import MAX_LEVELS, MODIFYING, PLACING, RESTING, first_slot, is_overdue
from engine.record import f8, i8, kernel, record

KEEP, PLACE_NEW, MOVE = 0, 1, 2
SIZE_TOLERANCE = 0.5
NOISE_S = 5.0  # a move of the primary horizon's usual size is not worth a request
SIGMA_WEIGHT_S = 30.0  # seconds of market data at which σ counts as much as the fees
TOLERANCE_MAX = 15e-4
HALF_SPREAD_SHARE = 0.25  # a quote is never left farther off than this share of its distance


@record
class Plan:
    """For each wish of both sides: the slot that serves it (-1: none) and what to do.

    Row 0 bids, row 1 asks; `surplus` marks the slots of orders that serve no wish.
    """

    slot: Annotated[i8, (2, MAX_LEVELS)]
    todo: Annotated[i8, (2, MAX_LEVELS)]
    surplus: Annotated[i8, (2, MAX_LEVELS)]
    tolerance: f8


@kernel
def tolerance(p: Any, sigma: float, seconds: float, half_spread: float) -> float:
    """Return how far a resting quote may be from the wish, relative, where requests are ample.

    A round trip of fees at first, then, as σ becomes known, the usual move of 5 s; at most a
    quarter of the half-spread (docs/model.md, "Orders and requests").
    """
    known = seconds / (seconds + SIGMA_WEIGHT_S)
    moved = sigma * math.sqrt(NOISE_S)
    wished = (1.0 - known) * p.max_diff + known * moved
    return min(wished, HALF_SPREAD_SHARE * half_spread, TOLERANCE_MAX)


@kernel
def plan(plan: Any, ladder: Any, orders: Any, side: int, now_ns: int) -> None:
    """Assign one side's orders to its wishes; one whose answer is overdue is to be cancelled."""
    r = row(side)
    first = first_slot(side)
    for k in range(MAX_LEVELS):
        plan.slot[r, k] = -1
        plan.todo[r, k] = PLACE_NEW if ladder.sz[r, k] > 0.0 else KEEP
        plan.surplus[r, k] = orders.slot[first + k].state == RESTING
    _keep(plan, ladder, orders, r, first)
    _wait(plan, ladder, orders, r, first, now_ns)
    _move(plan, ladder, orders, r, first)
    for k in range(MAX_LEVELS):
        plan.surplus[r, k] |= is_overdue(orders.slot[first + k], now_ns)


@kernel
def _keep(plan: Any, ladder: Any, orders: Any, r: int, first: int) -> None:
    """Let every wish keep the nearest order that is near enough and of about the right size."""
    for level in range(MAX_LEVELS):
        if plan.todo[r, level] == KEEP:
            continue
        px, sz = ladder.px[r, level], ladder.sz[r, level]
        best, nearest = -1, plan.tolerance * px
        for k in range(MAX_LEVELS):
            o = orders.slot[first + k]
            if plan.surplus[r, k] and abs(o.sz - sz) <= SIZE_TOLERANCE * sz:
                distance = abs(o.px - px)
                if distance <= nearest and (best < 0 or distance < nearest):
                    best, nearest = k, distance
        if best >= 0:
            plan.slot[r, level] = first + best
            plan.todo[r, level] = KEEP
            plan.surplus[r, best] = 0


@kernel
def _wait(plan: Any, ladder: Any, orders: Any, r: int, first: int, now_ns: int) -> None:
    """Let every order on its way serve the wish nearest to what was asked."""
    for k in range(MAX_LEVELS):
        o = orders.slot[first + k]
        if o.state not in (PLACING, MODIFYING) or is_overdue(o, now_ns):
            continue
        level = _nearest_wish(plan, ladder, r, o.asked_px if o.state == MODIFYING else o.px)
        if level >= 0:
            plan.slot[r, level] = first + k
            plan.todo[r, level] = KEEP


@kernel
def _move(plan: Any, ladder: Any, orders: Any, r: int, first: int) -> None:
    """Move what serves no wish to the nearest wish that nothing serves."""
    for k in range(MAX_LEVELS):
        if not plan.surplus[r, k]:
            continue
        level = _nearest_wish(plan, ladder, r, orders.slot[first + k].px)
        if level >= 0:
            plan.slot[r, level] = first + k
            plan.todo[r, level] = MOVE
            plan.surplus[r, k] = 0


@kernel
def _nearest_wish(plan: Any, ladder: Any, r: int, px: int) -> int:
    """Return the level of the unserved wish nearest to a price, or -1."""
    found = -1
    for level in range(MAX_LEVELS):
        if plan.todo[r, level] == PLACE_NEW and (
            found < 0 or abs(ladder.px[r, level] - px) < abs(ladder.px[r, found] - px)
        ):
            found = level
    return found
