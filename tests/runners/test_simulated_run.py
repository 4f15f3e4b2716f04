"""A run on a simulated clock: however it is cut, killed or asked, the same rows exactly once."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.derive.decisions import derive_config
from engine.events import BUY, LAST, LEVEL, SELL, SNAPSHOT, Event
from engine.policy import load_policy
from engine.record import SchemaMismatchError, zeros
from engine.runners.simulated import RunSpec, trade
from engine.sim.universe import market_of
from engine.store.home import Home
from engine.store.spool import Spool, SpoolBusyError
from engine.store.tape import TapeMeta, write_tape

HOUR_NS = 3_600_000_000_000
ROOT = Path(__file__).parents[2]
RUN = "hype-a1-paper-v3"
META = TapeMeta(asset="HYPE", venue="sim", px_decimals=4, sz_decimals=2, source="synthetic")


@pytest.fixture
def config(spec, facts):
    return derive_config(spec, facts.model_copy(update={"mark_px": 40.0}), load_policy())[0]


@pytest.fixture
def run_spec(config):
    return RunSpec(run=RUN, asset="HYPE", mode="live", fraction=1.0, config=config, sample_s=10.0)


@pytest.fixture
def new_home(tmp_path):
    return lambda name: Home(tmp_path / name)


def spooled(home):
    return home.spool(RUN).read_bytes()


def rows(home, kind=None):
    lines = [json.loads(line) for line in spooled(home).splitlines()]
    return [row for row in lines if kind in (None, row["kind"])]


def events_named(home, name):
    return [row for row in rows(home, "event") if row["name"] == name]


def test_one_call_or_many_give_the_same_rows_and_the_same_checkpoint(run_spec, new_home):
    whole, many = new_home("whole"), new_home("many")
    once = trade(run_spec, whole, 3.0)
    for until in (0.0, 0.01, 0.4, 1.0, 1.0, 1.73, 1.2, 2.999, 3.0):
        status = trade(run_spec, many, until)
    assert spooled(many) == spooled(whole)
    assert many.state(RUN).read_bytes() == whole.state(RUN).read_bytes()
    assert status == once
    assert (once.hours, once.ended, once.killed) == (3.0, False, False)
    assert len(rows(whole, "fill")) > 20
    assert [row["seq"] for row in rows(whole)] == sorted({row["seq"] for row in rows(whole)})


def test_a_part_of_an_hour_says_only_that_part(run_spec, new_home):
    home = new_home("home")
    seen = []
    status = trade(run_spec, home, 1.25, seen.append)
    assert status.hours == 1.25
    assert seen == [1]
    last = max(row["ts_ns"] for row in rows(home, "sample"))
    assert run_spec.start_ns + 1.24 * HOUR_NS < last <= run_spec.start_ns + 1.25 * HOUR_NS
    assert abs(status.ts_ns - run_spec.start_ns - 1.25 * HOUR_NS) < 2e9


def test_to_ask_for_less_than_was_done_changes_nothing(run_spec, new_home):
    home = new_home("home")
    trade(run_spec, home, 2.0)
    before = spooled(home), home.state(RUN).read_bytes()
    assert trade(run_spec, home, 1.0).hours == 2.0
    assert (spooled(home), home.state(RUN).read_bytes()) == before


SCRIPT = """
import sys
from pathlib import Path
from engine.runners.simulated import RunSpec, trade
from engine.store.home import Home
spec = RunSpec.model_validate_json(sys.argv[2])
trade(spec, Home(Path(sys.argv[1])), 9.0, lambda hours: print(hours, flush=True))
"""


def test_killed_at_any_moment_it_loses_nothing_and_repeats_nothing(run_spec, new_home, tmp_path):
    whole, killed = new_home("whole"), new_home("killed")
    trade(run_spec, whole, 9.0)
    moments = random.Random(5)
    for hours in (1, 2, 3):
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, tmp_path / "killed", run_spec.model_dump_json()],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        with process:
            assert process.stdout is not None
            for _ in range(hours):
                assert process.stdout.readline()
            for _ in range(moments.randrange(400_000)):  # somewhere within the next hour
                pass
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        assert len(spooled(killed)) < len(spooled(whole))
        # a torn line, as a machine that lost its power leaves it
        with killed.spool(RUN).open("ab") as file:
            file.write(b'{"seq":99999999,"kind":"sam')
    trade(run_spec, killed, 9.0)
    assert spooled(killed) == spooled(whole)
    assert killed.state(RUN).read_bytes() == whole.state(RUN).read_bytes()


def test_an_older_checkpoint_says_the_same_rows_again_and_they_are_skipped(run_spec, new_home):
    home = new_home("home")
    trade(run_spec, home, 1.0)
    old = home.state(RUN).read_bytes()
    trade(run_spec, home, 3.0)
    whole = spooled(home)
    home.state(RUN).write_bytes(old)
    trade(run_spec, home, 3.0)
    assert spooled(home) == whole
    home.state(RUN).unlink()
    trade(run_spec, home, 3.0)
    assert spooled(home) == whole


def test_another_seed_is_another_run(run_spec, new_home):
    one, other = new_home("one"), new_home("other")
    trade(run_spec, one, 0.2)
    trade(run_spec.model_copy(update={"seed": 8}), other, 0.2)
    assert spooled(one) != spooled(other)


def test_a_checkpoint_of_another_layout_is_refused(run_spec, new_home):
    home = new_home("home")
    trade(run_spec, home, 1.0)
    blob = home.state(RUN).read_bytes()
    head, _, rest = blob.partition(b"\n")
    home.state(RUN).write_bytes(head + b"\n" + bytes(32) + rest[32:])
    with pytest.raises(SchemaMismatchError, match="another layout of Session; delete it"):
        trade(run_spec, home, 2.0)


@pytest.mark.parametrize(
    ("keep", "says"),
    [(-1, "cut short"), (200, "cut short"), (20, "not a checkpoint"), (0, "not a")],
)
def test_a_cut_checkpoint_is_refused(run_spec, new_home, keep, says):
    home = new_home("home")
    trade(run_spec, home, 1.0)
    blob = home.state(RUN).read_bytes()
    home.state(RUN).write_bytes(blob[:keep])
    with pytest.raises(SchemaMismatchError, match=says):
        trade(run_spec, home, 2.0)


def test_two_processes_cannot_trade_one_run(run_spec, new_home):
    home = new_home("home")
    with Spool.open(home.spool(RUN)), pytest.raises(SpoolBusyError, match="one engine per run"):
        trade(run_spec, home, 1.0)


def test_a_kill_is_said_once_and_ends_the_run(config, run_spec, new_home):
    touchy = config.model_copy(update={"kill_fraction": 1e-4})
    spec, home = run_spec.model_copy(update={"config": touchy}), new_home("home")
    part = trade(spec, home, 0.7)
    assert part.killed and part.ended
    assert len(events_named(home, "kill")) == 1
    status = trade(spec, home, 50.0)
    assert (status.hours, status.ended, status.killed) == (1.0, True, True)
    assert trade(spec, home, 60.0) == status
    (kill,) = events_named(home, "kill")
    assert kill["body"]["reason"] in ("daily loss", "intraday drawdown")
    assert spec.start_ns < kill["ts_ns"] < spec.start_ns + HOUR_NS
    # an order on its way may arrive after the cancel-all, and is then cancelled by name: an answer
    # and a cancel later, 1.8 s at the slowest
    fills = rows(home, "fill")
    assert [row for row in fills if row["ts_ns"] <= kill["ts_ns"]]
    assert not [row for row in fills if row["ts_ns"] > kill["ts_ns"] + 1.8e9]


@pytest.fixture
def tape(tmp_path):
    """Ninety minutes of a synthetic market, as a recording."""
    start_ns = 490_000 * HOUR_NS
    market = market_of("HYPE", None, 7, start_ns)
    events = np.concatenate([market.chunk(hour) for hour in range(2)])
    events = events[events["recv_ns"] <= start_ns + 3 * HOUR_NS // 2]
    for name in ("ts_ns", "recv_ns"):  # a tape keeps microseconds
        events[name] -= events[name] % 1_000
    events = events[np.argsort(events["recv_ns"], kind="stable")]
    path = tmp_path / "hype.parquet"
    write_tape(path, iter([events]), META)
    return path


def on_tape(run_spec, tape):
    return run_spec.model_copy(update={"tape": str(tape), "start_ns": 0})


def test_a_tape_ends_with_the_run_and_an_event(run_spec, new_home, tape):
    spec, home = on_tape(run_spec, tape), new_home("home")
    status = trade(spec, home, 24.0)
    assert status.ended and not status.killed
    assert status.hours == pytest.approx(1.5, abs=1e-3)
    assert len(events_named(home, "tape_end")) == 1
    assert len(rows(home, "fill")) > 5
    before = spooled(home)
    assert trade(spec, home, 24.0) == status
    assert spooled(home) == before


@pytest.mark.parametrize("until", [2.5, 3.0])
def test_the_end_of_a_tape_is_noticed_within_an_hour_too(run_spec, new_home, tape, until):
    home = new_home("home")
    status = trade(on_tape(run_spec, tape), home, until)
    assert status.ended
    assert len(events_named(home, "tape_end")) == 1


def test_a_tape_replayed_twice_or_in_parts_gives_the_same_rows(run_spec, new_home, tape):
    homes = [new_home(name) for name in ("one", "two", "parts")]
    for home in homes[:2]:
        trade(on_tape(run_spec, tape), home, 9.0)
    for until in (0.3, 1.0, 1.4, 9.0):
        trade(on_tape(run_spec, tape), homes[2], until)
    assert spooled(homes[0]) == spooled(homes[1]) == spooled(homes[2])
    states = {home.state(RUN).read_bytes() for home in homes}
    assert len(states) == 1


def test_a_tape_that_is_not_there_is_named(run_spec, new_home, tmp_path):
    with pytest.raises((ValueError, FileNotFoundError), match=r"nowhere\.parquet"):
        trade(on_tape(run_spec, tmp_path / "nowhere.parquet"), new_home("home"), 1.0)


def test_an_hour_of_silence_on_a_tape_is_not_its_end(run_spec, new_home, tmp_path):
    start_ns = 490_000 * HOUR_NS
    events = zeros(Event, 8)
    for n, e in enumerate(events):
        ts_ns = start_ns + (n // 4) * 3 * HOUR_NS + (n // 2) * 1_000_000_000
        e["kind"], e["ts_ns"], e["recv_ns"] = LEVEL, ts_ns, ts_ns
        e["side"], e["code"], e["px"] = ((BUY, SNAPSHOT, 39.9), (SELL, LAST, 40.1))[n % 2]
        e["sz"] = 3.0
    path = tmp_path / "gap.parquet"
    write_tape(path, iter([events]), META)
    home = new_home("home")
    status = trade(on_tape(run_spec, path), home, 9.0)
    assert status.ended
    assert status.hours == pytest.approx(3.0, abs=2e-3)
    last = rows(home, "sample")[-1]
    assert last["gap_s"] > 2.9 * 3600
