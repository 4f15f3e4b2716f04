"""The depth profile: sweeps that can be worked out by hand, laws, and a slow reference."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.derive.depth_profile import AWAITED, DEPTHS_BPS, FRONT, JOINED, depth_profile
from engine.events import (
    BUY,
    CONNECTED,
    CONTEXT,
    DISCONNECTED,
    LAST,
    LEVEL,
    SELL,
    SNAPSHOT,
    TIMER,
    TRADE,
    Event,
    joined,
)
from engine.record import zeros

SECOND_NS = 1_000_000_000
START_NS = 490_000 * 3600 * SECOND_NS
S5, S60 = 0, 1


def tape(*rows):
    """Return events from rows of (seconds, kind, side, flags, px, sz), sorted by time."""
    events = zeros(Event, len(rows))
    ordered = sorted(rows, key=lambda row: row[0])
    for e, (seconds, kind, side, flags, px, sz) in zip(events, ordered, strict=True):
        e.kind, e.side, e["code"], e.px, e.sz = kind, side, flags, px, sz
        e.ts_ns = e.recv_ns = START_NS + round(seconds * SECOND_NS)
    return events


def quote(seconds, mid=100.0, sz=1.0):
    """Return a book with two levels a side, 10 and 20 bps from the mid."""
    near, far = mid * 1e-3, mid * 2e-3
    return (
        (seconds, LEVEL, BUY, SNAPSHOT, mid - near, sz),
        (seconds, LEVEL, BUY, 0, mid - far, sz),
        (seconds, LEVEL, SELL, 0, mid + near, sz),
        (seconds, LEVEL, SELL, LAST, mid + far, sz),
    )


def hit(seconds, side, px, sz):
    return (seconds, TRADE, side, 0, px, sz)


def hour(*rows, until=3600):
    """Return an hour in which the feed is alive every second."""
    ticks = ((float(t), TIMER, 0, 0, 0.0, 0.0) for t in range(1, until + 1))
    return tape(*quote(0), *rows, *ticks)


def at(bps):
    return DEPTHS_BPS.index(bps)


def sweeps(profile, place, bps):
    return int(profile.sweeps[place, :, at(bps)].sum())


def test_nothing_observed_is_no_block() -> None:
    profile = depth_profile([])
    assert len(profile.observed_h) == 0
    assert profile.funding_bps_per_h is None
    assert np.isnan(profile.displayed_usd).all()


def test_prints_of_one_instant_and_side_are_one_sweep_as_deep_as_the_worst() -> None:
    profile = depth_profile([hour(hit(10, BUY, 100.1, 1.0), hit(10, BUY, 100.2, 1.0))])
    assert sweeps(profile, FRONT, 0.5) == 1
    assert sweeps(profile, FRONT, 20.0) == 1
    assert sweeps(profile, FRONT, 25.0) == 0


def test_two_sides_of_one_instant_are_two_sweeps() -> None:
    profile = depth_profile([hour(hit(10, BUY, 100.1, 1.0), hit(10, SELL, 99.9, 1.0))])
    assert sweeps(profile, FRONT, 10.0) == 2


def test_an_order_that_joined_is_filled_only_by_more_than_was_displayed() -> None:
    exact = depth_profile([hour(hit(10, BUY, 100.1, 1.0))])
    more = depth_profile([hour(hit(10, BUY, 100.1, 1.0), hit(10, BUY, 100.2, 0.1))])
    assert sweeps(exact, JOINED, 10.0) == 0
    assert sweeps(more, JOINED, 10.0) == 1
    assert sweeps(more, FRONT, 12.0) == 1  # the next level is behind both of the displayed ones
    assert sweeps(more, JOINED, 12.0) == 0


def test_inside_the_touch_an_order_joins_the_touch() -> None:
    profile = depth_profile([hour(hit(10, BUY, 100.1, 0.5))])
    assert sweeps(profile, FRONT, 5.0) == 1
    assert sweeps(profile, JOINED, 5.0) == 0


def test_depth_is_measured_from_the_mid_before_the_instant() -> None:
    # the book of the same instant, sent first, already shows what the sweep left
    late = hour(*quote(10, 100.2), hit(10, BUY, 100.2, 1.0))
    assert sweeps(depth_profile([late]), FRONT, 20.0) == 1


def test_moves_are_signed_by_the_aggressor_and_read_at_their_horizons() -> None:
    rows = (
        hit(10, BUY, 100.1, 2.0),
        *quote(14, 100.05),  # 5 bps after 4 s
        *quote(16, 100.5),  # too late for 5 s
        *quote(60, 100.2),  # 20 bps after 50 s
        hit(1000, SELL, 100.05, 2.0),
        *quote(1003, 100.4008),
    )
    profile = depth_profile([hour(*rows)])
    fell = -1e4 * (100.4008 / 100.2 - 1)
    assert profile.moved[FRONT, S5, 0, at(10.0)] == pytest.approx(5.0 + fell, abs=0.03)
    assert profile.squares[FRONT, S5, 0, at(10.0)] == pytest.approx(25.0 + fell**2, abs=0.9)
    assert profile.moved[FRONT, S60, 0, at(10.0)] == pytest.approx(20.0 + fell, abs=0.03)
    assert profile.known[FRONT, :, 0, at(10.0)].tolist() == [2, 2]


def test_a_sweep_into_silence_is_counted_but_not_followed() -> None:
    events = hour(hit(1800, BUY, 100.1, 2.0), until=1800)
    later = tape(*((float(t), TIMER, 0, 0, 0.0, 0.0) for t in range(1900, 3600)))
    profile = depth_profile([events, later])
    assert sweeps(profile, FRONT, 10.0) == 1
    assert profile.known[FRONT, S60, :, at(10.0)].sum() == 0


def test_without_a_book_a_print_has_no_depth() -> None:
    gone = (10.0, DISCONNECTED, 0, 0, 0.0, 0.0)
    back = (20.0, CONNECTED, 0, 0, 0.0, 0.0)
    profile = depth_profile([hour(gone, hit(15, BUY, 100.1, 1.0), back, *quote(30))])
    assert profile.unseen_prints == 1
    assert sweeps(profile, FRONT, 0.5) == 0


def test_an_hour_seen_for_less_than_half_is_no_block() -> None:
    assert len(depth_profile([hour(until=1700)]).observed_h) == 0
    assert len(depth_profile([hour(until=1900)]).observed_h) == 1
    assert depth_profile([hour(until=3599)]).observed_h[0] == pytest.approx(1.0, rel=1e-3)


def test_displayed_depth_minutes_and_funding_are_taken_down() -> None:
    rows = [(t, CONTEXT, 0, 0, 100.0, 1.0) for t in (5.0, 6.0)]
    events = hour(*rows, *quote(1801, 101.0))
    events["extra"][events["kind"] == CONTEXT] = [2e-5, -4e-5]
    profile = depth_profile([events])
    assert profile.funding_bps_per_h == pytest.approx(0.3)
    assert profile.displayed_usd[at(8.0)] == 0.0
    assert profile.displayed_usd[at(10.0)] == pytest.approx(100.0, rel=0.02)
    assert profile.displayed_usd[at(40.0)] == pytest.approx(200.0, rel=0.02)
    assert profile.minute_moves.max() == pytest.approx(0.01, rel=1e-6)
    assert len(profile.minute_moves) == 59


def test_sweeps_too_many_to_follow_are_counted_all_the_same() -> None:
    rows = [hit(10 + k * 0.005, (BUY, SELL)[k % 2], 100.0, 1.0) for k in range(9000)]
    profile = depth_profile([hour(*rows)])
    assert sweeps(profile, FRONT, 0.5) == 0  # at the mid, nothing reaches half a basis point
    rows = [hit(10 + k * 0.005, BUY, 100.1, 2.0) for k in range(9000)]
    profile = depth_profile([hour(*rows)])
    assert sweeps(profile, FRONT, 10.0) == 9000
    assert profile.known[FRONT, :, 0, at(10.0)].tolist() == [9000, AWAITED]


def test_more_than_it_can_hold_is_refused() -> None:
    with pytest.raises(ValueError, match=r"span 901 hours: at most 768"):
        depth_profile([tape((0.0, TIMER, 0, 0, 0, 0), (900 * 3600.0, TIMER, 0, 0, 0, 0))])


SWEEPS = st.lists(
    st.tuples(
        st.integers(1, 3500),
        st.sampled_from((BUY, SELL)),
        st.floats(-30, 60),
        st.floats(0.1, 5.0),
        st.floats(-40, 40),
    ),
    min_size=1,
    max_size=25,
)


def busy(drawn):
    rows = []
    for second, side, bps, sz, mid_bps in drawn:
        rows += [hit(second, side, 100.0 * (1 + side * bps * 1e-4), sz)]
        rows += quote(second + 0.5, 100.0 * (1 + mid_bps * 1e-4))
    return hour(*rows)


@settings(max_examples=40, deadline=None)
@given(SWEEPS)
def test_deeper_is_rarer_and_behind_is_rarer_than_in_front(drawn) -> None:
    profile = depth_profile([busy(drawn)])
    assert (np.diff(profile.sweeps, axis=-1) <= 0).all()
    assert (profile.sweeps[JOINED] <= profile.sweeps[FRONT]).all()
    assert (profile.known <= profile.sweeps[:, None]).all()
    assert (profile.squares * profile.known >= profile.moved**2 * (1 - 1e-9)).all()


@settings(max_examples=20, deadline=None)
@given(SWEEPS, st.integers(1, 3000))
def test_chunks_profile_as_the_whole(drawn, cut) -> None:
    events = busy(drawn)
    whole, parts = depth_profile([events]), depth_profile([events[:cut], events[cut:]])
    for name in ("observed_h", "sweeps", "known", "moved", "squares", "minute_moves"):
        assert np.array_equal(getattr(whole, name), getattr(parts, name)), name


def test_a_simulated_hour_agrees_with_a_slow_reference() -> None:
    from engine.sim.market import HOUR_NS
    from engine.sim.universe import market_of

    market = market_of("HYPE", None, 7, 490_000 * HOUR_NS)
    events = joined([market.chunk(0), market.chunk(1)])
    profile = depth_profile([events])
    found = [one for one in _slow_sweeps(events) if one[0] < 490_001 * HOUR_NS]
    for j, delta in enumerate(DEPTHS_BPS):
        reached = [move for _, depth, move in found if depth >= delta - 1e-9]
        assert int(profile.sweeps[FRONT, 0, j]) == len(reached), delta
        assert profile.moved[FRONT, S5, 0, j] == pytest.approx(sum(reached), abs=1e-6)


def _slow_sweeps(events):
    """Return (time, depth, 5 s move) of every sweep, from dicts of levels."""
    mids, books, sweeps = [], {BUY: {}, SELL: {}}, {}
    for e in events:
        if e["kind"] == LEVEL:
            if e["code"] & SNAPSHOT:
                books = {BUY: {}, SELL: {}}
            books[int(e["side"])][float(e["px"])] = float(e["sz"])
            if e["code"] & LAST:
                bids, asks = ([p for p, sz in books[s].items() if sz > 0] for s in (BUY, SELL))
                mid = (max(bids) + min(asks)) / 2 if bids and asks else math.nan
                mids.append((int(e["ts_ns"]), mid))
        elif e["kind"] == TRADE:
            key = int(e["ts_ns"]), int(e["side"])
            sweeps.setdefault(key, []).append(float(e["px"]))
    times = np.array([t for t, _ in mids])
    for (ts, side), pxs in sweeps.items():
        before = mids[np.searchsorted(times, ts, "left") - 1][1]
        after = mids[np.searchsorted(times, ts + 5 * SECOND_NS, "right") - 1][1]
        depth = max(1e4 * side * (px / before - 1) for px in pxs)
        assert math.isfinite(depth)
        yield ts, depth, 1e4 * side * (after / before - 1)
