"""The loopback exchange as a process: the official SDK, unmodified, finds what it expects."""

import os
import queue
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from eth_account import Account as Wallet
from hyperliquid.exchange import Exchange
from hyperliquid.info import Info
from hyperliquid.utils.types import Cloid

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
MAKER, TAKER = (Wallet.from_key("0x" + digit * 64) for digit in "12")
GTC = {"limit": {"tif": "Gtc"}}
ALO = {"limit": {"tif": "Alo"}}


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    funds = [word for one in (MAKER, TAKER) for word in ("--fund", f"{one.address}=1000")]
    words = ["--port", "0", "--assets", "none", "--state", str(folder / "state"), *funds]
    quick = ["--latency-ms", "5", "--news-ms", "10", "--book-ms", "200", "--no-ip-limits"]
    command = [sys.executable, "-m", "flows.cli", "localnet", *words, *quick]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ, stdout=log, stderr=log)
    end_s = time.monotonic() + 60
    while "answers at" not in (said := (folder / "log").read_text()):
        assert process.poll() is None and time.monotonic() < end_s, said
        time.sleep(0.1)
    yield said.split("answers at ")[1].split()[0]
    process.terminate()
    assert process.wait(20) in (0, -signal.SIGTERM)


def client(wallet, url):
    return Exchange(wallet, url, account_address=wallet.address)


def status(answer):
    assert answer["status"] == "ok", answer
    return answer["response"]["data"]["statuses"][0]


@pytest.mark.parametrize(
    ("path", "body", "kind", "code", "text"),
    [
        ("/info", b"{", "application/json", 400, "Failed to parse the request body as JSON"),
        ("/info", b'{"type":"no"}', "application/json", 422, "Failed to deserialize the JSON body"),
        ("/info", b'{"type":"meta"}', "text/plain", 415, "Expected request with"),
        ("/exchange", b"{}", "application/json", 422, "Failed to deserialize the JSON body"),
        ("/info", b'{"type":"l2Book","coin":"NO"}', "application/json", 200, "null"),
        (
            "/info",
            b'{"type":"metaAndAssetCtxs","dex":"no"}',
            "application/json",
            500,
            "null",
        ),
    ],
)
def test_errors_are_the_venues_to_the_letter(url, path, body, kind, code, text):
    answer = httpx.post(url + path, content=body, headers={"Content-Type": kind})
    assert answer.status_code == code and answer.text.startswith(text)


def test_two_sdk_clients_trade_and_both_sides_match_to_the_cent(url):
    maker, taker, info = client(MAKER, url), client(TAKER, url), Info(url, skip_ws=True)
    cloid = Cloid.from_str("0x" + "0" * 31 + "1")
    placed = status(maker.order("ETH", True, 0.02, 4000, ALO, cloid=cloid))
    assert placed["resting"]["cloid"] == cloid.to_raw()
    moved = maker.modify_order(cloid, "ETH", True, 0.02, 4001, ALO, cloid=cloid)
    assert status(moved)["resting"]["oid"] != placed["resting"]["oid"]
    assert status(taker.order("ETH", False, 0.01, 4001, GTC))["filled"]["avgPx"] == "4001.0"
    fills = {w.address: info.user_fills(w.address) for w in (MAKER, TAKER)}
    (made,), (took,) = fills.values()
    assert (made["px"], made["sz"], made["tid"]) == (took["px"], took["sz"], took["tid"])
    assert (made["side"], took["side"], made["crossed"], took["crossed"]) == ("B", "A", False, True)
    assert (float(made["fee"]), float(took["fee"])) == (0.006001, 0.018004)
    held = [
        info.user_state(w.address)["assetPositions"][0]["position"]["szi"] for w in (MAKER, TAKER)
    ]
    assert held == ["0.01", "-0.01"]
    assert status(maker.cancel_by_cloid("ETH", cloid)) == "success"
    assert info.open_orders(MAKER.address) == []


def test_the_sdks_streams_hear_of_everything(url):
    info, maker = Info(url), client(MAKER, url)
    heard = queue.SimpleQueue()
    user = {"user": MAKER.address}
    for asked in (
        {"type": "l2Book", "coin": "BTC"},
        {"type": "bbo", "coin": "BTC"},
        {"type": "trades", "coin": "BTC"},
        {"type": "allMids"},
        {"type": "orderUpdates", **user},
        {"type": "userEvents", **user},
        {"type": "userFills", **user},
    ):
        info.subscribe(asked, lambda message: heard.put(message["channel"]))
    time.sleep(1.0)
    oid = status(maker.order("BTC", True, 0.001, 50_000, ALO))["resting"]["oid"]
    status(client(TAKER, url).order("BTC", False, 0.0005, 50_000, GTC))
    status(maker.cancel("BTC", oid))
    wanted = {"l2Book", "bbo", "trades", "orderUpdates", "user", "userFills"}
    end_s = time.monotonic() + 20
    while wanted and time.monotonic() < end_s:
        wanted.discard(heard.get(timeout=20))
    info.disconnect_websocket()
    assert not wanted


def test_a_signature_of_nobody_known_is_refused_in_the_venues_words(url):
    stranger = client(Wallet.from_key("0x" + "3" * 64), url)
    answer = stranger.order("ETH", True, 0.01, 4000, GTC)
    assert answer["status"] == "err"
    assert answer["response"].startswith("User or API Wallet 0x")
    assert answer["response"].endswith("does not exist.")


def test_a_lost_answer_leaves_an_order_behind(url):
    maker, info = client(MAKER, url), Info(url, skip_ws=True)
    httpx.post(f"{url}/faults", json={"kind": "lose_response", "probability": 1.0, "for_s": 3.0})
    maker.timeout = 1.0
    cloid = Cloid.from_str("0x" + "0" * 31 + "9")
    with pytest.raises(Exception, match=r"(?i)time|connection|disconnect"):
        maker.order("ETH", True, 0.02, 3000, ALO, cloid=cloid)
    found = info.query_order_by_cloid(MAKER.address, cloid)
    assert found["order"]["status"] == "open"
    assert httpx.get(f"{url}/faults").json()["hits"]["lose_response"] >= 1
