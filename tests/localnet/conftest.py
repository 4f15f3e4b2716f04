"""An exchange with a little market, and traders who send it one action per block."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.localnet.exchange import Exchange, Request
from engine.localnet.floor import Block
from engine.localnet.house import Op, Oracle, Whole
from engine.localnet.listings import DEFAULT
from engine.localnet.state import Account

OPENED = 1_767_225_600_000  # a whole hour, 2026-01-01
MAKER, TAKER, OTHER = ("0x" + digit * 40 for digit in "123")
BTC, ETH, SOL = 0, 1, 2
TSLA, GOLD, HYNA_BTC = 110_001, 110_002, 120_000
DATA = Path(os.environ.get("GANGWAY_DATA") or Path(__file__).parents[3] / "shared" / "data")


def order(asset: int, side: str, px: Any, sz: Any, tif: str = "Gtc", **more: Any) -> dict[str, Any]:
    """An order of the wire; `r` for reduce-only, `c` for the cloid."""
    row = {"a": asset, "b": side == "buy", "p": str(px), "s": str(sz), "r": False}
    return {**row, "t": {"limit": {"tif": tif}}, **more}


def trigger(asset: int, side: str, px: Any, sz: Any, at: Any, tpsl: str, **more: Any) -> Any:
    """A trigger order of the wire, at market, reduce-only."""
    kind = {"trigger": {"isMarket": True, "triggerPx": str(at), "tpsl": tpsl}}
    return {**order(asset, side, px, sz), "r": True, "t": kind, **more}


def placing(*orders: dict[str, Any], grouping: str = "na") -> dict[str, Any]:
    """The action that places orders."""
    return {"type": "order", "orders": list(orders), "grouping": grouping}


def told(answer: dict[str, Any]) -> Any:
    """What an answer says: the statuses of a batch, the response, or the words of a refusal."""
    data = answer["response"].get("data") if answer["status"] == "ok" else None
    return data["statuses"] if isinstance(data, dict) else answer["response"]


class Desk:
    """Traders at an exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.nonce = exchange.time

    def request(self, action: dict[str, Any], signer: str = MAKER, **more: Any) -> Request:
        """A request with the next nonce."""
        self.nonce += 1
        return Request(signer, action, self.nonce, **more)

    def block(self, *requests: Request, flow: tuple[Op, ...] = (), ms: int = 100) -> Block:
        """The next block."""
        return self.exchange.run_block(self.exchange.time + ms, requests, flow)

    def send(self, action: dict[str, Any], signer: str = MAKER, **more: Any) -> Any:
        """What one action alone in its block is answered: statuses, or text, or None."""
        answer = self.block(self.request(action, signer, **more)).answers[0]
        return None if answer is None else told(answer)

    def place(self, *args: Any, signer: str = MAKER, **more: Any) -> Any:
        """The status of one order alone in its block."""
        answer = self.send(placing(order(*args, **more)), signer)
        return answer[0] if isinstance(answer, list) else answer

    def ask(self, kind: str, user: str = MAKER, **more: Any) -> Any:
        """The answer to a question about a user."""
        return self.exchange.info({"type": kind, "user": user, **more})

    def account(self, user: str = MAKER) -> Account:
        """The account behind an address."""
        return self.exchange.floor.account(user)

    def move_market(self, asset: int, px: int, *, lots: int = 10_000, step: int = 100) -> Block:
        """A market of the house around `px` units, oracle and all, after marks had their time."""
        bids = tuple((px - step * k, lots) for k in range(1, 4))
        asks = tuple((px + step * k, lots) for k in range(1, 4))
        return self.block(flow=(Oracle(asset, px), Whole(asset, bids, asks)), ms=3_000)


@pytest.fixture
def desk() -> Desk:
    """Three traders with a thousand dollars each, and ETH at 4399 / 4401."""
    exchange = Exchange(DEFAULT, time=OPENED)
    for trader in (MAKER, TAKER, OTHER):
        exchange.deposit(trader, 1_000.0)
        exchange.deposit(trader, 1_000.0, "hyna")
        exchange.deposit(trader, 1_000.0, "xyz")
    desk = Desk(exchange)
    desk.move_market(ETH, 440_000)
    return desk


@pytest.fixture
def desk_of() -> type[Desk]:
    """Makes a desk at an exchange."""
    return Desk


@pytest.fixture
def recorded() -> Callable[[str], Any]:
    """Reads a recorded answer."""

    def read(name: str) -> Any:
        path = DATA / name
        if not path.exists():
            pytest.skip(f"recorded answers are not at {path}; set GANGWAY_DATA")
        return json.loads(path.read_text())

    return read
