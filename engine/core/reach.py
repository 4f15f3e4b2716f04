"""How far a public sweep reached beyond the touch it started from.

The prints of one aggressor are one sweep: they share a nonzero ref, or where the venue gives none,
time and side. By price priority its best print *is* the touch it met, known exactly and at once,
whereas the book's touch may already have moved, or not yet (docs/model.md, Fill intensity). So a
late or early book cannot make a reach negative, nor invent one out of a touch that was cancelled.
Where it ended is known up to the next level behind its worst print.
"""

from typing import Any

from engine.core import book
from engine.instrument import to_units
from engine.record import f8, i8, kernel, record


@record
class Sweep:
    """The sweep that prints now, and what the last one came to; `side` is 0 where none is open.

    Prices are in units times the side of the aggressor, so that worse is greater.
    """

    ref: i8
    ts_ns: i8
    side: i8
    touch: i8
    worst: i8
    behind: i8  # the next level after `worst`; `worst` itself where none is known
    excess: f8  # of the sweep that ended last [fraction of the price]
    gap: f8  # from its worst print to the level it did not reach [fraction of the price]


@kernel
def hear(s: Any, e: Any, b: Any, i: Any) -> bool:
    """Absorb one TRADE event; return whether an earlier sweep ended, left in `excess` and `gap`."""
    side = int(e.side)  # of the event's 16 bits, which a price would overflow
    px = side * to_units(i, e.px)
    has_ended = not _is_same(s, e) and close(s)
    if s.side == 0:
        s.ref = e.ref
        s.ts_ns = e.ts_ns
        s.side = side
        s.touch = px
        s.worst = px
        s.behind = _behind(b, side, px)
    elif px > s.worst:
        s.worst = px
        s.behind = _behind(b, side, px)
    s.touch = min(s.touch, px)
    return has_ended


@kernel
def close(s: Any) -> bool:
    """End the sweep that is open; return whether there was one."""
    if s.side == 0:
        return False
    scale = max(abs(s.touch), 1)  # a price of less than one unit is no price
    s.excess = (s.worst - s.touch) / scale
    s.gap = (s.behind - s.worst) / scale
    s.side = 0
    return True


@kernel
def _is_same(s: Any, e: Any) -> bool:
    if e.ref != 0:
        return s.side == e.side and s.ref == e.ref
    return s.side == e.side and s.ref == 0 and s.ts_ns == e.ts_ns


@kernel
def _behind(b: Any, side: int, px: int) -> int:
    """Return the next level strictly behind a print, or the print where the book shows none."""
    r = book.row(-side)
    k = book.find(b, r, side * px)
    if k < b.n[r] and b.px[r, k] == side * px:
        k += 1
    return side * b.px[r, k] if k < b.n[r] else px
