"""Somebody's market data as the house's flow: a simulated market or a tape drives the exchange.

Book updates become levels of the house, trades become orders that take, the middle of the source's
own book becomes the oracle every three seconds. It needs events alone; who reads them from where is
the caller's business.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from numpy.typing import NDArray

from engine.events import BUY, CONTEXT, LAST, LEVEL, SNAPSHOT, TRADE
from engine.localnet.house import Interest, Level, Op, Oracle, Taken, Whole
from engine.localnet.marks import MARK_EVERY_MS
from engine.localnet.universe import Asset

NS_PER_MS = 1_000_000
COLUMNS = ("kind", "side", "code", "ts_ns", "px", "sz")

Row = tuple[int, int, int, int, float, float]


class Mirror:
    """One asset's market, handed out block by block.

    Parameters
    ----------
    asset
        which asset of the exchange the events drive.
    chunks
        arrays of `Event` in order of the venue's time.
    shift_ms
        added to the events' time: a tape of last year plays now.
    """

    def __init__(self, asset: Asset, chunks: Iterable[NDArray[Any]], *, shift_ms: int = 0) -> None:
        self.asset = asset
        self._rows = _rows(chunks)
        self._shift_ns = shift_ms * NS_PER_MS
        self._next: Row | None = next(self._rows, None)
        self.sides: tuple[dict[int, int], dict[int, int]] = ({}, {})  # the source's bids, asks
        self._run: list[tuple[bool, int, int]] = []
        self._is_whole = False
        self._oracle_at_ns = -(1 << 62)

    @property
    def ended(self) -> bool:
        """Whether the source has nothing more."""
        return self._next is None

    def take(self, until_ms: int) -> list[Op]:
        """Return what the market does up to and including a time [ms UTC]."""
        ops: list[Op] = []
        limit_ns = until_ms * NS_PER_MS - self._shift_ns
        while self._next is not None and self._next[3] <= limit_ns:
            self._hear(self._next, ops)
            self._next = next(self._rows, None)
        return ops

    def _hear(self, row: Row, ops: list[Op]) -> None:
        kind, side, code, ts_ns, px, sz = row
        units, lots = round(px * self.asset.px_scale), round(sz * self.asset.lot_scale)
        if kind == LEVEL:
            if code & SNAPSHOT:
                self._is_whole, self._run = True, []
            self._run.append((side == BUY, units, lots))
            if code & LAST:
                self._end_run(ops)
                self._tell_oracle(ts_ns, ops)
        elif kind == TRADE and lots > 0:
            ops.append(Taken(self.asset.id, side == BUY, units, lots))
        elif kind == CONTEXT:
            ops.append(Interest(self.asset.id, lots))

    def _end_run(self, ops: list[Op]) -> None:
        bids, asks = self.sides
        if self._is_whole:
            bids.clear()
            asks.clear()
        for is_bid, px, lots in self._run:
            side = bids if is_bid else asks
            if lots:
                side[px] = lots
            else:
                side.pop(px, None)
        number = self.asset.id
        if self._is_whole:
            ops.append(Whole(number, tuple(bids.items()), tuple(asks.items())))
        else:
            # what shrinks goes first, so that a market that moves does not meet itself
            ops += sorted((Level(number, *row) for row in self._run), key=lambda op: op.lots > 0)
        self._run, self._is_whole = [], False

    def _tell_oracle(self, ts_ns: int, ops: list[Op]) -> None:
        bids, asks = self.sides
        if not bids or not asks or ts_ns - self._oracle_at_ns < MARK_EVERY_MS * NS_PER_MS:
            return
        self._oracle_at_ns = ts_ns
        ops.append(Oracle(self.asset.id, (max(bids) + min(asks)) // 2))


def _rows(chunks: Iterable[NDArray[Any]]) -> Iterator[Row]:
    for chunk in chunks:
        # plain numbers: reading a record's fields one by one takes ten times as long
        yield from zip(*(chunk[name].tolist() for name in COLUMNS), strict=True)
