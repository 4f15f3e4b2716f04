"""The venue on paper: no fill that the market did not pay for, and none before its time."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.actions import CANCEL, CANCEL_ALL, MODIFY, PLACE, Action
from engine.core.params import Params
from engine.events import (
    ACCEPTED,
    BUY,
    CANCELED,
    FILL,
    LAST,
    LEVEL,
    MIN_NOTIONAL,
    POST_ONLY,
    REJECTED,
    SELL,
    SNAPSHOT,
    TRADE,
    UNKNOWN_ORDER,
    Event,
)
from engine.instrument import new_instrument
from engine.record import zeros
from engine.sim import venue
from engine.sim.venue import MAX_WAITING, QUEUE, THROUGH

MS = 1_000_000
T0 = 1_000_000 * MS
MODELS = [THROUGH, QUEUE]


class Paper:
    """A venue, its market, and what it answered; times are ms."""

    def __init__(self, fill_model, latency_ms=100.0):
        p = zeros(Params)[0]
        p.instrument, p.maker_fee = new_instrument(2), 1.5e-4
        self.v = venue.new_venue(p, fill_model=fill_model, latency_ms=latency_ms)[0]
        self.heard = 0
        self.now = 0

    def until(self, ms):
        """Serve every request that has arrived by then."""
        self.now = ms
        while self.v.ask_tail < self.v.ask_head:
            if self.v.asks[self.v.ask_tail % MAX_WAITING].ts_ns > T0 + ms * MS:
                break
            venue.serve(self.v)

    def ask(self, ms, kind, cloid=0, side=BUY, px=0.0, sz=0.0):
        action = zeros(Action)[0]
        action.kind, action.cloid, action.side, action.px, action.sz = kind, cloid, side, px, sz
        action.ts_ns = T0 + ms * MS
        venue.submit(self.v, action)

    def market(self, ms, kind, side, px, sz, code=0):
        self.until(ms - 1)  # market data comes before a request of the same instant
        e = zeros(Event)[0]
        e.kind, e.side, e.px, e.sz, e.code = kind, side, px, sz, code
        e.ts_ns = e.recv_ns = T0 + ms * MS
        venue.hear(self.v, e)
        self.until(ms)

    def book(self, ms, bids=((19.99, 5.0),), asks=((20.01, 5.0),)):
        rows = [(BUY, *row) for row in bids] + [(SELL, *row) for row in asks]
        for n, row in enumerate(rows):
            code = (SNAPSHOT if n == 0 else 0) | (LAST if n == len(rows) - 1 else 0)
            self.market(ms, LEVEL, *row, code)

    def print(self, ms, side, px, sz):
        self.market(ms, TRADE, side, px, sz)

    def place(self, cloid, side, px, sz, ms=0):
        self.ask(ms, PLACE, cloid, side, px, sz)
        self.until(ms + 100)

    def answers(self):
        """Everything said since the last call, as (kind, cloid, size)."""
        rows = [self.v.answers[n % MAX_WAITING] for n in range(self.heard, self.v.answer_head)]
        self.heard = int(self.v.answer_head)
        return [(int(e.kind), int(e.ref), round(float(e.sz), 9)) for e in rows]

    def filled(self, cloid=None):
        rows = [a for a in self.answers() if a[0] == FILL and cloid in (None, a[1])]
        return round(sum(sz for _, _, sz in rows), 9)


@pytest.fixture(params=MODELS, ids=["through", "queue"])
def paper(request):
    p = Paper(request.param)
    p.book(0)
    return p


def test_nothing_fills_before_it_arrived(paper):
    paper.ask(1, PLACE, 1, BUY, 19.99, 1.0)
    paper.print(100, SELL, 19.90, 50.0)
    assert paper.answers() == []
    paper.until(101)
    assert paper.answers() == [(ACCEPTED, 1, 1.0)]
    paper.print(102, SELL, 19.90, 50.0)
    assert paper.answers() == [(FILL, 1, 1.0)]


def test_answers_come_back_one_latency_later(paper):
    paper.place(1, BUY, 19.99, 1.0, ms=7)
    e = paper.v.answers[0]
    assert (e.ts_ns, e.recv_ns) == (T0 + 107 * MS, T0 + 207 * MS)


@pytest.mark.parametrize(
    ("side", "px", "reason"),
    [(BUY, 20.01, POST_ONLY), (BUY, 20.02, POST_ONLY), (SELL, 19.99, POST_ONLY), (BUY, 20.0, 0)],
)
def test_an_order_that_would_match_is_refused(paper, side, px, reason):
    paper.place(1, side, px, 1.0)
    assert paper.answers()[0][0] == (REJECTED if reason else ACCEPTED)
    assert paper.v.answers[0].code == reason


def test_post_only_looks_at_the_book_on_arrival_not_at_sending(paper):
    paper.ask(1, PLACE, 1, BUY, 20.005, 1.0)
    paper.book(50, asks=((20.005, 5.0),))
    paper.until(101)
    assert paper.answers() == [(REJECTED, 1, 1.0)]
    paper.ask(102, PLACE, 2, BUY, 20.01, 1.0)
    paper.book(150, asks=((20.02, 5.0),))
    paper.until(202)
    assert paper.answers() == [(ACCEPTED, 2, 1.0)]


def test_an_order_below_ten_dollars_is_refused(paper):
    paper.place(1, BUY, 19.99, 0.5)
    assert paper.answers() == [(REJECTED, 1, 0.5)]
    assert paper.v.answers[0].code == MIN_NOTIONAL


def test_a_print_at_our_price_fills_only_behind_the_queue():
    for model, want in ((THROUGH, [0, 0, 0]), (QUEUE, [0, 0.5, 0.5])):
        paper = Paper(model)
        paper.book(0)
        paper.place(1, BUY, 19.99, 1.0)
        paper.answers()
        got = []
        for ms, sz in ((200, 4.0), (201, 1.5), (202, 3.0)):
            paper.print(ms, SELL, 19.99, sz)
            got.append(paper.filled())
        assert got == want


def test_a_print_through_our_price_fills_at_our_price_and_pays_the_maker_fee(paper):
    paper.place(1, BUY, 19.99, 1.0)
    paper.print(200, SELL, 19.98, 0.4)
    e = paper.v.answers[1]
    assert (e.kind, e.sz) == (FILL, 0.4)
    assert e.px == pytest.approx(19.99)
    assert e.extra == pytest.approx(19.99 * 0.4 * 1.5e-4)


def test_prints_of_our_own_side_never_fill(paper):
    paper.place(1, BUY, 19.99, 1.0)
    paper.answers()
    for px in (19.90, 19.99, 20.01):
        paper.print(200, BUY, px, 50.0)
    assert paper.answers() == []


def test_one_print_is_shared_best_price_first_then_oldest(paper):
    for cloid, px in ((1, 19.98), (2, 19.99), (3, 19.98)):
        paper.place(cloid, BUY, px, 1.0)
    paper.answers()
    paper.print(200, SELL, 19.97, 2.5)
    assert paper.answers() == [(FILL, 2, 1.0), (FILL, 1, 1.0), (FILL, 3, 0.5)]


def test_depth_that_shrinks_never_fills_but_shortens_the_queue():
    paper = Paper(QUEUE)
    paper.book(0)
    paper.place(1, BUY, 19.99, 1.0)
    paper.answers()
    for ms, sz in ((200, 2.0), (201, 0.5), (202, 9.0)):
        paper.book(ms, bids=((19.99, sz),))
        assert paper.answers() == []
    assert paper.v.working[0].ahead == 0.5  # the nine that came later stand behind us
    paper.print(203, SELL, 19.99, 0.7)
    assert paper.filled() == pytest.approx(0.2)


@pytest.mark.parametrize("is_snapshot", [True, False])
def test_a_level_that_vanished_leaves_nobody_ahead_in_either_kind_of_feed(is_snapshot):
    paper = Paper(QUEUE)
    paper.book(0, bids=((19.99, 5.0), (19.98, 5.0)))
    paper.place(1, BUY, 19.99, 1.0)
    if is_snapshot:
        paper.book(200, bids=((19.98, 5.0),))
    else:
        paper.market(200, LEVEL, BUY, 19.99, 0.0, LAST)
    assert paper.v.working[0].ahead == 0.0
    assert paper.filled() == 0.0


def test_behind_the_last_level_we_are_shown_the_queue_is_unknown_not_empty():
    paper = Paper(QUEUE)
    paper.book(0)
    paper.place(1, BUY, 19.95, 1.0)
    assert math.isinf(paper.v.working[0].ahead)
    paper.print(200, SELL, 19.95, 3.0)
    assert paper.filled() == 0.0
    paper.book(201, bids=((19.95, 7.0),))
    assert paper.v.working[0].ahead == 7.0
    paper.print(202, SELL, 19.95, 7.5)
    assert paper.filled() == 0.5


@pytest.mark.parametrize("ask", [19.99, 19.95])
def test_the_other_sides_touch_at_our_price_fills_us_there(paper, ask):
    paper.place(1, BUY, 19.99, 1.0)
    paper.answers()
    paper.book(200, bids=((19.90, 5.0),), asks=((ask, 5.0),))
    assert paper.answers() == [(FILL, 1, 1.0)]
    assert paper.v.answers[1].px == pytest.approx(19.99)


@pytest.mark.parametrize(
    ("cancel_at", "answers"),
    [
        (99, [(CANCELED, 1, 1.0)]),  # arrives at 199: in time
        (100, [(FILL, 1, 1.0), (REJECTED, 1, 0.0)]),  # at the same instant the trade was first
        (101, [(FILL, 1, 1.0), (REJECTED, 1, 0.0)]),
    ],
)
def test_a_cancel_races_the_trade(paper, cancel_at, answers):
    paper.place(1, BUY, 19.99, 1.0, ms=-100)
    paper.answers()
    paper.ask(cancel_at, CANCEL, 1)
    paper.print(200, SELL, 19.90, 5.0)
    paper.until(300)
    assert paper.answers() == answers
    if answers[-1][0] == REJECTED:
        assert paper.v.answers[paper.v.answer_head - 1].code == UNKNOWN_ORDER


def test_a_modify_loses_the_queue_and_may_be_refused():
    paper = Paper(QUEUE)
    paper.book(0)
    paper.place(1, BUY, 19.99, 1.0)
    paper.print(200, SELL, 19.99, 5.0)
    assert paper.v.working[0].ahead == 0.0
    paper.ask(200, MODIFY, 1, BUY, 19.99, 2.0)
    paper.until(300)
    assert paper.v.working[0].ahead == 5.0
    paper.ask(300, MODIFY, 1, BUY, 20.01, 2.0)
    paper.until(400)
    assert [kind for kind, _, _ in paper.answers()] == [ACCEPTED, ACCEPTED, REJECTED]
    assert all(o.cloid == 0 for o in paper.v.working)


def test_cancel_all_leaves_nothing_and_answers_for_each(paper):
    for cloid in (1, 2, 3):
        paper.place(cloid, BUY, 19.99 - cloid / 100, 1.0)
    paper.answers()
    paper.ask(200, CANCEL_ALL)
    paper.until(300)
    assert paper.answers() == [(CANCELED, cloid, 1.0) for cloid in (1, 2, 3)]
    assert all(o.cloid == 0 for o in paper.v.working)


orders = st.lists(
    st.tuples(st.sampled_from([BUY, SELL]), st.integers(1, 12), st.integers(60, 400)),
    min_size=1,
    max_size=8,
)
# prints reach up to twelve ticks into either side; the displayed touch stays out of our way
tape = st.lists(
    st.tuples(
        st.sampled_from([TRADE, LEVEL]),
        st.sampled_from([BUY, SELL]),
        st.integers(0, 13),
        st.integers(0, 300),
    ),
    max_size=40,
)


def play(model, placed, rows):
    """Return fills by order, and the volume each side's prints could have filled."""
    paper = Paper(model)
    far = tuple((20.0 - n / 100, 1.0 + n) for n in range(1, 14))
    shown = tuple((20.0 + n / 100, 1.0 + n) for n in range(1, 14))
    paper.book(0, far, shown)
    for cloid, (side, ticks, hundredths) in enumerate(placed, 1):
        paper.place(cloid, side, 20.0 - side * ticks / 100, hundredths / 100)
    paper.answers()
    filled = dict.fromkeys(range(1, len(placed) + 1), 0.0)
    for n, (kind, side, ticks, hundredths) in enumerate(rows):
        ms = 200 + n
        if kind == TRADE and hundredths:
            paper.print(ms, side, 20.0 + side * ticks / 100, hundredths / 100)
        elif kind == LEVEL and ticks > 0:
            paper.market(ms, LEVEL, side, 20.0 - side * ticks / 100, hundredths / 100, LAST)
        said = paper.answers()
        if kind == LEVEL:
            assert said == []
        for what, cloid, sz in said:
            assert what == FILL
            filled[cloid] += sz
        assert all(o.ahead >= 0.0 for o in paper.v.working)
        assert all(o.sz >= 0.0 for o in paper.v.working if o.cloid)
    return filled


