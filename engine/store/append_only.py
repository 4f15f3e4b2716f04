"""A file that is only appended to, and on which a full disk leaves no half record."""

import os
from pathlib import Path


class AppendOnly:
    """One open file; what is written is through to the kernel before the call returns.

    Parameters
    ----------
    path
        the file, for messages.
    fd
        open for appending by this process alone.
    size
        how long it is [bytes].
    """

    def __init__(self, path: Path, fd: int, size: int) -> None:
        self.path = path
        self._fd = fd
        self._size = size

    def write(self, record: bytes) -> None:
        """Append one whole record.

        Raises
        ------
        OSError
            if the disk is full: nothing of the record is left for the next one to follow.
        """
        written = os.write(self._fd, record)
        if written != len(record):
            os.ftruncate(self._fd, self._size)
            raise OSError(f"{self.path}: wrote {written} of {len(record)} bytes; free disk space")
        self._size += written

    def sync(self) -> None:
        """Put everything written so far on the disk."""
        os.fdatasync(self._fd)

    def close(self) -> None:
        """Sync and release the file; again does nothing."""
        if self._fd >= 0:
            self.sync()
            os.close(self._fd)
            self._fd = -1


def sync_folder(path: Path) -> None:
    """Put a folder's list of files on the disk."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
