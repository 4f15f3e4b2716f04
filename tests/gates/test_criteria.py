import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.gates.criteria import judge
from engine.gates.verdict import Verdict
from engine.policy import load_policy

POLICY = load_policy()
# the procedure's own reading; what must be sure besides is in test_certainty.py
GATE = POLICY.paper.validation_for(["midcap"]).model_copy(update={"evidence": "point"})
GOOD: dict[str, Any] = {
    "edge_bps": 5.9,
    "fill_rate": 31.0,
    "as_rate": 0.20,
    "as_null": 0.18,
    "sharpe": 4.0,
    "sharpe_se": 12.0,
    "kill_triggers": 0,
    "spread_ratio": 0.9,
    "calibration": 0.85,
    "filled_orders": 700,
}


def verdict(hours: float | None = 24.0, gate=GATE, **changes: Any) -> Verdict:
    return judge(
        gate,
        {**GOOD, **changes},
        asset="HYPE",
        ts_ns=1,
        policy_hash=POLICY.hash,
        config_hash="c",
        code_version="v",
        tape_hash=None,
        hours=hours,
    )


def line(found: Verdict, metric: str):
    return next(one for one in found.criteria if one.metric == metric)


def test_everything_at_target_after_the_minimum_passes():
    found = verdict()
    assert found.verdict == "PASS"
    assert [one.label for one in found.criteria[:7]] == ["target"] * 7
    assert found.words == (
        "PASS after 24.0 h: edge 5.9 bps against a bar of 2.3 bps, and every other line holds."
    )


def test_before_the_minimum_duration_nothing_passes_and_the_hours_are_named():
    found = verdict(hours=12.0)
    assert found.verdict == "NOT_YET"
    assert found.more_hours == 12.0
    assert found.missing == ("12.0 more hours of evidence",)
    assert found.words == (
        "NOT YET after 12.0 h: edge 5.9 bps against a bar of 2.3 bps; needs 12.0 more hours. "
        "Paper ends after 7 d."
    )


@pytest.mark.parametrize("metric", ["edge_bps", "fill_rate", "sharpe", "calibration"])
def test_a_bad_value_fails_only_after_the_minimum_duration(metric):
    assert verdict(hours=12.0, **{metric: -9.0}).verdict == "NOT_YET"
    assert verdict(hours=24.0, **{metric: -9.0}).verdict == "FAIL"


@pytest.mark.parametrize("hours", [0.1, 12.0, 24.0, 500.0])
def test_a_kill_switch_fails_at_any_hour(hours):
    assert verdict(hours=hours, kill_triggers=1).verdict == "FAIL"


@pytest.mark.parametrize(
    ("metric", "value", "outcome", "label"),
    [
        ("edge_bps", -0.01, "FAIL", "fail"),
        ("edge_bps", 0.0, "NOT_YET", "between"),
        ("edge_bps", 2.3, "NOT_YET", "between"),
        ("edge_bps", 2.31, "PASS", "minimum"),
        ("edge_bps", 3.81, "PASS", "target"),
        ("fill_rate", 4.99, "FAIL", "fail"),
        ("fill_rate", 5.0, "NOT_YET", "between"),
        ("fill_rate", 10.0, "NOT_YET", "between"),
        ("fill_rate", 10.1, "PASS", "minimum"),
        ("fill_rate", 30.1, "PASS", "target"),
        ("as_rate", 0.501, "FAIL", "fail"),
        ("as_rate", 0.50, "NOT_YET", "between"),
        ("as_rate", 0.40, "NOT_YET", "between"),
        ("as_rate", 0.399, "PASS", "minimum"),
        ("as_rate", 0.249, "PASS", "target"),
        ("sharpe", -0.1, "FAIL", "fail"),
        ("sharpe", 0.0, "NOT_YET", "between"),
        ("sharpe", 0.1, "PASS", "minimum"),
        ("sharpe", 1.1, "PASS", "target"),
        ("spread_ratio", 3.1, "FAIL", "fail"),
        ("spread_ratio", 2.0, "NOT_YET", "between"),
        ("spread_ratio", 1.9, "PASS", "minimum"),
        ("spread_ratio", 1.0, "PASS", "target"),
        ("calibration", 0.19, "FAIL", "fail"),
        ("calibration", 0.5, "NOT_YET", "between"),
        ("calibration", 0.51, "PASS", "minimum"),
        ("calibration", 0.81, "PASS", "target"),
        ("kill_triggers", 0, "PASS", "target"),
        ("kill_triggers", 1, "FAIL", "fail"),
        ("filled_orders", 99, "NOT_YET", "between"),
        ("filled_orders", 100, "PASS", "minimum"),
    ],
)
def test_every_tier_of_the_validation_table(metric, value, outcome, label):
    found = verdict(**{metric: value})
    assert (found.verdict, line(found, metric).verdict) == (outcome, outcome)
    assert line(found, metric).label == label


