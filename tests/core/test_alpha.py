"""The joint forecast: planted weights come back, noise is not believed, the parts are the whole."""

import math
from typing import Annotated

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core import alpha, book, flow, lead_lag
from engine.core.alpha import CAP, CROSS_FLOW, FLOW, LEAD_LAG, MICRO, SIGNALS, Alpha
from engine.core.book import Book
from engine.core.flow import Flow
from engine.core.lead_lag import LeadLag
from engine.events import LEVEL, REFERENCE, REFERENCE_TRADE, TRADE
from engine.instrument import Instrument, new_instrument
from engine.record import dump_state, f8, i8, kernel, load_state, record, zeros
from engine.sim.market import HOUR_NS, SimulatedMarket
from engine.sim.scenarios import scenario

S = 1_000_000_000
T0 = 1_767_225_600 * S
SCALES = np.array([3e-5, 0.4, 1e-4, 0.5])  # of the signals: basis points and shares
SIGMA = 1e-4
HOUR = 3_600


@kernel
def run(states, x, mids, start_ns, said, parts):
    """Observe once a second; write the forecast and its parts after each."""
    for t in range(x.shape[0]):
        alpha.observe(states[0], x[t], mids[t], start_ns + t * S)
        said[t] = alpha.forecast(states[0], x[t], parts[t])


def go(states, x, mids, start_ns=T0):
    said, parts = np.zeros(len(x)), np.zeros((len(x), SIGNALS))
    run(states, np.ascontiguousarray(x), np.ascontiguousarray(mids), start_ns, said, parts)
    return said, parts


