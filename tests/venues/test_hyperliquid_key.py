"""The key: where it may come from, whose it must be, and that it never gets out."""

import copy
import io
import json
import logging
import os
import pickle
import resource
import subprocess
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from coincurve import PrivateKey

from engine.venues.hyperliquid import key as key_module
from engine.venues.hyperliquid import wire
from engine.venues.hyperliquid.account import Account
from engine.venues.hyperliquid.agent import check_agent
from engine.venues.hyperliquid.exchange import Exchange
from engine.venues.hyperliquid.info import InfoClient
from engine.venues.hyperliquid.key import ENV, KeyRefusedError, SigningKey, read_key
from engine.venues.hyperliquid.nonce import Nonces

CANARY = "c0ffee00" * 8
ADDRESS = SigningKey(CANARY).address
MASTER = "0x4a1ae5a6cfb24390a704b1cc1ab88d0f89ef596b"
NOW_MS = 1_790_000_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "agent.key"
    path.write_text(f"0x{CANARY}\n")
    path.chmod(0o600)
    return path


@pytest.fixture(autouse=True)
def no_dumps(monkeypatch):
    """Reading a key changes the whole process; a test's process is left as it was."""
    monkeypatch.setattr("engine.venues.hyperliquid.key.forbid_dumps", lambda: None)


# --- where it comes from -----------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_private_file_is_read(path, mode):
    path.chmod(mode)
    assert read_key(path, {}).address == ADDRESS


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o700, 0o601])
def test_a_file_that_others_may_touch_is_refused_with_its_mode(path, mode):
    path.chmod(mode)
    with pytest.raises(KeyRefusedError, match=rf"has mode {mode:04o}.*must be 0600"):
        read_key(path, {})


def test_a_link_a_folder_and_nothing_are_refused(path, tmp_path):
    (tmp_path / "link").symlink_to(path)
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name, why in (("link", "read"), ("none", "read"), (".", "regular"), ("pipe", "regular")):
        with pytest.raises(KeyRefusedError, match=why):
            read_key(tmp_path / name, {})


def test_a_file_of_another_user_is_refused(path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(KeyRefusedError, match="belongs to user"):
        read_key(path, {})


def test_the_environment_is_read_once_and_not_inherited():
    env = {ENV: f" {CANARY.upper()} ", "HOME": "/"}
    assert read_key(None, env).address == ADDRESS
    assert env == {"HOME": "/"}
    with pytest.raises(KeyRefusedError, match="no key: name a file"):
        read_key(None, env)


def test_a_file_goes_before_the_environment(path):
    env = {ENV: "11" * 32}
    assert read_key(path, env).address == ADDRESS
    assert ENV in env


@pytest.mark.parametrize(
    "text",
    ["", "0x", CANARY[:-1], CANARY + "0", "g" * 64, "0" * 64, "f" * 64, f"{CANARY} {CANARY}"],
)
def test_what_is_no_key_is_refused_without_being_shown(path, text):
    path.write_text(text)
    with pytest.raises(KeyRefusedError, match="64 hexadecimal digits") as caught:
        read_key(path, {})
    assert text in ("", "0x") or text not in _everything(caught.value)


def test_a_long_file_is_refused(path):
    path.write_text(CANARY * 9)
    with pytest.raises(KeyRefusedError, match="576 bytes long"):
        read_key(path, {})


def test_reading_a_key_forbids_core_dumps(path):
    program = (
        "import resource, sys; from pathlib import Path\n"
        "from engine.venues.hyperliquid.key import read_key\n"
        "read_key(Path(sys.argv[1]))\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE))\n"
        "if sys.platform == 'linux':\n"
        "    import ctypes; print(ctypes.CDLL(None).prctl(3))\n"
    )
    assert resource.getrlimit(resource.RLIMIT_CORE) is not None
    said = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    ).stdout.split("\n")
    assert said[0] == "(0, 0)"
    assert sys.platform != "linux" or said[1] == "0"


# --- that it stays -----------------------------------------------------------------------------


def _everything(error: BaseException) -> str:
    """What a talkative error report would show: the chain, and all local variables as text."""
    frames = []
    chain: BaseException | None = error
    while chain is not None:
        for frame, _ in traceback.walk_tb(chain.__traceback__):
            if Path(frame.f_code.co_filename).parent.name == "hyperliquid":
                frames += [repr(value) for value in frame.f_locals.values()]
        chain = chain.__cause__ or chain.__context__
    return "".join(traceback.format_exception(error)) + "".join(frames)


def test_threads_sign_at_once_as_the_library_does():
    key, theirs = SigningKey(CANARY), PrivateKey(bytes.fromhex(CANARY.removeprefix("0x")))
    digests = [k.to_bytes(32, "big") for k in range(400)]
    with ThreadPoolExecutor(8) as pool:
        signed = list(pool.map(key.sign, digests))
    assert signed == [theirs.sign_recoverable(digest, hasher=None) for digest in digests]
    with pytest.raises(ValueError, match="digest must be of 32 bytes, was of 31"):
        key.sign(bytes(31))


