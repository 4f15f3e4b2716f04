"""CSV recordings of Hyperliquid: ``orderbooks_X.csv``, ``prices_X.csv``, ``trades_X.csv``.

Books have 20 levels every half second; prices are the bbo stream, one row per side; `timestamp` is
the recorder's clock in seconds, `exchange_timestamp` the venue's in ms.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.events import BUY, LAST, LEVEL, SELL, Event, joined
from engine.record import zeros
from engine.venues.hyperliquid.touch import TouchBook
from engine.venues.recorded.recording import Recording, RecordingError, hyperliquid_grid
from engine.venues.recorded.runs import (
    book_events,
    merge,
    new_books,
    settle_times,
    since,
    trade_events,
)

_TIMES = ("timestamp", "exchange_timestamp")
_PRICE = (*_TIMES, "price", "size", "side")
_TRADE = (*_PRICE, "trade_id")
_INTEGERS = ("exchange_timestamp", "trade_id", "sequence")
_SIDES = {"buy": BUY, "sell": SELL}


def read_hyperliquid_csv(
    folder: Path, asset: str | None = None, sz_decimals: int | None = None, *, bbo: bool = True
) -> Recording:
    """Read the CSV recording of one asset.

    Parameters
    ----------
    folder
        where the CSVs lie.
    asset
        needed where the folder holds several.
    sz_decimals
        needed where the asset is not in the table of `recording`.
    bbo
        whether the touch between two books enters as exact deltas; else its rows are dropped.

    Raises
    ------
    RecordingError
        if files, columns or precision are missing.
    """
    name = _asset(folder, asset)
    px_decimals, lots = hyperliquid_grid(name, sz_decimals)
    dropped: Counter[str] = Counter()
    noted: Counter[str] = Counter()
    chunks = _chunks(folder, name, bbo, dropped, noted)
    return Recording(name, "hyperliquid", folder.name, px_decimals, lots, chunks, dropped, noted)


def _asset(folder: Path, asset: str | None) -> str:
    present = sorted(p.stem.removeprefix("orderbooks_") for p in folder.glob("orderbooks_*.csv"))
    if asset is None and len(present) == 1:
        return present[0]
    if asset is None or asset not in present:
        raise RecordingError(f"{folder}: asset must be one of {present}, was {asset!r}")
    return asset


def _chunks(
    folder: Path, asset: str, bbo: bool, dropped: Counter[str], noted: Counter[str]
) -> Iterator[NDArray[Any]]:
    books = _books(_frame(folder / f"orderbooks_{asset}.csv", _TIMES, dropped), dropped)
    if not len(books):
        raise RecordingError(f"{folder}: orderbooks_{asset}.csv must hold at least one true book")
    books = settle_times(books, noted)
    start_ns = int(books["ts_ns"][0])
    trades = _trades(_frame(folder / f"trades_{asset}.csv", _TRADE, dropped), dropped)
    trades = since(trades, start_ns, dropped)
    prices = folder / f"prices_{asset}.csv"
    if prices.exists():
        frame = _frame(prices, _PRICE, dropped)
        noted["bbo_rows_read"] = frame.height
        if bbo:
            books = _with_touches(books, settle_times(_touches(frame, dropped), noted), dropped)
        else:
            dropped["bbo_not_wanted"] = frame.height
    yield merge(books, settle_times(trades, noted))


def _frame(path: Path, columns: tuple[str, ...], dropped: Counter[str]) -> Any:
    import polars as pl

    kinds = {"side": pl.String, **dict.fromkeys(_INTEGERS, pl.Int64)}
    try:
        frame = pl.read_csv(path, infer_schema_length=10_000)
        frame = frame.cast({c: kinds.get(c, pl.Float64) for c in frame.columns})
    except (OSError, pl.exceptions.PolarsError) as error:
        raise RecordingError(f"{path}: must be a CSV file of numbers ({error})") from error
    missing = sorted(set(columns) - set(frame.columns))
    if missing:
        raise RecordingError(f"{path}: columns {missing} must be there, has {frame.columns[:8]}")
    whole = frame.drop_nulls([c for c in _INTEGERS + _TIMES if c in columns])
    dropped["time_or_id_missing"] += frame.height - whole.height
    return whole.sort("timestamp", maintain_order=True)


def _times(frame: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return venue and recorder times [ns], the latter to the µs its float carries."""
    recv_us = np.rint(frame["timestamp"].to_numpy() * 1e6).astype(np.int64)
    return frame["exchange_timestamp"].to_numpy() * 1_000_000, recv_us * 1000


