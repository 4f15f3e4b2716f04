"""Many processes that sign with one key, against an exchange that knows the venue's nonce rule."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.runners.live.venue_file import read_venue
from engine.store.home import Home

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
PATIENCE_S = 90.0
PROCESSES, REQUESTS = 6, 15

SIGNER = f"""
import json, sys
from pathlib import Path
from concurrent.futures import ThreadPoolExecutor
from engine.venues.hyperliquid.exchange import Exchange
from engine.venues.hyperliquid.key import read_key
from engine.venues.hyperliquid.nonce import Nonces
from engine.venues.hyperliquid.wire import Noop
key = read_key(Path(sys.argv[2]))
exchange = Exchange(sys.argv[1], key, Nonces(Path(sys.argv[3]), key.address))
print("ready", flush=True)
sys.stdin.readline()  # all at once
def ask(_):
    prepared = exchange.prepare(Noop())
    return prepared.nonce, repr(exchange.send(prepared))
with ThreadPoolExecutor(3) as pool:
    print(json.dumps(list(pool.map(ask, range({REQUESTS})))))
"""


@pytest.fixture
def home(tmp_path):
    """An exchange with a desk; its home's venue file names it."""
    command = [sys.executable, "-m", "flows.cli", "localnet", "--port", "0", "--assets", "HYPE"]
    command += ["--desk", "1000", "--no-ip-limits", "--state", str(tmp_path / "state")]
    env = os.environ | {"GANGWAY_HOME": str(tmp_path / "home")}
    log = tmp_path / "log"
    with log.open("w") as said:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=said, stderr=said)
    end_s = time.monotonic() + PATIENCE_S
    while "venue         localnet" not in log.read_text():
        assert process.poll() is None and time.monotonic() < end_s, log.read_text()
        time.sleep(0.2)
    yield Home(tmp_path / "home")
    process.terminate()
    process.wait(20)


def test_no_nonce_repeats_and_the_exchange_refuses_none(home, tmp_path):
    venue = read_venue(home, "localnet")
    words = [venue.url, str(venue.engine_key), str(tmp_path / "nonces")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    signers = [
        subprocess.Popen([sys.executable, "-c", SIGNER, *words], cwd=ROOT, **pipes)
        for _ in range(PROCESSES)
    ]
    for signer in signers:
        assert signer.stdout.readline() == "ready\n"
    for signer in signers:
        signer.stdin.write("go\n")
        signer.stdin.flush()
    said = [pair for s in signers for pair in json.loads(s.communicate(timeout=60)[0])]
    nonces, outcomes = zip(*said, strict=True)
    assert len(set(nonces)) == PROCESSES * REQUESTS
    assert set(outcomes) == {"(Done(),)"}