@settings(max_examples=80, deadline=None)
@given(orders, tape)
def test_fills_never_exceed_what_traded_and_through_never_exceeds_queue(placed, rows):
    through, queue = (play(model, placed, rows) for model in MODELS)
    for filled in (through, queue):
        for side in (BUY, SELL):
            best = min((ticks for s, ticks, _ in placed if s == side), default=0)
            traded = sum(
                sz / 100
                for kind, s, ticks, sz in rows
                if kind == TRADE and s == -side and ticks >= best
            )
            mine = [k for k, row in enumerate(placed, 1) if row[0] == side]
            assert sum(filled[k] for k in mine) <= traded + 1e-9
            for k in mine:
                reached = sum(
                    sz / 100
                    for kind, s, ticks, sz in rows
                    if kind == TRADE and s == -side and ticks >= placed[k - 1][1]
                )
                assert filled[k] <= min(reached, placed[k - 1][2] / 100) + 1e-9
    assert all(through[k] <= queue[k] + 1e-9 for k in through)


@pytest.mark.parametrize(("latency_ms", "model"), [(-1.0, QUEUE), (math.nan, QUEUE), (1.0, 2)])
def test_impossible_venues_are_refused(latency_ms, model):
    with pytest.raises(ValueError, match=r"latency_ms must|fill_model must"):
        Paper(model, latency_ms)
