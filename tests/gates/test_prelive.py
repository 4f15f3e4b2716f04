from typing import Any

import pytest

from engine.config import BinanceSignals, MakerConfig
from engine.gates.prelive import judge_prelive, prelive_checklist
from engine.policy import load_policy

POLICY = load_policy()
PASSED = {"verdict": "PASS", "words": "PASS.", "hours": 48.5, "hours_needed": 48.0}
ALL: dict[str, Any] = {"validation": PASSED, "loops": PASSED}


@pytest.fixture
def hip3(config: MakerConfig) -> MakerConfig:
    """An asset of a builder dex, configured as it should be."""
    return config.model_copy(
        update={
            "asset": "hyna:X",
            "isolated": True,
            "isolated_margin_usd": 1000.0,
            "collateral": "USDE",
            "risk_model_blend": 1.0,
            "monopolist_pricing": True,
            "rl_enabled": True,
            "levels": 5,
            "session_ramp_s": 3600.0,
        }
    )


def judged(items):
    return judge_prelive(items, POLICY, asset="hyna:X", ts_ns=1)


def test_nine_lines_are_ticked_by_code_when_the_account_is_known(hip3):
    items = prelive_checklist(hip3, hip3, ALL, available_margin_usd=1000.0)
    assert [item.status for item in items] == ["ticked"] * 9
    assert judged(items).verdict == "PASS"


def test_what_only_a_person_knows_is_asked_of_a_person(hip3):
    items = prelive_checklist(hip3, hip3, ALL)
    assert [item.status for item in items[7:]] == ["person", "person"]
    found = judged(items)
    assert found.verdict == "PASS"
    assert "A person confirms: Account has sufficient funds" in found.words


@pytest.mark.parametrize(
    ("changes", "index"),
    [
        ({"kill_fraction": 0.10}, 3),
        ({"signals": BinanceSignals(symbol="BTCUSDT")}, 4),
        ({"profile": "aggressive"}, 5),
        ({"isolated": False}, 6),
        ({"collateral": "USDC"}, 6),
    ],
)
def test_a_config_that_differs_from_what_is_right_keeps_its_line_open(changes, index, hip3):
    config = hip3.model_copy(update=changes)
    items = prelive_checklist(config, hip3, ALL, available_margin_usd=1e4)
    assert [i for i, item in enumerate(items) if item.status == "open"] == [index]
    found = judged(items)
    assert found.verdict == "NOT_YET"
    assert found.missing == (items[index].text,)


def test_a_stricter_kill_switch_is_no_fault(hip3):
    config = hip3.model_copy(update={"kill_fraction": 0.02})
    items = prelive_checklist(config, hip3, ALL, available_margin_usd=1e4)
    assert items[3].status == "ticked"


def test_too_little_free_margin_is_open(hip3):
    items = prelive_checklist(hip3, hip3, ALL, available_margin_usd=999.0)
    assert [item.status for item in items[7:]] == ["open", "open"]


@pytest.mark.parametrize("verdict", [{}, {"verdict": "NOT_YET", "words": "NOT YET."}])
def test_paper_without_a_pass_keeps_three_lines_open(verdict, hip3):
    items = prelive_checklist(hip3, hip3, dict.fromkeys(ALL, verdict))
    assert [item.status for item in items[:3]] == ["open"] * 3
