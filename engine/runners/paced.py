"""One engine process: hold the asset's lock, and trade its run in step with the clock.

``python -m engine.runners.paced HYPE --home var --speed 60`` ends with 75 when another engine
already trades the asset, and with 0 when its tape is over or it was asked to stop.
"""

import argparse
import fcntl
import json
import os
import sys
import time
from pathlib import Path
from typing import IO

from engine.onboarding.store import OnboardingStore
from engine.runners.assignment import assignment
from engine.runners.simulated import RunSpec, RunStatus, trade
from engine.runners.standing import began_ns
from engine.runners.stopping import Stop, stop_signals
from engine.store.home import Home
from engine.store.metrics import Metrics

EXIT_BUSY = 75  # EX_TEMPFAIL: try again later
STEP_S = 1.0


def engine_file(home: Home, asset: str, suffix: str) -> Path:
    """Return a small file about the asset's engine: its lock, or its heartbeat."""
    directory = Path(home.root) / "engines"
    directory.mkdir(mode=0o750, parents=True, exist_ok=True)
    return directory / f"{asset.lower().replace(':', '-')}.{suffix}"


def take_lock(home: Home, asset: str) -> IO[str] | None:
    """Return the asset's lock, held until the file is closed; None if another process has it."""
    handle = engine_file(home, asset, "lock").open("w")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        return None
    return handle


def read_assignment(home: Home, asset: str) -> RunSpec | None:
    """Ask the store what the engine of `asset` should be doing."""
    with Metrics.open(home) as metrics:
        store = OnboardingStore(metrics.con)
        state = store.get(asset)
        start_ns = 0 if state.spec.tape else began_ns(store, state)  # a tape has its own time
    return assignment(state, start_ns)


def keep_pace(home: Home, run: RunSpec, speed: float, stop: Stop) -> RunStatus:
    """Trade `run` at `speed` times the clock until it ends or is asked to stop.

    The run goes on from its checkpoint; time in which no engine lived is not made up for.
    """
    status = trade(run, home, 0.0)
    began_s, began_hours = time.monotonic(), status.hours
    while not status.ended and not stop.wait(STEP_S):
        elapsed_h = (time.monotonic() - began_s) / 3600
        status = trade(run, home, began_hours + elapsed_h * speed)
        _beat(home, run, status)
    return status


def _beat(home: Home, run: RunSpec, status: RunStatus) -> None:
    """Replace the heartbeat file in one move, so that a reader never sees half of it."""
    beat = {"run": run.run, "pid": os.getpid(), "hours": status.hours, "beat_ns": time.time_ns()}
    path = engine_file(home, run.asset, "json")
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(beat))
    draft.replace(path)


def main(argv: list[str] | None = None) -> int:
    """Run one engine; return the exit code."""
    parser = argparse.ArgumentParser(prog="engine.runners.paced", description=__doc__)
    parser.add_argument("asset")
    parser.add_argument("--home", type=Path, default=None)
    parser.add_argument("--speed", type=float, default=60.0)
    args = parser.parse_args(argv)
    home = Home(args.home) if args.home else Home()
    lock = take_lock(home, args.asset)
    if lock is None:
        sys.stderr.write(f"another engine trades {args.asset}\n")
        return EXIT_BUSY
    with lock, stop_signals() as stop:
        run = read_assignment(home, args.asset)
        if run is not None:
            keep_pace(home, run, args.speed, stop)
    return 0


if __name__ == "__main__":
    sys.exit(main())
