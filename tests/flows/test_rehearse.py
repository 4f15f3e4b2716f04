"""Rehearsals as a user starts them: in a process of their own, which may be killed anywhere."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.config import AssetSpec
from engine.onboarding.store import AssetState
from engine.runners.looks import Look, next_look
from flows.rehearse import rehearse

SCRIPT = """
import json, os, sys
from pathlib import Path
import flows.onboard, flows.rehearse
from engine.config import AssetSpec

home, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
options = json.loads(sys.argv[4])

def deadly(module, name):
    real, left = getattr(module, name), [count]
    def then_die(*args):
        result = real(*args)
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), 9)
        return result
    setattr(module, name, then_die)

if name in ("record", "move"):
    deadly(flows.onboard, name)
if name == "trade_until":
    deadly(flows.rehearse, name)
spec = AssetSpec(**({"asset": "HYPE", "capital_usd": 1000} | options.pop("spec", {})))
print(json.dumps(flows.rehearse.rehearse(spec, home=home, **options)))
"""


def run(home: Path, cut: tuple[str, int], **options: Any) -> subprocess.CompletedProcess[str]:
    """Rehearse in a process that kills itself after the n-th call of a function."""
    argv = [sys.executable, "-c", SCRIPT, str(home), cut[0], str(cut[1]), json.dumps(options)]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def finished(home: Path, **options: Any) -> dict[str, Any]:
    done = run(home, ("nothing", 0), **options)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_rehearsal_killed_three_times_ends_as_one_that_was_not(tmp_path: Path) -> None:
    whole = finished(tmp_path / "whole", days=3)
    for cut in (("record", 4), ("trade_until", 3), ("move", 1)):
        assert run(tmp_path / "cut", cut, days=3).returncode == -signal.SIGKILL
    again = finished(tmp_path / "cut", days=3)
    assert again["stage"] == whole["stage"] == "ramp_25"
    assert again["transitions"] == whole["transitions"]  # their causes name the audit's hashes
    assert again["verdicts"] == whole["verdicts"]


@pytest.mark.slow
def test_a_dead_market_is_rejected_with_its_reason(tmp_path: Path) -> None:
    result = finished(tmp_path / "dead", spec={"scenario": "dead"})
    assert result["stage"] == "rejected"
    assert [v["gate"] for v in result["verdicts"]] == ["viability"]
    assert "volume" in result["verdicts"][0]["words"]


@pytest.mark.parametrize(
    ("spec", "options", "complaint"),
    [
        ({"venue": "mainnet"}, {}, "venue = 'mainnet'"),
        ({}, {"days": -1.0}, "days = -1"),
        ({}, {"days": float("nan")}, "days = nan"),
    ],
)
def test_what_cannot_be_rehearsed_is_refused(
    tmp_path: Path, spec: dict[str, Any], options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        rehearse(AssetSpec(asset="HYPE", capital_usd=1000, **spec), home=tmp_path, **options)


def test_looks_grow_and_an_unfinished_one_is_taken_again(put_at: Any) -> None:
    state: AssetState = put_at("validation")
    first = next_look(state, Look(str(state.run), state.version - 1, 0.5, done=True))
    assert first == (state.run, state.version, 7.0, False)
    assert next_look(state, first) == first
    assert next_look(state, first._replace(done=True)).hours == 13.0


def test_a_new_run_is_looked_at_from_its_beginning(put_at: Any) -> None:
    state: AssetState = put_at("ramp_25")
    assert next_look(state, Look("hype-a1-paper-v3", 5, 49.0, done=True)).hours == 25.0


def test_a_checklist_is_read_on_what_is_known_and_one_that_is_held_on_new_hours(
    put_at: Any,
) -> None:
    state: AssetState = put_at("prelive")
    run = str(state.run)
    first = next_look(state, Look(run, state.version - 1, 49.0, done=True))
    assert first == (run, state.version, 49.0, False)
    assert next_look(state, first._replace(done=True)).hours == 55.0
