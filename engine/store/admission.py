"""What may enter a tape: events the tape would refuse are left out before they are kept.

A tape is written an hour after its events came, and one event that cannot be true must not cost
the hour. So every unit, a run of levels or one other event, is held against the tape's own checks
as it comes. A refused run leaves the book unknown until the next whole one.
"""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.events import LAST, LEVEL, SNAPSHOT, joined
from engine.store.tape_checks import check_grid, check_values, is_market, scales
from engine.store.tape_facts import TapeError, TapeMeta, touches

MOST_UNITS = 2.0**53  # beyond it a float is no whole number of ticks or lots
_REASON = re.compile(r"row \d+: (.*?)(?:, was|;|$)")


class Admission:
    """The gate before a tape.

    Attributes
    ----------
    dropped
        counts of refused events by reason.
    """

    def __init__(self, meta: TapeMeta) -> None:
        self.dropped: Counter[str] = Counter()
        self._meta = meta
        self._last_ns = 0
        self._book_known = False

    def admit(self, events: NDArray[Any]) -> NDArray[Any]:
        """Return the events that may enter; the others are counted."""
        if not len(events):
            return events
        why_not = self._why_not(events)
        is_level = events["kind"] == LEVEL
        if not why_not:
            self._last_ns = int(events["recv_ns"][-1])
            self._book_known |= bool(is_level.any())
            return events
        ends = unit_ends(events)
        if len(ends) > 1:  # halve until the culprit stands alone
            middle = ends[(len(ends) - 1) // 2] + 1
            return joined([self.admit(events[:middle]), self.admit(events[middle:])])
        self.dropped[why_not] += len(events)
        self._book_known &= not is_level.any()
        return events[:0]

    def _why_not(self, events: NDArray[Any]) -> str:
        levels = np.flatnonzero(events["kind"] == LEVEL)
        if not self._book_known and len(levels) and not events["code"][levels[0]] & SNAPSHOT:
            return "level_of_unknown_book"
        recv_ns = events["recv_ns"]
        if recv_ns[0] < self._last_ns or (recv_ns[1:] < recv_ns[:-1]).any():
            return "recv_time_fell"
        try:
            self._check(events)
        except TapeError as error:
            found = _REASON.search(str(error))
            return f"refused: {found[1] if found else 'by the tape'}"
        return ""

    def _check(self, events: NDArray[Any]) -> None:
        where = Path("stream")
        check_values(where, events, 0)
        market = is_market(events["kind"])
        for name, scale in zip(("px", "sz"), scales(self._meta), strict=True):
            if (market & (events[name] * scale > MOST_UNITS)).any():
                raise TapeError(f"row 0: {name} must be at most 2^53 of its smallest steps")
        check_grid(where, events, self._meta, 0)
        _, bid, ask = touches(events)
        if (bid > ask).any():
            raise TapeError("row 0: a whole book must not be crossed")


def unit_ends(events: NDArray[Any]) -> NDArray[Any]:
    """Return the places of all events after which no run of levels is open, and of the last."""
    n = np.arange(len(events))
    level = np.maximum.accumulate(np.where(events["kind"] == LEVEL, n, -1))
    is_open = (level >= 0) & (events["code"][level] & LAST == 0)
    is_open[-1:] = False
    return np.flatnonzero(~is_open)
