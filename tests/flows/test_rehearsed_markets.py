"""Whole rehearsals on markets of different kinds: what must not pass never does."""

import contextlib
import os
from pathlib import Path
from typing import Any

import pytest

from engine.config import AssetSpec
from engine.onboarding.telling import tell
from engine.runners.standing import onboarding
from engine.runners.tape_import import import_tape
from engine.store.home import Home
from flows.rehearse import rehearse

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class SessionApi:
    """The session's Prefect server in place of one of the rehearsal's own, to save its start."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __enter__(self) -> "SessionApi":
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the server running."""

    def flows(self) -> contextlib.nullcontext[None]:
        return contextlib.nullcontext()


@pytest.fixture(autouse=True)
def _one_server(prefect_api: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.rehearse.LocalApi", SessionApi)


LIVE = {"ramp_25", "ramp_50", "ramp_75", "ramp_100"}
DATA = Path(os.environ.get("GANGWAY_DATA") or Path(__file__).parents[3] / "shared" / "data")
RECORDED = DATA / "hl_l2_bbo_trades_20250904"


def verdicts(result: dict[str, Any]) -> dict[str, str]:
    return {v["gate"]: v["verdict"] for v in result["verdicts"]}


def test_hype_reaches_full_capital_gate_by_gate(tmp_path: Path) -> None:
    result = rehearse(AssetSpec(asset="HYPE", capital_usd=1000), home=tmp_path)
    assert result["stage"] == "ramp_100"
    assert [move["to"] for move in result["transitions"]] == [
        "derive", "paper", "validation", "prelive", "ramp_25", "ramp_50", "ramp_75", "ramp_100",
    ]  # fmt: skip
    assert set(verdicts(result).values()) == {"PASS"}
    assert all(move["cause"]["ids"] for move in result["transitions"])
    times = [move["at"] for move in result["transitions"]]
    assert times == sorted(times)


@pytest.mark.parametrize("seed", [7, 8])
def test_a_toxic_market_never_reaches_live(seed: int, tmp_path: Path) -> None:
    spec = AssetSpec(asset="HYPE", capital_usd=1000, scenario="toxic", seed=seed)
    result = rehearse(spec, home=tmp_path)
    assert verdicts(result)["viability"] == "PASS"  # it looks like a market worth quoting
    assert result["stage"] in {"stopped", "rejected"}
    assert not LIVE & {move["to"] for move in result["transitions"]}


def test_a_market_that_sours_at_three_quarters_steps_down_by_itself_and_ends_in_paper(
    tmp_path: Path,
) -> None:
    spec = AssetSpec(asset="HYPE", capital_usd=1000, scenario="souring")
    result = rehearse(spec, home=tmp_path)
    went = [move["to"] for move in result["transitions"]]
    assert went[:7] == [
        "derive", "paper", "validation", "prelive", "ramp_25", "ramp_50", "ramp_75",
    ]  # fmt: skip
    down = [move["cause"]["trigger"] for move in result["transitions"][7:]]
    assert down[0] == "STEP_DOWN"
    assert went[7] == "ramp_50"
    assert "PAPER" in down and set(down[: down.index("PAPER")]) <= {"STEP_DOWN", "PASS"}
    assert went[7 + down.index("PAPER")] == "paper"
    assert result["stage"] == "stopped"  # the second attempt's paper does not even begin well
    with onboarding(Home(tmp_path)) as store:
        store.verify()
        assert store.get("HYPE").attempt == 2
        story = "\n".join(one.said for one in tell(store.history("HYPE")))
    assert "ramp_75 says: ONE PHASE DOWN: cumulative edge fell" in story
    assert "says: BACK TO PAPER: " in story
    assert "on STEP_DOWN: ramp_75 said FAIL and that it must step down" in story


def test_nobody_goes_live_without_an_answer(tmp_path: Path) -> None:
    result = rehearse(AssetSpec(asset="HYPE", capital_usd=1000), approve="none", home=tmp_path)
    assert (result["stage"], result["why"]) == ("prelive", "waits for an approval")


def test_capital_below_the_smallest_order_is_refused_with_the_amount(tmp_path: Path) -> None:
    result = rehearse(AssetSpec(asset="HYPE", capital_usd=5), home=tmp_path)
    assert result["stage"] == "rejected"
    assert "$11.50" in result["verdicts"][-1]["words"]


@pytest.mark.skipif(not RECORDED.is_dir(), reason=f"no recorded data in {DATA}")
@pytest.mark.parametrize("asset", ["WLFI", "ETH", "BTC"])
def test_half_an_hour_of_recording_is_not_enough_and_says_what_is_missing(
    asset: str, tmp_path: Path
) -> None:
    tape = tmp_path / f"{asset}.tape"
    import_tape(RECORDED, tape, asset=asset)
    spec = AssetSpec(asset=asset, capital_usd=1000, venue="tape", tape=str(tape))
    result = rehearse(spec, home=tmp_path / "home")
    said = verdicts(result)
    assert said["viability"] == said["validation"] == "NOT_YET"
    assert "23.4 h more of market data" in result["verdicts"][0]["words"]
    assert not LIVE & {move["to"] for move in result["transitions"]}
    assert any("rows dropped" in note for note in result["notes"])
