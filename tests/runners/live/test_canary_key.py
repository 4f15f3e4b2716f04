"""A key is in its file and nowhere else, whatever happens to the process that signs with it."""

import base64
import contextlib
import io
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.traceback import Traceback

from benchmarks.chaos_processes import VENUE, Processes, wait_for
from benchmarks.chaos_taker import Taker
from benchmarks.chaos_witness import Witness
from engine.runners.live import connection
from engine.runners.live.connection import EXIT_REFUSED, connect
from engine.runners.live.latch import write_latch
from engine.runners.live.venue_file import read_venue
from engine.store.home import Home
from engine.store.metrics import Metrics
from engine.store.tail import read_tail
from engine.venues.hyperliquid.key import SigningKey, read_key

ROOT = Path(__file__).parents[3]
CANARY = "c0ffee" + "9d3b7a51e4" * 5 + "decade42"
PART = 20  # digits: so many in a row are a leak, too

# an engine that breaks once it has signed, and shows every local variable of every frame
CRASH = """
import sys, threading, traceback
from rich.console import Console
from rich.traceback import Traceback
from engine.runners.live import engine, journal

def show(kind, value, where):
    told = traceback.TracebackException(kind, value, where, capture_locals=True)
    print("".join(told.format()), file=sys.stderr)
    rich = Traceback.from_exception(
        kind, value, where, show_locals=True, locals_max_string=999, locals_max_length=999
    )
    Console(file=sys.stderr, width=500).print(rich)

sys.excepthook = show
threading.excepthook = lambda told: show(told.exc_type, told.exc_value, told.exc_traceback)
hear = journal.Journal.hear

def breaks(self, frame):
    asks = hear(self, frame)
    if any(ask.nonce for ask in asks):
        raise RuntimeError("it broke")
    return asks

journal.Journal.hear = breaks
engine.main(sys.argv[1:])
"""


def forms(secret: str) -> Iterator[bytes]:
    """Yield the ways in which a key may be written."""
    raw = bytes.fromhex(secret)
    for text in (secret[:PART], secret[-PART:], secret[22 : 22 + PART]):
        yield text.encode()
        yield text.upper().encode()
    yield str(int(secret, 16)).encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(raw).rstrip(b"=")
        yield encode(secret.encode()).rstrip(b"=")
    yield raw
    yield raw[::-1]
    yield repr(raw).encode()[2:-1]
    yield repr(list(raw)).encode()[1:-1]


def assert_hidden(secret: str, left: bytes, where: object) -> None:
    for form in forms(secret):
        assert form not in left, where


def shown(error: BaseException) -> bytes:
    """Return an exception with the local variables of all frames but ours, in two writings."""
    where = error.__traceback__.tb_next if error.__traceback__ else None
    told = traceback.TracebackException(type(error), error, where, capture_locals=True)
    page = io.StringIO()
    rich = Traceback.from_exception(
        type(error), error, where, show_locals=True, locals_max_string=999, locals_max_length=999
    )
    Console(file=page, width=500).print(rich)
    return ("".join(told.format()) + page.getvalue()).encode()


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "agent.key"
    path.touch(0o600)
    path.write_text(CANARY)
    return path


def test_the_search_finds_every_form() -> None:
    raw = bytes.fromhex(CANARY)
    for leak in (CANARY, f"0x{CANARY.upper()}", str(int(CANARY, 16)), repr(raw), repr([*raw])):
        with pytest.raises(AssertionError):
            assert_hidden(CANARY, f"key={leak}.".encode(), "here")
    for leak in (raw, base64.b64encode(raw), base64.b64encode(CANARY.encode())):
        with pytest.raises(AssertionError):
            assert_hidden(CANARY, b"key=" + leak, "here")


@pytest.mark.parametrize(
    "content",
    [CANARY + "0", "0y" + CANARY, CANARY + "\n" + CANARY],
    ids=["too long", "a typo", "two"],  # the environment names the test, and a frame shows it
)
def test_a_key_that_is_refused_is_not_shown(key_file: Path, content: str) -> None:
    key_file.write_text(content)
    with pytest.raises(ValueError, match="hexadecimal") as refused:
        read_key(key_file)
    assert b"read_key" in shown(refused.value)
    assert_hidden(CANARY, shown(refused.value), "a traceback")


