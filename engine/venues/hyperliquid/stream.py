"""Hyperliquid's market data of one coin, live: books, touch, trades and context from one socket.

References
----------
Hyperliquid documentation, "WebSocket" and "Subscriptions", read in September 2026. Since June 2026
the twenty-level book comes every 5.4 s only; the touch between two books comes as ``bbo``.
"""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import orjson
from numpy.typing import NDArray

from engine.events import CONNECTED, DISCONNECTED, LEVEL, SNAPSHOT, Event, joined
from engine.grid import MAX_PX_DECIMALS
from engine.record import zeros
from engine.venues.hyperliquid.frames import FrameReader, warm
from engine.venues.line import FRAME, OPENED, PATIENT, Heard, Line, Patience

SUBSCRIPTIONS = ("l2Book", "bbo", "trades", "activeAssetCtx")
QUIET_S = 30.0


class HyperliquidStream:
    """One coin of a Hyperliquid server, from a socket that is opened again whenever it closes.

    `DISCONNECTED` comes when the socket closes, `CONNECTED` right before the next whole book, and
    no level in between. Trades the venue repeats on a new connection come once; those missed in
    between come late. A socket that lives while its book stands still is closed and opened anew.

    Parameters
    ----------
    url
        of the server, ``https://host``.
    asset
        the venue's name of the coin: ``BTC``, ``xyz:TSLA``.
    sz_decimals
        decimals of a size, as ``meta`` says.
    quiet_s
        how long the book may be without a newer one before the socket counts as dead [s].
    patience
        how long to wait for a connection, and between two.
    clock, now_ns
        replaced in tests.

    Attributes
    ----------
    dropped, noted
        counts by reason of what did not become an event, and of what did with a remark.
    """

    venue = "hyperliquid"

    def __init__(
        self,
        url: str,
        asset: str,
        sz_decimals: int,
        *,
        quiet_s: float = QUIET_S,
        patience: Patience = PATIENT,
        clock: Callable[[], float] = time.monotonic,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.asset = asset
        self.source = url
        self.sz_decimals, self.px_decimals = sz_decimals, MAX_PX_DECIMALS - sz_decimals
        warm()
        self._reader = FrameReader(asset)
        self._quiet_s, self._clock = quiet_s, clock
        self._book_s = clock()
        self._open = self._lost = False
        self._line = Line(
            "ws" + url.removeprefix("http").rstrip("/") + "/ws",
            [_subscription(kind, asset) for kind in SUBSCRIPTIONS],
            '{"method":"ping"}',
            patience=patience,
            now_ns=now_ns,
        )

    @property
    def dropped(self) -> Counter[str]:
        """Counts by reason of what did not become an event."""
        return self._reader.dropped

    @property
    def noted(self) -> Counter[str]:
        """Counts by reason of what became an event with a remark."""
        return self._reader.noted

    @property
    def trouble(self) -> str:
        """Why the line closed last, or else the last frame refused; empty if neither happened."""
        return self._line.trouble or self._reader.trouble

    def take(self, timeout_s: float) -> NDArray[Any] | None:
        """Return what has come since the last call, waiting for it up to `timeout_s`.

        Raises
        ------
        VenueError
            if so much waited to be taken that the socket was closed.
        """
        heard = self._line.take(timeout_s)
        if heard is None:
            return None
        events = [piece for one in heard for piece in self._events(one) if len(piece)]
        if self._open and self._clock() - self._book_s > self._quiet_s:
            self._open = False
            self._line.hang_up(f"no newer book came for {self._quiet_s:g} s")
        return joined(events)

    def close(self) -> None:
        """Close the socket."""
        self._line.close()

    def _events(self, heard: Heard) -> list[NDArray[Any]]:
        if heard.what == FRAME:
            return self._of_frame(heard)
        self._open, self._book_s = heard.what == OPENED, self._clock()
        if self._open:
            return []
        self._reader.reconnect()
        if self._lost or not self._reader.started:
            return []
        self._lost = True
        return [_about_line(DISCONNECTED, heard.recv_ns)]

    def _of_frame(self, heard: Heard) -> list[NDArray[Any]]:
        events = self._reader.read(heard.frame, heard.recv_ns)
        if not ((events["kind"] == LEVEL) & (events["code"] & SNAPSHOT > 0)).any():
            return [events]
        self._book_s = self._clock()
        if not self._lost:
            return [events]
        self._lost = False
        return [_about_line(CONNECTED, heard.recv_ns), events]


def _about_line(kind: int, recv_ns: int) -> NDArray[Any]:
    events = zeros(Event)
    events["kind"], events["ts_ns"], events["recv_ns"] = kind, recv_ns, recv_ns
    return events


def _subscription(kind: str, coin: str) -> str:
    asked = {"method": "subscribe", "subscription": {"type": kind, "coin": coin}}
    return orjson.dumps(asked).decode()
