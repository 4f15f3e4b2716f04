"""Being asked to stop: SIGINT and SIGTERM set a flag, and loops look at it.

A `threading.Event` will not do. Its lock is held for a moment while it is set or waited for, and a
signal that arrives in that moment runs the handler on the same thread, which then waits for itself:
two signals in a row left a process that no longer heard any.
"""

import contextlib
import signal
import time
from collections.abc import Iterator

LOOK_S = 0.05


class Stop:
    """Whether somebody has asked this process to stop."""

    def __init__(self) -> None:
        self.asked = False

    def ask(self, *_: object) -> None:
        """Ask; this is all a signal handler does."""
        self.asked = True

    def wait(self, seconds: float) -> bool:
        """Sleep for `seconds`, or until asked to stop; return whether that was asked."""
        end_s = time.monotonic() + seconds
        while not self.asked and (left_s := end_s - time.monotonic()) > 0:
            time.sleep(min(left_s, LOOK_S))
        return self.asked


@contextlib.contextmanager
def stop_signals() -> Iterator[Stop]:
    """Yield a `Stop` that SIGINT and SIGTERM ask; put the old handlers back afterwards."""
    stop = Stop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, stop.ask) for number in numbers]
    try:
        yield stop
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