def test_what_fails_while_signing_does_not_show_the_key(key_file: Path) -> None:
    key = read_key(key_file)
    with pytest.raises(ValueError, match="32") as failed:
        key.sign(b"short")
    assert b"sign" in shown(failed.value)
    assert_hidden(CANARY, shown(failed.value), "a traceback")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_after_trading_crashes_a_kill_and_a_guard_keys_are_in_their_files_alone(
    tmp_path: Path,
) -> None:
    processes = Processes(tmp_path, ("HYPE",))
    home, said = processes.home, b""
    with contextlib.ExitStack() as stack:
        stack.callback(processes.close)
        processes.open()
        venue = read_venue(home, VENUE)
        secrets = [path.read_text() for path in (venue.engine_key, venue.guard_key)]
        assert all(SigningKey(secret) for secret in secrets)
        witness = stack.enter_context(contextlib.closing(Witness(processes)))
        witness.start()
        stack.enter_context(contextlib.closing(Taker(processes, witness))).start(seed=1)
        wait_for(lambda: witness.fills, "somebody has traded with us")
        said += _command_lines()
        processes.kill_engine("HYPE")
        processes.stop("host")
        said += _crash(home)
        said += _refusal(home, venue.engine_key)
        said += _frames(home)
        processes.start("host")
        wait_for(lambda: witness.orders, "it trades again")
        write_latch(home, "HYPE", "a test", "a test")
        wait_for(lambda: witness.look() and not witness.orders, "nothing rests")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    for secret in secrets:
        assert_hidden(secret, said, "what was said")
        assert_hidden(secret, _tables(home), "the metrics")
        held = [path for path in files if any(form in _content(path) for form in forms(secret))]
        assert len(held) == 1, held
        assert held[0].stat().st_mode & 0o777 == 0o600
    assert any(path.suffix == ".heard" for path in files), "this does look at something"


def _crash(home: Home) -> bytes:
    command = [sys.executable, "-c", CRASH, "HYPE", "--home", str(home.root)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=120)
    said = done.stdout + done.stderr
    assert b"it broke" in said and b"Exchange object" in said, "what signs is among the locals"
    return said


def _refusal(home: Home, path: Path) -> bytes:
    """Return what an engine says of a key that others can read."""
    path.chmod(0o644)
    command = [sys.executable, "-m", "engine.runners.live.engine", "HYPE", "--home", str(home.root)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=120)
    path.chmod(0o600)
    assert done.returncode == EXIT_REFUSED
    return done.stdout + done.stderr


def _frames(home: Home) -> bytes:
    """Return what is shown of an exception where the key has just been read."""
    venue = read_venue(home, VENUE)

    def fails(*_: object) -> None:
        raise RuntimeError("no nonce")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "Nonces", fails)
        with pytest.raises(RuntimeError) as failed, connect(venue, venue.engine_key, home):
            pass
    assert b"secret = <key of 0x" in shown(failed.value)
    return shown(failed.value)


def _command_lines() -> bytes:
    """Return the command line and the environment of every process of this user."""
    found = b""
    for path in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                found += (path / name).read_bytes()
            except OSError:
                continue
    return found


def _content(path: Path) -> bytes:
    if path.suffix != ".heard":
        return path.read_bytes()
    return path.read_bytes() + b"".join(chunk.tobytes() for chunk in read_tail(path).chunks())


def _tables(home: Home) -> bytes:
    """Return every row of the metrics, which are compressed in their file."""
    with Metrics.open(home) as metrics:
        metrics.ingest()
        names: list[Any] = metrics.con.execute("SHOW TABLES").fetchall()
        rows = [metrics.con.execute(f"SELECT * FROM {name}").fetchall() for (name,) in names]
    return repr(rows).encode()
