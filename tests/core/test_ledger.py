"""Position and cash: every fill once, and the accounts close."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core import ledger
from engine.core.ledger import REMEMBERED, Ledger
from engine.events import BUY, FILL, FUNDING, SELL, Event
from engine.record import zeros

fills = st.lists(
    st.tuples(
        st.sampled_from([BUY, SELL]),
        st.integers(1, 500_000).map(lambda x: x / 1e4),
        st.integers(1, 5_000).map(lambda x: x / 100),
        st.floats(-0.01, 0.05),
    ),
    max_size=60,
)


def fill(tid, side=BUY, px=20.0, sz=1.0, fee=0.003):
    e = zeros(Event)[0]
    e.kind, e.id, e.side, e.px, e.sz, e.extra = FILL, tid, side, px, sz, fee
    return e


def funding(payment, usd):
    e = zeros(Event)[0]
    e.kind, e.id, e.extra = FUNDING, payment, usd
    return e


@settings(max_examples=150, deadline=None)
@given(fills, st.lists(st.floats(-1.0, 1.0), max_size=9), st.floats(0.01, 100.0), st.data())
def test_equity_is_the_cash_that_flowed_plus_the_position_at_mid(rows, payments, mid, data):
    book = zeros(Ledger)[0]
    events = [fill(k + 1, *row) for k, row in enumerate(rows)]
    repeats = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=9)) if rows else []
    for e in events + [events[k] for k in repeats]:
        ledger.settle(book, e)
    for k, usd in enumerate(payments):
        ledger.pay_funding(book, funding(k + 1, usd))
    cash = math.fsum([-s * px * sz - fee for s, px, sz, fee in rows] + payments)
    position = math.fsum(s * sz for s, _, sz, _ in rows)
    assert ledger.equity_usd(book, mid) == pytest.approx(cash + position * mid, abs=1e-9, rel=1e-12)
    assert book.fees_usd == pytest.approx(math.fsum(row[3] for row in rows), abs=1e-12)
    assert book.funding_usd == pytest.approx(math.fsum(payments), abs=1e-12)
    assert book.volume_usd == pytest.approx(math.fsum(px * sz for _, px, sz, _ in rows))
    assert book.fills == len(rows)


@settings(max_examples=60, deadline=None)
@given(fills.filter(bool), st.randoms(use_true_random=False))
def test_repeats_change_nothing_wherever_they_come(rows, random):
    once, twice = zeros(Ledger)[0], zeros(Ledger)[0]
    events = [fill(k + 1, *row) for k, row in enumerate(rows)]
    for e in events:
        assert ledger.settle(once, e)
    told = list(events)
    for k, e in enumerate(events):
        told.insert(random.randint(told.index(e) + 1, len(told)), events[k])
    for e in told:
        ledger.settle(twice, e)
    assert once.tobytes() == twice.tobytes()


def test_a_repeat_is_answered_with_false_and_fee_is_paid_once():
    book = zeros(Ledger)[0]
    assert ledger.settle(book, fill(7))
    assert not ledger.settle(book, fill(7))
    assert (book.position, book.fees_usd, book.fills) == (1.0, 0.003, 1)
    assert book.cash_usd == pytest.approx(-20.003)


def test_funding_is_paid_once_and_numbers_itself():
    book = zeros(Ledger)[0]
    assert ledger.settle(book, fill(7))
    assert ledger.pay_funding(book, funding(7, -0.5))  # the same number as a fill's
    assert not ledger.pay_funding(book, funding(7, -0.5))
    assert book.funding_usd == -0.5
    assert ledger.equity_usd(book, 20.0) == pytest.approx(-0.503)


def test_a_reconnect_may_repeat_two_thousand_fills():
    book = zeros(Ledger)[0]
    for tid in range(1, 4_001):
        ledger.settle(book, fill(tid))
    assert not any(ledger.settle(book, fill(tid)) for tid in range(2_001, 4_001))
    assert book.fills == 4_000
    assert REMEMBERED >= 10_000
