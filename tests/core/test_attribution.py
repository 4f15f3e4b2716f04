"""Attribution: whatever happens, the parts add up to equity."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core import attribution, ledger
from engine.core.attribution import Attribution
from engine.core.ledger import Ledger
from engine.events import BUY, FILL, FUNDING, SELL, Event
from engine.record import kernel, zeros

price = st.floats(15.0, 25.0)
steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("fill"),
            st.sampled_from([BUY, SELL]),
            price,
            st.floats(0.01, 50.0),
            st.floats(-0.05, 0.1),
            price,
        ),
        st.tuples(st.just("move"), price),
        st.tuples(st.just("funding"), st.floats(-2.0, 2.0)),
        st.tuples(st.just("resolve"), st.floats(-50.0, 50.0) | st.just(math.nan)),
    ),
    max_size=80,
)


class Books:
    """An attribution beside a ledger."""

    def __init__(self, mid=20.0):
        self.a, self.ledger, self.mid, self.id = zeros(Attribution)[0], zeros(Ledger)[0], mid, 0

    def event(self, kind, **fields):
        self.id += 1
        e = zeros(Event)[0]
        e.kind, e.id = kind, self.id
        for name, value in fields.items():
            setattr(e, name, value)
        return e

    def fill(self, side, px, sz, fee, mid_at_fill):
        ledger.settle(self.ledger, self.event(FILL, side=side, px=px, sz=sz, extra=fee))
        attribution.fill(self.a, side, px, sz, fee, mid_at_fill, self.mid)

    def move(self, mid):
        attribution.move(self.a, self.ledger.position, self.mid, mid)
        self.mid = mid

    def funding(self, usd):
        ledger.pay_funding(self.ledger, self.event(FUNDING, extra=usd))
        attribution.pay(self.a, usd)

    def resolve(self, usd):
        attribution.resolve(self.a, usd)

    def equity(self):
        return ledger.equity_usd(self.ledger, self.mid)


@settings(max_examples=200, deadline=None)
@given(steps)
def test_the_parts_add_up_to_equity_after_every_step(rows):
    books = Books()
    for name, *values in rows:
        getattr(books, name)(*values)
        assert attribution.total_usd(books.a) == pytest.approx(books.equity(), abs=1e-9, rel=1e-9)
        a = books.a
        parts = a.spread_usd + a.adverse_usd + attribution.inventory_usd(a) - a.fees_usd
        assert parts + a.funding_usd == pytest.approx(books.equity(), abs=1e-9, rel=1e-9)


def test_what_each_part_means():
    books = Books(mid=20.0)
    books.fill(BUY, 19.99, 10.0, 0.03, 20.0)  # half a spread earned
    books.move(19.95)  # within 5 s, against us
    books.resolve(10.0 * (19.95 - 20.0))
    books.move(20.05)  # later
    books.funding(-0.02)
    a = books.a
    assert a.spread_usd == pytest.approx(0.1)
    assert a.adverse_usd == pytest.approx(-0.5)
    assert attribution.inventory_usd(a) == pytest.approx(1.0)
    assert (a.fees_usd, a.funding_usd) == (0.03, -0.02)
    assert attribution.total_usd(a) == pytest.approx(0.55)


def test_a_fill_heard_late_closes_too():
    books = Books(mid=20.10)
    books.fill(SELL, 20.01, 5.0, 0.0, 20.0)  # the mid has left since
    assert books.a.spread_usd == pytest.approx(0.05)
    assert books.a.carry_usd == pytest.approx(-0.5)
    assert attribution.total_usd(books.a) == pytest.approx(books.equity(), abs=1e-9)


def test_an_unknown_outcome_stays_with_inventory():
    books = Books()
    books.fill(BUY, 20.0, 1.0, 0.0, 20.0)
    books.move(21.0)
    books.resolve(math.nan)
    assert books.a.adverse_usd == 0.0
    assert attribution.inventory_usd(books.a) == 1.0


@kernel
def _live(a, book, e, side, px, mids):
    """One fill and one move after the other."""
    mid = mids[0]
    for k in range(len(mids)):
        e.id, e.side, e.px = k + 1, side[k], px[k]
        book.n_seen = 0  # ids are new; the search for repeats is not what is tested
        ledger.settle(book, e)
        attribution.fill(a, side[k], px[k], e.sz, e.extra, mid, mid)
        attribution.move(a, book.position, mid, mids[k])
        mid = mids[k]
    return mid


def test_twenty_thousand_fills_still_close():
    rng = np.random.default_rng(1)
    n = 20_000
    mids = 20.0 * np.exp(np.cumsum(rng.normal(0.0, 1e-4, n)))
    side = rng.permutation(np.repeat([BUY, SELL], n // 2))
    a, book, e = zeros(Attribution)[0], zeros(Ledger)[0], zeros(Event)[0]
    e.sz, e.extra = 0.75, 0.00225
    mid = _live(a, book, e, side, mids * (1.0 - 3e-4 * side), mids)
    gap = attribution.total_usd(a) - ledger.equity_usd(book, mid)
    assert abs(gap) < 1e-12 * book.volume_usd
    assert book.volume_usd > 2e5
