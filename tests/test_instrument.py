"""The grid: examples from the venue, and laws every rounded number keeps."""

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import BUY, SELL
from engine.instrument import (
    floor_sz,
    min_sz,
    new_instrument,
    passive_units,
    tick_size,
    tick_units,
    to_px,
    to_units,
)

GRIDS = [new_instrument(sz_decimals) for sz_decimals in range(7)]
decimals = st.integers(0, 6)
sides = st.sampled_from([BUY, SELL])
prices = st.floats(-4.0, 6.0).map(lambda x: 10.0**x)


@st.composite
def legal_prices(draw):
    """A price the venue takes, as (sz_decimals, numerator, power of ten below it)."""
    sz_decimals = draw(decimals)
    return sz_decimals, draw(st.integers(1, 99_999)), draw(st.integers(0, 6 - sz_decimals))


def is_legal(sz_decimals, units):
    """Say the venue's rule in its own words: five figures, some decimals, integers always."""
    unit = 10 ** (6 - sz_decimals)
    return units % unit == 0 or len(str(units).rstrip("0")) <= 5


@pytest.mark.parametrize(
    ("name", "sz_decimals", "px", "tick"),
    [
        ("BTC", 5, 84358.0, 1.0),
        ("BTC", 5, 105055.0, 1.0),
        ("ETH", 4, 2700.5, 0.1),
        ("SOL", 2, 120.64, 0.01),
        ("xyz:TSLA", 3, 347.94, 0.01),
        ("WLFI", 0, 0.18648, 0.00001),
        ("kPEPE", 0, 0.004367, 0.000001),
        ("at a power of ten", 2, 10.0, 0.001),
        ("just below it", 2, 9.9999, 0.0001),
        ("BTC at a million", 5, 1_000_000.0, 1.0),
    ],
)
def test_tick_is_the_venues(name, sz_decimals, px, tick):
    grid = GRIDS[sz_decimals]
    assert tick_size(grid, px) == pytest.approx(tick, rel=1e-12)
    for side in (BUY, SELL):  # a legal price stays where it is
        assert to_px(grid, passive_units(grid, side, px)) == pytest.approx(px, rel=1e-15)


def test_rounding_over_a_power_of_ten_lands_on_it():
    grid = GRIDS[2]
    assert to_px(grid, passive_units(grid, SELL, 9.99991)) == 10.0
    assert to_px(grid, passive_units(grid, BUY, 9.99999)) == 9.9999
    assert to_px(grid, passive_units(grid, BUY, 10.0009)) == 10.0
    assert to_px(grid, passive_units(grid, SELL, 10.0001)) == 10.001
    assert to_px(GRIDS[5], passive_units(GRIDS[5], SELL, 99_999.2)) == 100_000.0


@settings(max_examples=300, deadline=None)
@given(decimals, sides, prices)
def test_a_rounded_price_is_legal_and_never_more_aggressive(sz_decimals, side, px):
    grid = GRIDS[sz_decimals]
    units = passive_units(grid, side, px)
    assert is_legal(sz_decimals, units)
    raw = px * float(grid.units_per_usd)
    tick = tick_units(grid, max(units, math.floor(raw)))
    behind = side * (raw - units)
    assert -1e-6 * tick <= behind < tick * (1 + 1e-9)


@settings(max_examples=200, deadline=None)
@given(legal_prices(), sides)
def test_a_legal_price_is_kept_whatever_the_side(price, side):
    sz_decimals, numerator, power = price
    grid = GRIDS[sz_decimals]
    px = numerator / 10**power
    assert passive_units(grid, side, px) == to_units(grid, px)
    assert Fraction(to_units(grid, px), 10 ** (6 - sz_decimals)) == Fraction(numerator, 10**power)


@pytest.mark.parametrize(
    ("px", "sz_decimals", "sz"),
    [(20, 2, 0.50), (60_000, 5, 0.00017), (30.9, 2, 0.33), (2000, 4, 0.005), (0.2, 0, 50)],
)
def test_min_size_fixtures(px, sz_decimals, sz):
    assert min_sz(GRIDS[sz_decimals], float(px)) == pytest.approx(sz, rel=1e-12)


@settings(max_examples=300, deadline=None)
@given(legal_prices())
def test_min_size_is_worth_ten_dollars_and_one_lot_less_is_not(price):
    sz_decimals, numerator, power = price
    px = Fraction(numerator, 10**power)
    sz = min_sz(GRIDS[sz_decimals], float(px))
    lots = round(sz * 10**sz_decimals)
    assert sz == pytest.approx(lots / 10**sz_decimals, rel=1e-12)
    assert Fraction(lots, 10**sz_decimals) * px >= 10
    assert Fraction(lots - 1, 10**sz_decimals) * px < 10


@settings(max_examples=200, deadline=None)
@given(decimals, st.floats(0.0, 1e4))
def test_a_floored_size_is_whole_lots_and_not_above(sz_decimals, sz):
    floored = floor_sz(GRIDS[sz_decimals], sz)
    lots = floored * 10**sz_decimals
    assert lots == pytest.approx(round(lots), rel=1e-15)
    assert sz * 10**sz_decimals - 1 < lots + 1e-5
    assert lots <= sz * 10**sz_decimals + 1e-5
    assert floor_sz(GRIDS[sz_decimals], floored) == floored


@pytest.mark.parametrize("sz_decimals", [-1, 7])
def test_impossible_grids_are_refused(sz_decimals):
    with pytest.raises(ValueError, match=f"sz_decimals must be within 0..6, was {sz_decimals}"):
        new_instrument(sz_decimals)
