"""Paper trading on a stream: what was heard, however it was cut, killed or late, plays the same."""

import contextlib
import json
import os
import subprocess
import sys
from collections import Counter
from itertools import count, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from engine.config import AssetSpec
from engine.derive.decisions import derive_config
from engine.events import CONNECTED, DISCONNECTED, TRADE, Event
from engine.policy import load_policy
from engine.runners.checkpoint import Checkpoint
from engine.runners.feeds import TapeFeed
from engine.runners.hearing import Ear, StreamClock, until_ns
from engine.runners.paper import trade_on_paper
from engine.runners.paper_asked import paper_spec
from engine.runners.paper_state import HeardTooMuchError, PaperState
from engine.runners.simulated import FILL_MODELS, RunSpec, begin, carry, open_voice, play_hour
from engine.runners.stopping import Stop
from engine.sim.rules import BAND
from engine.sim.universe import market_of
from engine.store.admission import unit_ends
from engine.store.home import Home
from engine.store.spool import Spool, SpoolBusyError
from engine.store.tail import Tail
from engine.store.tape import TapeMeta, write_tape
from engine.venues.simulated_stream import SimulatedStream
from flows.cli import app

HOUR_NS = 3_600_000_000_000
S = 1_000_000_000
START_NS = 490_000 * HOUR_NS
RUN = "paper-hype"
RUNS = [RUN + suffix for suffix in FILL_MODELS["paper"]]
META = TapeMeta(asset="HYPE", venue="sim", px_decimals=4, sz_decimals=2, source="synthetic")


class FakeClock:
    """A clock that moves only while somebody waits, and then at least so far."""

    def __init__(self, least_s=0.0):
        self.now_s, self.least_s = 0.0, least_s

    def __call__(self):
        return self.now_s

    def sleep(self, seconds):
        self.now_s += max(seconds, self.least_s)


class Script:
    """A stream that says the given takes, one a call.

    A number is so many seconds of silence; a `Stop` is somebody who asks for the end.
    """

    asset, venue, source, px_decimals, sz_decimals = META.model_dump().values()
    trouble = ""

    def __init__(self, takes, clock=None):
        self.takes, self.clock = iter(takes), clock
        self.dropped, self.noted, self.stop = Counter(), Counter(), Stop()
        self.silent_s = 0.0

    def take(self, timeout_s):
        if self.silent_s > 0.0:
            self.silent_s -= timeout_s
            self.clock.sleep(timeout_s)
            return np.zeros(0, Event.dtype)
        said = next(self.takes, None)
        if isinstance(said, Stop):
            self.stop.ask()
            return np.zeros(0, Event.dtype)
        if isinstance(said, float):
            self.silent_s = said
            return np.zeros(0, Event.dtype)
        if said is not None and self.clock and len(said):
            passed_s = (int(said["recv_ns"][0]) - START_NS) / 1e9
            self.clock.now_s = max(self.clock.now_s, passed_s)
        return said

    def close(self):
        self.takes = iter(())


