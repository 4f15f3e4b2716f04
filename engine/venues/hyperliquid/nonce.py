"""Numbers that make every signed request unlike all others, in this process and every other one.

Processes may share a key, as the engines of one account do. Each has a *lane* of its own: numbers
that leave a remainder no other process has. Nobody waits for anybody, and no number comes twice.

The venue remembers only the 100 highest numbers of a signer, and refuses one below them all. A
request is that late where 100 others of its key overtook it: at the 20 requests a second that an IP
address may send over a minute, that takes as long as a request lives (`exchange.LIFE_MS`). Such a
refusal is a clear answer: nothing was done, and the engine goes on as after any other. A burst of
a process runs ahead of the clock by `LANES` ms with each request, so it counts against the others
for no longer than that.

References
----------
Hyperliquid documentation, "Nonces and API wallets", 2026-09-30: per signer the venue remembers the
100 highest; a new one must be unused, above the lowest of them, and within two days before and one
day after its clock.
"""

import fcntl
import mmap
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

DAY_MS = 86_400_000
WIDTH = 8  # bytes of the last nonce in its file
LANES = 32  # processes that may sign with one key at a time
MAX_SKEW_MS = 2_000


class NonceError(RuntimeError):
    """No request may be signed; the message says why and what to do."""


class SkewError(RuntimeError):
    """Our clock and the venue's are too far apart, or could not be compared."""


def wall_ms() -> int:
    """Return our clock [ms since 1970]."""
    return time.time_ns() // 1_000_000


class Nonces:
    """One lane of a signer's nonces, which nobody else has while this object lives.

    Every nonce is the first of the lane that is neither before our clock nor before the last one.
    The last one is in a file, which also keeps other processes from the lane. A new process begins
    above the last nonces of all lanes: its own, and what the venue may have heard of others.

    Parameters
    ----------
    folder
        where the files of a signer are; they stay there for as long as its key is used.
    signer
        address of the key.
    now_ms
        our clock; replaced in tests.

    Attributes
    ----------
    lane
        from 0: the first that was free.

    Raises
    ------
    NonceError
        if every lane is taken, a file is damaged, or the clock is so far behind the last nonce that
        the venue would refuse the next one.
    """

    def __init__(self, folder: Path, signer: str, now_ms: Callable[[], int] = wall_ms) -> None:
        self._now_ms = now_ms
        self._turn = threading.Lock()
        self._pid = os.getpid()
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / f"{signer.lower()}.{lane}.nonce" for lane in range(LANES)]
        self.lane, self._file = _claim(paths)
        try:
            self._last = max(_read(path, now_ms()) for path in paths if path.exists())
            os.pwrite(self._file, self._last.to_bytes(WIDTH, sys.byteorder), 0)
            # as memory: that takes a third of the time, and a word is never written by halves
            self._kept = memoryview(mmap.mmap(self._file, WIDTH)).cast("Q")
        except BaseException:
            os.close(self._file)
            raise

    def next(self, least: int = 0) -> int:
        """Return a nonce [ms since 1970, or a little more], and not below `least`.

        Raises
        ------
        NonceError
            if this is a copy in a forked process, which would use the same numbers.
        """
        if os.getpid() != self._pid:
            raise NonceError("a forked process must not sign with the numbers of its parent")
        with self._turn:
            least = max(least, self._last + 1, self._now_ms())
            self._last = nonce = least + (self.lane - least) % LANES
            # not synced: a process that dies loses nothing, and after a crash of the machine the
            # clock is past the last one
            self._kept[0] = nonce
        return nonce

    def close(self) -> None:
        """Leave the lane to another process."""
        self._kept.release()
        os.close(self._file)


def _claim(paths: list[Path]) -> tuple[int, int]:
    """Return the first lane that nobody holds, and its file, which is held now."""
    for lane, path in enumerate(paths):
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            continue
        return lane, file
    raise NonceError(
        f"{len(paths)} processes sign with the key of {paths[0].name.partition('.')[0]} already: "
        "stop one, or give this one an agent of its own"
    )


def _read(path: Path, now_ms: int) -> int:
    """Return the last nonce of a lane, 0 where there was none."""
    held = path.read_bytes()
    if len(held) not in (0, WIDTH):
        raise NonceError(f"{path} must hold {WIDTH} bytes, was {held[:40]!r}: approve a new agent")
    last = int.from_bytes(held, sys.byteorder)
    ahead_ms = last - now_ms
    if ahead_ms > DAY_MS // 2:  # the venue refuses a whole day
        raise NonceError(
            f"the last nonce in {path} is {ahead_ms / 3_600_000:.1f} h ahead of our clock:"
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
