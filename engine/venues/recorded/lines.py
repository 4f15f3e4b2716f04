"""Files of lines, packed or not; and lines of ``<local_ns> <json>``, one frame of a socket each."""

import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from engine.venues.recorded.recording import RecordingError

SUFFIXES = frozenset({".gz", ".zst", ".jsonl", ".txt"})


def lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a file with their numbers, from 1.

    Raises
    ------
    RecordingError
        if the file cannot be read or unpacked to its end.
    """
    try:
        with _opened(path) as file:
            yield from enumerate(file, 1)
    except (OSError, EOFError) as error:
        raise RecordingError(f"{path}: must be a whole file of frames ({error})") from error


def stamped_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the recorder's time [ns, whole µs] and the frame of each line.

    Raises
    ------
    RecordingError
        if a line has no time, or one before that of the line before it.
    """
    last_ns = 0
    for number, line in lines(path):
        stamp, _, frame = line.strip().partition(b" ")
        if not stamp.isdigit() or len(stamp) > 19:
            told = f"line must be '<local_ns> <json>', was {line[:60]!r}"
            raise RecordingError(f"{path}:{number}: {told}")
        recv_ns = int(stamp) // 1000 * 1000  # a tape keeps whole µs
        if recv_ns < last_ns:
            told = f"local time must not fall, was {recv_ns} after {last_ns}"
            raise RecordingError(f"{path}:{number}: {told}")
        last_ns = recv_ns
        yield recv_ns, frame


def _opened(path: Path) -> BinaryIO:
    if path.suffix == ".gz":
        return cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, gzip.open(path))))
    if path.suffix == ".zst":
        import pyarrow as pa

        return cast(BinaryIO, io.BufferedReader(pa.input_stream(path, compression="zstd")))
    return path.open("rb")