def _books(frame: Any, dropped: Counter[str]) -> NDArray[Any]:
    names = [c for c in frame.columns if c.startswith(("bid_", "ask_"))]
    content = frame.select(names).to_numpy()
    ts_ns, recv_ns = _times(frame)
    news = new_books(ts_ns, content, dropped)

    def matrix(side: str, what: str) -> NDArray[Any]:
        wanted = [i for i, n in enumerate(names) if n.startswith(f"{side}_{what}_")]
        return content[news][:, wanted]

    bids, asks = ((matrix(s, "price"), matrix(s, "size")) for s in ("bid", "ask"))
    return book_events(ts_ns[news], recv_ns[news], bids, asks, dropped)


def _trades(frame: Any, dropped: Counter[str]) -> NDArray[Any]:
    key = ["exchange_timestamp", "trade_id", "price", "size"]
    once = frame.unique(key, keep="first", maintain_order=True)
    dropped["trade_repeated"] += frame.height - once.height
    side = once["side"].replace_strict(_SIDES, default=0)
    known = once.filter(side != 0)
    dropped["trade_side_unknown"] += once.height - known.height
    ts_ns, recv_ns = _times(known)
    px, sz, tid = (known[c].to_numpy() for c in ("price", "size", "trade_id"))
    return trade_events(ts_ns, recv_ns, px, sz, side.filter(side != 0).to_numpy(), tid, dropped)


def _touches(frame: Any, dropped: Counter[str]) -> NDArray[Any]:
    """Return pairs of LEVEL events, bid then ask, one pair per statement of the touch."""
    ts_ns, recv_ns = _times(frame)
    side = frame["side"].to_numpy()
    px, sz = frame["price"].to_numpy(), frame["size"].to_numpy()
    bid = np.flatnonzero((side[:-1] == "bid") & (side[1:] == "ask") & (ts_ns[:-1] == ts_ns[1:]))
    dropped["bbo_half"] += frame.height - 2 * len(bid)
    good = (px[bid] > 0) & (px[bid + 1] > px[bid]) & (sz[bid] > 0) & (sz[bid + 1] > 0)
    good &= np.isfinite(px[bid + 1]) & np.isfinite(sz[bid]) & np.isfinite(sz[bid + 1])
    dropped["bbo_not_a_touch"] += 2 * int((~good).sum())
    row = np.ravel(np.column_stack([bid[good], bid[good] + 1]))
    out = zeros(Event, len(row))
    out["kind"], out["side"] = LEVEL, np.tile([BUY, SELL], len(row) // 2)
    out["px"], out["sz"], out["ts_ns"], out["recv_ns"] = px[row], sz[row], ts_ns[row], recv_ns[row]
    out["code"][1::2] = LAST
    return out


def _with_touches(
    books: NDArray[Any], touches: NDArray[Any], dropped: Counter[str]
) -> NDArray[Any]:
    """Return one stream of books and exact deltas between them, in order of arrival."""
    statements: Counter[str] = Counter()
    state = TouchBook(statements)
    cuts = np.flatnonzero(books["code"] & LAST) + 1
    items = [(r[0]["recv_ns"], r[0]["ts_ns"], 1, r) for r in np.split(books, cuts)[:-1]]
    pairs = np.split(touches, len(touches) // 2) if len(touches) else []
    items += [(r[0]["recv_ns"], r[0]["ts_ns"], 0, r) for r in pairs]
    items.sort(key=lambda item: item[:3])
    runs = [state.on_book(r) if whole else state.on_touch(r) for _, _, whole, r in items]
    for reason, n in statements.items():
        # rows of the source: a statement has one per side, a book is one
        dropped[reason] += 2 * n if reason.startswith("bbo") else n
    return joined(runs)
