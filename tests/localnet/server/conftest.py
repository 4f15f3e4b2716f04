"""A localnet in a process of its own, and its clients: the official SDK, HTTP, plain sockets."""

import itertools
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from eth_account import Account
from hyperliquid.exchange import Exchange
from hyperliquid.info import Info
from websockets.sync.client import ClientConnection, connect

ROOT = Path(__file__).parents[3]
DEXS = ["", "xyz", "hyna", "test"]
PATIENCE_S = 150.0
_ADDRESSES = itertools.count(2)
QUICK = ("--latency-ms", "0", "--news-ms", "0", "--block-ms", "20", "--book-ms", "200")


def wait_for(holds: Callable[[], Any], limit_s: float = PATIENCE_S) -> Any:
    """What `holds` returns once it is true."""
    end_s = time.monotonic() + limit_s
    while not (found := holds()):
        assert time.monotonic() < end_s, "it took too long"
        time.sleep(0.01)
    return found


class Localnet:
    """One server process."""

    def __init__(self, state: Path, *words: str) -> None:
        env = os.environ | {"GANGWAY_HOME": str(state / "home")}
        given = ("--state", str(state), "--port", "0", *QUICK, *words)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flows.cli", "localnet", *given],
            cwd=ROOT,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.url = self._first_line().split()[3]
        self.http = self.visitor("127.0.0.1")

    def visitor(self, ip: str) -> httpx.Client:
        """A client that comes from an address of loopback."""
        transport = httpx.HTTPTransport(local_address=ip)
        return httpx.Client(base_url=self.url, timeout=20.0, transport=transport)

    def info(self, kind: str, **more: Any) -> Any:
        """The answer of ``/info``."""
        return self.http.post("/info", json={"type": kind, **more}).json()

    def fund(self, user: str, usd: float = 10_000.0, **more: Any) -> None:
        """Money from the faucet."""
        response = self.http.post("/faucet", json={"user": user, "usd": usd, **more})
        assert response.status_code == 200, response.text

    def fault(self, kind: str, **more: Any) -> None:
        """Ask for a fault."""
        response = self.http.post("/faults", json={"kind": kind, **more})
        assert response.status_code == 200, response.text

    def socket(self, ip: str = "127.0.0.1", path: str = "/ws") -> ClientConnection:
        """A plain websocket."""
        url = "ws" + self.url.removeprefix("http") + path
        plain: Any = {"compression": None, "proxy": None, "ping_interval": None}
        return connect(url, source_address=(ip, 0), close_timeout=1, **plain)

    def close(self) -> None:
        """Stop in good order."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(20) == 0
        self._hang_up()

    def kill(self) -> None:
        """Die on the spot."""
        self.process.kill()
        self.process.wait(20)
        self._hang_up()

    def _hang_up(self) -> None:
        self.http.close()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _first_line(self) -> str:
        pipe = self.process.stdout
        assert pipe is not None
        ready, _, _ = select.select([pipe], [], [], PATIENCE_S)
        line = pipe.readline().decode() if ready else ""
        if not line.startswith("localnet answers at"):
            self.process.kill()
            line += pipe.read().decode()
            pytest.fail(f"localnet did not start: {line}")
        return line


class Trader:
    """One account, and the official SDK as its client."""

    def __init__(
        self, localnet: Localnet, *, agent_of: "Trader | None" = None, key: str = ""
    ) -> None:
        self.wallet: Any = Account.from_key(key) if key else Account.create()
        self.address = agent_of.address if agent_of else self.wallet.address.lower()
        self.exchange = Exchange(
            self.wallet, localnet.url, account_address=self.address, perp_dexs=DEXS
        )
        self.info = self.exchange.info
        if agent_of is None:
            localnet.fund(self.address)

    def place(
        self, coin: str, side: str, px: float, sz: float, tif: str = "Gtc", **more: Any
    ) -> Any:
        """The status of one order."""
        (status,) = statuses(
            self.exchange.order(coin, side == "buy", sz, px, {"limit": {"tif": tif}}, **more)
        )
        return status

    def position(self, coin: str, dex: str = "") -> float:
        """Coins held."""
        rows = self.info.user_state(self.address, dex)["assetPositions"]
        return sum(float(r["position"]["szi"]) for r in rows if r["position"]["coin"] == coin)

    def close(self) -> None:
        """Leave nothing in a book, and close the connections."""
        for dex in DEXS:
            for row in self.info.open_orders(self.address, dex):
                self.exchange.cancel(row["coin"], row["oid"])
        self.exchange.session.close()
        self.info.session.close()


def statuses(answer: Any) -> Any:
    """What a batch that was taken is answered, one by one."""
    assert answer["status"] == "ok", answer
    return answer["response"]["data"]["statuses"]


class Talk:
    """A socket and what it hears."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def say(self, **message: Any) -> None:
        """Say something."""
        self.socket.send(json.dumps(message))

    def subscribe(self, kind: str, **more: Any) -> None:
        """Subscribe."""
        self.say(method="subscribe", subscription={"type": kind, **more})

    def next(self, timeout_s: float = 10.0) -> Any:
        """The next message."""
        return json.loads(self.socket.recv(timeout_s))

    def until(self, channel: str, holds: Callable[[Any], bool] = lambda _: True) -> Any:
        """The data of the next message of a channel of which `holds` is true."""
        for _ in range(1_000):
            message = self.next()
            if message.get("channel") == channel and holds(message.get("data")):
                return message.get("data")
        raise AssertionError(f"no such {channel}")


