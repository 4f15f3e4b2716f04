"""The maker on the paper venue over seeded markets: the laws that hold whatever happens."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.actions import CANCEL_ALL, HALT, MODIFY, PLACE
from engine.core import book, orders
from engine.core.limits import position_limit
from engine.core.maker import new_maker
from engine.core.orders import GONE, RESTING
from engine.core.output import Output, drained
from engine.core.params import new_params
from engine.derive.decisions import derive_config
from engine.events import BUY, LAST, LEVEL, SELL, SNAPSHOT, Event
from engine.policy import load_policy
from engine.record import dump_state, load_state, zeros
from engine.sim import venue
from engine.sim.clocks import arrival_order
from engine.sim.market import HOUR_NS
from engine.sim.rules import Latency, VenueRules
from engine.sim.session import Session, run
from engine.sim.universe import market_of
from engine.sim.venue import new_venue

START_NS = 490_000 * HOUR_NS
S = 1_000_000_000
ROOT = Path(__file__).parents[2]


@pytest.fixture
def config(spec, facts):
    return derive_config(spec, facts.model_copy(update={"mark_px": 40.0}), load_policy())[0]


def new_session(config, model="pessimistic"):
    params = new_params(config)
    sessions = zeros(Session)
    sessions[0].maker = new_maker(params)[0]
    sessions[0].venue = new_venue(
        params, VenueRules(fill_model=model, latency=Latency.constant(100.0))
    )[0]
    return sessions


def hours(asset, n, seed=7):
    market = market_of(asset, None, seed, START_NS)
    return [market.chunk(hour) for hour in range(n)]


def play(sessions, events, until_ns, journal=None):
    """Play to a time; return how many actions were said on the way."""
    out = zeros(Output)
    done, said, order = False, 0, arrival_order(events)
    while not done:
        done = run(sessions, events, order, until_ns, out)
        said += int(out[0].n_journal)
        if journal is not None:
            journal.append(out[0].journal[: out[0].n_journal].copy())
        drained(out[0])
    return said


def digest(journal):
    return hashlib.sha256(b"".join(rows.tobytes() for rows in journal)).hexdigest()


@pytest.mark.parametrize("model", ["pessimistic", "power"])
def test_the_same_tape_twice_gives_the_same_journal_and_the_same_state(config, model):
    (events,) = hours("HYPE", 1)
    told = []
    for _ in range(2):
        sessions, journal = new_session(config, model), []
        play(sessions, events, START_NS + HOUR_NS, journal)
        told.append((digest(journal), sessions.tobytes()))
    assert told[0] == told[1]
    assert sessions[0].maker.ledger.fills > 10


def test_a_restart_at_any_hour_changes_nothing(config):
    chunks = hours("HYPE", 3)
    whole, parts = [], []
    through = new_session(config, "power")
    play(through, np.concatenate(chunks), START_NS + 3 * HOUR_NS, whole)
    blob, tail = dump_state(new_session(config, "power")), zeros(Event, 0)
    for hour, chunk in enumerate(chunks):
        sessions = load_state(Session, blob)
        events = np.concatenate([tail, chunk])
        play(sessions, events, START_NS + (hour + 1) * HOUR_NS, parts)
        clocks = sessions[0].clocks
        heard = int(clocks.read_by_maker)
        tail = events[heard:].copy()
        clocks.read_by_venue -= heard
        clocks.read_by_maker = 0
        blob = dump_state(sessions)
    assert digest(parts) == digest(whole)
    assert sessions[0].maker.tobytes() == through[0].maker.tobytes()
    assert sessions[0].venue.tobytes() == through[0].venue.tobytes()


def test_it_does_not_matter_how_often_one_looks(config):
    (events,) = hours("HYPE", 1)
    often, once = new_session(config), new_session(config)
    play(once, events, START_NS + HOUR_NS // 2)
    rng = np.random.default_rng(1)
    for until in sorted(rng.integers(0, HOUR_NS // 2, 400)):
        play(often, events, START_NS + int(until))
    play(often, events, START_NS + HOUR_NS // 2)
    assert often.tobytes() == once.tobytes()


@pytest.mark.parametrize(
    ("asset", "model"), [("HYPE", "power"), ("TREND", "pessimistic"), ("BAIT", "power")]
)
def test_limits_hold_and_quotes_never_cross_at_every_request(config, asset, model):
    (events,) = hours(asset, 1)
    if asset == "BAIT":  # a dearer grid than the configuration's would be refused everywhere
        config = config.model_copy(update={"sz_decimals": 1, "max_position": 400.0})
        config = config.model_copy(update={"target_liquidity": 100.0})
    sessions, out = new_session(config, model), zeros(Output)
    m, o = sessions[0].maker, out[0]
    asked, order = 0, arrival_order(events)
    for until in range(START_NS, START_NS + HOUR_NS // 3, 20_000_000):
        run(sessions, events, order, until, out)
        if o.n_journal:
            asked += check_requests(m, o.journal[: o.n_journal])
            check_inventory(m)
        drained(o)
    assert asked > 100
    assert m.ledger.fills > 0


def check_requests(m, rows):
    """Hold the last step's requests against the state they were made in."""
    fresh = [a for a in rows if a.ts_ns == m.now_ns and a.kind in (PLACE, MODIFY)]
    for a in fresh:
        touch = m.book.px[1 if a.side == BUY else 0, 0] / m.params.instrument.units_per_usd
        assert a.side * (touch - a.px) > 0
        assert a.px * a.sz >= 10.0 * (1 - 1e-9)
        worst = a.side * m.ledger.position + orders.exposure(m.orders, a.side)
        assert worst <= position_limit(m) * (1 + 1e-6)
    return len(fresh)


