"""Chunks of events handed out in step with a clock: how a known market becomes a stream."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.events import Event
from engine.record import zeros

MOST_EVENTS = 1 << 16  # handed out at once: 4 MB


class Pace:
    """Events that are due on a clock which runs at `speed` and starts with the first of them.

    Parameters
    ----------
    chunks
        arrays of `Event` in order of `recv_ns`; a run of levels shares its `recv_ns`.
    speed
        seconds of the market per second of the clock; infinite hands out as fast as asked.
    clock, sleep
        replaced in tests.

    Raises
    ------
    ValueError
        if `speed` is not positive.
    """

    def __init__(
        self,
        chunks: Iterator[NDArray[Any]],
        speed: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not speed > 0.0:
            raise ValueError(f"speed must be positive, was {speed}")
        self._chunks, self._speed = chunks, speed
        self._clock, self._sleep = clock, sleep
        self._held = zeros(Event, 0)
        self._recv_ns = np.empty(0, np.int64)
        self._at = 0
        self._first_ns: int | None = None
        self._began_s = 0.0

    def take(self, timeout_s: float) -> NDArray[Any] | None:
        """Return what is due, after waiting up to `timeout_s` for it; None after the last event."""
        if not self._refill():
            return None
        end = self._end()
        if end == self._at:
            self._sleep(max(min(timeout_s, self._until_next_s()), 0.0))
            end = self._end()
        part = self._held[self._at : end]
        self._at = end
        return part

    def close(self) -> None:
        """Let go of the chunks."""
        self._chunks, self._held = iter(()), self._held[:0]

    def _refill(self) -> bool:
        while self._at >= len(self._held):
            chunk = next(self._chunks, None)
            if chunk is None:
                return False
            self._held, self._at = chunk, 0
            self._recv_ns = np.ascontiguousarray(chunk["recv_ns"])
        if self._first_ns is None:  # only now: making the first chunk may take long
            self._first_ns, self._began_s = int(self._recv_ns[0]), self._clock()
        return True

    def _end(self) -> int:
        """Return the place behind the last event that is due, not behind too many."""
        recv_ns, most = self._recv_ns, self._at + MOST_EVENTS
        end = len(recv_ns)
        if self._speed != float("inf"):
            end = int(np.searchsorted(recv_ns, self._now_ns(), side="right"))
        if end <= most:
            return end
        # not through events that were heard at once
        cut = int(np.searchsorted(recv_ns, recv_ns[most], side="left"))
        return cut if cut > self._at else int(np.searchsorted(recv_ns, recv_ns[most], side="right"))

    def _now_ns(self) -> int:
        passed_s = (self._clock() - self._began_s) * self._speed
        return (self._first_ns or 0) + int(passed_s * 1e9)

    def _until_next_s(self) -> float:
        return (int(self._recv_ns[self._at]) - self._now_ns()) / 1e9 / self._speed
