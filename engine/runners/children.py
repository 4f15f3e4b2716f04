"""Child processes that are kept alive by their parent, end with it, and log to files."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

STOP_GRACE_S = 30.0  # a live engine takes half of it until it knows what its last orders came to
LONGEST_PAUSE_S = 60.0
STEADY_AFTER_S = 60.0
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass
class Child:
    """One supervised process; its output goes to a file, because a pipe outlives its reader."""

    name: str
    argv: list[str]
    env: dict[str, str]
    log: Path
    cwd: Path | None = None
    process: subprocess.Popen[bytes] | None = None
    failures: int = 0
    started_s: float = field(default=0.0)

    @property
    def code(self) -> int | None:
        """Exit code of the process, None while it lives."""
        return None if self.process is None else self.process.poll()

    def start(self) -> None:
        """Start the process in its own group, with default signal handling."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.argv,
                cwd=self.cwd,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_prepare,
            )
        self.started_s = time.monotonic()

    def revive(self) -> int | None:
        """Start the process again once it has died and paused; return its exit code then."""
        if self.process is None or (code := self.process.poll()) is None:
            return None
        lived_s = time.monotonic() - self.started_s
        if lived_s > STEADY_AFTER_S:
            self.failures = 0
        if lived_s < min(2.0**self.failures, LONGEST_PAUSE_S):
            return None
        self.failures += 1
        self.start()
        return code

    def ask_to_stop(self) -> None:
        """Ask the process to end, without waiting for it."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def stop(self) -> None:
        """Ask the process to end; kill its whole group when it does not."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.ask_to_stop()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_GRACE_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None


def _prepare() -> None:
    """Undo an inherited SIG_IGN, and ask the kernel (Linux) for SIGTERM when the parent dies.

    A worker started under an ignored SIGINT would never stop, and a parent that is killed cannot
    stop anything. The kernel watches the *thread* that started the child: start from the main one.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def python(module: str, *args: str) -> list[str]:
    """Return the command that runs `module` with this interpreter.

    >>> python("prefect", "version")[1:]
    ['-m', 'prefect', 'version']
    """
    return [sys.executable, "-m", module, *args]
