"""The quote as a sum of terms: each driver moves its own, once, and none of them multiplies."""

import itertools
import math

import pytest

from engine.core import monopolist, quote, regime, toxicity, volatility
from engine.core.alpha import CAP as ALPHA_CAP
from engine.core.edge import AUTHORITY, EMPIRICAL, STRUCTURAL
from engine.core.quote import TERMS
from engine.events import BUY, QUOTA, SELL

S = 1_000_000_000
AT_S = 0.6  # after one requote interval, and within the second in which nothing slow is refreshed


def hold(m, coins):
    """Let the ledger say that coins were bought at 20, and lost nothing."""
    m.ledger.position = coins
    m.ledger.cash_usd = -20.0 * coins


def believe(m, signal):
    """Let one signal forecast the mid, and be trusted with it."""
    a = m.beliefs.alpha
    a.beta[signal], a.n, a.gain, a.gain_sq = 1.0, 1_000, 1e-6, 1e-14
    m.beliefs.signals[signal] = 1e-4


def move_sigma(m):
    v = m.beliefs.volatility
    v.weight, v.var_per_s = 400.0, 1e-6


def fill_badly(m):
    """Five fills that lost 8 bps each, give or take nothing."""
    k = m.beliefs.markouts
    k.outcomes = k.weight = 5
    k.cost_sum_bps, k.cost_sq_bps = 40.0, 320.0


def scatter(m):
    """Outcomes as the prior expects them on average, but far apart."""
    k = m.beliefs.markouts
    sigma = volatility.sigma(m.beliefs.volatility)
    k.outcomes = k.weight = 100
    k.cost_sum_bps, k.cost_sq_bps = 100 * 1e4 * 0.3 * sigma * math.sqrt(5.0), 1e6


def extreme(m):
    m.beliefs.regime.level = regime.EXTREME


def lose_the_reference(m):
    f = m.beliefs.reference
    f.configured, f.n, f.last_ns, f.gap_log = 1, 1_000, m.now_ns - 600 * S, 0.0


def sell_flow(m):
    """A classifier that has shown skill, and public sales, which make the bid toxic."""
    t = m.beliefs.toxicity
    t.weights[toxicity.FLOW] = 2.0
    t.n, t.remembered, t.adverse = 1_000, 1_000.0, 400.0
    t.squares, t.rate_squares, t.gain_squares = 200.0, 240.0, 10.0
    m.beliefs.signals[1] = -1.0


def disappoint(m):
    """Fills that earned 5 bps less than what they were built for, and a member that says so."""
    e = m.beliefs.edge
    e.outcomes, e.evidence, e.surprise_bps = 100, 100.0, -500.0
    e.weight[STRUCTURAL], e.weight[EMPIRICAL] = 0.0, 1.0


def stand_alone(m):
    m.params.monopolist_pricing = 1
    m.beliefs.monopolist.n = 1_000
    m.params.liquidity = 45.0  # three orders of fifteen against the five coins that are shown


def fill_often(m):
    m.beliefs.calibration.recent_fills = 1_000.0
    m.beliefs.calibration.ts_ns = m.now_ns


DRIVERS = {
    "base": lambda m: setattr(m.beliefs.intensity, "kappa", 700.0),
    "width": move_sigma,
    "inventory": lambda m: hold(m, 3.0),
    "fee": lambda m: setattr(m.params, "maker_fee", 4e-4),
    "adverse selection": fill_badly,
    "its standard error": scatter,
    "regime": extreme,
    "staleness": lose_the_reference,
    "toxicity": sell_flow,
    "edge": disappoint,
    "monopolist": stand_alone,
    "learning": fill_often,
    "ramp": lambda m: hold(m, 10.0),
    "floor": lambda m: setattr(m.params, "half_spread_floor", 50e-4),
    "micro-price": lambda m: believe(m, 0),
    "flow": lambda m: believe(m, 1),
    "lead-lag": lambda m: believe(m, 2),
    "cross-venue flow": lambda m: believe(m, 3),
    "funding": lambda m: setattr(m.beliefs, "funding_hourly", 1e-4),
    "rounding": None,  # the remainder: held by the sum below
}

