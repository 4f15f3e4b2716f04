"""`gangway daily` as a user types it."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def daily(home, *words):
    return subprocess.run(
        [sys.executable, "-m", "flows.cli", "daily", "HYPE", "--home", str(home.root), *words],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip


def test_the_daily_review_reads_as_a_table_and_as_json(home, write):
    write(24)
    done = daily(home, "--day", "2026-01-01")
    assert (done.returncode, done.stderr) == (0, "")
    for said in (
        "HYPE on 2026-01-01",
        "skill over the base rate",
        "0.84 [0.84, 0.84]",
        "closes to",
    ):
        assert said in done.stdout
    for said in ("edge by hour, bps", "micro", "gamma and kill switch"):
        assert said in done.stdout
    told = json.loads(daily(home, "--json").stdout)
    assert told["forecasts"]["score"]["brier"] == 0.04
    assert told["adjustments"][0]["about"] == "edge"
