"""A restart anywhere changes nothing: not a bit of the state, not a row of what is said."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import AssetSpec
from engine.core.maker import new_maker
from engine.core.output import MAX_JOURNAL, ROOM, Output, drained
from engine.core.params import new_params
from engine.derive.decisions import derive_config
from engine.derive.facts import MarketFacts
from engine.events import REFERENCE, REFERENCE_TRADE
from engine.policy import load_policy
from engine.record import dump_state, load_state, zeros
from engine.sim.clocks import arrival_order
from engine.sim.market import HOUR_NS
from engine.sim.rules import Spikes, venue_rules
from engine.sim.session import Session, run
from engine.sim.universe import market_of
from engine.sim.venue import new_venue

START_NS = 490_000 * HOUR_NS
FACTS = MarketFacts(
    asset="HYPE",
    dex="",
    coin="HYPE",
    listed=True,
    delisted=False,
    mark_px=40.0,
    sz_decimals=2,
    max_leverage=10.0,
    only_isolated=False,
    day_volume_usd=20e6,
    spread_bps=12.0,
    hours_observed=24.0,
    collateral="USDC",
    source="test",
    observed_at_ns=START_NS,
)
BTC = {"asset": "BTC", "coin": "BTC", "mark_px": 110_000.0, "sz_decimals": 5}
MARKETS = {
    "HYPE": FACTS,
    "BTC": FACTS.model_copy(update=BTC | {"binance_symbol": "BTCUSDT"}),
}
ROWS = ("fills", "markouts", "samples", "journal")
ROOT = Path(__file__).parents[2]


RULES = venue_rules(load_policy(), fill_model="power")
RULES = RULES.replaced(latency=RULES.latency.model_copy(update={"spikes": Spikes(per_hour=30.0)}))


class Play:
    """One market, and a session that may be stopped and started anew at any of its events."""

    def __init__(self, asset):
        spec = AssetSpec(asset=asset, capital_usd=10_000.0)
        self.config = derive_config(spec, MARKETS[asset], load_policy())[0]
        self.end_ns = START_NS + HOUR_NS
        self.events = market_of(asset, None, 7, START_NS).chunk(0)
        self.order = arrival_order(self.events)
        self.out = zeros(Output)
        self.whole = self.through([])

    def session(self):
        params = new_params(self.config)
        sessions = zeros(Session)
        sessions[0].maker = new_maker(params)[0]
        sessions[0].venue = new_venue(params, RULES)[0]
        return sessions

    def through(self, cuts):
        """Play all of it with a restart at each of the times; return state and what was said."""
        sessions, said = self.session(), {name: b"" for name in ROWS}
        for until_ns in (*sorted(cuts), self.end_ns):
            sessions = load_state(Session, dump_state(sessions))
            done = False
            while not done:
                done = run(sessions, self.events, self.order, until_ns, self.out)
                self.take(said)
        return sessions, said

    def take(self, said):
        o = self.out[0]
        for name in ROWS:
            said[name] += o[name][: o["n_" + name]].tobytes()
        drained(o)

    def at_every_request(self):
        """Play all of it with a restart after every step that asks for something."""
        sessions, said, restarts, o = self.session(), {name: b"" for name in ROWS}, 0, self.out[0]
        done, first = False, MAX_JOURNAL - ROOM - 1
        while not done:
            o.n_journal = first  # one row more, and the output counts as full
            done = run(sessions, self.events, self.order, self.end_ns, self.out)
            asked = o.journal[first : o.n_journal].tobytes()
            o.n_journal = 0
            self.take(said)
            said["journal"] += asked
            sessions = load_state(Session, dump_state(sessions))
            restarts += 1
        return sessions, said, restarts


@pytest.fixture(scope="module", params=sorted(MARKETS))
def play(request):
    return Play(request.param)


def assert_same(one, other):
    (sessions, said), (again, said_again) = one[:2], other[:2]
    assert {name: said[name] == said_again[name] for name in ROWS} == dict.fromkeys(ROWS, True)
    assert sessions.tobytes() == again.tobytes()


def test_the_play_has_something_to_lose(play):
    sessions, said = play.whole
    m = sessions[0].maker
    assert m.kill.reason == 0
    assert all(said[name] for name in ROWS)
    assert m.ledger.fills > 2
    assert m.beliefs.alpha.n > 1_000
    if play.config.signals:
        kinds = set(play.events["kind"].tolist())
        assert {REFERENCE, REFERENCE_TRADE} <= kinds
        assert m.beliefs.lead_lag.n > 0
        assert m.beliefs.reference_trades.n > 50


@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_a_restart_at_any_events_changes_nothing(play, data):
    last = int(np.searchsorted(play.events["recv_ns"], play.end_ns)) - 1
    at = data.draw(st.lists(st.integers(0, last), min_size=1, max_size=8), "cut after events")
    # the time at which one is heard, or a moment before or after it
    shift = data.draw(st.integers(-1, 1), "ns")
    assert_same(play.through([int(play.events["recv_ns"][k]) + shift for k in at]), play.whole)


@settings(max_examples=8, deadline=None)
@given(cuts=st.lists(st.integers(0, HOUR_NS), min_size=1, max_size=30))
def test_a_restart_between_events_changes_nothing(play, cuts):
    assert_same(play.through([START_NS + cut for cut in cuts]), play.whole)


def test_a_restart_after_every_request_changes_nothing(play):
    again = play.at_every_request()
    assert again[2] > 200
    assert_same(again, play.whole)


def test_a_restart_before_the_first_event_and_after_the_last_changes_nothing(play):
    assert_same(play.through([START_NS - HOUR_NS, play.end_ns, play.end_ns]), play.whole)


WEEK = """
import resource, sys, tracemalloc
from engine.config import MakerConfig
from engine.core.output import Output, drained
from engine.policy import load_policy
from engine.record import zeros
from engine.runners.feeds import SimulatedFeed
from engine.runners.simulated import new_session
from engine.sim.clocks import arrival_order
from engine.sim.rules import venue_rules
from engine.sim.market import HOUR_NS
from engine.sim.session import run
import numpy as np
from engine.events import Event

