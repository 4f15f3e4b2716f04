"""The server's memory on disk: a snapshot now and then, and every block's input since.

A block is answered after its input is written, so whoever was answered finds it done after any
restart. Written means handed to the kernel: a killed process loses nothing, a machine that loses
its power may lose the last seconds, and its clients, on the same machine, with them. Waiting for
the disk would add milliseconds to every block and protect nobody.
"""

import fcntl
import os
from pathlib import Path

from engine.localnet.exchange import Exchange
from engine.localnet.universe import UniverseSpec
from engine.runners.localnet.entry import Entry, entries
from engine.store.append_only import AppendOnly

SNAPSHOT, JOURNAL = ".snapshot", ".journal"


class Journal:
    """One exchange's folder; held by one process.

    Parameters
    ----------
    folder
        where it lives; made where it does not exist.

    Raises
    ------
    ValueError
        if another process has it.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise ValueError(
                f"{folder} is used by another localnet: name another --state"
            ) from None
        self._file: AppendOnly | None = None
        self._number = max((int(path.stem) for path in folder.glob(f"*{SNAPSHOT}")), default=0)

    def recover(self, spec: UniverseSpec) -> Exchange | None:
        """Return the exchange as it was after the last block that was written; None if none was."""
        if not self._number:
            return None
        exchange = Exchange.restore(spec, self._path(SNAPSHOT).read_bytes())
        since = self._path(JOURNAL)
        for entry in entries(since.read_bytes() if since.exists() else b""):
            entry.play(exchange)
        return exchange

    def append(self, entry: Entry) -> None:
        """Write one block's input.

        Raises
        ------
        OSError
            if the disk refuses; nothing of the entry is left.
        """
        if self._file is None:
            raise ValueError("journal must begin with a snapshot")
        self._file.write(entry.packed())

    def snapshot(self, exchange: Exchange) -> None:
        """Write the whole exchange, and go on with an empty journal."""
        self._number += 1
        part = self._path(".part")
        part.write_bytes(exchange.snapshot())
        part.replace(self._path(SNAPSHOT))  # a process killed before this has the old pair
        if self._file is not None:
            self._file.close()
        path = self._path(JOURNAL)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._file = AppendOnly(path, handle, 0)
        for old in self.folder.glob("*.*"):
            if old.stem.isdecimal() and int(old.stem) < self._number:
                old.unlink()

    def close(self) -> None:
        """Let another process have the folder."""
        if self._file is not None:
            self._file.close()
        os.close(self._lock)

    def _path(self, suffix: str) -> Path:
        return self.folder / f"{self._number:08d}{suffix}"
