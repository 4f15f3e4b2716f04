"""The synthetic market: deterministic, legal, restartable, and clustered as real flow is."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.core import book
from engine.core.book import Book
from engine.events import (
    BUY,
    CONTEXT,
    LAST,
    LEVEL,
    REFERENCE,
    REFERENCE_TRADE,
    SELL,
    SNAPSHOT,
    TRADE,
    Event,
)
from engine.instrument import Instrument, new_instrument, tick_units, to_units
from engine.record import i8, kernel, record, zeros
from engine.sim.market import HOUR_NS, SECOND_NS, SimulatedMarket, generate, new_market
from engine.sim.scenarios import SCENARIOS, scenario
from engine.sim.universe import UNIVERSE, market_of, scenario_of

START_NS = 490_000 * HOUR_NS
ROOT = Path(__file__).parents[2]


@record
class Checked:
    instrument: Instrument
    book: Book
    crossed: i8
    illegal: i8
    unseen: i8


@kernel
def check(states, events):
    s = states[0]
    for j in range(events.shape[0]):
        e = events[j]
        if e.kind in (LEVEL, TRADE):
            units = to_units(s.instrument, e.px)
            s.illegal += units <= 0 or units % tick_units(s.instrument, units) != 0
            lots = e.sz * s.instrument.lots_per_coin
            s.illegal += abs(lots - round(lots)) > 1e-6
        if e.kind == TRADE:  # a print is at a price on show just before
            r = 1 if e.side == BUY else 0
            s.unseen += book.size_at(s.book, r, to_units(s.instrument, e.px)) < e.sz - 1e-9
        if e.kind == LEVEL:
            book.apply(s.book, s.instrument, e)
            if e["code"] & LAST and s.book.n[0] and s.book.n[1]:
                s.crossed += s.book.px[0, 0] >= s.book.px[1, 0]


def hours(name, n, seed=7):
    market = SimulatedMarket(scenario(name), seed, START_NS)
    return [market.chunk(hour) for hour in range(n)]


def test_same_seed_means_same_bytes_and_another_seed_other_bytes():
    first, again, other = (hours("thin-hip3", 2, seed)[1].tobytes() for seed in (7, 7, 8))
    assert first == again
    assert first != other


def test_a_restart_at_an_hour_changes_nothing():
    through = hours("midcap", 3)
    market = SimulatedMarket(scenario("midcap"), 7, START_NS)
    for hour in range(3):
        assert market.chunk(hour).tobytes() == through[hour].tobytes()
        blob = market.dump()
        market = SimulatedMarket(scenario("midcap"), 7, START_NS)
        market.load(blob)


def test_hours_come_in_order():
    market = SimulatedMarket(scenario("dead"), 7, START_NS)
    with pytest.raises(ValueError, match="hour must be 0, the next one, was 3"):
        market.chunk(3)
    with pytest.raises(ValueError, match="start_ns must be a whole hour"):
        SimulatedMarket(scenario("dead"), 7, START_NS + 1)


def test_a_small_buffer_gives_the_same_events_in_more_calls():
    whole = hours("major", 1)[0]
    markets, rng = new_market(scenario("major"), START_NS), np.random.default_rng((7, 0, 490_000))
    buffer, parts = zeros(Event, 200), []
    while markets[0].now_ns < START_NS + HOUR_NS:
        n = generate(markets, rng, buffer, 0, START_NS + HOUR_NS)
        parts.append(buffer[:n].copy())
    assert len(parts) > 100
    assert np.concatenate(parts).tobytes() == whole.tobytes()


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_book_never_crosses_and_every_price_and_size_is_legal(name):
    states = zeros(Checked)
    states[0].instrument = new_instrument(scenario(name).sz_decimals)
    for events in hours(name, 3):
        check(states, events)
    assert int(states[0].crossed) == 0
    assert int(states[0].illegal) == 0
    assert int(states[0].unseen) == 0


@pytest.mark.parametrize("name", SCENARIOS)
def test_time_never_runs_backwards_and_silence_lasts_a_second_at_most(name):
    events = np.concatenate(hours(name, 2))
    assert (np.diff(events["ts_ns"]) >= 0).all()
    assert np.diff(events["ts_ns"]).max() <= SECOND_NS
    assert (np.diff(events["recv_ns"]) >= 0).all()
    late_s = (events["recv_ns"] - events["ts_ns"]) * 1e-9
    assert late_s.min() > 0.02
    assert 0.05 < np.median(late_s) < 0.3


def test_trade_ids_are_unique_and_prints_of_one_sweep_share_side_time_and_ref():
    events = np.concatenate(hours("midcap", 2))
    trades = events[events["kind"] == TRADE]
    assert len(np.unique(trades["id"])) == len(trades)
    same = trades["ref"][1:] == trades["ref"][:-1]
    assert same.sum() > 100
    assert (trades["ts_ns"][1:][same] == trades["ts_ns"][:-1][same]).all()
    assert (trades["side"][1:][same] == trades["side"][:-1][same]).all()
    outwards = (trades["px"][1:] - trades["px"][:-1])[same] * trades["side"][1:][same]
    assert outwards.min() > -1e-9


def test_every_minute_shows_the_whole_book_and_every_hour_the_context():
    events = hours("thin-hip3", 1)[0]
    assert ((events["kind"] == LEVEL) & (events["code"] & SNAPSHOT > 0)).sum() == 60
    context = events[events["kind"] == CONTEXT]
    assert len(context) == 1
    assert context["px"][0] == pytest.approx(40.0, rel=0.01)
    assert context["sz"][0] * context["px"][0] == pytest.approx(20e6)


def test_every_run_of_levels_ends():
    events = hours("thin-hip3", 1)[0]
    levels = events[events["kind"] == LEVEL]
    new_time = np.append(np.diff(levels["ts_ns"]) > 0, True)
    assert ((levels["code"][new_time] & LAST) > 0).all()


def test_noise_trades_cluster_more_than_a_poisson_process():
    events = np.concatenate(hours("thin-hip3", 48))
    trades = events[events["kind"] == TRADE]
    _, first = np.unique(trades["ref"], return_index=True)
    counts = np.bincount((trades["ts_ns"][first] - START_NS) // (60 * SECOND_NS), minlength=48 * 60)
    assert counts.var() / counts.mean() > 1.3  # 1 for Poisson; 1/(1 - 0.4)^2 at the most


def second_mids(events):
    """Return the efficient and the displayed mid on a grid of 100 ms."""
    states = zeros(Checked)
    states[0].instrument = new_instrument(scenario("midcap").sz_decimals)
    grid = np.arange(START_NS + HOUR_NS // 60, START_NS + HOUR_NS, SECOND_NS // 10)
    ours = np.full(len(grid), np.nan)
    sample(states, events, grid, ours)
    reference = events[events["kind"] == REFERENCE]
    leads = reference["px"][np.searchsorted(reference["ts_ns"], grid) - 1]
    return leads, ours


@kernel
def sample(states, events, grid, mids):
    s, g = states[0], 0
    for j in range(events.shape[0]):
        while g < grid.shape[0] and grid[g] <= events[j].ts_ns:
            mids[g] = book.mid(s.book, s.instrument) if book.is_open(s.book) else np.nan
            g += 1
        if events[j].kind == LEVEL:
            book.apply(s.book, s.instrument, events[j])


def test_the_reference_venue_leads():
    leads, ours = second_mids(hours("midcap", 1)[0])
    moves = np.diff(np.log(leads)), np.nan_to_num(np.diff(np.log(ours)))
    lags = range(-10, 11)
    correlations = [
        np.corrcoef(moves[0][10:-10], np.roll(moves[1], -lag)[10:-10])[0, 1] for lag in lags
    ]
    best_lag_s = lags[int(np.argmax(correlations))] / 10
    assert 0.1 <= best_lag_s <= 0.5
    assert max(correlations) > 0.1


def test_without_a_leading_venue_there_is_no_reference():
    for name in ("thin-hip3", "toxic", "dead"):
        kinds = hours(name, 1)[0]["kind"]
        assert not ((kinds == REFERENCE) | (kinds == REFERENCE_TRADE)).any()


@pytest.mark.parametrize("name", ["major", "midcap", "trending"])
def test_trades_on_the_reference_venue_lean_to_where_our_mid_goes_but_often_err(name):
    events = np.concatenate(hours(name, 2))
    trades = events[events["kind"] == REFERENCE_TRADE]
    rate = scenario(name).price.reference_trades_per_s
    assert len(trades) == pytest.approx(7_200 * rate, rel=0.1)
    assert set(trades["side"]) == {BUY, SELL}
    assert (trades["sz"] > 0).all()
    reference = events[events["kind"] == REFERENCE]
    before, after = (
        reference["px"][np.searchsorted(reference["ts_ns"], trades["ts_ns"] + wait) - 1]
        for wait in (-SECOND_NS, 0)
    )
    moved = before != after
    agree = np.mean(trades["side"][moved] == np.sign(after - before)[moved])
    assert 0.53 < agree < 0.75
    assert np.mean(trades["side"] == BUY) == pytest.approx(0.5, abs=0.05)


SHORT_RUN = """
import hashlib
import numpy as np
from engine.events import Event
from engine.record import zeros
from engine.sim.market import HOUR_NS, generate, new_market
from engine.sim.scenarios import SCENARIOS
digest = hashlib.sha256()
for name in sorted(SCENARIOS):
    markets, events = new_market(SCENARIOS[name], 490_000 * HOUR_NS), zeros(Event, 4000)
    n = generate(markets, np.random.default_rng(5), events, 0, 490_000 * HOUR_NS + 60 * 10**9)
    assert n > 100
    digest.update(events[:n].tobytes())
