"""Where Gangway keeps what it must not lose: one directory, named once."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

_RUN = re.compile(r"[a-z0-9][a-z0-9_.-]{0,120}")


def _default_root() -> Path:
    return Path(os.environ.get("GANGWAY_HOME") or "var")


@dataclass(frozen=True)
class Home:
    """Paths below one root; by default ``$GANGWAY_HOME``, else ``./var``.

    Every directory is made (mode 0750) when a path in it is asked for, so a path handed out can be
    written to.
    """

    root: Path = field(default_factory=_default_root)

    @property
    def metrics(self) -> Path:
        """The DuckDB file; only its owner, the holder of `lock`, may open it."""
        return self._directory() / "metrics.duckdb"

    @property
    def lock(self) -> Path:
        """The file whose `flock` makes a process the owner of `metrics`."""
        return self._directory() / "metrics.duckdb.lock"

    @property
    def spool_dir(self) -> Path:
        """Directory of the engines' spools."""
        return self._directory("spool")

    @property
    def report_dir(self) -> Path:
        """Directory of the written gate reports."""
        return self._directory("reports")

    def spool(self, run: str) -> Path:
        """Return the spool of one run."""
        return self.spool_dir / f"{_checked(run)}.jsonl"

    def state(self, run: str) -> Path:
        """Return the engine checkpoint of one run."""
        return self._directory("state") / f"{_checked(run)}.bin"

    def table(self, asset: str) -> Path:
        """Return the file that carries an asset's Q-table from one run to the next."""
        return self._directory("state") / f"{_checked(asset.lower().replace(':', '-'))}.qtable"

    def seed(self, run: str) -> Path:
        """Return the file with the Q-table a run began with; empty where it began with none."""
        return self._directory("state") / f"{_checked(run)}.seed"

    def _directory(self, name: str = "") -> Path:
        path = Path(self.root) / name
        path.mkdir(mode=0o750, parents=True, exist_ok=True)
        return path


def _checked(run: str) -> str:
    if not _RUN.fullmatch(run):
        raise ValueError(
            f"run {run!r} cannot name a file; "
            "use lower-case letters, digits, '_', '-' and '.', starting with a letter or digit"
        )
    return run
