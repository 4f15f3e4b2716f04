"""A file of Hyperliquid's raw frames as a stream: what a socket said once, said again."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from engine.venues.pacing import Pace
from engine.venues.recorded.hyperliquid_frames import read_hyperliquid_frames


class FramesStream:
    """Recorded lines of ``<local_ns> <json>``, as fast as asked for or at a pace.

    Parameters
    ----------
    path
        the file, gzip or not.
    asset, sz_decimals
        which coin, and its lots; what the file and the table of known coins say where absent.
    speed
        seconds of the recording per second of the clock; infinite is as fast as asked.
    clock, sleep
        replaced in tests.

    Raises
    ------
    RecordingError
        if the file names no coin or its precision is not known; on `take`, if it is damaged.
    """

    trouble = ""

    def __init__(
        self,
        path: Path,
        asset: str | None = None,
        *,
        sz_decimals: int | None = None,
        speed: float = float("inf"),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        recording = read_hyperliquid_frames(path, asset, sz_decimals)
        self.asset, self.venue = recording.asset, recording.venue
        self.source = f"frames: {recording.source}"
        self.px_decimals, self.sz_decimals = recording.px_decimals, recording.sz_decimals
        self.dropped, self.noted = recording.dropped, recording.noted
        self._pace = Pace(recording.chunks, speed, clock, sleep)

    def take(self, timeout_s: float) -> NDArray[Any] | None:
        """Return what was heard next; None after the last frame."""
        return self._pace.take(timeout_s)

    def close(self) -> None:
        """Close the file."""
        self._pace.close()
