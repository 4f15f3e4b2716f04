import pytest

from engine.derive.facts import MarketFacts
from engine.derive.viability import assess
from engine.policy import load_policy

POLICY = load_policy()


def test_a_good_market_proceeds(facts):
    report = assess(facts(), 1000.0, POLICY)
    assert (report.decision, report.verdict.verdict) == ("proceed", "PASS")
    assert report.asset_type == "validator perp"
    assert [row.status for row in report.rows] == ["ideal"] * 4
    assert report.verdict.policy_hash == POLICY.hash
    assert len(report.verdict.code_version) == 64


@pytest.mark.parametrize(
    ("changes", "decision", "verdict"),
    [
        ({"day_volume_usd": 10_000_001.0}, "proceed", "PASS"),
        ({"day_volume_usd": 1_000_001.0}, "proceed", "PASS"),
        ({"day_volume_usd": 1_000_000.0}, "paper_only", "NOT_YET"),
        ({"day_volume_usd": 500_000.0}, "paper_only", "NOT_YET"),
        ({"day_volume_usd": 499_999.0}, "reject", "FAIL"),
        ({"spread_bps": 10.1}, "proceed", "PASS"),
        ({"spread_bps": 5.1}, "proceed", "PASS"),
        ({"spread_bps": 5.0}, "paper_only", "NOT_YET"),
        ({"spread_bps": 3.01}, "paper_only", "NOT_YET"),
        ({"spread_bps": 3.0}, "reject", "FAIL"),
        ({"max_leverage": 10.0}, "proceed", "PASS"),
        ({"max_leverage": 3.0}, "proceed", "PASS"),
        ({"max_leverage": 2.0}, "paper_only", "NOT_YET"),
        ({"max_leverage": 1.0}, "reject", "FAIL"),
        ({"binance_symbol": None}, "proceed", "PASS"),
    ],
)
def test_every_tier_of_the_criteria_table(facts, changes, decision, verdict):
    report = assess(facts(**changes), 1000.0, POLICY)
    assert (report.decision, report.verdict.verdict) == (decision, verdict)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"day_volume_usd": 400_000.0}, "daily volume $400,000"),
        ({"day_volume_usd": 800_000.0, "binance_symbol": None}, "no Binance pair and low volume"),
        ({"max_leverage": 1.0}, "max leverage 1.0x"),
        ({"delisted": True}, "delisted"),
        ({"oi_cap_usd": 1e6, "open_interest_usd": 995e3}, "OI cap extremely low: $5,000 left"),
        ({"oi_cap_usd": 9999.0}, "OI cap extremely low"),
        ({"oi_cap_usd": 1e6, "open_interest_usd": 2e6}, "$0 left"),
    ],
)
def test_each_red_flag_rejects_with_its_reason(facts, changes, said):
    report = assess(facts(**changes), 1000.0, POLICY)
    assert (report.decision, report.verdict.verdict) == ("reject", "FAIL")
    assert said in report.reason
    assert said in " ".join(report.red_flags)


def test_room_of_ten_capitals_under_the_cap_is_enough(facts):
    report = assess(facts(oi_cap_usd=1e6, open_interest_usd=990e3), 1000.0, POLICY)
    assert report.decision == "proceed"


def test_an_unlisted_asset_cannot_be_onboarded():
    report = assess(MarketFacts.unlisted("NOPE", "test", 1), 1000.0, POLICY)
    assert (report.decision, report.verdict.verdict) == ("reject", "FAIL")
    assert "cannot onboard" in report.reason


def test_less_than_a_day_of_data_is_provisional(facts):
    report = assess(facts(hours_observed=0.6, spread_bps=0.4, day_volume_usd=3e5), 1000.0, POLICY)
    assert (report.decision, report.verdict.verdict) == ("paper_only", "NOT_YET")
    assert report.verdict.missing == ("23.4 h of market data",)
    assert report.verdict.more_hours == pytest.approx(23.4)
    assert "0.4 bps (provisional)" in [row.measured for row in report.rows]
    assert "a red flag if a full day agrees" in report.reason


def test_a_good_but_short_look_does_not_pass(facts):
    report = assess(facts(hours_observed=23.9), 1000.0, POLICY)
    assert (report.decision, report.verdict.verdict) == ("paper_only", "NOT_YET")


def test_a_volume_the_venue_states_rejects_without_a_day_of_our_own(facts):
    report = assess(
        facts(hours_observed=0.5, volume_hours=24.0, day_volume_usd=3e5), 1000.0, POLICY
    )
    assert report.decision == "reject"


@pytest.mark.parametrize("field", ["day_volume_usd", "spread_bps"])
def test_a_missing_value_holds(facts, field):
    report = assess(facts(**{field: None}), 1000.0, POLICY)
    assert (report.decision, report.verdict.verdict) == ("paper_only", "NO_DATA")
    assert len(report.verdict.missing) == 1


def test_a_builder_asset_is_named_by_its_origin(facts):
    assert assess(facts(asset="hyna:X"), 1000.0, POLICY).asset_type == "HIP-3 builder"
    assert assess(facts(only_isolated=True), 1000.0, POLICY).asset_type == "validator perp"


def test_a_listed_asset_without_a_price_is_refused(facts):
    with pytest.raises(ValueError, match="mark_px = 0"):
        facts(mark_px=0.0)


def test_nan_is_not_a_fact(facts):
    with pytest.raises(ValueError, match="spread_bps"):
        facts(spread_bps=float("nan"))
