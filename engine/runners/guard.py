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
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

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
from engine.venues.hyperliquid.amounts import legal_px
from engine.venues.hyperliquid.asset_ids import asset_id
from engine.venues.hyperliquid.cloid import read_cloid
from engine.venues.hyperliquid.exchange import Exchange
from engine.venues.hyperliquid.info import InfoClient
from engine.venues.hyperliquid.wire import Cancel, CancelOrders, PlaceOrders, limit_order
from engine.venues.hyperliquid.wire import Order as NewOrder
from engine.venues.rows import UnknownAssetError, VenueError

LOG = logging.getLogger("engine.guard")
LOOK_S = 1.0
DEAD_S = 10.0  # without a heartbeat
GONE_S = 5.0  # the same, of a process that has ended: nothing rests ten seconds after a death
HURRIED_TRIES = 10  # to close a position, one a look; from then on one a routine look
QUIET_LOOKS = 2  # without an order of ours, until nothing is on its way any more
ROUTINE_S = 30.0  # between two looks for orders that nobody answers for
MOST_CANCELS = 100  # of one request
SLIPPAGES = (0.005, 0.01, 0.02, 0.05)  # of the price, one after another, the last until flat


class Danger(NamedTuple):
    """Why what rests of an asset must go; `is_final` where nobody is expected to come back."""

    why: str
    is_final: bool = True


def in_danger(home: Home, beats: Iterable[Beat | Path]) -> dict[str, Danger]:
    """Return the assets whose engine is dead or stopped, by the heartbeats of all."""
    found: dict[str, Danger] = {}
    for beat in beats:
        if not isinstance(beat, Beat):
            found[EVERYTHING] = Danger(f"{beat} cannot be read")
        elif (reason := read_latch(home, beat.asset)) is not None:
            found[beat.asset] = Danger(f"kill switch: {reason}")
        elif beat.is_over:
            continue
        elif (silent_s := age_s(beat)) > DEAD_S:
            found[beat.asset] = Danger(f"no heartbeat for {silent_s:.0f} s")
        elif silent_s > GONE_S and is_gone(beat):
            found[beat.asset] = Danger("its process has ended", is_final=False)
    if (reason := read_latch(home, EVERYTHING)) is not None:
        found[EVERYTHING] = Danger(f"kill switch: {reason}")
    return found


@dataclass
class Guard:
    """Watches one account on one venue.

    Attributes
    ----------
    dexes
        where else the account may trade than on the main dex, and on those of the heartbeats.
    flatten
        whether to close what is held in danger, once nothing of ours rests there.
    quiet
        for each danger, how often in a row the venue has listed no order of ours in it.
    flat
        dangers in which the venue has listed no position since.
    tries
        by coin, how often closing it was tried.
    """

    home: Home
    info: InfoClient
    exchange: Exchange
    address: str
    dexes: tuple[str, ...] = ()
    flatten: bool = False
    quiet: dict[str, int] = field(default_factory=dict)
    flat: set[str] = field(default_factory=set)
    tries: dict[str, int] = field(default_factory=dict)
    looked_s: float = 0.0

    def look(self) -> None:
        """Look once, and cancel what must not rest; close what is held where that is asked for."""
        read = list(read_beats(self.home))
        danger = in_danger(self.home, read)
        self.quiet = {name: n for name, n in self.quiet.items() if name in danger}
        self.flat &= danger.keys()
        restless = [name for name in danger if self.quiet.get(name, 0) < QUIET_LOOKS]
        final = [name for name, one in danger.items() if one.is_final]
        unclosed = [name for name in final if self.flatten and name not in self.flat]
        self.tries = self.tries if unclosed else {}
        is_hurried = unclosed and max(self.tries.values(), default=0) < HURRIED_TRIES
        is_routine = time.monotonic() - self.looked_s >= ROUTINE_S
        if not (restless or is_hurried or is_routine):
            return
        self.looked_s = time.monotonic()
        beats = [beat for beat in read if isinstance(beat, Beat)]
        accounts = self._accounts(beat.asset for beat in beats)
        resting = self._cancel_orders(accounts, danger, {b.asset for b in beats if not b.is_over})
        for name in danger:
            self.quiet[name] = 0 if _is_among(name, resting) else self.quiet.get(name, 0) + 1
        unclosed = [name for name in unclosed if self.quiet[name] >= QUIET_LOOKS]
        if unclosed:
            self._close(accounts, unclosed)

    def _accounts(self, traded: Iterable[str]) -> list[Account]:
        """Return the account on every dex we were told of, or an engine has traded on."""
        dexes = {"", *self.dexes, *(asset.rpartition(":")[0] for asset in traded)}
        return [Account(self.info, self.address, dex) for dex in sorted(dexes)]

    def _cancel_orders(
        self, accounts: list[Account], danger: dict[str, Danger], answered: set[str]
    ) -> set[str]:
        """Cancel what must not rest; return the coins of which something did."""
        resting: set[str] = set()
        for account in accounts:
            doomed = [
                order
                for order in ours(account.open_orders())
                if EVERYTHING in danger or order.coin in danger or order.coin not in answered
            ]
            self._cancel(doomed, danger)
            resting.update(order.coin for order in doomed)
        return resting

    def _cancel(self, orders: list[Order], danger: dict[str, Danger]) -> None:
        nobody = Danger("no engine answers for it")
        for k in range(0, len(orders), MOST_CANCELS):
            some = orders[k : k + MOST_CANCELS]
            cancels = [Cancel(_asset_id(order), order.oid) for order in some]
            outcomes = self.exchange.ask(CancelOrders(cancels))
            for order, outcome in zip(some, outcomes, strict=True):
                why = (danger.get(order.coin) or danger.get(EVERYTHING) or nobody).why
                LOG.warning("%s: cancelled %s (%s): %s", order.coin, order.oid, why, outcome)

    def _close(self, accounts: list[Account], names: list[str]) -> None:
        """Close what is held, a little worse each time the book does not take it all."""
        states = [account.clearinghouse() for account in accounts]
        listed = [held.position for state in states for held in state.assetPositions]
        is_all = EVERYTHING in names
        held = {p.coin: p for p in listed if p.szi != 0.0 and (is_all or p.coin in names)}
        self.flat.update(name for name in names if not _is_among(name, held))
        self.tries = {coin: self.tries.get(coin, 0) + 1 for coin in held}
        for coin, position in held.items():
            slippage = SLIPPAGES[min(self.tries[coin], len(SLIPPAGES)) - 1]
            px = position.positionValue / abs(position.szi)
            try:
                order = self._closing(coin, position.szi, px, slippage)
            except UnknownAssetError as error:  # delisted: the venue settles it
                LOG.warning("%s: not closed: %s", coin, error)
                continue
            (outcome,) = self.exchange.ask(PlaceOrders([order]))
            LOG.warning("%s: closing %g: %s", coin, position.szi, outcome)

    def _closing(self, coin: str, szi: float, px: float, slippage: float) -> NewOrder:
        """Return a reduce-only order that takes what the book offers within `slippage`."""
        asset = asset_id(self.info, coin)
        side = -1 if szi > 0 else 1
        limit = legal_px(px * (1 + side * slippage), asset.sz_decimals)
        sz, number = abs(szi), asset.number
        return limit_order(number, side, limit, sz, asset.sz_decimals, tif="Ioc", reduce_only=True)


def _is_among(name: str, coins: Collection[str]) -> bool:
    """Return whether a danger's name stands for one of these coins."""
    return bool(coins) if name == EVERYTHING else name in coins


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
        guard = Guard(home, info, exchange, account.address, tuple(args.dex), flatten=args.flatten)
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