def check_inventory(m):
    limit = position_limit(m)
    assert abs(m.ledger.position) <= max(limit, m.params.ramp_start * m.params.max_position) * 1.001
    may_quote = book.is_open(m.book) and m.kill.reason == 0 and m.now_ns - m.heard_ns < S
    if abs(m.ledger.position) > 0 and may_quote:
        reducing = 1 if m.ledger.position > 0 else 0
        assert m.ladder.sz[reducing].max() > 0


def test_maker_and_venue_agree_on_what_works_when_all_is_quiet(config):
    (events,) = hours("HYPE", 1)
    sessions = new_session(config, "power")
    play(sessions, events, START_NS + HOUR_NS // 2)
    # then the feed says nothing for five seconds: all answers are in, nothing new is asked
    now_ns = int(sessions[0].maker.now_ns)
    before = events[events["recv_ns"] <= now_ns]
    play(sessions, before, now_ns + 5 * S)
    m, v = sessions[0].maker, sessions[0].venue
    known = {
        (int(o.cloid), int(o.side), int(o.px), round(float(o.sz), 6))
        for o in m.orders.slot
        if o.state == RESTING
    }
    working = {
        (int(o.cloid), venue.side_of(r), int(o.px), round(float(o.sz), 6))
        for r in range(2)
        for o in v.working[venue.first(r) : venue.first(r) + v.n[r]]
    }
    assert known == working != set()
    assert {int(o.state) for o in m.orders.slot} <= {GONE, RESTING}
    # ten more and the silence has cancelled everything, on both sides of the wire
    play(sessions, before, now_ns + 12 * S)
    assert all(o.state == GONE for o in m.orders.slot)
    assert not v.n.any()


def test_quotes_rest_within_a_minute_of_the_first_data_without_any_fill(config):
    sessions = new_session(config)
    (events,) = hours("HYPE", 1)
    play(sessions, events, START_NS + 60 * S)
    m = sessions[0].maker
    assert m.start_ns > 0
    assert {int(o.side) for o in m.orders.slot if o.state == RESTING} == {BUY, SELL}


def test_a_halt_is_absorbing_and_leaves_nothing_working(config):
    sessions = new_session(config.model_copy(update={"kill_fraction": 1e-4}), "power")
    (events,) = hours("HYPE", 1)
    journal = []
    play(sessions, events, START_NS + HOUR_NS, journal)
    rows = np.concatenate(journal)
    halts = np.flatnonzero(rows["kind"] == HALT)
    assert len(halts) == 1
    assert [int(a["kind"]) for a in rows[halts[0] :]] == [HALT, CANCEL_ALL]
    m, v = sessions[0].maker, sessions[0].venue
    assert rows[halts[0]]["ts_ns"] == m.kill.tripped_ns
    assert START_NS < m.kill.tripped_ns < START_NS + HOUR_NS - 60 * S
    assert all(o.state == GONE for o in m.orders.slot)
    assert not v.n.any()
    filled = int(m.ledger.fills)
    assert filled == v.next_tid - 1  # whatever filled on the way was still booked


def test_the_accounts_of_maker_and_venue_are_the_same(config):
    (events,) = hours("HYPE", 1)
    sessions = new_session(config, "power")
    fills, out = [], zeros(Output)
    done = False
    while not done:
        done = run(sessions, events, arrival_order(events), START_NS + HOUR_NS, out)
        fills.append(out[0].fills[: out[0].n_fills].copy())
        drained(out[0])
    rows, m = np.concatenate(fills), sessions[0].maker
    assert len(set(rows["tid"])) == len(rows) == m.ledger.fills
    cash = -(rows["side"] * rows["px"] * rows["sz"]).sum() - rows["fee_usd"].sum()
    assert m.ledger.cash_usd == pytest.approx(cash, abs=1e-9)
    assert m.ledger.position == pytest.approx((rows["side"] * rows["sz"]).sum(), abs=1e-9)


# 38 bps up in 25 minutes, a sell of ours taken every half-minute: what once cost 8.65 dollars
def test_a_trend_is_bounded_by_the_limit_and_the_skew(config):
    rows = []
    for t in range(1500):
        mid = 40.0 * (1 + 38e-4 * t / 1500)
        for side, code in ((BUY, SNAPSHOT), (SELL, LAST)):
            px = round(mid * (1 - side * 5e-4), 3)
            rows.append((LEVEL, side, code, t, px, 5.0))
        if t % 26 == 25:
            rows.append((2, BUY, 0, t, round(mid * 1.002, 3), 0.6))
    events = zeros(Event, len(rows))
    for e, (kind, side, code, t, px, sz) in zip(events, rows, strict=True):
        e["kind"], e["side"], e["code"], e["px"], e["sz"] = kind, side, code, px, sz
        e["ts_ns"] = START_NS + t * S
        e["recv_ns"] = e["ts_ns"] + 50_000_000
    sessions = new_session(config)
    play(sessions, events, START_NS + 1500 * S)
    m = sessions[0].maker
    assert m.ledger.fills >= 5
    assert m.ledger.position < 0
    assert abs(m.ledger.position) <= position_limit(m) * (1 + 1e-9)
    equity = m.ledger.cash_usd + m.ledger.position * m.mid
    assert equity > -config.kill_fraction * config.capital_usd
    assert m.kill.reason == 0


SCRIPT = """
import sys
import numpy as np
from engine.config import MakerConfig
from engine.core.maker import new_maker
from engine.core.output import Output
from engine.core.params import new_params
from engine.record import zeros
from engine.sim.session import Session, run
from engine.sim.clocks import arrival_order
from engine.sim.rules import Latency, VenueRules
from engine.sim.venue import new_venue
events = np.fromfile(sys.argv[1], np.uint8)
from engine.events import Event
events = events.view(np.dtype(Event.dtype)).copy()
params = new_params(MakerConfig.model_validate_json(sys.argv[3]))
sessions, out = zeros(Session), zeros(Output)
sessions[0].maker = new_maker(params)[0]
sessions[0].venue = new_venue(
    params, VenueRules(fill_model="power", latency=Latency.constant(100.0))
)[0]
assert run(sessions, events, arrival_order(events), int(events[-1].recv_ns), out)
with open(sys.argv[2], "wb") as file:
    file.write(sessions.tobytes() + out[0].journal[: out[0].n_journal].tobytes())
"""


def leaves(dtype, prefix=()):
    for name in dtype.names:
        inner = dtype[name]
        if inner.base.names:
            yield from leaves(inner.base, (*prefix, name))
        else:
            yield (*prefix, name)


def test_the_same_source_uncompiled_does_the_same(config, tmp_path):
    (events,) = hours("HYPE", 1)
    events = events[events["recv_ns"] <= START_NS + 100 * S]
    tape, plain = tmp_path / "tape", tmp_path / "plain"
    tape.write_bytes(events.tobytes())
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, tape, plain, config.model_dump_json()],
        env=os.environ | {"GANGWAY_JIT": "0", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    blob = plain.read_bytes()
    sessions, journal = new_session(config, "power"), []
    play(sessions, events, int(events[-1]["recv_ns"]), journal)
    size = Session.dtype.itemsize
    assert sum(len(rows) for rows in journal) > 5
    assert blob[size:] == b"".join(rows.tobytes() for rows in journal)
    uncompiled = np.frombuffer(blob[:size], Session.dtype)
    for path in leaves(Session.dtype):
        one, other = sessions, uncompiled
        for name in path:
            one, other = one[name], other[name]
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-300, err_msg=".".join(path))