print(digest.hexdigest())
"""


def test_compiled_and_uncompiled_markets_are_equal_to_the_last_bit():
    answers = [
        subprocess.run(
            [sys.executable, "-c", SHORT_RUN],
            cwd=ROOT,
            env={**os.environ, "GANGWAY_JIT": jit},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for jit in ("1", "0")
    ]
    assert answers[0] == answers[1]
    assert len(answers[0].strip()) == 2 * hashlib.sha256().digest_size


def test_every_listing_is_a_market_on_its_own_grid():
    for asset, listing in UNIVERSE.items():
        own = scenario_of(asset)
        assert own.name == listing.scenario
        assert (own.mark_px, own.sz_decimals) == (listing.mark_px, listing.sz_decimals)
        grid = new_instrument(listing.sz_decimals)
        units = to_units(grid, listing.mark_px)
        assert units % tick_units(grid, units) == 0


def test_a_named_scenario_overrides_the_assets_own():
    assert scenario_of("HYPE", "toxic").name == "toxic"
    assert scenario_of("HYPE", "toxic").mark_px == UNIVERSE["HYPE"].mark_px
    assert scenario_of("NEW", "toxic").mark_px == scenario("toxic").mark_px
    with pytest.raises(ValueError, match="or name a scenario; was 'NEW'"):
        scenario_of("NEW")
    with pytest.raises(ValueError, match="scenario must be one of"):
        scenario_of("HYPE", "calm")


def test_assets_with_one_seed_move_apart():
    marks = [market_of(asset, "thin-hip3", 7, START_NS) for asset in ("HYPE", "hyna:LIT")]
    first, second = (m.chunk(0) for m in marks)
    assert len(first) != len(second) or (first["ts_ns"] != second["ts_ns"]).any()


def test_the_universe_has_every_kind_of_market_and_every_red_flag():
    assert {listing.scenario for listing in UNIVERSE.values()} == set(SCENARIOS)
    assert any(listing.delisted for listing in UNIVERSE.values())
    assert any(
        listing.collateral == "USDE" and listing.dex == "hyna" for listing in UNIVERSE.values()
    )
