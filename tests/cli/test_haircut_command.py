"""`gangway haircut`: what was guessed, what was measured, and the bars in force."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from engine.gates.haircut import Measured
from engine.onboarding import ledger
from engine.store.home import Home
from engine.store.metrics import Metrics
from flows.cli import app

NEW_YEAR_NS = 1_767_225_600_000_000_000


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def gangway(home: Path, *words: str) -> str:
    env = {"COLUMNS": "200", "GANGWAY_HOME": str(home)}
    done = CliRunner().invoke(app, ["haircut", *words], env=env)
    assert done.exit_code == 0, done.output
    return done.stdout


def answer(home: Path) -> dict[str, Any]:
    return json.loads(gangway(home, "--json"))


def keep(home: Path, *measured: tuple[str, str, float]) -> None:
    with Metrics.open(Home(home)) as metrics:
        for asset, venue, gap in measured:
            told = {"paper_run": "p", "live_run": "l", "cause": "verdict-1-abc", "attempt": 1}
            shown = {"gap_bps": gap, "se_bps": 0.5, "hours": 72, "fills": 900}
            one = Measured(asset=asset, venue=venue, ts_ns=NEW_YEAR_NS, **told, **shown)
            ledger.keep(metrics.con, one)


def test_before_anything_is_measured_the_prior_is_in_force_everywhere(home):
    said = answer(home)
    first = said["parts"][0]
    assert (first["name"], first["bps"], first["sd_bps"]) == ("queue position", 2.0, 1.0)
    assert said["measured"] == []
    assert [(row["venue"], row["haircut_bps"], row["assets"]) for row in said["bars"]] == [
        ("any", 2.3, 0),
        ("any", 2.3, 0),
    ]
    table = gangway(home)
    assert "the prior, until there are 3" in table
    assert "unmeasured 2.3 ± 0.69 bps" in table


def test_what_was_measured_raises_the_bar_of_its_venue_and_origin_alone(home):
    keep(home, ("HYPE", "mainnet", 5.0), ("SOL", "sim", -1.0), ("hyna:BTC", "mainnet", 0.5))
    said = answer(home)
    bars = {(row["venue"], row["asset"]): row for row in said["bars"]}
    assert bars["mainnet", "others"]["haircut_bps"] > 2.8
    assert bars["mainnet", "HYPE"]["haircut_bps"] > bars["mainnet", "others"]["haircut_bps"]
    assert bars["mainnet", "HYPE"]["why"] == "its own gap"
    for row in (("mainnet", "dex:others"), ("sim", "others"), ("sim", "dex:others")):
        assert bars[row]["haircut_bps"] == 2.3
    assert bars["sim", "others"]["gap_bps"] < 2.3  # what it shows, though it does not count yet
    assert [one["cause"] for one in said["measured"]] == ["verdict-1-abc"] * 3
    table = gangway(home)
    for word in ("mainnet", "hyna:BTC", "its own gap", "what they show", "900"):
        assert word in table
