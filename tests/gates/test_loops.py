import pytest

from engine.gates.loops import judge_loops
from engine.policy import load_policy

POLICY = load_policy()
ALIVE = {"own_fills": 4, "kappa_confidence": 0.02, "outcomes": 3, "calibration": 0.01}


@pytest.mark.parametrize("minutes", [5.0, 30.0, 45.0])
def test_three_living_loops_pass_as_soon_as_they_live(minutes):
    assert judge_loops(ALIVE, minutes, POLICY).verdict == "PASS"


@pytest.mark.parametrize("loop", list(ALIVE))
def test_a_loop_that_is_still_open_waits_for_half_an_hour_and_then_fails(loop):
    evidence = {**ALIVE, loop: 0}
    assert judge_loops(evidence, 29.9, POLICY).verdict == "NOT_YET"
    found = judge_loops(evidence, 30.0, POLICY)
    assert found.verdict == "FAIL"
    title = next(one.title for one in found.criteria if one.metric == loop)
    assert title.lower() in found.words


def test_a_market_without_a_fill_fails_by_name():
    found = judge_loops(dict.fromkeys(ALIVE, 0), 30.0, POLICY)
    assert found.verdict == "FAIL"
    assert "no fill in 30 minutes" in found.words


def test_a_session_that_was_never_sampled_has_no_data():
    assert judge_loops({}, 45.0, POLICY).verdict == "NO_DATA"


def test_broken_evidence_is_an_error():
    assert judge_loops({**ALIVE, "outcomes": "many"}, 45.0, POLICY).verdict == "ERROR"  # pyright: ignore
