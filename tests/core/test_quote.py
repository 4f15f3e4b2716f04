"""Laws of the quote, held in states that were lived through: played markets, then perturbed."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import AssetSpec
from engine.core import book, limits, quote
from engine.core.alpha import FLOW, LEAD_LAG, MICRO
from engine.core.maker import Maker, new_maker, step_at
from engine.core.output import Output, drained
from engine.core.params import new_params
from engine.core.quote import TERMS
from engine.core.volatility import NULL_LAG
from engine.derive.decisions import derive_config
from engine.derive.facts import MarketFacts
from engine.events import BUY, LEVEL, SELL, TIMER, TRADE, Event
from engine.instrument import passive_units, tick_units
from engine.policy import load_policy
from engine.record import zeros
from engine.sim.clocks import arrival_order
from engine.sim.market import HOUR_NS
from engine.sim.rules import Latency, VenueRules
from engine.sim.session import Session, run
from engine.sim.universe import market_of
from engine.sim.venue import new_venue

START_NS = 490_000 * HOUR_NS
S = 1_000_000_000
EPS = 1e-12
SIDES = ((BUY, 0), (SELL, 1))
MARKETS = {  # price, decimals of a size, the leading venue's symbol
    "HYPE": (40.0, 2, None),
    "BAIT": (2.5, 1, None),
    "TREND": (40.0, 2, "TRENDUSDT"),
    "SOL": (205.0, 2, "SOLUSDT"),
    "BTC": (110_000.0, 5, "BTCUSDT"),
}
OUT = zeros(Output)


def configured(asset, **changes):
    px, sz_decimals, symbol = MARKETS[asset]
    facts = MarketFacts(
        asset=asset,
        dex="",
        coin=asset,
        listed=True,
        delisted=False,
        mark_px=px,
        sz_decimals=sz_decimals,
        max_leverage=10.0,
        only_isolated=False,
        day_volume_usd=20e6,
        spread_bps=12.0,
        hours_observed=24.0,
        collateral="USDC",
        binance_symbol=symbol,
        source="test",
        observed_at_ns=START_NS,
    )
    spec = AssetSpec(asset=asset, capital_usd=2_000.0)
    config = derive_config(spec, facts, load_policy())[0]
    return config.model_copy(update={"session_ramp_s": 600.0, "rl_shadow": False} | changes)


def new_session(config):
    params = new_params(config)
    sessions = zeros(Session)
    sessions[0].maker = new_maker(params)[0]
    sessions[0].venue = new_venue(
        params, VenueRules(fill_model="power", latency=Latency.constant(100.0))
    )[0]
    return sessions


def play(sessions, events, until_ns):
    order = arrival_order(events)
    while not run(sessions, events, order, until_ns, OUT):
        drained(OUT[0])
    drained(OUT[0])
    return sessions[0].maker


def requotes(config, minutes, every_ns=S // 4):
    """Play a market and yield the maker whenever it has wished anew."""
    sessions = new_session(config)
    events = market_of(config.asset, None, 11, START_NS).chunk(0)
    seen = 0
    for until_ns in range(START_NS, START_NS + minutes * 60 * S, every_ns):
        m = play(sessions, events, until_ns)
        if m.quote.ts_ns > seen and limits.may_quote(m):
            seen = int(m.quote.ts_ns)
            yield m


def px_of(m, units):
    return float(units) / float(m.params.instrument.units_per_usd)


def legs(m):
    """Both sides' distances before and after rounding, checked to be the sum of their terms."""
    for side, r in SIDES:
        terms = m.quote.terms[r]
        assert np.isfinite(terms).all()
        delta = quote.distance(m.quote, r)
        assert math.fsum(terms[: quote.ROUNDING]) == pytest.approx(delta, abs=EPS)
        if m.ladder.sz[r, 0] > 0.0:
            asked = side * (m.quote.mid - px_of(m, m.ladder.px[r, 0])) / m.quote.mid
            assert terms.sum() == pytest.approx(asked, abs=EPS)
        yield side, r, delta


def check_sum(m):
    assert len(list(legs(m))) == 2


def check_floor(m):
    """Around its own centre no side is nearer than what a fill costs, nor than the floor."""
    both = 0.0
    for _, r, delta in legs(m):
        least = max(quote.cost(m.quote, r), float(m.params.half_spread_floor))
        assert m.quote.terms[r, : quote.MICRO].sum() >= least - EPS
        both += delta
    floors = [quote.cost(m.quote, r) for r in range(2)]
    assert 0.5 * both >= max(*floors, float(m.params.half_spread_floor)) - EPS


