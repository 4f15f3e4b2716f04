"""The append-only record of every verdict, question, approval, transition and note, each linked.

The hash of a row is the SHA-256 of the hash before it and the row's canonical JSON, so that a row
edited, deleted or put elsewhere breaks the chain at a place that can be named. The functions here
never begin or end a transaction: a row belongs to the change it explains and commits with it.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Kind = Literal["verdict", "question", "approval", "transition", "note"]
_Row = tuple[int, str, str, int, str, str, str]

_SELECT = "SELECT seq, kind, asset, ts_ns, body, prev_hash, hash FROM audit"


class AuditError(RuntimeError):
    """The audit does not tell the story it told when it was written."""


class Entry(NamedTuple):
    """One row of the audit."""

    id: str
    seq: int
    kind: str
    asset: str
    ts_ns: int
    body: dict[str, Any]


def canonical(value: object) -> str:
    """Return the one JSON text of `value`: sorted keys, no spaces, no NaN.

    >>> canonical({"b": 1, "a": [0.5, None]})
    '{"a":[0.5,null],"b":1}'
    """
    try:
        return json.dumps(
            value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"an audit body must be plain JSON with finite numbers: {error} in {value!r}"
        ) from error


def append(
    con: "DuckDBPyConnection", kind: Kind, asset: str, body: Mapping[str, Any], now_ns: int
) -> str:
    """Write one row at the end of the chain, inside the caller's transaction; return its id."""
    last, prev_hash = _head(con)
    text = canonical(dict(body))
    digest = _digest(prev_hash, last + 1, kind, asset, now_ns, text)
    row = [last + 1, kind, asset, now_ns, text, prev_hash, digest]
    con.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?)", row).fetchall()
    con.execute("UPDATE audit_head SET seq = ?, hash = ?", [last + 1, digest]).fetchall()
    return _id(kind, last + 1, digest)


def read(con: "DuckDBPyConnection", asset: str) -> list[Entry]:
    """Return an asset's rows, oldest first."""
    rows = con.execute(f"{_SELECT} WHERE asset = ? ORDER BY seq", [asset]).fetchall()
    return [_entry(row) for row in rows]


def about(
    con: "DuckDBPyConnection", kind: Kind, asset: str, stage: str, version: int
) -> list[Entry]:
    """Return an asset's rows of one kind that speak of (stage, version), oldest first."""
    sql = (
        f"{_SELECT} WHERE asset = ? AND kind = ? AND body->>'$.stage' = ? "
        "AND body->>'$.version' = ? ORDER BY seq"
    )
    rows = con.execute(sql, [asset, kind, stage, str(version)]).fetchall()
    return [_entry(row) for row in rows]


def citing(con: "DuckDBPyConnection", asset: str, cause: str) -> list[Entry]:
    """Return the asset's transitions that cite the row `cause`, oldest first."""
    sql = (
        f"{_SELECT} WHERE asset = ? AND kind = 'transition' "
        "AND list_contains((body->'$.causes')::VARCHAR[], ?) ORDER BY seq"
    )
    return [_entry(row) for row in con.execute(sql, [asset, cause]).fetchall()]


def find(con: "DuckDBPyConnection", ids: Iterable[str]) -> dict[str, Entry]:
    """Return the rows with these ids; an id that names none is absent from the answer."""
    wanted = list(ids)
    sql = f"{_SELECT} WHERE list_contains(?, concat(kind, '-', seq, '-', left(hash, 12)))"
    return {e.id: e for e in map(_entry, con.execute(sql, [wanted]).fetchall())}


def verify(con: "DuckDBPyConnection") -> tuple[int, str]:
    """Walk the chain from its first row; return how many rows it has, and its last hash.

    Raises
    ------
    AuditError
        naming the first row that was edited, deleted or put elsewhere.
    """
    last, prev_hash = 0, ""
    for row in con.execute(f"{_SELECT} ORDER BY seq, hash").fetchall():
        _check(row, last + 1, prev_hash)
        last, prev_hash = row[0], row[6]
    if _head(con) != (last, prev_hash):
        head = _head(con)[0]
        raise AuditError(f"audit ends at row {last} but was written up to row {head}: rows deleted")
    return last, prev_hash


def _check(row: _Row, expected: int, prev_hash: str) -> None:
    seq, kind, asset, ts_ns, body, prev, stored = row
    if seq > expected:
        raise AuditError(f"audit row {expected} is missing: deleted or moved (next is {seq})")
    if seq < expected:
        raise AuditError(f"audit row {seq} appears twice: inserted or moved")
    if stored != _digest(prev, seq, kind, asset, ts_ns, body):
        raise AuditError(f"audit row {seq} ({kind} of {asset}) was edited or moved")
    if prev != prev_hash:
        raise AuditError(f"audit row {seq} ({kind} of {asset}) does not follow row {seq - 1}")


def _digest(prev_hash: str, seq: int, kind: str, asset: str, ts_ns: int, body: str) -> str:
    # the row's canonical JSON, its body kept as the very text that is stored
    head, tail = canonical({"asset": asset}), canonical({"kind": kind, "seq": seq, "ts_ns": ts_ns})
    text = f'{head[:-1]},"body":{body},{tail[1:]}'
    return hashlib.sha256((prev_hash + text).encode()).hexdigest()


def _head(con: "DuckDBPyConnection") -> tuple[int, str]:
    rows = con.execute("SELECT seq, hash FROM audit_head").fetchall()
    if len(rows) != 1:
        raise AuditError(f"audit_head must hold one row, has {len(rows)}")
    return rows[0]


def _entry(row: _Row) -> Entry:
    seq, kind, asset, ts_ns, body, _, digest = row
    return Entry(_id(kind, seq, digest), seq, kind, asset, ts_ns, json.loads(body))


def _id(kind: str, seq: int, digest: str) -> str:
    return f"{kind}-{seq}-{digest[:12]}"
