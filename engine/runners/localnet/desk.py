"""A throw-away account with two agents, so that somebody can trade here at once.

The account's own key is forgotten when its agents are approved: they can trade, and nobody can
withdraw. One agent is the engines', the other the guard's; their keys are in files that only this
user can read, and a venue file names both.
"""

import json
import os
import secrets
import time
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from engine.runners.live.venue_file import VenueFile
from engine.venues.hyperliquid import signing, user_signed
from engine.venues.hyperliquid.key import SigningKey
from engine.venues.hyperliquid.wire import Request, encode

FILE = "localnet.toml"
AGENTS = {"engine_key": "gangway", "guard_key": "guard"}
TIMEOUT_S = 30.0


def open_desk(url: str, folder: Path, usd: float, chain: str = "Testnet") -> VenueFile:
    """Open an account with money on every dex, and approve two agents for it.

    Parameters
    ----------
    url
        of the localnet.
    folder
        where the keys and the venue file are kept; an account that is there already is returned,
        at the localnet's present URL.
    usd
        collateral on each dex [USD, or the dex's token].
    chain
        of user-signed actions.

    Raises
    ------
    RuntimeError
        if the localnet refuses; its words.
    """
    path = folder / FILE
    if path.exists():
        known = VenueFile.model_validate(tomllib.loads(path.read_text("utf-8")))
        venue = known.model_copy(update={"url": url})
    else:
        master = SigningKey(secrets.token_hex(32))
        keys = {field: secrets.token_hex(32) for field in AGENTS}
        with httpx.Client(base_url=url, timeout=TIMEOUT_S, trust_env=False) as http:
            for dex in _post(http, "/info", {"type": "perpDexs"}):
                gift = {"user": master.address, "usd": usd, "dex": dex["name"] if dex else ""}
                _post(http, "/faucet", gift)
            for field, text in keys.items():
                _approve(http, master, SigningKey(text).address, AGENTS[field], chain)
        files = {field: _write_key(folder, field, text) for field, text in keys.items()}
        venue = VenueFile.model_validate({"url": url, "account": master.address} | files)
    write_venue(path, venue)
    return venue


def write_venue(path: Path, venue: VenueFile) -> None:
    """Write a venue file."""
    said: Mapping[str, Any] = venue.model_dump(mode="json", exclude_none=True)
    # a JSON string is a TOML string, too
    path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in said.items()))


def _approve(http: httpx.Client, master: SigningKey, agent: str, name: str, chain: str) -> None:
    nonce = time.time_ns() // 1_000_000
    action = user_signed.approve_agent(agent, name, nonce, chain)
    request = Request(action, nonce, signing.sign_as_user(master, action))
    headers = {"Content-Type": "application/json"}
    response = http.post("/exchange", content=encode(request), headers=headers)
    if response.status_code != httpx.codes.OK or response.json()["status"] != "ok":
        raise RuntimeError(f"{http.base_url} refused the agent {name}: {response.text}")


def _post(http: httpx.Client, path: str, body: dict[str, Any]) -> Any:
    response = http.post(path, json=body)
    if response.status_code != httpx.codes.OK:
        raise RuntimeError(f"{http.base_url}{path} refused: {response.text}")
    return response.json()


def _write_key(folder: Path, field: str, text: str) -> Path:
    path = (folder / f"{AGENTS[field]}.key").resolve()
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(handle, text.encode())
    finally:
        os.close(handle)
    return path
