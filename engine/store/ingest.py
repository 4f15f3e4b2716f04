"""From the engines' spools into tables, exactly once.

Rows and the new offsets commit in one transaction, and a row whose `seq` is not beyond the last
one taken is passed over; so neither a crash here nor a spool written again repeats anything. At
most one chunk of one spool is in memory. A line that cannot be understood goes to `dead_letter`
with its place and the reason, and is counted; it is never guessed at.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson
import polars as pl

from engine.onboarding.transaction import transaction
from engine.store.kinds import COLUMNS, REQUIRED, TABLE

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

CHUNK_BYTES = 16 << 20
_MAX_LINE = 2000  # of a dead letter, characters kept
_POLARS: Final = {"i": pl.Int64, "f": pl.Float64, "s": pl.String, "j": pl.String}
_UNION: Final = {"kind": pl.String} | {
    n: _POLARS[t] for c in COLUMNS.values() for n, t in c.items() if t != "j"
}
_TYPES: Final = {"i": (int,), "f": (int, float), "s": (str,), "j": (dict,)}
_WORDS: Final = {"i": "a whole number", "f": "a number", "s": "text", "j": "an object"}
_DEAD_LETTER: Final = {"byte_off": pl.Int64, "line": pl.String, "reason": pl.String}
_INT64: Final = range(-(2**63), 2**63)


class Ingested(NamedTuple):
    """What one ingestion did."""

    rows: int
    dead_letters: int


class _Offset(NamedTuple):
    next_off: int
    last_seq: int


class _DeadLetter(NamedTuple):
    byte_off: int
    line: str
    reason: str


def ingest(con: "DuckDBPyConnection", spool_dir: Path, chunk_bytes: int = CHUNK_BYTES) -> Ingested:
    """Take in what the spools hold beyond the stored offsets, chunk by chunk."""
    rows = dead = 0
    for path in sorted(spool_dir.glob("*.jsonl")):
        for count, poisoned in _ingest_spool(con, path, chunk_bytes):
            rows, dead = rows + count, dead + poisoned
    return Ingested(rows, dead)


def _ingest_spool(
    con: "DuckDBPyConnection", path: Path, chunk_bytes: int
) -> Iterator[tuple[int, int]]:
    offset = _stored_offset(con, path.name)
    if path.stat().st_size < offset.next_off:
        # the spool lost its tail in a power cut; the engine writes those rows again, and `seq`
        # tells which of them are here already
        offset = offset._replace(next_off=0)
    with path.open("rb") as file:
        while buffer := _whole_lines(file, offset.next_off, chunk_bytes):
            frame, dead = _parse(buffer, offset.next_off)
            frame = frame.filter(_beyond(offset.last_seq))
            last_seq = max([offset.last_seq, *frame["seq"].tail(1)])
            offset = _Offset(offset.next_off + len(buffer), last_seq)
            _commit(con, path.name, frame, dead, offset)
            yield len(frame), len(dead)


def _stored_offset(con: "DuckDBPyConnection", spool: str) -> _Offset:
    sql = "SELECT next_off, last_seq FROM ingest_offset WHERE spool = ?"
    rows = con.execute(sql, [spool]).fetchall()
    return _Offset(*rows[0]) if rows else _Offset(0, -1)


def _beyond(last_seq: int) -> pl.Expr:
    """Rows whose `seq` is beyond every one before."""
    seq = pl.col("seq")
    return seq > pl.max_horizontal(pl.lit(last_seq), seq.shift(1).cum_max())


def _whole_lines(file: Any, start: int, chunk_bytes: int) -> bytes:
    """Return whole lines from `start` on, at most `chunk_bytes` of them unless one is longer."""
    file.seek(start)
    buffer = file.read(chunk_bytes)
    end = buffer.rfind(b"\n") + 1
    if not end and len(buffer) == chunk_bytes:  # one monstrous line: take it whole
        buffer += file.readline()
        end = buffer.rfind(b"\n") + 1
    return buffer[:end]


def _parse(buffer: bytes, start: int) -> tuple[pl.DataFrame, list[_DeadLetter]]:
    """Return the rows of some whole lines, and the lines that are none."""
    frame = _parse_at_once(buffer)
    return (frame, []) if frame is not None else _parse_each(buffer, start)


def _parse_at_once(buffer: bytes) -> pl.DataFrame | None:
    """Return the rows of a faultless chunk; None if there is any fault in it."""
    try:
        frame = pl.read_ndjson(buffer, schema=_UNION)
    except pl.exceptions.PolarsError:
        return None
    if len(frame) != buffer.count(b"\n") or not frame["kind"].is_in(list(TABLE)).all():
        return None
    for kind, required in REQUIRED.items():
        part = _part(frame, kind, sorted(required))
        if any(part.null_count().row(0)):
            return None
    return _with_bodies(frame, buffer)


def _part(frame: pl.DataFrame, kind: str, columns: list[str]) -> pl.DataFrame:
    # lazily, so that only the wanted columns are copied
    return frame.lazy().filter(pl.col("kind") == kind).select(columns).collect()


def _with_bodies(frame: pl.DataFrame, buffer: bytes) -> pl.DataFrame | None:
    # polars would show an object in its own way; events are few, so each is read by itself
    bodies: list[str | None] = [None] * len(frame)
    events = frame["kind"].eq("event").arg_true().to_list()
    lines = buffer.split(b"\n") if events else []
    for i in events:
        body = orjson.loads(lines[i]).get("body") or {}
        if not isinstance(body, dict):
            return None
        bodies[i] = orjson.dumps(body).decode()
    return frame.with_columns(pl.Series("body", bodies, dtype=pl.String))


def _parse_each(buffer: bytes, start: int) -> tuple[pl.DataFrame, list[_DeadLetter]]:
    rows: list[dict[str, Any]] = []
    dead: list[_DeadLetter] = []
    for line in buffer.split(b"\n")[:-1]:
        try:
            rows.append(_row(line))
        except ValueError as error:
            text = line[:_MAX_LINE].decode("utf-8", "replace")
            dead.append(_DeadLetter(start, text, str(error)[:_MAX_LINE]))
        start += len(line) + 1
    return pl.DataFrame(rows, schema=_UNION | {"body": pl.String}), dead


def _row(line: bytes) -> dict[str, Any]:
    """Return one line as a checked row; raise ValueError with the reason if it is none."""
    row = orjson.loads(line)
    if not isinstance(row, dict):
        raise ValueError(f"a line must be an object, was {type(row).__name__}")
    kind = row.get("kind")
    if not isinstance(kind, str) or kind not in COLUMNS:
        raise ValueError(f"kind {kind!r} is unknown")
    for name, letter in COLUMNS[kind].items():
        _check_value(name, letter, row.get(name), required=name in REQUIRED[kind])
    if kind == "event":
        row["body"] = orjson.dumps(row.get("body") or {}).decode()
    return {name: row.get(name) for name in ("kind", *COLUMNS[kind])}


def _check_value(name: str, letter: str, value: object, *, required: bool) -> None:
    if value is None:
        if required:
            raise ValueError(f"{name} is missing or null")
        return
    fits = type(value) in _TYPES[letter]  # not isinstance: True is no number
    if not fits or (letter == "i" and value not in _INT64):
        raise ValueError(f"{name} must be {_WORDS[letter]}, was {str(value)[:80]!r}")


def _commit(
    con: "DuckDBPyConnection",
    spool: str,
    frame: pl.DataFrame,
    dead: list[_DeadLetter],
    offset: _Offset,
) -> None:
    """Write rows, dead letters and the offset that says so, all or nothing."""
    with transaction(con):
        for kind, table in TABLE.items():
            _insert(con, table, _part(frame, kind, list(COLUMNS[kind])))
        letters = pl.DataFrame(dead, schema=_DEAD_LETTER, orient="row")
        _insert(con, "dead_letter", letters.select(pl.lit(spool).alias("spool"), pl.all()))
        con.execute("DELETE FROM ingest_offset WHERE spool = ?", [spool]).fetchall()
        con.execute("INSERT INTO ingest_offset VALUES (?, ?, ?)", [spool, *offset]).fetchall()


def _insert(con: "DuckDBPyConnection", table: str, frame: pl.DataFrame) -> None:
    if frame.is_empty():
        return
    con.register("incoming", frame)
    try:
        con.execute(f"INSERT INTO {table} BY NAME SELECT * FROM incoming").fetchall()  # noqa: S608
    finally:
        con.unregister("incoming")
