"""The kill switch as a file: written before anything is done about it, removed by a person only.

It is read by the engine, which stops, by the guard, which cancels, and by the host, which starts
nothing. Deleting it by hand is not the way: `gangway rearm` asks for a reason and keeps it.
"""

import os
import time
from pathlib import Path

import orjson

from engine.store.append_only import sync_folder
from engine.store.home import Home

EVERYTHING = "all"


def latch_path(home: Home, asset: str) -> Path:
    """Return the file that stops an asset, or with `EVERYTHING` all of them."""
    folder = Path(home.root) / "kill"
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    return folder / f"{asset.lower().replace(':', '-')}.json"


def write_latch(home: Home, asset: str, reason: str, by: str) -> None:
    """Stop an asset; one that is stopped already keeps its first reason."""
    path = latch_path(home, asset)
    body = orjson.dumps({"asset": asset, "reason": reason, "by": by, "at_ns": time.time_ns()})
    try:
        fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o640)
    except FileExistsError:
        return
    try:
        os.write(fd, body + b"\n")
        os.fsync(fd)
    finally:
        os.close(fd)
    sync_folder(path.parent)


def read_latch(home: Home, asset: str) -> str | None:
    """Return why an asset is stopped, by itself or with all others; None where it is not.

    A file that cannot be read stops, too.
    """
    for name in (asset, EVERYTHING):
        path = latch_path(home, name)
        if path.exists():
            try:
                return str(orjson.loads(path.read_bytes())["reason"])
            except (OSError, ValueError, KeyError, TypeError):
                return f"{path} is there, though it cannot be read"
    return None


def clear_latch(home: Home, asset: str) -> None:
    """Let an asset trade again; for whoever has kept the reason."""
    path = latch_path(home, asset)
    path.unlink(missing_ok=True)
    sync_folder(path.parent)
