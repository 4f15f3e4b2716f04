"""The clock of the exchange: requests wait for the next block, which is written, then answered."""

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

from engine.localnet.exchange import Exchange, Request
from engine.localnet.floor import Block
from engine.localnet.house import Op
from engine.localnet.state import Json
from engine.runners.localnet.entry import Entry, Gift, numbered
from engine.runners.localnet.journal import Journal
from engine.runners.localnet.market import Ahead, Markets
from engine.runners.localnet.settings import Settings, Way
from engine.runners.localnet.setup import Setup

Answer = Json | None
Hear = Callable[[Block, dict[str, list[Ahead]]], None]


class DownError(Exception):
    """The exchange is not there; nobody is answered."""


class _Waiting(NamedTuple):
    request: Request
    answer: "asyncio.Future[Answer]"


def wall_ms() -> int:
    """Return the time [ms UTC]."""
    return time.time_ns() // 1_000_000


class Chain:
    """One exchange, its journal, and the market that drives it.

    Parameters
    ----------
    setup
        what is listed and driven.
    journal
        where it is written; an exchange that was written before goes on.
    speed
        seconds of the markets per second; the exchange's own clock is always the wall's, for that
        is what nonces and expiries of its clients go by.
    hear
        told of every block once it is written, and of what the leading venue did meanwhile.
    now_ms
        the clock; replaced in tests.

    Attributes
    ----------
    down
        whether it is away, as in a restart.
    """

    def __init__(
        self,
        setup: Setup,
        journal: Journal,
        settings: Settings,
        *,
        speed: float = 1.0,
        hear: Hear = lambda *_: None,
        now_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._setup, self._journal, self._settings = setup, journal, settings
        self._hear, self._now_ms = hear, now_ms
        self.down = False
        self._requests: list[_Waiting] = []
        self._gifts: list[Gift] = []
        self._gifted: list[asyncio.Future[None]] = []
        self._extra: list[Op] = []
        self._post_only_until: int | None = None
        found = journal.recover(setup.universe)
        self.exchange = found or Exchange(setup.universe, time=now_ms())
        journal.snapshot(self.exchange)
        self._written_s = time.monotonic()
        assets = self.exchange.floor.universe.by_coin
        self.markets = Markets(assets, dict(setup.drives), speed, self._time())

    async def submit(self, request: Request) -> Answer:
        """Return what a request is answered once its block is written; None where it is unreadable.

        Raises
        ------
        DownError
            if the exchange goes away before.
        """
        if self.down:
            raise DownError
        waiting = _Waiting(request, asyncio.get_running_loop().create_future())
        self._requests.append(waiting)
        return await waiting.answer

    async def give(self, gift: Gift) -> None:
        """Give money from nowhere; returns once it is written."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._gifts.append(gift)
        self._gifted.append(done)
        await done

    def force(self, op: Op) -> None:
        """Let the next block do something of the house's."""
        self._extra.append(op)

    def only_post_only(self, seconds: float) -> None:
        """Refuse what is not post-only for a while, as after an upgrade of the network."""
        self._post_only_until = self._time() + int(seconds * 1e3)

    async def run(self, way: Way) -> None:
        """Make blocks until cancelled."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            due_s = max(due_s + way.block_s(), loop.time())
            await asyncio.sleep(due_s - loop.time())
            if not self.down:
                self.make_block()

    def make_block(self) -> Block:
        """Make one block now: play it, write it, tell it, answer it."""
        waiting, self._requests = self._requests, []
        gifts, self._gifts = self._gifts, []
        gifted, self._gifted = self._gifted, []
        extra, self._extra = self._extra, []
        until, self._post_only_until = self._post_only_until, None
        now_ms = self._time()
        flow = numbered(self.markets.take(now_ms) + extra)
        entry = Entry(now_ms, [one.request for one in waiting], gifts, until, flow)
        block = entry.play(self.exchange)  # what cannot be played must not be written
        self._journal.append(entry)
        self._hear(block, self.markets.ahead(now_ms))
        for one, answer in zip(waiting, block.answers, strict=True):
            if not one.answer.done():
                one.answer.set_result(answer)
        for done in gifted:
            if not done.done():
                done.set_result(None)
        if time.monotonic() - self._written_s > self._settings.snapshot_s:
            self.save()
        return block

    def save(self) -> None:
        """Write a snapshot, so that a later start has less to play."""
        self._journal.snapshot(self.exchange)
        self._written_s = time.monotonic()

    def crash(self) -> None:
        """Forget everything that is not written."""
        self.down = True
        waiting, self._requests = self._requests, []
        for one in waiting:
            if not one.answer.done():
                one.answer.set_exception(DownError())

    def come_back(self) -> None:
        """Go on from what is written."""
        found = self._journal.recover(self._setup.universe)
        if found is None:
            raise ValueError(f"{self._journal.folder} must hold a snapshot")
        self.exchange = found
        self.save()
        self.markets.restart(self._time())
        self.down = False

    def _time(self) -> int:
        return max(self._now_ms(), self.exchange.time)
