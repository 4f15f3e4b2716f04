"""`gangway audit`: the story of an asset, and the proof, as a user types them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest

from engine.config import AssetSpec
from engine.onboarding import audit
from engine.onboarding.store import OnboardingStore
from engine.onboarding.transaction import transaction
from engine.runners.standing import onboarding
from engine.store.home import Home
from engine.store.metrics import Metrics
from flows.cli import _run

Gangway = Callable[[str], "Done"]
NOW_NS = 1_767_225_600_000_000_000  # 2026-01-01


class Done(NamedTuple):
    """What a command has left behind."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def gangway(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Gangway:
    monkeypatch.setenv("GANGWAY_HOME", str(home))

    def run(line: str) -> Done:
        monkeypatch.setattr("sys.argv", ["gangway", *line.split()])
        return Done(_run(), *capsys.readouterr())

    return run


def step(store: OnboardingStore, stage: str, words: str, decision: str = "PASS") -> None:
    state = store.get("HYPE")
    at = ("HYPE", state.stage, state.version)
    verdict = {"gate": stage, "verdict": "PASS", "words": words}
    causes = [store.record_verdict("HYPE", verdict, NOW_NS)]
    if decision.islower():
        causes.append(store.record_approval(*at, decision, "Ada", "funds are there", NOW_NS))
    store.move(*at, decision, causes, NOW_NS)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with onboarding(Home(tmp_path)) as store:
        store.enroll(AssetSpec(asset="HYPE", capital_usd=1000), NOW_NS)
        for stage in ("viability", "derive", "loops", "validation"):
            step(store, stage, f"PASS: {stage} holds.")
        step(store, "prelive", "PASS: nine lines are ticked.", "approve")
    return tmp_path


def test_the_story_names_every_verdict_the_approver_the_note_and_the_causes(
    gangway: Gangway,
) -> None:
    done = gangway("audit HYPE")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "2026-01-01 00:00:00  HYPE is enrolled for $1,000 on sim."
    assert "viability says: PASS: viability holds." in lines[1]
    assert "It moves from viability to derive (version 2, attempt 1) on PASS: viab" in lines[2]
    asked, given, moved = lines[-3:]
    assert "A person is asked in prelive: approve or reject or hold? Evidence " in asked
    assert "to be answered by 2026-01-08 00:00:00." in asked
    assert "Ada decides approve on evidence " in given
    assert 'noting "funds are there".' in given
    assert "It moves from prelive to ramp_25" in moved
    assert "prelive said PASS (verdict-" in moved
    assert "and Ada decided approve (approval-" in moved
    told = json.loads(gangway("audit HYPE --json").stdout)
    assert [f"{one['at']}  {one['said']}" for one in told] == lines


def test_verify_proves_the_chain_and_names_its_head(gangway: Gangway) -> None:
    done = gangway("audit verify")
    assert done.returncode == 0, done.stderr
    proved = json.loads(gangway("audit verify --json").stdout)
    assert proved["assets"] == proved["approvals"] == 1
    assert done.stdout == (
        f"audit chain verified: {proved['rows']} rows, 1 assets, 1 approvals; "
        f"last hash {proved['head']}\n"
    )


@pytest.mark.parametrize("line", ["audit verify", "audit HYPE"])
def test_a_changed_row_is_named_and_no_story_is_told(
    home: Path, gangway: Gangway, line: str
) -> None:
    con = duckdb.connect(str(Home(home).metrics))
    con.execute("UPDATE audit SET body = replace(body, 'Ada', 'Eve') WHERE kind = 'approval'")
    con.close()
    done = gangway(line)
    assert (done.returncode, done.stdout) == (2, "")
    assert "(approval of HYPE) was edited or moved" in done.stderr


def test_a_move_that_nobody_decided_is_named_though_its_hash_is_good(
    home: Path, gangway: Gangway
) -> None:
    with Metrics.open(Home(home)) as metrics, transaction(metrics.con):
        metrics.con.execute("UPDATE asset_state SET stage = 'rejected', version = 7").fetchall()
        body = {"from": "halted", "to": "rejected", "version": 7, "trigger": "drop", "causes": []}
        audit.append(metrics.con, "transition", "HYPE", body, NOW_NS)
    done = gangway("audit verify")
    assert done.returncode == 2
    assert "(transition of HYPE) cites no approval that decides 'drop'" in done.stderr


def test_an_asset_never_enrolled_is_refused_by_name(gangway: Gangway) -> None:
    done = gangway("audit GONE")
    assert done.returncode == 2
    assert "'GONE' is not enrolled" in done.stderr
