"""The one module that opens the DuckDB file.

DuckDB lets one process in at a time, readers included, so its owner is whoever holds a `flock` on
a file beside it; it opens late and closes early. DuckDB's own lock would not do: it is lost as soon
as its process opens and closes the file by other means.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from engine.onboarding.transaction import transaction
from engine.store.home import Home
from engine.store.ingest import Ingested, ingest

if TYPE_CHECKING:
    import polars as pl

_MIGRATIONS = Path(__file__).parent / "migrations"
_QUERIES = Path(__file__).parent / "queries"
_CONFIG: dict[str, Any] = {
    "threads": 2,
    "memory_limit": "1GB",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
_SANDBOX = (
    "SET TimeZone = 'UTC'",
    "SET python_enable_replacements = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)
_RETRY_S = 0.02


class StoreBusyError(RuntimeError):
    """Another process owns the store and did not let go in time."""


def last_written(home: Home) -> tuple[int, ...]:
    """Return a mark that is another one once anything was written to the store; nobody is kept out.

    What is being written has it changed by the time its owner lets go.
    """
    written = []
    for path in (home.metrics, home.metrics.with_suffix(".duckdb.wal")):
        with contextlib.suppress(FileNotFoundError):
            seen = path.stat()
            written += [seen.st_mtime_ns, seen.st_size]
    return tuple(written)


class MigrationError(RuntimeError):
    """The schema's history is not the one these migrations tell."""


class Metrics:
    """The open store; get one from `Metrics.open`."""

    def __init__(self, con: duckdb.DuckDBPyConnection, home: Home) -> None:
        self.con = con
        self._home = home

    @classmethod
    @contextlib.contextmanager
    def open(
        cls, home: Home, timeout_s: float = 20.0, *, migrations: Path = _MIGRATIONS
    ) -> Iterator["Metrics"]:
        """Own the store for the length of a ``with`` block.

        Raises
        ------
        StoreBusyError
            if another process still owns it after `timeout_s` [s].
        MigrationError
            if the store was made by migrations that are not these.
        """
        with _owned(home.lock, timeout_s):
            con = duckdb.connect(home.metrics, config=_CONFIG)
            try:
                home.metrics.chmod(0o640)
                _migrate(con, migrations)
                for statement in _SANDBOX:
                    con.execute(statement).fetchall()
                yield cls(con, home)
            finally:
                con.close()

    def ingest(self) -> Ingested:
        """Take in everything the spools hold beyond what is here already, exactly once."""
        return ingest(self.con, self._home.spool_dir)

    def query(self, name: str, /, **params: Any) -> "pl.DataFrame":
        """Answer the question in ``queries/<name>.sql``; a parameter not given is NULL.

        Raises
        ------
        ValueError
            if there is no such question, or it has no such parameter.
        """
        sql = _read_query(name)
        known = set(re.findall(r"\$([a-z_]+)", sql))
        if unknown := params.keys() - known:
            raise ValueError(
                f"query {name!r} has no parameter {sorted(unknown)}; it has {sorted(known)}"
            )
        bound = {parameter: params.get(parameter) for parameter in known}
        cursor = self.con.cursor()  # kept in a variable: the relation dies with its cursor
        try:
            return cursor.sql(sql, params=bound).pl()
        finally:
            cursor.close()


def _read_query(name: str) -> str:
    path = _QUERIES / f"{name}.sql"
    known = sorted(p.stem for p in _QUERIES.glob("*.sql"))
    if name not in known:
        raise ValueError(f"there is no query {name!r}; there are {', '.join(known)}")
    return path.read_text()


@contextlib.contextmanager
def _owned(path: Path, timeout_s: float) -> Iterator[None]:
    fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o640)
    try:
        _acquire(fd, path, timeout_s)
        os.ftruncate(fd, 0)
        os.pwrite(fd, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(fd)


def _acquire(fd: int, path: Path, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise _busy(fd, path, timeout_s) from None
            time.sleep(_RETRY_S)
        else:
            return


def _busy(fd: int, path: Path, timeout_s: float) -> StoreBusyError:
    pid = os.pread(fd, 20, 0).decode("ascii", "replace").strip()
    holder = f"process {pid}" if pid.isdigit() else "another process"
    return StoreBusyError(
        f"the store was in use by {holder} for {timeout_s:g} s ({path}); "
        "try again, or stop that process if it hangs"
    )


def _migrate(con: duckdb.DuckDBPyConnection, directory: Path) -> None:
    """Apply each numbered file once, in order, each in its own transaction."""
    con.execute(
        "CREATE TABLE IF NOT EXISTS migration "
        "(version INTEGER NOT NULL, name VARCHAR NOT NULL, sha256 VARCHAR NOT NULL)"
    ).fetchall()
    rows = con.execute("SELECT name, sha256 FROM migration ORDER BY version").fetchall()
    files = sorted(directory.glob("[0-9][0-9][0-9][0-9]_*.sql"))
    _check_history(rows, files)
    for path in files[len(rows) :]:
        _apply(con, path)


def _check_history(rows: list[tuple[str, str]], files: list[Path]) -> None:
    for i, (name, sha256) in enumerate(rows):
        if i >= len(files) or files[i].name != name:
            raise MigrationError(
                f"the store was made with migration {name}, which is missing or out of order here; "
                "use the code version that made it, or put the file back"
            )
        if _sha256(files[i]) != sha256:
            raise MigrationError(
                f"migration {name} was edited after it was applied; "
                "restore it and put the change into a new file"
            )


def _apply(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    with transaction(con):
        con.execute(path.read_text()).fetchall()
        row = [int(path.name[:4]), path.name, _sha256(path)]
        con.execute("INSERT INTO migration VALUES (?, ?, ?)", row).fetchall()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
