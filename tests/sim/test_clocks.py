"""Two clocks: the venue lives by its own, we hear of it later, and nobody hears the future."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.actions import CANCEL, PLACE, Action
from engine.events import ACCEPTED, BUY, CANCELED, FILL, LAST, LEVEL, REJECTED, SELL, TRADE, Event
from engine.record import kernel, zeros
from engine.sim import clocks, venue
from engine.sim.clocks import LATE_NS, NEVER, Clocks, arrival_order
from engine.sim.rules import Delay, Latency, Spikes
from engine.sim.venue import MAX_WAITING

MS = 1_000_000
S = 1_000 * MS
T0 = 490_000 * 3_600 * S
HAPPENS, SERVED, HEARD, ANSWERED = "happens", "served", "heard", "answered"
NAMES = (HAPPENS, SERVED, HEARD, ANSWERED)


@kernel
def live(clock, venues, events, order, requests, sent, until_ns, diary):
    """Live as a session does, with requests that are sent when their time has come."""
    c, v = clock[0], venues[0]
    n = 0
    clocks.begin(c, events, order)
    while True:
        clocks.look(c, v)
        send = requests[sent[0]].ts_ns if sent[0] < requests.shape[0] else NEVER
        mine = min(c.maker_ns, send)
        if min(c.venue_ns, mine) > until_ns:
            return n
        if c.venue_ns <= mine:
            diary[n, 0] = c.venue_ns
            diary[n, 1] = 1 if c.serves else 0
            diary[n, 2] = v.asks[v.ask_tail % MAX_WAITING].cloid
            if not c.serves:
                diary[n, 2] = events[order[c.read_by_venue]].id
            clocks.let_venue(c, v, events, order)
        elif send <= c.maker_ns:
            venue.submit(v, requests[sent[0]])
            sent[0] += 1
            continue
        elif c.hears_market:
            diary[n, 0] = c.maker_ns
            diary[n, 1] = 2
            diary[n, 2] = events[c.read_by_maker].id
            clocks.pass_market(c, v, events)
        else:
            diary[n, 0] = c.maker_ns
            diary[n, 1] = 3
            diary[n, 2] = v.answers[v.answer_tail % MAX_WAITING].kind
            v.answer_tail += 1
        n += 1


class Life:
    """Market data, requests and a venue; what happened, in order."""

    def __init__(self, paper, events, requests=()):
        self.venues, self.clock = paper.venues, zeros(Clocks)
        self.events = np.concatenate([zeros(Event, 0), *events]).view(Event.dtype)
        self.requests = np.concatenate([zeros(Action, 0), *requests]).view(Action.dtype)
        self.sent = np.zeros(1, np.int64)

    def on(self, events, until_ns=NEVER - 1):
        """Live on with these events; return when, what, and of which event, request or kind."""
        diary = np.zeros((8 * len(events) + 8 * len(self.requests) + 100, 3), np.int64)
        order = arrival_order(events)
        told = (self.clock, self.venues, events, order, self.requests, self.sent)
        n = live(*told, until_ns, diary)
        return [(int(ns), NAMES[what], int(of)) for ns, what, of in diary[:n]]

    def whole(self):
        return self.on(self.events)

    def in_parts(self, cuts):
        """As a run does: every part has all that happened in it, however late we heard of it."""
        rows, given, tail = [], 0, zeros(Event, 0)
        for cut_ns in (*sorted(cuts), NEVER - 1):
            upto = int(np.searchsorted(self.events["recv_ns"], cut_ns + LATE_NS, side="right"))
            events = np.concatenate([tail, self.events[given:upto]]).view(Event.dtype)
            rows += self.on(events, cut_ns)
            heard = int(self.clock[0].read_by_maker)
            tail, given = events[heard:].copy(), upto
            self.clock[0].read_by_venue -= heard
            self.clock[0].read_by_maker = 0
        return rows


def event(ns, kind, recv_ns=None, **fields):
    events = zeros(Event)
    recv_ns = ns if recv_ns is None else recv_ns
    for name, value in ({"kind": kind, "ts_ns": ns, "recv_ns": recv_ns} | fields).items():
        setattr(events[0], name, value)
    return events


@st.composite
def feeds(draw, late=True):
    """Prints and messages of one to three levels, in the order in which we hear of them."""
    gap, lag = st.integers(0, 3_000), st.integers(0, 6_000 if late else 300)
    rows, recv = [], T0
    for _ in range(draw(st.integers(1, 40))):
        recv += draw(gap) * MS
        ts = recv - draw(lag) * MS
        levels = draw(st.integers(0, 3))
        for k in range(levels):
            side, px = (BUY, 19.99 - k / 100) if draw(st.booleans()) else (SELL, 20.01 + k / 100)
            code = LAST if k == levels - 1 else 0
            rows.append(event(ts, LEVEL, recv, side=side, px=px, sz=5.0, code=code, id=len(rows)))
        if levels == 0:
            rows.append(event(ts, TRADE, recv, side=SELL, px=19.9, sz=1.0, id=len(rows)))
    return np.concatenate(rows).view(Event.dtype)


def happened(events):
    return np.maximum(events["ts_ns"], events["recv_ns"] - LATE_NS)


@given(feeds())
def test_the_order_of_arrival_is_the_venues_and_leaves_equals_as_they_came(events):
    order = arrival_order(events)
    assert sorted(order) == list(range(len(events)))
    is_level = (events["kind"] == LEVEL)[order]
    keys = list(zip(happened(events)[order], is_level, order, strict=True))
    assert keys == sorted(keys)


def test_a_print_stands_before_the_book_it_made_though_we_hear_of_the_book_first(new_paper):
    # one block: its book has lost already what printed in it
    feed = [
        event(T0 + 10 * MS, LEVEL, T0 + 30 * MS, side=BUY, px=19.99, sz=3.0, code=LAST),
        event(T0 + 10 * MS, TRADE, T0 + 40 * MS, side=SELL, px=19.99, sz=2.0),
    ]
    for model in ("risk_averse", "power", "optimistic"):
        paper = new_paper(model)
        paper.book(0, bids=((19.99, 10.0), (19.98, 1.0)))
        paper.place(1, BUY, 19.99, 1.0)
        paper.level(5, BUY, 19.99, 5.0)
        ahead = float(paper.order(1).ahead)
        Life(paper, feed).whole()
        assert paper.order(1).ahead == pytest.approx(ahead - 2.0), model


def test_market_data_in_the_venues_order_is_left_as_it_is():
    events = np.concatenate([event(T0 + k, TRADE, T0 + k + 9) for k in range(9)]).view(Event.dtype)
    assert list(arrival_order(events)) == list(range(9))
    assert list(arrival_order(events[:0])) == []
    assert list(arrival_order(events[:1])) == [0]


def test_the_venue_lives_by_its_own_clock_and_we_by_ours(new_paper):
    feed = [
        event(T0 + 10 * MS, TRADE, T0 + 40 * MS, id=1),
        event(T0 + 5 * MS, TRADE, T0 + 45 * MS, id=2),  # by another way: heard later
        event(T0 + 12 * MS, TRADE, T0 + 50 * MS, id=3),
    ]
    diary = Life(new_paper(), feed).whole()
    assert [(what, of) for _, what, of in diary] == [
        (HAPPENS, 2),
        (HAPPENS, 1),
        (HAPPENS, 3),
        (HEARD, 1),
        (HEARD, 2),
        (HEARD, 3),
    ]
    assert [ns - T0 for ns, *_ in diary] == [ms * MS for ms in (5, 10, 12, 40, 45, 50)]


def test_at_one_instant_requests_then_market_then_we_hear_it_then_our_answers(new_paper):
    paper = new_paper(latency=0.0)
    request = [paper.request(10, PLACE, 1, BUY, 19.0, 1.0)]
    feed = [event(T0 + 10 * MS, TRADE, id=7)]
    # nothing takes any time: all of it happens at once
    assert [(what, of) for _, what, of in Life(paper, feed, request).whole()] == [
        (HAPPENS, 7),  # it had happened before we sent the request
        (SERVED, 1),
        (HEARD, 7),
        (ANSWERED, ACCEPTED),
    ]
    paper = new_paper(latency=5.0)
    request = [paper.request(5, PLACE, 1, BUY, 19.0, 1.0)]
    feed = [event(T0 + 10 * MS, TRADE, T0 + 15 * MS, id=7)]
    assert [(what, of) for _, what, of in Life(paper, feed, request).whole()] == [
        (SERVED, 1),
        (HAPPENS, 7),
        (HEARD, 7),
        (ANSWERED, ACCEPTED),
    ]


def test_what_comes_very_late_happens_shortly_before_we_hear_of_it(new_paper):
    feed = [
        event(T0 + 20 * S, TRADE, id=1),
        event(T0 + 10 * S, TRADE, T0 + 26 * S, id=2),  # put at 21 s
        event(T0 + 30 * S, TRADE, id=3),
    ]
    paper = new_paper(latency=0.0)
    request = [paper.request(20_500, PLACE, 1, BUY, 19.0, 1.0)]
    diary = [row[1:] for row in Life(paper, feed, request).whole()]
    assert diary.index((SERVED, 1)) < diary.index((HAPPENS, 2))


LATENCIES = {
    "constant": Latency.constant(100.0),
    "slow feed": Latency(
        **dict.fromkeys(("new", "modify", "cancel", "response"), Delay.constant(50.0)),
        feed=Delay(quantiles_ms=(0.0, 200.0, 4_000.0)),
    ),
    "spikes": Latency(
        **dict.fromkeys(("new", "modify", "cancel", "response"), Delay(quantiles_ms=(1.0, 90.0))),
        spikes=Spikes(per_hour=600.0, mean_s=4.0, extra_ms=3_000.0),
    ),
}


@pytest.mark.parametrize("name", LATENCIES)
@settings(max_examples=40, deadline=None)
@given(events=feeds(), seed=st.integers(0, 2**32 - 1))
def test_we_hear_everything_once_in_its_order_and_never_before_its_time(
    new_paper, name, events, seed
):
    paper = new_paper(latency=LATENCIES[name], seed=seed)
    diary = Life(paper, [events]).whole()
    times = [ns for ns, what, _ in diary if what == HEARD]
    assert [of for _, what, of in diary if what == HEARD] == list(range(len(events)))
    assert times == sorted(times)
    recv = events["recv_ns"]
    assert all(at >= ns for at, ns in zip(times, recv, strict=True))
    if name == "constant":
        assert times == list(recv)
    most = LATENCIES[name].feed.quantiles_ms[-1] + 3_000.0 * (name == "spikes")
    assert all(
        at <= ns + most * MS for at, ns in zip(times, np.maximum.accumulate(recv), strict=True)
    )
    assert [of for _, what, of in diary if what == HAPPENS] == list(arrival_order(events))


def test_a_message_is_heard_whole(new_paper):
    paper = new_paper(latency=LATENCIES["slow feed"])
    rows = [
        event(T0 + n * 10 * S, LEVEL, side=BUY, px=19.9 - k / 100, sz=5.0, code=LAST * (k == 2))
        for n in range(200)
        for k in range(3)
    ]
    times = [ns for ns, what, _ in Life(paper, rows).whole() if what == HEARD]
    assert times[::3] == times[1::3] == times[2::3]
    delays = np.array([(ns - T0 - n * 10 * S) / MS for n, ns in enumerate(times[::3])])[1:]
    assert abs((delays <= 200).mean() - 0.5) < 0.16
    assert delays.max() > 2_000


def test_a_constant_delay_of_the_feed_is_exact(new_paper):
    fast = dict.fromkeys(("new", "modify", "cancel", "response"), Delay.constant(1.0))
    paper = new_paper(latency=Latency(**fast, feed=Delay.constant(30.0)))
    feed = [event(T0 + k * 7 * MS, TRADE, T0 + k * 7 * MS + 2 * MS) for k in range(50)]
    times = [ns for ns, what, _ in Life(paper, feed).whole() if what == HEARD]
    assert [(ns - T0) / MS for ns in times[1:]] == [7.0 * k + 32.0 for k in range(1, 50)]


def requests_of(paper, n, rng):
    rows = []
    for k in range(n):
        ms = int(rng.integers(0, 60_000))
        rows.append((ms, PLACE, k + 1, int(rng.choice([BUY, SELL])), 0.0, 1.0))
        rows.append((ms + int(rng.integers(0, 9_000)), CANCEL, k + 1, BUY, 0.0, 0.0))
    rows.sort()
    return [
        paper.request(ms, kind, cloid, side, 20.0 - side * 0.05, sz)
        for ms, kind, cloid, side, _, sz in rows
    ]


@pytest.mark.parametrize("name", LATENCIES)
@settings(max_examples=40, deadline=None)
@given(
    events=feeds(),
    cuts=st.lists(st.integers(-1_000, 70_000), max_size=8),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_run_in_parts_is_the_run_in_one(new_paper, name, events, cuts, seed):
    def life():
        paper = new_paper("power", latency=LATENCIES[name], seed=seed)
        return Life(paper, [events], requests_of(paper, 20, np.random.default_rng(seed)))

    one, parts = life(), life()
    assert parts.in_parts([T0 + cut * MS for cut in cuts]) == one.whole()
    assert parts.venues.tobytes() == one.venues.tobytes()


@settings(max_examples=40, deadline=None)
@given(events=feeds(late=False), seed=st.integers(0, 2**32 - 1))
def test_answers_come_in_order_and_after_the_venue_has_acted(new_paper, events, seed):
    paper = new_paper("power", latency=LATENCIES["spikes"], seed=seed)
    asked = requests_of(paper, 30, np.random.default_rng(seed))
    diary = Life(paper, [events], asked).whole()
    answers = [(ns, of) for ns, what, of in diary if what == ANSWERED]
    assert [ns for ns, _ in answers] == sorted(ns for ns, _ in answers)
    assert {of for _, of in answers} <= {ACCEPTED, CANCELED, REJECTED, FILL}
    served = [ns for ns, what, _ in diary if what == SERVED]
    assert served == sorted(served) and len(served) == 60