def test_the_edge_line_shows_the_haircut_and_the_procedures_own_bar():
    edge = line(verdict(edge_bps=2.0), "edge_bps")
    assert (edge.minimum, edge.bound) == (0.0, 2.3)
    assert edge.note == "less the paper-to-live haircut of 2.3 bps: -0.30; the procedure asks > 0"


def test_adverse_selection_is_shown_beside_its_null_rate_and_sharpe_beside_its_error():
    found = verdict()
    assert line(found, "as_rate").note == "18 % at random times: excess +2.0 points"
    assert line(found, "sharpe").note == "standard error 12.00"


@pytest.mark.parametrize("missing", [None, math.nan, np.nan])
@pytest.mark.parametrize("metric", [one.metric for one in GATE.criteria])
def test_missing_evidence_holds(metric, missing):
    found = verdict(**{metric: missing})
    assert found.verdict == "NO_DATA"
    assert line(found, metric).verdict == "NO_DATA"
    assert line(found, metric).title in found.missing


def test_a_failure_speaks_louder_than_missing_evidence():
    assert verdict(edge_bps=None, fill_rate=1.0).verdict == "FAIL"


def test_a_line_that_is_empty_before_its_hours_waits_with_the_gate():
    found = verdict(hours=0.58, sharpe=None)
    assert found.verdict == "NOT_YET"
    assert found.missing == ("23.4 more hours of evidence", "Sharpe ratio")


@pytest.mark.parametrize("hours", [None, 0.0])
def test_a_gate_without_a_clock_has_no_data(hours):
    assert verdict(hours=hours).verdict == "NO_DATA"
    assert "hours of evidence" in verdict(hours=hours).missing[0]
    assert verdict(hours=hours, **dict.fromkeys(GOOD)).verdict == "NO_DATA"


@pytest.mark.parametrize("broken", ["5.9", math.inf, -math.inf, True, [1.0], 1j])
def test_malformed_evidence_is_an_error_that_names_it(broken):
    found = verdict(fill_rate=broken)
    assert found.verdict == "ERROR"
    assert "fill_rate" in found.words


def test_evidence_that_is_no_table_is_an_error():
    found = judge(
        GATE, None, asset="X", ts_ns=1, policy_hash="", config_hash=None,  # pyright: ignore
        code_version="", tape_hash=None, hours=30.0,
    )  # fmt: skip
    assert found.verdict == "ERROR"


def test_what_is_short_is_named_with_its_amount():
    assert ramp("ramp_25", filled_orders=10).missing == ("140 more filled orders",)
    assert (
        "PnL over its standard error 0.40 against a bar of 1.00"
        in ramp("ramp_75", sharpe=2.0).words
    )


@pytest.mark.parametrize("hours", [math.nan, -1.0, math.inf, "24"])
def test_a_broken_clock_never_passes(hours):
    assert verdict(hours=hours).verdict == "ERROR"


def test_numbers_of_the_store_are_numbers():
    assert verdict(edge_bps=np.float64(5.9), filled_orders=np.int64(700)).verdict == "PASS"


def test_an_undecided_gate_asks_a_person_at_its_maximum_duration():
    found = verdict(hours=168.0, fill_rate=8.0)
    assert found.verdict == "FAIL"
    assert "fill rate 8.0 fills/h against a bar of 10.0 fills/h" in found.words
    assert "a person chooses to extend, retune or drop" in found.words
    assert verdict(hours=167.9, fill_rate=8.0).verdict == "NOT_YET"


def test_a_gate_that_was_extended_waits_again():
    assert verdict(hours=170.0, gate=GATE.extended(72.0), fill_rate=8.0).verdict == "NOT_YET"


def test_the_maximum_duration_is_no_verdict_on_missing_evidence():
    assert verdict(hours=500.0, sharpe=None).verdict == "NO_DATA"


values = st.one_of(st.none(), st.floats(), st.text(max_size=3))


@given(
    st.fixed_dictionaries({one.metric: values for one in GATE.criteria}),
    st.one_of(st.none(), st.floats()),
)
def test_any_evidence_gets_a_verdict_and_only_whole_evidence_passes(evidence, hours):
    found = judge(
        GATE, evidence, asset="X", ts_ns=1, policy_hash="", config_hash=None,
        code_version="", tape_hash=None, hours=hours,
    )  # fmt: skip
    assert found.words
    if found.verdict == "PASS":
        assert hours is not None
        assert hours >= GATE.min_hours
        assert all(one.verdict == "PASS" and one.value is not None for one in found.criteria)


