"""Real processes killed, frozen and without a disk: a short run of `benchmarks.chaos`."""

from pathlib import Path

import pytest

from benchmarks.chaos import play

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def test_processes_killed_at_random_lose_nothing_and_leave_nothing(tmp_path: Path) -> None:
    outcome = play(tmp_path, minutes=1.3, seed=1046)
    assert outcome.broken == []
    assert outcome.kills.total() > 2
    assert outcome.fills > 0 and outcome.looks > 50
