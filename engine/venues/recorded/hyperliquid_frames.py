"""Raw frames of Hyperliquid's socket: lines of ``<local_ns> <json>``, packed or not."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from engine.events import joined
from engine.venues.hyperliquid.frames import FrameReader
from engine.venues.recorded.lines import stamped_lines
from engine.venues.recorded.recording import Recording, RecordingError, hyperliquid_grid

_CHUNK_FRAMES = 20_000
_COIN = re.compile(rb'"coin"\s*:\s*"([^"\\]{1,64})"')


def read_hyperliquid_frames(
    path: Path, asset: str | None = None, sz_decimals: int | None = None
) -> Recording:
    """Read the frames of one coin; frames of other coins are dropped and counted.

    Raises
    ------
    RecordingError
        if the file is damaged, `asset` does not name one coin it holds, or the coin's precision is
        not known.
    """
    coin = _coin_of(path, asset)
    px_decimals, lots = hyperliquid_grid(coin, sz_decimals)
    reader = FrameReader(coin)
    return Recording(
        coin, "hyperliquid", path.name, px_decimals, lots,
        _chunks(path, reader), reader.dropped, reader.noted,
    )  # fmt: skip


def is_frames(path: Path) -> bool:
    """Return whether the first line of a file is a time in ns and a frame with a channel."""
    try:
        recv_ns, frame = next(stamped_lines(path))
    except (StopIteration, RecordingError):
        return False
    return recv_ns > 0 and frame.startswith(b"{") and b'"channel"' in frame


def _coin_of(path: Path, asset: str | None) -> str:
    coins = sorted({coin for _, frame in stamped_lines(path) if (coin := _coin(frame))})
    if asset is None and len(coins) == 1:
        return coins[0]
    if asset is None or asset not in coins:
        raise RecordingError(f"{path}: asset must be one of {coins}, was {asset!r}")
    return asset


def _coin(frame: bytes) -> str | None:
    """Return the first coin a frame names; None if it names none."""
    named = _COIN.search(frame)
    return named and named[1].decode("utf-8", "replace")


def _chunks(path: Path, reader: FrameReader) -> Iterator[NDArray[Any]]:
    held: list[NDArray[Any]] = []
    for recv_ns, frame in stamped_lines(path):
        if _coin(frame) not in {None, reader.coin}:
            reader.dropped["frame_of_other_coin"] += 1
            continue
        events = reader.read(frame, recv_ns)
        if len(events):
            held.append(events)
        if len(held) == _CHUNK_FRAMES:
            yield joined(held)
            held = []
    if not reader.started:
        raise RecordingError(f"{path}: must hold at least one l2Book of {reader.coin}")
    if held:
        yield joined(held)
