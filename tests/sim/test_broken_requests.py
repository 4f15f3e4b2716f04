"""Whatever is asked, and however much of it, the venue stays in order."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.actions import CANCEL, CANCEL_ALL, HALT, MODIFY, PLACE
from engine.events import (
    ACCEPTED,
    BAD_PX,
    BAD_SZ,
    BUY,
    CANCELED,
    FILL,
    LAST,
    LEVEL,
    MIN_NOTIONAL,
    POST_ONLY,
    REJECTED,
    SELL,
    TRADE,
    UNKNOWN_ORDER,
    Event,
)
from engine.record import kernel
from engine.sim import matching
from engine.sim.venue import MAX_WAITING

NAN, INF = math.nan, math.inf
BAD_PXS = [NAN, INF, -INF, 0.0, -19.9, 1e-9, 1e18, 1e300]
BAD_SZS = [NAN, INF, -INF, 0.0, -1.0, 0.001, 1e300]


def assert_in_order(paper):
    """What rests is sane, sorted, named once, and the account is finite."""
    v = paper.v
    assert v.ask_head - v.ask_tail <= MAX_WAITING
    assert v.answer_head - v.answer_tail <= MAX_WAITING
    for r, side in ((0, BUY), (1, SELL)):
        mine = [o for o in paper.orders() if o in v.working[r * 64 : r * 64 + 64]]
        keys = [-side * int(o.px) for o in mine]
        assert keys == sorted(keys)
    for o in paper.orders():
        assert 0 < o.px < 10**15 and 0 < o.sz < 1e12
        assert o.ahead >= 0.0
    names = [int(o.cloid) for o in paper.orders()]
    assert len(names) == len(set(names))
    for value in (paper.account.position, paper.account.cash_usd, paper.account.budget.used):
        assert math.isfinite(value)
    assert all(math.isfinite(a.sz) for a in paper.told if a.kind == FILL)


def works_still(paper, ms):
    """A good order is accepted, filled and cancelled as ever."""
    paper.book(ms)
    paper.told.clear()
    paper.place(10**9, BUY, 19.99, 2.0, ms=ms)
    paper.print(ms + 10, SELL, 19.9, 10_000.0)
    assert (ACCEPTED, 10**9) in [(a.kind, a.cloid) for a in paper.told]
    assert paper.filled(10**9) == 2.0
    assert_in_order(paper)


@pytest.mark.parametrize("limits", [True, False])
@pytest.mark.parametrize("side", [BUY, SELL])
@pytest.mark.parametrize("px", BAD_PXS)
def test_a_price_that_is_none_is_refused(new_paper, px, side, limits):
    paper = new_paper(limits=limits)
    paper.book(0)
    (said,) = paper.place(1, side, px, 1.0)
    assert (said.kind, said.cloid, said.code) == (REJECTED, 1, BAD_PX)
    assert paper.orders() == []
    works_still(paper, 100)


@pytest.mark.parametrize("limits", [True, False])
@pytest.mark.parametrize("sz", BAD_SZS)
def test_a_size_that_is_none_is_refused(new_paper, sz, limits):
    paper = new_paper(limits=limits)
    paper.book(0)
    (said,) = paper.place(1, BUY, 19.9, sz)
    want = {BAD_SZ, MIN_NOTIONAL} if sz == 0.001 else {BAD_SZ}
    assert (said.kind, said.cloid) == (REJECTED, 1) and said.code in want
    assert paper.orders() == []
    works_still(paper, 100)


@pytest.mark.parametrize(
    ("px", "sz", "reason"), [(NAN, 1.0, BAD_PX), (19.9, NAN, BAD_SZ), (25.0, 1.0, POST_ONLY)]
)
def test_a_modify_to_what_may_not_rest_leaves_nothing_behind(new_paper, px, sz, reason):
    paper = new_paper(limits=True)
    paper.book(0)
    paper.place(1, BUY, 19.9, 1.0)
    paper.ask(10, MODIFY, 1, BUY, px, sz)
    (said,) = paper.until(20)
    assert (said.kind, said.code) == (REJECTED, reason)
    assert paper.orders() == []
    works_still(paper, 100)


def test_a_cancel_of_what_is_not_there_is_refused_and_changes_nothing(new_paper):
    paper = new_paper(limits=True)
    paper.book(0)
    paper.place(1, BUY, 19.9, 1.0)
    for cloid in (0, -1, 2, 2**62):
        paper.ask(10, CANCEL, cloid)
        (said,) = paper.until(20)
        assert (said.kind, said.code, said.cloid) == (REJECTED, UNKNOWN_ORDER, cloid)
    assert len(paper.orders()) == 1


def test_a_request_that_is_repeated_makes_no_second_order(new_paper):
    paper = new_paper()
    paper.book(0)
    paper.place(1, BUY, 19.9, 1.0)
    before = paper.order(1).copy()
    for ms, (side, px, sz) in enumerate([(BUY, 19.9, 1.0), (BUY, 19.95, 3.0), (SELL, 20.1, 1.0)]):
        paper.place(1, side, px, sz, ms=10 * ms + 10)
    assert len(paper.orders()) == 1
    assert paper.order(1) == before
    paper.ask(100, CANCEL, 1)
    paper.until(110)
    assert [a.cloid for a in paper.told if a.kind == CANCELED] == [1]
    assert paper.orders() == []


def test_a_name_may_be_used_again_once_its_order_is_gone(new_paper):
    paper = new_paper()
    paper.book(0)
    paper.place(1, BUY, 19.9, 1.0)
    paper.ask(10, CANCEL, 1)
    paper.place(1, BUY, 19.95, 2.0, ms=20)
    assert [a.kind for a in paper.told] == [ACCEPTED, CANCELED, ACCEPTED]
    assert float(paper.order(1).sz) == 2.0


@pytest.mark.parametrize("kind", [HALT, 0, 99, -1])
def test_what_is_no_request_does_not_reach_the_venue(new_paper, kind):
    # the maker says HALT to its shell; whatever stands in the other fields is left from before
    paper = new_paper(limits=True)
    paper.book(0)
    paper.place(1, BUY, 19.9, 1.0)
    used = float(paper.account.budget.used)
    assert paper.ask(10, kind, 1, BUY, 0.0, 0.0) + paper.until(20) == []
    assert len(paper.orders()) == 1
    assert (paper.account.budget.used, paper.account.refused) == (used, 0)


@pytest.mark.parametrize("n", [MAX_WAITING - 1, MAX_WAITING, MAX_WAITING + 1, 2_000])
def test_of_more_requests_than_may_be_under_way_none_is_lost_without_a_word(new_paper, n):
    paper = new_paper(latency=100.0)
    paper.book(0)
    requests = [paper.request(1, CANCEL, k + 1) for k in range(n)]
    said = paper.play((), requests, 1_000)
    assert sorted(a.cloid for a in said) == list(range(1, n + 1))
    assert all(a.kind == REJECTED for a in said)
    assert sum(a.code == UNKNOWN_ORDER for a in said) == min(n, MAX_WAITING)
    works_still(paper, 10_000)


def test_requests_under_way_keep_their_order_when_there_are_too_many(new_paper):
    paper = new_paper(latency=100.0)
    paper.book(0)
    paper.play((), [paper.request(1, PLACE, 1, BUY, 19.9, 1.0)], 500)
    flood = [paper.request(600, CANCEL, k + 2) for k in range(MAX_WAITING - 1)]
    last = [
        paper.request(600.0, CANCEL, 1),
        *(paper.request(600, CANCEL, 5_000 + k) for k in range(50)),
    ]
    said = paper.play((), flood + last, 1_000)
    assert (CANCELED, 1) in [(a.kind, a.cloid) for a in said]
    assert_in_order(paper)


@kernel
def unheard(venues, events):
    """Let the market move while nobody takes an answer."""
    for k in range(events.shape[0]):
        matching.hear(venues[0], events[k])


@pytest.mark.parametrize("lots", [900, 3_000])
def test_of_more_answers_than_may_be_under_way_none_is_lost_without_a_word(new_paper, lots):
    paper = new_paper("front")
    paper.book(0)
    paper.place(1, BUY, 19.99, lots / 100, ms=1)
    prints = np.concatenate(
        [paper.event(10 + k, TRADE, side=SELL, px=19.99, sz=0.01) for k in range(lots)]
    )
    if lots < MAX_WAITING:
        unheard(paper.venues, prints.view(Event.dtype))
        said = paper.v.answers[paper.v.answer_tail : paper.v.answer_head]
        assert said["sz"].sum() == pytest.approx(lots / 100)
        assert paper.account.position == pytest.approx(lots / 100)
    else:  # a fill cannot be refused, so that the run must end
        with pytest.raises(OverflowError, match="answers"):
            unheard(paper.venues, prints.view(Event.dtype))


@pytest.mark.parametrize("px", [NAN, INF, -1.0, 0.0])
@pytest.mark.parametrize("kind", [TRADE, LEVEL])
def test_market_data_without_a_price_fills_nobody(new_paper, kind, px):
    paper = new_paper("optimistic")
    paper.book(0)
    paper.place(1, BUY, 19.99, 1.0)
    paper.place(2, SELL, 20.01, 1.0)
    for ms, side in ((10, BUY), (11, SELL)):
        paper.hear(ms, kind, side=side, px=px, sz=50.0, code=LAST)
    assert paper.filled() == 0.0
    works_still(paper, 100)


@pytest.mark.parametrize("sz", [NAN, -5.0, 0.0, -INF])
def test_a_print_without_a_size_fills_nobody_and_leaves_the_queue(new_paper, sz):
    paper = new_paper("optimistic")
    paper.book(0)
    paper.place(1, BUY, 19.99, 1.0)
    for ms, px in ((10, 19.99), (11, 19.9)):
        paper.print(ms, SELL, px, sz)
    assert paper.filled() == 0.0
    assert paper.order(1).ahead == 5.0
    works_still(paper, 100)


anything = st.one_of(
    st.sampled_from([*BAD_PXS, *BAD_SZS, 19.9, 19.99, 20.0, 20.01, 20.1]),
    st.floats(),
    st.floats(19, 21),
)


@settings(max_examples=100, deadline=None)
@given(
    asked=st.lists(
        st.tuples(
            st.sampled_from([PLACE, PLACE, MODIFY, CANCEL, CANCEL_ALL, HALT, 0, 77]),
            st.integers(0, 6),
            st.sampled_from([BUY, SELL]),
            anything,
            st.one_of(anything, st.floats(0.5, 50)),
        ),
        max_size=40,
    ),
    limits=st.booleans(),
    model=st.sampled_from(["pessimistic", "power", "optimistic", "front"]),
)
def test_no_stream_of_requests_breaks_the_venue(new_paper, asked, limits, model):
    paper = new_paper(model, limits=limits)
    paper.book(0)
    for k, row in enumerate(asked):
        paper.ask(10 * k, *row)
        paper.until(10 * k + 5)
        assert_in_order(paper)
        if k % 3 == 0:
            paper.print(10 * k + 6, BUY if k % 2 else SELL, 20.0 + 0.02 * np.sin(k), 1.5)
            assert_in_order(paper)
    paper.ask(1_000, CANCEL_ALL)
    paper.until(1_010)
    assert paper.orders() == []
    works_still(paper, 2_000)
