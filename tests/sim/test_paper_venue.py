"""The venue on paper: no fill that the market did not pay for, and none before its time."""

import pytest

from engine.actions import CANCEL, CANCEL_ALL, MODIFY, PLACE
from engine.events import (
    ACCEPTED,
    BUY,
    CANCELED,
    FILL,
    POST_ONLY,
    REJECTED,
    SELL,
    UNKNOWN_ORDER,
)

MODELS = ("pessimistic", "risk_averse", "power", "log", "power3", "optimistic")


@pytest.fixture(params=MODELS)
def paper(request, new_paper):
    p = new_paper(request.param, latency=100.0)
    p.book(0)
    return p


def said(answers):
    return [(a.kind, a.cloid, round(a.sz, 9)) for a in answers]


def test_nothing_fills_before_it_arrived(paper):
    paper.ask(1, PLACE, 1, BUY, 19.99, 1.0)
    assert paper.print(100, SELL, 19.90, 50.0) == []
    assert said(paper.until(101)) == [(ACCEPTED, 1, 1.0)]
    assert said(paper.print(102, SELL, 19.90, 50.0)) == [(FILL, 1, 1.0)]


def test_at_one_instant_requests_come_before_the_trade(paper):
    paper.ask(100, PLACE, 1, BUY, 19.99, 1.0)
    assert said(paper.print(200, SELL, 19.90, 50.0)) == [(ACCEPTED, 1, 1.0), (FILL, 1, 1.0)]


def test_requests_of_one_instant_are_served_as_they_were_sent(paper):
    for cloid in range(1, 6):
        paper.ask(1, PLACE, cloid, BUY, 19.99, 1.0)
    paper.ask(1, CANCEL, 5)
    said_then = said(paper.until(101))
    assert said_then == [*[(ACCEPTED, cloid, 1.0) for cloid in range(1, 6)], (CANCELED, 5, 1.0)]


def test_answers_come_back_one_latency_later(paper):
    (answer,) = paper.place(1, BUY, 19.99, 1.0, ms=7)
    assert (answer.at_ms, answer.heard_ms) == (107, 207)
    (fill,) = paper.print(300, SELL, 19.9, 1.0)
    assert (fill.at_ms, fill.heard_ms) == (300, 400)


@pytest.mark.parametrize(
    ("side", "px", "reason"),
    [
        (BUY, 20.01, POST_ONLY),
        (BUY, 20.02, POST_ONLY),
        (SELL, 19.99, POST_ONLY),
        (SELL, 19.90, POST_ONLY),
        (BUY, 20.0, 0),
        (SELL, 20.0, 0),
    ],
)
def test_an_order_that_would_match_is_refused(new_paper, side, px, reason):
    for limits in (True, False):
        paper = new_paper(limits=limits)
        paper.book(0)
        (answer,) = paper.place(1, side, px, 1.0)
        assert (answer.kind, answer.code) == (REJECTED if reason else ACCEPTED, reason)


def test_post_only_looks_at_the_book_on_arrival_not_at_sending(paper):
    paper.ask(1, PLACE, 1, BUY, 20.005, 1.0)
    paper.book(50, asks=((20.005, 5.0),))
    assert said(paper.until(101)) == [(REJECTED, 1, 1.0)]
    paper.ask(102, PLACE, 2, BUY, 20.01, 1.0)
    paper.book(150, asks=((20.02, 5.0),))
    assert said(paper.until(202)) == [(ACCEPTED, 2, 1.0)]


@pytest.mark.parametrize("model", MODELS)
def test_a_print_at_our_price_fills_only_behind_the_queue_and_never_where_we_fear_the_worst(
    new_paper, model
):
    paper = new_paper(model)
    paper.book(0)
    paper.place(1, BUY, 19.99, 1.0)
    got = []
    for ms, sz in ((200, 4.0), (201, 1.5), (202, 3.0)):
        paper.print(ms, SELL, 19.99, sz)
        got.append(paper.filled())
    assert got == ([0, 0, 0] if model == "pessimistic" else [0, 0.5, 1.0])


def test_a_print_through_our_price_fills_at_our_price_and_pays_the_maker_fee(paper):
    paper.place(1, BUY, 19.99, 1.0)
    (fill,) = paper.print(200, SELL, 19.98, 0.4)
    assert (fill.kind, fill.sz, fill.side) == (FILL, 0.4, BUY)
    assert fill.px == pytest.approx(19.99)
    assert fill.usd == pytest.approx(19.99 * 0.4 * 1.5e-4, abs=1e-6)


