"""The engine host with real processes: one for each asset, and never two."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.runners.children import Child
from engine.runners.host import Host, Wanted, read_wanted
from engine.runners.paced import EXIT_BUSY, main, take_lock
from engine.store.home import Home
from flows.server import free_port
from flows.up import Stack


@pytest.fixture
def host(home: Home) -> Iterator[Host]:
    forever = "import time\nwhile True: time.sleep(1)"
    host = Host(home, lambda asset, _: [sys.executable, "-c", forever, asset])
    yield host
    host.stop()


def pid(host: Host, asset: str) -> int:
    process = host.engines[asset][1].process
    assert process is not None
    return process.pid


def test_an_asset_keeps_its_engine_while_its_run_lasts(host: Host) -> None:
    host.follow({"HYPE": Wanted("hype-a1-paper-v3")})
    first = pid(host, "HYPE")
    host.follow({"HYPE": Wanted("hype-a1-paper-v3"), "BTC": Wanted("btc-a1-paper-v3")})
    assert pid(host, "HYPE") == first
    assert len(host.engines) == 2


def test_a_new_run_gets_a_new_engine(host: Host) -> None:
    host.follow({"HYPE": Wanted("hype-a1-paper-v3")})
    first = host.engines["HYPE"][1]
    host.follow({"HYPE": Wanted("hype-a1-ramp_25-v6")})
    assert first.process is None
    assert host.engines["HYPE"][0] == Wanted("hype-a1-ramp_25-v6")


def test_no_more_engines_start_than_the_venue_takes_sockets_from_one_address(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    live = {f"A{k}": Wanted(f"a{k}-a1-ramp_25-v6", "testnet", 2) for k in range(6)}
    paper = {"B": Wanted("b-a1-paper-v3", "sim")}
    host.follow(live | paper)
    assert set(host.engines) == {"A0", "A1", "A2", "A3", "A4", "B"}
    assert "A5 not started: it needs 2 sockets, and 10 of the 10" in caplog.text
    host.follow(live | paper)
    assert caplog.text.count("not started") == 1, "it is said once"
    del live["A0"]
    host.follow(live | paper)
    assert "A5" in host.engines
    on_loopback = {f"C{k}": Wanted("c", "http://127.0.0.1:1", 2) for k in range(6)}
    host.follow(on_loopback)
    assert len(host.engines) == 6


def test_an_engine_at_a_server_stays_and_follows_by_itself(host: Host) -> None:
    url = "http://127.0.0.1:1"
    host.follow({"HYPE": Wanted("hype-a1-ramp_25-v6", url)})
    first = pid(host, "HYPE")
    host.follow({"HYPE": Wanted("hype-a1-ramp_50-v7", url)})
    assert pid(host, "HYPE") == first
    assert host.engines["HYPE"][0].run == "hype-a1-ramp_50-v7"
    process = host.engines["HYPE"][1].process
    assert process is not None
    process.kill()
    process.wait()
    host.follow({"HYPE": Wanted("hype-a1-ramp_75-v8", url)})
    assert pid(host, "HYPE") != first


def test_an_asset_that_should_not_trade_has_no_engine(host: Host) -> None:
    host.follow({"HYPE": Wanted("hype-a1-paper-v3")})
    host.follow({})
    assert not host.engines


def test_a_crashed_child_is_started_again_after_a_pause(tmp_path: Path) -> None:
    child = Child("crash", [sys.executable, "-c", "raise SystemExit(3)"], {}, tmp_path / "log")
    child.start()
    assert child.process is not None
    child.process.wait()
    first = child.process.pid
    assert child.revive() is None  # too early
    child.started_s = time.monotonic() - 30
    assert child.revive() == 3
    assert child.process.pid != first
    child.stop()


def test_a_second_engine_for_an_asset_is_refused(home: Home) -> None:
    lock = take_lock(home, "HYPE")
    assert lock is not None
    with lock:
        assert main(["HYPE", "--home", str(home.root)]) == EXIT_BUSY


def test_only_stages_with_an_engine_want_one(home: Home, put_at: Callable[..., Any]) -> None:
    put_at("derive")
    assert read_wanted(home) == {}
    state = put_at("paper")
    assert read_wanted(home) == {"HYPE": Wanted(state.run, sockets=1)}


def test_up_refuses_a_port_that_is_taken(tmp_path: Path) -> None:
    import socket

    port = free_port()
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(ValueError, match=f"port {port} is taken"):
            Stack(tmp_path, port).start()


def test_up_refuses_to_start_with_nothing_to_deploy(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nothing.yaml does not exist"):
        Stack(tmp_path, free_port(), config=tmp_path / "nothing.yaml").start()
