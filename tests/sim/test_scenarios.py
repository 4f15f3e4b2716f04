"""Each scenario keeps the figures it promises, and does to a maker what it is for."""

import math
from functools import cache

import numpy as np
import pytest

from engine.core import book
from engine.core.book import Book
from engine.derive.measure import measure
from engine.events import CONTEXT, LEVEL, SELL, TRADE
from engine.instrument import Instrument, new_instrument
from engine.record import f8, kernel, record, zeros
from engine.sim.market import HOUR_NS, SECOND_NS, SimulatedMarket
from engine.sim.scenarios import SCENARIOS, scenario

START_NS = 490_000 * HOUR_NS
HOURS = 24
FEE_BPS = 1.5


@record
class Passive:
    """A maker who quotes mid ± half-spread, a second late, and minds no inventory."""

    instrument: Instrument
    book: Book
    half_bps: f8


@kernel
def play(states, events, mids, fills):
    """Fill the maker only where a print goes through its price; sample the mid each second."""
    s, second, n = states[0], 0, 0
    bid, ask, last_ref = 0.0, math.inf, -1
    for j in range(events.shape[0]):
        e = events[j]
        while second < mids.shape[0] and START_NS + second * SECOND_NS <= e.ts_ns:
            if second > 0 and mids[second - 1] > 0.0:
                bid = mids[second - 1] * (1.0 - s.half_bps * 1e-4)
                ask = mids[second - 1] * (1.0 + s.half_bps * 1e-4)
            is_open = book.is_open(s.book)
            mids[second] = book.mid(s.book, s.instrument) if is_open else math.nan
            second += 1
        if e.kind == LEVEL:
            book.apply(s.book, s.instrument, e)
        elif e.kind == TRADE and e.ref != last_ref and (e.px < bid or e.px > ask):
            fills[n, 0] = e.ts_ns
            fills[n, 1] = -e.side
            fills[n, 2] = bid if e.side == SELL else ask
            last_ref = e.ref
            n += 1
    return n


@cache
def tape(name):
    market = SimulatedMarket(scenario(name), 11, START_NS)
    return [market.chunk(hour) for hour in range(HOURS)]


@cache
def outcome(name, half_bps):
    """Return fills per hour, edge after fee at 5 s [bps], and the share of adverse 5 s moves."""
    events = np.concatenate(tape(name))
    states = zeros(Passive)
    states[0].instrument = new_instrument(scenario(name).sz_decimals)
    states[0].half_bps = half_bps
    mids = np.full(HOURS * 3600, np.nan)
    fills = np.zeros((len(events), 3))
    fills = fills[: play(states, events, mids, fills)]
    at = ((fills[:, 0] - START_NS) // SECOND_NS).astype(int)
    fills, at = fills[at < len(mids) - 6], at[at < len(mids) - 6]
    edge = fills[:, 1] * (mids[at + 6] / fills[:, 2] - 1) * 1e4 - FEE_BPS
    move = fills[:, 1] * (mids[at + 6] / mids[at] - 1) * 1e4
    return len(fills) / HOURS, float(np.nanmean(edge)), float(np.mean(move < -1.0))


@cache
def measured(name):
    m = measure(tape(name))
    states = zeros(Passive)
    states[0].instrument = new_instrument(scenario(name).sz_decimals)
    states[0].half_bps = np.inf  # only looks on
    mids = np.full(HOURS * 3600, np.nan)
    play(states, np.concatenate(tape(name)), mids, np.zeros((0, 3)))
    return {
        "spread_bps": m.spread_bps,
        "trades_per_min": m.trades_per_min,
        "day_volume_usd": m.day_volume_usd,
        "move_5s_bps": float(np.nanstd(np.diff(np.log(mids[::5])))) * 1e4,
    }


@pytest.mark.parametrize(
    ("name", "figure"), [(n, f) for n, s in SCENARIOS.items() for f in s.figures]
)
def test_a_scenario_keeps_its_figures(name, figure):
    assert measured(name)[figure.name] == pytest.approx(figure.value, rel=figure.tolerance)


def test_a_patient_maker_earns_in_the_thin_market_on_trade_through_fills_alone():
    for half_bps in (8.0, 9.0, 10.0):
        fills_per_hour, edge_bps, adverse = outcome("thin-hip3", half_bps)
        assert 15 < fills_per_hour < 80
        assert 2.8 < edge_bps < 7.0  # clears the haircut of 2.3 bps, and is no money machine
        assert adverse < 0.33


def test_a_maker_too_close_to_the_mid_does_not_earn_the_haircut_even_there():
    assert outcome("thin-hip3", 5.0)[1] < 2.3


def test_the_toxic_market_looks_as_good_and_costs_the_maker_money():
    toxic, thin = measured("toxic"), measured("thin-hip3")
    assert toxic["spread_bps"] > 10 and toxic["day_volume_usd"] > 1e6
    assert toxic["spread_bps"] == pytest.approx(thin["spread_bps"], rel=0.25)
    for half_bps in (8.0, 12.0, 18.0):
        assert outcome("toxic", half_bps)[1] < 0
    takers = scenario("toxic").takers
    noise_per_s = takers.noise_per_s / (1 - takers.branching)
    assert takers.informed_per_s > noise_per_s


def test_a_dead_market_trades_less_than_the_red_flag():
    assert measured("dead")["day_volume_usd"] < 0.5e6


def test_a_trending_market_drifts_where_the_thin_one_wanders():
    def hourly_bps(name):
        events = np.concatenate(tape(name))
        context = events[events["kind"] == CONTEXT]["px"]
        return float(np.std(np.diff(np.log(context)))) * 1e4

    assert hourly_bps("trending") > 2.5 * hourly_bps("thin-hip3")


def test_fills_fall_off_exponentially_with_depth():
    depths = np.array([8.0, 10.0, 12.0, 14.0, 16.0, 18.0])
    rates = np.log([outcome("thin-hip3", d)[0] for d in depths])
    slope, intercept = np.polyfit(depths, rates, 1)
    residual = rates - (slope * depths + intercept)
    assert 1 - residual.var() / rates.var() > 0.95
    assert 900 < -slope * 1e4 < 2500  # kappa per unit of relative price
