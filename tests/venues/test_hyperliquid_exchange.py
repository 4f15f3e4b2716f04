"""Requests: sent once, with an end; answers: done, refused or unknown, and never a guess."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from eth_account import Account as Wallet
from hyperliquid.exchange import Exchange as SdkExchange
from hypothesis import given
from hypothesis import strategies as st

from engine.venues.hyperliquid import exchange as module
from engine.venues.hyperliquid import wire
from engine.venues.hyperliquid.exchange import Exchange, MainnetRefusedError, network_source
from engine.venues.hyperliquid.key import SigningKey
from engine.venues.hyperliquid.nonce import LANES, Nonces
from engine.venues.hyperliquid.outcome import (
    Done,
    Filled,
    Outcome,
    Refused,
    Resting,
    Unknown,
    parts,
    read_answer,
)
from engine.venues.hyperliquid.refusals import Reason, reason_of, reason_of_status
from engine.venues.hyperliquid.signing import recover

SECRET = "0x" + "11" * 32
NOW_MS = 1_790_000_000_000  # of the first lane
BID = wire.limit_order(0, 1, 64900.0, 0.001, 5, tif="Alo", cloid="0x" + "0" * 32)
ASK = wire.limit_order(0, -1, 64901.0, 0.001, 5, tif="Alo")
PAIR = wire.PlaceOrders([BID, ASK])
CANCEL = wire.CancelOrders([wire.Cancel(0, 7)])


@pytest.fixture
def key() -> SigningKey:
    return SigningKey(SECRET)


@pytest.fixture
def nonces(key, tmp_path) -> Iterator[Nonces]:
    nonces = Nonces(tmp_path, key.address, lambda: NOW_MS)
    yield nonces
    nonces.close()


@pytest.fixture
def connect(key, nonces) -> Iterator[Callable[..., Exchange]]:
    opened = []

    def connect(url: str = "http://127.0.0.1:9", answer: Any = None, **more: Any) -> Exchange:
        transport = None if answer is None else httpx.MockTransport(answer)
        more = {"now_ms": lambda: NOW_MS, "transport": transport} | more
        opened.append(Exchange(url, key, nonces, **more))
        return opened[-1]

    yield connect
    for exchange in opened:
        exchange.close()


def statuses(*of: Any, kind: str = "order") -> dict[str, Any]:
    return {"status": "ok", "response": {"type": kind, "data": {"statuses": list(of)}}}


def reply(action: Any, body: Any, status: int = 200) -> tuple[Outcome, ...]:
    return read_answer(action, status, json.dumps(body).encode())


# --- what is sent ------------------------------------------------------------------------------


def test_the_request_is_the_one_the_official_sdk_sends(venue, connect, monkeypatch):
    asset = {"name": "BTC", "szDecimals": 5, "maxLeverage": 40}
    token = {"name": "USDC", "szDecimals": 8, "index": 0}
    venue.answers |= {
        "spotMeta": {"universe": [], "tokens": [token]},
        "meta": {"universe": [asset]},
        "": statuses("success", kind="cancel"),
    }
    nonces = count(NOW_MS, LANES)
    monkeypatch.setattr("hyperliquid.exchange.get_timestamp_ms", lambda: next(nonces))
    theirs = SdkExchange(Wallet.from_key(SECRET), venue.url)
    theirs.set_expires_after(NOW_MS + module.LIFE_MS)
    theirs.order("BTC", True, 0.001, 64900.0, {"limit": {"tif": "Alo"}}, reduce_only=True)
    theirs.bulk_cancel([{"coin": "BTC", "oid": 7}])
    theirs.modify_order(7, "BTC", True, 0.001, 64900.0, {"limit": {"tif": "Alo"}}, True)
    theirs.schedule_cancel(NOW_MS)
    theirs.update_leverage(3, "BTC", is_cross=False)
    theirs.update_isolated_margin(-1.25, "BTC")
    wanted = venue.requests[2:]
    order = wire.limit_order(0, 1, 64900.0, 0.001, 5, tif="Alo", reduce_only=True)
    ours = connect(venue.url)
    for action in (
        wire.PlaceOrders([order]),
        CANCEL,
        wire.ModifyOrders([wire.Modify(7, order)]),
        wire.ScheduleCancel(NOW_MS),
        wire.UpdateLeverage(0, False, 3),
        wire.isolated_margin(0, -1.25),
    ):
        ours.ask(action)
    assert venue.requests[2 + len(wanted) :] == wanted
    assert len(wanted) == 6


def test_every_request_has_a_nonce_of_its_own_an_end_and_our_signature(venue, connect, key):
    venue.answers[""] = lambda body: statuses({"resting": {"oid": 5}}, {"error": "x"})
    exchange = connect(venue.url)
    for _ in range(3):
        assert exchange.ask(PAIR) == (Resting(5), Refused(Reason.OTHER, "x"))
    assert [body["nonce"] for body in venue.requests] == [
        NOW_MS,
        NOW_MS + LANES,
        NOW_MS + 2 * LANES,
    ]
    for body in venue.requests:
        assert body["expiresAfter"] == NOW_MS + module.LIFE_MS
        request = wire.decode(json.dumps(body).encode())
        signer = recover(
            request.action, request.signature, request.nonce, None, request.expiresAfter
        )
        assert signer == key.address


def test_a_vault_is_signed_for_and_named(venue, connect, key):
    vault = "0x" + "ab" * 20
    venue.answers[""] = {"status": "ok", "response": {"type": "default"}}
    assert connect(venue.url, vault=vault).ask(wire.Noop()) == (Done(),)
    request = wire.decode(json.dumps(venue.requests[0]).encode())
    surroundings = request.nonce, request.vaultAddress, request.expiresAfter
    assert request.vaultAddress == vault
    assert recover(request.action, request.signature, *surroundings) == key.address


def test_a_nonce_is_not_below_what_the_engine_counted(connect):
    exchange = connect()
    prepared = exchange.prepare(PAIR, nonce=NOW_MS + 50, expires_ms=NOW_MS + 1)
    assert (prepared.nonce, prepared.expires_ms) == (NOW_MS + 2 * LANES, NOW_MS + 1)
    assert exchange.prepare(PAIR).nonce == NOW_MS + 3 * LANES


@pytest.mark.parametrize(
    "url",
    [
        "https://api.hyperliquid.xyz",
        "https://API.hyperliquid.xyz/",
        "https://api.hyperliquid.xyz.",
        "http://api.hyperliquid.xyz:80",
        "https://api-ui.hyperliquid.xyz",
    ],
)
def test_mainnet_must_be_meant(connect, url):
    with pytest.raises(MainnetRefusedError, match=r"trades real money.*--i-mean-mainnet"):
        connect(url)


def test_a_network_is_signed_for_as_the_venue_wants_it():
    assert network_source("https://api.hyperliquid.xyz", mean_mainnet=True) == "a"
    for url in ("https://api.hyperliquid-testnet.xyz", "http://127.0.0.1:3001"):
        assert network_source(url, mean_mainnet=False) == "b"
        with pytest.raises(ValueError, match="where mainnet is meant"):
            network_source(url, mean_mainnet=True)
    with pytest.raises(ValueError, match="url must look like"):
        network_source("api.hyperliquid.xyz", mean_mainnet=True)


# --- what is answered --------------------------------------------------------------------------


def test_recorded_answers_of_the_venue_are_read(snapshots: Path):
    folder = snapshots.parent / "hl_signed_actions_testnet"

    def read(name: str) -> tuple[Outcome, ...]:
        recorded = json.loads((folder / f"{name}.json").read_text())
        return reply(wire.canonical(recorded["request"]["action"]), recorded["response"])

    gone = "Cannot modify canceled or filled order"
    never = "Order was never placed, already canceled, or filled. asset=3"
    volume = (
        "Cannot set scheduled cancel time until enough volume traded. "
        "Required: $1000000. Traded: $250.35."
    )
    assert read("01_place_order") == (Resting(53244215259), Resting(53244215260))
    assert read("02_modify") == (Done(),)
    assert read("03_batchModify") == (Refused(Reason.UNKNOWN_ORDER, gone), Resting(53244219349))
    assert read("03b_cancel") == (Refused(Reason.UNKNOWN_ORDER, never),) * 2
    assert read("08_modify_error") == (Refused(Reason.UNKNOWN_ORDER, gone),)
    assert read("10_scheduleCancel_set") == (Refused(Reason.NO_VOLUME, volume),)


def test_an_order_that_took_says_so():
    filled = {"filled": {"totalSz": "0.02", "avgPx": "1891.4", "oid": 77}}
    assert reply(wire.PlaceOrders([BID]), statuses(filled)) == (Filled(77, 0.02, 1891.4),)


@pytest.mark.parametrize(
    "body",
    [
        {"status": "ok"},
        {"status": "ok", "response": "done"},
        {"status": "ok", "response": {"type": "default"}},
        {"status": "ok", "response": {"type": "order", "data": {"statuses": []}}},
        {"status": "err", "response": {"type": "default"}},
        {"status": "perhaps", "response": "x"},
        statuses({"resting": {"oid": 1}}),
        statuses({"error": "one for all?"}),
        statuses(*[{"resting": {"oid": 1}}] * 3),
        [],
        None,
        "ok",
    ],
)
def test_an_answer_that_does_not_say_what_became_of_each_order_is_unknown(body):
    outcomes = reply(PAIR, body)
    assert len(outcomes) == 2 and all(isinstance(one, Unknown) for one in outcomes)


@pytest.mark.parametrize(
    "status",
    [
        "waitingForFill",
        "success?",
        {},
        {"resting": {}},
        {"resting": {"oid": "5"}},
        {"filled": {"oid": 5, "totalSz": "0", "avgPx": "1"}},
        {"filled": {"oid": 5, "totalSz": "NaN", "avgPx": "1"}},
        {"filled": {"oid": 5}},
        {"error": 5},
        None,
    ],
)
def test_only_the_order_with_a_strange_status_is_unknown(status):
    found = reply(PAIR, statuses({"resting": {"oid": 5}}, status))
    assert found[0] == Resting(5)
    assert isinstance(found[1], Unknown)


@pytest.mark.parametrize("status", [400, 415, 422])
def test_a_request_the_server_could_not_read_is_refused(status):
    assert reply(CANCEL, "Failed to deserialize", status)[0].reason is Reason.MALFORMED


def test_a_spent_weight_is_a_refusal():
    assert reply(PAIR, None, 429) == (Refused(Reason.RATE_LIMIT, "HTTP 429 'null'"),) * 2


@pytest.mark.parametrize("status", [201, 301, 403, 404, 500, 502, 503, 504])
def test_any_other_status_is_unknown_whatever_it_says(status):
    (outcome,) = reply(CANCEL, statuses("success", kind="cancel"), status)
    assert outcome.why.startswith(f"HTTP {status}")


def test_a_used_nonce_is_unknown_because_the_first_copy_may_have_worked():
    said = {"status": "err", "response": f"Invalid nonce: duplicate nonce {NOW_MS}"}
    assert reply(CANCEL, said) == (Unknown(said["response"]),)
    said["response"] = "Invalid nonce: nonce too low 1 < 2"
    assert reply(CANCEL, said) == (Refused(Reason.NONCE, said["response"]),)


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        ("Price must be divisible by tick size. asset=3", Reason.BAD_PX),
        ("Price too far from oracle asset=4", Reason.BAD_PX),
        ("Order price cannot be more than 95% away from the reference price", Reason.BAD_PX),
        ("Order must have minimum value of $10.", Reason.MIN_NOTIONAL),
        ("Order must have minimum value of 10 USDH. asset=110000", Reason.MIN_NOTIONAL),
        ("Insufficient margin to place order. asset=1", Reason.NO_MARGIN),
        ("Reduce only order would increase position. asset=1", Reason.REDUCE_ONLY),
        (
            "Post only order would have immediately matched, bbo was 1.5@1.6. asset=1",
            Reason.POST_ONLY,
        ),
        ("Order could not immediately match against any resting orders.", Reason.NO_MATCH),
        ("Order would increase open interest while open interest is capped", Reason.OI_CAP),
        ("Order would increase open interest too quickly", Reason.OI_CAP),
        ("Order has zero size.", Reason.BAD_SZ),
        (
            "Only post-only orders allowed immediately after a network upgrade",
            Reason.POST_ONLY_PERIOD,
        ),
        (
            "Too many cumulative requests sent (10001 > 10000) for cumulative volume traded $0.",
            Reason.RATE_LIMIT,
        ),
        ("L1 error: User or API Wallet 0xabc does not exist.", Reason.SIGNER),
        ("Action already expired", Reason.EXPIRED),
        ("It is Sunday.", Reason.OTHER),
    ],
)
def test_the_venues_sentences_are_known_by_how_they_begin(sentence, reason):
    assert reason_of(sentence) is reason
    whole = {"status": "err", "response": sentence}
    assert reply(PAIR, whole) == (Refused(reason, sentence),) * 2
    assert reply(PAIR, statuses({"error": sentence}, "success"))[0] == Refused(reason, sentence)


def test_the_venues_statuses_are_known():
    assert reason_of_status("badAloPxRejected") is Reason.POST_ONLY
    assert reason_of_status("positionIncreaseAtOpenInterestCapRejected") is Reason.OI_CAP
    assert reason_of_status("newKindRejected") is Reason.OTHER


ACTIONS = [PAIR, CANCEL, wire.Noop(), wire.ModifyOrder(5, BID), wire.ScheduleCancel()]
some_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("success"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["status", "response", "type", "data", "statuses", "error", "resting"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.sampled_from(ACTIONS), st.integers(100, 599), st.binary(max_size=80) | some_json)
def test_any_answer_at_all_is_read_without_an_exception(action, status, said):
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    outcomes = read_answer(action, status, body)
    assert len(outcomes) == parts(action)
    if status != 200:
        assert all(isinstance(one, Unknown | Refused) for one in outcomes)


# --- what goes wrong on the way ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (httpx.ConnectError, Refused),
        (httpx.ConnectTimeout, Refused),
        (httpx.PoolTimeout, Refused),
        (httpx.ReadTimeout, Unknown),
        (httpx.WriteTimeout, Unknown),
        (httpx.ReadError, Unknown),
        (httpx.WriteError, Unknown),
        (httpx.RemoteProtocolError, Unknown),
    ],
)
def test_what_was_never_sent_is_refused_and_what_was_sent_is_unknown_and_not_sent_again(
    connect, error, outcome
):
    sent = []

    def fail(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        raise error("trouble")

    outcomes = connect(answer=fail).ask(PAIR)
    assert [type(one) for one in outcomes] == [outcome] * 2
    assert len(sent) == 1


def test_nobody_at_the_address_is_a_refusal(connect):
    (outcome,) = connect("http://127.0.0.1:9").ask(CANCEL)
    assert outcome.reason is Reason.NOT_SENT


@pytest.fixture
def rude() -> Iterator[tuple[str, list[bytes]]]:
    """A server that reads one request, says the beginning of an answer, and hangs up."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            peer, _ = server.accept()
            with peer:
                heard.append(peer.recv(1 << 16))
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + b'{"status":"ok"')
                peer.shutdown(socket.SHUT_WR)
                while peer.recv(1 << 16):  # what is not read would reset the connection
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", heard
        thread.join()


