"""The simulated market as a stream: made hour by hour, handed out in step with a clock."""

import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.events import LEVEL, SNAPSHOT
from engine.grid import MAX_PX_DECIMALS
from engine.sim.market import HOUR_NS, SimulatedMarket
from engine.sim.universe import market_of
from engine.venues.pacing import Pace


class SimulatedStream:
    """A synthetic market from a whole hour on; it never ends, and its times are its own.

    Parameters
    ----------
    asset, scenario, seed
        which market; same seed, same events.
    start_ns
        the hour it starts in [ns UTC]; the present one where absent.
    heard_ns
        for who has heard it until then: it goes on with the next whole book [ns UTC].
    speed
        seconds of the market per second of the clock.
    clock, sleep
        replaced in tests.

    Raises
    ------
    ValueError
        if the asset or scenario is unknown, or `speed` is not positive.
    """

    venue = "sim"
    trouble = ""

    def __init__(
        self,
        asset: str,
        *,
        scenario: str | None = None,
        seed: int = 7,
        start_ns: int | None = None,
        heard_ns: int = 0,
        speed: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        start_ns = time.time_ns() if start_ns is None else start_ns
        market = market_of(asset, scenario, seed, start_ns // HOUR_NS * HOUR_NS)
        self.asset = asset
        self.source = f"simulated {market.scenario.name}, seed {seed}"
        self.sz_decimals = market.scenario.sz_decimals
        self.px_decimals = MAX_PX_DECIMALS - self.sz_decimals
        self.dropped: Counter[str] = Counter()
        self.noted: Counter[str] = Counter()
        self._pace = Pace(_hours(market, heard_ns), speed, clock, sleep)

    def take(self, timeout_s: float) -> NDArray[Any] | None:
        """Return what has happened since the last call, waiting for it up to `timeout_s`."""
        return self._pace.take(timeout_s)

    def close(self) -> None:
        """End the market."""
        self._pace.close()


def _hours(market: SimulatedMarket, heard_ns: int) -> Iterator[NDArray[Any]]:
    begun = heard_ns == 0
    for hour in itertools.count():
        events = market.chunk(hour)
        for name in ("ts_ns", "recv_ns"):
            events[name] -= events[name] % 1000
        if not begun:
            whole = (events["kind"] == LEVEL) & (events["code"] & SNAPSHOT > 0)
            begins = np.flatnonzero(whole & (events["recv_ns"] > heard_ns))
            if not len(begins):
                continue
            begun, events = True, events[begins[0] :]
        yield events
