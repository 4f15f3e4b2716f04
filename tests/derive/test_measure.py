"""Measurement: figures that can be worked out by hand, silence, and real recordings."""

import os
from pathlib import Path

import numpy as np
import pytest

from engine.derive.measure import measure
from engine.events import (
    BUY,
    CONNECTED,
    DISCONNECTED,
    LAST,
    LEVEL,
    SELL,
    SNAPSHOT,
    TIMER,
    TRADE,
    Event,
)
from engine.record import zeros

SECOND_NS = 1_000_000_000
DATA = Path(os.environ.get("GANGWAY_DATA", Path(__file__).parents[2].parent / "shared" / "data"))


def tape(*rows):
    """Return events from rows of (seconds, kind, side, flags, px, sz)."""
    events = zeros(Event, len(rows))
    for e, (seconds, kind, side, flags, px, sz) in zip(events, rows, strict=True):
        e.kind, e.side, e["code"], e.px, e.sz = kind, side, flags, px, sz
        e.ts_ns = e.recv_ns = 10**18 + round(seconds * SECOND_NS)
    return events


def quote(seconds, bid, ask):
    return (
        (seconds, LEVEL, BUY, SNAPSHOT, bid, 1.0),
        (seconds, LEVEL, SELL, LAST, ask, 1.0),
    )


def ticking(start, end, step=1.0):
    return tuple((t, TIMER, 0, 0, 0.0, 0.0) for t in np.arange(start, end, step))


def test_nothing_observed_is_unknown_and_not_zero():
    m = measure([])
    assert m.hours_observed == 0
    assert (m.spread_bps, m.day_volume_usd, m.trades_per_min, m.sigma_per_sqrt_s) == (None,) * 4


def test_the_median_spread_is_weighted_by_time():
    m = measure(
        [
            tape(
                *quote(0, 99.0, 101.0),
                *ticking(1, 3),
                *quote(3, 99.95, 100.05),
                *ticking(4, 10),
                *quote(10, 99, 101),
            )
        ]
    )
    assert m.spread_bps == pytest.approx(10.0, rel=0.012)  # 7 s of 10 bps against 3 s of 200


def test_a_locked_book_is_no_spread_and_its_share_is_reported():
    rows = (*quote(0, 99.95, 100.05), *ticking(1, 4), *quote(4, 100.0, 100.0), *ticking(5, 9))
    m = measure([tape(*rows)])
    assert m.spread_bps == pytest.approx(10.0, rel=0.012)
    assert m.closed_share == pytest.approx(0.5)


def test_volume_and_trades_are_scaled_from_the_time_observed():
    rows = (
        (0, TRADE, BUY, 0, 100.0, 2.0),
        *ticking(1, 36, 1),
        (36, TRADE, SELL, 0, 50.0, 4.0),
    )
    m = measure([tape(*rows)])
    assert m.hours_observed == pytest.approx(0.01)
    assert m.day_volume_usd == pytest.approx(400 * 2400)
    assert m.trades_per_min == pytest.approx(2 / 0.6)


def test_silence_is_not_observed_time():
    rows = (*quote(0, 99.95, 100.05), *ticking(1, 5), (24, TIMER, 0, 0, 0, 0), *ticking(25, 31))
    m = measure([tape(*rows)])
    assert m.largest_gap_s == pytest.approx(20)
    assert m.gap_s == pytest.approx(20)
    assert m.hours_observed * 3600 == pytest.approx(10)


def test_time_disconnected_is_not_observed_and_the_old_book_is_forgotten():
    rows = (
        *quote(0, 99.95, 100.05),
        (2, DISCONNECTED, 0, 0, 0, 0),
        (5, CONNECTED, 0, 0, 0, 0),
        (7, TIMER, 0, 0, 0, 0),
    )
    m = measure([tape(*rows)])
    assert m.gap_s == pytest.approx(3)
    assert m.closed_share == pytest.approx(2 / 4)


def test_sigma_is_the_root_mean_square_of_one_second_moves():
    rng = np.random.default_rng(1)
    mids = 100 * np.exp(np.cumsum(rng.normal(0, 2e-4, 5000)))
    rows = [row for t, mid in enumerate(mids) for row in quote(t, mid - 0.01, mid + 0.01)]
    assert measure([tape(*rows)]).sigma_per_sqrt_s == pytest.approx(2e-4, rel=0.05)


def test_sigma_does_not_depend_on_how_often_the_book_is_sent():
    rows = [r for t in range(0, 60, 3) for r in quote(t, 99.9 + t % 2 * 0.1, 100.1 + t % 2 * 0.1)]
    dense = [r for row in rows[::2] for r in quote(row[0], row[4], row[4] + 0.2)]
    filled = sorted(dense + list(ticking(0.5, 57, 0.5)), key=lambda r: r[0])
    sparse = measure([tape(*dense)]).sigma_per_sqrt_s
    assert measure([tape(*filled)]).sigma_per_sqrt_s == pytest.approx(sparse)


def test_chunks_measure_as_the_whole():
    rng = np.random.default_rng(2)
    rows = [r for t in range(500) for r in quote(t / 2, 100 + rng.integers(3), 104)]
    events = tape(*rows)
    assert measure([events]) == measure([events[:301], events[301:302], events[302:]])


@pytest.mark.parametrize(
    ("asset", "spread_bps", "move_5s_bps"),
    [("BTC", 0.09, 1.3), ("ETH", 0.23, 2.5), ("WLFI", 2.7, 10)],
)
def test_a_recorded_market_measures_as_its_manifest_says(asset, spread_bps, move_5s_bps):
    path = DATA / "hl_l2_bbo_trades_20250904" / f"orderbooks_{asset}.csv"
    if not path.exists():
        pytest.skip("recorded market data not found; set GANGWAY_DATA")
    with path.open() as lines:
        columns = lines.readline().strip().split(",")
    wanted = ("exchange_timestamp", "bid_price_0", "ask_price_0")
    rows = np.loadtxt(path, delimiter=",", skiprows=1, usecols=[columns.index(c) for c in wanted])
    start = rows[0, 0]
    m = measure([tape(*(r for t, b, a in rows for r in quote((t - start) / 1e3, b, a)))])
    # WLFI spends 50.0 % of the time at five ticks or less: its median is five ticks, or six
    one_tick_bps = 0.54 if asset == "WLFI" else 0.01
    assert m.spread_bps == pytest.approx(spread_bps, abs=one_tick_bps)
    # 1 s moves are mildly trending at this venue, so √5 of them falls short of the 5 s move
    assert 0.7 < m.sigma_per_sqrt_s * 1e4 * 5**0.5 / move_5s_bps < 1.1
    assert m.gap_s > 15
