"""What one socket still has to be told, each message not before its time, and in order."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from engine.runners.localnet.faults import Faults

MOST_WAITING = 20_000  # messages; whoever reads slower is cut off


class Outbox:
    """Messages to one socket.

    Parameters
    ----------
    send
        sends one text.
    cut
        closes the socket without a word.
    faults
        may strike what is said as news.

    Attributes
    ----------
    sent_s
        when something was sent last [s, the loop's clock].
    """

    def __init__(
        self, send: Callable[[str], Awaitable[None]], cut: Callable[[], None], faults: Faults
    ) -> None:
        self._send, self._cut, self._faults = send, cut, faults
        self._waiting: deque[tuple[float, str]] = deque()
        self._held: list[tuple[float, str]] = []  # to come after the next one
        self._last_s = 0.0
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.sent_s = self._loop.time()

    def say(self, text: str, after_s: float) -> None:
        """Send a message after a while; never before those that were said earlier."""
        self._put(self._loop.time() + after_s, text)

    def tell(self, text: str, after_s: float) -> None:
        """Send news: it may be lost, doubled, late or out of order if that was asked for."""
        if self._faults.strikes("drop_message"):
            return
        late = self._faults.strikes("delay_message")
        due_s = self._loop.time() + after_s + (late.delay_ms / 1e3 if late else 0.0)
        if self._faults.strikes("reorder_messages"):
            self._held.append((due_s, text))
            return
        self._put(due_s, text)
        if self._faults.strikes("duplicate_message"):
            self._put(due_s, text)
        held, self._held = self._held, []
        for _, swapped in held:
            self._put(due_s, swapped)

    async def run(self) -> None:
        """Send until cancelled, or until the socket is gone."""
        while True:
            while not self._waiting:
                self._news.clear()
                await self._news.wait()
            due_s, text = self._waiting[0]
            wait_s = due_s - self._loop.time()
            if wait_s > 0.0:
                await asyncio.sleep(wait_s)
            self._waiting.popleft()
            await self._send(text)
            self.sent_s = self._loop.time()

    def _put(self, due_s: float, text: str) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.clear()
            self._cut()
            return
        self._last_s = max(self._last_s, due_s)
        self._waiting.append((self._last_s, text))
        self._news.set()
