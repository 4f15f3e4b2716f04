"""Hold a tape against its own account: every row, every count, every hash."""

from pathlib import Path

from engine.store.tape import read_tape, tape_info
from engine.store.tape_facts import Observer, TapeError, TapeInfo, TapeMeta

_OF_THE_FILE = {"sha256", "bytes_per_event"}


def verify_tape(path: Path, sha256: str | None = None) -> TapeInfo:
    """Read a whole tape and return its account, every entry of which the rows have confirmed.

    What was dropped and noted on the way in cannot be seen in the rows; `sha256`, known from
    elsewhere, vouches for that too.

    Raises
    ------
    TapeError
        if a row cannot be true, the footer says what the rows do not, or the file is another.
    """
    info = tape_info(path)
    if sha256 is not None and info.sha256 != sha256.lower():
        raise TapeError(f"{path}: SHA-256 must be {sha256.lower()}, was {info.sha256}")
    observer = Observer()
    for chunk in read_tape(path):
        observer.update(chunk)
    meta = TapeMeta(**info.model_dump(include=set(TapeMeta.model_fields)))
    found = observer.info(meta, info.version, info.dropped, info.noted)
    for name in TapeInfo.model_fields.keys() - _OF_THE_FILE:
        told, is_so = getattr(info, name), getattr(found, name)
        if told != is_so:
            raise TapeError(f"{path}: {name} must be {is_so}, by its rows; the footer says {told}")
    return info
