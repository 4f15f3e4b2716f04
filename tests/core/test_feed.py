"""A feed is believed by its age: one that is absent costs nothing, one that stops is noticed."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core import feed
from engine.core.feed import ABSENT, DEAD, FRESH, STALE, WARMING, Feed
from engine.record import dump_state, load_state, zeros

S = 1_000_000_000
T0 = 1_767_225_600 * S
GAPS = st.lists(st.floats(-5.0, 1e5), max_size=120)


def new(configured=1):
    feeds = zeros(Feed)
    feeds[0].configured = configured
    return feeds[0]


def warm(gap_s, n=feed.WARM_EVENTS):
    """Return a feed heard every `gap_s`, and the time of its last event."""
    f, t = new(), T0
    for _ in range(n):
        t += int(gap_s * S)
        feed.hear(f, t)
    return f, t


@settings(deadline=None)
@given(GAPS, st.floats(0.0, 1e6))
def test_an_absent_feed_costs_nothing_for_ever(gaps, age_s):
    f, t = new(configured=0), T0
    for gap_s in gaps:
        t += int(gap_s * S)
        feed.hear(f, t)
        assert feed.availability(f, t) == ABSENT
        assert feed.multiplier(f, t + int(age_s * S)) == 1.0
    assert feed.availability(f, t + int(age_s * S)) == ABSENT


@settings(deadline=None)
@given(GAPS, st.floats(0.0, 1e6))
def test_the_multiplier_is_within_one_and_two_and_one_unless_stale(gaps, age_s):
    f, t = new(), T0
    for gap_s in gaps:
        t += int(gap_s * S)
        feed.hear(f, t)
    now = t + int(age_s * S)
    assert 1.0 <= feed.multiplier(f, now) <= 2.0
    if feed.availability(f, now) in (WARMING, FRESH):
        assert feed.multiplier(f, now) == 1.0
    assert math.isfinite(f.gap_log)


@settings(deadline=None)
@given(st.floats(1e-3, 300.0), st.lists(st.floats(0.0, 1e4), min_size=2, max_size=2))
def test_the_multiplier_never_falls_while_a_feed_is_silent_and_never_jumps(gap_s, ages_s):
    f, t = warm(gap_s)
    young, old = sorted(ages_s)
    first, second = (feed.multiplier(f, t + int(age * S)) for age in (young, old))
    assert second >= first
    assert second - first <= (old - young) / (9 * feed.silence_s(f)) + 1e-6


@settings(deadline=None)
@given(st.floats(1e-3, 300.0))
def test_a_warm_feed_that_stops_is_noticed_after_tau_and_not_before(gap_s):
    f, t = warm(gap_s)
    tau = feed.silence_s(f)
    assert tau == pytest.approx(max(3 * gap_s, 2.0), rel=1e-4)
    at = [feed.availability(f, t + int(x * tau * S)) for x in (0.0, 0.99, 1.01, 9.9, 10.1, 1e4)]
    assert at == [FRESH, FRESH, STALE, STALE, DEAD, DEAD]
    assert feed.multiplier(f, t + int(5.5 * tau * S)) == pytest.approx(1.5, abs=1e-6)
    assert feed.multiplier(f, t + int(20 * tau * S)) == 2.0


def test_the_first_event_after_a_silence_makes_it_fresh_and_free_again():
    f, t = warm(0.1)
    t += 3_600 * S
    assert (feed.availability(f, t), feed.multiplier(f, t)) == (DEAD, 2.0)
    feed.hear(f, t)
    assert (feed.availability(f, t), feed.multiplier(f, t)) == (FRESH, 1.0)
    assert feed.silence_s(f) == feed.SILENCE_MIN_S  # one long gap is not its habit


def test_a_feed_that_never_warmed_up_costs_nothing_when_it_stops():
    f, t = warm(0.1, feed.WARM_EVENTS - 1)
    assert feed.availability(f, t + 3_600 * S) == WARMING
    assert feed.multiplier(f, t + 3_600 * S) == 1.0
    feed.hear(f, t + 3_600 * S)
    assert feed.availability(f, t + 3_600 * S) == FRESH


def test_the_median_gap_is_that_of_a_poisson_feed_and_follows_a_change():
    rng = np.random.default_rng(1)
    f, t = new(), T0
    for mean_s in (4.0, 40.0):
        for gap_s in rng.exponential(mean_s, 2_000):
            t += int(gap_s * S)
            feed.hear(f, t)
        assert math.exp(f.gap_log) == pytest.approx(mean_s * math.log(2), rel=0.25)


def test_a_clock_that_steps_back_does_no_harm():
    f, t = warm(1.0)
    feed.hear(f, t - 10 * S)
    assert f.last_ns == t
    assert feed.availability(f, t - 5 * S) == FRESH


def test_a_restart_changes_nothing():
    f, t = warm(0.7)
    feeds = zeros(Feed)
    feeds[0] = f
    again = load_state(Feed, dump_state(feeds))
    for g in (feeds[0], again[0]):
        feed.hear(g, t + S)
    assert again.tobytes() == feeds.tobytes()
