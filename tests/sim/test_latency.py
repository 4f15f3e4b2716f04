"""How long messages take on paper: the distribution that was told, the same for the same seed."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.actions import CANCEL, CANCEL_ALL, MODIFY, PLACE
from engine.core.maker import new_maker, step_at
from engine.core.orders import CANCELING, GONE, PATIENCE_NS, RESTING
from engine.core.output import Output
from engine.core.params import new_params
from engine.events import (
    ACCEPTED,
    BUY,
    CANCELED,
    FILL,
    LAST,
    LEVEL,
    REJECTED,
    SELL,
    SNAPSHOT,
    TIMER,
    UNKNOWN_ORDER,
    Event,
)
from engine.policy import load_policy
from engine.record import kernel, zeros
from engine.sim import latency
from engine.sim.latency import CANCEL as A_CANCEL
from engine.sim.latency import FEED, KINDS, NEW, RESPONSE, Latencies
from engine.sim.latency import MODIFY as A_MODIFY
from engine.sim.rules import POINTS, Delay, Latency, Spikes, VenueRules, venue_rules

MS = 1_000_000
S = 1_000 * MS
T0 = 490_000 * 3_600 * S
DRAWS = 20_000
SOME = Delay(quantiles_ms=(10.0, 20.0, 100.0))


@kernel
def draws(s, kind, first_ns, step_ns, out):
    """Send a message every `step_ns`; write down how long each takes."""
    for k in range(out.shape[0]):
        out[k] = latency.draw(s[0], kind, first_ns + k * step_ns)


def started(delays, seed=7):
    s = zeros(Latencies)
    latency.start(s[0], delays, seed)
    return s


def drawn(s, kind, n=DRAWS, first_ns=T0, step_ns=MS):
    out = np.zeros(n, np.int64)
    draws(s, kind, first_ns, step_ns, out)
    return out / MS


def every(delay, **kwargs):
    return Latency(**(dict.fromkeys(KINDS, delay) | kwargs))


@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_a_constant_is_exact_and_every_kind_has_its_own(kind):
    constants = {
        name: Delay.constant(ms) for name, ms in zip(KINDS, (3, 2.5, 0, 7, 40), strict=True)
    }
    assert set(drawn(started(Latency(**constants)), kind, 50)) == {(3, 2.5, 0, 7, 40)[kind]}


def test_the_venue_acts_and_answers_at_those_times(new_paper):
    delays = {"new": 3.0, "modify": 2.0, "cancel": 1.0, "response": 5.0}
    paper = new_paper(latency=Latency(**{k: Delay.constant(ms) for k, ms in delays.items()}))
    paper.book(0)
    paper.ask(10, PLACE, 1, BUY, 19.99, 1.0)
    paper.ask(20, MODIFY, 1, BUY, 19.98, 1.0)
    paper.ask(30, CANCEL, 1)
    paper.ask(40, CANCEL, 1)
    paper.until(100)
    assert [(a.kind, a.at_ms, a.heard_ms) for a in paper.told] == [
        (ACCEPTED, 13.0, 18.0),
        (ACCEPTED, 22.0, 27.0),
        (CANCELED, 31.0, 36.0),
        (REJECTED, 41.0, 46.0),
    ]


@pytest.mark.parametrize("kind", [NEW, A_MODIFY, A_CANCEL, RESPONSE, FEED])
def test_a_table_of_quantiles_is_drawn_as_told(kind):
    told = Delay.lognormal(140.0, 630.0)
    got = drawn(started(every(told)), kind)
    for k in (1, 5, 25, 50, 75, 95, 99):
        p = k / 100
        below = (got <= told.quantiles_ms[k]).mean()
        assert abs(below - p) < 4.5 * math.sqrt(p * (1 - p) / DRAWS)
    assert told.quantiles_ms[0] <= got.min() < got.max() <= told.quantiles_ms[-1]


def test_between_two_quantiles_delays_are_uniform():
    got = drawn(started(every(SOME)), NEW)
    assert abs((got < 15).mean() - 0.25) < 0.015
    assert abs((got < 20).mean() - 0.5) < 0.016
    assert abs((got < 60).mean() - 0.75) < 0.015
    assert got.min() >= 10 and got.max() <= 100


@pytest.mark.parametrize("n", [2, 3, 41, 101, 1_001])
def test_a_finer_or_coarser_table_keeps_its_median_and_its_99_percent(n):
    sd = 0.6
    cuts = np.clip(np.linspace(0, 1, n), 0.001, 0.999)
    told = tuple(50 * math.exp(sd * NormalDist().inv_cdf(c)) for c in cuts)
    table = started(every(Delay(quantiles_ms=told)))[0].ns[NEW] / MS
    grid = np.linspace(0, 1, n)
    for p in (0.0, 0.5, 0.99, 1.0):
        assert np.interp(p, np.linspace(0, 1, POINTS), table) == pytest.approx(
            np.interp(p, grid, told), rel=0.01
        )


@given(st.floats(1, 1_000), st.floats(1.01, 20))
def test_a_log_normal_has_the_median_and_the_99_percent_it_was_asked_for(median, ratio):
    q = Delay.lognormal(median, median * ratio).quantiles_ms
    assert (q[50], q[99]) == (pytest.approx(median), pytest.approx(median * ratio))
    assert list(q) == sorted(q) and len(q) == POINTS
    assert q[50] / q[1] == pytest.approx(q[99] / q[50])  # symmetric in logarithms
    assert q[100] < q[99] * ratio  # cut: nothing takes for ever


@pytest.mark.parametrize(("median", "p99"), [(140.0, 100.0), (0.0, 100.0), (-1.0, 2.0), (1.0, 0.0)])
def test_impossible_log_normals_are_refused_in_words(median, p99):
    with pytest.raises(ValueError, match=r"median_ms|p99_ms"):
        Delay.lognormal(median, p99)


@pytest.mark.parametrize(
    "quantiles", [(), (-1.0,), (math.nan,), (math.inf,), (3.0, 2.0), (700_000.0,), (1.0,) * 10_002]
)
def test_impossible_delays_are_refused(quantiles):
    with pytest.raises(ValidationError, match="quantiles_ms"):
        Delay(quantiles_ms=quantiles)


@pytest.mark.parametrize(
    "change",
    [
        {"fill_model": "hopeful"},
        {"seed": -1},
        {"seed": 2**32},
        {"volume_14d_usd": -1.0},
        {"volume_14d_usd": math.nan},
        {"latency": None},
        {"queue": "power"},
    ],
)
def test_impossible_rules_are_refused(change):
    rules = VenueRules(latency=Latency.constant(100.0))
    with pytest.raises(ValidationError, match=next(iter(change))):
        rules.replaced(**change)


def test_rules_with_something_replaced_are_otherwise_the_same():
    rules = VenueRules(latency=every(SOME, spikes=Spikes(per_hour=3.0)), seed=9)
    assert rules.replaced() == rules
    changed = rules.replaced(limits=False)
    assert (changed.limits, changed.latency, changed.seed) == (False, rules.latency, 9)


def test_gates_judge_by_the_latency_of_the_policy():
    policy = load_policy()
    rules, told = venue_rules(policy), policy.paper.latency
    assert (rules.fill_model, rules.limits, rules.whole_fills) == ("pessimistic", True, False)
    for name, told_of in {
        "new": told.request,
        "cancel": told.request,
        "response": told.response,
    }.items():
        q = getattr(rules.latency, name).quantiles_ms
        assert (q[50], q[99]) == (pytest.approx(told_of.median_ms), pytest.approx(told_of.p99_ms))


def test_the_same_seed_draws_the_same_and_another_does_not():
    one, same, other = (drawn(started(every(SOME), seed), NEW, 500) for seed in (7, 7, 8))
    assert (one == same).all()
    assert (one != other).mean() > 0.99


def test_what_we_ask_for_does_not_change_when_we_hear_the_market():
    spiky = every(SOME, spikes=Spikes(per_hour=600.0, mean_s=2.0, extra_ms=500.0))
    quiet, busy = started(spiky), started(spiky)
    heard = [drawn(s, FEED, 1, first_ns=T0)[0] for s in (quiet, busy)]
    for k in range(1, 400):
        now_ns = T0 + k * S // 10
        drawn(busy, NEW, 3, first_ns=now_ns)
        drawn(busy, RESPONSE, 1, first_ns=now_ns)
        heard += [drawn(s, FEED, 1, first_ns=now_ns)[0] for s in (quiet, busy)]
    assert heard[::2] == heard[1::2]
    assert max(heard) > 500


def test_what_is_answered_does_not_change_when_our_requests_arrive():
    # runs of one seed under two fill models: more fills, the same requests
    few, many = started(every(SOME)), started(every(SOME))
    arrivals = []
    for k in range(100):
        drawn(many, RESPONSE, 1 + k % 3)
        arrivals.append([drawn(s, NEW, 1)[0] for s in (few, many)])
    assert all(a == b for a, b in arrivals)


def test_no_stream_is_another_one_of_another_seed():
    found = {}
    for seed in range(50):
        for kind in (NEW, FEED):
            first = tuple(drawn(started(every(SOME), seed), kind, 4))
            assert first not in found, (seed, kind, found[first])
            found[first] = (seed, kind)


def test_streams_of_neighbouring_seeds_are_not_correlated():
    table = np.array([drawn(started(every(SOME), seed), NEW, 4_000) for seed in range(8)])
    off = np.corrcoef(table)[~np.eye(8, dtype=bool)]
    assert abs(off).max() < 5 / math.sqrt(4_000)
    lagged = [np.corrcoef(row[1:], row[:-1])[0, 1] for row in table]
    assert max(map(abs, lagged)) < 5 / math.sqrt(4_000)


def test_a_spike_makes_everything_late_for_its_while():
    spikes = Spikes(per_hour=60.0, mean_s=10.0, extra_ms=1_000.0)
    s = started(every(Delay.constant(10.0), spikes=spikes))
    got = drawn(s, NEW, 200_000, step_ns=S // 10)
    assert set(got) == {10.0, 1_010.0}
    late = got > 500
    # quiet for a minute in the mean, then late for ten seconds
    assert abs(late.mean() - 10 / 70) < 0.03
    starts = (late[1:] & ~late[:-1]).sum()
    hours = len(got) / 36_000
    assert abs(starts / hours - 3_600 / 70) < 5 * math.sqrt(3_600 / 70 / hours)
    lengths = np.diff(np.flatnonzero(np.diff(late.astype(int))))[1::2] / 10
    assert 0.6 < np.std(lengths) / np.mean(lengths) < 1.4  # exponential: as wide as long


def test_a_spike_holds_for_every_kind_of_message_at_the_same_time():
    spikes = Spikes(per_hour=600.0, mean_s=5.0, extra_ms=1_000.0)
    s = started(every(Delay.constant(10.0), spikes=spikes))
    for k in range(2_000):
        late = {bool(drawn(s, kind, 1, first_ns=T0 + k * S // 10)[0] > 500) for kind in range(5)}
        assert len(late) == 1


def test_without_spikes_there_are_none():
    assert not latency.delays_feed(started(Latency.constant(100.0))[0])
    assert latency.delays_feed(started(every(Delay.constant(0.1)))[0])
    assert latency.delays_feed(
        started(Latency(**dict.fromkeys(KINDS[:4], SOME), spikes=Spikes(per_hour=1)))[0]
    )


def test_a_fast_cancel_overtakes_a_slow_order(new_paper):
    slow = Latency(
        new=Delay.constant(50.0),
        modify=Delay.constant(50.0),
        cancel=Delay.constant(5.0),
        response=Delay.constant(1.0),
    )
    paper = new_paper(latency=slow)
    paper.book(0)
    paper.ask(10, PLACE, 1, BUY, 19.99, 1.0)
    paper.ask(11, CANCEL, 1)
    paper.ask(12, CANCEL_ALL)
    paper.until(100)
    assert [(a.kind, a.cloid, a.code) for a in paper.told] == [
        (REJECTED, 1, UNKNOWN_ORDER),
        (ACCEPTED, 1, 0),
    ]
    assert paper.order(1).sz == 1.0


def hear(makers, out, kind, ns, **fields):
    events = zeros(Event)
    for name, value in ({"kind": kind, "ts_ns": ns, "recv_ns": ns} | fields).items():
        setattr(events[0], name, value)
    step_at(makers, events, 0, out)
    out[0].n_journal = 0
    return [(int(a.kind), int(a.cloid)) for a in out[0].actions[: out[0].n_actions]]


@pytest.mark.parametrize("overtaken", [True, False])
def test_the_maker_survives_a_cancel_that_overtook_its_order(config, overtaken):
    makers, out, now = new_maker(new_params(config)), zeros(Output), T0
    hear(makers, out, LEVEL, now, side=BUY, px=19.99, sz=50.0, code=SNAPSHOT)
    hear(makers, out, LEVEL, now, side=SELL, px=20.01, sz=50.0, code=LAST)
    o = makers[0].orders.slot[0]
    o.state, o.cloid, o.side, o.px, o.sz, o.ts_ns = CANCELING, 9_000, BUY, 199_900, 1.0, now
    answers = [(REJECTED, {"code": UNKNOWN_ORDER}), (ACCEPTED, {"px": 19.99, "sz": 1.0})]
    for kind, fields in answers if overtaken else answers[::-1]:
        now += S
        hear(makers, out, kind, now, ref=9_000, side=BUY, **fields)
    assert o.state == CANCELING  # not forgotten: it rests, and counts at its worst
    asked = []
    for _ in range(PATIENCE_NS // S + 2):
        now += S
        asked += hear(makers, out, TIMER, now)
    assert (CANCEL, 9_000) in asked
    assert hear(makers, out, FILL, now, ref=9_000, side=BUY, px=19.99, sz=0.4, id=1) is not None
    assert makers[0].ledger.position == pytest.approx(0.4)
    hear(makers, out, CANCELED, now, ref=9_000, side=BUY, sz=0.6)
    assert o.state in (GONE, RESTING) or o.cloid != 9_000
