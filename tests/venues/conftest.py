"""A venue on the loopback that answers like Hyperliquid's and Binance's HTTP servers."""

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

UNREADABLE = "Failed to deserialize the JSON body into the target type"


class FakeVenue:
    """Answers to set, requests that came, and failures to give before the next answers."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}  # request type, or a path of GET → JSON or a function
        self.requests: list[dict[str, Any]] = []
        self.failures: list[tuple[int, str]] = []
        self.url = ""

    def reply(self, request: dict[str, Any]) -> tuple[int, str]:
        """Status and body as the venue measured in September 2026 gives them."""
        self.requests.append(request)
        if self.failures:
            return self.failures.pop(0)
        answer = self.answers.get(request.get("type", ""))
        if answer is None:
            return 422, UNREADABLE
        answer = answer(request) if callable(answer) else answer
        if isinstance(answer, tuple):
            return answer
        return 200, answer if isinstance(answer, str) else json.dumps(answer)


def _handler(venue: FakeVenue) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._send(*venue.reply(json.loads(body)))

        def do_GET(self) -> None:
            self._send(*venue.reply({"type": self.path}))

        def _send(self, status: int, text: str) -> None:
            self.send_response(status)
            kind = "text/plain" if status == 422 else "application/json"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@pytest.fixture
def venue() -> Iterator[FakeVenue]:
    fake = FakeVenue()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(fake))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield fake
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def snapshots() -> Path:
    """Folder of recorded answers of the real venue."""
    root = Path(__file__).parents[2]
    data = Path(os.environ.get("GANGWAY_DATA", root.parent / "shared" / "data"))
    folder = data / "hl_snapshots"
    if not folder.is_dir():
        pytest.skip(f"recorded snapshots are not at {folder}; set GANGWAY_DATA")
    return folder
