"""The process: one exchange, its block loop and its doors, on one event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from engine.localnet.floor import Block
from engine.localnet.house import Delist
from engine.runners.localnet.binance_door import Leading
from engine.runners.localnet.chain import Chain, wall_ms
from engine.runners.localnet.door import Doors, no_body
from engine.runners.localnet.entry import Gift
from engine.runners.localnet.faults import Fault, Faults, Plan
from engine.runners.localnet.hub import Hub
from engine.runners.localnet.journal import Journal
from engine.runners.localnet.lines import Lines, protocol_of
from engine.runners.localnet.market import Ahead
from engine.runners.localnet.session import Venue
from engine.runners.localnet.settings import Settings, Way
from engine.runners.localnet.setup import Setup, new_setup, read_setup, write_setup
from engine.runners.stopping import stop_signals

HOST = "127.0.0.1"
LOOK_S = 0.1
BACKLOG = 512


@dataclass(frozen=True)
class Options:
    """What a server is to be."""

    folder: Path
    port: int = 3001
    speed: float = 1.0
    settings: Settings = field(default_factory=Settings)
    plan: Plan = field(default_factory=Plan)
    setup: Setup | None = None  # of a new state; None: the default one, or the one there is
    gifts: tuple[Gift, ...] = ()  # to a new state


class Server:
    """One localnet, from its folder.

    Raises
    ------
    ValueError
        if the state in the folder is of another setup, or another process has it.
    """

    def __init__(self, options: Options) -> None:
        if not options.speed > 0.0:
            raise ValueError(f"speed must be positive, was {options.speed}")
        self._options = options
        self._failure: BaseException | None = None
        self._journal = Journal(options.folder)
        self.is_new = read_setup(options.folder) is None
        setup = _setup(options)
        self.settings, self.way = options.settings, Way(options.settings)
        self.faults = Faults(options.plan)
        self.hub = Hub(options.settings, self.faults)
        self.chain = Chain(
            setup, self._journal, options.settings, speed=options.speed, hear=self._hear
        )
        self.lines = Lines(lambda: self.chain.down)
        venue = Venue(options.settings, self.way, self.faults, self.chain, self.hub, self.lines)
        symbols = [one.symbol for one in self.chain.markets.sources if one.symbol is not None]
        self.leading = Leading(venue, symbols)
        self.app = Starlette(
            routes=[*Doors(venue).routes(), *self.leading.routes()],
            exception_handlers={HTTPException: no_body},
            lifespan=self._living,
        )

    def serve(self, opened: Callable[[str], None]) -> None:
        """Serve until a signal asks to stop; `opened` is told the URL once it answers."""
        with socket.create_server((HOST, self._options.port), backlog=BACKLOG) as door:
            config = uvicorn.Config(
                self.app,
                http=protocol_of(self.lines),
                ws="websockets-sansio",
                ws_per_message_deflate=False,
                ws_ping_interval=None,
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=1,
                timeout_keep_alive=75,
            )
            self._uvicorn = uvicorn.Server(config)
            opened(f"http://{HOST}:{door.getsockname()[1]}")
            with stop_signals():  # uvicorn raises what it caught once more when it is done
                asyncio.run(self._uvicorn.serve(sockets=[door]))
        if self._failure is not None:
            raise self._failure  # what is in memory may be half done; what is written is not
        self.chain.save()
        self._journal.close()

    def _hear(self, block: Block, ahead: dict[str, list[Ahead]]) -> None:
        self.hub.hear(block, self.chain.exchange)
        self.leading.hear(ahead)

    @asynccontextmanager
    async def _living(self, _: Starlette) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(coroutine)
            for coroutine in (
                self.chain.run(self.way), self.hub.run(self.chain), self._strike(), self._give(),
            )
        ]  # fmt: skip
        for task in tasks:
            task.add_done_callback(self._ended)
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """Stop the process where a part of it failed: nobody is to trade with the rest."""
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()
            self._uvicorn.should_exit = True

    async def _give(self) -> None:
        for gift in self._options.gifts if self.is_new else ():
            await self.chain.give(gift)

    async def _strike(self) -> None:
        """Let the lasting faults begin."""
        while True:
            for fault in self.faults.beginning():
                await self._begin(fault)
            await asyncio.sleep(LOOK_S)

    async def _begin(self, fault: Fault) -> None:
        if fault.kind == "post_only":
            self.chain.only_post_only(fault.for_s)
        elif fault.kind == "delist" and fault.coin is not None:
            asset = self.chain.exchange.floor.universe.by_coin[fault.coin]
            self.chain.force(Delist(asset.id))
        elif fault.kind == "restart":
            self.chain.crash()
            self.lines.cut_all()
            await asyncio.sleep(fault.for_s)
            self.chain.come_back()


def _setup(options: Options) -> Setup:
    """Return the setup of the folder's state, or begin one."""
    found = read_setup(options.folder)
    if found is None:
        found = options.setup or new_setup(wall_ms())
        write_setup(options.folder, found)
    elif options.setup is not None:
        raise ValueError(
            f"{options.folder} holds an exchange already, with {', '.join(found.drives)}: "
            "start it without assets, scenario and tapes, or name another --state"
        )
    return found
