"""What drives the assets: simulated markets and tapes, from any moment on, at any speed."""

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.derive.symbols import resolve_binance_symbol
from engine.events import LEVEL, REFERENCE, REFERENCE_TRADE, SNAPSHOT, TRADE
from engine.localnet.house import Op
from engine.localnet.mirror import Mirror
from engine.localnet.universe import Asset
from engine.runners.localnet.setup import Drive
from engine.sim.market import HOUR_NS
from engine.sim.universe import market_of
from engine.store.tape import read_tape, tape_info

NS_PER_MS = 1_000_000
Chunks = Iterator[NDArray[Any]]


class Ahead(NamedTuple):
    """What the leading venue did: a mid, or a trade (`side` of the aggressor, size in coins)."""

    px: float
    side: int = 0
    sz: float = 0.0


class Source:
    """One asset's market between a speed and the exchange's clock.

    Parameters
    ----------
    asset
        of the exchange.
    drive
        which market, and since when.
    speed
        seconds of the market per second.
    now_ms
        the exchange's clock: the market begins as it stands then [ms UTC].
    """

    def __init__(self, asset: Asset, drive: Drive, speed: float, now_ms: int) -> None:
        self.asset = asset
        self.symbol: str | None = resolve_binance_symbol(asset.coin)
        self._drive, self._speed = drive, speed
        self._ahead: deque[tuple[int, Ahead]] = deque()
        self._span = _span(drive)
        self._turn = -1
        self._mirror = Mirror(asset, ())
        self._start(now_ms)

    def take(self, now_ms: int) -> list[Op]:
        """Return what the market does up to now."""
        turn, market_ms = self._at(now_ms)
        if turn == self._turn:
            return self._mirror.take(market_ms)
        # the tape is over: what was left of it first, then the beginning again
        left = self._mirror.take(1 << 60)
        self._start(now_ms)
        return left + self._mirror.take(market_ms)

    def ahead(self, now_ms: int) -> list[Ahead]:
        """Return what the leading venue did up to now; after `take`."""
        until_ns = self._at(now_ms)[1] * NS_PER_MS
        found: list[Ahead] = []
        while self._ahead and self._ahead[0][0] <= until_ns:
            found.append(self._ahead.popleft()[1])
        return found

    def _at(self, now_ms: int) -> tuple[int, int]:
        """Return how often the market is over by now, and the market's time [ms]."""
        first_ms, length_ms = self._span
        passed_ms = int((now_ms - self._drive.since_ms) * self._speed)
        if length_ms is None:
            return 0, self._drive.since_ms + passed_ms
        turn, rest_ms = divmod(passed_ms, length_ms)
        return turn, first_ms + rest_ms

    def _start(self, now_ms: int) -> None:
        self._turn, market_ms = self._at(now_ms)
        self._ahead.clear()
        chunks = standing(_chunks(self._drive, self.asset.coin), market_ms * NS_PER_MS)
        self._mirror = Mirror(self.asset, self._overheard(chunks))

    def _overheard(self, chunks: Chunks) -> Chunks:
        """Yield the chunks, and take down what the leading venue does in them."""
        for events in chunks:
            kinds = events["kind"]
            leading = events[(kinds == REFERENCE) | (kinds == REFERENCE_TRADE)]
            columns = (leading[name].tolist() for name in ("ts_ns", "px", "side", "sz"))
            self._ahead.extend((ts, Ahead(*what)) for ts, *what in zip(*columns, strict=True))
            yield events


def standing(chunks: Chunks, since_ns: int) -> Chunks:
    """Yield a market from a moment on: its book as it stands then, and everything after.

    The last whole book before the moment comes with the changes since, without the trades between.
    """
    begun = False
    for events in chunks:
        if begun:
            yield events
            continue
        past = events["ts_ns"] <= since_ns
        if past.all():
            continue
        whole = (events["kind"] == LEVEL) & (events["code"] & SNAPSHOT > 0)
        begins = np.flatnonzero(whole & past)[-1:]
        begins = begins if len(begins) else np.flatnonzero(whole)[:1]
        if not len(begins):
            continue
        begun = True
        traded = np.isin(events["kind"], (TRADE, REFERENCE_TRADE))
        kept = ~(past & traded)
        kept[: begins[0]] = False
        yield events[kept]


def _chunks(drive: Drive, coin: str) -> Chunks:
    if drive.tape is not None:
        return read_tape(Path(drive.tape))
    start_ns = drive.since_ms * NS_PER_MS // HOUR_NS * HOUR_NS
    market = market_of(coin, drive.scenario, drive.seed, start_ns)
    return (market.chunk(hour) for hour in itertools.count())


def _span(drive: Drive) -> tuple[int, int | None]:
    """Return when the market begins and how long it is [ms]; a simulated one has no end."""
    if drive.tape is None:
        return drive.since_ms, None
    info = tape_info(Path(drive.tape))
    first_ms, last_ms = info.first_ns // NS_PER_MS, info.last_ns // NS_PER_MS
    return first_ms, max(last_ms - first_ms, 1)


class Markets:
    """All the sources of an exchange."""

    def __init__(
        self, assets: dict[str, Asset], drives: dict[str, Drive], speed: float, now_ms: int
    ) -> None:
        self._new: Callable[[int], list[Source]] = lambda at_ms: [
            Source(assets[coin], drive, speed, at_ms) for coin, drive in drives.items()
        ]
        self.sources = self._new(now_ms)

    def restart(self, now_ms: int) -> None:
        """Begin again with the books as they stand: nobody saw what happened meanwhile."""
        self.sources = self._new(now_ms)

    def take(self, now_ms: int) -> list[Op]:
        """Return what all markets do up to now."""
        return [op for source in self.sources for op in source.take(now_ms)]

    def ahead(self, now_ms: int) -> dict[str, list[Ahead]]:
        """Return what the leading venue did up to now, by its symbol, each symbol once."""
        found: dict[str, list[Ahead]] = {}
        for source in self.sources:
            heard = source.ahead(now_ms)
            if source.symbol is not None:
                found.setdefault(source.symbol, heard)
        return {symbol: heard for symbol, heard in found.items() if heard}
