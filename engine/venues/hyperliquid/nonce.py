"""Numbers that make every signed request unlike all others, in this process and every later one.

References
----------
Hyperliquid documentation, "Nonces and API wallets", 2026-09-30: per signer the venue remembers the
100 highest; a new one must be unused, above the lowest of them, and within two days before and one
day after its clock. So each process signs with an agent key of its own.
"""

import fcntl
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

DAY_MS = 86_400_000
WIDTH = 20
MAX_SKEW_MS = 2_000


class NonceError(RuntimeError):
    """No request may be signed; the message says why and what to do."""


class SkewError(RuntimeError):
    """Our clock and the venue's are too far apart, or could not be compared."""


def wall_ms() -> int:
    """Return our clock [ms since 1970]."""
    return time.time_ns() // 1_000_000


class Nonces:
    """The nonces of one signer; the only ones while this object lives.

    Every nonce is our clock's or, where that stands still or goes back, one more than the last.
    The last one is in a file, which also keeps a second process from signing with the same key.

    Parameters
    ----------
    folder
        where the file of a signer is; it stays there for as long as its key is used.
    signer
        address of the key.
    now_ms
        our clock; replaced in tests.

    Raises
    ------
    NonceError
        if another process signs with this key, the file is damaged, or the clock is so far behind
        the last nonce that the venue would refuse the next one.
    """

    def __init__(self, folder: Path, signer: str, now_ms: Callable[[], int] = wall_ms) -> None:
        self.path = folder / f"{signer.lower()}.nonce"
        self._now_ms = now_ms
        self._turn = threading.Lock()
        self._pid = os.getpid()
        folder.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._claim()
            self._last = self._read()
        except BaseException:
            os.close(self._file)
            raise

    @property
    def last(self) -> int:
        """The last nonce of this signer; whoever chooses its own begins above it."""
        return self._last

    def next(self) -> int:
        """Return a nonce [ms since 1970, or a little more].

        Raises
        ------
        NonceError
            if this is a copy in a forked process, which would use the same numbers.
        """
        with self._turn:
            return self._take(max(self._last + 1, self._now_ms()))

    def note(self, nonce: int) -> None:
        """Remember a nonce that was chosen elsewhere: none up to it comes from here."""
        with self._turn:
            if nonce > self._last:
                self._take(nonce)

    def close(self) -> None:
        """Let another process sign with this key."""
        os.close(self._file)

    def _take(self, nonce: int) -> int:
        if os.getpid() != self._pid:
            raise NonceError("a forked process must not sign with the key of its parent")
        self._last = nonce
        # not synced: a process that dies loses nothing, and after a crash of the machine the clock
        # is past the last one
        os.pwrite(self._file, b"%0*d\n" % (WIDTH, nonce), 0)
        return nonce

    def _claim(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NonceError(
                f"another process signs with this key and holds {self.path}: "
                "stop it, or give this one an agent of its own"
            ) from None

    def _read(self) -> int:
        text = os.pread(self._file, WIDTH + 2, 0).decode("ascii", "replace").strip()
        if text and not (text.isdecimal() and len(text) == WIDTH):
            raise NonceError(f"{self.path} must hold one number, was {text!r}: approve a new agent")
        last = int(text or 0)
        ahead_ms = last - self._now_ms()
        if ahead_ms > DAY_MS // 2:  # the venue refuses a whole day
            raise NonceError(
                f"the last nonce in {self.path} is {ahead_ms / 3_600_000:.1f} h ahead of our clock:"
                " correct the clock, or approve a new agent"
            )
        return last


def check_clock(
    venue_ms: Callable[[], int], now_ms: Callable[[], int] = wall_ms, tries: int = 3
) -> tuple[int, int]:
    """Return the least and the most by which the venue's clock may be ahead of ours [ms].

    The venue's answer is the time of its last block, somewhere between our asking and our hearing.
    An order's expiry is by our clock: one that is late sends orders that are dead on arrival, one
    that is early lets lost ones live.

    Parameters
    ----------
    venue_ms
        asks the venue; the quickest of `tries` answers counts.

    Raises
    ------
    SkewError
        unless the clocks are certainly within `MAX_SKEW_MS` of each other.
    """
    bounds: list[tuple[int, int]] = []
    for _ in range(tries):
        asked_ms = now_ms()
        said_ms = venue_ms()
        bounds.append((said_ms - now_ms(), said_ms - asked_ms))
    low, high = min(bounds, key=lambda bound: bound[1] - bound[0])
    if not (-MAX_SKEW_MS <= low <= high <= MAX_SKEW_MS):
        raise SkewError(
            f"the venue's clock is {low} to {high} ms ahead of ours, at most {MAX_SKEW_MS} either "
            "way is safe: synchronise this machine's clock, or look at the connection"
        )
    return low, high
