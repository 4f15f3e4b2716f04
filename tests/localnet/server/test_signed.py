"""Whose signature a request bears: recorded ones, ones for another network, ones of nobody."""

import json

import pytest

from engine.localnet.refusals import RefusedError
from engine.runners.localnet import signed
from tests.localnet.conftest import DATA

FOLDER = DATA / "hl_signed_actions_testnet"
MAIN = "0x4a1ae5a6cfb24390a704b1cc1ab88d0f89ef596b"
SECOND = "0xdf8187008dd2084b553c9a5985be950c77fd76ed"
SIGNERS = {
    "12_usdClassTransfer": "0x932034054685ab4d46a5b9e59b70a4b7f2c76d4d",  # as the venue named it
    "19b_usdSend_wallet2_to_wallet1": SECOND,
    "22_agentSendAsset": SECOND,
}
ZEROS = {"r": "0x0", "s": "0x0", "v": 27}


@pytest.fixture(scope="module")
def requests():
    """Recorded bodies of ``/exchange`` by the names of their files."""
    found = {}
    for path in sorted(FOLDER.glob("[0-9]*.json")):
        body = json.loads(path.read_text()).get("request", {})
        body = body.get("body", body)
        if "signature" in body:
            found[path.stem] = body
    if not found:
        pytest.skip(f"recorded requests are not at {FOLDER}; set GANGWAY_DATA")
    return found


def test_recorded_requests_recover_to_whoever_signed_them(requests):
    assert len(requests) >= 24
    for name, body in requests.items():
        assert signed.read(body, "b").signer == SIGNERS.get(name, MAIN), name


def test_order_of_keys_zeros_and_case_on_the_wire_change_no_signer(requests):
    for body in list(requests.values())[:4]:
        shuffled = json.loads(json.dumps(body, sort_keys=True))
        for order in shuffled["action"].get("orders", []):
            order["p"] = "00" + order["p"] + (".000" if "." not in order["p"] else "000")
        assert signed.read(shuffled, "b").signer == MAIN


def test_a_signature_for_another_network_recovers_somebody_else(requests):
    body = requests["01_place_order"]
    assert (signed.read(body, "b").signer, signed.read(body, "a").signer != MAIN) == (MAIN, True)


def test_whoever_signed_is_told_by_name_that_nobody_knows_him(requests, localnet):
    told = localnet.http.post("/exchange", json=requests["01_place_order"]).json()
    assert told == {"status": "err", "response": f"User or API Wallet {MAIN} does not exist."}


def test_a_signature_of_zeros_is_of_nobody(localnet):
    body = {"action": {"type": "noop"}, "nonce": 1, "signature": ZEROS}
    told = localnet.http.post("/exchange", json=body).json()
    assert told == {"status": "err", "response": "Unable to recover signer."}


def test_a_user_signed_action_counts_for_its_own_nonce_and_network():
    action = {"type": "usdSend", "hyperliquidChain": "Testnet", "time": 5}
    body = {"action": action, "nonce": 6, "signature": ZEROS}
    with pytest.raises(RefusedError, match="Invalid nonce"):
        signed.read(body, "b")
    with pytest.raises(RefusedError, match="Invalid chain"):
        signed.read({**body, "nonce": 5}, "a")
