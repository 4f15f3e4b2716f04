"""The engine's side of the store: one append-only file of JSON lines per run.

Every row is written through to the kernel before `append` returns, so SIGKILL loses nothing; rows
marked durable are on the disk as well, so a power cut does not lose them either. Engines are
deterministic: restarted from an older checkpoint they emit the same rows again, and rows whose
`seq` is already there are skipped. Between the two, nothing is lost and nothing is repeated.
"""

import fcntl
import mmap
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from engine.store.append_only import AppendOnly, sync_folder
from engine.store.kinds import COLUMNS, REQUIRED

NOTHING_YET = -1


class SpoolBusyError(RuntimeError):
    """Another process is writing this spool."""


class Spool:
    """One run's spool, open for appending by this process alone."""

    def __init__(self, path: Path, fd: int, size: int, last_seq: int) -> None:
        self.path = path
        self.last_seq = last_seq
        self._file = AppendOnly(path, fd, size)

    @classmethod
    def open(cls, path: Path) -> "Spool":
        """Open `path`, making it if absent; a torn last line is cut off first.

        Raises
        ------
        SpoolBusyError
            if another process has it open, which means two engines on one run.
        """
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o640)
        try:
            _lock(fd, path)
            size, last_seq = _recover(fd)
            sync_folder(path.parent)
        except BaseException:
            os.close(fd)
            raise
        return cls(path, fd, size, last_seq)

    def append(self, kind: str, row: Mapping[str, Any], *, seq: int, durable: bool = False) -> None:
        """Write one row; a row whose `seq` is not beyond `last_seq` is already there and skipped.

        NaN and infinity become null: a measurement that is not a number was not made.

        Raises
        ------
        ValueError
            if the kind is unknown, or the row lacks a column or has one too many.
        """
        if seq <= self.last_seq:
            return
        _check(kind, row)
        self._file.write(
            orjson.dumps({"seq": seq, "kind": kind, **row}, option=orjson.OPT_SERIALIZE_NUMPY)
            + b"\n"
        )
        self.last_seq = seq
        if durable:
            self.flush()

    def flush(self) -> None:
        """Put everything written so far on the disk."""
        self._file.sync()

    def close(self) -> None:
        """Flush and release the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _check(kind: str, row: Mapping[str, Any]) -> None:
    if kind not in COLUMNS:
        raise ValueError(f"kind {kind!r} is unknown; use one of {', '.join(COLUMNS)}")
    if unknown := row.keys() - COLUMNS[kind].keys():
        raise ValueError(f"{kind} row has columns {sorted(unknown)} that kinds.py does not name")
    if missing := REQUIRED[kind] - row.keys() - {"seq"}:
        raise ValueError(f"{kind} row lacks {sorted(missing)}")


def _lock(fd: int, path: Path) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise SpoolBusyError(
            f"{path} is being written by another process; one engine per run: stop the other first"
        ) from error


def _recover(fd: int) -> tuple[int, int]:
    """Cut a torn last line off; return the size that remains and the last `seq` in it."""
    size = os.fstat(fd).st_size
    if size == 0:
        return 0, NOTHING_YET
    with mmap.mmap(fd, size, access=mmap.ACCESS_READ) as view:
        end = view.rfind(b"\n") + 1
        last_seq = _last_seq(view, end)
    if end != size:
        os.ftruncate(fd, end)
        os.fsync(fd)
    return end, last_seq


def _last_seq(view: mmap.mmap, end: int) -> int:
    """Return the `seq` of the last readable line before `end`."""
    while end > 0:
        start = view.rfind(b"\n", 0, end - 1) + 1
        try:
            return int(orjson.loads(view[start:end])["seq"])
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            end = start  # a poisoned line; ingestion reports it, we look further back
    return NOTHING_YET
