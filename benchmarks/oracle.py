"""hftbacktest, in an environment of its own, playing what we play (`make oracle` sets it up)."""

import json
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.grid import LATENCY_MS, MAKER_FEE, Grid

ROOT = Path(__file__).parents[1]
PYTHON = Path(os.environ.get("HFTBACKTEST_PYTHON", ROOT / ".venv-oracle" / "bin" / "python"))
ABSENT = f"hftbacktest is not in {PYTHON}: `make oracle` sets it up"
COMMAND = (str(PYTHON), "-W", "ignore", str(Path(__file__).with_name("hftbacktest_grid.py")))
NAMES = ("sz", "max_position", "variance", "half_spread", "slope", "reach", "tick", "lot")


class Player:
    """A process that says when it is ready, and then plays what it is told, a line of JSON each.

    Attributes
    ----------
    ready_s : float
        how long it took to be ready [s].
    """

    def __init__(self, command: tuple[str, ...], env: Mapping[str, str] | None = None) -> None:
        start = time.perf_counter()
        self._command, pipe = command, subprocess.PIPE
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdin=pipe, stdout=pipe, text=True
        )
        self._read()
        self.ready_s = time.perf_counter() - start

    def play(self, **run: Any) -> dict[str, Any]:
        """Play one run and return what is said of it."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(run) + "\n")
        self._process.stdin.flush()
        return json.loads(self._read())

    def peak_mb(self) -> float:
        """Return the most memory the process has held so far [MB]; Linux only."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    def __enter__(self) -> "Player":
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def _read(self) -> str:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(self._command)}: ended with {self._process.wait()}")
        return line


def is_there() -> bool:
    """Return whether the environment has been set up."""
    return PYTHON.exists()


def told(grid: Grid) -> dict[str, float]:
    """Return a grid as the other engine is told of it."""
    rest = {"latency_ns": round(LATENCY_MS * 1e6), "maker_fee": MAKER_FEE}
    return {name: getattr(grid, name) for name in NAMES} | rest
