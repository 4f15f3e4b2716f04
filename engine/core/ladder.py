"""The quotes we wish for: up to 25 prices a side with sizes the venue and the limits allow."""

from typing import Annotated, Any

from engine.core.book import row
from engine.core.orders import MAX_LEVELS
from engine.events import BUY
from engine.instrument import floor_sz, min_sz, passive_units, tick_units, to_px
from engine.record import f8, i8, kernel, record


@record
class Ladder:
    """Wished prices [units] and sizes [coins]; row 0 bids, row 1 asks; size zero is no quote."""

    px: Annotated[i8, (2, MAX_LEVELS)]
    sz: Annotated[f8, (2, MAX_LEVELS)]


@kernel
def fill_side(
    ladder: Any,
    p: Any,
    side: int,
    levels: int,
    touch: float,
    gap: float,
    sz: float,
    room: float,
    limit_px: int,
) -> None:
    """Lay one side's levels, best first, until the size or the room for inventory is used up.

    Parameters
    ----------
    p : `Params`
    side : BUY or SELL
    levels : how many to lay, if there is room
    touch : wished price of the best level [USD]
    gap : distance between levels [USD]
    sz : wished size of one level [coins]
    room : how much inventory this side may still add [coins]
    limit_px : most aggressive price that cannot match [units]
    """
    i = p.instrument
    r = row(side)
    previous = 0
    for k in range(MAX_LEVELS):
        ladder.sz[r, k] = 0.0
        if k >= levels:
            continue
        px = passive_units(i, side, touch - side * k * gap)
        px = min(px, limit_px) if side == BUY else max(px, limit_px)
        if k > 0 and side * (previous - px) <= 0:
            px = previous - side * tick_units(i, previous)
        previous = px
        least = min_sz(i, to_px(i, max(px, 1)))
        level_sz = floor_sz(i, min(max(sz, least), room))
        if level_sz < least or px <= 0:
            room = 0.0
            continue
        ladder.px[r, k] = px
        ladder.sz[r, k] = level_sz
        room -= level_sz


@kernel
def clear(ladder: Any) -> None:
    """Wish for nothing."""
    for r in range(2):
        for k in range(MAX_LEVELS):
            ladder.sz[r, k] = 0.0
