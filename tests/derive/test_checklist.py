from engine.config import AssetSpec
from engine.derive.checklist import checklist
from engine.derive.decisions import derive_config
from engine.policy import load_policy

POLICY = load_policy()
PASSED = {"verdict": "PASS", "words": "PASS.", "hours": 48.0, "hours_needed": 48.0}


def test_an_asset_that_was_only_enrolled_has_nothing_ticked():
    items = checklist({"stage": "viability"}, {})
    assert len(items) == 14
    assert [item.status for item in items[:13]] == ["open"] * 13


def test_a_fully_onboarded_asset_has_every_line_ticked(facts):
    market = facts(asset="hyna:X", binance_symbol=None, collateral="USDE")
    config, _ = derive_config(AssetSpec(asset="hyna:X", capital_usd=1000.0), market, POLICY)
    state = {
        "stage": "ramp_100",
        "config": config.model_dump(mode="json"),
        "facts": market.model_dump(mode="json"),
        "others": 0,
    }
    gates = ("viability", "validation", "loops", "day_1", "week_1")
    items = checklist(state, dict.fromkeys(gates, PASSED))
    assert [item.status for item in items] == ["ticked"] * 14
    assert "risk_model_blend 1" in items[5].evidence
    assert "5 % of $1,000: $50 a day" in items[4].evidence


def test_signals_without_a_pair_stay_open(facts):
    config, _ = derive_config(AssetSpec(asset="SOL", capital_usd=1000.0), facts(), POLICY)
    state = {
        "stage": "derive",
        "config": config.model_dump(mode="json"),
        "facts": facts(binance_symbol=None).model_dump(mode="json"),
        "others": 3,
    }
    items = checklist(state, {})
    assert items[3].status == "open"
    assert items[13].status == "person"


def test_a_review_that_happens_is_ticked_with_what_it_says_good_or_bad():
    failed = {"verdict": "FAIL", "words": "FAIL after 5.0 h: kill switch triggers 1."}
    day, week = checklist({"stage": "ramp_25"}, {"day_1": failed})[11:13]
    assert (day.status, day.evidence) == ("ticked", failed["words"])
    assert (week.status, week.evidence) == ("open", "not reviewed yet: `gangway up` schedules it")
