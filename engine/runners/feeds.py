"""Market data on a simulated clock, hour by hour: a synthetic market, or a recorded tape."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.events import joined
from engine.sim.clocks import LATE_NS
from engine.sim.market import HOUR_NS, INFORMED, PICK_OFF, SimulatedMarket
from engine.sim.universe import market_of
from engine.store.tape import read_tape, tape_info


class Feed(Protocol):
    """Hours of market data, in order; hour k ends at ``start_ns + (k + 1) * HOUR_NS``.

    By then every event that happened before that end has been handed over.
    """

    start_ns: int
    end_ns: int

    def chunk(self, hour: int) -> NDArray[Any] | None:
        """Return the events of one hour, the next after the last; None where there is no more."""
        ...

    def dump(self) -> bytes:
        """Return what is needed to go on after the hours read so far."""
        ...

    def load(self, blob: bytes, hour: int) -> None:
        """Go on at `hour` from what `dump` returned there."""
        ...


class SimulatedFeed:
    """A synthetic market; it never ends."""

    end_ns = 2**62

    def __init__(self, asset: str, scenario: str | None, seed: int, start_ns: int) -> None:
        self.start_ns = -(-start_ns // HOUR_NS) * HOUR_NS
        self._market: SimulatedMarket = market_of(asset, scenario, seed, self.start_ns)

    def chunk(self, hour: int) -> NDArray[Any]:
        """Return the events of one hour."""
        turn(self._market, self.start_ns + hour * HOUR_NS)
        return self._market.chunk(hour)

    def dump(self) -> bytes:
        """Return the market's bytes."""
        return self._market.dump()

    def load(self, blob: bytes, hour: int) -> None:  # noqa: ARG002 - the market knows its hour
        """Go on from the market's bytes."""
        self._market.load(blob)


def turn(market: SimulatedMarket, ts_ns: int) -> None:
    """Let other takers come to a market whose scenario has turned by `ts_ns` [ns UTC].

    It depends on nothing but the time, so a market that was begun later, or goes on from a
    checkpoint, is the same.
    """
    turned = market.scenario.turn
    if turned is None or ts_ns < turned.at_ns:
        return
    m = market.state[0]
    for name, value in turned.takers.model_dump().items():
        m.takers[name] = value
    m.per_s[INFORMED], m.per_s[PICK_OFF] = m.takers.informed_per_s, m.takers.pick_off_per_s


class TapeFeed:
    """A recorded tape from `start_ns` on, or from its beginning; it ends with the recording."""

    def __init__(self, path: Path, start_ns: int) -> None:
        self._path = path
        self.info = tape_info(path)
        self.start_ns = max(start_ns, self.info.first_ns)
        self.end_ns = self.info.last_ns
        self._next = 0
        self._chunks: Iterator[NDArray[Any]] = iter(())
        self._held: NDArray[Any] | None = None
        self._seek(0)

    def chunk(self, hour: int) -> NDArray[Any] | None:
        """Return the events of one hour; an hour without any is empty, not the end.

        An hour reaches a little further on our clock than on the venue's, so that whatever
        happened in it is there, however late we heard of it.
        """
        if hour != self._next:
            self._seek(hour)
        self._next = hour + 1
        if self.start_ns + hour * HOUR_NS > self.end_ns:
            return None
        parts = []
        while self._held is not None:
            cut = int(np.searchsorted(self._held["recv_ns"], self._end(hour), side="right"))
            parts.append(self._held[:cut])
            if cut < len(self._held):
                self._held = self._held[cut:]
                break
            self._held = next(self._chunks, None)
        return joined(parts)

    def dump(self) -> bytes:
        """Return nothing: a tape is where it was left."""
        return b""

    def load(self, blob: bytes, hour: int) -> None:  # noqa: ARG002 - the tape is on disk
        """Go on at `hour`."""
        self._seek(hour)

    def _end(self, hour: int) -> int:
        return self.start_ns + (hour + 1) * HOUR_NS + LATE_NS

    def _seek(self, hour: int) -> None:
        self._next = hour
        since_ns = self._end(hour - 1) + 1 if hour > 0 else self.start_ns
        self._chunks = read_tape(self._path, since_ns=since_ns)
        self._held = next(self._chunks, None)
