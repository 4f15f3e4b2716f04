"""The book said again is the book that stood."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core import book
from engine.events import (
    BUY,
    CONNECTED,
    DISCONNECTED,
    LAST,
    LEVEL,
    SELL,
    SNAPSHOT,
    TRADE,
    Event,
)
from engine.instrument import new_instrument
from engine.record import zeros
from engine.store.admission import unit_ends
from engine.store.standing_book import StandingBook

INSTRUMENT = new_instrument(sz_decimals=5)  # one decimal of a price

LEVELS = st.tuples(
    st.sampled_from([BUY, SELL]), st.integers(1, 9), st.sampled_from([0.0, 0.5, 2.0])
)
RUNS = st.tuples(st.booleans(), st.lists(LEVELS, min_size=1, max_size=6))
OTHERS = st.sampled_from([TRADE, CONNECTED, DISCONNECTED])


def events_of(script):
    parts = []
    for k, said in enumerate(script):
        if isinstance(said, int):
            part = zeros(Event)
            part["kind"] = said
        else:
            whole, levels = said
            part = zeros(Event, len(levels))
            part["kind"], part["ref"] = LEVEL, k
            part["side"], px, part["sz"] = zip(*levels, strict=True)
            part["px"] = np.array(px) + 10.0 * (part["side"] == SELL)
            part["code"][0] = SNAPSHOT * whole
            part["code"][-1] |= LAST
        part["ts_ns"] = part["recv_ns"] = k * 1000
        parts.append(part)
    return parts


def as_the_maker_sees_it(events):
    b = zeros(book.Book)[0]
    for e in events:
        if e["kind"] in (CONNECTED, DISCONNECTED):
            book.clear(b)
        elif e["kind"] == LEVEL:
            book.apply(b, INSTRUMENT, e)
    return [
        list(zip(b.px[r, : b.n[r]].tolist(), b.sz[r, : b.n[r]].tolist(), strict=True))
        for r in (0, 1)
    ]


@settings(max_examples=150, deadline=None)
@given(script=st.lists(st.one_of(RUNS, OTHERS), max_size=12), at=st.integers(0, 12))
def test_a_maker_who_hears_the_book_said_again_sees_what_it_saw(script, at):
    parts = events_of(script)
    standing = StandingBook()
    for batch in (parts[:at], parts[at:]):
        standing.update(np.concatenate([zeros(Event, 0), *batch]))
    again = standing.snapshot(recv_ns=10**9)
    assert as_the_maker_sees_it(again) == as_the_maker_sees_it(
        np.concatenate([zeros(Event, 0), *parts])
    )


@settings(max_examples=50, deadline=None)
@given(script=st.lists(st.one_of(RUNS, OTHERS), min_size=1, max_size=12))
def test_a_book_said_again_is_one_run_with_what_was_heard_of_each_level(script):
    parts = events_of(script)
    standing = StandingBook()
    standing.update(np.concatenate(parts))
    again = standing.snapshot(recv_ns=10**9)
    if len(again):
        assert unit_ends(again).tolist() == [len(again) - 1]
        assert again["code"][0] & SNAPSHOT and again["code"][-1] & LAST
        assert (again["recv_ns"] == 10**9).all()
        heard = {(e["side"], e["px"], e["sz"], e["ref"]) for part in parts for e in part}
        assert {(e["side"], e["px"], e["sz"], e["ref"]) for e in again} <= heard


def test_bids_come_before_asks_and_each_best_first():
    standing = StandingBook()
    standing.update(
        np.concatenate(events_of([(True, [(SELL, 2, 1.0), (BUY, 1, 1.0), (BUY, 3, 1.0)])]))
    )
    standing.update(np.concatenate(events_of([(False, [(SELL, 1, 1.0)])])))
    assert standing.levels["px"].tolist() == [3.0, 1.0, 11.0, 12.0]
