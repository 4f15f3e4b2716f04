"""Whole sessions of the kind that once lost money: a trend, no requests left, a small account."""

import numpy as np
import pytest

from engine.core import quote, risk
from engine.core.orders import MAX_LEVELS, RESTING
from engine.core.output import Output, drained
from engine.derive.decisions import derive_config, kill_fraction
from engine.events import BUY, LAST, LEVEL, SELL, SNAPSHOT, TRADE, Event
from engine.policy import load_policy
from engine.record import dump_state, load_state, zeros
from engine.runners.simulated import new_session
from engine.sim.clocks import arrival_order
from engine.sim.market import HOUR_NS
from engine.sim.rules import Latency, VenueRules
from engine.sim.session import Session, run
from engine.sim.universe import market_of

START_NS = 490_000 * HOUR_NS
S = 1_000_000_000
PX = 40.0
THROUGH, QUEUE = (
    VenueRules(fill_model=model, latency=Latency.constant(100.0))
    for model in ("pessimistic", "power")
)


@pytest.fixture(scope="module")
def an_hour():
    return market_of("HYPE", None, 7, START_NS).chunk(0)


@pytest.fixture
def config_of(spec, facts):
    """The configuration that is derived for some capital, with nothing changed by hand."""

    def derive(capital_usd=1000.0):
        asked = spec.model_copy(update={"capital_usd": capital_usd})
        seen = facts.model_copy(update={"mark_px": PX})
        return derive_config(asked, seen, load_policy())[0]

    return derive


def play(sessions, events, until_s, look=None, every_s=1.0):
    """Play to a time, and look at the maker every so often."""
    out = zeros(Output)
    maker, order = sessions[0].maker, arrival_order(events)
    begin_s = max(int(maker.now_ns) - START_NS, 0) / S
    for t in np.arange(begin_s + every_s, until_s + 1e-9, every_s):
        while not run(sessions, events, order, START_NS + int(t * S), out):
            drained(out[0])
        drained(out[0])
        if look is not None:
            look(maker)
    return maker


def sides_live(m):
    return {int(o.side) for o in m.orders.slot if o.state == RESTING}


def tape(rows):
    """Events from (kind, side, code, seconds, px, sz), heard 50 ms later."""
    events = zeros(Event, len(rows))
    for e, (kind, side, code, t, px, sz) in zip(events, rows, strict=True):
        e["kind"], e["side"], e["code"], e["px"], e["sz"] = kind, side, code, px, sz
        e["ts_ns"] = START_NS + int(t * S)
        e["recv_ns"] = e["ts_ns"] + 50_000_000
    return events


def trending(bps, minutes, opportunities, sweep_sz):
    """A steady trend, and takers that run with it: one sweep through our side at a time."""
    rows, seconds = [], 60 * minutes
    every = seconds / opportunities
    due = every
    for t in range(seconds):
        mid = PX * (1 + 1e-4 * bps * t / seconds)
        for side, code in ((BUY, SNAPSHOT), (SELL, LAST)):
            rows.append((LEVEL, side, code, t, round(mid * (1 - side * 2e-4), 3), 5.0))
        if t >= due:
            taker = BUY if bps > 0.0 else SELL
            rows.append((TRADE, taker, 0, t, round(mid * (1 + taker * 3e-3), 3), sweep_sz))
            due += every
    return tape(rows)


# The account of a hundred dollars that lost 1.60 in 25 minutes, and one of a thousand.
@pytest.mark.parametrize("bps", [38.0, -38.0])
@pytest.mark.parametrize("capital_usd", [100.0, 1000.0])
def test_a_trend_that_takes_57_times_is_bounded_by_skew_limit_and_tier(config_of, capital_usd, bps):
    config = config_of(capital_usd)
    sessions = new_session(config, THROUGH)
    quotes = []

    def look(m):
        q = m.quote
        if q.limit > 0.0:
            skew = 0.5 * (q.terms[0] - q.terms[1])[[quote.INVENTORY, quote.RAMP]].sum()
            held = float(q.inventory * q.order_sz / q.limit)
            quotes.append((held, float(skew / q.terms[0, quote.BASE])))

    sweep = 0.3 * capital_usd / 1000.0 + 0.3
    m = play(sessions, trending(bps, 25, 57, sweep), 1500.0, look)
    assert m.ledger.fills >= 3
    assert m.ledger.position * bps < 0.0  # takers ran with the trend, so we hold the wrong side
    assert max(abs(held) for held, _ in quotes) <= 1.0 + 1e-9
    # at every moment the centre is moved against what is held, by half of the base at the limit
    assert all(skew / held >= 0.5 * (1 - 1e-9) for held, skew in quotes if held != 0.0)
    equity = m.ledger.cash_usd + m.ledger.position * m.mid
    # all that may be held, through the whole trend, is the most there is to lose
    assert equity > -(38e-4 * config.max_position * PX + 4e-4 * m.ledger.volume_usd)
    assert equity > -config.kill_fraction * config.capital_usd
    assert m.kill.reason == risk.ARMED


