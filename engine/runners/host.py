"""The engine host: exactly one engine process for every asset whose stage has one.

It follows what it reads and decides nothing. An engine that crashes is started again with growing
pauses. Where an asset has moved on to another run, an engine of a simulated market is stopped and
the run gets a process of its own; one at a server notices by itself and keeps its connections.

``python -m engine.runners.host --home var --speed 60``
"""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import duckdb

from engine.onboarding.store import OnboardingStore
from engine.runners.assignment import SIMULATED_VENUES, assignment
from engine.runners.children import Child, python
from engine.runners.market_source import venue_url
from engine.runners.stopping import stop_signals
from engine.store.home import Home
from engine.store.metrics import Metrics, StoreBusyError
from engine.venues.hyperliquid.info import is_loopback

LOG = logging.getLogger("engine.host")
POLL_S = 2.0
SOCKETS_OF_AN_IP = 10  # the venue's, in all
SOCKETS = {"paper": 1, "live": 2}  # of an engine: the market, and the account


class Wanted(NamedTuple):
    """The run an asset's engine should be on, and where."""

    run: str
    venue: str = "sim"
    sockets: int = 0

    @property
    def is_simulated(self) -> bool:
        """Whether the market is ours, and a run has it to itself."""
        return self.venue in SIMULATED_VENUES


Command = Callable[[str, Wanted], list[str]]


def read_wanted(home: Home) -> dict[str, Wanted]:
    """Return what is wanted of each asset's engine, for assets that have one."""
    with Metrics.open(home) as metrics:
        states = OnboardingStore(metrics.con).all()
    wanted: dict[str, Wanted] = {}
    for state in states:
        run = assignment(state, 0)
        if run is not None:
            wanted[state.asset] = Wanted(run.run, state.spec.venue, SOCKETS[run.mode])
    return wanted


@dataclass
class Host:
    """The engines that live now, by asset: what each was last wanted for, and its process."""

    home: Home
    command: Command
    engines: dict[str, tuple[Wanted, Child]] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)  # for a socket

    def look(self) -> None:
        """Follow what is wanted now; where that cannot be read, what was wanted last."""
        try:
            wanted = read_wanted(self.home)
        except (StoreBusyError, duckdb.Error) as error:
            LOG.warning("what is wanted cannot be read: %s", error)
            wanted = {asset: then for asset, (then, _) in self.engines.items()}
        self.follow(wanted)

    def follow(self, wanted: Mapping[str, Wanted]) -> None:
        """Stop what is not wanted any more, start what is missing, revive what has crashed."""
        for asset, (now, child) in list(self.engines.items()):
            then = wanted.get(asset)
            if then is not None and not then.is_simulated and child.code is None:
                self.engines[asset] = then, child
            elif then != now:
                self._stop(asset)
        for asset, then in wanted.items():
            if asset in self.engines:
                self._revive(asset)
            elif self._has_room(asset, then):
                self._start(asset, then)

    def stop(self) -> None:
        """Stop every engine, all at once: each cancels its orders and waits for the venue."""
        for _, child in self.engines.values():
            child.ask_to_stop()
        for asset in list(self.engines):
            self._stop(asset)

    def _has_room(self, asset: str, then: Wanted) -> bool:
        """Say whether its sockets fit among those the venue takes from this address."""
        open_now = sum(now.sockets for now, _ in self.engines.values() if self._is_remote(now))
        has_room = not self._is_remote(then) or open_now + then.sockets <= SOCKETS_OF_AN_IP
        if not has_room and asset not in self.waiting:
            LOG.warning(
                "%s not started: it needs %d sockets, and %d of the %d that the venue takes from "
                "one address are open; run it on a host with another address",
                asset, then.sockets, open_now, SOCKETS_OF_AN_IP,
            )  # fmt: skip
        (self.waiting.discard if has_room else self.waiting.add)(asset)
        return has_room

    def _is_remote(self, wanted: Wanted) -> bool:
        if wanted.is_simulated:
            return False
        try:
            return not is_loopback(venue_url(wanted.venue, self.home))
        except ValueError:  # its engine says what is wrong with the venue
            return True

    def _start(self, asset: str, then: Wanted) -> None:
        logs = Path(self.home.root) / "logs"
        logs.mkdir(mode=0o750, parents=True, exist_ok=True)
        child = Child(
            asset, self.command(asset, then), dict(os.environ), logs / f"engine-{then.run}.log"
        )
        child.start()
        self.engines[asset] = then, child
        LOG.info("%s: engine started on %s", asset, then.run)

    def _revive(self, asset: str) -> None:
        now, child = self.engines[asset]
        if child.code == 0:  # the tape is over, or the engine was killed: there is nothing to trade
            return
        code = child.revive()
        if code is not None:
            LOG.warning("%s: engine on %s ended with %s; started again", asset, now.run, code)

    def _stop(self, asset: str) -> None:
        now, child = self.engines.pop(asset)
        child.stop()
        LOG.info("%s: engine on %s stopped", asset, now.run)


def main(argv: list[str] | None = None) -> int:
    """Host engines until SIGINT or SIGTERM; return the exit code."""
    parser = argparse.ArgumentParser(prog="engine.runners.host", description=__doc__)
    parser.add_argument("--home", type=Path, default=None)
    parser.add_argument("--speed", type=float, default=60.0)
    parser.add_argument("--i-mean-mainnet", action="store_true")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    home = Home(args.home) if args.home else Home()

    def command(asset: str, wanted: Wanted) -> list[str]:
        where = [asset, "--home", str(home.root)]
        if wanted.is_simulated:
            return python("engine.runners.paced", *where, "--speed", str(args.speed))
        means = ["--i-mean-mainnet"] if args.i_mean_mainnet else []
        return python("engine.runners.live.engine", *where, *means)

    host = Host(home, command)
    with stop_signals() as stop:
        try:
            host.look()
            while not stop.wait(POLL_S):
                host.look()
        finally:
            host.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
