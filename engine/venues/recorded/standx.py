"""Hourly Parquet recordings of StandX: ``orderbook_X_date_hour.parquet`` and ``trades_X_…``.

Flawed as recorded, and said so by the counts: half of the book rows repeat the row before, 47 % of
the books are locked, the feed is silent for 7 s about every 36 s, and every trade is marked SELL.
A side that never changes is no information, so the aggressor is then inferred from the book.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.events import BUY, SELL, Event
from engine.record import zeros
from engine.venues.recorded.recording import Recording, RecordingError
from engine.venues.recorded.runs import (
    book_events,
    merge,
    new_books,
    settle_times,
    since,
    trade_events,
)

MAX_DECIMALS = 8
_MIN_TRADES = 100  # so many prints of one side in a row are a constant, not a market
_TIMES = ("timestamp", "received_at")
_LEVELS = ("bid_prices", "bid_quantities", "ask_prices", "ask_quantities")
_BOOK = (*_TIMES, *_LEVELS)
_NUMBERS = ("price", "quantity")
_TRADE = (*_TIMES, *_NUMBERS, "is_buyer_taker")


def read_standx(
    folder: Path, asset: str | None = None, sz_decimals: int | None = None
) -> Recording:
    """Read the hourly recording of one symbol; decimals of price and size come from the data.

    Raises
    ------
    RecordingError
        if files or columns are missing, or values have more than eight decimals.
    """
    symbol = _symbol(folder, asset)
    books = sorted(folder.glob(f"orderbook_{symbol}_*.parquet"))
    trades = [p.with_name(p.name.replace("orderbook_", "trades_", 1)) for p in books]
    px, sz = _grid(books, trades)
    if sz_decimals is not None and sz_decimals < sz:
        raise RecordingError(f"{folder}: sz_decimals must be at least {sz}, was {sz_decimals}")
    hours = _Hours(books, trades, Counter(), Counter())
    return Recording(
        symbol.removesuffix("-USD"), "standx", folder.name, px, sz_decimals or sz,
        hours.chunks(), hours.dropped, hours.noted,
    )  # fmt: skip


def _symbol(folder: Path, asset: str | None) -> str:
    names = (p.stem.split("_") for p in folder.glob("orderbook_*_*_*.parquet"))
    present = sorted({parts[1] for parts in names})
    if asset is None and len(present) == 1:
        return present[0]
    if asset is None or asset not in present:
        raise RecordingError(f"{folder}: asset must be one of {present}, was {asset!r}")
    return asset


@dataclass
class _Hours:
    """Walks the hours; holds back what arrived after the next hour's first row."""

    books: list[Path]
    trades: list[Path]
    dropped: Counter[str]
    noted: Counter[str]
    start_ns: int = 0
    trade_rows: int = 0
    last_px: float = 0.0
    last_side: int = BUY
    last_book: tuple[Any, Any] | None = None  # time and content of the last row of the hour before
    last_touch: Any = None  # its venue time and mid, for trades before the next book

    def chunks(self) -> Iterator[NDArray[Any]]:
        constant = self._side_is_constant()
        held: NDArray[Any] | None = None
        for book_path, trade_path in zip(self.books, self.trades, strict=True):
            events = self._hour(book_path, trade_path, constant)
            if held is None or not len(events):
                held = events if held is None else held
                continue
            cut = int(np.searchsorted(held["recv_ns"], events["recv_ns"][0]))
            if cut:
                yield held[:cut]
            held = merge(held[cut:], events) if cut < len(held) else events
        if held is not None:
            yield held

    def _side_is_constant(self) -> bool:
        name = "is_buyer_taker"
        sides = np.concatenate([_read(p, (name,))[name] for p in self.trades])
        return len(sides) >= _MIN_TRADES and len(np.unique(sides)) == 1

    def _hour(self, book_path: Path, trade_path: Path, constant: bool) -> NDArray[Any]:
        books = self._books(_read(book_path, _BOOK))
        trades = self._trades(_read(trade_path, _TRADE), books, constant)
        return merge(settle_times(books, self.noted), settle_times(trades, self.noted))

    def _books(self, frame: dict[str, NDArray[Any]]) -> NDArray[Any]:
        ts_ns, recv_ns = _times(frame)
        if not len(ts_ns):
            return zeros(Event, 0)
        levels = [frame[column] for column in _LEVELS]
        content = np.concatenate(levels, axis=1)
        news = self._news(ts_ns, content)
        rows = np.flatnonzero(news)[np.argsort(recv_ns[news], kind="stable")]
        bid_px, bid_sz, ask_px, ask_sz = (m[rows] for m in levels)
        books = (bid_px, bid_sz), (ask_px, ask_sz)
        return book_events(ts_ns[rows], recv_ns[rows], *books, self.dropped)

    def _news(self, ts_ns: NDArray[Any], content: NDArray[Any]) -> NDArray[Any]:
        """Find repeats, also of the last row of the hour before."""
        before = self.last_book
        known = before is not None and before[1].shape == content[0].shape
        if known and before is not None:
            ts_ns = np.append(before[0], ts_ns)
            content = np.vstack([before[1], content])
        news = new_books(ts_ns, content, self.dropped)
        self.last_book = (ts_ns[-1], content[-1])
        return news[1:] if known else news

    def _trades(
        self, frame: dict[str, NDArray[Any]], books: NDArray[Any], constant: bool
    ) -> NDArray[Any]:
        ts_ns, recv_ns = _times(frame)
        order = np.argsort(recv_ns, kind="stable")
        ts_ns, recv_ns = ts_ns[order], recv_ns[order]
        px, sz = (frame[name][order] for name in _NUMBERS)
        tid = np.arange(self.trade_rows + 1, self.trade_rows + len(px) + 1)
        self.trade_rows += len(px)
        side = np.where(frame["is_buyer_taker"][order], BUY, SELL)
        if not self.start_ns and len(books):
            self.start_ns = int(books["ts_ns"][0])
        self.noted["trade_id_is_row_number"] += len(px)
        if constant:
            side = self._infer_side(ts_ns, px, books)
        trades = trade_events(ts_ns, recv_ns, px, sz, side, tid, self.dropped)
        return since(trades, self.start_ns, self.dropped)

    def _infer_side(
        self, ts_ns: NDArray[Any], px: NDArray[Any], books: NDArray[Any]
    ) -> NDArray[Any]:
        """Return the aggressor's side: by the book before the trade, else by the last price move.

        References
        ----------
        Lee and Ready, *Inferring trade direction from intraday data*, J. Finance 46 (1991).
        """
        mid = self._mid_before(ts_ns, books)
        quote = np.sign(np.where(np.isnan(mid), 0.0, px - mid))
        moves = np.sign(np.diff(px, prepend=self.last_px or px[:1]))
        tick = _carried(moves, self.last_side)
        side = np.where(quote != 0.0, quote, tick).astype(np.int64)
        by_quote = int(np.count_nonzero(quote))
        self.noted["trade_side_inferred_from_book"] += by_quote
        self.noted["trade_side_inferred_from_last_move"] += len(px) - by_quote
        if len(px):
            self.last_px, self.last_side = float(px[-1]), int(tick[-1])
        return side

    def _mid_before(self, ts_ns: NDArray[Any], books: NDArray[Any]) -> NDArray[Any]:
        """Return the mid of the newest book strictly before each time; NaN where there is none."""
        bid = books[(books["code"] & 1) > 0]
        first_ask = np.flatnonzero(np.diff(books["side"].astype(int), prepend=SELL) == -2)
        times = bid["ts_ns"]
        mids = 0.5 * (bid["px"] + books["px"][first_ask])
        if self.last_touch is not None:
            times, mids = np.append(self.last_touch[0], times), np.append(self.last_touch[1], mids)
        if not len(times):
            return np.full(len(ts_ns), np.nan)
        self.last_touch = (times[-1], mids[-1])
        at = np.searchsorted(times, ts_ns, side="left") - 1
        return np.where(at >= 0, mids[at], np.nan)


