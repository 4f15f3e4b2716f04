"""A sign of life as a file: replaced every second by a live engine, read by the guard.

Times are of the machine's clock since it was started, so that a step of the wall clock neither
kills an engine nor keeps a dead one alive; a file from before the last start is nobody's.
"""

import time
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from engine.store.home import Home

PROCESSES = Path("/proc")
BOOT = PROCESSES / "sys/kernel/random/boot_id"


class Beat(BaseModel):
    """How a live engine stood; `is_over` where it has left nothing behind and needs no guard."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    asset: str
    asset_id: int
    run: str
    pid: int
    boot: str
    up_ns: int  # of the machine
    live_orders: int
    position: float
    kill_reason: str
    is_over: bool = False


def up_ns() -> int:
    """Return how long the machine is up [ns], sleep included."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def boot() -> str:
    """Return the name of this start of the machine."""
    return BOOT.read_text().strip()


def beat_folder(home: Home) -> Path:
    """Return where the heartbeats are."""
    folder = Path(home.root) / "beats"
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    return folder


def write_beat(home: Home, beat: Beat) -> None:
    """Replace an asset's heartbeat in one move: a reader never sees half of it."""
    path = beat_folder(home) / f"{beat.asset.lower().replace(':', '-')}.json"
    draft = path.with_suffix(".draft")
    draft.write_text(beat.model_dump_json())
    draft.replace(path)


def read_beats(home: Home) -> Iterator[Beat | Path]:
    """Yield every heartbeat; the path of one that cannot be read, which is no sign of life."""
    for path in sorted(beat_folder(home).glob("*.json")):
        try:
            yield Beat.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            yield path


def age_s(beat: Beat) -> float:
    """Return how old a heartbeat is [s]; infinite where the machine was started since."""
    return (up_ns() - beat.up_ns) / 1e9 if beat.boot == boot() else float("inf")


def is_gone(beat: Beat) -> bool:
    """Return whether the process that wrote it has ended, be it that nobody has noticed yet."""
    try:
        state = (PROCESSES / str(beat.pid) / "stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in ("Z", "X")
