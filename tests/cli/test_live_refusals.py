"""What forbids to trade for real: engine and guard say it in one line, and send nothing."""

import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from engine.config import AssetSpec
from engine.runners.live.venue_file import VenueFile, venue_path
from engine.runners.localnet.desk import write_venue
from engine.store.home import Home
from engine.venues.hyperliquid.info import MAINNET_URL
from engine.venues.hyperliquid.key import SigningKey

pytestmark = pytest.mark.slow  # two processes each
ROOT = Path(__file__).parents[2]
EXIT_REFUSED = 78


class Venue:
    """A server that says what a test wants of two agents, and counts what is sent to it.

    Attributes
    ----------
    ahead_ms
        of our clock.
    asked, sent
        requests to /info and to /exchange.
    """

    def __init__(self) -> None:
        keys = [secrets.token_hex(32) for _ in range(3)]
        self.master, self.engine, self.guard = keys
        self.account = SigningKey(self.master).address
        self.agents = [SigningKey(key).address for key in keys[1:]]
        self.ahead_ms, self.valid_until_ms = 0, (time.time_ns() // 1_000_000) + 3_600_000
        self.asked = self.sent = 0
        self.known = True
        venue = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answer = json.dumps(venue.answer(self.path, body)).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Answer nobody any more."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, body: dict[str, Any]) -> Any:
        """Answer one request."""
        if path != "/info":
            self.sent += 1
            return {"status": "err", "response": "no"}
        self.asked += 1
        if body["type"] == "exchangeStatus":
            return {"time": time.time_ns() // 1_000_000 + self.ahead_ms, "specialStatuses": None}
        if body["type"] == "userRole":
            if body["user"] == self.account:
                return {"role": "user"}
            is_agent = body["user"] in self.agents and self.known
            return (
                {"role": "agent", "data": {"user": self.account}}
                if is_agent
                else {"role": "missing"}
            )
        if body["type"] == "extraAgents":
            until = self.valid_until_ms
            return [{"name": a[:6], "address": a, "validUntil": until} for a in self.agents]
        raise AssertionError(f"nobody should ask for {body['type']} yet")


@pytest.fixture
def venue() -> Iterator[Venue]:
    venue = Venue()
    yield venue
    venue.close()


@pytest.fixture
def spec() -> AssetSpec:
    return AssetSpec(asset="HYPE", capital_usd=1000.0, venue="desk")


@pytest.fixture
def desk(home: Home, venue: Venue, put_at: Callable[..., Any]) -> dict[str, Any]:
    """HYPE is live on a venue whose file and keys are as they should be."""
    put_at("ramp_25")
    folder = Path(home.root) / "keys"
    folder.mkdir()
    paths = {"engine_key": folder / "engine.key", "guard_key": folder / "guard.key"}
    for path, key in zip(paths.values(), (venue.engine, venue.guard), strict=True):
        path.touch(0o600)
        path.write_text(key)
    write(home, {"url": venue.url, "account": venue.account} | paths)
    return paths


def write(home: Home, said: dict[str, Any]) -> None:
    write_venue(venue_path(home, "desk"), VenueFile.model_validate(said))


def refused(home: Home) -> list[str]:
    """Start the engine as its host does and the guard as a user does; return what each says."""
    where = ("--home", str(home.root))
    commands = (
        ("engine.runners.live.engine", "HYPE", *where),
        ("flows.cli", "guard", "desk", *where),
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env=os.environ | {"GANGWAY_HOME": str(home.root)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for command in commands
    ]
    said = [process.communicate(timeout=60)[0] for process in started]
    assert [process.returncode for process in started] == [EXIT_REFUSED] * 2, said
    for text in said:
        assert text.count("\n") == 1 and "Traceback" not in text, text
    return said


def each_says(said: list[str], *words: str) -> None:
    for text in said:
        assert all(word in text for word in words), text


@pytest.mark.parametrize("mode", [0o644, 0o640])
def test_a_key_that_others_can_read_is_refused(
    home: Home, venue: Venue, desk: dict[str, Path], mode: int
) -> None:
    for path in desk.values():
        path.chmod(mode)
    each_says(refused(home), f"mode {mode:04o}", "must be 0600")
    assert venue.sent == 0


def test_a_master_key_is_refused(home: Home, venue: Venue, desk: dict[str, Path]) -> None:
    for path in desk.values():
        path.write_text(venue.master)
    said = refused(home)
    each_says(said, venue.account, "could withdraw everything", "approve an agent")
    assert venue.master not in "".join(said) and venue.sent == 0


def test_mainnet_is_refused_before_anything_is_asked(
    home: Home, venue: Venue, desk: dict[str, Path]
) -> None:
    write(home, {"url": MAINNET_URL, "account": venue.account} | desk)
    each_says(refused(home), "real money", "--i-mean-mainnet")


@pytest.mark.parametrize("ahead_ms", [2_600, -2_600])
def test_a_clock_that_is_off_is_refused(
    home: Home, venue: Venue, desk: dict[str, Path], ahead_ms: int
) -> None:
    venue.ahead_ms = ahead_ms
    each_says(refused(home), "ms ahead of ours", "synchronise this machine's clock")
    assert venue.asked > 0 and venue.sent == 0


def test_an_agent_that_has_expired_is_refused(
    home: Home, venue: Venue, desk: dict[str, Path]
) -> None:
    venue.valid_until_ms = time.time_ns() // 1_000_000 - 1
    each_says(refused(home), "has expired", "approve an agent")
    assert venue.sent == 0


def test_an_agent_that_nobody_approved_is_refused(
    home: Home, venue: Venue, desk: dict[str, Path]
) -> None:
    venue.known = False
    each_says(refused(home), "is no agent (missing)", "approve an agent")
    assert venue.sent == 0


def test_a_venue_that_nobody_described_is_refused(
    home: Home, venue: Venue, desk: dict[str, Path]
) -> None:
    venue_path(home, "desk").unlink()
    each_says(refused(home), "desk.toml does not exist", "url, account, engine_key")
    assert venue.sent == 0
