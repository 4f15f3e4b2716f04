"""What a strategy's fills come to at the market's mids: profit and edge, in blocks of time."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.core import book
from engine.core.book import Book
from engine.core.params import NS_PER_S
from engine.events import LAST, LEVEL
from engine.record import kernel, zeros

HORIZON_NS = 5 * NS_PER_S  # after a fill, its edge is measured
HOUR_NS = 3600 * NS_PER_S
SHORT_NS = 3 * HOUR_NS  # below it, blocks of five minutes


class Mids(NamedTuple):
    """The mid, wherever the book was open and consistent."""

    ts_ns: NDArray[Any]
    px: NDArray[Any]

    def at(self, ts_ns: NDArray[Any]) -> NDArray[Any]:
        """Return the last mid by then, the first one before it."""
        return self.px[np.maximum(np.searchsorted(self.ts_ns, ts_ns, side="right") - 1, 0)]


class Score(NamedTuple):
    """One strategy under one rule; arrays are sums of blocks of time."""

    fills: int
    requests: int
    is_killed: bool
    usd: NDArray[Any]
    pnl_usd: NDArray[Any]
    edge_usd: NDArray[Any]
    known_usd: NDArray[Any]  # the notional of the fills whose mid 5 s later is known


def mids_of(events: NDArray[Any], order: NDArray[Any], instrument: Any) -> Mids:
    """Return the mids of market data, on the venue's clock."""
    ts_ns, px = np.zeros(len(order), np.int64), np.zeros(len(order))
    n = _note_mids(events, order, zeros(Book), instrument, ts_ns, px)
    return Mids(np.maximum.accumulate(ts_ns[:n]), px[:n].copy())


@kernel
def _note_mids(events: Any, order: Any, books: Any, i: Any, ts_ns: Any, px: Any) -> int:
    b = books[0]
    n = 0
    for k in order:
        e = events[k]
        if e.kind == LEVEL:
            book.apply(b, i, e)
            if e.code & LAST and book.is_open(b):
                ts_ns[n] = e.ts_ns
                px[n] = book.mid(b, i)
                n += 1
    return n


def block_edges(ts_ns: NDArray[Any]) -> NDArray[Any]:
    """Return the edges of blocks of time that hold all of it."""
    begin, end = int(ts_ns[0]), int(ts_ns[-1])
    length = 300 * NS_PER_S if end - begin < SHORT_NS else HOUR_NS
    return np.arange(begin, end + length, length)


def score(
    mids: Mids, edges: NDArray[Any], fills: NDArray[Any], requests: int, is_killed: bool = False
) -> Score:
    """Return what fills come to at the mids, in blocks of time between `edges`.

    A fill is an event with the fee in `extra`; an open position is worth the mid.
    """
    n = len(edges) - 1
    block = np.clip(np.searchsorted(edges, fills["ts_ns"], side="right") - 1, 0, n - 1)
    usd, fee = fills["px"] * fills["sz"], fills["extra"]

    def summed(values: NDArray[Any]) -> NDArray[Any]:
        return np.bincount(block, values, minlength=n)

    held = np.cumsum(summed(fills["side"] * fills["sz"]))
    worth = held * mids.at(edges[1:])
    known = fills["ts_ns"] + HORIZON_NS <= mids.ts_ns[-1]
    after = mids.at(fills["ts_ns"] + HORIZON_NS)
    edge = fills["side"] * (after - fills["px"]) * fills["sz"] - fee
    return Score(
        fills=len(fills),
        requests=requests,
        is_killed=is_killed,
        usd=summed(usd),
        pnl_usd=summed(-fills["side"] * usd - fee) + np.diff(worth, prepend=0.0),
        edge_usd=summed(edge * known),
        known_usd=summed(usd * known),
    )