def test_a_key_that_breaks_while_it_is_made_shows_nothing(monkeypatch):
    def breaks(_: object) -> str:
        raise RuntimeError("the curve is gone")

    monkeypatch.setattr(key_module, "address_of", breaks)
    with pytest.raises(RuntimeError) as broken:
        SigningKey(CANARY)
    shown = _everything(broken.value)
    secret = bytes.fromhex(CANARY.removeprefix("0x"))
    assert not any(form in shown for form in (secret.hex(), repr(secret), str(int(CANARY, 16))))


def test_a_key_has_no_text_copy_pickle_or_equality():
    key = SigningKey(CANARY)
    assert repr(key) == str(key) == f"{key}" == f"<key of {ADDRESS}>"
    assert key != SigningKey(CANARY)
    assert not hasattr(key, "__dict__")
    for leak in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps):
        with pytest.raises(TypeError):
            leak(key)


def test_a_canary_key_appears_nowhere(path, tmp_path, caplog):
    """Trade with a key against servers that fail in every way, and look at all that is left."""
    caplog.set_level(logging.DEBUG)
    log = io.StringIO()
    logging.getLogger().addHandler(handler := logging.StreamHandler(log))
    said = []

    def fail(request: httpx.Request) -> httpx.Response:
        said.append(request.content.decode())
        raise httpx.ReadError("gone")

    answers = iter([httpx.Response(429, text="null"), httpx.Response(500, text="null")])
    key = read_key(path, {})
    for transport in (httpx.MockTransport(fail), httpx.MockTransport(lambda _: next(answers))):
        nonces = Nonces(tmp_path, key.address)
        with Exchange("http://127.0.0.1:9", key, nonces, transport=transport) as exchange:
            said += [str(exchange.ask(wire.Noop())), repr(exchange), repr(vars(exchange))]
        nonces.close()
    try:
        key.sign(b"short")
    except ValueError as error:
        said.append(_everything(error))
    logging.getLogger().removeHandler(handler)
    files = [file.read_bytes() for file in tmp_path.iterdir() if file != path]
    left = "".join(said).encode() + log.getvalue().encode() + caplog.text.encode()
    left += b"".join(files)
    assert ADDRESS.encode() in left  # this does look at something
    secret = bytes.fromhex(CANARY)
    for form in (
        CANARY.encode(),
        secret,
        repr(secret).encode()[2:-1],
        str(int(CANARY, 16)).encode(),
    ):
        assert form not in left and form.upper() not in left


# --- whose it is -------------------------------------------------------------------------------


@pytest.fixture
def ask(venue):
    venue.answers["userRole"] = lambda request: {
        MASTER: {"role": "user"},
        ADDRESS: {"role": "agent", "data": {"user": MASTER}},
    }.get(request["user"], {"role": "missing"})
    agent = {"name": "maker", "address": ADDRESS, "validUntil": NOW_MS + 1}
    venue.answers["extraAgents"] = [agent]
    with InfoClient(venue.url, timeout_s=2, attempts=1) as client:
        yield lambda address, master=MASTER: check_agent(
            SigningKey(CANARY), Account(client, address), Account(client, master), NOW_MS
        )


def test_a_named_agent_of_the_account_may_sign(ask):
    assert ask(MASTER).name == "maker"


def test_an_agent_of_the_master_may_sign_for_its_sub_account(venue, ask):
    sub = "0x" + "ab" * 20
    roles = venue.answers["userRole"]
    sub_role = {"role": "subAccount", "data": {"master": MASTER}}
    venue.answers["userRole"] = lambda r: sub_role if r["user"] == sub else roles(r)
    assert ask(sub).name == "maker"
    sub_role["data"]["master"] = "0x" + "cd" * 20
    with pytest.raises(KeyRefusedError, match=f"{sub} is subAccount, not an account of"):
        ask(sub)


def test_a_master_key_is_refused_before_anybody_is_asked(venue, ask):
    with pytest.raises(KeyRefusedError, match=r"could withdraw everything.*keep this one away"):
        ask(ADDRESS, ADDRESS)
    assert venue.requests == []


@pytest.mark.parametrize(
    ("role", "why"),
    [
        ({"role": "user"}, r"is no agent \(user\)"),
        ({"role": "missing"}, r"is no agent \(missing\)"),
        ({"role": "agent", "data": {"user": "0x" + "cd" * 20}}, "is the agent of 0xcdcd"),
        ({"role": "agent"}, "is the agent of None"),
    ],
)
def test_a_key_that_is_no_agent_of_the_account_is_refused(venue, ask, role, why):
    venue.answers["userRole"] = lambda r: {"role": "user"} if r["user"] == MASTER else role
    with pytest.raises(KeyRefusedError, match=why):
        ask(MASTER)


@pytest.mark.parametrize(
    ("agents", "why"),
    [
        ([], "agent without a name"),
        ([{"name": "x", "address": "0x" + "cd" * 20}], "agent without a name"),
        ([{"name": "x", "address": ADDRESS, "validUntil": NOW_MS}], "x 0x.* has expired"),
    ],
)
def test_an_agent_without_a_name_or_a_future_is_refused(venue, ask, agents, why):
    venue.answers["extraAgents"] = agents
    with pytest.raises(KeyRefusedError, match=why):
        ask(MASTER)


def test_an_account_that_does_not_exist_is_refused(ask):
    with pytest.raises(KeyRefusedError, match="is missing, not an account of"):
        ask("0x" + "ef" * 20, "0x" + "ef" * 20)
