"""Bring a recording someone else made onto a tape: find out what it is, read it, write it."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal, get_args

from engine.store.tape import write_tape
from engine.store.tape_facts import TapeInfo, TapeMeta
from engine.venues.recorded.binance import is_binance_frames, read_binance_frames
from engine.venues.recorded.cryptofeed import is_cryptofeed, read_cryptofeed
from engine.venues.recorded.hyperliquid_csv import read_hyperliquid_csv
from engine.venues.recorded.hyperliquid_frames import is_frames, read_hyperliquid_frames
from engine.venues.recorded.lines import SUFFIXES
from engine.venues.recorded.recording import Recording, RecordingError
from engine.venues.recorded.standx import read_standx

Format = Literal[
    "auto", "hyperliquid-csv", "standx", "hyperliquid-frames", "binance-frames", "cryptofeed"
]

_READERS: dict[str, Callable[[Path, str | None, int | None], Recording]] = {
    "hyperliquid-csv": read_hyperliquid_csv,
    "standx": read_standx,
    "hyperliquid-frames": read_hyperliquid_frames,
    "binance-frames": read_binance_frames,
    "cryptofeed": read_cryptofeed,
}
_PATTERNS = {"hyperliquid-csv": "orderbooks_*.csv", "standx": "orderbook_*_*_*.parquet"}
_SIGNS: dict[str, Callable[[Path], bool]] = {
    "hyperliquid-frames": is_frames,
    "binance-frames": is_binance_frames,
    "cryptofeed": is_cryptofeed,
}


def import_tape(
    source: Path,
    out: Path,
    *,
    asset: str | None = None,
    format: Format = "auto",
    sz_decimals: int | None = None,
) -> TapeInfo:
    """Import one asset of a recording and return what the tape holds.

    Parameters
    ----------
    source
        a folder of a recording, or one file of it.
    out
        where the tape is written; replaced whole, or untouched on failure.
    asset
        the recording's name of the asset; needed where there are several.
    format
        what the recording is; ``auto`` looks at the files.
    sz_decimals
        decimals of a size; needed where neither table nor data tell.

    Raises
    ------
    RecordingError
        if the source cannot be read as what it is said, or seems, to be.
    TapeError
        if what was read cannot be a tape.

    Examples
    --------
    >>> import_tape(Path("nowhere"), Path("x.tape"))
    Traceback (most recent call last):
    engine.venues.recorded.recording.RecordingError: nowhere: source must exist
    """
    if format not in get_args(Format):
        raise RecordingError(f"format must be one of {get_args(Format)}, was {format!r}")
    if not source.exists():
        raise RecordingError(f"{source}: source must exist")
    found = detect(source) if format == "auto" else format
    recording = _READERS[found](*_arguments(source, found, asset), sz_decimals)
    meta = TapeMeta(
        asset=recording.asset,
        venue=recording.venue,
        source=f"{found}: {recording.source}",
        px_decimals=recording.px_decimals,
        sz_decimals=recording.sz_decimals,
    )
    return write_tape(out, recording.chunks, meta, dropped=recording.dropped, noted=recording.noted)


def detect(source: Path) -> str:
    """Return the format of a folder or file.

    Raises
    ------
    RecordingError
        if it is none we read; the message says what each looks like.
    """
    folder = source if source.is_dir() else source.parent
    for name, pattern in _PATTERNS.items():
        if any(folder.glob(pattern)) if source.is_dir() else source.match(pattern):
            return name
    for path in _line_files(source):
        for name, is_it in _SIGNS.items():
            if is_it(path):
                return name
    raise RecordingError(
        f"{source}: must be a folder with {' or '.join(_PATTERNS.values())}, a file of "
        "'<local_ns> <json>' lines of Hyperliquid or Binance, or one of cryptofeed's "
        f"({', '.join(sorted(SUFFIXES))})"
    )


def _line_files(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    return sorted(p for p in source.iterdir() if p.suffix in SUFFIXES)


def _arguments(source: Path, found: str, asset: str | None) -> tuple[Path, str | None]:
    """Return what the reader wants: a folder and its asset, or one file of lines."""
    if found in _SIGNS:
        files = _line_files(source)
        if len(files) != 1:
            names = [path.name for path in files]
            raise RecordingError(f"{source}: must hold one file, has {names}; name one of them")
        return files[0], asset
    if source.is_dir():
        return source, asset
    return source.parent, asset or source.stem.split("_")[1]
