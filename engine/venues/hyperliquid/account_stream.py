"""One account, live: its orders, fills and payments from a socket opened again when it closes.

What happened while nobody listened is not told later, except the last fills: `Listening` says that
the venue must now be asked, and that nothing from before the asking can be missed.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

import orjson

from engine.venues.hyperliquid.account_frames import (
    SUBSCRIPTIONS,
    AccountReader,
    Record,
    Subscribed,
)
from engine.venues.line import CLOSED, FRAME, Heard, Line, Patience

PATIENT = Patience(ping_s=10.0)  # an account may be silent for days: only a pong shows life
QUIET_S = 25.0


class Listening(NamedTuple):
    """Every channel is heard: ask for orders, fills and position now."""


class Deaf(NamedTuple):
    """Nothing is heard until the next `Listening`."""

    why: str


class News(NamedTuple):
    """One thing heard, and when [ns UTC]."""

    recv_ns: int
    what: Record | Listening | Deaf


class AccountStream:
    """What a Hyperliquid server says about one account.

    Parameters
    ----------
    url
        of the server, ``https://host``.
    user
        address of the account: a master or a sub-account, never an agent.
    quiet_s
        how long nothing may be heard, not even a pong, before the socket counts as dead [s].
    patience
        how long to wait for a connection, and between two.
    clock, now_ns
        replaced in tests.
    """

    def __init__(
        self,
        url: str,
        user: str,
        *,
        quiet_s: float = QUIET_S,
        patience: Patience = PATIENT,
        clock: Callable[[], float] = time.monotonic,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.reader = AccountReader(user)
        self._quiet_s, self._clock = quiet_s, clock
        self._heard_s = clock()
        self._missing = set(SUBSCRIPTIONS)
        self._open = False
        self._line = Line(
            "ws" + url.removeprefix("http").rstrip("/") + "/ws",
            [_subscription(kind, user.lower()) for kind in SUBSCRIPTIONS],
            '{"method":"ping"}',
            patience=patience,
            now_ns=now_ns,
        )

    @property
    def trouble(self) -> str:
        """Why the socket closed last; empty if it never did."""
        return self._line.trouble

    def take(self, timeout_s: float) -> list[News] | None:
        """Return what has come since the last call, waiting up to `timeout_s`; None once closed.

        Raises
        ------
        VenueError
            if so much waited to be taken that the socket was closed.
        """
        heard = self._line.take(timeout_s)
        if heard is None:
            return None
        news = [News(one.recv_ns, what) for one in heard for what in self._read(one)]
        if self._open and self._clock() - self._heard_s > self._quiet_s:
            self._open = False
            self._line.hang_up(f"nothing came for {self._quiet_s:g} s, or not every channel")
        return news

    def close(self) -> None:
        """Close the socket."""
        self._line.close()

    def _read(self, heard: Heard) -> list[Record | Listening | Deaf]:
        if heard.what != FRAME:
            self._open = heard.what != CLOSED
            self._heard_s = self._clock()
            self._missing = set(SUBSCRIPTIONS)
            return [] if self._open else [Deaf(self._line.trouble)]
        if not self._missing:
            self._heard_s = self._clock()
        return [now for what in self.reader.read(heard.frame) for now in self._noticed(what)]

    def _noticed(self, what: Record) -> list[Record | Listening | Deaf]:
        """Return a record; of the acknowledgements only that the last one came."""
        if not isinstance(what, Subscribed):
            return [what]
        if what.channel not in self._missing:
            return []
        self._missing.remove(what.channel)
        return [] if self._missing else [Listening()]


def _subscription(kind: str, user: str) -> str:
    asked = {"method": "subscribe", "subscription": {"type": kind, "user": user}}
    return orjson.dumps(asked).decode()
