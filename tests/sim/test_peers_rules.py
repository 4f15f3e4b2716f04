"""Other programs' paper rules, said in the words of our venue, do what their documentation says."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.fill_scores import Mids, block_edges, score
from benchmarks.paper_rules import PEERS, Rule, our_rules, set_one_clock
from engine.actions import CANCEL, PLACE, Action
from engine.core.params import Params
from engine.events import ACCEPTED, BUY, CANCELED, FILL, LAST, LEVEL, SELL, SNAPSHOT, TRADE, Event
from engine.instrument import new_instrument
from engine.record import zeros
from engine.sim import clocks, venue
from engine.sim.clocks import NEVER, Clocks, arrival_order
from engine.sim.rules import Latency

MS = 1_000_000
T0 = 1_000_000 * MS
BIDS, ASKS = ((19.99, 5.0), (19.98, 9.0)), ((20.01, 5.0), (20.02, 9.0))
HUMMINGBOT, FREQTRADE, NAUTILUS, OLDER, HFTBACKTEST = (
    PEERS[name]
    for name in (
        "hummingbot paper",
        "freqtrade candles",
        "nautilus sandbox",
        "the older system",
        "hftbacktest as used",
    )
)
PESSIMISTIC = our_rules()["ours, pessimistic"]


def at_once(rule):
    return Rule(rule.rules.replaced(latency=Latency.constant(0.0)), rule.one_clock)


def new_paper(rule):
    params = zeros(Params)[0]
    params.instrument, params.maker_fee = new_instrument(2), 1.5e-4
    params.capital_usd, params.max_leverage, params.oi_cap_usd = 1e6, 10.0, math.inf
    params.request_grant = 1e6
    return venue.new_venue(params, rule.rules)[0]


def book(ms, bids=BIDS, asks=ASKS):
    """Return the rows of a whole book."""
    rows = [(BUY, *row) for row in bids] + [(SELL, *row) for row in asks]
    codes = [SNAPSHOT] + [0] * (len(rows) - 2) + [LAST]
    return [(ms, LEVEL, *row, code) for row, code in zip(rows, codes, strict=True)]


def sold(ms, px, sz):
    """Return the row of a print that hits bids."""
    return [(ms, TRADE, SELL, px, sz, 0)]


def place(ms, cloid, px, sz, side=BUY):
    return (ms, PLACE, cloid, side, px, sz)


def cancel(ms, cloid):
    return (ms, CANCEL, cloid, BUY, 0.0, 0.0)


def market(rows, heard_after_ms=0):
    events = zeros(Event, len(rows))
    for e, row in zip(events, rows, strict=True):
        ms, e["kind"], e["side"], e["px"], e["sz"], e["code"] = row
        e["ts_ns"] = T0 + ms * MS
    events["recv_ns"] = events["ts_ns"] + heard_after_ms * MS
    return events


def request(row):
    action = zeros(Action)[0]
    ms, action.kind, action.cloid, action.side, action.px, action.sz = row
    action.ts_ns = T0 + ms * MS
    return action


def play(rule, requests, events):
    """Send requests at their times, whatever comes of them; return what the venue says [ms]."""
    v, c = new_paper(rule), zeros(Clocks)[0]
    if rule.one_clock:
        set_one_clock(events)
    order = arrival_order(events)
    for row in requests:
        venue.submit(v, request(row))
    clocks.begin(c, events, order)
    clocks.look(c, v)
    while c.venue_ns < NEVER:
        clocks.let_venue(c, v, events, order)
        clocks.look(c, v)
    said = v.answers[: v.answer_head]
    return [
        ((int(e.ts_ns) - T0) // MS, int(e.kind), int(e.ref), round(float(e.sz), 9)) for e in said
    ]


def fills(rule, requests, rows, **more):
    """Return the fills as (ms, order, coins)."""
    said = play(rule, requests, market(rows, **more))
    return [(ms, cloid, sz) for ms, kind, cloid, sz in said if kind == FILL]


def test_hummingbot_never_fills_at_the_price_and_fills_whole_through_it():
    rows = book(0) + sold(200, 19.99, 500.0) + sold(201, 19.98, 0.01)
    assert fills(HUMMINGBOT, [place(10, 1, 19.99, 3.0)], rows) == [(201, 1, 3.0)]


def test_hummingbot_fills_every_order_whole_with_one_print():
    asked = [place(10, 1, 19.99, 3.0), place(10, 2, 19.98, 3.0), place(10, 3, 19.97, 3.0)]
    rows = book(0) + sold(200, 19.97, 0.01)
    assert fills(HUMMINGBOT, asked, rows) == [(200, 1, 3.0), (200, 2, 3.0)]


@pytest.mark.parametrize("ask", [19.99, 19.98])
def test_hummingbot_fills_whole_where_the_other_side_has_reached_the_price(ask):
    rows = book(0) + book(200, ((19.97, 1.0),), ((ask, 0.01),))
    assert fills(HUMMINGBOT, [place(10, 1, 19.99, 3.0)], rows) == [(200, 1, 3.0)]


def test_freqtrade_fills_whole_at_a_touch_whatever_the_queue():
    rows = book(0) + sold(200, 19.99, 0.01)
    assert fills(FREQTRADE, [place(10, 1, 19.99, 3.0)], rows) == [(200, 1, 3.0)]


def test_nautilus_fills_at_a_touch_at_most_what_was_printed():
    rows = book(0) + sold(200, 19.99, 0.7) + sold(201, 19.98, 1.0)
    asked = [place(10, 1, 19.99, 3.0)]
    assert fills(NAUTILUS, asked, rows) == [(200, 1, 0.7), (201, 1, 1.0)]


@pytest.mark.parametrize("rule", [HUMMINGBOT, FREQTRADE, NAUTILUS])
def test_without_latency_an_order_rests_and_leaves_at_once(rule):
    rows = book(0) + sold(200, 19.90, 5.0)
    assert fills(rule, [place(200, 1, 19.99, 1.0)], rows) == [(200, 1, 1.0)]
    assert fills(rule, [place(10, 1, 19.99, 1.0), cancel(200, 1)], rows) == []


@pytest.mark.parametrize("rule", [HUMMINGBOT, FREQTRADE, NAUTILUS, OLDER])
def test_on_one_clock_what_is_not_heard_has_not_happened(rule):
    asked = [place(10, 1, 19.99, 1.0), cancel(500, 1)]
    rows = book(0, BIDS, ASKS) + sold(200, 19.90, 5.0)
    late = {"heard_after_ms": 400}
    assert fills(rule, [place(450, 1, 19.99, 1.0)], rows, **late) == [(600, 1, 1.0)]
    assert fills(rule, asked, rows, **late) == []
    assert fills(rule._replace(one_clock=False), asked, rows, **late) == [(200, 1, 1.0)]


def test_the_older_system_places_after_100_ms_and_cancels_at_once():
    asked = [place(10, 1, 19.99, 1.0), cancel(300, 1)]
    assert play(OLDER, asked, market(book(0) + sold(301, 19.90, 5.0))) == [
        (110, ACCEPTED, 1, 1.0),
        (300, CANCELED, 1, 1.0),
    ]


def test_the_older_system_takes_a_print_off_the_queue_twice():
    rows = book(0) + sold(200, 19.99, 2.0)
    rows += [(201, LEVEL, BUY, 19.99, 3.0, LAST)]  # of five coins two have traded
    rows += sold(202, 19.99, 1.5)
    asked = [place(10, 1, 19.99, 1.0)]
    assert fills(OLDER, asked, rows) == [(202, 1, 0.5)]
    assert fills(at_once(our_rules()["ours, optimistic"]), asked, rows) == []


def test_hftbacktest_waits_100_ms_queues_and_then_fills_whole_orders():
    asked = [place(10, 1, 19.99, 3.0), place(10, 2, 19.98, 3.0)]
    rows = book(0) + sold(109, 19.90, 99.0) + sold(200, 19.99, 5.0) + sold(201, 19.99, 0.01)
    assert fills(HFTBACKTEST, asked, rows) == [(201, 1, 3.0)]
    rows = book(0) + sold(200, 19.97, 0.01)
    assert fills(HFTBACKTEST, asked, rows) == [(200, 1, 3.0), (200, 2, 3.0)]


def test_hftbacktest_lets_a_cancel_race_what_is_not_heard_yet():
    asked = [place(10, 1, 19.99, 1.0), cancel(150, 1)]
    rows = book(0) + sold(200, 19.90, 5.0)
    assert fills(HFTBACKTEST, asked, rows, heard_after_ms=400) == [(200, 1, 1.0)]


def test_our_pessimistic_rule_shares_a_print_that_fills_every_order_of_a_peer():
    asked = [place(10, 1, 19.99, 3.0), place(10, 2, 19.98, 3.0)]
    rows = book(0) + sold(5000, 19.97, 4.0)
    assert fills(PESSIMISTIC, asked, rows) == [(5000, 1, 3.0), (5000, 2, 1.0)]


times = st.integers(5, 400)
placed = st.tuples(times, st.sampled_from([BUY, SELL]), st.integers(-2, 12), st.integers(60, 400))
traded = st.tuples(times, st.sampled_from([BUY, SELL]), st.integers(0, 13), st.integers(1, 600))
# the touch wanders over our prices: whole books, so that they are never crossed in themselves
shown = st.tuples(times, st.integers(-12, 12), st.integers(1, 400))


def requests_of(orders, leaving):
    """Return orders at ticks behind 20.00, and cancels of some; every one is worth 10 USD."""
    rows = [
        place(ms, cloid, round(20.0 - side * ticks / 100, 2), hundredths / 100, side)
        for cloid, (ms, side, ticks, hundredths) in enumerate(orders, 1)
    ]
    rows += [cancel(ms, cloid) for ms, cloid in leaving if cloid <= len(orders)]
    return sorted(rows, key=lambda row: row[0])


def rows_of(prints, books):
    rows = [
        (ms, TRADE, side, round(20.0 + side * ticks / 100, 2), hundredths / 100, 0)
        for ms, side, ticks, hundredths in prints
    ]
    for ms, ticks, hundredths in books:
        at = 20.0 + ticks / 100
        bids = [(round(at - k / 100, 2), k * hundredths / 100) for k in (1, 2, 3)]
        asks = [(round(at + k / 100, 2), k * hundredths / 100) for k in (1, 2, 3)]
        rows += book(ms, bids, asks)
    return book(0) + sorted(rows, key=lambda row: row[0])


def coins(rule, requests, rows, n):
    filled = np.zeros(n + 1)
    for _, cloid, sz in fills(rule, requests, rows):
        filled[cloid] += sz
    return filled


@pytest.mark.parametrize("name", PEERS)
@settings(max_examples=60, deadline=None)
@given(
    orders=st.lists(placed, min_size=1, max_size=8),
    leaving=st.lists(st.tuples(times, st.integers(1, 8)), max_size=4),
    prints=st.lists(traded, max_size=15),
    books=st.lists(shown, max_size=10),
)
def test_all_else_equal_our_pessimistic_rule_fills_no_order_further_than_any_peer(
    name, orders, leaving, prints, books
):
    """What else differs are delays, and that some programs look at prints or at the book alone."""
    requests, rows = requests_of(orders, leaving), rows_of(prints, books)
    theirs = Rule(PEERS[name].rules.replaced(latency=Latency.constant(30.0)))
    ours = Rule(theirs.rules.replaced(fill_model="pessimistic", whole_fills=False))
    ours_filled = coins(ours, requests, rows, len(orders))
    assert (ours_filled <= coins(theirs, requests, rows, len(orders)) + 1e-9).all()


@pytest.mark.parametrize(("name", "filled"), [("freqtrade candles", 0), ("freqtrade dry run", 1)])
def test_a_dry_run_knows_the_book_alone_and_candles_know_prints_alone(name, filled):
    asked = [place(10, 1, 19.99, 1.0)]
    crossed = book(0) + book(2000, ((19.90, 5.0),), ((19.95, 5.0),))
    traded = book(0) + sold(2000, 19.90, 5.0)
    assert len(fills(PEERS[name], asked, crossed)) == filled
    assert len(fills(PEERS[name], asked, traded)) == 1 - filled


def test_a_cancel_that_is_under_way_is_why_we_may_fill_what_a_peer_does_not():
    asked = [place(10, 1, 19.99, 1.0), cancel(2000, 1)]
    rows = book(0) + sold(2001, 19.90, 5.0)
    assert fills(PESSIMISTIC, asked, rows) == [(2001, 1, 1.0)]
    assert fills(HUMMINGBOT, asked, rows) == []


def test_a_later_arrival_is_the_other_reason_it_may_meet_a_book_that_lets_it_rest():
    rows = book(0) + book(20, asks=((20.03, 5.0),)) + sold(5000, 19.90, 5.0)
    asked = [place(10, 1, 20.01, 1.0)]
    assert fills(PESSIMISTIC, asked, rows) == [(5000, 1, 1.0)]
    assert fills(HUMMINGBOT, asked, rows) == []


def test_profit_adds_up_over_blocks_and_edge_is_of_the_mid_five_seconds_later():
    second = 1_000_000_000
    mids = Mids(np.array([0, 4, 301, 599]) * second, np.array([20.0, 20.2, 19.0, 21.0]))
    made = np.zeros(3, Event.dtype)
    made["ts_ns"] = np.array([0, 2, 598]) * second
    made["side"], made["px"], made["sz"] = (BUY, BUY, SELL), (20.0, 20.0, 21.0), (1.0, 1.0, 2.0)
    made["extra"] = 0.01
    one = score(mids, block_edges(mids.ts_ns), made, requests=7)
    assert one.pnl_usd.sum() == pytest.approx(2 * 21.0 - 40.0 - 0.03)
    assert one.pnl_usd.tolist() == pytest.approx([2 * 20.2 - 40.0 - 0.02, 42.0 - 2 * 20.2 - 0.01])
    assert one.edge_usd.tolist() == pytest.approx([0.4 - 0.02, 0.0])
    assert one.known_usd.tolist() == pytest.approx([40.0, 0.0])  # the last fill is too young