# what a driver moves besides its own term: the estimate it changes enters there too
SHARED = {
    "base": {"width", "inventory", "ramp", "staleness", "learning", "edge", "funding"},
    "width": {"adverse selection", "its standard error", "base"},  # σ, and through gamma's features
    "inventory": {"ramp"},
    "adverse selection": {"its standard error", "learning"},  # outcomes are progress
    "its standard error": {"learning", "adverse selection"},
    "ramp": {"inventory"},
}


def quoted(new_desk, driver=None, **changes):
    """A desk that wished once more after a driver was moved, and all its terms [bps]."""
    desk = new_desk(session_ramp_start=1.0, **changes)
    desk.book(0.0)
    if driver is not None:
        driver(desk.maker)
    desk.book(AT_S)
    return desk, 1e4 * desk.maker.quote.terms.copy()


def test_every_term_has_a_driver():
    assert tuple(DRIVERS) == TERMS


@pytest.mark.parametrize("name", [t for t in TERMS if DRIVERS[t]])
def test_moving_a_driver_moves_its_term_and_the_quote(new_desk, name):
    k = TERMS.index(name)
    still, before = quoted(new_desk)
    moved, after = quoted(new_desk, DRIVERS[name])
    change = abs(after[:, k] - before[:, k])
    assert change.max() > 0.01
    for r in range(2):
        if change[r] > 0.01:
            was, now = (quote.distance(d.maker.quote, r) for d in (still, moved))
            assert abs(now - was) > 1e-6


@pytest.mark.parametrize("name", [t for t in TERMS if DRIVERS[t]])
def test_each_driver_is_counted_once(new_desk, name):
    _, before = quoted(new_desk)
    _, after = quoted(new_desk, DRIVERS[name])
    moved = {t for k, t in enumerate(TERMS) if abs(after[:, k] - before[:, k]).max() > 1e-9}
    assert moved - {"floor", "rounding", name} <= SHARED.get(name, set())


@pytest.mark.parametrize("name", TERMS)
def test_the_terms_of_a_side_add_up_to_the_price_that_is_asked_for(new_desk, name):
    desk, terms = quoted(new_desk, DRIVERS[name])
    m = desk.maker
    for side, r in ((BUY, 0), (SELL, 1)):
        px = m.ladder.px[r, 0] / m.params.instrument.units_per_usd
        assert m.ladder.sz[r, 0] > 0.0
        assert terms[r].sum() == pytest.approx(1e4 * side * (m.mid - px) / m.mid, abs=1e-9)


def test_everything_at_once_is_the_sum_of_its_parts_and_no_product(new_desk):
    def all_at_once(m):
        for name in ("regime", "staleness", "toxicity", "edge", "monopolist"):
            DRIVERS[name](m)
        v = m.beliefs.volatility
        v.weight, v.var_per_s = 400.0, (50e-4) ** 2  # 50 bps a second

    _, terms = quoted(new_desk, all_at_once)
    base, width = terms[0, quote.BASE], terms[0, quote.WIDTH]
    caps = {
        quote.REGIME: 1e4 * regime.PREMIUM_CAP,
        quote.STALENESS: base + width,
        quote.TOXICITY: 1e4 * toxicity.PREMIUM_MAX,
        quote.EDGE: AUTHORITY * base,
        quote.MONOPOLIST: 1e4 * monopolist.MARKUP_MAX,
    }
    for r in range(2):
        for k, cap in caps.items():
            assert 0.0 <= terms[r, k] <= cap * (1 + 1e-9)
        assert abs(terms[r, quote.MICRO : quote.FUNDING].sum()) <= 1e4 * ALPHA_CAP
    # at such a volatility each premium is at its cap, and the dearest side is no more than all caps
    premiums = terms[:, list(caps)].sum(axis=1)
    assert premiums.max() <= sum(caps.values()) * (1 + 1e-9)