config = MakerConfig.model_validate_json(sys.argv[1])
feed = SimulatedFeed("HYPE", None, 7, int(sys.argv[2]))
rules = venue_rules(load_policy())
sessions, outputs, tail = new_session(config, rules), zeros(Output), zeros(Event, 0)
size, address = sessions.nbytes, sessions.__array_interface__["data"]
for hour in range(7 * 24):
    events = np.concatenate([tail, feed.chunk(hour)]).view(Event.dtype)
    order = arrival_order(events)
    while not run(sessions, events, order, feed.start_ns + (hour + 1) * HOUR_NS, outputs):
        drained(outputs[0])
    drained(outputs[0])
    clocks = sessions[0].clocks
    heard = int(clocks.read_by_maker)
    tail = events[heard:].copy()
    clocks.read_by_venue -= heard
    clocks.read_by_maker = 0
    if hour + 1 in (24, 48, 7 * 24):
        if hour + 1 == 24:
            tracemalloc.start()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        held = tracemalloc.get_traced_memory()[0]
        print(hour + 1, peak // (1024 if sys.platform == "darwin" else 1), held, sessions.nbytes)
assert (sessions.nbytes, sessions.__array_interface__["data"]) == (size, address)
assert sessions[0].steps > 1_000_000 and sessions[0].maker.now_ns > feed.start_ns + 166 * HOUR_NS
"""


@pytest.mark.slow
def test_a_week_takes_no_more_memory_than_two_days(play):
    if play.config.asset != "HYPE":
        pytest.skip("one market is enough for a week")
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", WEEK, play.config.model_dump_json(), str(START_NS)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    rows = np.array([line.split() for line in process.stdout.splitlines()], int)
    _, (_, peak_kb, held, size), (_, peak_7_kb, held_7, size_7) = rows
    assert size_7 == size == Session.dtype.itemsize
    assert peak_7_kb - peak_kb < 4_096
    assert held_7 - held < 2**20
