"""The process around a live engine: what it waits for, what ends it, and what it says of itself."""

import contextlib
import itertools
import os
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from engine.config import AssetSpec
from engine.runners import guard as guards
from engine.runners import host as hosts
from engine.runners.guard import Guard
from engine.runners.host import Host, Wanted
from engine.runners.live import engine as engines
from engine.runners.live.connection import enter_when_up
from engine.runners.live.engine import _Beat, _Watch
from engine.runners.live.heartbeat import Beat, boot, read_beats, up_ns, write_beat
from engine.runners.live.trading import Venue as Way
from engine.runners.live.trading import trade_live
from engine.runners.stopping import Stop
from engine.store.metrics import Metrics, StoreBusyError
from engine.venues.hyperliquid.asset_ids import AssetId
from engine.venues.hyperliquid.cloid import Cloid
from engine.venues.hyperliquid.outcome import Done
from engine.venues.hyperliquid.wire import CancelOrders
from engine.venues.rows import VenueError

WANTED = SimpleNamespace(run="hype-a1-ramp_25-v6")


@pytest.fixture
def quick(monkeypatch):
    """Let little time pass between two looks, and let each see that something was written."""
    marks = itertools.count()
    monkeypatch.setattr(engines, "last_written", lambda _: (next(marks),))
    monkeypatch.setattr(engines, "POLL_S", 0.01)
    monkeypatch.setattr(engines, "BLIND_S", 0.2)


def is_over_after(watch, seconds):
    with watch.watching():
        return watch.run_is_over.wait(seconds)


def test_a_run_ends_when_its_stage_wants_another(home, quick, monkeypatch):
    wanted = [WANTED]
    monkeypatch.setattr(engines, "read_assignment", lambda *_: wanted[0])
    assert not is_over_after(_Watch(home, "HYPE", WANTED.run, Stop()), 0.3)
    for other in (None, SimpleNamespace(run="hype-a1-ramp_50-v7")):
        wanted[0] = other
        assert is_over_after(_Watch(home, "HYPE", WANTED.run, Stop()), 5.0)


def test_a_stage_that_cannot_be_read_ends_a_run_only_when_it_stays_so(home, quick, monkeypatch):
    answers = [StoreBusyError("kept"), WANTED] * 5

    def read(*_):
        answer = answers.pop(0) if answers else StoreBusyError("kept")
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(engines, "read_assignment", read)
    watch, began_s = _Watch(home, "HYPE", WANTED.run, Stop()), time.monotonic()
    assert is_over_after(watch, 5.0)
    assert not answers and time.monotonic() - began_s > 0.2


def test_the_store_is_read_again_only_when_something_was_written(home, quick, monkeypatch):
    reads, mark = [], [(1, 2)]

    def read(*_):
        reads.append(1)
        return WANTED

    monkeypatch.setattr(engines, "read_assignment", read)
    monkeypatch.setattr(engines, "last_written", lambda _: mark[0])
    watch = _Watch(home, "HYPE", WANTED.run, Stop())
    with watch.watching():
        assert not watch.run_is_over.wait(0.4), "what has not changed is known: nothing is blind"
        assert len(reads) == 1
        mark[0] = (2, 2)
        watch.run_is_over.wait(0.2)
    assert len(reads) == 2


def test_a_store_that_others_keep_does_not_hold_up_whoever_trades(home, quick, monkeypatch):
    def read(*_):
        with Metrics.open(home):
            return WANTED

    monkeypatch.setattr(engines, "read_assignment", read)
    watch = _Watch(home, "HYPE", WANTED.run, Stop())
    with watch.watching(), Metrics.open(home):
        time.sleep(0.1)  # the watch waits for the store by now
        began_s = time.monotonic()
        for _ in range(1_000):
            watch(None)
        assert time.monotonic() - began_s < 0.5


def test_a_host_keeps_its_engines_while_the_store_cannot_be_read(home, monkeypatch):
    forever = [sys.executable, "-c", "import time\nwhile True: time.sleep(1)"]
    host = Host(home, lambda *_: forever)
    try:
        monkeypatch.setattr(hosts, "read_wanted", lambda _: {"HYPE": Wanted("a", "localnet")})
        host.look()
        (_, child) = host.engines["HYPE"]

        def busy(_):
            raise StoreBusyError("kept")

        monkeypatch.setattr(hosts, "read_wanted", busy)
        host.look()
        assert host.engines["HYPE"][1] is child and child.code is None
    finally:
        host.stop()


def test_a_venue_that_is_away_is_waited_for(monkeypatch):
    monkeypatch.setattr("engine.runners.live.connection.AGAIN_S", 0.01)
    tries, said = [], []

    @contextlib.contextmanager
    def way():
        tries.append(len(tries))
        if len(tries) < 3:
            raise VenueError("nobody is there")
        yield "a connection"

    with contextlib.ExitStack() as stack:
        assert enter_when_up(stack, way, Stop(), said.append) == "a connection"
    assert len(tries) == 3 and len(said) == 2 and "nobody is there" in said[0]
    stop = Stop()
    stop.ask()
    with contextlib.ExitStack() as stack:
        assert enter_when_up(stack, way, stop, said.append) is None


