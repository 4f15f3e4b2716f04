"""A tape: recorded market data of one asset in one Parquet file, ordered by the recorder's clock.

One row per event. Times are integer µs, prices and sizes integers on the asset's decimal grid, so
that reading gives back the very bits that were written. The footer holds a `TapeInfo` as JSON.
Kinds without a grid (`REFERENCE`, `CONTEXT`, payments) keep floats in columns of their own.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import ValidationError

from engine.events import Event
from engine.record import zeros
from engine.store.tape_checks import (
    REMEDY,
    check_grid,
    check_order,
    check_values,
    is_market,
    scales,
)
from engine.store.tape_facts import Observer, TapeError, TapeInfo, TapeMeta, touches

VERSION = 1
ROW_GROUP = 1 << 18
NS_PER_HOUR = 3_600_000_000_000
_KEY = "gangway.tape"
_DELTA = ("px", "sz", "lag_us")
_SCHEMA = pa.schema(
    [
        pa.field(name, kind, nullable=False)
        for name, kind in {
            "recv_us": pa.int64(), "lag_us": pa.int64(),
            "kind": pa.int8(), "side": pa.int8(), "code": pa.int32(),
            "px": pa.int64(), "sz": pa.int64(), "id": pa.int64(), "ref": pa.int64(),
            "px_raw": pa.float64(), "sz_raw": pa.float64(), "extra": pa.float64(),
        }.items()
    ]
)  # fmt: skip


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
        if an event is not finite, off the grid, out of order or before its own time.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    observer = Observer()
    try:
        with pq.ParquetWriter(part, _SCHEMA, **_options()) as writer:
            for group in _groups(_checked(path, chunks, meta, observer)):
                writer.write_table(_table(group, meta), row_group_size=ROW_GROUP)
            if not observer.events:
                raise TapeError(f"{path}: no events to write; the source holds nothing usable")
            info = observer.info(meta, VERSION, dropped or {}, noted or {})
            writer.add_key_value_metadata({_KEY: info.model_dump_json()})
        _publish(part, path)
    finally:
        part.unlink(missing_ok=True)
    return tape_info(path)


def read_tape(path: Path, *, chunk_hours: float = 1.0, since_ns: int = 0) -> Iterator[NDArray[Any]]:
    """Yield the events received at or after `since_ns`, in chunks of `chunk_hours` of tape time.

    Chunk boundaries count from the tape's first event, wherever `since_ns` starts; empty chunks
    are left out. Every row group is checked as it is read.

    Raises
    ------
    TapeError
        if the file is not a whole tape of this version, or holds what cannot be true.
    """
    if not chunk_hours > 0.0:
        raise ValueError(f"chunk_hours must be positive, was {chunk_hours}")
    file, info = _open(path)
    step = max(int(chunk_hours * NS_PER_HOUR), 1)
    held: list[NDArray[Any]] = []
    chunk = 0
    for events in _row_groups(path, file, info, since_ns):
        of = (events["recv_ns"] - info.first_ns) // step
        cuts = np.flatnonzero(np.diff(of)) + 1
        for piece in np.split(events, cuts):
            number = int((piece["recv_ns"][0] - info.first_ns) // step)
            if held and number != chunk:
                yield _joined(held)
                held = []
            chunk = number
            held.append(piece)
    if held:
        yield _joined(held)


def tape_info(path: Path) -> TapeInfo:
    """Return the tape's account of itself, with the SHA-256 and the weight of the file.

    Raises
    ------
    TapeError
        if the file is not a whole tape of this version.
    """
    file, info = _open(path)
    file.close()
    with path.open("rb") as raw:
        digest = hashlib.file_digest(raw, "sha256").hexdigest()
    weight = path.stat().st_size / info.events
    return info.model_copy(update={"sha256": digest, "bytes_per_event": weight})


def _options() -> dict[str, Any]:
    # Delta packing for what moves in small steps; a dictionary for what repeats within a run of
    # levels (times, codes) or is nearly always zero (ids): 7-10 % smaller than delta for all.
    return {
        "version": "2.6",
        "data_page_version": "2.0",
        "compression": "zstd",
        "compression_level": 3,
        "use_dictionary": [name for name in _SCHEMA.names if name not in _DELTA],
        "column_encoding": dict.fromkeys(_DELTA, "DELTA_BINARY_PACKED"),
        "store_schema": False,
    }


def _publish(part: Path, path: Path) -> None:
    with part.open("rb") as raw:
        os.fsync(raw.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _groups(chunks: Iterator[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    held: list[NDArray[Any]] = []
    for chunk in chunks:
        held.append(chunk)
        if sum(map(len, held)) >= ROW_GROUP:
            whole = _joined(held)
            end = len(whole) - len(whole) % ROW_GROUP
            yield from np.split(whole[:end], end // ROW_GROUP)
            held = [whole[end:]]
    if sum(map(len, held)):
        yield _joined(held)


def _joined(pieces: list[NDArray[Any]]) -> NDArray[Any]:
    if len(pieces) == 1:
        return pieces[0]
    # as words: numpy copies records field by field, which takes four times as long
    words = [np.ascontiguousarray(p).view(np.int64) for p in pieces]
    return np.concatenate(words).view(Event.dtype)


def _checked(
    path: Path, chunks: Iterable[NDArray[Any]], meta: TapeMeta, observer: Observer
) -> Iterator[NDArray[Any]]:
    for chunk in chunks:
        if not len(chunk):
            continue
        if chunk.dtype != Event.dtype:
            raise TapeError(f"{path}: chunks must be arrays of Event, was {chunk.dtype}")
        check_values(path, chunk, observer.events)
        check_grid(path, chunk, meta, observer.events)
        check_order(path, chunk["recv_ns"], observer.last_ns, observer.events)
        _, bid, ask = touches(chunk)
        if (bid > ask).any():
            k = int(np.argmax(bid > ask))
            raise TapeError(f"{path}: snapshot {k} of the chunk is crossed, {bid[k]} > {ask[k]}")
        observer.update(chunk)
        yield chunk


def _table(events: NDArray[Any], meta: TapeMeta) -> pa.Table:
    market = is_market(events["kind"])
    px_scale, sz_scale = scales(meta)
    columns = {
        "recv_us": events["recv_ns"] // 1000,
        "lag_us": (events["recv_ns"] - events["ts_ns"]) // 1000,
        "kind": events["kind"].astype(np.int8),
        "side": events["side"].astype(np.int8),
        "code": events["code"],
        "px": np.rint(np.where(market, events["px"], 0.0) * px_scale).astype(np.int64),
        "sz": np.rint(np.where(market, events["sz"], 0.0) * sz_scale).astype(np.int64),
        "id": events["id"],
        "ref": events["ref"],
        "px_raw": np.where(market, 0.0, events["px"]),
        "sz_raw": np.where(market, 0.0, events["sz"]),
        "extra": events["extra"],
    }
    arrays = [pa.array(np.ascontiguousarray(columns[n])) for n in _SCHEMA.names]
    return pa.Table.from_arrays(arrays, schema=_SCHEMA)


def _open(path: Path) -> tuple[pq.ParquetFile, TapeInfo]:
    try:
        file = pq.ParquetFile(path)
    except FileNotFoundError as error:
        raise TapeError(f"{path}: no such tape; write one with an import") from error
    except (OSError, pa.ArrowException) as error:
        raise TapeError(f"{path}: not a tape, or cut short ({error}); {REMEDY}") from error
    with contextlib.ExitStack() as stack:
        stack.callback(file.close)
        info = _footer(path, file)
        stack.pop_all()
    return file, info


def _footer(path: Path, file: pq.ParquetFile) -> TapeInfo:
    text = (file.metadata.metadata or {}).get(_KEY.encode())
    if text is None:
        raise TapeError(f"{path}: a Parquet file but not a tape; import it first")
    try:
        info = TapeInfo.model_validate_json(text)
    except ValidationError as error:
        raise TapeError(
            f"{path}: footer is not of tape version {VERSION} ({error.error_count()} fields, "
            f"first {error.errors()[0]['loc']}); {REMEDY}"
        ) from error
    if info.version != VERSION:
        raise TapeError(f"{path}: tape version must be {VERSION}, was {info.version}; {REMEDY}")
    rows = file.metadata.num_rows
    if rows != info.events or file.schema_arrow.names != _SCHEMA.names:
        raise TapeError(
            f"{path}: {rows} rows of {len(file.schema_arrow.names)} columns, the footer says "
            f"{info.events} of {len(_SCHEMA.names)}; {REMEDY}"
        )
    return info


def _row_groups(
    path: Path, file: pq.ParquetFile, info: TapeInfo, since_ns: int
) -> Iterator[NDArray[Any]]:
    row, last = 0, info.first_ns
    with file:
        for g in range(file.metadata.num_row_groups):
            n = file.metadata.row_group(g).num_rows
            if _ends_before(file, g, since_ns):
                row += n
                continue
            try:
                table = file.read_row_group(g, use_threads=False)
            except (OSError, pa.ArrowException) as error:
                raise TapeError(
                    f"{path}: rows {row}..{row + n - 1} are damaged ({error}); {REMEDY}"
                ) from error
            events = _events(path, table, info, row)
            check_order(path, events["recv_ns"], last, row)
            row, last = row + n, int(events["recv_ns"][-1])
            wanted = events[np.searchsorted(events["recv_ns"], since_ns) :]
            if len(wanted):
                yield wanted


def _ends_before(file: pq.ParquetFile, group: int, since_ns: int) -> bool:
    statistics = file.metadata.row_group(group).column(0).statistics
    return bool(statistics and statistics.has_min_max and statistics.max * 1000 < since_ns)


def _events(path: Path, table: pa.Table, meta: TapeMeta, row: int) -> NDArray[Any]:
    nulls = [n for n in table.column_names if table.column(n).null_count]
    if nulls:
        raise TapeError(f"{path}: columns {nulls} hold nulls near row {row}; {REMEDY}")
    column = {n: table.column(n).to_numpy() for n in table.column_names}
    px_scale, sz_scale = scales(meta)
    out = zeros(Event, table.num_rows)
    out["recv_ns"] = column["recv_us"] * 1000
    out["ts_ns"] = (column["recv_us"] - column["lag_us"]) * 1000
    for name in ("kind", "side", "code", "id", "ref", "extra"):
        out[name] = column[name]
    out["px"] = column["px"] / px_scale + column["px_raw"]
    out["sz"] = column["sz"] / sz_scale + column["sz_raw"]
    check_values(path, out, row)
    return out
