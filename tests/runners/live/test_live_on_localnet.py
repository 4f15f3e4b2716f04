"""A live engine on a loopback exchange: real orders, and processes that die."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.config import AssetSpec
from engine.runners.guard import Guard
from engine.runners.live.connection import Connection, connect
from engine.runners.live.heartbeat import Beat, boot, read_beats, up_ns, write_beat
from engine.runners.live.latch import clear_latch, read_latch, write_latch
from engine.runners.live.venue_file import VenueFile, read_venue
from engine.store.home import Home
from engine.store.metrics import Metrics
from engine.venues.hyperliquid.account import Account
from engine.venues.hyperliquid.amounts import legal_px
from engine.venues.hyperliquid.asset_ids import asset_id
from engine.venues.hyperliquid.info import InfoClient
from engine.venues.hyperliquid.outcome import Filled
from engine.venues.hyperliquid.wire import PlaceOrders, limit_order

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]
PATIENCE_S = 90.0


@pytest.fixture(scope="module")
def localnet(tmp_path_factory: pytest.TempPathFactory):
    """An exchange with a HYPE market and a desk; yields the home whose venue file names it."""
    folder = tmp_path_factory.mktemp("localnet")
    env = os.environ | {"GANGWAY_HOME": str(folder / "home")}
    words = ["localnet", "--port", "0", "--assets", "HYPE,hyna:LIT", "--desk", "1000"]
    words += ["--news-ms", "50", "--book-ms", "500", "--no-ip-limits"]
    command = [sys.executable, "-m", "flows.cli", *words]
    log = (folder / "log").open("w+")
    process = subprocess.Popen(
        [*command, "--state", str(folder / "state")], cwd=ROOT, env=env, stdout=log, stderr=log
    )
    home = Home(folder / "home")
    wait_for(lambda: "venue         localnet" in (folder / "log").read_text(), process)
    yield home
    process.terminate()
    process.wait(20)
    log.close()


def wait_for(holds: Callable[[], object], *processes: subprocess.Popen) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert all(p.poll() is None for p in processes), "a process has ended"
        assert time.monotonic() < end_s, "it took too long"
        time.sleep(0.2)


@pytest.fixture
def spec() -> AssetSpec:
    return AssetSpec(asset="HYPE", capital_usd=1000.0, venue="localnet")


@pytest.fixture
def home(localnet: Home) -> Home:
    return localnet


def engine(home: Home) -> subprocess.Popen:
    command = [sys.executable, "-m", "engine.runners.live.engine", "HYPE", "--home", str(home.root)]
    with (Path(home.root) / "engine.log").open("a") as log:
        return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)


def beat(home: Home) -> Beat | None:
    return next((one for one in read_beats(home) if isinstance(one, Beat)), None)


def account(venue: VenueFile, info: InfoClient) -> Account:
    return Account(info, venue.account)


def test_an_engine_trades_dies_goes_on_and_is_killed(home: Home, put_at) -> None:
    """Paper to live is skipped; what happens from the first real order on is not."""
    put_at("ramp_25")
    venue = read_venue(home, "localnet")
    with InfoClient(venue.url) as info:
        desk = account(venue, info)
        first = engine(home)
        wait_for(lambda: desk.open_orders(), first)
        assert all(order.cloid and order.cloid.startswith("0x6777") for order in desk.open_orders())
        first.send_signal(signal.SIGKILL)
        first.wait()

        # the guard, with its own key, sees no heartbeat and cancels what the dead engine left
        with connect(venue, venue.guard_key, home) as way:
            guard = Guard(home, way.info, way.exchange, venue.account)
            guard.look()
            assert desk.open_orders(), "it waits for a successor"
            wait_for(lambda: (guard.look(), not desk.open_orders())[1])

        second = engine(home)
        wait_for(lambda: desk.open_orders(), second)
        write_latch(home, "HYPE", "a test", "a test")
        wait_for(lambda: not desk.open_orders(), second)
        wait_for(lambda: (beat(home) or first) and (beat(home)).kill_reason, second)
        second.terminate()
        assert second.wait(30) == 0
        third = engine(home)
        assert third.wait(60) == 0, "what was killed does not start again"
        assert not desk.open_orders()

        with Metrics.open(home) as metrics:
            metrics.ingest()
            ours = metrics.con.execute("SELECT count(DISTINCT tid), count(*) FROM fills").fetchall()
        assert ours[0][0] == ours[0][1] == len(desk.fills())
        held = beat(home)
        assert held is not None
        assert held.position == pytest.approx(desk.clearinghouse().position("HYPE"))
    assert read_latch(home, "HYPE") == "a test"


def test_the_guard_closes_what_a_killed_asset_holds_and_nothing_else(home: Home) -> None:
    venue = read_venue(home, "localnet")
    with connect(venue, venue.engine_key, home) as way:
        for coin in ("HYPE", "hyna:LIT"):
            write_beat(home, alive(coin))
            buy(way, coin, usd=300.0)
        assert position(way, "HYPE") != 0.0 != position(way, "hyna:LIT")
    with connect(venue, venue.guard_key, home) as way:
        guard = Guard(home, way.info, way.exchange, venue.account, flatten=True)
        clear_latch(home, "HYPE")  # of the test before
        for _ in range(4):
            guard.look()
        assert position(way, "HYPE") != 0.0, "nobody is in danger"
        held = position(way, "hyna:LIT")
        write_latch(home, "HYPE", "a test", "a test")
        wait_for(lambda: (guard.look(), position(way, "HYPE") == 0.0)[1])
        assert position(way, "hyna:LIT") == held
        write_beat(home, alive("hyna:LIT", silent_s=11.0))
        wait_for(lambda: (guard.look(), position(way, "hyna:LIT") == 0.0)[1])


def alive(asset: str, silent_s: float = 0.0) -> Beat:
    then_ns = up_ns() - int(silent_s * 1e9)
    who = {"asset": asset, "asset_id": 0, "run": "r", "pid": os.getpid(), "boot": boot()}
    return Beat(**who, up_ns=then_ns, live_orders=0, position=0.0, kill_reason="")


def position(way: Connection, coin: str) -> float:
    desk = Account(way.info, way.account.address, coin.rpartition(":")[0])
    return desk.clearinghouse().position(coin)


def buy(way: Connection, coin: str, usd: float) -> None:
    """Take what is offered, and let what was held before not net it out."""
    asset = asset_id(way.info, coin)
    book = way.info.l2_book(coin)
    assert book is not None
    side = 1 if position(way, coin) >= 0.0 else -1
    best = book.levels[1 if side > 0 else 0][0].px
    sz = round(usd / best, asset.sz_decimals)
    px = legal_px(best * (1 + 0.03 * side), asset.sz_decimals)
    order = limit_order(asset.number, side, px, sz, asset.sz_decimals, tif="Ioc")
    (outcome,) = way.exchange.ask(PlaceOrders([order]))
    assert isinstance(outcome, Filled), outcome
