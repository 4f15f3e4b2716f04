"""Rows of books and trades as events, without a Python loop per row."""

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.events import BUY, LAST, LEVEL, SELL, SNAPSHOT, TRADE, Event
from engine.record import zeros
from engine.venues.hyperliquid.codec import sweep_number

LATE_NS = 5_000_000_000


def book_events(
    ts_ns: NDArray[Any],
    recv_ns: NDArray[Any],
    bids: tuple[NDArray[Any], NDArray[Any]],
    asks: tuple[NDArray[Any], NDArray[Any]],
    dropped: Counter[str],
) -> NDArray[Any]:
    """Return whole books as runs of LEVEL events; books that cannot be true are dropped by reason.

    Parameters
    ----------
    ts_ns, recv_ns
        times of the `n` books [ns].
    bids, asks
        prices and sizes, each ``(n, depth)``, best first; NaN where a side has fewer levels.
    dropped
        counts of ``book_…`` reasons, added to.
    """
    px = np.concatenate([bids[0], asks[0]], axis=1)
    sz = np.concatenate([bids[1], asks[1]], axis=1)
    side = np.repeat([BUY, SELL], [bids[0].shape[1], asks[0].shape[1]])
    keep = _true_books(px, sz, side, dropped)
    px, sz = px[keep], sz[keep]
    there = ~np.isnan(px)
    depth = np.count_nonzero(there, axis=1)
    end = np.cumsum(depth)
    out = zeros(Event, int(depth.sum()))
    out["kind"], out["side"] = LEVEL, np.broadcast_to(side, px.shape)[there]
    out["px"], out["sz"] = px[there], sz[there]
    out["ts_ns"], out["recv_ns"] = np.repeat(ts_ns[keep], depth), np.repeat(recv_ns[keep], depth)
    out["code"][end - depth] = SNAPSHOT
    out["code"][end - 1] |= LAST
    return out


def _true_books(
    px: NDArray[Any], sz: NDArray[Any], side: NDArray[Any], dropped: Counter[str]
) -> NDArray[Any]:
    """Return which books are finite, positive, sorted, two-sided and not crossed."""
    bids, asks = px[:, side == BUY], px[:, side == SELL]
    there = ~np.isnan(px)
    wrong = {
        "book_not_finite": (np.isinf(px) | np.isinf(sz) | (there != ~np.isnan(sz))).any(axis=1),
        "book_not_positive": ((px <= 0.0) | (sz <= 0.0)).any(axis=1),
        "book_one_sided": np.isnan(bids[:, 0]) | np.isnan(asks[:, 0]),
        "book_unsorted": (np.diff(bids, axis=1) >= 0).any(axis=1)
        | (np.diff(asks, axis=1) <= 0).any(axis=1)
        | (np.diff(there[:, side == BUY].astype(int), axis=1) > 0).any(axis=1)
        | (np.diff(there[:, side == SELL].astype(int), axis=1) > 0).any(axis=1),
        "book_crossed": bids[:, 0] > asks[:, 0],
    }
    keep = np.ones(len(px), bool)
    for reason, bad in wrong.items():
        _count(dropped, reason, keep & bad)
        keep &= ~bad
    return keep


def new_books(ts_ns: NDArray[Any], content: NDArray[Any], dropped: Counter[str]) -> NDArray[Any]:
    """Return which rows are news: not an exact repeat, time and content, of the row before."""
    same = np.zeros(len(ts_ns), bool)
    equal = (content[1:] == content[:-1]) | (np.isnan(content[1:]) & np.isnan(content[:-1]))
    same[1:] = (ts_ns[1:] == ts_ns[:-1]) & equal.all(axis=1)
    _count(dropped, "book_repeated", same)
    return ~same


def trade_events(
    ts_ns: NDArray[Any],
    recv_ns: NDArray[Any],
    px: NDArray[Any],
    sz: NDArray[Any],
    side: NDArray[Any],
    tid: NDArray[Any],
    dropped: Counter[str],
) -> NDArray[Any]:
    """Return prints as TRADE events; those that cannot be true are dropped by reason."""
    finite = np.isfinite(px) & np.isfinite(sz)
    _count(dropped, "trade_not_finite", ~finite)
    positive = (px > 0.0) & (sz > 0.0)
    _count(dropped, "trade_not_positive", finite & ~positive)
    keep = finite & positive
    out = zeros(Event, int(keep.sum()))
    out["kind"], out["side"], out["id"] = TRADE, side[keep], tid[keep]
    out["px"], out["sz"] = px[keep], sz[keep]
    out["ts_ns"], out["recv_ns"] = ts_ns[keep], recv_ns[keep]
    out["ref"] = sweep_number(out["ts_ns"] // 1_000_000, out["side"])
    return out


def since(trades: NDArray[Any], start_ns: int, dropped: Counter[str]) -> NDArray[Any]:
    """Return the trades from the venue's time `start_ns` on.

    A subscription begins with a replay of the last trades; those older than the first book belong
    to a market this recording has not seen.
    """
    old = trades["ts_ns"] < start_ns
    _count(dropped, "trade_before_first_book", old)
    return trades[~old]


def merge(books: NDArray[Any], trades: NDArray[Any]) -> NDArray[Any]:
    """Return both in order of arrival; at one instant by venue time, and trades before the book."""
    keys = [np.concatenate([trades[k], books[k]]) for k in ("ts_ns", "recv_ns")]
    order = np.lexsort(keys)  # stable: runs stay whole
    is_trade = order < len(trades)
    at = np.flatnonzero(is_trade) - np.arange(len(trades))
    rows = _sorted(books, order[~is_trade] - len(trades))
    return np.insert(rows, at, _sorted(trades, order[is_trade])).view(Event.dtype)


def _sorted(events: NDArray[Any], order: NDArray[Any]) -> NDArray[Any]:
    """Return events in `order` as opaque rows: numpy moves records field by field."""
    rows = np.ascontiguousarray(events).view(f"V{Event.dtype.itemsize}")
    return rows if (np.diff(order) > 0).all() else rows[order]


def settle_times(events: NDArray[Any], noted: Counter[str]) -> NDArray[Any]:
    """Make `recv_ns` no earlier than `ts_ns`, and count what had to move and what came late."""
    early = events["recv_ns"] < events["ts_ns"]
    _count(noted, "recv_raised_to_venue_time", early)
    np.maximum(events["recv_ns"], events["ts_ns"], out=events["recv_ns"])
    late = (events["kind"] == TRADE) & (events["recv_ns"] - events["ts_ns"] > LATE_NS)
    _count(noted, "trade_late_5s", late)
    return events


def _count(counts: Counter[str], reason: str, rows: NDArray[Any]) -> None:
    n = int(np.count_nonzero(rows))
    if n:
        counts[reason] += n
