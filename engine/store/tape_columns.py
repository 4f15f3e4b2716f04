"""A tape's columns: which they are, how they are packed, and the way from events and back.

What is fast to read is chosen over what is smallest: the columns are packed so that LZ4 undoes it
at memory speed, and one kernel makes records of them and checks them in the same pass.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from engine.record import kernel
from engine.store.tape_checks import FINE, fault, grid_fault, on_grid, refuse, scales
from engine.store.tape_facts import TapeMeta


class Columns(NamedTuple):
    """One array per column, all of one length."""

    recv_us: NDArray[Any]
    lag_us: NDArray[Any]  # recv - ts
    what: NDArray[Any]  # kind + 2^8 (side + 1) + 2^16 code
    px: NDArray[Any]  # in steps of 10^-px_decimals
    sz: NDArray[Any]  # in steps of 10^-sz_decimals
    id: NDArray[Any]
    ref: NDArray[Any]
    px_raw: NDArray[Any]  # where px is off the grid, which LEVEL and TRADE never are
    sz_raw: NDArray[Any]  # where sz is
    extra: NDArray[Any]


# null where the bits are zero, and where all are the column is not even read
SPARSE = ("px_raw", "sz_raw", "extra")
TYPES = dict.fromkeys(Columns._fields, np.int64) | {"what": np.int32}
TYPES |= dict.fromkeys(SPARSE, np.float64)
SCHEMA = pa.schema(
    [
        pa.field(name, pa.from_numpy_dtype(kind), nullable=name in SPARSE)
        for name, kind in TYPES.items()
    ]
)
OPTIONS: dict[str, Any] = {
    "version": "2.6",
    "data_page_version": "2.0",
    "compression": "lz4",
    "use_dictionary": ["px", "ref"],
    "dictionary_pagesize_limit": 1 << 17,  # bytes: where more values differ it is no help
    "column_encoding": {
        "recv_us": "DELTA_BINARY_PACKED",
        # their upper bytes are zero, their lower ones are noise
        **dict.fromkeys(("lag_us", "sz", *SPARSE), "BYTE_STREAM_SPLIT"),
        **dict.fromkeys(("what", "id"), "PLAIN"),
    },
    "store_schema": False,
}


def table_of(path: Path, events: NDArray[Any], meta: TapeMeta, row: int) -> pa.Table:
    """Return events as a tape's columns.

    Raises
    ------
    TapeError
        if an event would not come back as the same bits.
    """
    columns = Columns(*(np.empty(len(events), TYPES[name]) for name in Columns._fields))
    refuse(path, events, *_pack(columns, events, *scales(meta)), row=row, meta=meta)
    arrays = [
        pa.array(c, mask=c.view(np.int64) == 0 if name in SPARSE else None)
        for name, c in columns._asdict().items()
    ]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


@kernel
def _pack(c: Any, events: Any, px_scale: float, sz_scale: float) -> Any:
    """Fill columns; return the first row that would not come back, and why."""
    for k in range(len(events)):
        e = events[k]
        wrong = grid_fault(e, px_scale, sz_scale)
        if wrong:
            return k, wrong
        c.recv_us[k] = e.recv_ns // 1000
        c.lag_us[k] = (e.recv_ns - e.ts_ns) // 1000
        c.what[k] = e.kind | (e.side + 1) << 8 | e.code << 16
        c.px[k], c.px_raw[k] = _split(e.px, px_scale)
        c.sz[k], c.sz_raw[k] = _split(e.sz, sz_scale)
        c.id[k], c.ref[k], c.extra[k] = e.id, e.ref, e.extra
    return len(events), FINE


@kernel
def _split(value: float, scale: float) -> Any:
    """Return a value as whole steps, or else as it is."""
    if on_grid(value, scale):
        return np.int64(np.rint(value * scale)), 0.0
    return np.int64(0), value


def read_columns(file: pq.ParquetFile, group: int) -> Columns:
    """Return the columns of one row group."""
    facts = file.metadata.row_group(group)
    there = [name for k, name in enumerate(Columns._fields) if not _is_null(facts.column(k))]
    table = file.read_row_group(group, columns=there, use_threads=False)
    nothing = np.zeros(facts.num_rows)
    nothing.flags.writeable = False  # as the others are: a kernel is compiled for each kind
    found = {name: _values(table.column(name)) for name in there}
    return Columns(**{name: found.get(name, nothing) for name in Columns._fields})


def _is_null(column: pq.ColumnChunkMetaData) -> bool:
    statistics = column.statistics
    return bool(statistics and statistics.num_values == 0)


def _values(column: pa.ChunkedArray) -> NDArray[Any]:
    whole = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    return (whole.fill_null(0.0) if whole.null_count else whole).to_numpy()


def unpack(
    path: Path, out: NDArray[Any], columns: Columns, meta: TapeMeta, watch: NDArray[Any], row: int
) -> None:
    """Make records of columns, whose first is row `row`.

    Raises
    ------
    TapeError
        if a row cannot be true, or cannot follow what `watch` has seen.
    """
    refuse(path, out, *_unpack(out, columns, *scales(meta), watch[0]), row=row)


@kernel
def _unpack(out: Any, c: Any, px_scale: float, sz_scale: float, w: Any) -> Any:
    for k in range(len(out)):
        e = out[k]
        e.kind = c.what[k] & 255
        e.side = (c.what[k] >> 8 & 255) - 1
        e.code = c.what[k] >> 16
        e.recv_ns = c.recv_us[k] * 1000
        e.ts_ns = e.recv_ns - c.lag_us[k] * 1000
        e.px = c.px[k] / px_scale if c.px[k] else c.px_raw[k]
        e.sz = c.sz[k] / sz_scale if c.sz[k] else c.sz_raw[k]
        e.id, e.ref, e.extra = c.id[k], c.ref[k], c.extra[k]
        wrong = fault(w, e)
        if wrong:
            return k, wrong
    return len(out), FINE
