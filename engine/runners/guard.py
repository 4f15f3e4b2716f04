"""The guard: a process of its own that can only cancel, and flatten where it is told to.

The venue's dead-man switch is refused to accounts that have traded less than a million dollars, so
this is ours; where the venue takes it, the guard sets that one, too. It has its own agent key,
shares no trading code with the engines, and acts where an engine's heartbeat is older than 10 s
(5 s where its process has ended), where a kill switch has latched, and where an order of ours rests
that no engine answers for. It stops when the venue has listed none of them twice.

``python -m engine.runners.guard localnet --home var``
"""

import argparse
import contextlib
import logging
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from engine.runners.live.connection import (
    EXIT_REFUSED,
    REFUSALS,
    Connection,
    connect,
    enter_when_up,
)
from engine.runners.live.dead_man import DeadManSwitch
from engine.runners.live.heartbeat import Beat, age_s, is_gone, read_beats
from engine.runners.live.latch import EVERYTHING, read_latch
from engine.runners.live.venue_file import read_venue
from engine.runners.stopping import Stop, stop_signals
from engine.store.home import Home
from engine.venues.hyperliquid.account import Account
from engine.venues.hyperliquid.account_answers import Order
from engine.venues.hyperliquid.asset_ids import asset_id
from engine.venues.hyperliquid.cloid import read_cloid
from engine.venues.hyperliquid.exchange import Exchange
from engine.venues.hyperliquid.info import InfoClient
from engine.venues.hyperliquid.wire import Cancel, CancelOrders, PlaceOrders, limit_order
from engine.venues.hyperliquid.wire import Order as NewOrder
from engine.venues.rows import VenueError

LOG = logging.getLogger("engine.guard")
LOOK_S = 1.0
DEAD_S = 10.0  # without a heartbeat
GONE_S = 5.0  # the same, of a process that has ended: nothing rests ten seconds after a death
ROUTINE_S = 30.0  # between two looks for orders that nobody answers for
MOST_CANCELS = 100  # of one request
SLIPPAGES = (0.005, 0.01, 0.02, 0.05)  # of the price, one after another, until flat


def in_danger(home: Home) -> dict[str, str]:
    """Return the assets whose engine is dead or stopped, and why."""
    found: dict[str, str] = {}
    for beat in read_beats(home):
        if not isinstance(beat, Beat):
            found[EVERYTHING] = f"{beat} cannot be read"
        elif (reason := read_latch(home, beat.asset)) is not None:
            found[beat.asset] = f"kill switch: {reason}"
        elif not beat.is_over and age_s(beat) > (GONE_S if is_gone(beat) else DEAD_S):
            found[beat.asset] = f"no heartbeat for {age_s(beat):.0f} s"
    if (reason := read_latch(home, EVERYTHING)) is not None:
        found[EVERYTHING] = f"kill switch: {reason}"
    return found


