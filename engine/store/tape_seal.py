"""A seal on a Parquet file: pyarrow trusts what it reads, and one wrong bit could end the process.

A Parquet file ends with its footer, the footer's length in four bytes, and ``PAR1``. The seal is
the SHA-256 of the file without it, and stands before the footer, where no reader of Parquet looks.
"""

import hashlib
import os
import re
from pathlib import Path
from typing import Any, BinaryIO

from engine.store.tape_checks import REMEDY
from engine.store.tape_facts import KEY, VERSION, TapeError

_MAGIC = b"PAR1"
_LENGTH = 4
_SEAL = hashlib.sha256().digest_size
_BLOCK = 1 << 20
_VERSION = re.compile(rb'"version":\s*(\d+)')


def seal(path: Path) -> None:
    """Seal a Parquet file."""
    with path.open("r+b") as raw:
        end, body = _end(raw)
        digest = _hash(raw, body)
        digest.update(end)
        raw.seek(body)
        raw.write(digest.digest() + end)


def check_seal(path: Path) -> str:
    """Read a whole tape and return its SHA-256, as hex.

    Raises
    ------
    TapeError
        if the file is absent, foreign, of another version, cut short or changed.
    """
    try:
        with path.open("rb") as raw:
            end, body = _end(raw)
            _check_end(path, end)
            digest = _hash(raw, body - _SEAL)
            found = raw.read(_SEAL)
    except FileNotFoundError as error:
        raise TapeError(f"{path}: no such tape; write one with an import") from error
    file = digest.copy()
    file.update(found + end)
    digest.update(end)
    if digest.digest() != found:
        raise TapeError(f"{path}: the file is not as it was written; {REMEDY}")
    return file.hexdigest()


def _check_end(path: Path, end: bytes) -> None:
    if not end:
        raise TapeError(f"{path}: not a tape, or cut short; {REMEDY}")
    if KEY.encode() not in end:
        raise TapeError(f"{path}: a Parquet file but not a tape; import it first")
    version = _VERSION.search(end)
    if version and int(version[1]) != VERSION:
        raise TapeError(f"{path}: tape version must be {VERSION}, was {int(version[1])}; {REMEDY}")


def _end(raw: BinaryIO) -> tuple[bytes, int]:
    """Return the file from its footer on, and where that is; nothing where it is no Parquet."""
    size = raw.seek(0, os.SEEK_END)
    raw.seek(max(size - _LENGTH - len(_MAGIC), 0))
    length = int.from_bytes(raw.read(_LENGTH), "little") + _LENGTH + len(_MAGIC)
    if raw.read() != _MAGIC or length > size:
        return b"", size
    raw.seek(-length, os.SEEK_END)
    return raw.read(), size - length


def _hash(raw: BinaryIO, n: int) -> Any:
    """Return the SHA-256 of the first `n` bytes, open for more."""
    digest = hashlib.sha256()
    raw.seek(0)
    while n > 0 and (block := raw.read(min(n, _BLOCK))):
        digest.update(block)
        n -= len(block)
    return digest
