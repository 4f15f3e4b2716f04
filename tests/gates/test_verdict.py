import itertools

import pytest
from pydantic import ValidationError

from engine.gates.verdict import CriterionResult, worst

ORDER = ["FAIL", "ERROR", "NO_DATA", "NOT_YET", "PASS"]


@pytest.mark.parametrize("pair", list(itertools.product(ORDER, repeat=2)))
def test_the_worse_of_two_outcomes_speaks(pair):
    assert worst(pair) == min(pair, key=ORDER.index)


def test_nothing_at_all_is_no_data():
    assert worst([]) == "NO_DATA"


def test_a_value_that_is_not_finite_cannot_be_stored():
    with pytest.raises(ValidationError, match="value"):
        CriterionResult(
            metric="edge_bps",
            unit="bps",
            value=float("nan"),
            direction="higher",
            minimum=0.0,
            bound=0.0,
            verdict="PASS",
            label="minimum",
        )