@pytest.fixture(scope="session")
def localnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Localnet]:
    """A quick server whose books only its users fill."""
    words = ("--assets", "none", "--no-ip-limits")
    server = Localnet(tmp_path_factory.mktemp("localnet"), *words)
    yield server
    server.close()


@pytest.fixture
def venue(localnet: Localnet) -> Iterator[Localnet]:
    """The same server, without faults again afterwards."""
    yield localnet
    localnet.http.delete("/faults")


@pytest.fixture(scope="session")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Localnet]:
    """A server with limits and a market; it closes silent sockets soon and takes no actions."""
    folder = tmp_path_factory.mktemp("strict")
    plan = folder / "plan.toml"
    plan.write_text("seed = 3\n[[fault]]\nkind = 'refuse_busy'\nfor_s = 6000.0\n")
    words = ("--assets", "BTC", "--idle-s", "2", "--faults", str(plan))
    server = Localnet(folder / "state", *words)
    yield server
    server.close()


@pytest.fixture
def ip() -> str:
    """An address of loopback that nobody came from before."""
    return f"127.0.0.{next(_ADDRESSES)}"


@pytest.fixture
def trader(localnet: Localnet) -> Iterator[Callable[..., Trader]]:
    """Makes traders with ten thousand dollars."""
    made: list[Trader] = []

    def make(**more: Any) -> Trader:
        made.append(Trader(localnet, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def talk(localnet: Localnet) -> Iterator[Callable[..., Talk]]:
    """Opens sockets."""
    opened: list[ClientConnection] = []

    def begin(path: str = "/ws") -> Talk:
        opened.append(localnet.socket(path=path))
        return Talk(opened[-1])

    yield begin
    for socket in opened:
        socket.close()


@pytest.fixture
def setup(localnet: Localnet) -> Iterator[Callable[..., Any]]:
    """What every example begins with; an account with money on the main dex and in spot."""
    made: list[Any] = []

    def begin(*, skip_ws: bool = True, perp_dexs: list[str] | None = None) -> Any:
        wallet: Any = Account.create()
        localnet.fund(wallet.address)
        localnet.fund(wallet.address, 100.0, token="USDC")
        info = Info(localnet.url, skip_ws, perp_dexs=perp_dexs)
        assert float(info.user_state(wallet.address)["marginSummary"]["accountValue"]) > 0
        assert info.spot_user_state(wallet.address)["balances"]
        given: Any = {"account_address": wallet.address, "perp_dexs": perp_dexs}
        exchange = Exchange(wallet, localnet.url, **given)
        made.append(SimpleNamespace(address=wallet.address, info=info, exchange=exchange))
        return made[-1]

    yield begin
    for one in made:
        for row in one.info.open_orders(one.address):
            one.exchange.cancel(row["coin"], row["oid"])
        if one.info.ws_manager is not None:
            one.info.disconnect_websocket()
        for client in (one.info, one.exchange, one.exchange.info):
            client.session.close()
