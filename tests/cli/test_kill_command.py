"""`gangway kill` and `rearm` as a user types them."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.runners.live.latch import read_latch, write_latch
from engine.store.home import Home
from engine.store.metrics import Metrics

ROOT = Path(__file__).parents[2]


def gangway(home: Home, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flows.cli", *words, "--home", str(home.root)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | {"GANGWAY_HOME": str(home.root)},
        timeout=60,
    )


def test_a_kill_waits_for_nobody_who_keeps_the_store(home: Home) -> None:
    with Metrics.open(home):
        done = gangway(home, "kill", "HYPE", "it looks wrong", "--by", "ann")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "HYPE is stopped: it looks wrong\n"
    assert read_latch(home, "HYPE") == "it looks wrong"
    assert read_latch(home, "SOL") is None


def test_killing_again_keeps_the_first_reason_and_all_stops_the_rest(home: Home) -> None:
    write_latch(home, "HYPE", "daily loss", "engine")
    assert "daily loss" in gangway(home, "kill", "HYPE", "again").stdout
    assert "out of office" in gangway(home, "kill", "all", "out of office").stdout
    assert read_latch(home, "hyna:SOL") == "out of office"


def test_what_has_not_been_halted_is_not_rearmed(home: Home, put_at: Callable[..., Any]) -> None:
    put_at("ramp_25")
    write_latch(home, "HYPE", "a test", "ann")
    done = gangway(home, "rearm", "HYPE", "looked at it")
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert read_latch(home, "HYPE") == "a test"
