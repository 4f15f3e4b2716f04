"""One engine process on a server: paper or live, as the asset's stage wants it.

``python -m engine.runners.live.engine HYPE --home var`` trades what the onboarding store says until
it is asked to stop. Where the stage changes, the process stays, and goes on with the next run: its
capital is another within seconds. It ends with 75 when another engine trades the asset.
"""

import argparse
import contextlib
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from engine.onboarding.store import AssetState, OnboardingStore
from engine.runners.assignment import assignment
from engine.runners.live.connection import Connection, connect
from engine.runners.live.heartbeat import Beat, boot, up_ns, write_beat
from engine.runners.live.journal import Journal
from engine.runners.live.latch import read_latch
from engine.runners.live.spec import LiveSpec
from engine.runners.live.trading import Venue, trade_live
from engine.runners.live.venue_file import VenueFile, read_venue
from engine.runners.market_source import venue_url
from engine.runners.market_stream import MarketStream, market_stream
from engine.runners.paced import EXIT_BUSY, take_lock
from engine.runners.paper import trade_on_paper
from engine.runners.simulated import RunSpec
from engine.runners.stopping import Stop, stop_signals
from engine.store.home import Home
from engine.store.metrics import Metrics
from engine.venues.hyperliquid.account_stream import AccountStream
from engine.venues.hyperliquid.asset_ids import AssetId, asset_id
from engine.venues.hyperliquid.outcome import Done
from engine.venues.hyperliquid.wire import UpdateLeverage

POLL_S = 2.0
BEAT_S = 1.0


@dataclass
class _Watch:
    """Lets a run end where somebody asks for it, or where the stage wants another one."""

    home: Home
    asset: str
    run: str
    asked: Stop
    run_is_over: Stop = field(default_factory=Stop)
    looked_s: float = field(default_factory=time.monotonic)

    def __call__(self, _: object) -> None:
        if self.asked.asked:
            self.run_is_over.ask()
        elif time.monotonic() - self.looked_s >= POLL_S:
            self.looked_s = time.monotonic()
            wanted = read_assignment(self.home, self.asset)
            if wanted is None or wanted.run != self.run:
                self.run_is_over.ask()


def read_assignment(home: Home, asset: str) -> RunSpec | None:
    """Return the run that the asset's stage wants, None where it wants none."""
    return assignment(_state(home, asset), 0)


def trade(home: Home, asset: str, stop: Stop, *, mean_mainnet: bool = False) -> None:
    """Trade one run after another, as the asset's stage wants it, until asked to stop."""
    while not stop.asked and (run := read_assignment(home, asset)) is not None:
        watch = _Watch(home, asset, run.run, stop)
        venue = _state(home, asset).spec.venue
        if run.mode == "paper":
            _trade_on_paper(home, run, venue, watch)
        elif (reason := read_latch(home, asset)) is not None:
            sys.stderr.write(f"{asset} is stopped: {reason}\n")
            return
        else:
            _trade_live(home, run, venue, watch, mean_mainnet)


def _trade_on_paper(home: Home, run: RunSpec, venue: str, watch: _Watch) -> None:
    def stream(*_: int) -> MarketStream:
        return market_stream(venue_url(venue, home), run.asset)

    trade_on_paper(run, home, stream, stop=watch.run_is_over, on_look=watch)


def _trade_live(home: Home, run: RunSpec, venue: str, watch: _Watch, mean_mainnet: bool) -> None:
    written = read_venue(home, venue)
    dex = run.asset.rpartition(":")[0]
    with connect(written, written.engine_key, home, dex, mean_mainnet=mean_mainnet) as way:
        number = asset_id(way.info, run.asset)
        spec = _live_spec(run, number)
        _set_leverage(way, spec, number)
        beat = _Beat(home, spec, watch)
        streams = _venue(way, written, run.asset)
        try:
            trade_live(spec, home, streams, stop=watch.run_is_over, on_beat=beat)
        finally:
            beat.end()


def _live_spec(run: RunSpec, number: AssetId) -> LiveSpec:
    """Return the run with the limits of its phase: what was approved, and nothing above it."""
    if number.sz_decimals != run.config.sz_decimals:
        raise ValueError(
            f"sz_decimals of {run.asset} are {number.sz_decimals} at the venue and "
            f"{run.config.sz_decimals} in the config: derive it again"
        )
    capital = run.config.capital_usd * run.fraction
    return LiveSpec(**run.model_dump(), asset_id=number.number, max_order_usd=capital)


def _set_leverage(way: Connection, spec: LiveSpec, number: AssetId) -> None:
    leverage = max(1, min(number.max_leverage, int(spec.config.max_leverage)))
    action = UpdateLeverage(spec.asset_id, not spec.config.isolated, leverage)
    (outcome,) = way.exchange.ask(action)
    if not isinstance(outcome, Done):
        raise ValueError(f"leverage of {spec.asset} could not be set: {outcome}")


def _venue(way: Connection, written: VenueFile, asset: str) -> Venue:
    return Venue(
        exchange=way.exchange,
        account=way.account,
        market=market_stream(written.url, asset),
        news=AccountStream(written.url, written.account),
    )


@dataclass
class _Beat:
    """Writes the heartbeat about once a second."""

    home: Home
    spec: LiveSpec
    watch: _Watch
    last: Beat | None = None
    beat_s: float = 0.0

    def __call__(self, journal: Journal) -> None:
        self.watch(journal)
        if time.monotonic() - self.beat_s < BEAT_S:
            return
        self.beat_s = time.monotonic()
        self.last = Beat(
            asset=self.spec.asset,
            asset_id=self.spec.asset_id,
            run=self.spec.run,
            pid=os.getpid(),
            boot=boot(),
            up_ns=up_ns(),
            live_orders=journal.live_orders,
            position=float(journal.desks[0].maker.ledger.position),
            kill_reason=journal.kill_reason,
        )
        write_beat(self.home, self.last)

    def end(self) -> None:
        """Say that nothing was left behind, where that is so."""
        if self.last is not None and self.last.live_orders == 0:
            write_beat(self.home, self.last.model_copy(update={"is_over": True}))


def _state(home: Home, asset: str) -> AssetState:
    with Metrics.open(home) as metrics:
        return OnboardingStore(metrics.con).get(asset)


def main(argv: list[str] | None = None) -> int:
    """Run one engine; return the exit code."""
    parser = argparse.ArgumentParser(prog="engine.runners.live.engine", description=__doc__)
    parser.add_argument("asset")
    parser.add_argument("--home", type=Path, default=None)
    parser.add_argument("--i-mean-mainnet", action="store_true")
    args = parser.parse_args(argv)
    home = Home(args.home) if args.home else Home()
    lock = take_lock(home, args.asset)
    if lock is None:
        sys.stderr.write(f"another engine trades {args.asset}\n")
        return EXIT_BUSY
    with lock, stop_signals() as stop, contextlib.suppress(KeyboardInterrupt):
        trade(home, args.asset, stop, mean_mainnet=args.i_mean_mainnet)
    return 0


if __name__ == "__main__":
    sys.exit(main())