@pytest.fixture(scope="module")
def market():
    """Half an hour of a market, some of it heard long after it happened."""
    events = market_of("HYPE", None, 7, START_NS).chunk(0)
    for name in ("ts_ns", "recv_ns"):
        events[name] -= events[name] % 1_000
    events = events[events["recv_ns"] < START_NS + HOUR_NS // 2]
    late = np.random.default_rng(3).random(len(events)) < 0.02
    late &= events["kind"] == TRADE
    events["ts_ns"][late] -= np.random.default_rng(4).integers(0, 8_000_000, late.sum()) * 1_000
    events["ts_ns"] = np.maximum(events["ts_ns"], START_NS)
    return events


@pytest.fixture
def spec(spec, facts):
    config = derive_config(spec, facts.model_copy(update={"mark_px": 40.0}), load_policy())[0]
    return RunSpec(run=RUN, asset="HYPE", mode="paper", fraction=1.0, config=config)


@pytest.fixture
def new_home(tmp_path):
    return lambda name: Home(tmp_path / name)


def cut_up(events, seed):
    """Cut events into takes between any two messages, even of one instant."""
    ends = unit_ends(events) + 1
    at = np.random.default_rng(seed).choice(ends, len(ends) // 4, replace=False)
    return np.split(events, np.sort(at))


def traded(spec, home, takes, **more):
    heard, stream = [], Script(takes)
    more |= {"on_heard": heard.append, "stop": stream.stop, "speed": float("inf")}
    return trade_on_paper(spec, home, lambda *_: stream, **more), heard


def spooled(home, run=RUN):
    return [home.spool(run + suffix).read_bytes() for suffix in FILL_MODELS["paper"]]


def rows(home, kind, run=RUN):
    lines = map(json.loads, home.spool(run).read_bytes().splitlines())
    return [row for row in lines if row["kind"] == kind]


def makers(home):
    sessions = Checkpoint.read(home.state(RUN)).sessions
    return sessions["maker"].tobytes(), sessions["venue"].tobytes()


def replayed(spec, home, tape):
    """Play a tape offline, as any recording is played, in a home of its own."""
    feed = TapeFeed(tape, 0)
    sessions = np.concatenate([begin(spec, home, m) for m in FILL_MODELS["paper"].values()])
    point = Checkpoint(feed.start_ns, 0, sessions, b"", np.zeros(0, Event.dtype))
    with contextlib.ExitStack() as stack:
        voices = [open_voice(spec, home, suffix, stack) for suffix in FILL_MODELS["paper"]]
        for voice in voices:
            voice.say("start", feed.start_ns, 0, {"fraction": 1.0})
        until_ns = feed.start_ns + HOUR_NS
        listeners = [(voice.outputs, voice.drain) for voice in voices]
        while (events := play_hour(point, feed, until_ns, listeners)) is not None:
            carry(point, events)
            until_ns += HOUR_NS
    return spooled(home, spec.run), (sessions["maker"].tobytes(), sessions["venue"].tobytes())


def taped(path, heard):
    write_tape(path, iter([np.concatenate(heard)]), META)
    return path


def test_a_run_on_the_simulated_market_is_the_replay_of_what_it_heard(spec, new_home, tmp_path):
    clock, heard = FakeClock(least_s=0.05), []

    def stream(*since_ns):
        assert since_ns == (0, 0)
        more = {"start_ns": START_NS, "speed": 30.0, "clock": clock, "sleep": clock.sleep}
        return SimulatedStream("HYPE", **more)

    more = {"speed": 30.0, "hours": 0.2, "clock": clock, "on_heard": heard.append}
    result = trade_on_paper(spec, new_home("live"), stream, **more)
    assert result.why == "0.2 h are over"
    assert result.lag_p50_ms <= result.lag_p99_ms <= 50.0  # it sleeps for 50 ms at a time
    assert min(len(rows(new_home("live"), "fill", run)) for run in RUNS) > 10
    tape = taped(tmp_path / "heard.tape", heard)
    assert replayed(spec, new_home("replay"), tape) == (
        spooled(new_home("live")),
        makers(new_home("live")),
    )


def test_the_command_records_what_it_trades_on(new_home, tmp_path):
    home, tapes = new_home("home"), tmp_path / "tapes"
    words = ["paper", "HYPE", "--capital-usd", "1000", "--speed", "3600", "--hours", "0.1"]
    words += ["--home", str(home.root), "--record", str(tapes), "--json"]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    result = json.loads(done.stdout)
    assert [one["model"] for one in result["look"]["models"]] == list(BAND)
    assert (result["asset"], result["why"]) == ("HYPE", "0.1 h are over")
    asked = AssetSpec(asset="HYPE", capital_usd=1000.0)
    spec = paper_spec(asked, home)
    assert spec.run == result["run"]
    (tape,) = tapes.glob("*.tape")
    assert replayed(spec, new_home("replay"), tape)[0] == spooled(home, spec.run)


def test_however_a_stream_is_cut_the_run_is_the_same(spec, new_home, market, tmp_path):
    result, heard = traded(spec, new_home("cut"), cut_up(market, 1))
    assert np.concatenate(heard).tobytes() == market.tobytes()
    tape = taped(tmp_path / "heard.tape", [market])
    said, left = replayed(spec, new_home("replay"), tape)
    assert said == spooled(new_home("cut"))
    assert left == makers(new_home("cut"))
    assert result.events == len(market)


def test_what_is_shown_changes_nothing(spec, new_home, market):
    looks = []
    for name, on_look in (("seen", looks.append), ("unseen", None)):
        clock = FakeClock()
        more = {"speed": float("inf"), "clock": clock, "on_look": on_look}
        stream = Script(cut_up(until_s(market, 200.0), 1), clock)
        trade_on_paper(spec, new_home(name), lambda *_, s=stream: s, **more)
    assert len(looks) > 50
    assert spooled(new_home("seen")) == spooled(new_home("unseen"))
    assert makers(new_home("seen")) == makers(new_home("unseen"))


def until_s(events, seconds):
    return events[events["recv_ns"] < START_NS + int(seconds * S)]


def test_a_dead_feed_pulls_the_quotes_in_real_time(spec, new_home, market):
    heard, clock, looks = until_s(market, 120.0), FakeClock(), []
    last_s = (int(heard["recv_ns"][-1]) - START_NS) / S
    trade_on_paper(
        spec,
        new_home("home"),
        lambda *_: Script([*cut_up(heard, 1), 60.0], clock),
        speed=1.0,
        clock=clock,
        on_look=lambda look: looks.append((clock() - last_s, look)),
    )
    gone_s = spec.config.stale_after_s + 1.0  # our clock ticks once a second
    before = [look for s, look in looks if 0.0 < s < spec.config.stale_after_s]
    after = [look for s, look in looks if s > gone_s + 2.0]  # cancels are slow at worst
    assert len(before) > 30 and len(after) > 100
    for standing in (m for look in before for m in look.models):
        assert (standing.own_bid or standing.own_ask) and standing.state == "quoting"
    for standing in (m for look in after for m in look.models):
        assert standing.own_bid is standing.own_ask is None
    states = [look.models[0].state for s, look in looks if s > 0.0]
    assert list(dict.fromkeys(states)) == [
        "quoting",
        "no fresh book",
        "paused: the market was silent",
    ]
    assert looks[-1][1].book_age_s == pytest.approx(60.0, abs=2.0)
    told = rows(new_home("home"), "sample")
    assert [row["own_bid"] for row in told][-1] is None
    times = [row["ts_ns"] for row in told]
    assert max(b - a for a, b in pairwise(times)) < 2.1 * S  # a tick a second, in silence too
    assert times[-1] > START_NS + int((last_s + 57.0) * S)


def test_what_comes_after_its_moment_was_given_up_is_heard_then(spec, new_home, market, tmp_path):
    market = until_s(market, 400.0)
    early, late = np.split(market, [len(until_s(market, 300.0))])
    clock, heard = FakeClock(), []
    silent_s = (int(late["recv_ns"][0]) - int(early["recv_ns"][-1])) / S + 7.0
    more = {"speed": 1.0, "clock": clock, "on_heard": heard.append}
    takes = [*cut_up(early, 1), silent_s, *cut_up(late, 2)]
    result = trade_on_paper(spec, new_home("home"), lambda *_: Script(takes, clock), **more)
    tape = taped(tmp_path / "heard.tape", heard)
    assert replayed(spec, new_home("replay"), tape)[0] == spooled(new_home("home"))
    told = np.concatenate(heard)
    late = told["recv_ns"] != market["recv_ns"]
    assert result.noted["heard_late"] == late.sum() > 5
    told["recv_ns"] = market["recv_ns"]
    assert told.tobytes() == market.tobytes()


@settings(max_examples=200, deadline=None)
@given(
    takes=st.lists(
        st.one_of(st.floats(0.1, 9.0), st.lists(st.integers(0, 20_000), min_size=1, max_size=5)),
        max_size=12,
    ),
    since_ms=st.integers(0, 10_000),
)
def test_whatever_a_stream_says_frames_never_go_back(takes, since_ms):
    clock, since_ns = FakeClock(), START_NS + since_ms * 1_000_000 if since_ms else 0
    said = [one if isinstance(one, float) else trades(sorted(one)) for one in takes]
    ear = Ear(Script(said, clock), StreamClock(1.0, clock=clock), since_ns)
    frames = []
    while (frame := ear.listen(0.25)) is not None:
        frames += [frame] if len(frame) else []
    done_ns = since_ns
    for frame in frames:
        assert (frame["recv_ns"] > done_ns).all() and (frame["ts_ns"] <= frame["recv_ns"]).all()
        assert (frame["ts_ns"] > since_ns).all()
        done_ns = max(done_ns, until_ns(frame))
    assert [int(f["kind"][0]) for f in frames[:1]] in ([], [CONNECTED if since_ns else TRADE])
    told = np.concatenate([np.zeros(0, Event.dtype), *frames])
    ids = [int(e["id"]) for one in said if not isinstance(one, float) for e in one]
    heard = told["id"][told["kind"] == TRADE].tolist()
    assert heard == [k for k in ids if k > since_ms or not since_ms]
    assert ear.dropped["heard_before"] == len(ids) - len(heard)


def trades(at_ms):
    """Return prints, a print an instant, some heard late; the id tells which."""
    events = np.zeros(len(at_ms), Event.dtype)
    events["kind"], events["side"], events["px"], events["sz"] = TRADE, 1, 40.0, 1.0
    events["id"] = at_ms
    events["recv_ns"] = START_NS + np.array(at_ms) * 1_000_000
    events["ts_ns"] = events["recv_ns"] - np.array(at_ms) % 3000 * 1_000_000
    return events


def test_a_restart_keeps_what_was_learned_and_pulls_the_orders(spec, new_home, market, tmp_path):
    home, rest = new_home("home"), until_s(market, 900.0)
    first, second = np.split(rest, [len(until_s(rest, 600.0))])
    result, heard = traded(spec, home, [*cut_up(first, 1), Stop()])
    assert result.why == "it was asked to stop"
    before = result.look.models[0]
    assert before.own_bid and before.fills > 5 and before.quoted_h > 0.1
    looks = []
    takes = [*cut_up(second[second["recv_ns"] > first["recv_ns"][-1] + 60 * S], 2)]
    result, more = traded(spec, home, takes, on_look=looks.append, clock=ticking())
    assert looks[0].models[0].fills == before.fills
    assert [int(e["kind"]) for e in np.concatenate(more)[:2]] == [DISCONNECTED, CONNECTED]
    gone_ns, back_ns = (int(ns) for ns in np.concatenate(more)[:2]["recv_ns"])
    assert gone_ns == int(first["recv_ns"][-1]) + 1_000
    filled = [row["ts_ns"] for row in rows(home, "fill")]
    assert not [ns for ns in filled if gone_ns < ns < back_ns]
    assert max(filled) > back_ns
    away = [row for row in rows(home, "sample") if gone_ns + 4 * S < row["ts_ns"] < back_ns]
    assert len(away) > 50 and not any(row["own_bid"] or row["own_ask"] for row in away)
    assert {row["position"] for row in away} == {rows(home, "fill")[before.fills - 1]["position"]}
    assert result.look.models[0].quoted_h > before.quoted_h
    tape = taped(tmp_path / "heard.tape", heard + more)
    assert replayed(spec, new_home("replay"), tape) == (spooled(home), makers(home))


def ticking():
    """Return a clock that moves ten seconds whenever somebody looks at it."""
    return map(float, count(0, 10)).__next__


def test_a_file_of_frames_goes_on_behind_what_was_heard(spec, new_home, market):
    home, events = new_home("home"), until_s(market, 300.0)
    traded(spec, home, [until_s(events, 100.0), Stop()])
    result, heard = traded(spec, home, cut_up(events, 1))
    assert result.why == "the stream is over"
    assert result.dropped["heard_before"] == len(until_s(events, 100.0))
    told = np.concatenate(heard)[2:]  # DISCONNECTED, CONNECTED, and no book before a whole one
    assert len(told) > 500 and (np.diff(told["recv_ns"]) >= 0).all()
    unknown = result.dropped["level_of_unknown_book"]
    assert len(told) + unknown == len(events) - len(until_s(events, 100.0))


class Crash(BaseException):
    """The process ends here."""


PLACES = [
    (Tail, "append", 30),  # nothing of a frame is written down yet
    (PaperState, "hear", 40),  # it is, and not played
    (Spool, "append", 100),  # some rows of it are said
    (Checkpoint, "write", 3),  # the next tail is there, unnamed
    (Tail, "close", 3),  # the checkpoint names it, and the old one is there as well
    (PaperState, "finish", 2),  # all rows are said, and no checkpoint knows of them
]


@pytest.mark.parametrize("call", ["before", "after"])
def test_wherever_a_process_ends_nothing_is_lost_and_nothing_repeated(
    spec, new_home, market, tmp_path, call
):
    home, events, heard = new_home("home"), until_s(market, 600.0), []
    takes = np.split(events, np.flatnonzero(np.diff(events["recv_ns"]))[::9] + 1)
    for place in PLACES:
        with crashing(*place, call), pytest.raises(Crash):
            heard_on(spec, home, takes, heard)
    assert heard_on(spec, home, takes, heard).why == "the stream is over"
    assert len(list(home.state(RUN).parent.glob("*.heard"))) == 1
    told = np.concatenate(heard)
    assert (told["kind"] == DISCONNECTED).sum() == len(PLACES)
    tape = taped(tmp_path / "heard.tape", heard)
    assert replayed(spec, new_home("replay"), tape) == (spooled(home), makers(home))


def heard_on(spec, home, takes, heard):
    """Trade on; what an earlier process had played already is told again, and not kept twice."""

    def tell(frame):
        last_ns = int(heard[-1]["recv_ns"][-1]) if heard else 0
        heard.extend([new] if len(new := frame[frame["recv_ns"] > last_ns]) else [])

    more = {"on_heard": tell, "clock": ticking(), "speed": float("inf")}
    return trade_on_paper(spec, home, lambda *_: Script(takes), **more)


@contextlib.contextmanager
def crashing(owner, name, times, call):
    """Let a function crash the last of so many times it is called, before or after its work."""
    whole, left = getattr(owner, name), iter(range(times - 1, -1, -1))

    def crash(*args, **kwargs):
        is_last = next(left, None) == 0
        if is_last and call == "before":
            raise Crash
        result = whole(*args, **kwargs)
        if is_last:
            raise Crash
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, crash)
        yield


def test_where_a_power_cut_took_what_was_heard_rows_still_have_numbers_of_their_own(
    spec, new_home, market
):
    home, events = new_home("home"), until_s(market, 300.0)
    with crashing(PaperState, "hear", 60, "after"), pytest.raises(Crash):
        traded(spec, home, cut_up(events, 1))
    (tail,) = home.state(RUN).parent.glob("*.heard")
    os.truncate(tail, tail.stat().st_size // 2)
    last = rows(home, "sample")[-1]["seq"]
    _, heard = traded(spec, home, cut_up(events, 1))
    gone_ns = next(int(e["recv_ns"]) for e in np.concatenate(heard) if e["kind"] == DISCONNECTED)
    told = rows(home, "sample")
    assert all(a["seq"] < b["seq"] for a, b in pairwise(told))
    times = [row["ts_ns"] for row in told if row["seq"] > last]
    assert times[0] < gone_ns + 2 * S
    assert max(b - a for a, b in pairwise(times)) < 2.1 * S


SCRIPT = """
import os, random, signal, sys
import numpy as np
from pathlib import Path
from engine.events import Event
from engine.runners.paper import trade_on_paper
from engine.runners.paper_asked import paper_spec
from engine.runners.paper_state import HeardTooMuchError, PaperState
from engine.runners.simulated import RunSpec, warm
from engine.store.home import Home
sys.path.insert(0, sys.argv[1])
import test_paper as t

home, heard = Home(Path(sys.argv[2])), Path(sys.argv[3])
events = np.fromfile(sys.argv[4], Event.dtype)
spec = RunSpec.model_validate_json(sys.argv[5])
takes = np.split(events, np.flatnonzero(np.diff(events["recv_ns"]))[::9] + 1)
heard.touch()


def tell(frame):  # what a process that was killed had played already is told again
    told = np.fromfile(heard, Event.dtype)
    new = frame[frame["recv_ns"] > told["recv_ns"][-1]] if len(told) else frame
    with heard.open("ab", buffering=0) as file:
        file.write(new.tobytes())


def trade():
    more = {"on_heard": tell, "clock": t.ticking(), "speed": float("inf")}
    trade_on_paper(spec, home, lambda *_: t.Script(takes), **more)


warm()
moments = random.Random(5)
for kills in range(200):
    moment_s = moments.uniform(0.02, 0.1 + 0.05 * kills)
    child = os.fork()
    if child == 0:
        signal.setitimer(signal.ITIMER_REAL, moment_s)  # nobody handles it: it kills
        try:
            trade()
            os._exit(0)
        finally:
            os._exit(1)
    end = os.waitpid(child, 0)[1]
    if not os.WIFSIGNALED(end):
        sys.exit(end and "a process failed")
    print("killed", flush=True)
"""


def test_killed_at_any_moment_it_says_every_row_once(spec, new_home, market, tmp_path):
    home, heard = new_home("home"), tmp_path / "heard"
    until_s(market, 900.0).tofile(tmp_path / "events")
    child = subprocess.run(
        [
            *(sys.executable, "-c", SCRIPT, Path(__file__).parent, home.root, heard),
            *(tmp_path / "events", spec.model_dump_json()),
        ],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        check=True,
    )
    told = np.fromfile(heard, Event.dtype)
    assert child.stdout.count(b"killed") >= 2
    assert (told["kind"] == DISCONNECTED).any()
    assert [row["seq"] for row in rows(home, "sample")] == sorted(
        {row["seq"] for row in rows(home, "sample")}
    )
    tape = taped(tmp_path / "heard.tape", [told])
    assert replayed(spec, new_home("replay"), tape) == (spooled(home), makers(home))
    assert len(list(home.state(RUN).parent.glob("*.heard"))) == 1


def test_a_run_that_is_over_is_only_shown(spec, new_home, market):
    home = new_home("home")
    done, _ = traded(spec, home, [until_s(market, 60.0)])
    before = spooled(home), makers(home)

    def nothing(_):
        raise AssertionError("a run that is over needs no stream")

    again = trade_on_paper(spec, home, nothing)
    assert (again.why, again.look) == ("the stream is over", done.look)
    assert (spooled(home), makers(home)) == before


def test_a_kill_ends_the_run(spec, new_home, market):
    touchy = spec.model_copy(
        update={"config": spec.config.model_copy(update={"kill_fraction": 1e-5})}
    )
    home = new_home("home")
    for takes in (cut_up(market, 1), []):
        result, _ = traded(touchy, home, takes)
        assert result.why in ("killed: daily loss", "killed: intraday drawdown")
        assert len(rows(home, "event")) == 2  # start and kill


def test_hours_end_a_run_that_may_go_on(spec, new_home, market):
    home = new_home("home")
    result, heard = traded(spec, home, cut_up(market, 1), hours=0.05)
    assert result.why == "0.05 h are over"
    first, last = (int(np.concatenate(heard)["recv_ns"][k]) for k in (0, -1))
    assert 170 * S < last - first <= 180 * S
    assert result.hours == pytest.approx(0.05, abs=1e-3)
    result, _ = traded(spec, home, cut_up(market, 1), hours=0.05)
    assert result.hours == pytest.approx(0.1, abs=2e-3)


def test_another_config_under_the_same_name_is_refused(spec, new_home, market):
    home = new_home("home")
    traded(spec, home, [until_s(market, 5.0), Stop()])
    other = spec.model_copy(update={"seed": 8})
    with pytest.raises(ValueError, match="was begun with another config"):
        traded(other, home, [])


def test_two_processes_cannot_trade_one_run_on_paper(spec, new_home):
    home = new_home("home")
    with Spool.open(home.spool(RUN)), pytest.raises(SpoolBusyError, match="one engine per run"):
        traded(spec, home, [])


def test_a_stream_that_says_too_much_is_refused(spec, new_home, market, monkeypatch):
    monkeypatch.setattr("engine.runners.paper_state.MOST_HELD", 1000)
    with pytest.raises(HeardTooMuchError, match="more than 1000 events within five seconds"):
        traded(spec, new_home("home"), [until_s(market, 600.0)])
