"""What differs between two configs is said only where it can be told from luck."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.policy import load_policy
from engine.review.intervals import Estimate, ratio
from engine.runners.comparing import MEASURES, compare, estimate, needed, ratio_of, said
from engine.runners.replaying import Market, ReplayResult
from engine.runners.sharing import replay, results
from engine.runners.variants import ground

HOURS = 10


@pytest.fixture(scope="module")
def played() -> dict[str, ReplayResult]:
    """One market's hours under two values of gamma, and once until the kill switch trips."""
    on = ground(Market(asset="HYPE", hours=HOURS), 1000.0, load_policy())
    changes = {"tight": {"gamma": 0.05}, "wide": {"gamma": 0.6}, "killed": {"kill_fraction": 0.004}}
    specs = [on.spec(name, change) for name, change in changes.items()]
    return dict(zip(changes, results(replay(specs)), strict=True))


def test_a_config_compared_with_itself_differs_by_exactly_nothing(played):
    for one in compare([(played["tight"], played["tight"])]):
        assert one.difference is not None
        assert (one.difference.value, one.difference.lo, one.difference.hi) == (0.0, 0.0, 0.0)
        assert one.a == one.b
        assert one.words == "the two are the same"


def test_the_other_way_round_is_the_same_with_the_sign_turned(played):
    there = compare([(played["tight"], played["wide"])])
    back = compare([(played["wide"], played["tight"])])
    for one, other in zip(there, back, strict=True):
        assert one.difference is not None and other.difference is not None
        assert one.difference.value == -other.difference.value
        assert one.difference.lo == pytest.approx(-float(other.difference.hi or 0), rel=1e-9)
        assert (one.a, one.b) == (other.b, other.a)


def test_values_are_those_of_the_replays(played):
    by = {one.measure: one for one in compare([(played["tight"], played["wide"])])}
    a, b = played["tight"].total, played["wide"].total
    assert by["edge at 5 s"].a == pytest.approx(a.edge_bps, rel=1e-12)
    assert by["profit per notional"].b == pytest.approx(b.net_bps, rel=1e-12)
    assert by["profit"].a == pytest.approx(a.pnl_usd / HOURS, rel=1e-12)
    assert by["fill rate"].b == pytest.approx(b.fill_rate, rel=1e-12)


def test_the_same_hours_tell_more_than_as_many_others_would(played):
    a, b = played["tight"], played["wide"]
    paired = {one.measure: one.difference for one in compare([(a, b)])}
    for measure in MEASURES.values():
        widths = [width(ratio_of(one, measure, range(HOURS))) for one in (a, b)]
        one = paired[measure.title]
        assert one is not None and one.lo is not None and one.hi is not None
        assert one.hi - one.lo < 0.8 * np.hypot(*widths), measure.title


def width(of) -> float:
    one = ratio(*of, np.arange(HOURS), np.random.default_rng(7))
    assert one is not None and one.lo is not None and one.hi is not None
    return one.hi - one.lo


def test_hours_after_one_was_stopped_are_not_compared(played):
    stopped, free = played["killed"], played["tight"]
    n = len(stopped.blocks)
    assert stopped.killed and n < HOURS
    for one in compare([(free, stopped)]):
        if one.difference is not None:
            assert one.difference.n == n
    profit = next(one for one in compare([(free, stopped)]) if one.measure == "profit")
    assert profit.a == pytest.approx(sum(block.pnl_usd for block in free.blocks[:n]) / n)


def test_hours_of_several_markets_are_put_together(played):
    pair = (played["tight"], played["wide"])
    one, twice = compare([pair]), compare([pair, pair])
    for single, double in zip(one, twice, strict=True):
        assert single.difference is not None and double.difference is not None
        assert double.difference.value == pytest.approx(single.difference.value, rel=1e-9)
        assert double.difference.n == 2 * HOURS


def test_one_session_has_its_own_bound(played):
    edge = estimate(played["wide"], MEASURES["edge"])
    assert edge is not None and edge.lo is not None and edge.hi is not None
    assert edge.value == pytest.approx(played["wide"].total.edge_bps)
    assert edge.lo < edge.value < edge.hi


@pytest.mark.parametrize(
    ("value", "lo", "hi", "words"),
    [
        (1.2, 0.3, 2.1, "A is better by 1.2 bps [0.3, 2.1]"),
        (-1.2, -2.1, -0.3, "B is better by 1.2 bps [0.3, 2.1]"),
        (1.0, -2.0, 4.0, "no difference can be told from these 24 hours (would need about 220)"),
        (-1.0, -4.0, 0.0, "no difference can be told from these 24 hours (would need about 24)"),
        (0.0, -1.0, 1.0, "no difference can be told from these 24 hours"),
        (0.0, 0.0, 0.0, "the two are the same"),
    ],
)
def test_what_is_said(value, lo, hi, words):
    assert said(Estimate(value=value, lo=lo, hi=hi, n=24, blocks=24), "bps") == words


def test_too_little_to_say_anything_is_said():
    assert said(None, "bps") == "nothing to compare: one of the two has none"
    few = Estimate(value=1.0, n=5, blocks=4)
    assert said(few, "bps") == "4 hours with something in them; a bound needs 6"


@given(st.floats(0.01, 10), st.floats(1.0, 100), st.integers(6, 1000))
def test_a_bound_ten_times_too_wide_needs_a_hundred_times_the_hours(value, times, hours):
    one = Estimate(value=value, lo=value * (1 - times), hi=value * (1 + times), n=hours, blocks=6)
    words = needed(one)
    told = float(words.split()[-1].rstrip(")").replace(",", ""))
    assert hours * times**2 * (1 - 1e-9) <= told <= hours * times**2 * 1.1 + 1
