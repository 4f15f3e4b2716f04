"""Twenty live engines against one loopback exchange on this machine: processor, memory, orders.

``python -m benchmarks.live_engines`` starts `gangway localnet` with as many simulated markets, puts
each asset live, starts an engine process for each as the host does, and looks at them for a minute.
Then one process of the official SDK does an engine's share: the same subscriptions, and as many
signed requests a second; it estimates, checks and writes down nothing.

Memory is the proportional set: what processes share is divided among them.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from benchmarks.chaos_processes import go_live, wait_for
from benchmarks.localnet import cpu_s
from engine.config import AssetSpec
from engine.runners.children import Child, python
from engine.runners.live.heartbeat import Beat, read_beats
from engine.runners.live.venue_file import VenueFile, read_venue, venue_path
from engine.runners.market_source import market_of_spec
from engine.sim.market import HOUR_NS
from engine.sim.universe import market_of
from engine.store.home import Home
from engine.store.tape import write_tape
from engine.store.tape_facts import TapeMeta
from engine.venues.hyperliquid.account import Account
from engine.venues.hyperliquid.info import InfoClient
from flows.server import ROOT, free_port

VENUE, LIKE = "localnet", "HYPE"  # all markets are made as this one's, each with its own seed
CAPITAL_USD, FUNDS_USD = 1_000.0, 1_000_000.0
PX_DECIMALS, SZ_DECIMALS = 4, 2
SPEED = 10.0  # of the markets: some twenty changes of a book a second
PATIENCE_S, SDK_WARM_S = 600.0, 10.0


class Use(NamedTuple):
    """What a process has used so far, and holds now."""

    cpu_s: float
    memory_mb: float

    @classmethod
    def of(cls, pid: int) -> "Use":
        """Look at a process."""
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        kib = next(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))
        return cls(cpu_s(pid), kib / 1024)


class Desk:
    """The exchange, the engines, and what they do."""

    def __init__(self, folder: Path, engines: int) -> None:
        self.folder, self.home = folder, Home(folder / "home")
        self.assets = [f"M{number:02d}" for number in range(1, engines + 1)]
        self.url = f"http://127.0.0.1:{free_port()}"
        self.exchange = self._child("flows.cli", "localnet", *self._words())
        self.engines = [
            self._child("engine.runners.live.engine", asset, "--home", str(self.home.root))
            for asset in self.assets
        ]

    def open(self) -> VenueFile:
        """Start everything; return once every engine has orders at the exchange."""
        self.exchange.start()
        wait_for(venue_path(self.home, VENUE).exists, "there is an account", PATIENCE_S)
        for asset in self.assets:
            spec = AssetSpec(asset=asset, capital_usd=CAPITAL_USD, venue=VENUE)
            like = AssetSpec(asset=LIKE, capital_usd=CAPITAL_USD)
            facts = market_of_spec(like, hours=1).facts(LIKE, 0)
            go_live(self.home, spec, facts.model_copy(update={"asset": asset}))
        for engine in self.engines:
            engine.start()
        wait_for(self._all_quote, "every engine has orders", PATIENCE_S)
        return read_venue(self.home, VENUE)

    def close(self) -> None:
        """Stop everything."""
        for child in self.engines:
            child.ask_to_stop()
        for child in (*self.engines, self.exchange):
            child.stop()

    def sdk(self, venue: VenueFile, period_s: float) -> Child:
        """Return the SDK's process for the first market."""
        words = [self.assets[0], venue.url, venue.account, str(venue.engine_key), f"{period_s}"]
        return self._child("benchmarks.sdk_loop", *words)

    def _all_quote(self) -> bool:
        """Return whether every engine has orders; as the host does, start again what has ended."""
        for engine in self.engines:
            engine.revive()
        beats = [one for one in read_beats(self.home) if isinstance(one, Beat)]
        return sum(one.live_orders > 0 for one in beats) == len(self.assets)

    def _words(self) -> list[str]:
        tapes = [word for asset in self.assets for word in ("--tape", str(self._tape(asset)))]
        where = ["--port", self.url.rpartition(":")[2], "--state", str(self.folder / "state")]
        more = ["--speed", str(SPEED), "--desk", str(FUNDS_USD), "--no-ip-limits"]
        return [*where, "--assets", "none", *tapes, *more]

    def _tape(self, asset: str) -> Path:
        path = self.folder / f"{asset}.tape"
        hour = market_of(LIKE, None, int(asset[1:]), 500_000 * HOUR_NS).chunk(0).copy()
        for clock in ("ts_ns", "recv_ns"):
            hour[clock] -= hour[clock] % 1_000  # a tape keeps microseconds
        meta = TapeMeta(
            asset=asset,
            venue="sim",
            source=f"{LIKE}'s scenario",
            px_decimals=PX_DECIMALS,
            sz_decimals=SZ_DECIMALS,
        )
        write_tape(path, iter([hour]), meta)
        return path

    def _child(self, module: str, *words: str) -> Child:
        env = os.environ | {"GANGWAY_HOME": str(self.home.root)}
        name = f"{module.rpartition('.')[2]}-{words[0]}"
        return Child(name, python(module, *words), env, self.folder / f"{name}.log", ROOT)


