"""Faults on request: what a plan says, when each strikes, and what clients see of it."""

import time
from collections import Counter

import httpx
import pytest
from hyperliquid.utils.error import ClientError, ServerError
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from engine.runners.localnet.faults import Fault, Faults, Plan, read_plan
from tests.localnet.server.conftest import wait_for

GTC = {"limit": {"tif": "Gtc"}}
SIGNATURE = {"r": "0x1", "s": "0x1", "v": 27}


class Clock:
    """A clock that is moved by hand."""

    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        return self.now_s


def of(*faults, seed=7, clock=None):
    return Faults(Plan(seed=seed, fault=faults), clock or Clock())


@given(st.integers(0, 2**31), st.floats(0.05, 0.95))
def test_the_same_seed_strikes_the_same(seed, probability):
    drop = Fault(kind="drop_message", probability=probability)
    late = Fault(kind="delay_message", probability=0.5)
    alone, among = of(drop, seed=seed), of(late, drop, seed=seed)
    struck = [alone.strikes("drop_message") is not None for _ in range(50)]
    others = []
    for _ in range(50):
        among.strikes("delay_message")
        others.append(among.strikes("drop_message") is not None)
    assert struck == others  # another kind draws from a stream of its own


def test_a_fault_strikes_as_often_as_it_says_and_only_in_its_time():
    clock = Clock()
    faults = of(Fault(kind="lose_request", probability=0.3, at_s=10, for_s=5), clock=clock)
    assert not any(faults.strikes("lose_request") for _ in range(100))
    clock.now_s += 10
    struck = sum(faults.strikes("lose_request") is not None for _ in range(10_000))
    assert 2_800 < struck < 3_200 and faults.hits == {"lose_request": struck}
    clock.now_s += 5
    assert faults.strikes("lose_request") is None


