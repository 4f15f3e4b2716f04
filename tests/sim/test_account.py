"""Our account as the venue keeps it: what each rule charges, refuses, pays and closes."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.actions import CANCEL, CANCEL_ALL, HALT, MODIFY, PLACE
from engine.core import ledger, risk
from engine.core.ledger import Ledger
from engine.core.maker import new_maker, step_at
from engine.core.output import Output
from engine.core.params import new_params
from engine.events import (
    ACCEPTED,
    BUY,
    CANCELED,
    FILL,
    FUNDING,
    LAST,
    LEVEL,
    LIQUIDATED,
    QUOTA,
    RATE_LIMIT,
    REJECTED,
    SELL,
    SNAPSHOT,
    TIMER,
    UNKNOWN_ORDER,
    Event,
)
from engine.record import zeros
from engine.sim import account
from engine.sim.account import DAYS, TIER_MAKER, TIER_TAKER, Account

MS = 1_000_000
S = 1_000 * MS
HOUR_MS = 3_600_000
HOUR_NS = 3_600 * S
DAY_NS = 24 * HOUR_NS
T0 = 490_000 * HOUR_NS


def reasons(paper):
    return [a.code for a in paper.told if a.kind == REJECTED]


def hold(paper, position, px=20.0):
    """Give the account a position it bought or sold at a price, free of fees."""
    paper.account.position = position
    paper.account.cash_usd = -position * px


# requests


def used(paper):
    return float(paper.account.budget.used)


def test_every_request_the_venue_looks_at_costs_one(new_paper):
    paper = new_paper(limits=True, request_grant=100.0)
    paper.book(0)
    costs = []
    for ms, asked in enumerate(
        [
            (PLACE, 1, BUY, 19.99, 1.0),
            (PLACE, 2, BUY, 25.0, 1.0),  # refused: it would match
            (PLACE, 3, BUY, 19.9, 0.1),  # refused: too small
            (MODIFY, 1, BUY, 19.98, 1.0),
            (MODIFY, 9, BUY, 19.98, 1.0),  # there is none
            (CANCEL, 9),
            (CANCEL, 1),
            (CANCEL_ALL,),  # nothing rests
        ]
    ):
        before = used(paper)
        paper.ask(10 * ms, *asked)
        paper.until(10 * ms + 5)
        costs.append(used(paper) - before)
    assert costs == [1, 1, 1, 1, 1, 1, 1, 0]


def test_cancelling_everything_costs_one_for_each_order(new_paper):
    paper = new_paper(limits=True, request_grant=100.0)
    paper.book(0)
    for k in range(5):
        paper.place(k + 1, BUY if k % 2 else SELL, 19.9 if k % 2 else 20.1, 1.0, ms=10 * k)
    assert used(paper) == 5
    paper.ask(100, CANCEL_ALL)
    paper.until(110)
    assert used(paper) == 10
    assert sorted(a.cloid for a in paper.told if a.kind == CANCELED) == [1, 2, 3, 4, 5]


def test_a_dollar_traded_earns_a_request(new_paper):
    paper = new_paper(limits=True, request_grant=2.0)
    paper.book(0)
    paper.place(1, BUY, 19.99, 1.0)
    paper.print(10, SELL, 19.9, 0.6)
    assert paper.account.budget.granted == pytest.approx(2.0 + 19.99 * 0.6)
    granted = 0
    for k in range(20):
        paper.place(k + 2, BUY, 19.9, 1.0, ms=20 + 10 * k)
        granted = sum(a.kind == ACCEPTED for a in paper.told)
    assert granted == 13 + 1  # 13.994 requests, and the first beyond them: one in ten seconds
    assert reasons(paper) == [RATE_LIMIT] * (21 - 14)


def test_an_address_without_requests_has_one_in_ten_seconds_and_refusals_are_free(new_paper):
    paper = new_paper(limits=True, request_grant=1.0, latency=0.0)
    paper.book(0)
    accepted = []
    for ms in range(0, 30_000, 250):
        before = used(paper)
        said = paper.place(1 + ms, BUY, 19.9, 1.0, ms=ms)
        if said[0].kind == ACCEPTED:
            accepted.append(ms)
        else:
            assert said[0].code == RATE_LIMIT
            assert used(paper) == before
    assert accepted == [0, 250, 10_250, 20_250]


@pytest.mark.parametrize(
    ("grant", "cancels"), [(10.0, 20.0), (10_000.0, 20_000.0), (300_000.0, 400_000.0)]
)
def test_cancels_may_use_twice_as_much_or_a_hundred_thousand_more(new_paper, grant, cancels):
    paper = new_paper(limits=True, request_grant=grant)
    paper.book(0)
    paper.place(1, BUY, 19.9, 1.0)
    b = paper.account.budget
    b.used = grant
    paper.account.trickle_ns = T0 + 3_600 * S  # the one in ten seconds is spent
    paper.place(2, BUY, 19.9, 1.0, ms=10)
    b.used = cancels - 1
    paper.ask(20, CANCEL, 77)
    paper.ask(21, CANCEL, 1)
    paper.until(30)
    assert reasons(paper) == [RATE_LIMIT, UNKNOWN_ORDER, RATE_LIMIT]
    assert b.used == cancels
    assert paper.order(1).sz == 1.0  # what is refused changes nothing


def test_cancelling_everything_goes_as_far_as_it_can_be_paid_for(new_paper):
    paper = new_paper(limits=True, request_grant=10.0)
    paper.book(0)
    for k in range(5):
        paper.place(k + 1, BUY, 19.9, 1.0, ms=10 * k)
    paper.account.budget.used = 18.0
    paper.account.trickle_ns = paper.ns(100)
    paper.ask(100, CANCEL_ALL)
    paper.until(110)
    assert sum(a.kind == CANCELED for a in paper.told) == 2
    assert reasons(paper) == [RATE_LIMIT] * 3
    assert {a.cloid for a in paper.told if a.kind in (CANCELED, REJECTED)} == {1, 2, 3, 4, 5}
    assert len(paper.orders()) == 3


def test_without_limits_requests_are_not_counted(new_paper):
    paper = new_paper(limits=False, request_grant=1.0)
    paper.book(0)
    for k in range(5):
        paper.place(k + 1, BUY, 19.9, 1.0, ms=10 * k)
    assert reasons(paper) == [] and used(paper) == 0


def test_the_venue_reports_what_is_used_every_minute(new_paper):
    paper = new_paper(limits=True, request_grant=100.0)
    for second in range(0, 200, 5):
        paper.book(1_000 * second)
        paper.place(second + 1, BUY, 19.9, 1.0, ms=1_000 * second)
    quotas = [a for a in paper.told if a.kind == QUOTA]
    assert [a.at_ms for a in quotas] == [60_000, 120_000, 180_000]
    assert [(a.px, a.sz) for a in quotas] == [(12, 100), (24, 100), (36, 100)]


# fees


@pytest.mark.parametrize(
    ("fee", "px", "sz", "paid"),
    [
        (1.5e-4, 19.99, 0.4, 0.001199),  # 0.0011994: truncated
        (1.5e-4, 20.0, 1.0, 0.003),
        (0.0, 20.0, 1.0, 0.0),
        (-1e-5, 19.99, 1.0, -0.000199),  # a rebate of 0.0001999
        (-1e-5, 20.0, 1.0, -0.0002),
        (-3e-5, 20.0, 1.0, -0.0006),
    ],
)
def test_a_fee_is_truncated_to_six_decimals(new_paper, fee, px, sz, paid):
    paper = new_paper(maker_fee=fee)
    paper.book(0, asks=((20.5, 5.0),))
    paper.place(1, BUY, px, sz if sz * px > 10 else 1.0)
    paper.print(10, SELL, 19.0, sz)
    (fill,) = [a for a in paper.told if a.kind == FILL]
    assert fill.usd == pytest.approx(paid, abs=1e-12)
    assert paper.account.cash_usd == pytest.approx(-px * sz - paid, abs=1e-12)


@settings(deadline=None)
@given(st.integers(1, 10**7), st.integers(1, 10**5), st.sampled_from([1.5e-4, 3e-5, 4.5e-4, -1e-5]))
def test_a_fee_is_never_off_by_more_than_the_truncation(cents, hundredths, rate):
    a = zeros(Account)[0]
    px, sz = cents / 100, hundredths / 100
    fee = account.settle(a, BUY, px, sz, rate)
    assert -1e-9 * abs(fee) <= abs(px * sz * rate) - abs(fee) + 1e-9 < 1e-6 + 2e-9
    assert fee * 1e6 == pytest.approx(round(fee * 1e6), abs=1e-3)


def account_of(volume_usd, maker_fee):
    from engine.core.params import Params

    p = zeros(Params)[0]
    p.maker_fee, p.max_leverage, p.capital_usd = maker_fee, 10.0, 1_000.0
    a = zeros(Account)[0]
    account.start(a, p, volume_14d_usd=volume_usd, limits=True)
    return a


@pytest.mark.parametrize("k", range(7))
def test_every_tier_has_the_venues_fees(k):
    volume = (0.0, 5e6, 25e6, 100e6, 500e6, 2e9, 7e9)[k] * 1.01
    a = account_of(volume, TIER_MAKER[k] * 1e-4)
    account.pass_time(a, T0)
    assert account.maker_rate(a) == pytest.approx(TIER_MAKER[k] * 1e-4)
    assert account.taker_rate(a) == pytest.approx(TIER_TAKER[k] * 1e-4)
    assert TIER_MAKER[k] == (1.5, 1.2, 0.8, 0.4, 0.0, 0.0, 0.0)[k]
    assert TIER_TAKER[k] == (4.5, 4.0, 3.5, 3.0, 2.8, 2.6, 2.4)[k]


@pytest.mark.parametrize("volume", [5e6, 25e6, 100e6, 500e6, 2e9, 7e9])
def test_a_tier_begins_above_its_volume(volume):
    for usd, more in ((volume, 0), (volume * (1 - 1e-9), 0), (volume * (1 + 1e-6), 1)):
        a = account_of(usd, 1.5e-4)
        account.pass_time(a, T0)
        at_start = account.maker_rate(a)
        assert at_start == 1.5e-4, usd  # whatever the sum of fourteen days is rounded to
        assert account.tier(usd) == [5e6, 25e6, 100e6, 500e6, 2e9, 7e9].index(volume) + more


@pytest.mark.parametrize("scale", [2.0, 1.1111, 0.2])
def test_a_builder_dexs_scale_holds_for_every_tier_and_for_takers(scale):
    a = account_of(0.0, 1.5e-4 * scale)
    account.pass_time(a, T0)
    assert account.taker_rate(a) == pytest.approx(4.5e-4 * scale)
    account.settle(a, BUY, 1e6, 6.0, 0.0)
    assert account.maker_rate(a) == pytest.approx(1.2e-4 * scale)
    assert account.taker_rate(a) == pytest.approx(4.0e-4 * scale)


def test_a_rebate_stays_a_rebate_and_takers_pay_the_tier():
    a = account_of(0.0, -1e-5)
    account.pass_time(a, T0)
    account.settle(a, BUY, 1e6, 6.0, 0.0)
    assert account.maker_rate(a) == -1e-5
    assert account.taker_rate(a) == pytest.approx(4.0e-4)


def test_volume_counts_for_fourteen_days():
    a = account_of(0.0, 1.5e-4)
    rates = []
    for day in range(16):
        account.pass_time(a, T0 + day * DAY_NS)
        if day == 0:
            account.settle(a, BUY, 1e6, 5.5, 0.0)
        rates.append(account.maker_rate(a))
    assert rates == pytest.approx([1.2e-4] * 14 + [1.5e-4] * 2)


@pytest.mark.parametrize(
    ("silent", "rate"), [(1, 1.2e-4), (13, 1.2e-4), (14, 1.5e-4), (60, 1.5e-4)]
)
def test_days_of_silence_count_too(silent, rate):
    a = account_of(0.0, 1.5e-4)
    account.pass_time(a, T0)
    account.settle(a, BUY, 1e6, 5.5, 0.0)
    account.pass_time(a, T0 + silent * DAY_NS + 5)
    assert account.maker_rate(a) == pytest.approx(rate)
    assert a.volume_usd.sum() == pytest.approx(5.5e6 if silent < DAYS else 0.0)


def test_the_volume_before_the_start_ages_day_by_day():
    a = account_of(14e6, 1.2e-4)
    sums, rates = [], []
    for day in range(15):
        account.pass_time(a, T0 + day * DAY_NS)
        sums.append(float(a.volume_usd.sum()) / 1e6)
        rates.append(account.maker_rate(a))
    assert sums == pytest.approx([14.0 - day for day in range(15)], abs=1e-9)
    assert rates == pytest.approx([1.2e-4] * 9 + [1.5e-4] * 6)


def test_who_paid_nothing_at_the_start_pays_again_when_the_volume_is_gone():
    a = account_of(600e6, 0.0)
    account.pass_time(a, T0)
    assert account.maker_rate(a) == 0.0
    account.pass_time(a, T0 + 20 * DAY_NS)
    assert account.maker_rate(a) == pytest.approx(1.5e-4)


# funding


def test_funding_is_paid_on_the_hour_on_the_marks_notional(new_paper):
    paper = new_paper(t0_ns=T0 - 60 * S)
    paper.book(0)
    hold(paper, -50.0)
    paper.publish(1, 20.0, funding=1e-4)
    paper.book(59_999)
    assert not [a for a in paper.told if a.kind == FUNDING]
    paper.book(60_000, bids=((21.99, 5.0),), asks=((22.01, 5.0),))
    (paid,) = [a for a in paper.told if a.kind == FUNDING]
    assert (paid.usd, paid.id, paid.at_ms) == (pytest.approx(50 * 20 * 1e-4), 1, 60_000)
    paper.book(60_000 + HOUR_MS)
    assert paper.told[-1].usd == pytest.approx(50 * 22 * 1e-4)
    assert paper.account.cash_usd == pytest.approx(1_000 + 0.1 + 0.11)


@pytest.mark.parametrize(
    ("position", "rate", "sign"), [(5, 1e-5, -1), (-5, 1e-5, 1), (5, -1e-5, 1)]
)
def test_who_is_long_pays_a_positive_rate(new_paper, position, rate, sign):
    paper = new_paper()
    paper.book(0)
    hold(paper, position)
    paper.publish(1, 20.0, funding=rate)
    (paid,) = [a for a in paper.book(HOUR_MS) if a.kind == FUNDING]
    assert paid.usd == pytest.approx(sign * 5 * 20 * 1e-5)


def test_every_hour_of_silence_is_paid_and_a_flat_account_pays_none(new_paper):
    paper = new_paper()
    paper.book(0)
    paper.publish(1, 20.0, funding=1e-4)
    assert not paper.book(3 * HOUR_MS)
    hold(paper, 1.0)
    (paid,) = paper.book(8 * HOUR_MS + 7)
    assert (paid.kind, paid.usd) == (FUNDING, pytest.approx(-5 * 20 * 1e-4))
    assert not paper.book(9 * HOUR_MS - 1)
    (paid,) = paper.book(9 * HOUR_MS)
    assert (paid.id, paid.usd) == (2, pytest.approx(-20 * 1e-4))


def test_the_rate_of_an_hour_is_the_last_one_published_in_it(new_paper):
    paper = new_paper()
    paper.book(0)
    hold(paper, 1.0)
    paper.publish(1, 20.0, funding=1e-4)
    (paid,) = paper.publish(HOUR_MS, 20.0, funding=5e-4)
    assert paid.usd == pytest.approx(-20 * 1e-4)


# liquidation

# 10 coins bought at 20 with 65.0 of margin: 65.0 - 200 + 10 m = 10 m / 4 where m = 18
# 10 coins sold at 20 with 62.5 of margin:   62.5 + 200 - 10 m = 10 m / 4 where m = 21


@pytest.mark.parametrize(("away", "is_liquidated"), [(-0.01, False), (0.0, False), (0.005, True)])
@pytest.mark.parametrize(("side", "margin", "at"), [(BUY, 65.0, 18.0), (SELL, 62.5, 21.0)])
def test_the_position_is_closed_below_half_of_the_initial_margin(
    new_paper, away, is_liquidated, side, margin, at
):
    paper = new_paper(limits=True, capital_usd=margin, max_leverage=2.0)
    hold(paper, 10.0 * side)
    mid = at - side * away
    paper.book(0, bids=((mid - 0.01, 50.0),), asks=((mid + 0.01, 50.0),))
    assert paper.account.liquidated == is_liquidated
    assert (paper.account.position == 0.0) == is_liquidated
    assert [a.code for a in paper.told if a.kind == FILL] == [LIQUIDATED] * is_liquidated


def test_it_is_closed_at_what_the_book_shows_with_the_takers_fee_after_every_order(new_paper):
    paper = new_paper(limits=True, capital_usd=65.0, max_leverage=2.0, maker_fee=1.5e-4)
    paper.book(0)
    paper.place(1, BUY, 17.0, 1.0)
    paper.place(2, SELL, 25.0, 1.0)
    hold(paper, 10.0)
    said = paper.book(10, bids=((17.9, 4.0), (17.8, 5.0), (17.5, 0.5)), asks=((18.0, 1.0),))
    assert [(a.kind, a.cloid) for a in said[:-1]] == [(CANCELED, 1), (CANCELED, 2)]
    fill = said[-1]
    px = (4 * 17.9 + 5 * 17.8 + 1 * 17.5) / 10
    assert (fill.kind, fill.code, fill.side, fill.sz) == (FILL, LIQUIDATED, SELL, 10.0)
    assert fill.px == pytest.approx(px)
    assert fill.usd == pytest.approx(10 * px * 4.5e-4, abs=1e-6)
    assert paper.account.cash_usd == pytest.approx(-200 + 10 * px - fill.usd, abs=1e-9)
    assert paper.orders() == []
    assert not paper.book(11, bids=((10.0, 1.0),), asks=((10.1, 1.0),))  # once is enough


def test_without_limits_nothing_is_liquidated(new_paper):
    paper = new_paper(limits=False, capital_usd=1.0)
    hold(paper, 10.0)
    paper.book(0, bids=((10.0, 1.0),), asks=((10.1, 1.0),))
    assert paper.account.position == 10.0


def hear(makers, out, kind, ns, **fields):
    events = zeros(Event)
    for name, value in ({"kind": kind, "ts_ns": ns, "recv_ns": ns} | fields).items():
        setattr(events[0], name, value)
    step_at(makers, events, 0, out)
    return [int(a.kind) for a in out[0].actions[: out[0].n_actions]]


def test_a_maker_that_was_liquidated_stops_for_good_and_learns_nothing_from_it(config):
    makers, out = new_maker(new_params(config)), zeros(Output)
    for side, px, code in ((BUY, 19.99, SNAPSHOT), (SELL, 20.01, LAST)):
        hear(makers, out, LEVEL, T0, side=side, px=px, sz=50.0, code=code)
    hear(makers, out, TIMER, T0 + S)
    m = makers[0]
    m.ledger.position, m.ledger.cash_usd = 0.5, -10.0
    learnt, counted = m.beliefs.tobytes(), m.quoting.tobytes()
    told = {"side": SELL, "px": 19.9, "sz": 0.5, "extra": 0.004, "id": 1, "code": LIQUIDATED}
    asked = hear(makers, out, FILL, T0 + S, **told)
    assert asked == [HALT, CANCEL_ALL]
    assert m.kill.reason == risk.LIQUIDATION
    assert (m.beliefs.tobytes(), m.quoting.tobytes()) == (learnt, counted)
    assert m.ledger.position == 0.0
    assert m.ledger.cash_usd == pytest.approx(-10.0 + 0.5 * 19.9 - 0.004)
    assert out[0].n_fills == 1  # it is in the books
    for k in range(2, 200):
        assert PLACE not in hear(makers, out, TIMER, T0 + k * S)
    hear(makers, out, FILL, T0 + 200 * S, **(told | {"code": 0, "id": 2}))
    assert m.kill.reason == risk.LIQUIDATION


@settings(max_examples=20, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.sampled_from([BUY, SELL]), st.integers(0, 5), st.integers(60, 400)),
        max_size=30,
    ),
    rate=st.floats(-1e-3, 1e-3),
)
def test_the_makers_ledger_comes_to_the_venues_numbers(new_paper, rows, rate):
    paper = new_paper("optimistic", limits=True)
    paper.book(0)
    paper.publish(1, 20.0, funding=rate)
    for k, (side, cents, lots) in enumerate(rows):
        paper.place(
            k + 1,
            side,
            round(20 - side * cents / 100 - side * 0.01, 2),
            lots / 100,
            ms=10 + 100 * k,
        )
        paper.print(60 + 100 * k, -side, 20.0 - side * 0.04, lots / 200)
        paper.book((k // 5) * HOUR_MS // 2 + 80 + 100 * k) if k % 5 == 4 else None
    books = zeros(Ledger)[0]
    for a in paper.told:
        e = zeros(Event)[0]
        e.side, e.px, e.sz, e.id, e.extra = a.side, a.px, a.sz, a.id, a.usd
        if a.kind == FILL:
            assert ledger.settle(books, e)
        elif a.kind == FUNDING:
            assert ledger.pay_funding(books, e)
    assert books.position == pytest.approx(paper.account.position, abs=1e-9)
    assert books.cash_usd == pytest.approx(paper.account.cash_usd, abs=1e-9)
    assert np.isfinite(books.cash_usd) and math.isfinite(paper.account.cash_usd)
