"""One engine process on a server: paper or live, as the asset's stage wants it.

``python -m engine.runners.live.engine HYPE --home var`` trades what the onboarding store says until
it is asked to stop. Where the stage changes, the process stays, and goes on with the next run: its
capital is another within seconds. It ends with 75 when another engine trades the asset or another
process keeps the store, and with 78 when a person must mend something first.
"""

import argparse
import contextlib
import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from engine.onboarding.store import AssetState, OnboardingStore
from engine.runners.assignment import assignment
from engine.runners.live.connection import (
    EXIT_REFUSED,
    REFUSALS,
    Connection,
    connect,
    enter_when_up,
)
from engine.runners.live.courier import UNSEEN
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
from engine.store.metrics import Metrics, StoreBusyError, last_written
from engine.venues.hyperliquid.account_stream import AccountStream
from engine.venues.hyperliquid.asset_ids import AssetId, asset_id
from engine.venues.hyperliquid.outcome import Done, Refused
from engine.venues.hyperliquid.wire import UpdateLeverage
from engine.venues.rows import VenueError

POLL_S = 2.0
BLIND_S = 60.0  # without knowing what the stage wants
BEAT_S = 1.0


@dataclass
class _Watch:
    """Lets a run end where somebody asks for it, or where the stage wants another one.

    The store is read on a thread of its own: whoever owns it for long, or not at all, must not keep
    an engine from hearing and cancelling. One that cannot be read for `BLIND_S` ends the run.
    """

    home: Home
    asset: str
    run: str
    asked: Stop
    run_is_over: Stop = field(default_factory=Stop)

    def __call__(self, _: object) -> None:
        if self.asked.asked:
            self.run_is_over.ask()

    @contextlib.contextmanager
    def watching(self) -> Iterator["_Watch"]:
        """Watch the stage for the length of a ``with`` block."""
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.run_is_over.ask()
            thread.join()

    def _watch(self) -> None:
        try:
            self._follow()
        finally:
            self.run_is_over.ask()

    def _follow(self) -> None:
        read_s, known = time.monotonic(), None
        while not self.run_is_over.wait(POLL_S):
            mark = last_written(self.home)
            # to open the store costs 40 ms of the processor, and keeps others out
            if mark == known:
                read_s = time.monotonic()
                continue
            try:
                wanted = read_assignment(self.home, self.asset)
            except (StoreBusyError, duckdb.Error, OSError) as error:
                if time.monotonic() - read_s > BLIND_S:
                    _say(self.asset, f"where it stands cannot be read: {error}")
                    return
                continue
            read_s, known = time.monotonic(), mark
            if wanted is None or wanted.run != self.run:
                return


def read_assignment(home: Home, asset: str) -> RunSpec | None:
    """Return the run that the asset's stage wants, None where it wants none."""
    return assignment(_state(home, asset), 0)


class NotReadyError(RuntimeError):
    """The engine cannot begin as things are; the message says what is to be mended."""


def trade(home: Home, asset: str, stop: Stop, *, mean_mainnet: bool = False) -> None:
    """Trade one run after another, as the asset's stage wants it, until asked to stop.

    A venue that does not answer is waited for; until it does, no heartbeat claims that all is well.

    Raises
    ------
    NotReadyError
        if the venue refuses what the engine needs, or lists the asset with other decimals.
    *REFUSALS
        if the key, the clock or the venue's file is not right.
    """
    while not stop.asked and (run := read_assignment(home, asset)) is not None:
        venue = _state(home, asset).spec.venue
        reason = read_latch(home, asset)
        if run.mode == "live" and reason is not None:
            _say(asset, f"is stopped: {reason}")
            return
        with _Watch(home, asset, run.run, stop).watching() as watch:
            if run.mode == "paper":
                _trade_on_paper(home, run, venue, watch)
            else:
                _trade_live(home, run, venue, watch, mean_mainnet)


def _trade_on_paper(home: Home, run: RunSpec, venue: str, watch: _Watch) -> None:
    def stream(*_: int) -> MarketStream:
        return market_stream(venue_url(venue, home), run.asset)

    trade_on_paper(run, home, stream, stop=watch.run_is_over, on_look=watch)


def _trade_live(home: Home, run: RunSpec, venue: str, watch: _Watch, mean_mainnet: bool) -> None:
    written = read_venue(home, venue)
    dex = run.asset.rpartition(":")[0]

    @contextlib.contextmanager
    def begin() -> Iterator[tuple[Connection, LiveSpec]]:
        with connect(written, written.engine_key, home, dex, mean_mainnet=mean_mainnet) as way:
            number = asset_id(way.info, run.asset)
            spec = _live_spec(run, number)
            _set_leverage(way, spec, number)
            yield way, spec

    with contextlib.ExitStack() as stack:
        begun = enter_when_up(stack, begin, watch.asked, lambda why: _say(run.asset, why))
        if begun is None:
            return
        way, spec = begun
        beat = _Beat(home, spec, watch)
        stack.callback(beat.end)
        streams = _venue(way, written, run.asset)
        _say(run.asset, trade_live(spec, home, streams, stop=watch.run_is_over, on_beat=beat))


def _say(asset: str, what: str) -> None:
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
    sys.stderr.write(f"{at} {asset}: {what}\n")
    sys.stderr.flush()


def _live_spec(run: RunSpec, number: AssetId) -> LiveSpec:
    """Return the run with the limits of its phase: what was approved, and nothing above it."""
    if number.sz_decimals != run.config.sz_decimals:
        raise NotReadyError(
            f"sz_decimals of {run.asset} are {number.sz_decimals} at the venue and "
            f"{run.config.sz_decimals} in the config: derive it again"
        )
    capital = run.config.capital_usd * run.fraction
    return LiveSpec(**run.model_dump(), asset_id=number.number, max_order_usd=capital)


def _set_leverage(way: Connection, spec: LiveSpec, number: AssetId) -> None:
    leverage = max(1, min(number.max_leverage, int(spec.config.max_leverage)))
    action = UpdateLeverage(spec.asset_id, not spec.config.isolated, leverage)
    (outcome,) = way.exchange.ask(action)
    match outcome:
        case Done():
            return
        case Refused(reason, text) if reason not in UNSEEN:
            raise NotReadyError(f"leverage of {spec.asset} could not be set: {text}")
    raise VenueError(f"leverage of {spec.asset} could not be set: {outcome}")


def _venue(way: Connection, written: VenueFile, asset: str) -> Venue:
    return Venue(
        exchange=way.exchange,
        account=way.account,
        market=market_stream(written.url, asset),
        news=AccountStream(written.url, written.account),
    )


@dataclass
class _Beat:
    """Writes the heartbeat about once a second, and at once where orders came or went."""

    home: Home
    spec: LiveSpec
    watch: _Watch
    last: Beat | None = None
    beat_s: float = 0.0

    def __call__(self, journal: Journal) -> None:
        self.watch(journal)
        is_news = self.last is None or self.last.live_orders != journal.live_orders
        if not is_news and time.monotonic() - self.beat_s < BEAT_S:
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
    with lock, stop_signals() as stop:
        try:
            trade(home, args.asset, stop, mean_mainnet=args.i_mean_mainnet)
        except (*REFUSALS, NotReadyError) as error:
            _say(args.asset, f"refused: {error}")
            return EXIT_REFUSED
        except StoreBusyError as error:
            _say(args.asset, str(error))
            return EXIT_BUSY
    return 0


if __name__ == "__main__":
    exit_code = 1
    try:
        exit_code = main()
    except Exception:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)  # no thread is to keep a broken engine alive