@given(st.floats(-50, 50), st.floats(0, 50))
def test_a_better_edge_never_gets_a_worse_verdict(edge, more):
    rank = ["FAIL", "NOT_YET", "PASS"]
    before, after = verdict(edge_bps=edge), verdict(edge_bps=edge + more)
    assert rank.index(after.verdict) >= rank.index(before.verdict)


RAMP: dict[str, Any] = {
    "edge_bps": 1.5,
    "sharpe": 9.0,
    "sharpe_se": 5.0,
    "as_rate": 0.2,
    "as_null": 0.1,
    "kill_triggers": 0,
    "fills_last_hour": 3,
    "filled_orders": 900,
    "positive_days": 6,
    "days": 7,
    "calibration": 0.9,
    "edge_first_half_bps": 1.0,
    "edge_second_half_bps": 0.5,
}


def ramp(stage: str, hours: float | None = None, **changes: Any) -> Verdict:
    gate = POLICY.ramp.phase(stage).gate.model_copy(update={"evidence": "point"})
    return judge(
        gate, {**RAMP, **changes}, asset="X", ts_ns=1, policy_hash="", config_hash=None,
        code_version="", tape_hash=None, hours=gate.min_hours if hours is None else hours,
    )  # fmt: skip


@pytest.mark.parametrize("stage", ["ramp_25", "ramp_50", "ramp_75", "ramp_100"])
def test_every_phase_passes_on_good_evidence_and_not_an_hour_early(stage):
    assert ramp(stage).verdict == "PASS"
    assert ramp(stage, hours=POLICY.ramp.phase(stage).gate.min_hours - 1).verdict == "NOT_YET"


@pytest.mark.parametrize(
    ("stage", "changes", "outcome"),
    [
        ("ramp_25", {"edge_bps": 0.0}, "NOT_YET"),
        ("ramp_25", {"edge_bps": -0.1}, "FAIL"),
        ("ramp_25", {"kill_triggers": 1}, "FAIL"),
        ("ramp_25", {"fills_last_hour": 0}, "NOT_YET"),
        ("ramp_25", {"filled_orders": 149}, "NOT_YET"),
        ("ramp_50", {"edge_bps": 1.0}, "NOT_YET"),
        ("ramp_50", {"edge_bps": -0.1}, "FAIL"),
        ("ramp_50", {"sharpe": 0.0}, "NOT_YET"),
        ("ramp_50", {"sharpe": -30.0}, "NOT_YET"),  # it never demotes
        ("ramp_50", {"as_rate": 0.35}, "NOT_YET"),
        ("ramp_50", {"as_rate": 0.51}, "FAIL"),
        ("ramp_75", {"positive_days": 4, "days": 5}, "PASS"),
        ("ramp_75", {"positive_days": 4, "days": 6}, "NOT_YET"),
        ("ramp_75", {"positive_days": 4, "days": 4}, "NOT_YET"),
        ("ramp_75", {"days": 0}, "NO_DATA"),
        ("ramp_75", {"sharpe": 5.0}, "NOT_YET"),  # t = 1
        ("ramp_75", {"calibration": 0.60}, "NOT_YET"),
        ("ramp_100", {"edge_second_half_bps": -0.5}, "NOT_YET"),
        ("ramp_100", {"edge_second_half_bps": -1.5}, "FAIL"),
        ("ramp_100", {"edge_first_half_bps": None}, "NO_DATA"),
    ],
)
def test_what_holds_and_what_steps_down_in_each_phase(stage, changes, outcome):
    assert ramp(stage, **changes).verdict == outcome


def test_a_gate_that_asks_for_bounds_takes_no_sampled_line_at_its_word():
    """A value of which nothing is sure is no data, and what is counted needs no bounds."""
    bound = POLICY.paper.validation_for(["midcap"])
    found = judge(
        bound, GOOD, asset="X", ts_ns=1, policy_hash="", config_hash=None, code_version="",
        hours=48.0, certain={},
    )  # fmt: skip
    sampled = {"edge_bps", "fill_rate", "as_rate", "sharpe", "spread_ratio"}
    assert {one.metric for one in found.criteria if one.verdict == "NO_DATA"} == sampled
    assert {one.literal for one in found.criteria if one.metric in sampled} == {"PASS"}
    assert (found.verdict, found.literal) == ("NO_DATA", "PASS")