def test_prints_of_our_own_side_never_fill(paper):
    paper.place(1, BUY, 19.99, 1.0)
    for px in (19.90, 19.99, 20.01):
        assert paper.print(200, BUY, px, 50.0) == []


def test_one_print_is_shared_best_price_first_then_oldest(paper):
    for cloid, px in ((1, 19.98), (2, 19.99), (3, 19.98)):
        paper.place(cloid, BUY, px, 1.0)
    answers = paper.print(200, SELL, 19.97, 2.5)
    assert said(answers) == [(FILL, 2, 1.0), (FILL, 1, 1.0), (FILL, 3, 0.5)]


def test_what_a_print_leaves_of_one_price_does_not_reach_the_next(new_paper):
    paper = new_paper("optimistic")
    paper.book(0, bids=((19.99, 1.0), (19.98, 1.0)))
    for cloid, px in ((1, 19.99), (2, 19.98), (3, 19.99)):
        paper.place(cloid, BUY, px, 1.0)
    assert said(paper.print(200, SELL, 19.99, 2.5)) == [(FILL, 1, 1.0), (FILL, 3, 0.5)]


def test_depth_that_shrinks_never_fills_but_shortens_the_queue(new_paper):
    paper = new_paper("risk_averse")
    paper.book(0)
    paper.place(1, BUY, 19.99, 1.0)
    for ms, sz in ((200, 2.0), (201, 0.5), (202, 9.0)):
        assert paper.book(ms, bids=((19.99, sz),)) == []
    assert paper.order(1).ahead == 0.5  # the nine that came later stand behind us
    paper.print(203, SELL, 19.99, 0.7)
    assert paper.filled() == pytest.approx(0.2)


def test_a_side_that_goes_away_altogether_fills_nobody(paper):
    paper.place(1, BUY, 19.99, 1.0)
    assert paper.level(200, BUY, 19.99, 0.0) == []
    assert paper.level(201, SELL, 20.01, 0.0) == []
    assert paper.book(202, bids=(), asks=((20.01, 1.0),)) == []


@pytest.mark.parametrize("ask", [19.99, 19.95])
def test_the_other_sides_touch_at_our_price_fills_us_there(paper, ask):
    paper.place(1, BUY, 19.99, 1.0)
    (fill,) = paper.book(200, bids=((19.90, 5.0),), asks=((ask, 5.0),))
    assert (fill.kind, fill.cloid, fill.sz) == (FILL, 1, 1.0)
    assert fill.px == pytest.approx(19.99)


def test_in_a_locked_book_those_before_us_at_our_price_have_not_traded_either(paper):
    paper.place(1, BUY, 19.99, 1.0)
    assert paper.book(200, bids=((19.99, 0.1),), asks=((19.99, 5.0),)) == []
    assert said(paper.level(201, BUY, 19.99, 0.0)) == [(FILL, 1, 1.0)]


def test_the_other_side_fills_what_it_shows_and_only_once(paper):
    paper.place(1, BUY, 19.99, 4.0)
    paper.place(2, BUY, 19.98, 4.0)
    shown = ((19.97, 1.0), (19.985, 1.5), (20.02, 9.0))
    assert said(paper.book(200, bids=((19.9, 5.0),), asks=shown)) == [(FILL, 1, 2.5)]
    assert paper.book(201, bids=((19.9, 5.0),), asks=shown) == []
    assert said(paper.level(202, SELL, 19.97, 1.3)) == [(FILL, 1, 0.3)]  # three tenths more
    assert paper.level(203, SELL, 19.97, 0.5) == []
    # it went away, and came back
    assert paper.book(204, bids=((19.9, 5.0),), asks=((20.02, 9.0),)) == []
    said_then = paper.book(205, bids=((19.9, 5.0),), asks=((19.97, 3.0), (20.02, 9.0)))
    assert said(said_then) == [(FILL, 1, 1.2), (FILL, 2, 1.8)]


def test_what_it_shows_is_not_forgotten_while_its_touch_stands(paper):
    # locked: our better order has met the ask, the other one stands behind a bid of somebody's
    paper.place(1, BUY, 19.99, 3.0)
    paper.place(2, BUY, 19.98, 9.0)
    locked = {"bids": ((19.98, 1.0), (19.97, 5.0)), "asks": ((19.98, 5.0), (20.01, 5.0))}
    assert said(paper.book(200, **locked)) == [(FILL, 1, 3.0)]
    assert paper.book(201, **locked) == []
    assert said(paper.level(202, BUY, 19.98, 0.0)) == [(FILL, 2, 2.0)]
    assert paper.filled() == 5.0


