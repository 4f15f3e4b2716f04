"""`/info` and `/exchange` over HTTP: codes, texts and limits of the venue, and the faucet."""

import pytest

from tests.localnet.server.conftest import wait_for

JSON = {"Content-Type": "application/json"}
BAD_JSON = "Failed to parse the request body as JSON"
BAD_SHAPE = "Failed to deserialize the JSON body into the target type"
BAD_TYPE = "Expected request with `Content-Type: application/json`"


@pytest.mark.parametrize(
    ("path", "body", "status", "text"),
    [
        ("/info", "{", 400, BAD_JSON),
        ("/exchange", "", 400, BAD_JSON),
        ("/info", '{"type":"nonsense"}', 422, BAD_SHAPE),
        ("/info", "[]", 422, BAD_SHAPE),
        ("/info", '{"type":"clearinghouseState"}', 422, BAD_SHAPE),
        ("/info", '{"type":"candleSnapshot","req":7}', 422, BAD_SHAPE),
        ("/exchange", "{}", 422, BAD_SHAPE),
        ("/exchange", '{"action":{"type":"noop"},"nonce":"1","signature":{}}', 422, BAD_SHAPE),
        ("/exchange", '{"action":{"type":"noop"},"nonce":1,"signature":{"r":1}}', 422, BAD_SHAPE),
        ("/info", '{"type":"metaAndAssetCtxs","dex":"none"}', 500, "null"),
        ("/info", '{"type":"fundingHistory","coin":"NO","startTime":0}', 500, "null"),
        ("/info", '{"type":"l2Book","coin":"BTC","nSigFigs":6}', 500, "null"),
        ("/info", '{"type":"l2Book","coin":"BTC","nSigFigs":5,"mantissa":3}', 500, "null"),
        ("/info", '{"type":"l2Book","coin":"NO"}', 200, "null"),
        ("/info", '{"type":"meta"}', 200, None),
        ("/info", '{"type":"meta","dex":""}', 200, None),
    ],
)
def test_bodies_are_answered_with_the_venues_codes_and_texts(localnet, path, body, status, text):
    response = localnet.http.post(path, content=body, headers=JSON)
    assert response.status_code == status
    assert text is None or response.text == text
    kind = "text/plain" if status in (400, 415, 422) else "application/json"
    assert response.headers["content-type"].partition(";")[0] == kind


def test_what_is_not_json_by_its_header_is_refused(localnet):
    response = localnet.http.post("/info", content='{"type":"meta"}')
    assert (response.status_code, response.text) == (415, BAD_TYPE)


@pytest.mark.parametrize("path", ["/info", "/exchange"])
def test_another_method_is_answered_without_a_body(localnet, path):
    response = localnet.http.get(path)
    assert (response.status_code, response.content) == (405, b"")


def test_a_delisted_coin_has_an_empty_book(localnet):
    book = localnet.info("l2Book", coin="MATIC")
    assert book["levels"] == [[], []]


def test_addresses_are_taken_in_any_case_and_told_in_lower(localnet, trader):
    address = trader().address
    told = localnet.info("activeAssetData", user=address.upper().replace("X", "x"), coin="BTC")
    assert told["user"] == address


def test_an_ip_has_so_much_weight_a_minute(strict, ip):
    question = {"type": "userRole", "user": "0x" + "1" * 40}  # weighs 60 of 1,200
    with strict.visitor(ip) as client, strict.visitor("127.0.0.1") as neighbour:
        answers = [client.post("/info", json=question) for _ in range(30)]
        codes = [answer.status_code for answer in answers]
        assert codes[:20] == [200] * 20 and 429 in codes[20:]
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert refused.text == "null" and "retry-after" not in refused.headers
        assert neighbour.post("/info", json=question).status_code == 200


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({"user": "me"}, "user"),
        ({"user": "0x" + "1" * 40, "usd": -1}, "usd"),
        ({"user": "0x" + "1" * 40, "usd": 1, "dex": "none"}, "dex"),
        ({"user": "0x" + "1" * 40, "usd": 1, "token": "NONE"}, "token"),
    ],
)
def test_the_faucet_names_what_is_wrong(localnet, body, names):
    response = localnet.http.post("/faucet", json=body)
    assert response.status_code == 422 and response.text.startswith(names)


def test_the_faucet_pays_on_a_dex_in_spot_and_in_volume(localnet):
    user = "0x" + "5" * 40
    localnet.fund(user, 7.0, dex="hyna")
    localnet.fund(user, 8.0, token="PURR")
    localnet.fund(user, 0.0, volume_usd=1234.5)
    state = localnet.info("clearinghouseState", user=user, dex="hyna")
    assert state["marginSummary"]["accountValue"] == "7.0"
    balances = localnet.info("spotClearinghouseState", user=user)["balances"]
    assert [(row["coin"], row["total"]) for row in balances] == [("PURR", "8.0")]
    assert localnet.info("userRateLimit", user=user)["cumVlm"] == "1234.50"
    ledger = localnet.info("userNonFundingLedgerUpdates", user=user, startTime=0)
    assert [row["delta"]["type"] for row in ledger] == ["deposit"]


def test_blocks_go_on_by_themselves(localnet):
    first = localnet.info("exchangeStatus")["time"]
    wait_for(lambda: localnet.info("exchangeStatus")["time"] > first)
