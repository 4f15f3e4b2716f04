from typing import Any

import pytest

from engine.config import BinanceSignals, MakerConfig
from engine.gates.prelive import judge_prelive, prelive_checklist
from engine.policy import load_policy

POLICY = load_policy()
PASSED = {"verdict": "PASS", "words": "PASS.", "hours": 48.5, "hours_needed": 48.0}
ALL: dict[str, Any] = {"validation": PASSED, "loops": PASSED}
CONFIG = MakerConfig(
    asset="hyna:X",
    profile="hip3",
    capital_usd=1000.0,
    sz_decimals=2,
    min_notional_usd=10.0,
    maker_fee_bps=1.5,
    max_leverage=5.0,
    isolated=True,
    isolated_margin_usd=1000.0,
    oi_cap_usd=None,
    collateral="USDE",
    max_position=50.0,
    target_liquidity=15.0,
    levels=5,
    gamma=0.15,
    kappa_prior=1500.0,
    kappa_prior_fills=15.0,
    intensity_prior_per_s=0.02,
    half_spread_floor_bps=2.0,
    max_bps_diff=3.0,
    requote_interval_ms=500,
    risk_model_blend=1.0,
    monopolist_pricing=True,
    signals=None,
    rl_enabled=True,
    kill_fraction=0.05,
    stale_after_s=10.0,
    session_ramp_s=3600.0,
    session_ramp_start=0.1,
)


def judged(items):
    return judge_prelive(items, POLICY, asset="hyna:X", ts_ns=1)


def test_nine_lines_are_ticked_by_code_when_the_account_is_known():
    items = prelive_checklist(CONFIG, CONFIG, ALL, available_margin_usd=1000.0)
    assert [item.status for item in items] == ["ticked"] * 9
    assert judged(items).verdict == "PASS"


def test_what_only_a_person_knows_is_asked_of_a_person():
    items = prelive_checklist(CONFIG, CONFIG, ALL)
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
def test_a_config_that_differs_from_what_is_right_keeps_its_line_open(changes, index):
    config = CONFIG.model_copy(update=changes)
    items = prelive_checklist(config, CONFIG, ALL, available_margin_usd=1e4)
    assert [i for i, item in enumerate(items) if item.status == "open"] == [index]
    found = judged(items)
    assert found.verdict == "NOT_YET"
    assert found.missing == (items[index].text,)


def test_a_stricter_kill_switch_is_no_fault():
    config = CONFIG.model_copy(update={"kill_fraction": 0.02})
    items = prelive_checklist(config, CONFIG, ALL, available_margin_usd=1e4)
    assert items[3].status == "ticked"


def test_too_little_free_margin_is_open():
    items = prelive_checklist(CONFIG, CONFIG, ALL, available_margin_usd=999.0)
    assert [item.status for item in items[7:]] == ["open", "open"]


@pytest.mark.parametrize("verdict", [{}, {"verdict": "NOT_YET", "words": "NOT YET."}])
def test_paper_without_a_pass_keeps_three_lines_open(verdict):
    items = prelive_checklist(CONFIG, CONFIG, dict.fromkeys(ALL, verdict))
    assert [item.status for item in items[:3]] == ["open"] * 3