def _carried(moves: NDArray[Any], before: int) -> NDArray[Any]:
    """Return the moves with zeros replaced by the last move that was not zero."""
    moves = np.append(before, moves)
    at = np.maximum.accumulate(np.where(moves != 0, np.arange(len(moves)), 0))
    return moves[at][1:]


def _grid(books: list[Path], trades: list[Path]) -> tuple[int, int]:
    """Return the fewest decimals that hold every price and every size exactly."""
    px = sz = 0
    for book_path, trade_path in zip(books, trades, strict=True):
        for path, columns in ((book_path, _LEVELS), (trade_path, _NUMBERS)):
            frame = _read(path, columns)
            for name in columns:
                if "price" in name:
                    px = _decimals(frame[name], px, path)
                else:
                    sz = _decimals(frame[name], sz, path)
    return px, sz


def _decimals(values: NDArray[Any], at_least: int, path: Path) -> int:
    values = values[np.isfinite(values)]
    for d in range(at_least, MAX_DECIMALS + 1):
        if (np.rint(values * 10.0**d) / 10.0**d == values).all():
            return d
    raise RecordingError(f"{path}: values must have at most {MAX_DECIMALS} decimals")


def _read(path: Path, columns: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Return columns as arrays: times in ns, sides of a book as a row of levels per book."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {
        **dict.fromkeys(_TIMES, pa.timestamp("ns", "UTC")),
        **dict.fromkeys(_LEVELS, pa.list_(pa.float64())),
        "is_buyer_taker": pa.bool_(),
    }
    schema = pa.schema([(name, kinds.get(name, pa.float64())) for name in columns])
    try:
        with pq.ParquetFile(path) as file:
            table = file.read(list(columns)).select(columns).cast(schema)
    except (OSError, KeyError, pa.ArrowException) as error:
        raise RecordingError(
            f"{path}: must be a Parquet file with columns {list(columns)} ({error})"
        ) from error
    return {name: _array(path, name, table[name].combine_chunks()) for name in columns}


def _array(path: Path, name: str, column: Any) -> NDArray[Any]:
    if column.null_count and name not in _NUMBERS:
        raise RecordingError(f"{path}: {name} must have no nulls, has {column.null_count}")
    if name in _LEVELS:
        depths = np.unique(np.diff(column.offsets.to_numpy()))
        if len(depths) > 1:
            raise RecordingError(f"{path}: {name} must have one depth, has {depths.tolist()}")
        values = column.flatten().to_numpy(zero_copy_only=False)
        return values.reshape(len(column), int(depths.sum()))
    return column.to_numpy(zero_copy_only=False)


def _times(frame: dict[str, NDArray[Any]]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return venue and recorder times [ns], cut to whole µs."""
    ts_ns, recv_ns = (frame[c].astype(np.int64) // 1000 * 1000 for c in _TIMES)
    return ts_ns, recv_ns
