"""All or nothing, on a DuckDB connection."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@contextmanager
def transaction(con: "DuckDBPyConnection") -> Iterator[None]:
    """Commit what the ``with`` block does, or, if it or the commit fails, none of it."""
    con.execute("BEGIN").fetchall()
    try:
        yield
        con.execute("COMMIT").fetchall()
    except BaseException:
        with suppress(Exception):  # a failed commit has rolled back already; keep the first error
            con.execute("ROLLBACK").fetchall()
        raise