def test_on_paper_no_key_is_read(home, monkeypatch):
    run = SimpleNamespace(run="hype-a1-paper-v3", asset="HYPE", mode="paper")
    left = [run, None]
    asked = []
    state = SimpleNamespace(spec=AssetSpec(asset="HYPE", capital_usd=1e3, venue="localnet"))
    monkeypatch.setattr(engines, "read_assignment", lambda *_: left.pop(0))
    monkeypatch.setattr(engines, "_state", lambda *_: state)
    monkeypatch.setattr(engines, "connect", lambda *_, **__: asked.append("a key"))
    monkeypatch.setattr(engines, "read_venue", lambda *_: asked.append("a venue file"))
    monkeypatch.setattr(engines, "trade_on_paper", lambda *_, **__: asked.append("paper"))
    engines.trade(home, "HYPE", Stop())
    assert asked == ["paper"]


def journal(live_orders):
    ledger = SimpleNamespace(position=0.0)
    maker = SimpleNamespace(ledger=ledger)
    desks = [SimpleNamespace(maker=maker)]
    return SimpleNamespace(live_orders=live_orders, kill_reason="", desks=desks)


@pytest.mark.parametrize(("last", "is_over"), [(0, True), (2, False)])
def test_a_heartbeat_says_it_is_over_only_where_nothing_is_left(home, spec, last, is_over):
    beat = _Beat(home, spec, _Watch(home, "HYPE", spec.run, Stop()))
    for live_orders in (2 - last, last):  # within a second
        beat(journal(live_orders))
    beat.end()
    (read,) = read_beats(home)
    assert (read.live_orders, read.is_over) == (last, is_over)


class Venue:
    """One account with one order of ours."""

    cancelled: tuple = ()

    def ask(self, action):
        assert isinstance(action, CancelOrders)
        self.cancelled = [one.o for one in action.cancels]
        return (Done(),) * len(action.cancels)


@pytest.mark.parametrize(("is_over", "cancelled"), [(True, [7]), (False, ())])
def test_the_guard_cancels_what_an_engine_left_that_said_it_was_over(
    home, monkeypatch, is_over, cancelled
):
    order = SimpleNamespace(coin="HYPE", oid=7, cloid=Cloid(1, 159, 3).wire())
    account = SimpleNamespace(open_orders=lambda: (order,))
    monkeypatch.setattr(guards, "Account", lambda *_: account)
    alive = dict(asset="HYPE", asset_id=159, run="r", pid=1, boot=boot(), up_ns=up_ns())
    write_beat(home, Beat(**alive, live_orders=0, position=0.0, kill_reason="", is_over=is_over))
    venue = Venue()
    Guard(home, None, venue, "0x" + "a" * 40, looked_s=-1e9).look()
    assert venue.cancelled == cancelled


def test_what_the_book_does_not_take_is_offered_for_less_and_then_less_often(home, monkeypatch):
    position = SimpleNamespace(coin="HYPE", szi=2.0, positionValue=80.0)
    state = SimpleNamespace(assetPositions=[SimpleNamespace(position=position)])
    account = SimpleNamespace(open_orders=tuple, clearinghouse=lambda: state)
    monkeypatch.setattr(guards, "Account", lambda *_: account)
    monkeypatch.setattr(guards, "asset_id", lambda *_: AssetId(159, 2, 5))
    beat = dict(asset="HYPE", asset_id=159, run="r", pid=1, boot="of an earlier start", up_ns=0)
    write_beat(home, Beat(**beat, live_orders=0, position=2.0, kill_reason=""))
    asked = []
    venue = SimpleNamespace(ask=lambda action: (asked.append(action.orders[0]), (Done(),))[1])
    guard = Guard(home, None, venue, "0x" + "a" * 40, flatten=True)
    for _ in range(30):
        guard.look()
    assert [one.p for one in asked] == ["39.8", "39.6", "39.2", *["38"] * 7]
    assert {(one.b, one.s, one.r) for one in asked} == {(False, "2", True)}
    guard.looked_s = -1e9  # half a minute later
    guard.look()
    assert len(asked) == 11
    position.szi = 0.0
    guard.looked_s = -1e9
    guard.look()
    position.szi = 2.0  # a person's, from here on
    for _ in range(3):
        guard.looked_s = -1e9
        guard.look()
    assert len(asked) == 11


@pytest.mark.parametrize("is_reaped", [False, True])
def test_an_engine_that_has_ended_is_given_half_the_patience(home, is_reaped):
    engine = subprocess.Popen(["sleep", "60"])

    def danger(silent_s: float) -> bool:
        then_ns = up_ns() - int(silent_s * 1e9)
        said = dict(asset="HYPE", asset_id=159, run="r", pid=engine.pid, boot=boot())
        write_beat(home, Beat(**said, up_ns=then_ns, live_orders=1, position=0.0, kill_reason=""))
        return "HYPE" in guards.in_danger(home, read_beats(home))

    assert (danger(6.0), danger(11.0)) == (False, True)
    engine.kill()
    os.waitid(os.P_PID, engine.pid, os.WEXITED | (0 if is_reaped else os.WNOWAIT))
    assert (danger(4.0), danger(6.0)) == (False, True)
    engine.wait()


def test_whatever_breaks_in_leaving_the_way_to_the_venue_is_closed(spec, home, monkeypatch):
    closed = []
    part = SimpleNamespace(close=lambda: closed.append(1), address="0x" + "a" * 40)
    venue = Way(exchange=None, account=part, market=part, news=part)

    def breaks(*_):
        raise OSError("no space left")

    monkeypatch.setattr("engine.runners.live.trading.Courier", lambda *_: part)
    monkeypatch.setattr("engine.runners.live.journal.Journal.hear", breaks)
    with pytest.raises(OSError, match="no space left"):
        trade_live(spec, home, venue)
    assert len(closed) == 3
