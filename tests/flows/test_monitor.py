"""The scheduled review of an asset: what it keeps, shows and tells, and that it moves nothing."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect import flow
from prefect.client.orchestration import get_client

from engine.onboarding.store import AssetState
from engine.runners.standing import newest_verdicts, onboarding
from engine.store.home import Home
from flows.monitor import look

ROOT = Path(__file__).parents[2]
BEGAN_NS = 1_767_225_600_000_000_000  # 2026-01-01, when the conftest's engines begin
pytestmark = pytest.mark.usefixtures("prefect_api")

Put = Callable[..., AssetState]
Show = Callable[..., None]


@pytest.fixture
def review(home: Home) -> Callable[[], str]:
    """Review the asset, as the scheduled flow does, seconds after its engine's last row."""

    @flow(name="one-review", validate_parameters=False)
    def one_review() -> str:
        return look(home, "HYPE", BEGAN_NS)

    def reviewed() -> str:
        for spool in home.spool_dir.iterdir():
            os.utime(spool, ns=(BEGAN_NS, BEGAN_NS))
        return one_review()

    return reviewed


def kept(home: Home) -> list[tuple[str, str]]:
    with onboarding(home) as store:
        entries = [e.body["verdict"] for e in store.history("HYPE") if e.kind == "verdict"]
    said = [(one["gate"], one["verdict"]) for one in entries]
    return [one for one in said if one[0] in ("day_1", "week_1", "month_1")]


def test_the_first_day_is_reviewed_and_kept_and_moves_nothing(
    home: Home, put_at: Put, show: Show, review: Any
) -> None:
    before = put_at("ramp_25")
    show(before, hours=5)
    words = review()
    assert words.startswith("day_1: ")
    assert kept(home) == [("day_1", "PASS")], words
    with onboarding(home) as store:
        assert store.get("HYPE") == before


def test_a_kill_on_the_first_day_is_told(home: Home, put_at: Put, show: Show, review: Any) -> None:
    show(put_at("ramp_25"), hours=2, kill=True)
    assert "kill switch triggers 1" in review()
    assert kept(home) == [("day_1", "FAIL")]


def test_the_daily_review_says_what_the_last_day_proposes(
    home: Home, put_at: Put, show: Show, review: Any
) -> None:
    show(put_at("validation"), hours=26, edge_bps=-3.0)
    words = review()
    assert words.startswith("week_1: ")
    assert "After the last day: edge: widen: raise gamma" in words
    assert [gate for gate, _ in kept(home)] == ["week_1"]
    review()
    assert [gate for gate, _ in kept(home)] == ["week_1"]  # once a day


def test_an_asset_that_does_not_trade_is_left_alone(home: Home, put_at: Put, review: Any) -> None:
    home.spool_dir.mkdir(exist_ok=True)
    assert "there is nothing to review" in review()
    put_at("derive")
    assert "there is nothing to review" in review()
    assert kept(home) == []


def test_reviews_tick_their_lines_of_the_checklist(
    home: Home, put_at: Put, show: Show, review: Any
) -> None:
    from engine.derive.checklist import checklist

    state = put_at("ramp_25")
    show(state, hours=26)
    review()
    plain = state.model_dump(mode="json") | {"others": 0}
    day, week = checklist(plain, newest_verdicts(home, "HYPE"))[11:13]
    assert (day.text, day.status) == ("Day 1 continuous monitoring planned", "ticked")
    assert (week.text, week.status) == ("Week 1 daily review scheduled", "ticked")


def test_a_review_is_published_under_the_asset_and_the_gate(
    home: Home, put_at: Put, show: Show, review: Any
) -> None:
    show(put_at("ramp_25"), hours=5)
    review()
    with get_client(sync_client=True) as client:
        keys = {artifact.key for artifact in client.read_artifacts()}
    assert "hype-day-1" in keys


def test_every_asset_that_is_onboarded_by_schedule_is_reviewed_by_schedule() -> None:
    content = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    told = {one["name"]: one for one in content["deployments"]}
    assets = {
        name: [
            (s["slug"], s["parameters"]["asset"], s.get("active", True)) for s in one["schedules"]
        ]
        for name, one in told.items()
        if "schedules" in one
    }
    assert assets["monitor"] == assets["onboard"]
    assert told["monitor"]["entrypoint"] == "flows/monitor.py:monitor"