def check_signs(m):
    """What only ever costs is never negative; what moves the centre moves both sides alike."""
    t = m.quote.terms
    costs = ("base", "width", "fee", "adverse selection", "its standard error", "regime")
    for name in (*costs, "staleness", "toxicity", "monopolist", "floor"):
        assert (t[:, TERMS.index(name)] >= 0.0).all(), name
    for k in range(quote.MICRO, quote.ROUNDING):
        assert t[0, k] == pytest.approx(-t[1, k], abs=EPS)
    assert (t[:, quote.LEARNING] <= 0.0).all()
    least = -(1.0 - m.params.learning_share) * t[:, quote.BASE]
    assert (t[:, quote.LEARNING] >= least - EPS).all()
    if not m.params.has_reference:
        for term in (quote.STALENESS, quote.LEAD_LAG, quote.CROSS_FLOW):
            assert (t[:, term] == 0.0).all()


def check_passive(m):
    """No level reaches the other side's touch, levels go outwards, and rounding only retreats."""
    for side, r in SIDES:
        quoted = m.ladder.sz[r] > 0.0
        px = side * m.ladder.px[r][quoted]
        opposite = side * m.book.px[1 - r, 0]
        assert (px < opposite).all()
        assert (np.diff(px) < 0).all()
        assert not quoted.any() or m.quote.terms[r, quote.ROUNDING] >= -1e-9


@pytest.mark.parametrize("asset", MARKETS)
def test_every_requote_of_a_played_market_keeps_the_laws(asset):
    seen = 0
    for m in requotes(configured(asset), 12):
        check_sum(m)
        check_floor(m)
        check_signs(m)
        check_passive(m)
        seen += 1
    assert seen > 500


# -- states to perturb: wishing again at the same instant moves nothing but the quote


class States(dict):
    """Hypothesis prints what a test was given; half a megabyte a maker is too much."""

    def __repr__(self):
        return "states"


