"""The last check before anything is sent."""

import math

import pytest

from engine.actions import PLACE
from engine.events import BAD_PX, BAD_SZ, BUY, NO_MARGIN, RATE_LIMIT, REJECTED, SELL, TOO_MANY
from engine.gateway.pretrade import new_limits


def refused(desk, **order):
    desk.ask(PLACE, 99, **order)
    assert not desk.sent
    (told,) = desk.told
    assert told.kind == REJECTED
    return told.code


@pytest.mark.parametrize("px", [math.nan, math.inf, -math.inf, 0.0, -1.0, 94.99, 105.01])
def test_a_price_that_is_not_near_the_mark_is_refused(desk, px):
    assert refused(desk, px=px) == BAD_PX


@pytest.mark.parametrize("px", [95.0, 105.0])
def test_a_price_at_the_collar_is_sent(desk, px):
    desk.ask(PLACE, 1, px=px)
    assert desk.asked() == ["place"]


@pytest.mark.parametrize("sz", [math.nan, math.inf, 0.0, -1.0, 0.005, 5.01])
def test_a_size_that_is_nothing_or_too_much_is_refused(desk, sz):
    assert refused(desk, sz=sz) in (BAD_SZ, NO_MARGIN)


@pytest.mark.parametrize("mark", [math.nan, -1.0])
def test_a_mark_that_is_no_price_is_not_believed(desk, mark):
    desk.wait(1, mark=mark)
    desk.ask(PLACE, 1, px=100.0)
    assert desk.asked() == ["place"]  # the one from a second ago


def test_without_a_fresh_mark_no_price_is_near_it(desk):
    desk.wait(10.5, mark=None)
    assert refused(desk) == BAD_PX


def test_all_that_may_fill_stays_within_the_position_that_was_approved(make_desk):
    desk = make_desk(max_position=10.0, orders_per_s=100.0)
    desk.begin(held=4.0)
    for cloid in range(6):
        desk.ask(PLACE, cloid, px=99.0 - 0.1 * cloid)
        assert desk.asked() == ["place"]
    assert refused(desk, px=98.0) == NO_MARGIN
    assert refused(desk, px=98.0, sz=0.02) == NO_MARGIN
    desk.ask(PLACE, 50, side=SELL, px=101.0, sz=4.9)
    assert desk.asked() == ["place"]


def test_an_order_never_crosses_our_own(desk):
    desk.rest(1, side=BUY, px=100.0)
    assert refused(desk, side=SELL, px=100.0) == BAD_PX
    assert refused(desk, side=SELL, px=99.0) == BAD_PX
    desk.ask(PLACE, 2, side=SELL, px=100.1)
    assert desk.asked() == ["place"]


def test_the_same_order_is_not_sent_twice_while_the_first_is_unanswered(desk):
    desk.ask(PLACE, 1, px=99.0)
    assert refused(desk, px=99.0) == TOO_MANY


def test_no_more_orders_a_second_than_agreed(make_desk):
    desk = make_desk(orders_per_s=3.0, max_position=1000.0)
    desk.begin()
    for cloid in range(3):
        desk.ask(PLACE, cloid, px=99.0 - 0.1 * cloid)
        assert desk.asked() == ["place"]
    assert refused(desk, px=98.0) == RATE_LIMIT
    desk.wait(0.4)
    desk.ask(PLACE, 9, px=97.0)
    assert desk.asked() == ["place"]


@pytest.mark.parametrize("name", ["max_position", "max_order_usd", "collar", "orders_per_s"])
@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_a_limit_must_be_a_number_above_zero(name, value):
    given = {"max_position": 1.0, "max_order_usd": 1.0, "sz_decimals": 2} | {name: value}
    with pytest.raises(ValueError, match=name):
        new_limits(**given)