@pytest.mark.parametrize("model", MODELS)
def test_prints_and_the_touch_are_different_coins(new_paper, model):
    # a seller of five: two trade through us, three come to rest below us
    paper = new_paper(model)
    paper.book(0)
    paper.place(1, BUY, 19.99, 9.0)
    assert said(paper.print(200, SELL, 19.97, 2.0)) == [(FILL, 1, 2.0)]
    answers = paper.book(200, bids=((19.9, 5.0),), asks=((19.97, 3.0), (20.01, 5.0)))
    assert said(answers) == [(FILL, 1, 3.0)]


@pytest.mark.parametrize(
    ("cancel_at", "answers"),
    [
        (99, [(CANCELED, 1, 1.0)]),  # arrives at 199: in time
        (100, [(CANCELED, 1, 1.0)]),  # at the same instant cancels come first
        (101, [(FILL, 1, 1.0), (REJECTED, 1, 0.0)]),
    ],
)
def test_a_cancel_races_the_trade(paper, cancel_at, answers):
    paper.place(1, BUY, 19.99, 1.0, ms=-100)
    paper.told.clear()
    paper.ask(cancel_at, CANCEL, 1)
    paper.print(200, SELL, 19.90, 5.0)
    paper.until(300)
    assert said(paper.told) == answers
    if answers[-1][0] == REJECTED:
        assert paper.told[-1].code == UNKNOWN_ORDER


def test_a_cancel_that_races_a_partial_fill_cancels_the_rest(paper):
    paper.place(1, BUY, 19.99, 1.0, ms=-100)
    paper.ask(101, CANCEL, 1)
    assert said(paper.print(200, SELL, 19.90, 0.4)) == [(FILL, 1, 0.4)]
    assert said(paper.until(300)) == [(CANCELED, 1, 0.6)]
    assert paper.orders() == []


def test_a_modify_loses_the_queue_and_may_be_refused(new_paper):
    paper = new_paper("power", latency=100.0)
    paper.book(0)
    paper.place(1, BUY, 19.99, 1.0)
    paper.print(200, SELL, 19.99, 5.0)
    assert paper.order(1).ahead == 0.0
    paper.ask(200, MODIFY, 1, BUY, 19.99, 2.0)
    paper.until(300)
    assert (paper.order(1).ahead, paper.order(1).sz) == (5.0, 2.0)
    paper.ask(300, MODIFY, 1, BUY, 20.01, 2.0)
    paper.until(400)
    assert [a.kind for a in paper.told] == [ACCEPTED, ACCEPTED, REJECTED]
    assert paper.orders() == []


def test_a_modify_of_what_has_filled_is_refused_and_places_nothing(paper):
    paper.place(1, BUY, 19.99, 1.0)
    paper.ask(150, MODIFY, 1, BUY, 19.98, 1.0)
    paper.print(200, SELL, 19.9, 1.0)
    (answer,) = paper.until(300)
    assert (answer.kind, answer.code) == (REJECTED, UNKNOWN_ORDER)
    assert paper.orders() == []


def test_cancel_all_leaves_nothing_and_answers_for_each(paper):
    for cloid in (1, 2, 3):
        paper.place(cloid, BUY, 19.99 - cloid / 100, 1.0)
    paper.place(4, SELL, 20.05, 1.0)
    paper.ask(200, CANCEL_ALL)
    assert sorted(said(paper.until(300))) == [(CANCELED, cloid, 1.0) for cloid in (1, 2, 3, 4)]
    assert paper.orders() == []


def test_where_fills_are_whole_whoever_is_reached_has_all_of_it_for_himself(new_paper):
    paper = new_paper("risk_averse", whole_fills=True)
    paper.book(0)
    for cloid, px in ((1, 19.99), (2, 19.98), (3, 19.98)):
        paper.place(cloid, BUY, px, 7.0, ms=10 * cloid)
    assert said(paper.print(200, SELL, 19.99, 5.0)) == []
    assert said(paper.print(201, SELL, 19.99, 0.01)) == [(FILL, 1, 7.0)]
    answers = paper.print(202, SELL, 19.97, 0.01)
    assert said(answers) == [(FILL, 2, 7.0), (FILL, 3, 7.0)]
    paper.place(4, BUY, 19.99, 7.0, ms=300)
    answers = paper.book(310, bids=((19.99, 1.0),), asks=((19.99, 0.01),))
    assert said(answers) == [(FILL, 4, 7.0)]