def test_half_an_answer_is_unknown(rude, connect):
    url, heard = rude
    (outcome,) = connect(url).ask(CANCEL)
    assert isinstance(outcome, Unknown) and "RemoteProtocolError" in outcome.why
    assert len(heard) == 1


class Drops(httpx.SyncByteStream):
    """An answer that comes byte by byte, a second each."""

    def __init__(self, clock: list[float], body: bytes) -> None:
        self.clock, self.body = clock, body

    def __iter__(self) -> Iterator[bytes]:
        for k in range(len(self.body)):
            self.clock[0] += 1.0
            yield self.body[k : k + 1]


@pytest.mark.parametrize(("body", "known"), [(b"null ", True), (b"null" + b" " * 20, False)])
def test_an_answer_that_drips_is_waited_for_no_longer_than_any_other(connect, body, known):
    clock = [0.0]
    exchange = connect(
        answer=lambda _: httpx.Response(429, stream=Drops(clock, body)), clock=lambda: clock[0]
    )
    (outcome,) = exchange.ask(CANCEL)
    assert isinstance(outcome, Refused) is known
    assert clock[0] <= module.ANSWER_S + 1.0


def test_an_endless_answer_is_cut_off_and_unknown(connect, monkeypatch):
    monkeypatch.setattr(module, "MAX_ANSWER_BYTES", 1_000)
    exchange = connect(answer=lambda _: httpx.Response(200, content=b" " * 5_000))
    (outcome,) = exchange.ask(CANCEL)
    assert isinstance(outcome, Unknown) and "too long" in outcome.why
