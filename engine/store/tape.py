"""A tape: recorded market data of one asset in one Parquet file, ordered by the recorder's clock.

One row per event. Times are integer µs, prices and sizes integers on the asset's decimal grid, so
that reading gives back the very bits that were written (`engine.store.tape_columns`). A row group
never cuts a run of levels. The footer holds a `TapeInfo` as JSON.

Nothing is mended and nothing left out here. What cannot be is a `TapeError` that names file, row,
value and remedy:

- a file that is not, byte for byte, as it was written (`engine.store.tape_seal`): cut short,
  damaged, put together from several tapes, with the footer of another; a foreign file; a tape of
  another version;
- a row that cannot be true (`engine.store.tape_checks`): a value that is not finite, a price that
  is not positive or beyond any market, a size below zero, an unknown kind or side, a time that
  goes back or comes before the venue's, a run of levels that has no end, two times or a second
  beginning, a whole book that is crossed;
- on writing, what would not come back as the same bits; and no events at all.

Whoever brings a recording in may drop or mend rows, and counts them by reason: `dropped` and
`noted` stand in the tape's account.
"""

import itertools
import os
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from engine.events import LAST, LEVEL, Event, joined
from engine.store.tape_checks import check_ended, check_events, new_watch
from engine.store.tape_columns import OPTIONS, SCHEMA, Columns, table_of, unpack
from engine.store.tape_facts import KEY, VERSION, Observer, TapeError, TapeInfo, TapeMeta
from engine.store.tape_file import OpenTape, open_tape
from engine.store.tape_seal import seal

ROW_GROUP = 1 << 17
NS_PER_HOUR = 3_600_000_000_000


def write_tape(
    path: Path,
    chunks: Iterable[NDArray[Any]],
    meta: TapeMeta,
    *,
    dropped: Mapping[str, int] | None = None,
    noted: Mapping[str, int] | None = None,
) -> TapeInfo:
    """Write events to a tape and return what it holds; nothing is left behind on failure.

    Parameters
    ----------
    path
        where the tape appears, whole and synced to disk, or not at all.
    chunks
        arrays of `Event`, in order of `recv_ns`; a chunk never cuts a run of levels.
    meta
        who recorded what, and the decimal grid of prices and sizes.
    dropped, noted
        counts by reason, read after the last chunk, so that an importer may count as it goes.

    Raises
    ------
    TapeError
        if an event cannot be true, is off the grid, out of order or before its own time.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    observer = Observer()
    try:
        with pq.ParquetWriter(part, SCHEMA, **OPTIONS) as writer:
            rows = 0
            for group in _groups(_checked(path, chunks, observer)):
                writer.write_table(table_of(path, group, meta, rows), row_group_size=len(group))
                rows += len(group)
            if not observer.events:
                raise TapeError(f"{path}: no events to write; the source holds nothing usable")
            info = observer.info(meta, VERSION, dropped or {}, noted or {})
            writer.add_key_value_metadata({KEY: info.model_dump_json()})
        seal(part)
        _publish(part, path)
    finally:
        part.unlink(missing_ok=True)
    return tape_info(path)


def read_tape(path: Path, *, chunk_hours: float = 1.0, since_ns: int = 0) -> Iterator[NDArray[Any]]:
    """Yield the events received at or after `since_ns`, in chunks of `chunk_hours` of tape time.

    Chunk boundaries count from the tape's first event, wherever `since_ns` starts; empty chunks
    are left out. The file is read once to see that it is as it was written; then every row is
    checked as it is handed out, while a thread unpacks what comes next.

    Raises
    ------
    TapeError
        if the file is not a whole tape of this version, or holds what cannot be true.
    """
    if not chunk_hours > 0.0:
        raise ValueError(f"chunk_hours must be positive, was {chunk_hours}")
    step_ns = max(int(chunk_hours * NS_PER_HOUR), 1)
    with closing(open_tape(path)) as tape, closing(_chunks(tape, step_ns, since_ns)) as chunks:
        for chunk in chunks:
            late = int(np.searchsorted(chunk["recv_ns"], since_ns))
            if late < len(chunk):
                yield chunk[late:]


def tape_info(path: Path) -> TapeInfo:
    """Return the tape's account of itself, with the SHA-256 and the weight of the file.

    Raises
    ------
    TapeError
        if the file is not a whole tape of this version.
    """
    tape = open_tape(path)
    tape.close()
    weight = path.stat().st_size / tape.info.events
    return tape.info.model_copy(update={"sha256": tape.sha256, "bytes_per_event": weight})


def _chunks(tape: OpenTape, step_ns: int, since_ns: int) -> Generator[NDArray[Any], None, None]:
    """Yield whole chunks, from the first that has rows in a row group that reaches `since_ns`."""
    watch = new_watch()
    for _, group in itertools.groupby(_parts(tape, step_ns, since_ns), key=lambda part: part[0]):
        parts = list(group)
        out, used = np.empty(sum(len(part.recv_us) for *_, part in parts), Event.dtype), 0
        for _, row, part in parts:
            piece = out[used : used + len(part.recv_us)]
            unpack(tape.path, piece, part, tape.info, watch, row=row)
            used += len(piece)
        check_ended(tape.path, out, watch, row=parts[0][1])
        yield out


def _parts(tape: OpenTape, step_ns: int, since_ns: int) -> Iterator[tuple[int, int, Columns]]:
    """Yield row groups cut where chunks end: number of the chunk, first row, and columns."""
    first_ns = tape.info.first_ns
    for g, columns in tape.groups(since_ns):
        times, at = columns.recv_us, 0
        while at < len(times):
            chunk = (int(times[at]) * 1000 - first_ns) // step_ns
            edge_us = -(-(first_ns + (chunk + 1) * step_ns) // 1000)
            end = max(int(np.searchsorted(times, edge_us)), at + 1)
            yield chunk, tape.rows_before(g) + at, Columns(*(c[at:end] for c in columns))
            at = end


def _publish(part: Path, path: Path) -> None:
    with part.open("rb") as raw:
        os.fsync(raw.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _checked(
    path: Path, chunks: Iterable[NDArray[Any]], observer: Observer
) -> Iterator[NDArray[Any]]:
    watch = new_watch()
    for chunk in chunks:
        if not len(chunk):
            continue
        if chunk.dtype != Event.dtype:
            raise TapeError(f"{path}: chunks must be arrays of Event, was {chunk.dtype}")
        check_events(path, chunk, watch, observer.events)
        observer.update(chunk)
        yield chunk


def _groups(chunks: Iterator[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """Yield chunks as row groups, none of which cuts a run of levels."""
    held: list[NDArray[Any]] = []
    for chunk in chunks:
        held.append(chunk)
        if sum(map(len, held)) < ROW_GROUP:
            continue
        whole = joined(held)
        while len(whole) >= ROW_GROUP:
            end = _run_end(whole)
            yield whole[:end]
            whole = whole[end:]
        held = [whole]
    if sum(map(len, held)):
        yield joined(held)


def _run_end(events: NDArray[Any]) -> int:
    """Return the last place for a cut in the first `ROW_GROUP` rows."""
    head = events[:ROW_GROUP]
    ends = np.flatnonzero((head["kind"] != LEVEL) | (head["code"] & LAST > 0))
    return int(ends[-1]) + 1 if len(ends) else len(events)
