"""A whole onboarding with real orders: every process is real, and the exchange is on loopback."""

from pathlib import Path

import pytest

from benchmarks.onboard_live import PHASES, compared, stage_of
from engine.runners.live.latch import read_latch
from engine.runners.standing import onboarding

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_800)]
WAY = ("derive", "paper", "validation", "prelive", *PHASES, "halted", "paper")


def test_an_asset_goes_up_to_full_capital_is_killed_and_begins_again(tmp_path: Path) -> None:
    """At speed: paper waits five minutes for its first markouts, the phases of the ramp do not."""
    late = ("edge_bps", "as_rate")
    with stage_of(tmp_path, minutes=0.3, speed=10.0, without=late) as story:
        fills = story.run()
        assert len(fills) >= len(PHASES) * 3, "every phase asks for three filled orders"
        assert compared(story.home, fills).startswith(f"{len(fills)} fills")
        assert read_latch(story.home, "HYPE") is None
        with onboarding(story.home) as store:
            store.verify()
            moves = [e.body["to"] for e in store.history("HYPE") if e.kind == "transition"]
        assert tuple(moves) == WAY
        assert not story.desk.open_orders()
