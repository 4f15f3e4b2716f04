"""The kill switch: trips on account value, whatever the sign of the profit, once and for ever."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core import risk
from engine.core.params import Params
from engine.core.risk import ARMED, DAILY_LOSS, DAY_NS, DRAWDOWN, POSITION, KillSwitch
from engine.record import zeros

DAY = 20_000 * DAY_NS


def new(fraction=0.05, capital=1000.0):
    p = zeros(Params)[0]
    p.capital_usd, p.kill_fraction, p.max_position = capital, fraction, 50.0
    return zeros(KillSwitch)[0], p


@pytest.mark.parametrize("fraction", [0.10, 0.05, 0.03, 0.02])
def test_a_session_that_only_loses_trips_at_its_tier(fraction):
    k, p = new(fraction)
    limit = fraction * 1000.0
    assert not risk.check(k, p, 0.0, 0.0, DAY)
    assert not risk.check(k, p, -0.999 * limit, 0.0, DAY + 1)
    assert risk.check(k, p, -1.001 * limit, 0.0, DAY + 2)
    assert (k.reason, k.tripped_ns) == (DAILY_LOSS, DAY + 2)


def test_a_fall_from_the_days_peak_trips_while_the_day_is_still_won():
    k, p = new(0.05)
    for n, equity in enumerate((0.0, 100.0, 51.0)):
        assert not risk.check(k, p, equity, 0.0, DAY + n)
    assert risk.check(k, p, 49.0, 0.0, DAY + 9)
    assert k.reason == DRAWDOWN
    assert k.drawdown == pytest.approx(0.051)
    assert k.loss == 0.0


def test_one_small_loss_after_a_tiny_peak_is_no_drawdown():
    k, p = new(0.02)
    risk.check(k, p, 0.0, 0.0, DAY)
    risk.check(k, p, 0.01, 0.0, DAY + 1)
    assert not risk.check(k, p, -0.1, 0.0, DAY + 2)  # eleven times the peak profit
    assert k.drawdown == pytest.approx(0.11 / 1000.0)


def test_a_new_day_starts_from_what_is_left():
    k, p = new(0.05)
    risk.check(k, p, 0.0, 0.0, DAY)
    assert not risk.check(k, p, -40.0, 0.0, DAY + DAY_NS - 1)
    assert not risk.check(k, p, -42.0, 0.0, DAY + DAY_NS)
    assert (k.loss, k.drawdown, k.day_start_usd) == (0.0, 0.0, -42.0)
    assert not risk.check(k, p, -42.0 - 0.049 * 958.0, 0.0, DAY + DAY_NS + 1)
    assert risk.check(k, p, -42.0 - 0.051 * 958.0, 0.0, DAY + DAY_NS + 2)


@pytest.mark.parametrize(("position", "trips"), [(100.0, False), (100.1, True), (-100.1, True)])
def test_a_position_beyond_twice_its_limit_trips(position, trips):
    k, p = new()
    assert risk.check(k, p, 0.0, position, DAY) == trips
    assert k.reason == (POSITION if trips else ARMED)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(-900.0, 900.0), st.floats(-200.0, 200.0)), max_size=20))
def test_the_latch_is_absorbing_and_its_time_never_changes(after):
    k, p = new()
    risk.check(k, p, 0.0, 0.0, DAY)
    assert risk.check(k, p, -60.0, 0.0, DAY + 5)
    for n, (equity, position) in enumerate(after):
        assert not risk.check(k, p, equity, position, DAY + n * DAY_NS // 4)
        assert (k.reason, k.tripped_ns) == (DAILY_LOSS, DAY + 5)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.floats(-100.0, 100.0), min_size=1, max_size=40))
def test_it_trips_exactly_when_loss_or_drawdown_passes_the_limit(path):
    k, p = new(0.03)
    risk.check(k, p, 0.0, 0.0, DAY)
    peak, tripped = 0.0, False
    for n, equity in enumerate(path):
        peak = max(peak, equity)
        tripped = tripped or max(-equity, peak - equity) / 1000.0 > 0.03
        risk.check(k, p, equity, 0.0, DAY + n)
        assert (k.reason != ARMED) == tripped


def test_each_reason_has_one_scope():
    assert [risk.scope(r) for r in (DAILY_LOSS, DRAWDOWN)] == [risk.DAILY] * 2
    for reason in (POSITION, risk.MANUAL, risk.CRASH, risk.LIQUIDATION, risk.STUCK):
        assert risk.scope(reason) == risk.PERMANENT
    for reason in (risk.STALE, risk.RATE_LIMITED, risk.CASCADE):
        assert risk.scope(reason) == risk.TRANSIENT


def test_the_first_reason_stays_whatever_comes_after():
    k, p = new()
    assert risk.latch(k, risk.MANUAL, DAY)
    assert not risk.latch(k, risk.CRASH, DAY + 1)
    assert not risk.check(k, p, -900.0, 1e6, DAY + 2)
    assert (k.reason, k.tripped_ns) == (risk.MANUAL, DAY)


S = risk.S


def test_half_a_minute_of_silence_pauses_until_half_a_minute_after_it_ends():
    k, _ = new()
    for t in range(31):
        risk.check_silence(k, DAY, DAY + t * S)
    assert not risk.is_paused(k, DAY + 30 * S)
    risk.check_silence(k, DAY, DAY + 31 * S)
    assert (k.pause, k.pauses, k.reason) == (risk.STALE, 1, ARMED)
    risk.check_silence(k, DAY, DAY + 50 * S)
    assert k.pauses == 1
    assert risk.is_paused(k, DAY + 79 * S)
    assert not risk.is_paused(k, DAY + 80 * S)


def test_more_than_three_refusals_a_minute_pause():
    k, _ = new()
    for t in (0, 30, 61, 62, 63):
        risk.hear_refusal(k, DAY + t * S)
    assert not risk.is_paused(k, DAY + 63 * S)
    risk.hear_refusal(k, DAY + 64 * S)
    assert (k.pause, risk.is_paused(k, DAY + 64 * S)) == (risk.RATE_LIMITED, True)


@pytest.mark.parametrize(
    ("move", "sigma", "paused", "trips"),
    [
        (0.004, 1e-5, False, False),  # small
        (0.006, 1e-3, False, False),  # usual here
        (-0.006, 1e-5, True, False),
        (0.16, 1e-5, True, True),
        (-0.16, 1.0, False, True),  # a crash is a crash in any volatility
    ],
)
def test_a_cascade_pauses_and_a_crash_trips(move, sigma, paused, trips):
    k, _ = new()
    assert risk.check_move(k, move, sigma, DAY) == trips
    assert risk.is_paused(k, DAY) == paused
    assert k.reason == (risk.CRASH if trips else ARMED)


@pytest.mark.parametrize(
    ("venues", "fill_s", "trips"),
    [
        (10.0, 0, False),
        (1.0, 0, False),  # 9 of a limit of 50 is less than a fifth
        (-1.0, 0, True),
        (-1.0, 7, False),  # a fill just before the report may not be in it yet
        (-1.0, 12, False),  # one after it makes it old
    ],
)
def test_a_position_the_venue_does_not_know_of_is_a_liquidation(venues, fill_s, trips):
    k, p = new()
    risk.hear_position(k, venues, DAY + 10 * S)
    fill_ns = DAY + fill_s * S
    assert not risk.check_position(k, p, 10.0, fill_ns, DAY + 15 * S)
    assert risk.check_position(k, p, 10.0, fill_ns, DAY + 16 * S) == trips
    assert k.reason == (risk.LIQUIDATION if trips else ARMED)


def test_nothing_is_lost_before_the_venue_has_said_anything():
    k, p = new()
    assert not risk.check_position(k, p, 50.0, 0, DAY)


def test_inventory_without_a_reducing_quote_for_a_minute_trips():
    k, _ = new()
    for t in range(61):
        assert not risk.check_stuck(k, True, False, DAY + t * S)
    assert risk.check_stuck(k, True, False, DAY + 61 * S)
    assert k.reason == risk.STUCK


def test_a_reducing_quote_now_and_then_is_enough():
    k, _ = new()
    for t in range(600):
        assert not risk.check_stuck(k, True, t % 50 == 0, DAY + t * S)