@pytest.fixture(scope="module")
def states():
    """Makers as they were at some moments of each market, by asset."""
    found = States()
    for asset in MARKETS:
        config = configured(asset, gamma=0.5)
        kept = [np.array([m]) for m in requotes(config, 25, 60 * S)]
        found[asset] = [kept[k] for k in (1, len(kept) // 2, -1)]
    return found


def again(state, change=None):
    """Let a copy of a maker wish once more, at the same instant, after a change."""
    makers = state.view(Maker.dtype).copy()
    m = makers[0]
    if change is not None:
        change(m)
    m.next_quote_ns = 0
    m.next_epoch_ns = m.next_solve_ns = 2**62  # no arm is chosen, and κ stays
    timer = zeros(Event)
    timer[0].kind, timer[0].ts_ns, timer[0].recv_ns = TIMER, m.venue_ns, m.now_ns
    step_at(makers, timer, 0, OUT)
    drained(OUT[0])
    assert m.quote.ts_ns == m.now_ns
    return m


any_state = st.tuples(st.sampled_from(sorted(MARKETS)), st.integers(0, 2))


def pick(states, where):
    return states[where[0]][where[1]]


@settings(max_examples=60, deadline=None)
@given(where=any_state, share=st.floats(-1.0, 1.0), more=st.floats(1e-3, 1.0))
def test_the_centre_falls_strictly_with_inventory(states, where, share, more):
    def centre(x):
        m = again(
            pick(states, where), lambda m: setattr(m.ledger, "position", x * m.params.max_position)
        )
        bid, ask = (quote.distance(m.quote, r) for r in range(2))
        return 0.5 * (ask - bid)

    assert centre(share + more) < centre(share)


@settings(max_examples=60, deadline=None)
@given(where=any_state, share=st.floats(-2.0, 2.0))
def test_the_laws_hold_at_any_inventory(states, where, share):
    m = again(
        pick(states, where), lambda m: setattr(m.ledger, "position", share * m.params.max_position)
    )
    check_sum(m)
    check_floor(m)
    check_signs(m)
    check_passive(m)
    if abs(m.ledger.position) > m.params.max_position / 100.0:
        assert (m.ladder.sz[1 if share > 0.0 else 0] > 0.0).any()  # something brings it home


def mirror(m):
    """Look at the same market from the other side."""
    b, i = m.beliefs, m.params.instrument
    total = int(m.book.px[0, 0] + m.book.px[1, 0])
    px, sz, n = m.book.px.copy(), m.book.sz.copy(), m.book.n.copy()
    for r in range(2):
        m.book.px[r] = total - px[1 - r]
        m.book.sz[r], m.book.n[r] = sz[1 - r], n[1 - r]
    m.mid = 0.5 * total / float(i.units_per_usd)
    m.ledger.position = -m.ledger.position
    b.funding_hourly = -b.funding_hourly
    b.signals[:] = -b.signals
    v = b.volatility
    if v.grid > NULL_LAG:
        ring, last = NULL_LAG + 1, int(v.grid) - 1
        now, then = float(v.mids[last % ring]), float(v.mids[(last - NULL_LAG) % ring])
        v.mids[(last - NULL_LAG) % ring] = now / (2.0 - now / then)


@settings(max_examples=60, deadline=None)
@given(where=any_state, share=st.floats(-1.0, 1.0), funding=st.floats(-1e-3, 1e-3))
def test_what_is_mirrored_quotes_the_mirror(states, where, share, funding):
    def one_way(m):
        m.ledger.position = share * m.params.max_position
        m.beliefs.funding_hourly = funding

    def other_way(m):
        one_way(m)
        mirror(m)

    one = again(pick(states, where), one_way).quote.terms[:, : quote.ROUNDING]
    other = again(pick(states, where), other_way).quote.terms[::-1, : quote.ROUNDING]
    np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(where=any_state)
def test_a_symmetric_state_quotes_symmetrically(states, where):
    def even(m):
        m.ledger.position = 0.0
        m.beliefs.funding_hourly = 0.0
        m.beliefs.signals[:] = 0.0
        m.beliefs.volatility.mids[:] = m.mid
        total = int(m.book.px[0, 0] + m.book.px[1, 0])
        m.book.px[1], m.book.sz[1] = total - m.book.px[0], m.book.sz[0]
        m.book.n[1] = m.book.n[0]

    terms = again(pick(states, where), even).quote.terms
    assert terms[0, : quote.ROUNDING].tolist() == terms[1, : quote.ROUNDING].tolist()


def dearer(m):
    """Let a coin be a tenth of what it was: ten times the price, the same value in USD."""
    i, b = m.params.instrument, m.beliefs
    i.units_per_usd /= 10.0
    i.lots_per_coin *= 10.0
    m.params.max_position /= 10.0
    m.params.liquidity /= 10.0
    m.book.sz /= 10.0
    m.ledger.position /= 10.0
    m.mid *= 10.0
    b.volatility.mids *= 10.0
    b.volatility.last_mid *= 10.0
    b.alpha.mid *= 10.0
    b.depth /= 10.0
    b.open_interest /= 10.0


@settings(max_examples=60, deadline=None)
@given(where=any_state, share=st.floats(-1.0, 1.0))
def test_ten_times_the_price_and_a_tenth_of_the_lot_quote_the_same_bps(states, where, share):
    def held(m):
        m.ledger.position = share * m.params.max_position

    def held_and_dearer(m):
        held(m)
        dearer(m)

    one, other = again(pick(states, where), held), again(pick(states, where), held_and_dearer)
    some, same = one.quote.terms[:, : quote.ROUNDING], other.quote.terms[:, : quote.ROUNDING]
    np.testing.assert_allclose(same, some, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("asset", ["HYPE", "TREND", "SOL"])
def test_a_whole_market_at_ten_times_the_price_is_quoted_the_same(asset):
    config = configured(asset)
    scaled = config.model_copy(
        update={
            "sz_decimals": config.sz_decimals + 1,
            "max_position": config.max_position / 10.0,
            "target_liquidity": config.target_liquidity / 10.0,
        }
    )
    events = market_of(asset, None, 11, START_NS).chunk(0)
    dear = events.copy()
    on_grid = np.isin(dear["kind"], (LEVEL, TRADE))
    dear["px"] = np.where(on_grid, np.round(dear["px"] * 10.0, 6), dear["px"] * 10.0)
    dear["sz"] = dear["sz"] / 10.0  # coins, in all that a market says
    one, other = new_session(config), new_session(scaled)
    seen = 0
    for until_ns in range(START_NS, START_NS + 8 * 60 * S, S):
        a, b = play(one, events, until_ns), play(other, dear, until_ns)
        # a depth on the border of two bins of the intensity may fall into either
        np.testing.assert_allclose(b.quote.terms, a.quote.terms, rtol=1e-4, atol=1e-8)
        assert (a.ladder.px == b.ladder.px).all()
        np.testing.assert_allclose(10.0 * b.ladder.sz, a.ladder.sz, rtol=1e-9)
        seen += bool(a.quote.ts_ns)
    assert seen > 400
    assert a.orders.requests == b.orders.requests > 50


@settings(max_examples=60, deadline=None)
@given(where=any_state, side=st.sampled_from([BUY, SELL]), share=st.floats(0.5, 1.0))
def test_a_quote_that_wants_to_cross_stops_behind_the_other_side(states, where, side, share):
    def eager(m):
        """Hold what this side would reduce, and expect the mid to run away from it."""
        m.ledger.position = -side * share * m.params.max_position
        m.beliefs.funding_hourly = -side * 1.0
        a = m.beliefs.alpha
        a.beta[:], a.n, a.gain, a.gain_sq = 0.0, 10_000, 1.0, 1e-4
        a.beta[MICRO] = 1.0
        m.beliefs.signals[MICRO] = side * 5e-4
        m.params.maker_fee = m.params.half_spread_floor = 0.0
        m.beliefs.markouts.weight = 1e6  # fills cost nothing, it is known
        m.beliefs.markouts.cost_sum_bps = m.beliefs.markouts.cost_sq_bps = 0.0
        i = m.params.instrument
        bid = passive_units(i, BUY, float(m.mid))
        m.book.px[0, 0], m.book.px[1, 0] = bid, bid + tick_units(i, bid)  # a tick wide

    m = again(pick(states, where), eager)
    r = book.row(side)
    assert m.ladder.sz[r, 0] > 0.0
    wished = m.mid * (1.0 - side * quote.distance(m.quote, r))
    assert side * (wished - px_of(m, m.book.px[1 - r, 0])) > 0.0  # through the other side's touch
    check_sum(m)
    check_passive(m)


# -- what may be charged, and what may be given away


def silence(m, seconds, *, is_there=1):
    f = m.beliefs.reference
    f.configured, f.n, f.gap_log = is_there, 1_000, 0.0
    f.last_ns = m.now_ns - int(seconds * 1e9)


@settings(max_examples=60, deadline=None)
@given(where=any_state, seconds=st.floats(0.0, 1e5))
def test_staleness_is_charged_for_a_feed_there_is_and_never_more_than_the_quote(
    states, where, seconds
):
    state = pick(states, where)
    there = again(state, lambda m: silence(m, seconds)).quote.terms
    absent = again(state, lambda m: silence(m, seconds, is_there=0)).quote.terms
    assert (absent[:, quote.STALENESS] == 0.0).all()
    room = there[:, quote.BASE] + there[:, quote.WIDTH]
    assert (there[:, quote.STALENESS] <= room * (1.0 + 1e-12)).all()
    assert (there[:, quote.STALENESS] > 0.0).all() == (seconds > 3.0)


@settings(max_examples=60, deadline=None)
@given(
    where=any_state,
    share=st.floats(0.01, 1.0),
    held=st.floats(-1.0, 1.0),
    cost_bps=st.floats(0.0, 50.0),
)
def test_learning_gives_away_its_share_of_the_base_and_nothing_of_the_costs(
    states, where, share, held, cost_bps
):
    def hungry(m):
        m.params.learning_share = share
        m.ledger.position = held * m.params.max_position
        m.beliefs.calibration.recent_fills = 0.0
        m.beliefs.markouts.outcomes = 0
        m.beliefs.markouts.weight = 100.0
        m.beliefs.markouts.cost_sum_bps = 100.0 * cost_bps

    m = again(pick(states, where), hungry)
    t = m.quote.terms
    assert (t[:, quote.LEARNING] >= -(1.0 - share) * t[:, quote.BASE] - EPS).all()
    check_sum(m)
    check_floor(m)


@settings(max_examples=60, deadline=None)
@given(where=any_state, said=st.lists(st.floats(-1.0, 1.0), min_size=4, max_size=4))
def test_signals_alone_never_bring_a_flat_quote_to_the_mid(states, where, said):
    def loud(m):
        m.ledger.position = 0.0
        m.beliefs.funding_hourly = 0.0
        a = m.beliefs.alpha
        a.beta[:], a.n, a.gain, a.gain_sq = 1.0, 10_000, 1.0, 1e-4
        m.beliefs.signals[MICRO : LEAD_LAG + 1] = said[: LEAD_LAG + 1]
        m.beliefs.signals[FLOW] = said[FLOW]

    m = again(pick(states, where), loud)
    check_sum(m)
    for _, _, delta in legs(m):
        assert delta > 0.0
    assert book.is_open(m.book)