@dataclass
class Guard:
    """Watches one account on one venue.

    Attributes
    ----------
    quiet
        for each danger, how often in a row the venue has listed no order of ours in it.
    """

    home: Home
    info: InfoClient
    exchange: Exchange
    address: str
    dexes: tuple[str, ...] = ("",)
    flatten: bool = False
    quiet: dict[str, int] = field(default_factory=dict)
    tries: dict[str, int] = field(default_factory=dict)
    looked_s: float = 0.0

    def look(self) -> None:
        """Look once, and cancel what must not rest."""
        danger = in_danger(self.home)
        self.quiet = {name: n for name, n in self.quiet.items() if name in danger}
        self.tries = {name: n for name, n in self.tries.items() if name in danger}
        restless = [name for name in danger if self.quiet.get(name, 0) < 2]
        if not restless and time.monotonic() - self.looked_s < ROUTINE_S:
            return
        self.looked_s = time.monotonic()
        beats = [beat for beat in read_beats(self.home) if isinstance(beat, Beat)]
        answered = {beat.asset for beat in beats if not beat.is_over}
        for dex in self.dexes:
            account = Account(self.info, self.address, dex)
            doomed = [
                order
                for order in ours(account.open_orders())
                if EVERYTHING in danger or order.coin in danger or order.coin not in answered
            ]
            self._cancel(doomed, danger)
            for name in restless:
                none = not any(name in (order.coin, EVERYTHING) for order in doomed)
                self.quiet[name] = self.quiet.get(name, 0) + 1 if none else 0
                if self.flatten and self.quiet[name] >= 2:
                    self._flatten(account, name)

    def _cancel(self, orders: list[Order], danger: dict[str, str]) -> None:
        for k in range(0, len(orders), MOST_CANCELS):
            some = orders[k : k + MOST_CANCELS]
            cancels = [Cancel(_asset_id(order), order.oid) for order in some]
            outcomes = self.exchange.ask(CancelOrders(cancels))
            for order, outcome in zip(some, outcomes, strict=True):
                why = danger.get(order.coin) or danger.get(EVERYTHING) or "no engine answers for it"
                LOG.warning("%s: cancelled %s (%s): %s", order.coin, order.oid, why, outcome)

    def _flatten(self, account: Account, name: str) -> None:
        """Close what is held of an asset, a little worse each time the book does not take it."""
        for held in account.clearinghouse().assetPositions:
            position = held.position
            if position.szi == 0.0 or name not in (position.coin, EVERYTHING):
                continue
            tries = self.tries.get(position.coin, 0)
            self.tries[position.coin] = tries + 1
            slippage = SLIPPAGES[min(tries, len(SLIPPAGES) - 1)]
            px = position.positionValue / abs(position.szi)
            order = self._closing(position.coin, position.szi, px, slippage)
            (outcome,) = self.exchange.ask(PlaceOrders([order]))
            LOG.warning("%s: closing %g: %s", position.coin, position.szi, outcome)

    def _closing(self, coin: str, szi: float, px: float, slippage: float) -> NewOrder:
        """Return a reduce-only order that takes what the book offers within `slippage`."""
        asset = asset_id(self.info, coin)
        side = -1 if szi > 0 else 1
        decimals = 6 - asset.sz_decimals
        # five figures at most, which a whole number may exceed
        limit = px * (1 + side * slippage)
        legal = float(round(limit)) if limit >= 10_000 else round(float(f"{limit:.5g}"), decimals)
        sz, number = abs(szi), asset.number
        return limit_order(number, side, legal, sz, asset.sz_decimals, tif="Ioc", reduce_only=True)


def ours(orders: Iterable[Order]) -> list[Order]:
    """Return the orders that our engines placed: a person's own are none of our business."""
    return [order for order in orders if read_cloid(order.cloid) is not None]


def _asset_id(order: Order) -> int:
    named = read_cloid(order.cloid)
    if named is None:
        raise ValueError(f"order {order.oid} is not one of ours")
    return named.asset


def main(argv: list[str] | None = None) -> int:
    """Guard until SIGINT or SIGTERM; return the exit code."""
    parser = argparse.ArgumentParser(prog="engine.runners.guard", description=__doc__)
    parser.add_argument("venue")
    parser.add_argument("--home", type=Path, default=None)
    parser.add_argument("--dex", action="append", default=[])
    parser.add_argument("--flatten", action="store_true")
    parser.add_argument("--i-mean-mainnet", action="store_true")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # every request of every second
    home = Home(args.home) if args.home else Home()
    try:
        with stop_signals() as stop:
            _watch(home, args, stop)
    except REFUSALS as error:
        LOG.error("refused: %s", error)
        return EXIT_REFUSED
    return 0


def _watch(home: Home, args: argparse.Namespace, stop: Stop) -> None:
    """Guard until asked to stop, through any time in which the venue is away."""
    venue = read_venue(home, args.venue)

    def way() -> contextlib.AbstractContextManager[Connection]:
        return connect(venue, venue.guard_key, home, mean_mainnet=args.i_mean_mainnet)

    with contextlib.ExitStack() as stack:
        connection = enter_when_up(stack, way, stop, LOG.warning)
        if connection is None:
            return
        info, exchange, account = connection
        dexes = ("", *args.dex)
        guard = Guard(home, info, exchange, account.address, dexes, flatten=args.flatten)
        dead_man = DeadManSwitch(exchange)
        stack.callback(dead_man.take_back)
        LOG.info("guarding %s on %s", account.address, venue.url)
        while not stop.wait(LOOK_S):
            try:
                guard.look()
                dead_man.look()
            except (VenueError, httpx.HTTPError) as error:
                LOG.warning("the venue does not answer: %s", error)


if __name__ == "__main__":
    sys.exit(main())