def test_a_fall_against_a_full_position_stops_at_the_tier_of_the_account(config_of):
    config = config_of(1000.0).model_copy(update={"session_ramp_start": 1.0})
    lost = []

    def look(m):
        if m.kill.reason == risk.ARMED:
            lost.append(-float(m.ledger.cash_usd + m.ledger.position * m.mid))

    sessions = new_session(config, THROUGH)
    m = play(sessions, trending(-1_500.0, 25, 57, 5.0), 1500.0, look)
    assert m.kill.reason in (risk.DAILY_LOSS, risk.DRAWDOWN)
    assert sides_live(m) == set()
    tier = 1000.0 * kill_fraction(1000.0, load_policy())
    assert 0.9 * tier < max(lost) <= tier


@pytest.mark.parametrize(("headroom", "two_sided"), [(0.07, 0.5), (0.03, 0.5)])
def test_an_hour_with_hardly_a_request_left_stays_two_sided_and_within_them(
    config_of, an_hour, headroom, two_sided
):
    config = config_of(1000.0)
    starved, fed = (new_session(config, QUEUE) for _ in range(2))
    b = starved[0].maker.budget
    b.used = (1.0 - headroom) * b.granted
    starved[0].venue.account.budget.used = b.used  # the venue counts the same, and says so
    free = float(b.granted - b.used)
    seconds = {"both": 0, "any": 0, "all": 0}

    def look(m):
        live = sides_live(m)
        seconds["all"] += 1
        seconds["both"] += live == {BUY, SELL}
        seconds["any"] += live != set()

    m = play(starved, an_hour, 3600.0, look)
    n = play(fed, an_hour, 3600.0)
    earned = m.ledger.volume_usd
    assert m.orders.requests <= 0.2 * (free + earned) + 20  # an hour's share of a day, and a start
    assert m.orders.requests < 0.35 * n.orders.requests
    assert seconds["both"] > two_sided * seconds["all"]
    assert seconds["any"] > 0.8 * seconds["all"]
    assert m.kill.reason == risk.ARMED
    # scarcity never widened: base and width are what the same hour's beliefs ask for
    for k in (quote.FEE, quote.REGIME, quote.STALENESS, quote.FLOOR):
        assert m.quote.terms[0, k] <= n.quote.terms[0, k] + 2e-4


@pytest.mark.parametrize("capital_usd", [100.0, 250.0, 1000.0])
def test_a_viable_account_quotes_both_sides_and_holds_its_cap_when_everything_fills(
    config_of, capital_usd
):
    config = config_of(capital_usd)
    # every five seconds takers sweep both sides, much more than we show
    rows = []
    for t in range(1200):
        for side, code in ((BUY, SNAPSHOT), (SELL, LAST)):
            rows.append((LEVEL, side, code, t, round(PX * (1 - side * 2e-4), 3), 5.0))
        if t % 5 == 4 and (t // 60) % 4 != 3:
            taker = SELL if (t // 60) % 2 else BUY
            rows.append((TRADE, taker, 0, t + 0.4, round(PX * (1 + taker * 5e-3), 3), 1e4))
    sessions = new_session(config, THROUGH)
    both, positions = [], []

    def look(m):
        both.append(sides_live(m) == {BUY, SELL})
        positions.append(m.ledger.position)
        worst_bid = m.ledger.position + sum(
            o.sz for o in m.orders.slot[:MAX_LEVELS] if o.state == RESTING
        )
        worst_ask = -m.ledger.position + sum(
            o.sz for o in m.orders.slot[MAX_LEVELS:] if o.state == RESTING
        )
        assert max(worst_bid, worst_ask) <= config.max_position * (1 + 1e-9)

    m = play(sessions, tape(rows), 1200.0, look)
    assert any(both[:10])
    assert m.ledger.fills > 10
    assert max(abs(p) for p in positions) <= config.max_position * (1 + 1e-9)
    assert max(positions) > 0.0 > min(positions)


def test_after_a_restore_it_quotes_within_a_minute_and_knows_what_it_knew(config_of, an_hour):
    sessions = new_session(config_of(), QUEUE)
    play(sessions, an_hour, 900.0)
    again = load_state(Session, dump_state(sessions))
    was = again[0].maker
    outcomes, start_ns = int(was.beliefs.markouts.outcomes), int(was.start_ns)
    m = play(again, an_hour, 960.0)
    assert sides_live(m) == {BUY, SELL}
    assert m.start_ns == start_ns > 0  # the ramp goes on; it neither starts again nor is over
    assert m.beliefs.markouts.outcomes >= outcomes


@pytest.mark.parametrize("capital_usd", [100.0, 1000.0])
def test_a_new_session_knows_nothing_and_quotes_within_a_minute_without_a_fill(
    config_of, an_hour, capital_usd
):
    quiet = an_hour[an_hour["kind"] != TRADE]
    sessions = new_session(config_of(capital_usd), THROUGH)
    live = []
    m = play(sessions, quiet, 60.0, lambda m: live.append(sides_live(m)))
    assert {BUY, SELL} in live
    assert m.ledger.fills == 0
    assert m.beliefs.markouts.outcomes == 0
    assert m.beliefs.intensity.n == 0