def test_a_lasting_fault_begins_once():
    clock = Clock()
    faults = of(Fault(kind="restart", at_s=3), clock=clock)
    assert faults.beginning() == []
    clock.now_s += 3
    assert [one.kind for one in faults.beginning()] == ["restart"]
    assert faults.beginning() == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("seed = 'x'", "seed"),
        ("[[fault]]\nkind = 'nothing'", "fault.0.kind"),
        ("[[fault]]\nkind = 'restart'\nprobability = 2.0", "fault.0.probability"),
        ("[[fault]]\nkind = 'restart'\nfor_s = 0.0", "fault.0.for_s"),
        ("[[fault]\n", "plan of faults"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_by_field(tmp_path, text, names):
    path = tmp_path / "plan.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=names):
        read_plan(path)


def test_a_plan_is_read_from_toml(strict, ip):
    with strict.visitor(ip) as client:
        body = {"action": {"type": "noop"}, "nonce": 1, "signature": SIGNATURE}
        assert client.post("/exchange", json=body).status_code == 429
        shown = client.get("/faults").json()
    assert shown["seed"] == 3 and shown["hits"]["refuse_busy"] > 0
    assert shown["faults"][0]["active"] is True


def test_a_fault_that_cannot_be_is_refused(venue):
    for body, names in (({"kind": "x"}, "kind"), ({"kind": "delist"}, "coin")):
        response = venue.http.post("/faults", json=body)
        assert response.status_code == 422 and response.text.startswith(names)


@pytest.mark.parametrize(
    ("kind", "error", "rests"),
    [
        ("lose_request", OSError, 0),
        ("lose_response", OSError, 1),
        ("refuse_busy", ClientError, 0),
        ("fail_before", ServerError, 0),
        ("fail_after", ServerError, 1),
    ],
)
def test_a_request_is_lost_before_or_after_it_is_carried_out(venue, trader, kind, error, rests):
    one = trader()
    venue.fault(kind, delay_ms=50)
    with pytest.raises(error):
        one.exchange.order("ETH", True, 0.2, 1000.0, GTC)
    venue.http.delete("/faults")
    assert len(one.info.open_orders(one.address)) == rests
    assert "resting" in one.place("ETH", "buy", 1001.0, 0.2)


def test_a_response_is_late(venue, trader):
    one = trader()
    venue.fault("slow_response", delay_ms=700)
    began_s = time.monotonic()
    assert "resting" in one.place("ETH", "buy", 1000.0, 0.2)
    assert time.monotonic() - began_s > 0.7


@pytest.mark.parametrize(("kind", "status"), [("info_fail", 502), ("info_busy", 429)])
def test_questions_fail(venue, kind, status):
    venue.fault(kind)
    assert venue.http.post("/info", json={"type": "meta"}).status_code == status


def test_a_stale_snapshot_is_what_was_told_last_time(venue, trader):
    one = trader()
    asked = {"type": "openOrders", "user": one.address}
    assert venue.http.post("/info", json=asked).json() == []
    venue.fault("stale_snapshot")
    one.place("ETH", "buy", 1000.0, 0.2)
    assert venue.http.post("/info", json=asked).json() == []
    venue.http.delete("/faults")
    assert len(venue.http.post("/info", json=asked).json()) == 1


def test_a_stale_snapshot_comes_by_socket_too(venue, trader, talk):
    one, first, second = trader(), talk(), talk()
    first.subscribe("openOrders", user=one.address)
    assert first.until("openOrders")["orders"] == []
    one.place("ETH", "buy", 1000.0, 0.2)
    venue.fault("stale_snapshot")
    second.subscribe("openOrders", user=one.address)
    assert second.until("openOrders")["orders"] == []


def test_a_post_is_lost_with_its_socket_and_carried_out_all_the_same(venue, trader, talk):
    one, socket, sent = trader(), talk(), []
    one.exchange.post = lambda path, body: sent.append(body) or {"status": "ok"}
    one.exchange.order("ETH", True, 0.2, 1000.0, GTC)
    del one.exchange.post
    venue.fault("lose_response", delay_ms=0)
    socket.say(method="post", id=1, request={"type": "action", "payload": sent[0]})
    with pytest.raises(ConnectionClosed) as closed:
        socket.next()
    assert closed.value.rcvd is None
    venue.http.delete("/faults")
    assert len(one.info.open_orders(one.address)) == 1


def test_who_comes_back_is_told_the_same_fills_once_more(venue, trader, talk):
    one, other, socket = trader(), trader(), talk()
    socket.subscribe("userFills", user=one.address)
    other.place("ETH", "sell", 4400.0, 0.01)
    one.place("ETH", "buy", 4400.0, 0.01)
    told = socket.until("userFills", lambda data: not data.get("isSnapshot"))["fills"]
    venue.fault("close_socket", for_s=2)
    with pytest.raises(ConnectionClosed):
        socket.until("nothing")
    venue.http.delete("/faults")
    again = talk()
    again.subscribe("userFills", user=one.address)
    assert again.until("userFills") == {
        "isSnapshot": True,
        "user": one.address,
        "fills": told,
    }


def test_a_socket_goes_silent_and_answers_pings(venue, trader, talk):
    one, socket = trader(), talk()
    socket.subscribe("orderUpdates", user=one.address)
    socket.until("subscriptionResponse")
    venue.fault("drop_message")
    one.place("ETH", "buy", 1000.0, 0.2)
    socket.say(method="ping")
    assert socket.next() == {"channel": "pong"}


def counted(venue, trader, talk, kind, **more):
    """Open orders told while a fault lasts, in the order in which they came."""
    one, socket = trader(), talk()
    socket.subscribe("orderUpdates", user=one.address)
    socket.until("subscriptionResponse")
    venue.fault(kind, **more)
    oids = [one.place("ETH", "buy", 1000.0 + k, 0.02)["resting"]["oid"] for k in range(8)]
    venue.http.delete("/faults")
    last = one.place("ETH", "buy", 999.0, 0.02)["resting"]["oid"]
    told = []
    while last not in told:
        told += [row["order"]["oid"] for row in socket.until("orderUpdates")]
    return oids, told


def test_messages_are_dropped(venue, trader, talk):
    oids, told = counted(venue, trader, talk, "drop_message", probability=0.5)
    assert 0 < len(set(oids) - set(told)) <= 8


def test_messages_come_twice(venue, trader, talk):
    oids, told = counted(venue, trader, talk, "duplicate_message")
    assert all(Counter(told)[oid] == 2 for oid in oids)


def test_messages_change_places(venue, trader, talk):
    oids, told = counted(venue, trader, talk, "reorder_messages", probability=0.5)
    assert set(oids) <= set(told) and [oid for oid in told if oid in oids] != oids


def test_messages_are_late_and_keep_their_order(venue, trader, talk):
    began_s = time.monotonic()
    oids, told = counted(venue, trader, talk, "delay_message", delay_ms=2_500)
    assert time.monotonic() - began_s > 2.5 and told[:8] == oids


def test_a_socket_closes_without_a_word(venue, talk):
    socket = talk()
    venue.fault("close_socket")
    with pytest.raises(ConnectionClosed) as closed:
        socket.next()
    assert closed.value.rcvd is None


def test_a_book_stands_still_on_a_socket_that_lives(venue, trader, talk):
    maker, socket, touch = trader(), talk(), talk()
    maker.place("ETH", "sell", 4400.0, 0.1)
    touch.subscribe("bbo", coin="ETH")
    touch.until("bbo", lambda data: data["bbo"][1]["px"] == "4400.0")
    socket.subscribe("l2Book", coin="ETH")
    socket.until("l2Book", lambda book: len(book["levels"][1]) == 1)
    venue.fault("frozen_book", coin="ETH")
    maker.place("ETH", "sell", 4399.0, 0.1)
    frozen = [socket.until("l2Book") for _ in range(4)]
    assert len({book["time"] for book in frozen[1:]}) == 1
    assert len(frozen[-1]["levels"][1]) == 1
    assert len(maker.info.l2_snapshot("ETH")["levels"][1]) == 2
    for one in (touch, socket):
        one.say(method="ping")
    assert touch.next() == {"channel": "pong"}
    while socket.next() != {"channel": "pong"}:
        pass
    venue.http.delete("/faults")
    thawed = socket.until("l2Book", lambda book: len(book["levels"][1]) == 2)
    assert thawed["time"] > frozen[-1]["time"]


def test_after_an_upgrade_only_post_only_orders_are_taken(venue, trader):
    one = trader()
    venue.fault("post_only", for_s=2)
    wait_for(lambda: venue.http.get("/faults").json()["hits"].get("post_only"))
    wait_for(lambda: one.exchange.order("ETH", True, 0.2, 1000.0, GTC)["status"] == "err", 5.0)
    told = one.exchange.order("ETH", True, 0.2, 1000.0, GTC)
    words = "Only post-only orders allowed immediately after network upgrade"
    assert told == {"status": "err", "response": words}
    assert "resting" in one.place("ETH", "buy", 1000.0, 0.2, "Alo")
    wait_for(lambda: one.exchange.order("ETH", True, 0.2, 1000.0, GTC)["status"] == "ok", 10.0)


def test_a_delisted_asset_is_settled_at_its_mark_and_closed(venue, trader):
    long, short = trader(), trader()
    for one in (long, short):
        venue.fund(one.address, 1_000.0, dex="xyz")
    short.place("xyz:XYZ100", "sell", 24_000.0, 0.01)
    long.place("xyz:XYZ100", "buy", 24_000.0, 0.01)
    oid = long.place("xyz:XYZ100", "buy", 23_000.0, 0.01)["resting"]["oid"]
    venue.fault("delist", coin="xyz:XYZ100")
    wait_for(lambda: not long.info.open_orders(long.address, "xyz"))
    told = long.info.query_order_by_oid(long.address, oid)
    assert told["order"]["status"] == "delistedCanceled"
    assert long.position("xyz:XYZ100", "xyz") == short.position("xyz:XYZ100", "xyz") == 0.0
    assert long.info.user_fills(long.address)[0]["dir"] == "Settlement"
    refused = long.place("xyz:XYZ100", "buy", 23_000.0, 0.01)
    assert refused["error"].startswith("Trading is halted.")
    listed = {row["name"]: row.get("isDelisted") for row in long.info.meta("xyz")["universe"]}
    assert listed["xyz:XYZ100"] is True and listed["xyz:GOLD"] is None


def test_a_restart_forgets_nothing_that_was_answered(venue, trader, talk):
    one, other, socket = trader(), trader(), talk()
    oids = [one.place("ETH", "buy", 1000.0 + k, 0.02)["resting"]["oid"] for k in range(3)]
    assert "filled" in other.place("ETH", "sell", 1002.0, 0.02)
    nonce = int(time.time() * 1e3)
    assert one.exchange.noop(nonce)["status"] == "ok"
    before = _all_of(one)
    assert len(before[0]) == 2 and len(before[1]) == 1
    socket.subscribe("orderUpdates", user=one.address)
    socket.until("subscriptionResponse")
    venue.fault("restart", for_s=1)
    with pytest.raises(ConnectionClosed):
        socket.next()
    with pytest.raises(httpx.TransportError):
        venue.http.post("/info", json={"type": "meta"})
    wait_for(lambda: _is_up(venue))
    assert _all_of(one) == before
    assert one.exchange.noop(nonce)["response"] == f"Invalid nonce: duplicate nonce {nonce}"
    assert one.place("ETH", "buy", 1005.0, 0.02)["resting"]["oid"] > max(oids)


def _all_of(one):
    """Orders, fills, and money of a trader."""
    state = one.info.user_state(one.address)
    del state["time"]
    return one.info.open_orders(one.address), one.info.user_fills(one.address), state


def _is_up(venue):
    try:
        return venue.http.post("/info", json={"type": "meta"}).status_code == 200
    except httpx.TransportError:
        return False
