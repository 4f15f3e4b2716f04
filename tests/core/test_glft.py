"""The spread: numbers from the closed form, limits, signs and invariances."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.core import glft
from engine.events import BUY, SELL

gammas = st.floats(-4.0, 1.3).map(lambda x: 10.0**x)
kappas = st.floats(2.0, 4.0).map(lambda x: 10.0**x)
rates = st.floats(-3.0, 0.0).map(lambda x: 10.0**x)
sigmas = st.floats(-5.0, -3.0).map(lambda x: 10.0**x)
inventories = st.floats(-20.0, 20.0)


def halves(g, kappa, a, sigma, n=0.0):
    b, c = glft.base(g, kappa), glft.step(g, kappa, a, sigma)
    return glft.half_spread(BUY, n, b, c), glft.half_spread(SELL, n, b, c)


@pytest.mark.parametrize(
    ("kappa", "sigma", "a", "g", "base", "step", "flat", "bid", "ask"),
    [
        (2000, 2.8e-4, 0.05, 0.15, 5.000, 0.126, 5.06, 6.33, 3.80),
        (2000, 2.8e-4, 0.05, 1, 4.999, 0.326, 5.16, 8.43, 1.90),
        (2000, 2.8e-4, 0.05, 3, 4.996, 0.566, 5.28, 10.94, -0.38),
        (2000, 2.8e-4, 0.05, 30, 4.963, 1.795, 5.86, 23.8, -12.1),
        (1500, 3.5e-4, 0.02, 0.15, 6.666, 0.289, 6.81, 9.70, 3.93),
        (1500, 3.5e-4, 0.02, 1, 6.664, 0.745, 7.04, 14.49, -0.41),
        (2500, 2e-4, 0.2, 0.15, 4.000, 0.040, 4.02, 4.42, 3.62),
        (2500, 2e-4, 0.2, 3, 3.998, 0.181, 4.09, 5.89, 2.28),
    ],
)
def test_the_closed_forms_numbers(kappa, sigma, a, g, base, step, flat, bid, ask):
    assert 1e4 * glft.base(g, kappa) == pytest.approx(base, abs=6e-4)
    assert 1e4 * glft.step(g, kappa, a, sigma) == pytest.approx(step, abs=6e-4)
    assert 1e4 * halves(g, kappa, a, sigma)[0] == pytest.approx(flat, abs=6e-3)
    long = halves(g, kappa, a, sigma, 10.0)
    assert 1e4 * long[0] == pytest.approx(bid, abs=6e-2)
    assert 1e4 * long[1] == pytest.approx(ask, abs=6e-2)


@settings(max_examples=100, deadline=None)
@given(kappas, rates, sigmas)
def test_no_aversion_leaves_one_over_kappa(kappa, a, sigma):
    g = 1e-9
    assert glft.base(g, kappa) == pytest.approx(1.0 / kappa, rel=1e-9)
    c = glft.step(g, kappa, a, sigma)
    assert c == pytest.approx(sigma * math.sqrt(g * math.e / (2 * kappa * a)), rel=1e-6)


@settings(max_examples=200, deadline=None)
@given(gammas, kappas)
def test_the_base_falls_with_gamma_and_kappa(g, kappa):
    assert glft.base(1.1 * g, kappa) < glft.base(g, kappa)
    assert glft.base(g, 1.1 * kappa) < glft.base(g, kappa)


@settings(max_examples=200, deadline=None)
@given(st.floats(0.05, 3.0), st.floats(500.0, 2500.0), rates, st.floats(1e-4, 1e-3))
def test_more_aversion_widens_the_flat_quote(g, kappa, a, sigma):
    # true where inventory matters more than the 1/κ the base gives away: c beyond g/(2κ)²·4
    c = glft.step(g, kappa, a, sigma)
    flat, wider = halves(g, kappa, a, sigma)[0], halves(1.1 * g, kappa, a, sigma)[0]
    assume(c > 4.0 * g / kappa**2)
    assert wider > flat
    assert glft.step(1.1 * g, kappa, a, sigma) > c


@settings(max_examples=200, deadline=None)
@given(gammas, kappas, rates, sigmas, inventories)
def test_inventory_moves_the_centre_against_itself_and_not_the_width(g, kappa, a, sigma, n):
    def centre(n):
        bid, ask = halves(g, kappa, a, sigma, n)
        return 0.5 * (ask - bid)

    c = glft.step(g, kappa, a, sigma)
    assert centre(n + 1) - centre(n) == pytest.approx(-c, rel=1e-6)
    assert centre(n + 1) < centre(n)
    assert sum(halves(g, kappa, a, sigma, n)) == pytest.approx(sum(halves(g, kappa, a, sigma)))


@settings(max_examples=100, deadline=None)
@given(gammas, kappas, rates, sigmas, inventories)
def test_long_and_short_mirror(g, kappa, a, sigma, n):
    bid, ask = halves(g, kappa, a, sigma, n)
    mirror = halves(g, kappa, a, sigma, -n)
    assert (ask, bid) == pytest.approx(mirror)


@settings(max_examples=100, deadline=None)
@given(st.floats(0.0, 3.0).map(lambda x: 10.0**x), inventories)
def test_the_price_and_the_lot_do_not_matter(scale, n):
    """Quote in USD: κ per USD, σ in USD, γ per USD of profit; the bps come out the same."""
    g, kappa, a, sigma, px = 0.3, 1500.0, 0.05, 3e-4, scale
    relative = halves(g, kappa, a, sigma, n)
    absolute = halves(g / px, kappa / px, a, sigma * px, n)
    assert [x / px for x in absolute] == pytest.approx(list(relative), rel=1e-9)


@settings(max_examples=200, deadline=None)
@given(st.floats(-6.0, 1.3).map(lambda x: 10.0**x), kappas, rates, sigmas, inventories)
def test_every_quote_tends_to_one_over_kappa_as_aversion_fades(g, kappa, a, sigma, n):
    # b is off by less than g/2κ², and what inventory adds fades with √g
    b, c = glft.base(g, kappa), glft.step(g, kappa, a, sigma)
    assert 1.0 / kappa - g / (2.0 * kappa**2) * (1.0 + 1e-6) <= b <= 1.0 / kappa * (1.0 + 1e-12)
    assert c <= sigma * math.sqrt(g * math.e * (1.0 + g / kappa) / (2.0 * kappa * a)) * (1 + 1e-9)
    off = max(abs(x - 1.0 / kappa) for x in halves(g, kappa, a, sigma, n))
    assert off <= g / (2.0 * kappa**2) + (abs(n) + 0.5) * c * (1.0 + 1e-9) + 1e-15
    assert glft.step(g / 100.0, kappa, a, sigma) <= 0.1 * c * (1.0 + 1e-9)


@settings(max_examples=200, deadline=None)
@given(gammas, kappas, rates, sigmas, st.floats(1.01, 3.0))
def test_the_inventory_term_is_what_makes_aversion_widen(g, kappa, a, sigma, more):
    b, wider_b = glft.base(g, kappa), glft.base(more * g, kappa)
    c, wider_c = (glft.step(x, kappa, a, sigma) for x in (g, more * g))
    assert wider_b < b  # without c, more aversion is a nearer quote
    assert wider_c >= math.sqrt(more) * c * (1.0 - 1e-9)
    # the most that b gives away is (more - 1)·g/2κ²
    assume(0.5 * (math.sqrt(more) - 1.0) * c > 1.01 * (more - 1.0) * g / (2.0 * kappa**2))
    assert wider_b + 0.5 * wider_c > b + 0.5 * c


@settings(max_examples=200, deadline=None)
@given(gammas, kappas, rates, sigmas, inventories, st.floats(0.1, 10.0))
def test_each_driver_moves_the_inventory_term_the_way_it_should(g, kappa, a, sigma, n, more):
    c = glft.step(g, kappa, a, sigma)
    assert glft.step(g, kappa, a, more * sigma) == pytest.approx(more * c)
    assert glft.step(g, kappa, more * a, sigma) == pytest.approx(c / math.sqrt(more))
    assert glft.step(g, kappa, a, 0.0) == 0.0


@settings(max_examples=200, deadline=None)
@given(gammas, kappas, rates, sigmas, st.integers(-20, 20), st.sampled_from([1, 10, 1000]))
def test_lots_of_another_size_are_the_same_orders(g, kappa, a, sigma, held, lots):
    """Count in lots: n is the position over the order, whatever both are counted in."""
    order = 3.0
    coins = halves(g, kappa, a, sigma, held / order)
    assert halves(g, kappa, a, sigma, held * lots / (order * lots)) == pytest.approx(coins)


@settings(max_examples=200, deadline=None)
@given(gammas, kappas, rates, sigmas, inventories)
def test_what_is_bought_at_one_inventory_is_offered_at_the_next(g, kappa, a, sigma, n):
    # δ_bid(n) and δ_ask(n + 1) straddle the same indifference price: together they are 2b
    bid, ask = halves(g, kappa, a, sigma, n)[0], halves(g, kappa, a, sigma, n + 1)[1]
    assert bid + ask == pytest.approx(2.0 * glft.base(g, kappa))


def solved(g, kappa, a, sigma, reach=80):
    """Half-spreads of the stationary problem itself: the slowest mode of its linear equations.

    v' = Mv with αq² on the diagonal and -η beside it; a bid is ln(v_q/v_{q+1})/κ + b.
    """
    alpha = 0.5 * kappa * g * sigma**2
    eta = a * (1.0 + g / kappa) ** -(1.0 + kappa / g)
    q = np.arange(-reach, reach + 1)
    m = np.diag(alpha * q.astype(float) ** 2)
    m -= eta * (np.eye(len(q), k=1) + np.eye(len(q), k=-1))
    v = np.abs(np.linalg.eigh(m)[1][:, 0])
    return np.log(v[:-1] / v[1:]) / kappa + glft.base(g, kappa), q[:-1]


@pytest.mark.parametrize(
    ("g", "kappa", "a", "sigma"),
    [(0.15, 1500.0, 0.02, 3.5e-4), (1.0, 2000.0, 0.05, 2.8e-4), (3.0, 2500.0, 0.2, 2e-4)],
)
def test_the_closed_form_is_the_slowest_mode_of_the_control_problem(g, kappa, a, sigma):
    bids, q = solved(g, kappa, a, sigma)
    near = np.abs(q + 0.5) <= 6.0
    b, c = glft.base(g, kappa), glft.step(g, kappa, a, sigma)
    closed = np.array([glft.half_spread(BUY, float(n), b, c) for n in q[near]])
    assert 1e4 * closed == pytest.approx(1e4 * bids[near], abs=0.02 * 1e4 * b)
