"""From the quotes we wish for to the fewest requests that get there.

One order per slot: a slot whose answer is outstanding is left alone; a resting order is kept while
its price is within `max_bps_diff` of the wish and its size within half of it.
"""

from typing import Any

from engine.actions import CANCEL, MODIFY, PLACE
from engine.core.orders import GONE, MAX_LEVELS, RESTING, slot_of
from engine.events import BUY, SELL
from engine.record import kernel

NOTHING = 0
SIZE_TOLERANCE = 0.5


@kernel
def wish_of(ladder: Any, orders: Any, p: Any, side: int, level: int) -> int:
    """Return the kind of request slot (side, level) needs: PLACE, CANCEL, MODIFY or NOTHING."""
    r = 0 if side == BUY else 1
    o = orders.slot[slot_of(side, level)]
    wished = ladder.sz[r, level]
    if o.state == GONE:
        return PLACE if wished > 0.0 else NOTHING
    if o.state != RESTING:
        return NOTHING
    if wished == 0.0:
        return CANCEL
    far = abs(o.px - ladder.px[r, level]) > p.max_diff * ladder.px[r, level]
    off = abs(o.sz - wished) > SIZE_TOLERANCE * wished
    return MODIFY if far or off else NOTHING


@kernel
def side_of(index: int) -> int:
    """Return the side of the n-th slot; they alternate so that neither side waits."""
    return BUY if index % 2 == 0 else SELL


@kernel
def level_of(index: int) -> int:
    """Return the ladder level of the n-th slot, 0 .. MAX_LEVELS - 1."""
    return min(index // 2, MAX_LEVELS - 1)
