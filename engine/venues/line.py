"""A websocket that is opened again whenever it closes; what it says waits in a bounded queue.

One thread connects, says what is wanted, pings, and stamps every frame with the time it came.
Nobody looks into the frames here.
"""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from socket import SHUT_RDWR
from typing import NamedTuple
from urllib.parse import urlsplit

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from engine.venues.rows import VenueError

OPENED, CLOSED, FRAME = range(3)
MAX_FRAME_BYTES = 1 << 20  # the largest seen is 0.2 MB
MAX_WAITING_BYTES = 64 << 20
OVERHEAD_BYTES = 200  # of one frame in the queue, whatever its length
CLOSE_S = 1.0


class Heard(NamedTuple):
    """One thing that happened on the line."""

    what: int  # OPENED, CLOSED or FRAME
    recv_ns: int  # when [ns UTC, whole µs]; never falls
    frame: bytes = b""


class Patience(NamedTuple):
    """How long to wait for what [s]."""

    open_s: float = 10.0
    ping_s: float = 50.0  # Hyperliquid closes after 60 s without a word (its docs, websocket)
    pause_s: float = 1.0  # before the first attempt to connect again; doubles with each failure
    longest_pause_s: float = 30.0

    def next_pause_s(self, pause_s: float, lived_s: float) -> float:
        """Return the pause after a connection that lived `lived_s`, and came after `pause_s`.

        >>> [Patience().next_pause_s(before, 0.1) for before in (0.0, 1.0, 2.0, 16.0, 30.0)]
        [1.0, 2.0, 4.0, 30.0, 30.0]
        """
        if lived_s > self.longest_pause_s:
            return self.pause_s
        return min(max(2.0 * pause_s, self.pause_s), self.longest_pause_s)


PATIENT = Patience()


class Line:
    """A conversation with one server.

    Parameters
    ----------
    url
        ``ws://`` or ``wss://``.
    hello
        messages to say on every new connection.
    ping
        message to say every `patience.ping_s`.
    patience
        how long to wait.
    limit_bytes
        how much may wait to be taken.
    now_ns
        the time a frame is stamped with [ns UTC]; replaced in tests.

    Attributes
    ----------
    trouble
        why the line closed last; empty if it never did.
    """

    def __init__(
        self,
        url: str,
        hello: Sequence[str],
        ping: str,
        *,
        patience: Patience = PATIENT,
        limit_bytes: int = MAX_WAITING_BYTES,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.url = url
        self.trouble = ""
        self._hello, self._ping = hello, ping
        self._patience, self._limit = patience, limit_bytes
        self._now_ns = now_ns
        self._last_ns = 0
        self._waiting: deque[Heard] = deque()
        self._bytes = 0
        self._error: Exception | None = None
        self._over = False
        self._news = threading.Condition()
        self._closing = threading.Event()
        self._socket: Connection | None = None
        self._why = ""
        self._thread = threading.Thread(target=self._run, name=f"line to {url}", daemon=True)
        self._thread.start()

    def take(self, timeout_s: float) -> list[Heard] | None:
        """Return all that waits, waiting for something up to `timeout_s`; None once closed.

        Raises
        ------
        VenueError
            if too much waited to be taken, after that much was returned.
        """
        with self._news:
            self._news.wait_for(lambda: self._waiting or self._over, timeout_s)
            taken = list(self._waiting)
            self._waiting.clear()
            self._bytes = 0
            if taken or not self._over:
                return taken
            if self._error is not None:
                raise self._error
            return None

    def hang_up(self, why: str) -> None:
        """Drop the present connection without a word; the line opens another one."""
        self._why = why
        if self._socket is not None:
            with contextlib.suppress(OSError):  # it is gone already
                self._socket.socket.shutdown(SHUT_RDWR)

    def close(self) -> None:
        """End the conversation."""
        self._closing.set()
        if self._socket is not None:
            self._socket.close()
        self._thread.join(self._patience.open_s + 2 * CLOSE_S)

    def _run(self) -> None:
        try:
            pause_s = 0.0
            while not self._closing.is_set():
                began_s = time.monotonic()
                self._converse()
                pause_s = self._patience.next_pause_s(pause_s, time.monotonic() - began_s)
                self._closing.wait(pause_s)
        except Exception as error:  # whoever takes next must hear of it
            self._error = error
        finally:
            with self._news:
                self._over = True
                self._news.notify()

    def _converse(self) -> None:
        """Hold one connection for as long as it lives."""
        opened = False
        try:
            with self._connect() as socket:
                self._socket = socket
                if self._closing.is_set():
                    return
                for message in self._hello:
                    socket.send(message)
                opened = True
                self._put(OPENED)
                self._listen(socket)
        except (OSError, WebSocketException) as error:
            self.trouble = self._why or f"{type(error).__name__}: {error}"
            self._why = ""
        finally:
            self._socket = None
            if opened:
                self._put(CLOSED)

    def _connect(self) -> Connection:
        loopback = urlsplit(self.url).hostname in ("127.0.0.1", "localhost", "::1")
        return connect(
            self.url,
            compression=None,
            proxy=None if loopback else True,
            open_timeout=self._patience.open_s,
            close_timeout=CLOSE_S,
            ping_interval=None,  # the venue's own ping keeps the line open
            max_size=MAX_FRAME_BYTES,
        )

    def _listen(self, socket: Connection) -> None:
        ping_at_s = time.monotonic() + self._patience.ping_s
        while True:
            wait_s = ping_at_s - time.monotonic()
            if wait_s <= 0.0:
                socket.send(self._ping)
                ping_at_s += self._patience.ping_s
                continue
            try:
                frame = socket.recv(wait_s, decode=False)
            except TimeoutError:
                continue
            if self._bytes > self._limit:
                raise VenueError(
                    f"{self.url}: {len(self._waiting)} frames wait to be taken, more than "
                    f"{self._limit} bytes; whoever reads this stream is too slow, or has stopped"
                )
            self._put(FRAME, frame)

    def _put(self, what: int, frame: bytes = b"") -> None:
        self._last_ns = max(self._now_ns() // 1000 * 1000, self._last_ns)
        with self._news:
            self._waiting.append(Heard(what, self._last_ns, frame))
            self._bytes += len(frame) + OVERHEAD_BYTES
            self._news.notify()
