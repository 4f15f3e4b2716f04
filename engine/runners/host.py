"""The engine host: exactly one engine process for every asset whose stage has one.

It follows what it reads and decides nothing. An engine that crashes is started again with growing
pauses; one whose asset has moved on is stopped, and the next run gets a process of its own.

``python -m engine.runners.host --home var --speed 60``
"""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.onboarding.store import OnboardingStore
from engine.runners.assignment import assignment
from engine.runners.children import Child, python
from engine.runners.stopping import stop_signals
from engine.store.home import Home
from engine.store.metrics import Metrics

LOG = logging.getLogger("engine.host")
POLL_S = 2.0
Command = Callable[[str], list[str]]


def read_wanted(home: Home) -> dict[str, str]:
    """Return the run each asset's engine should be on, for assets that have one."""
    with Metrics.open(home) as metrics:
        states = OnboardingStore(metrics.con).all()
    wanted: dict[str, str] = {}
    for state in states:
        try:
            run = assignment(state, 0)
        except ValueError as error:
            LOG.warning("%s", error)
            continue
        if run is not None:
            wanted[state.asset] = run.run
    return wanted


@dataclass
class Host:
    """The engines that live now, by asset: the run each is on, and its process."""

    home: Home
    command: Command
    engines: dict[str, tuple[str, Child]] = field(default_factory=dict)

    def follow(self, wanted: Mapping[str, str]) -> None:
        """Stop what is not wanted any more, start what is missing, revive what has crashed."""
        for asset, (run, _) in list(self.engines.items()):
            if wanted.get(asset) != run:
                self._stop(asset)
        for asset, run in wanted.items():
            if asset not in self.engines:
                self._start(asset, run)
            else:
                self._revive(asset)

    def stop(self) -> None:
        """Stop every engine."""
        for asset in list(self.engines):
            self._stop(asset)

    def _start(self, asset: str, run: str) -> None:
        logs = Path(self.home.root) / "logs"
        logs.mkdir(mode=0o750, parents=True, exist_ok=True)
        child = Child(asset, self.command(asset), dict(os.environ), logs / f"engine-{run}.log")
        child.start()
        self.engines[asset] = run, child
        LOG.info("%s: engine started on %s", asset, run)

    def _revive(self, asset: str) -> None:
        run, child = self.engines[asset]
        if child.code == 0:  # the tape is over: there is nothing more to trade
            return
        code = child.revive()
        if code is not None:
            LOG.warning("%s: engine on %s ended with %s; started again", asset, run, code)

    def _stop(self, asset: str) -> None:
        run, child = self.engines.pop(asset)
        child.stop()
        LOG.info("%s: engine on %s stopped", asset, run)


def main(argv: list[str] | None = None) -> int:
    """Host engines until SIGINT or SIGTERM; return the exit code."""
    parser = argparse.ArgumentParser(prog="engine.runners.host", description=__doc__)
    parser.add_argument("--home", type=Path, default=None)
    parser.add_argument("--speed", type=float, default=60.0)
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    home = Home(args.home) if args.home else Home()

    def command(asset: str) -> list[str]:
        where = ["--home", str(home.root), "--speed", str(args.speed)]
        return python("engine.runners.paced", asset, *where)

    host = Host(home, command)
    with stop_signals() as stop:
        try:
            host.follow(read_wanted(home))
            while not stop.wait(POLL_S):
                host.follow(read_wanted(home))
        finally:
            host.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
