"""Requests out, answers in."""

import queue
import time
from types import SimpleNamespace

import httpx
import pytest

from engine.actions import CANCEL, MODIFY, PLACE
from engine.events import BUY, FILL, POST_ONLY, RATE_LIMIT, UNKNOWN_ORDER
from engine.gateway import words
from engine.runners.live.courier import MOST_PARTS, Courier
from engine.runners.live.journal import Ask
from engine.runners.live.news import Who
from engine.venues.hyperliquid.account_answers import FILLS
from engine.venues.hyperliquid.outcome import Done, Filled, Refused, Resting, Unknown, parts
from engine.venues.hyperliquid.refusals import Reason
from engine.venues.hyperliquid.wire import CancelByCloid, ModifyOrders, PlaceOrders

WHO = Who("0x" + "a" * 40, "HYPE", 159, 7)
NOTHING = dict.fromkeys(Ask._fields, 0)


def ask(kind, wire=0, **fields):
    return Ask(
        **NOTHING | {"kind": kind, "wire": wire, "px": 40.0, "sz": 1.0, "side": BUY} | fields
    )


class Exchange:
    """Signs nothing, and answers what a test wants."""

    def __init__(self, outcome):
        self.outcome, self.prepared = outcome, []

    def prepare(self, action, *, nonce, expires_ms):
        self.prepared.append(SimpleNamespace(action=action, nonce=nonce, expires_ms=expires_ms))
        return self.prepared[-1]

    def send(self, prepared):
        return (self.outcome,) * parts(prepared.action)


def carried(outcome, *asks, account=None):
    """Send some requests; return what the exchange was given, and what the engine is told."""
    told = queue.SimpleQueue()
    exchange = Exchange(outcome)
    courier = Courier(WHO, exchange, account, 2, told.put)
    courier.send(asks)
    courier.close()
    frames = []
    while not told.empty():
        frames.append(told.get())
    return exchange.prepared, [e for frame in frames for e in frame]


def test_orders_of_one_step_are_one_request_with_our_names_on_them():
    prepared, told = carried(
        Resting(9), ask(PLACE, 1, nonce=5, expires_ms=77), ask(PLACE, 2, nonce=6, px=39.5)
    )
    (one,) = prepared
    assert isinstance(one.action, PlaceOrders) and (one.nonce, one.expires_ms) == (5, 77)
    assert [order.c for order in one.action.orders] == [WHO.cloid(1), WHO.cloid(2)]
    assert [order.t.limit.tif for order in one.action.orders] == ["Alo", "Alo"]
    assert [(e["kind"], e["ref"], e["id"]) for e in told] == [
        (words.RESTING, 1, 9),
        (words.RESTING, 2, 9),
    ]


def test_kinds_are_not_mixed_and_keep_their_order():
    prepared, _ = carried(Done(), ask(CANCEL, 1), ask(PLACE, 2), ask(MODIFY, 3, replaces=2))
    kinds = [type(one.action) for one in prepared]
    assert kinds == [CancelByCloid, PlaceOrders, ModifyOrders]


def test_many_orders_are_several_requests():
    asks = [ask(PLACE, k, nonce=k, px=40.0) for k in range(1, MOST_PARTS + 3)]
    prepared, told = carried(Resting(9), *asks)
    assert [len(one.action.orders) for one in prepared] == [MOST_PARTS, 2]
    assert [one.nonce for one in prepared] == [1, MOST_PARTS + 1]
    assert len(told) == len(asks)


@pytest.mark.parametrize(
    ("kind", "outcome", "says"),
    [
        (PLACE, Unknown("timeout"), (words.LOST, 0)),
        (PLACE, Done(), (words.LOST, 0)),
        (PLACE, Filled(9, 1.0, 40.0), (words.LOST, 0)),
        (PLACE, Refused(Reason.POST_ONLY), (words.REFUSED, POST_ONLY)),
        (PLACE, Refused(Reason.NOT_SENT), (words.REFUSED, RATE_LIMIT)),
        (PLACE, Refused(Reason.EXPIRED), (words.REFUSED, RATE_LIMIT)),
        (MODIFY, Refused(Reason.UNKNOWN_ORDER), (words.REFUSED, UNKNOWN_ORDER)),
        (MODIFY, Unknown("5xx"), (words.LOST, 0)),
        (CANCEL, Done(), (words.CANCEL_DONE, 0)),
        (CANCEL, Refused(Reason.UNKNOWN_ORDER), (words.CANCEL_REFUSED, UNKNOWN_ORDER)),
        (CANCEL, Unknown("timeout"), None),
        (CANCEL, Resting(3), None),
    ],
)
def test_every_outcome_says_one_thing_and_what_is_unknown_stays_so(kind, outcome, says):
    _, told = carried(outcome, ask(kind, 4))
    assert [(e["kind"], e["code"]) for e in told] == ([says] if says else [])


def test_a_question_that_fails_is_said_to_be_lost():
    def fails(*_):
        raise httpx.ReadTimeout("slow")

    account = SimpleNamespace(fills_since=fails, order_status=fails, open_orders=fails)
    _, told = carried(Done(), ask(words.ASK_FILLS, id=3), account=account)
    assert [(e["kind"], e["id"]) for e in told] == [(words.QUESTION_LOST, 3)]
    _, told = carried(Done(), ask(words.ASK_STATUS, 4), account=account)
    assert told == []


def test_fills_come_before_the_word_that_they_were_all():
    fill = {
        "coin": "HYPE", "px": "40", "sz": "0.5", "side": "B", "time": 1_800_000_000_000,
        "startPosition": "0", "dir": "Open Long", "closedPnl": "0", "oid": 9, "crossed": False,
        "fee": "0.003", "tid": 77, "feeToken": "USDC", "cloid": WHO.cloid(4),
    }  # fmt: skip
    foreign = fill | {"coin": "BTC", "tid": 78}
    fills = FILLS.validate_python([fill, foreign])
    account = SimpleNamespace(fills_since=lambda _: fills)
    before_ns = time.time_ns()
    _, told = carried(Done(), ask(words.ASK_FILLS, id=3), account=account)
    assert [(e["kind"], e["ref"]) for e in told] == [(FILL, 4), (words.FILLS_TOLD, 0)]
    assert (told[0]["id"], told[0]["sz"], told[0]["extra"]) == (77, 0.5, 0.003)
    assert told[1]["ts_ns"] >= before_ns