def used(venue: VenueFile, children: Iterable[Child], seconds: float) -> tuple[list[Use], float]:
    """Return what each process takes, and how many orders and cancels the account sends a second.

    Of a processor the share is returned, of memory what a process holds at the end.
    """
    pids = [child.process.pid for child in children if child.process is not None]
    with InfoClient(venue.url) as info:
        account = Account(info, venue.account)
        began_s, before = time.monotonic(), [Use.of(pid) for pid in pids]
        sent = account.rate_limit().nRequestsUsed
        time.sleep(seconds)
        took_s, after = time.monotonic() - began_s, [Use.of(pid) for pid in pids]
        sent = account.rate_limit().nRequestsUsed - sent
    shares = [(b.cpu_s - a.cpu_s) / took_s for a, b in zip(before, after, strict=True)]
    return [Use(*both) for both in zip(shares, (b[1] for b in after), strict=True)], sent / took_s


def main() -> None:
    """Print a row for the exchange, an engine, all of them, and the SDK's process."""
    parser = argparse.ArgumentParser(prog="benchmarks.live_engines", description=__doc__)
    parser.add_argument("--engines", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60.0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder), args.engines)
        try:
            _measure(desk, args.seconds)
        finally:
            desk.close()


def _measure(desk: Desk, seconds: float) -> None:
    venue = desk.open()
    (exchange, *engines), per_s = used(venue, [desk.exchange, *desk.engines], seconds)
    for engine in desk.engines:
        engine.ask_to_stop()
    for engine in desk.engines:
        engine.stop()
    sdk = desk.sdk(venue, 2.0 * len(engines) / per_s)  # two orders or cancels a turn
    sdk.start()
    time.sleep(SDK_WARM_S)
    (theirs,), their_per_s = used(venue, [sdk], seconds)
    sdk.stop()
    _print(engines, exchange, per_s, theirs, their_per_s)


def _print(engines: list[Use], exchange: Use, per_s: float, sdk: Use, sdk_per_s: float) -> None:
    mean = Use(*(sum(column) / len(engines) for column in zip(*engines, strict=True)))
    rows = {
        "an engine, mean": (mean, per_s / len(engines)),
        "an engine, most": (Use(*map(max, zip(*engines, strict=True))), per_s / len(engines)),
        f"{len(engines)} engines": (Use(*map(sum, zip(*engines, strict=True))), per_s),
        "the exchange": (exchange, per_s),
        "the SDK's process": (sdk, sdk_per_s),
    }
    print("| process | processors | memory MB | orders and cancels/s | processor / SDK's |")
    print("|---|---:|---:|---:|---:|")
    for name, (use, rate) in rows.items():
        ratio = use.cpu_s / sdk.cpu_s
        print(f"| {name} | {use.cpu_s:.3f} | {use.memory_mb:,.0f} | {rate:.1f} | {ratio:.1f} |")


if __name__ == "__main__":
    main()
