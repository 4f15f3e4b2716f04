"""Real processes killed with SIGKILL: a short run of `benchmarks.chaos`."""

from pathlib import Path

import pytest

from benchmarks.chaos import play

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def test_processes_killed_at_random_lose_nothing_and_leave_nothing(tmp_path: Path) -> None:
    outcome = play(tmp_path, minutes=1.2, seed=7)
    assert outcome.broken == []
    assert outcome.kills.total() > 1
    assert outcome.fills > 0 and outcome.looks > 50
