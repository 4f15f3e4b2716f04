"""Order flow: the aggressor's side counts, the past fades, one tiny print is no verdict."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core import flow
from engine.core.flow import Flow
from engine.events import BUY, SELL
from engine.record import dump_state, load_state, zeros

S = 1_000_000_000
T0 = 1_767_225_600 * S
SIDES = st.sampled_from([BUY, SELL])
TRADES = st.lists(st.tuples(SIDES, st.floats(1e-6, 1e9), st.floats(-10.0, 3600.0)), max_size=60)


def new():
    return zeros(Flow)[0]


def hear(f, trades, t=T0):
    for side, usd, gap_s in trades:
        t += int(gap_s * S)
        flow.hear(f, side, usd, t)
    return t


@settings(deadline=None)
@given(TRADES, st.floats(0.0, 1e6))
def test_the_imbalance_is_within_one_and_turns_with_the_sides(trades, age_s):
    f, g = new(), new()
    now = hear(f, trades) + int(age_s * S)
    hear(g, [(-side, usd, gap_s) for side, usd, gap_s in trades])
    assert -1.0 <= flow.imbalance(f, now) <= 1.0
    assert flow.imbalance(g, now) == -flow.imbalance(f, now)
    assert flow.rate_per_s(f, now) >= 0.0
    assert flow.usual_per_s(f, now) >= 0.0


@settings(deadline=None)
@given(TRADES, st.floats(1e-3, 1e3))
def test_the_imbalance_has_no_unit(trades, scale):
    f, g = new(), new()
    now = hear(f, trades)
    hear(g, [(side, usd * scale, gap_s) for side, usd, gap_s in trades])
    assert flow.imbalance(g, now) == pytest.approx(flow.imbalance(f, now), abs=1e-9)


def test_before_the_first_trade_there_is_no_opinion():
    assert flow.imbalance(new(), T0) == 0.0
    assert flow.rate_per_s(new(), T0) == 0.0
    assert flow.usual_per_s(new(), T0) == 0.0


def test_buying_into_a_falling_price_is_still_buying():
    f = new()
    hear(f, [(BUY, 100.0, 1.0)] * 20)  # no price is asked for: a classifier by price would need one
    assert flow.imbalance(f, T0 + 20 * S) > 0.3


def test_the_imbalance_halves_in_a_half_life_where_the_usual_flow_is_large():
    f = new()
    t = hear(f, [(BUY, 1e6, 1.0), (SELL, 1e6, 1.0)] * 1_000)
    flow.hear(f, BUY, 1e3, t)
    net, t5 = f.net, t + 5 * S
    usual = flow.usual_per_s(f, t5) * flow.WINDOW_S
    assert flow.imbalance(f, t5) == pytest.approx(net / 2 / (f.gross / 2 + usual), rel=1e-12)


def test_one_tiny_print_after_a_silence_is_not_a_verdict_and_a_usual_one_is():
    seen = []
    for usd in (10.0, 3_000.0):
        f = new()
        t = hear(f, [(BUY, 3_000.0, 60.0), (SELL, 3_000.0, 60.0)] * 30)
        flow.hear(f, SELL, usd, t + 120 * S)
        seen.append(flow.imbalance(f, t + 120 * S))
    assert -0.05 < seen[0] < 0.0
    assert -1.0 < seen[1] < -0.8


def test_the_rates_are_those_of_a_poisson_flow():
    rng = np.random.default_rng(3)
    f, t = new(), T0
    rates, usual = [], []
    for gap_s in rng.exponential(0.5, 20_000):
        t += int(gap_s * S)
        rates.append(flow.rate_per_s(f, t))
        usual.append(flow.usual_per_s(f, t))
        flow.hear(f, BUY if rng.random() < 0.5 else SELL, 50.0, t)
    assert np.mean(rates[100:]) == pytest.approx(100.0, rel=0.05)
    assert np.mean(usual[100:]) == pytest.approx(100.0, rel=0.1)
    assert np.std(usual[5_000:]) < 0.2 * np.std(rates[5_000:])


@pytest.mark.parametrize("usd", [0.0, -1.0, math.nan, math.inf])
def test_what_is_no_trade_changes_nothing(usd):
    f = new()
    hear(f, [(BUY, 100.0, 1.0)] * 3)
    before = f.tobytes()
    flow.hear(f, SELL, usd, T0 + 10 * S)
    assert f.tobytes() == before


def test_a_restart_changes_nothing():
    flows = zeros(Flow)
    t = hear(flows[0], [(BUY, 10.0, 0.3), (SELL, 20.0, 7.0)] * 9)
    again = load_state(Flow, dump_state(flows))
    for f in (flows[0], again[0]):
        flow.hear(f, SELL, 5.0, t + S)
    assert again.tobytes() == flows.tobytes()
