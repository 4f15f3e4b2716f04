"""What paper flattered each asset by: rows of the audit that later gates read.

A row is written once an attempt and never changed. It is a note of the audit and nothing beside it,
so the chain that proves the rest of the story proves the ledger.
"""

from typing import TYPE_CHECKING

from engine.gates.haircut import Measured
from engine.onboarding import audit
from engine.onboarding.transaction import transaction

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_COLUMNS = ", ".join(Measured.model_fields)
_WHAT = "gap"  # the view `haircut` reads notes of this name


def keep(con: "DuckDBPyConnection", measured: Measured) -> str:
    """Write one measurement; return its id.

    Raises
    ------
    ValueError
        if the gap of that asset and attempt is in the ledger already.
    """
    if kept(con, measured.asset, measured.attempt):
        raise ValueError(
            f"the gap of {measured.asset}, attempt {measured.attempt}, is in the ledger already; "
            "what was measured is never replaced"
        )
    body = {"what": _WHAT, **measured.model_dump(exclude={"asset", "ts_ns"})}
    with transaction(con):
        return audit.append(con, "note", measured.asset, body, measured.ts_ns)


def kept(con: "DuckDBPyConnection", asset: str, attempt: int) -> bool:
    """Say whether the gap of this asset and attempt is in the ledger."""
    sql = "SELECT count(*) FROM haircut WHERE asset = ? AND attempt = ?"
    return con.execute(sql, [asset, attempt]).fetchall()[0][0] > 0


def read(con: "DuckDBPyConnection", before_ns: int | None = None) -> tuple[Measured, ...]:
    """Return the ledger, in the order it was written.

    Parameters
    ----------
    before_ns : [ns]
        only what was measured earlier: a verdict of that time is judged again by what was known
        then. None for all.
    """
    sql = f"SELECT {_COLUMNS} FROM haircut WHERE ? IS NULL OR ts_ns < ? ORDER BY seq"  # noqa: S608
    rows = con.execute(sql, [before_ns, before_ns]).fetchall()
    names = tuple(Measured.model_fields)
    return tuple(Measured(**dict(zip(names, row, strict=True))) for row in rows)
