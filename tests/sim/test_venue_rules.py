"""What may rest on the venue, and why the rest is refused."""

import pytest

from engine.actions import CANCEL_ALL
from engine.events import (
    ACCEPTED,
    BAD_PX,
    BAD_SZ,
    BUY,
    MIN_NOTIONAL,
    NO_MARGIN,
    OI_CAP,
    POST_ONLY,
    REJECTED,
    SELL,
    TOO_MANY,
)
from engine.sim.venue import MAX_WORKING


def reasons(paper):
    return [a.code for a in paper.told if a.kind == REJECTED]


def hold(paper, position, px=20.0):
    """Give the account a position it bought or sold at a price, free of fees."""
    paper.account.position = position
    paper.account.cash_usd = -position * px


@pytest.mark.parametrize(
    ("sz_decimals", "px", "is_legal"),
    [
        (2, 19.999, True),  # five figures
        (2, 19.9995, False),
        (2, 9.9999, True),
        (2, 9.99995, False),
        (0, 0.043671, True),
        (0, 0.0436712, False),  # more than six decimals
        (4, 2700.5, True),
        (4, 2700.55, False),
        (4, 123_456.0, True),  # integers are always legal
        (4, 123_456.5, False),
        (5, 84_358.0, True),
        (5, 84_358.1, False),
    ],
)
def test_a_price_has_five_figures_and_six_decimals_less_those_of_the_size(
    new_paper, sz_decimals, px, is_legal
):
    paper = new_paper(limits=True, sz_decimals=sz_decimals, capital_usd=1e9)
    paper.book(0, bids=((px * 0.5, 1e4),), asks=((px * 2, 1e4),))
    paper.place(1, BUY, px, max(round(20 / px, sz_decimals), 10.0**-sz_decimals))
    assert reasons(paper) == ([] if is_legal else [BAD_PX])


@pytest.mark.parametrize(
    ("sz_decimals", "sz", "is_legal"),
    [
        (2, 1.0, True),
        (2, 1.01, True),
        (2, 1.015, False),
        (0, 3.0, True),
        (0, 2.5, False),
        (2, 0.0, False),
    ],
)
def test_a_size_is_whole_lots(new_paper, sz_decimals, sz, is_legal):
    paper = new_paper(limits=True, sz_decimals=sz_decimals)
    paper.book(0)
    paper.place(1, BUY, 19.0, sz)
    assert reasons(paper) == ([] if is_legal else [BAD_SZ])


@pytest.mark.parametrize(("sz", "is_accepted"), [(0.5, True), (0.49, False)])
def test_an_order_that_opens_is_worth_ten_dollars(new_paper, sz, is_accepted):
    for limits in (True, False):  # a rule of every venue we compare with
        paper = new_paper(limits=limits)
        paper.book(0, asks=((20.5, 5.0),))
        paper.place(1, BUY, 20.0, sz)
        assert reasons(paper) == ([] if is_accepted else [MIN_NOTIONAL])


def test_an_order_that_closes_may_be_of_any_size(new_paper):
    paper = new_paper(limits=True)
    paper.book(0)
    hold(paper, 1.0)
    paper.place(1, SELL, 20.01, 0.1)
    paper.place(2, SELL, 20.02, 0.8, ms=10)
    paper.place(3, SELL, 20.03, 0.2, ms=20)  # together they would open a tenth
    paper.place(4, SELL, 20.03, 0.1, ms=30)
    paper.place(5, BUY, 19.99, 0.1, ms=40)
    assert [a.cloid for a in paper.told if a.kind == ACCEPTED] == [1, 2, 4]
    assert reasons(paper) == [MIN_NOTIONAL, MIN_NOTIONAL]


def test_what_is_left_after_many_fills_may_be_closed_whatever_floats_make_of_it(new_paper):
    paper = new_paper(limits=True, oi_cap_usd=1.0)
    paper.book(0)
    for sz in (1.0, -0.9):  # 0.09999999999999998 is left
        paper.account.position += sz
    paper.account.open_interest = 1e6
    paper.place(1, SELL, 20.01, 0.1)
    assert reasons(paper) == []


@pytest.mark.parametrize(("px", "is_accepted"), [(19.99, True), (20.0, False), (20.05, False)])
def test_an_order_that_would_match_our_own_is_refused_too(new_paper, px, is_accepted):
    paper = new_paper(limits=True)
    paper.book(0, bids=((19.9, 5.0),), asks=((20.1, 5.0),))
    paper.place(1, SELL, 20.0, 1.0)
    paper.place(2, BUY, px, 1.0, ms=10)
    assert reasons(paper) == ([] if is_accepted else [POST_ONLY])


def test_at_the_cap_of_open_interest_only_what_closes_is_accepted(new_paper):
    paper = new_paper(limits=True, oi_cap_usd=1e6)
    paper.book(0)
    hold(paper, 5.0)
    for ms, oi, accepted in ((0, 49_000.0, [1, 2]), (100, 50_001.0, [2])):
        paper.publish(ms, 20.0, oi=oi)
        paper.told.clear()
        paper.place(1, BUY, 19.98, 1.0, ms=ms)
        paper.place(2, SELL, 20.02, 5.0, ms=ms + 10)
        paper.place(3, SELL, 20.03, 1.0, ms=ms + 20) if ms else None
        assert [a.cloid for a in paper.told if a.kind == ACCEPTED] == accepted
        assert set(reasons(paper)) == ({OI_CAP} if ms else set())
        paper.ask(ms + 50, CANCEL_ALL)
        paper.until(ms + 60)


def test_margin_covers_the_position_and_everything_that_rests_on_its_side(new_paper):
    paper = new_paper(limits=True, capital_usd=100.0, max_leverage=5.0)
    paper.book(0)
    paper.place(1, BUY, 19.99, 10.0)
    paper.place(2, BUY, 19.98, 15.0, ms=10)  # 25 * 19.98 = 499.5 of 500
    paper.place(3, BUY, 19.97, 0.6, ms=20)
    paper.place(4, SELL, 20.01, 24.9, ms=30)  # the other side by itself
    assert [a.cloid for a in paper.told if a.kind == ACCEPTED] == [1, 2, 4]
    assert reasons(paper) == [NO_MARGIN]


def test_what_was_lost_is_margin_no_more(new_paper):
    paper = new_paper(limits=True, capital_usd=100.0, max_leverage=5.0)
    paper.book(0)
    hold(paper, 10.0, px=24.0)  # 40 lost: 60 * 5 carries 15 coins at 20
    paper.place(1, BUY, 20.0, 5.0)
    paper.place(2, BUY, 20.0, 0.6, ms=10)
    paper.place(3, SELL, 20.01, 25.5, ms=20)  # 15.5 short
    paper.place(4, SELL, 20.01, 10.0, ms=30)  # closes
    assert [a.cloid for a in paper.told if a.kind == ACCEPTED] == [1, 4]
    assert reasons(paper) == [NO_MARGIN, NO_MARGIN]


def test_a_side_holds_so_many_orders(new_paper):
    paper = new_paper(limits=False)
    paper.book(0)
    for k in range(MAX_WORKING + 2):
        paper.place(k + 1, BUY, 19.9, 1.0, ms=10 * k)
    paper.place(100, SELL, 20.1, 1.0, ms=1_000)
    assert reasons(paper) == [TOO_MANY, TOO_MANY]
    assert len(paper.orders()) == MAX_WORKING + 1
