"""`gangway monitor` as a user types it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.store.home import Home

ROOT = Path(__file__).parents[2]


def monitor(home: Home, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "flows.cli", "monitor", "HYPE", "--home", str(home.root), *words]
    return subprocess.run(argv, capture_output=True, text=True, check=False, cwd=ROOT)


def test_the_three_reviews_read_as_tables_and_as_json(
    home: Home, put_at: Callable[..., Any], show: Callable[..., None]
) -> None:
    show(put_at("ramp_25"), hours=26)
    done = monitor(home)
    assert (done.returncode, done.stderr) == (0, "")
    for said in (
        "HYPE stands at ramp_25",
        "day_1",
        "Largest position",
        "week_1",
        "Skill",
        "month_1",
    ):
        assert said in done.stdout
    told = json.loads(monitor(home, "--json").stdout)
    assert (told["asset"], told["stage"]) == ("HYPE", "ramp_25")
    assert told["day_1"]["verdict"] == "PASS"
    assert told["month_1"]["verdict"] == "NOT_YET"


def test_an_asset_that_does_not_trade_is_one_clear_line(
    home: Home, put_at: Callable[..., Any]
) -> None:
    assert "'HYPE' is not enrolled" in monitor(home).stderr
    put_at("derive")
    done = monitor(home)
    assert (done.returncode, done.stdout) == (2, "")
    assert "stands at derive: no engine trades it" in done.stderr
