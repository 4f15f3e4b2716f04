"""What has been recorded and is not a tape yet: an append-only file that survives a crash.

A file is a magic word and frames. A frame is its kind, the length of its body, the CRC-32 of both
and of the body, and the body: first a header as JSON, then events, compressed, and now and then the
counts of what was left out, as JSON. Every frame is written through to the kernel before the call
returns, so SIGKILL loses nothing; a power cut loses what came after the last `Tail.sync`. What lies
behind the last whole frame is not read, and its bytes are counted.
"""

import mmap
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from engine.events import Event
from engine.record import schema_hash
from engine.store.append_only import AppendOnly, sync_folder
from engine.store.tape_facts import TapeError, TapeMeta

MAGIC = b"gangway tail 1\n"
HEADER, EVENTS, COUNTS = 1, 2, 3
MAX_EVENTS = 1 << 20  # of one frame: 64 MB
CHUNK_BYTES = 1 << 20
_HEAD = struct.Struct("<BII")
_CHECKED = _HEAD.size - 4  # bytes of the head that the CRC covers
_N = struct.Struct("<I")
LAYOUT = schema_hash(Event.dtype).hex()


class Tail:
    """One tail, open for appending by this process alone.

    Parameters
    ----------
    path
        a file that does not exist yet.
    meta
        what the tape will say of itself.
    """

    def __init__(self, path: Path, meta: TapeMeta) -> None:
        self.path = path
        self._counts = b""
        self._zstd = pa.Codec("zstd", 1)
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
        self._file = AppendOnly(path, os.open(path, flags, 0o640), 0)
        header = {"layout": LAYOUT, "meta": meta.model_dump()}
        self._file.write(MAGIC + _frame(HEADER, orjson.dumps(header)))
        self.sync()
        sync_folder(path.parent)

    def append(self, events: NDArray[Any]) -> None:
        """Write events in one frame; the runs of levels in them are whole."""
        if len(events) > MAX_EVENTS:
            raise ValueError(f"events must be at most {MAX_EVENTS} at once, were {len(events)}")
        packed = self._zstd.compress(np.ascontiguousarray(events).view(np.uint8), asbytes=True)
        self._file.write(_frame(EVENTS, _N.pack(len(events)) + packed))

    def count(self, dropped: Mapping[str, int], noted: Mapping[str, int]) -> None:
        """Write down what was left out so far, and what came with a remark, where that is news."""
        counts = orjson.dumps({"dropped": dropped, "noted": noted}, option=orjson.OPT_SORT_KEYS)
        if counts != self._counts:
            self._file.write(_frame(COUNTS, counts))
            self._counts = counts

    def sync(self) -> None:
        """Put everything written so far on the disk; for every second or so."""
        self._file.sync()

    def close(self) -> None:
        """Sync and release the file; the tail stays where it is."""
        self._file.close()


@dataclass(frozen=True)
class Left:
    """What a tail holds, up to the last whole frame.

    `meta` is None where not even the header can be read, and so nothing can.
    """

    path: Path
    meta: TapeMeta | None
    events: int
    dropped: dict[str, int]
    noted: dict[str, int]
    cut_bytes: int
    places: tuple[tuple[int, int], ...]  # of the bodies of events: where, how long

    def chunks(self) -> Iterator[NDArray[Any]]:
        """Yield the events in order; small frames together, for each chunk is checked anew."""
        held: list[bytes] = []
        with self.path.open("rb") as file:
            for place in self.places:
                held.append(_events(file, *place))
                if sum(map(len, held)) >= CHUNK_BYTES:
                    yield np.frombuffer(b"".join(held), Event.dtype)
                    held = []
        if held:
            yield np.frombuffer(b"".join(held), Event.dtype)


def read_tail(path: Path) -> Left:
    """Return what a tail holds; what follows the last whole frame is counted and left alone.

    Raises
    ------
    TapeError
        if a version of the code with other events wrote it.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if not size:
            return Left(path, None, 0, {}, {}, 0, ())
        with mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as view:
            return _read(path, view)


def _events(file: IO[bytes], at: int, length: int) -> bytes:
    file.seek(at)
    (n,) = _N.unpack(file.read(_N.size))
    packed = file.read(length - _N.size)
    return pa.Codec("zstd").decompress(packed, n * Event.dtype.itemsize, asbytes=True)


def _frame(kind: int, body: bytes) -> bytes:
    head = _HEAD.pack(kind, len(body), 0)[:_CHECKED]
    return head + struct.pack("<I", zlib.crc32(body, zlib.crc32(head))) + body


def _frames(view: mmap.mmap, at: int) -> Iterator[tuple[int, int, int]]:
    """Yield kind, place and length of the bodies of all whole frames from `at` on."""
    while at + _HEAD.size <= len(view):
        kind, length, crc = _HEAD.unpack_from(view, at)
        body = at + _HEAD.size
        if body + length > len(view):
            return
        if zlib.crc32(view[body : body + length], zlib.crc32(view[at : at + _CHECKED])) != crc:
            return
        yield kind, body, length
        at = body + length


def _read(path: Path, view: mmap.mmap) -> Left:
    meta, events, end, places = None, 0, 0, []
    counts: dict[str, dict[str, int]] = {"dropped": {}, "noted": {}}
    known = view[: len(MAGIC)] == MAGIC
    for kind, at, length in _frames(view, len(MAGIC)) if known else ():
        if meta is None:
            meta = _meta(path, kind, view[at : at + length])
        elif kind == EVENTS:
            places.append((at, length))
            events += _N.unpack_from(view, at)[0]
        elif kind == COUNTS:
            counts = orjson.loads(view[at : at + length])
        end = at + length
    return Left(path, meta, events, **counts, cut_bytes=len(view) - end, places=tuple(places))


def _meta(path: Path, kind: int, body: bytes) -> TapeMeta:
    header = orjson.loads(body) if kind == HEADER else {}
    if header.get("layout") != LAYOUT:
        raise TapeError(
            f"{path}: layout of events must be {LAYOUT[:12]}, was {header.get('layout')}; finish "
            "it with the version of the code that wrote it, or move it away"
        )
    return TapeMeta.model_validate(header.get("meta"))
