"""What an account holds and hears: recorded answers, documented frames, a socket that dies."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.sync.server import ServerConnection, serve

from engine.events import BUY, SELL
from engine.venues.hyperliquid import account as module
from engine.venues.hyperliquid import account_answers as shapes
from engine.venues.hyperliquid.account import Account
from engine.venues.hyperliquid.account_answers import Fill, Funding, OrderNews
from engine.venues.hyperliquid.account_frames import (
    SUBSCRIPTIONS,
    AccountReader,
    Liquidated,
    Lost,
    NonUserCancel,
    Subscribed,
)
from engine.venues.hyperliquid.account_stream import AccountStream, Deaf, Listening
from engine.venues.hyperliquid.info import InfoClient
from engine.venues.hyperliquid.refusals import Reason
from engine.venues.line import Patience
from engine.venues.rows import VenueError

USER = "0x4a1ae5a6cfb24390a704b1cc1ab88d0f89ef596b"
OTHER = "0x" + "cd" * 20
T0_MS = 1_785_261_290_665
UPDATE = (
    b'{"channel":"orderUpdates","data":[{"order":{"coin":"BTC","side":"B","limitPx":"31795.0",'
    b'"sz":"0.00037","oid":57118842019,"timestamp":1785261289146,"origSz":"0.00037",'
    b'"cloid":"0xa1f0cddc17303d07f3fd128d5b35071d"},"status":"canceled",'
    b'"statusTimestamp":1785261290665}]}'
)


def fill(tid: int, **more: Any) -> dict[str, Any]:
    return {
        "coin": "BTC", "px": "80942.0", "sz": "0.00246", "side": "B", "time": T0_MS + tid,
        "startPosition": "0.0", "dir": "Open Long", "closedPnl": "0.0", "hash": "0xc4",
        "oid": 52998490771, "crossed": True, "fee": "0.089602", "tid": tid, "feeToken": "USDC",
        "twapId": None,
    } | more  # fmt: skip


def funding(hour: int, coin: str = "ETH") -> dict[str, Any]:
    return {
        "time": T0_MS + hour * 3_600_000, "coin": coin, "usdc": "-0.002982", "szi": "-0.0924",
        "fundingRate": "-0.0000141816", "nSamples": 1,
    }  # fmt: skip


def frame(channel: str, data: Any) -> bytes:
    return json.dumps({"channel": channel, "data": data}).encode()


def fills_frame(*fills: dict[str, Any], user: str = USER, **more: Any) -> bytes:
    return frame("userFills", {"user": user, "fills": list(fills)} | more)


@pytest.fixture
def account(venue) -> Iterator[Account]:
    with InfoClient(venue.url, timeout_s=2, attempts=1) as client:
        yield Account(client, USER.upper().replace("X", "x"), "xyz")


@pytest.fixture
def reader() -> AccountReader:
    return AccountReader(USER)


# --- by request --------------------------------------------------------------------------------


def test_every_question_is_the_documented_one(venue, account):
    asked = {
        "frontendOpenOrders": (account.open_orders, [], {"dex": "xyz"}),
        "orderStatus": (lambda: account.order_status("0xab"), {"status": "unknownOid"},
                        {"oid": "0xab"}),
        "userFills": (account.fills, [], {}),
        "userFillsByTime": (lambda: account.fills_since(5), [],
                            {"startTime": 5, "endTime": None, "aggregateByTime": False}),
        "userFees": (account.fees, {"userAddRate": "0.00015", "userCrossRate": "0.00045"}, {}),
        "userAbstraction": (account.abstraction, "default", {}),
        "extraAgents": (account.agents, [], {}),
        "userRole": (account.role, {"role": "user"}, {}),
    }  # fmt: skip
    for kind, (ask, answer, fields) in asked.items():
        venue.answers[kind] = json.dumps(answer)
        ask()
        assert venue.requests[-1] == {"type": kind, "user": USER} | fields


def test_what_the_real_venue_answered_is_read(venue, account, snapshots: Path):
    folder = snapshots.parent / "hl_signed_actions_testnet"

    def recorded(name: str, kind: str) -> None:
        venue.answers[kind] = json.loads((folder / f"{name}.json").read_text())["response"]

    recorded("06_openOrders", "frontendOpenOrders")
    newest, _ = account.open_orders()
    assert (newest.oid, newest.side, newest.limitPx, newest.sz) == (
        53244219349,
        BUY,
        69711,
        0.00039,
    )
    recorded("07_userFills", "userFills")
    (one,) = account.fills()
    assert (one.key, one.fee) == ((1778656572106, "BTC", 42195709352155), 0.089602)
    recorded("09_clearinghouseState", "clearinghouseState")
    state = account.clearinghouse()
    assert state.marginSummary.accountValue == 27.238902
    assert (state.position("BTC"), state.position("DOGE")) == (0.00297, 0.0)
    recorded("15_userRateLimit", "userRateLimit")
    assert account.rate_limit().nRequestsUsed == 42163
    recorded("14_userRole", "userRole")
    assert account.role().role == "user"


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("get_frontend_open_orders", shapes.OPEN_ORDERS),
        ("extra_agents", shapes.AGENTS),
        ("user_role", shapes.ROLE),
        ("user_rate_limit", shapes.RATE_LIMIT),
    ],
)
def test_what_the_sdks_tests_recorded_is_read(snapshots: Path, name, shape):
    for one in json.loads((snapshots / "sdk_cassettes" / f"{name}.json").read_text()):
        shape.validate_json(json.dumps(one["response"]))


def test_every_status_the_venue_has_given_an_order_is_known(snapshots: Path):
    recorded = json.loads((snapshots / "sdk_cassettes" / "historical_orders.json").read_text())
    news = [OrderNews.model_validate_json(json.dumps(one)) for one in recorded[0]["response"]]
    assert {one.status for one in news} >= {"canceled", "iocCancelRejected"}
    assert not any(one.alive for one in news if one.status != "open")


def test_positions_of_a_large_account_are_read(snapshots: Path):
    text = (snapshots / "marketmicro_mcp" / "clearinghouse_whale.json").read_bytes()
    state = shapes.CLEARINGHOUSE.validate_json(text)
    total = sum(one.position.positionValue for one in state.assetPositions)
    assert total == pytest.approx(state.marginSummary.totalNtlPos, rel=1e-12)


def test_an_order_the_venue_does_not_know_is_none_and_a_known_one_has_its_status(venue, account):
    venue.answers["orderStatus"] = {"status": "unknownOid"}
    assert account.order_status(5) is None
    news = json.loads(UPDATE)["data"][0]
    venue.answers["orderStatus"] = {"status": "order", "order": news | {"status": "open"}}
    assert account.order_status(5).alive
    for broken in ({"status": "order"}, {"status": "unknownOid", "order": news}):
        venue.answers["orderStatus"] = broken
        with pytest.raises(VenueError, match="cannot be used"):
            account.order_status(5)


def pages(fills: list[dict[str, Any]], size: int) -> Callable[[dict[str, Any]], Any]:
    """Answer as the venue does: oldest first, from a time on, `size` at most."""
    return lambda asked: [one for one in fills if one["time"] >= asked["startTime"]][:size]


def test_all_pages_of_fills_are_read_and_each_fill_once(venue, account, monkeypatch):
    monkeypatch.setattr(module, "PAGE", 10)
    made = [fill(k, time=T0_MS + k // 3) for k in range(47)]
    venue.answers["userFillsByTime"] = pages(made, 10)
    found = account.fills_since(T0_MS)
    assert [one.tid for one in found] == list(range(47))
    assert account.fills_since(T0_MS + 15) == found[45:]


@pytest.mark.parametrize(("times", "most"), [(1, 100), (1_000, 20)])
def test_fills_that_may_be_missing_are_an_error(venue, account, monkeypatch, times, most):
    monkeypatch.setattr(module, "PAGE", 10)
    monkeypatch.setattr(module, "REACHABLE", most)
    made = [fill(k, time=T0_MS + k % times) for k in range(30)]
    venue.answers["userFillsByTime"] = pages(made, 10)
    with pytest.raises(ValueError, match="some may be missing"):
        account.fills_since(T0_MS)


# --- by socket ---------------------------------------------------------------------------------


def test_the_recorded_update_of_an_order_is_read(reader):
    (news,) = reader.read(UPDATE)
    assert (news.order.oid, news.order.side, news.status) == (57118842019, BUY, "canceled")
    assert (news.alive, news.refused) == (False, None)
    assert news.order.cloid == "0xa1f0cddc17303d07f3fd128d5b35071d"


def test_the_recorded_fill_against_a_liquidation_is_read(reader, snapshots: Path):
    (one,) = reader.read((snapshots / "nautilus" / "ws_user_fill_liquidation.json").read_bytes())
    assert (one.side, one.fee, one.crossed) == (SELL, 0.009997, False)
    assert one.liquidation.liquidatedUser == "0x360878d351f05975e25f1807a27895e1e5e004fb"


CANCELED = [
    "canceled",
    "marginCanceled",
    "vaultWithdrawalCanceled",
    "openInterestCapCanceled",
    "selfTradeCanceled",
    "reduceOnlyCanceled",
    "siblingFilledCanceled",
    "delistedCanceled",
    "liquidatedCanceled",
    "outcomeSettledCanceled",
    "scheduledCancel",
    "internalCancel",
    "someNewCanceled",
]
REJECTED = [
    "tickRejected",
    "minTradeNtlRejected",
    "perpMarginRejected",
    "reduceOnlyRejected",
    "badAloPxRejected",
    "iocCancelRejected",
    "badTriggerPxRejected",
    "marketOrderNoLiquidityRejected",
    "positionIncreaseAtOpenInterestCapRejected",
    "positionFlipAtOpenInterestCapRejected",
    "tooAggressiveAtOpenInterestCapRejected",
    "openInterestIncreaseRejected",
    "insufficientSpotBalanceRejected",
    "oracleRejected",
    "perpMaxPositionRejected",
    "tooManyOpenOrdersRejected",
]


def told_of(reader: AccountReader, status: str) -> OrderNews:
    (news,) = reader.read(UPDATE.replace(b'"canceled"', f'"{status}"'.encode()))
    return news


def test_every_documented_status_says_whether_the_order_may_still_fill(reader):
    assert all(told_of(reader, status).alive for status in ("open", "triggered"))
    for status in ("filled", *CANCELED):
        news = told_of(reader, status)
        assert (news.alive, news.refused) == (False, None), status
    for status in REJECTED:
        news = told_of(reader, status)
        assert not news.alive and news.refused not in (None, Reason.OTHER), status
    for status in ("rejected", "someNewRejected"):
        assert told_of(reader, status).refused is Reason.OTHER


def test_a_status_that_says_neither_is_not_guessed(reader):
    (lost,) = reader.read(UPDATE.replace(b'"canceled"', b'"paused"'))
    assert isinstance(lost, Lost) and "'paused' is not known" in lost.why


def test_a_fill_is_told_once_whichever_channel_brings_it_and_after_a_reconnect(reader):
    first = reader.read(fills_frame(fill(3), fill(1), fill(2), isSnapshot=True))
    assert [one.tid for one in first] == [1, 2, 3]
    assert reader.read(frame("user", {"fills": [fill(3), fill(4)]})) == [Fill(**_typed(fill(4)))]
    assert reader.read(fills_frame(fill(4), fill(5), isSnapshot=False))[0].tid == 5
    assert reader.read(fills_frame(*map(fill, range(1, 6)), isSnapshot=True)) == []
    assert reader.dropped["fill_repeated"] == 1 + 1 + 5


def _typed(told: dict[str, Any]) -> dict[str, Any]:
    return shapes.FILLS.validate_json(json.dumps([told]))[0].model_dump() | {
        "side": "B", "px": told["px"], "sz": told["sz"], "fee": told["fee"],
        "startPosition": told["startPosition"], "closedPnl": told["closedPnl"],
    }  # fmt: skip


def test_fills_of_one_tid_on_two_coins_or_at_two_times_are_two(reader):
    told = reader.read(fills_frame(fill(1), fill(1, coin="ETH"), fill(1, time=T0_MS)))
    assert len(told) == 3


def test_payments_are_told_once_and_oldest_first(reader):
    snapshot = {"user": USER, "fundings": [funding(2), funding(1)], "isSnapshot": True}
    told = reader.read(frame("userFundings", snapshot))
    assert [one.time for one in told] == [T0_MS + 3_600_000, T0_MS + 7_200_000]
    assert all(isinstance(one, Funding) and one.usdc == -0.002982 for one in told)
    assert reader.read(frame("user", {"funding": funding(2)})) == []
    assert len(reader.read(frame("user", {"funding": funding(2, "BTC")}))) == 1


def test_what_the_venue_did_to_us_is_told(reader):
    liquidation = {
        "lid": 7, "liquidator": OTHER, "liquidated_user": USER, "liquidated_ntl_pos": "100.0",
        "liquidated_account_value": "3.0",
    }  # fmt: skip
    assert isinstance(reader.read(frame("user", {"liquidation": liquidation}))[0], Liquidated)
    cancels = [{"coin": "BTC", "oid": 5}, {"coin": "xyz:TSLA", "oid": 6}]
    told = reader.read(frame("user", {"nonUserCancel": cancels}))
    assert told == [NonUserCancel(coin="BTC", oid=5), NonUserCancel(coin="xyz:TSLA", oid=6)]
    assert reader.read(frame("user", {"twapHistory": []})) == []


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"", "JSON"),
        (b"[]", "frame: .*object"),
        (frame("notification", {}), "expected tags"),
        (frame("error", "Cannot track more than 10 total users."), "Cannot track"),
        (fills_frame(fill(1), user=OTHER), f"user must be {USER}"),
        (fills_frame(fill(1, px="NaN")), "px: .*decimal"),
        (fills_frame(fill(1, px="-1")), "px: .*greater than 0"),
        (fills_frame(fill(1, sz=0.5)), "sz: .*string"),
        (fills_frame(fill(1, side="C")), "side"),
        (fills_frame(fill(1, side=["B"])), "side"),
        (fills_frame(fill(-1)), "tid"),
        (fills_frame(fill(1, time=0)), "time"),
    ],
)
def test_what_cannot_be_read_is_never_just_left_out(reader, said, why):
    (lost,) = reader.read(said)
    assert isinstance(lost, Lost)
    assert re.search(why, lost.why)


def test_a_frame_with_one_bad_fill_is_lost_whole_and_its_good_one_is_news_later(reader):
    assert isinstance(reader.read(fills_frame(fill(1), fill(2, px="0")))[0], Lost)
    assert [one.tid for one in reader.read(fills_frame(fill(1), fill(2)))] == [1, 2]


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_read_or_lost(raw):
    for said in (raw, UPDATE[:40] + raw, fills_frame(fill(1)).replace(b"0.089602", raw)):
        assert isinstance(AccountReader(USER).read(said), list)


@given(st.lists(st.integers(0, 30), max_size=80))
def test_whatever_is_repeated_each_fill_is_told_exactly_once(tids):
    reader = AccountReader(USER)
    told = [one.tid for tid in tids for one in reader.read(fills_frame(fill(tid)))]
    assert sorted(told) == sorted(set(tids))


def test_memory_of_fills_is_bounded(reader, monkeypatch):
    monkeypatch.setattr("engine.venues.hyperliquid.account_frames.SEEN", 10)
    reader.read(fills_frame(*map(fill, range(30))))
    assert len(reader._seen) == 10


# --- a socket that dies ------------------------------------------------------------------------


class SpeakingVenue:
    """Acknowledges subscriptions, tells some fills, and may then fall silent or hang up."""

    def __init__(self) -> None:
        self.url = ""
        self.heard: list[dict[str, Any]] = []
        self.connections = 0
        self.acknowledges = len(SUBSCRIPTIONS)
        self.after: Callable[[ServerConnection], None] = lambda ws: None

    def talk(self, ws: ServerConnection) -> None:
        self.connections += 1
        acknowledged = 0
        for text in ws:
            message = json.loads(text)
            self.heard.append(message)
            if message["method"] == "ping":
                ws.send('{"channel":"pong"}')
            elif acknowledged < self.acknowledges:
                acknowledged += 1
                ws.send(frame("subscriptionResponse", message).decode())
                if acknowledged == len(SUBSCRIPTIONS):
                    self.after(ws)


@pytest.fixture
def speaker() -> Iterator[SpeakingVenue]:
    speaker = SpeakingVenue()
    with serve(speaker.talk, "127.0.0.1", 0, compression=None, close_timeout=0.2) as server:
        speaker.url = f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield speaker
        server.shutdown()
        thread.join()


@pytest.fixture
def listen(speaker) -> Iterator[Callable[..., AccountStream]]:
    streams = []

    def listen(ping_s: float = 30.0, **more: Any) -> AccountStream:
        quick = Patience(open_s=2.0, ping_s=ping_s, pause_s=0.01, longest_pause_s=0.05)
        streams.append(AccountStream(speaker.url, USER, patience=quick, **more))
        return streams[-1]

    yield listen
    for stream in streams:
        stream.close()


def hear(stream: AccountStream, n: int) -> list[Any]:
    news: list[Any] = []
    until_s = time.monotonic() + 10.0
    while len(news) < n and time.monotonic() < until_s:
        news += stream.take(0.1) or []
    assert len(news) >= n, news
    assert all(a.recv_ns <= b.recv_ns for a, b in pairwise(news))
    return [one.what for one in news[:n]]


def test_listening_is_said_once_every_channel_is_heard(speaker, listen):
    speaker.after = lambda ws: ws.send(fills_frame(fill(1), isSnapshot=True).decode())
    listening, one = hear(listen(), 2)
    assert listening == Listening() and one.tid == 1
    asked = [message["subscription"] for message in speaker.heard]
    assert asked == [{"type": kind, "user": USER} for kind in SUBSCRIPTIONS]


def test_a_closed_socket_is_said_and_what_is_repeated_on_the_next_is_not(speaker, listen):
    def tell_and_leave(ws: ServerConnection) -> None:
        ws.send(fills_frame(*map(fill, range(speaker.connections)), isSnapshot=True).decode())
        ws.close()

    speaker.after = tell_and_leave
    news = hear(listen(), 6)
    assert [type(one) for one in news] == [Listening, Fill, Deaf] * 2
    assert [one.tid for one in news if isinstance(one, Fill)] == [0, 1]


def test_a_socket_that_only_lives_is_kept_by_its_pongs(speaker, listen):
    stream = listen(ping_s=0.05, quiet_s=0.5)
    assert hear(stream, 1) == [Listening()]
    until_s = time.monotonic() + 0.8
    while time.monotonic() < until_s:
        assert stream.take(0.05) == []
    assert speaker.connections == 1


def test_a_socket_that_says_nothing_is_closed_and_opened_anew(speaker, listen):
    stream = listen(quiet_s=0.3)
    news = hear(stream, 3)
    assert [type(one) for one in news] == [Listening, Deaf, Listening]
    assert "nothing came for 0.3 s" in news[1].why


def test_a_venue_that_does_not_acknowledge_every_channel_is_not_listened_to(speaker, listen):
    speaker.acknowledges = len(SUBSCRIPTIONS) - 1
    stream = listen(ping_s=0.05, quiet_s=0.3)  # pongs come all the time
    assert isinstance(hear(stream, 1)[0], Deaf)
    assert Subscribed not in map(type, hear(stream, 1))


def test_a_closed_stream_is_over(listen):
    stream = listen()
    hear(stream, 1)
    stream.close()
    while (news := stream.take(0.1)) is not None:
        assert all(isinstance(one.what, Deaf) for one in news)