def market(beta, n, seed, mix=None):
    """Return signals, and mids whose next return is β·x and noise of one σ."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (n, SIGNALS)) @ (np.eye(SIGNALS) if mix is None else mix) * SCALES
    x = np.clip(x, -1, 1)
    y = x @ beta + SIGMA * rng.standard_normal(n)
    return x, 100 * np.exp(np.cumsum(np.append(0.0, y[:-1])))


BETA = np.array([0.4, 0.3, -0.2, 0.25]) * SIGMA / SCALES


def test_planted_weights_come_back():
    states = zeros(Alpha)
    go(states, *market(BETA, 4 * HOUR, 1))
    z = states[0].beta * SCALES / SIGMA
    assert z == pytest.approx(BETA * SCALES / SIGMA, abs=0.07)  # 3 standard errors, and the ridge
    assert alpha.trust(states[0]) == 1.0


def test_signals_that_say_much_the_same_share_what_they_know():
    mix = np.eye(SIGNALS)
    mix[MICRO, LEAD_LAG] = 2.0  # correlation 0.9
    states = zeros(Alpha)
    x, mids = market(np.array([1.0, 0.0, 0.0, 0.0]) * BETA, 4 * HOUR, 2, mix)
    go(states, x, mids)
    assert states[0].beta[MICRO] * SCALES[MICRO] / SIGMA == pytest.approx(0.4, abs=0.12)
    assert states[0].beta[LEAD_LAG] * SCALES[LEAD_LAG] / SIGMA == pytest.approx(0.0, abs=0.06)


def test_the_answer_is_the_batch_ridge_regression():
    x, mids = market(BETA, 900, 3)
    states = zeros(Alpha)
    go(states, x, mids)
    y = np.diff(np.log(mids))
    w = alpha.KEEP ** np.arange(len(y) - 1, -1, -1)
    xx = (x[:-1].T * w) @ x[:-1]
    ridge = np.diag(np.diag(xx) * alpha.RIDGE_S / w.sum())
    assert states[0].beta == pytest.approx(
        np.linalg.solve(xx + ridge, (x[:-1].T * w) @ y), rel=1e-6
    )


def test_noise_is_not_believed():
    trusts, sizes = [], []
    for seed in range(40):
        states = zeros(Alpha)
        said, _ = go(states, *market(np.zeros(SIGNALS), HOUR, seed))
        trusts.append(alpha.trust(states[0]))
        sizes.append(np.sqrt(np.mean(said**2)))
    assert np.mean(trusts) < 0.1
    assert np.max(sizes) < 0.06 * SIGMA
    assert np.mean(np.array(trusts) == 0.0) > 0.7


def test_before_five_minutes_nothing_is_forecast():
    x, mids = market(5 * BETA, 400, 5)
    states = zeros(Alpha)
    said, parts = go(states, x, mids)
    assert (said[: alpha.WARM_PAIRS] == 0).all()
    assert (parts[: alpha.WARM_PAIRS] == 0).all()
    assert said[alpha.WARM_PAIRS] != 0


def test_signals_that_turn_round_lose_their_trust_within_minutes():
    states = zeros(Alpha)
    x, mids = market(BETA, 2 * HOUR, 6)
    go(states, x, mids)
    assert alpha.trust(states[0]) == 1.0
    x, mids = market(-BETA, 600, 7)
    go(states, x, mids, T0 + 3 * HOUR * S)
    assert alpha.trust(states[0]) == 0.0


@settings(deadline=None)
@given(
    st.lists(st.floats(-1.0, 1.0), min_size=SIGNALS, max_size=SIGNALS),
    st.lists(st.floats(-10.0, 10.0), min_size=SIGNALS, max_size=SIGNALS),
    st.floats(0.0, 100.0),
)
def test_the_parts_are_the_whole_and_the_whole_is_capped(x, beta, gain):
    a = zeros(Alpha)[0]
    a.n, a.gain, a.gain_sq = alpha.WARM_PAIRS, gain, 1.0
    a.beta[:] = beta
    out = np.full(SIGNALS, math.nan)
    total = alpha.forecast(a, np.array(x), out)
    assert total == out[0] + out[1] + out[2] + out[3]
    assert abs(total) <= CAP * (1 + 1e-9)
    raw = alpha.trust(a) * a.beta * x
    assert out * max(abs(raw.sum()), CAP) == pytest.approx(raw * CAP, rel=1e-9, abs=1e-15)
    assert all(out[k] == 0.0 for k in range(SIGNALS) if x[k] == 0.0)


@pytest.mark.parametrize("absent", [(LEAD_LAG, CROSS_FLOW), (MICRO, FLOW)])
def test_an_absent_signal_contributes_exactly_nothing_and_disturbs_no_other(absent):
    x, mids = market(BETA, HOUR, 8)
    x[:, absent] = 0.0
    states = zeros(Alpha)
    said, parts = go(states, x, mids)
    assert (parts[:, absent] == 0.0).all()
    assert (states[0].beta[list(absent)] == 0.0).all()
    assert np.isfinite(said).all() and said[-100:].any()
    assert [int(states[0].signals[k].n) for k in absent] == [0, 0]


def test_a_rare_signal_is_shrunk_by_how_often_it_spoke():
    x, mids = market(BETA, 2 * HOUR, 9)
    x[:, FLOW] = np.where(np.arange(len(x)) % 100 == 0, x[:, FLOW], 0.0)
    states = zeros(Alpha)
    go(states, x, mids)
    a = states[0]
    assert a.weight[FLOW] < 60 < 2_000 < a.weight[MICRO]
    alone = a.xy[FLOW] / a.xx[FLOW, FLOW]
    assert abs(a.beta[FLOW]) < 0.5 * max(abs(alone), BETA[FLOW])


@pytest.mark.parametrize("cut", [301, 1_000, 2_500])
def test_the_future_changes_no_past_forecast(cut):
    x, mids = market(BETA, 3_000, 10)
    said, parts = go(zeros(Alpha), x, mids)
    x[cut:] *= -0.5
    mids[cut:] *= 1.3
    again, other = go(zeros(Alpha), x, mids)
    assert (again[:cut] == said[:cut]).all() and (other[:cut] == parts[:cut]).all()
    assert (again[cut:] != said[cut:]).any()


def test_the_forecast_of_a_return_is_scored_before_it_is_learned_from():
    x, mids = market(BETA, 50, 12)
    states = zeros(Alpha)
    gain, pending = 0.0, 0.0
    for t in range(50):
        y = math.log(mids[t] / mids[t - 1]) if t else 0.0
        if t:
            gain = alpha.JUDGE_KEEP * gain + y * y - (y - pending) ** 2
        alpha.observe(states[0], x[t], mids[t], T0 + t * S)
        pending = float(states[0].pending)
        assert states[0].gain == pytest.approx(gain, rel=1e-9, abs=1e-24)


def test_a_gap_is_not_a_second():
    x, mids = market(BETA, 100, 13)
    states = zeros(Alpha)
    go(states, x, mids)
    before = states[0].copy()
    alpha.observe(states[0], x[0], 2 * mids[-1], T0 + (99 + 6) * S)
    a = states[0]
    assert a.n == before.n and (a.beta == before.beta).all() and a.gain == before.gain
    alpha.observe(states[0], x[1], 2 * mids[-1], T0 + (99 + 7) * S)
    assert a.n == before.n + 1


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e200])
def test_no_fault_of_a_signal_enters_the_state(bad):
    x, mids = market(BETA, 400, 14)
    x[50:60, FLOW] = bad
    x[-1, FLOW] = bad
    states = zeros(Alpha)
    said, parts = go(states, x, mids)
    assert np.isfinite(said).all() and (parts[-1, FLOW] == 0.0)
    for name in ("beta", "xx", "xy", "gain", "gain_sq", "x", "pending"):
        assert np.isfinite(states[0][name]).all()


@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0, -1.0])
def test_a_mid_that_is_not_known_breaks_the_pair(bad):
    x, mids = market(BETA, 10, 15)
    states = zeros(Alpha)
    mids[5] = bad
    go(states, x, mids)
    assert states[0].n == 7  # of nine pairs, the two with the unknown mid
    assert np.isfinite(states[0].beta).all()


def test_each_signals_information_is_its_correlation_with_the_next_return():
    x, mids = market(BETA, 2 * HOUR, 16)
    states = zeros(Alpha)
    go(states, x, mids)
    y = np.diff(np.log(mids))
    for k in range(SIGNALS):
        want = np.corrcoef(x[:-1, k], y)[0, 1]
        assert alpha.information(states[0], k) == pytest.approx(want, abs=2e-3)
    assert alpha.information(zeros(Alpha)[0], MICRO) == 0.0


def test_a_restart_changes_nothing():
    x, mids = market(BETA, 1_000, 17)
    states = zeros(Alpha)
    go(states, x[:700], mids[:700])
    again = load_state(Alpha, dump_state(states))
    for s in (states, again):
        go(s, x[700:], mids[700:], T0 + 700 * S)
    assert again.tobytes() == states.tobytes()


@record
class Watch:
    """Who looks on and forecasts."""

    instrument: Instrument
    book: Book
    flow: Flow
    reference_flow: Flow
    lead_lag: LeadLag
    alpha: Alpha
    reference_px: f8
    next_ns: i8
    x: Annotated[f8, SIGNALS]
    parts: Annotated[f8, SIGNALS]


@kernel
def watch(states, events, said, mids):
    """Forecast at every whole second of our clock; return how many."""
    s, n = states[0], 0
    for j in range(events.shape[0]):
        e = events[j]
        now = e.recv_ns
        mid = book.mid(s.book, s.instrument) if book.is_open(s.book) else math.nan
        if now >= s.next_ns and mid > 0.0:
            s.x[MICRO] = book.micro_price(s.book, s.instrument) / mid - 1.0
            s.x[FLOW] = flow.imbalance(s.flow, now)
            s.x[LEAD_LAG] = lead_lag.signal(s.lead_lag)
            s.x[CROSS_FLOW] = flow.imbalance(s.reference_flow, now)
            alpha.observe(s.alpha, s.x, mid, now)
            said[n], mids[n] = alpha.forecast(s.alpha, s.x, s.parts), mid
            s.next_ns = now - now % S + S
            n += 1
        if e.kind == LEVEL:
            book.apply(s.book, s.instrument, e)
        elif e.kind == TRADE:
            flow.hear(s.flow, e.side, e.px * e.sz, now)
        elif e.kind == REFERENCE_TRADE:
            flow.hear(s.reference_flow, e.side, e.px * e.sz, now)
        elif e.kind == REFERENCE:
            s.reference_px = e.px
        lead_lag.update(s.lead_lag, mid, s.reference_px, now)
    return n


@pytest.mark.parametrize(("name", "least"), [("midcap", 0.05), ("thin-hip3", None)])
def test_where_a_venue_leads_the_forecast_earns_its_trust(name, least):
    market = SimulatedMarket(scenario(name), 3, 490_000 * HOUR_NS)
    states = zeros(Watch)
    states[0].instrument = new_instrument(scenario(name).sz_decimals)
    events = np.concatenate([market.chunk(0), market.chunk(1)])
    said, mids = np.zeros(len(events)), np.zeros(len(events))
    n = watch(states, events, said, mids)
    y, f = np.diff(np.log(mids[:n])), said[: n - 1]
    explained = 1 - np.sum((y - f) ** 2) / np.sum(y**2)
    s = states[0]
    if least is None:
        assert explained > -0.005  # nothing to gain, and nothing lost
        assert not lead_lag.is_significant(s.lead_lag)
        assert s.alpha.signals[LEAD_LAG].n == s.alpha.signals[CROSS_FLOW].n == 0
    else:
        assert lead_lag.is_significant(s.lead_lag)
        assert alpha.trust(s.alpha) > 0.9
        assert explained > least
        assert alpha.information(s.alpha, LEAD_LAG) > 0.2