def test_what_a_fill_costs_is_never_given_away(new_desk):
    # everything that brings a quote nearer, together: the reducing side still earns its costs
    def generous(m):
        hold(m, 45.0)
        m.beliefs.edge.outcomes, m.beliefs.edge.evidence = 100, 100.0
        m.beliefs.edge.surprise_bps = 5_000.0
        m.beliefs.edge.weight[STRUCTURAL], m.beliefs.edge.weight[EMPIRICAL] = 0.0, 1.0

    _, terms = quoted(new_desk, generous)
    costs = terms[:, [quote.FEE, quote.ADVERSE, quote.CAUTION]].sum(axis=1)
    assert (terms[:, : quote.MICRO].sum(axis=1) >= costs - 1e-9).all()


@pytest.mark.parametrize("headroom", [0.9, 0.5, 0.3, 0.1, 0.07, 0.01, 0.0])
def test_flat_the_quote_does_not_depend_on_the_request_budget(new_desk, headroom):
    _, ample = quoted(new_desk)
    desk = new_desk(session_ramp_start=1.0)
    desk.hear(QUOTA, 0.0, px=1e4 * (1 - headroom), sz=1e4)
    desk.book(0.0)
    desk.maker.next_quote_ns = 0
    desk.book(AT_S)
    scarce = 1e4 * desk.maker.quote.terms
    assert scarce == pytest.approx(ample, abs=1e-9)


def test_scarce_requests_bring_inventory_home_by_the_skew_and_the_size(new_desk):
    held = {}
    for headroom in (0.5, 0.05):
        desk = new_desk(session_ramp_start=1.0)
        desk.hear(QUOTA, 0.0, px=1e4 * (1 - headroom), sz=1e4)
        hold(desk.maker, 25.0)
        desk.book(0.0)
        held[headroom] = desk.maker
    ample, scarce = held[0.5], held[0.05]
    assert quote.distance(scarce.quote, 1) <= quote.distance(ample.quote, 1)
    assert scarce.ladder.sz[0].sum() < ample.ladder.sz[0].sum()
    assert scarce.ladder.sz[1].max() > 0.0


@pytest.mark.parametrize("gamma", [0.05, 0.15, 3.0])
def test_the_centre_falls_strictly_with_inventory_and_by_half_the_base_at_the_limit(
    new_desk, gamma
):
    centres, base = [], 0.0
    for share in (-1.0, -0.6, -0.2, 0.0, 0.2, 0.6, 1.0):
        _, terms = quoted(new_desk, lambda m, s=share: hold(m, 50.0 * s), gamma=gamma)
        signed = terms[:, [quote.INVENTORY, quote.RAMP]].sum(axis=1)
        centres.append(-0.5 * (signed[0] - signed[1]))
        base = terms[0, quote.BASE]
    assert all(b < a for a, b in itertools.pairwise(centres))
    assert -centres[-1] >= 0.5 * base * (1 - 1e-9)
    assert centres[0] >= 0.5 * base * (1 - 1e-9)
    assert centres[3] == 0.0


def test_a_feed_that_is_absent_or_never_came_costs_nothing_and_one_that_went_silent_does(new_desk):
    staleness = {}
    for case in ("absent", "never came", "warm", "silent", "back"):
        desk = new_desk(session_ramp_start=1.0)
        m = desk.maker
        desk.book(0.0)
        f = m.beliefs.reference
        f.configured = m.beliefs.reference_trades.configured = case != "absent"
        if case in ("warm", "silent", "back"):
            f.n, f.gap_log = 1_000, math.log(0.1)
            f.last_ns = m.now_ns - (600 * S if case == "silent" else 0)
        if case == "back":
            f.last_ns = m.now_ns
        desk.book(AT_S)
        staleness[case] = 1e4 * m.quote.terms[0, quote.STALENESS]
    assert staleness["silent"] > 1.0
    assert {case for case, bps in staleness.items() if bps != 0.0} == {"silent"}
