"""A verdict as a desk reads it aloud."""

from typing import Any

from engine.gates.verdict import CriterionResult
from engine.gates.words import needed, sentence
from tests.gates.test_certainty import blocks, verdict

EDGE: dict[str, Any] = {
    "metric": "edge_bps",
    "title": "Edge",
    "unit": "bps",
    "value": 5.9,
    "direction": "higher",
    "minimum": 0.0,
    "target": 5.8,
    "fail": 0.0,
    "bound": 4.3,
    "lo": 2.9,
    "hi": 8.9,
    "verdict": "NOT_YET",
    "literal": "PASS",
    "more_hours": 140.0,
    "label": "target",
}
RATE = EDGE | {
    "metric": "fill_rate",
    "title": "Fill rate",
    "unit": "fills/h",
    "value": 12.0,
    "minimum": 10.0,
    "target": 30.0,
    "fail": 5.0,
    "bound": 10.0,
    "lo": 4.0,
    "hi": 20.0,
    "more_hours": 30.0,
}


def not_yet(*lines: dict[str, Any], more_hours: float = 0.0, **about: Any) -> str:
    results = [CriterionResult(**line) for line in lines]
    return sentence("NOT_YET", results, hours=36.0, more_hours=more_hours, **about)


def test_not_yet_names_hours_bounds_bar_forecast_rate_and_end():
    assert not_yet(EDGE, max_hours=168.0, fills_per_hour=10.0) == (
        "NOT YET after 36.0 h: edge 5.9 bps [2.9, 8.9] against a bar of 4.3 bps; about 140 more "
        "hours if that is the truth, at 10 fills per hour. If the truth is the bar: never. "
        "Paper ends after 7 d."
    )


def test_the_rate_and_the_end_are_those_of_the_evidence_and_the_gate():
    unsure = blocks(edge=4.3, sd=10.0, fills=12.0, hours=48)
    said = verdict(unsure, fills=576.0).words
    assert "at 12 fills per hour. If the truth is the bar: never. Paper ends after 7 d. By" in said
    assert "fills per hour" not in verdict(unsure, fills=None).words
    assert verdict(unsure, fills=float("nan")).words == verdict(unsure, fills=None).words


def test_hours_asked_for_anyway_stand_beside_the_forecast():
    said = not_yet(EDGE, more_hours=12.0, fills_per_hour=2.52)
    assert "; needs 12.0 more hours; about 140 more hours if that is the truth, at 2.5 fi" in said
    assert "Paper ends" not in said


def test_a_line_whose_fail_tier_lies_below_its_bar_may_end_at_the_bar():
    said = not_yet(RATE)
    assert said.endswith("; about 30 more hours if that is the truth.")
    assert not_yet(RATE, EDGE).endswith(
        "; about 140 more hours if that is the truth. If the truth is the bar: never."
    )


def test_a_line_whose_bounds_are_of_something_else_is_forecast_and_never_said_to_be_hopeless():
    said = not_yet(EDGE | {"metric": "sharpe", "lo": None, "hi": None, "more_hours": 60.0})
    assert said.endswith("; about 60 more hours if that is the truth.")


def test_a_value_that_will_never_do_has_no_forecast():
    said = not_yet(EDGE | {"value": 3.0, "more_hours": None}, fills_per_hour=10.0)
    assert said.endswith("; if that is the truth, waiting will not do.")
    assert "fills per hour" not in said


def test_a_value_short_of_its_bar_stays_so_however_sure_it_is():
    short = RATE | {"value": 8.0, "lo": 6.0, "hi": 9.9, "more_hours": 0.0, "label": "between"}
    assert not_yet(short).endswith("; if that is the truth, waiting will not do.")


def test_before_there_are_bounds_nothing_is_forecast():
    early = EDGE | {"lo": None, "hi": None, "more_hours": None}
    assert not_yet(early, more_hours=12.0).endswith("a bar of 4.3 bps; needs 12.0 more hours.")


def test_what_fails_lies_on_the_other_side_of_its_tier():
    higher = CriterionResult(**EDGE)
    lower = CriterionResult(**EDGE | {"direction": "lower", "inclusive": ("fail",)})
    assert needed(higher, "minimum", 4.3) == "> 4.3 bps"
    assert needed(higher, "fail", 0.0) == "< 0.0 bps"
    assert needed(lower, "fail", 0.0) == "≥ 0.0 bps"
    assert needed(higher, "target", None) == "–"
