"""The artifact of a gate says what its page says, in markdown that nobody can break out of."""

import pytest

from engine.gates.prelive import ChecklistItem
from engine.onboarding.store import AssetState
from engine.reports import table
from engine.runners.standing import onboarding
from engine.store.home import Home
from tasks.artifacts import brief, report
from tests.reports.conftest import NOTE, SCRIPT, edge, verdict


@pytest.fixture
def state(told: Home) -> AssetState:
    with onboarding(told) as store:
        return store.get("HYPE")


def test_the_sentence_comes_first_and_every_cell_of_the_page_follows(state: AssetState) -> None:
    lines = report(state, verdict()).split("\n\n")
    assert lines[0] == "## HYPE: validation – not yet"
    assert lines[1] == "NOT_YET: as validation says."
    assert lines[2].startswith("$1,000 on sim, stage ramp_25 (version 10, attempt 2), 36.0 h of ")
    (row,) = table.rows(verdict())
    header, rule, cells = lines[3].split("\n")
    assert header == f"| {' | '.join(row)} |"
    assert rule.count("---") == len(row)
    assert cells.replace("&gt;", ">").replace("&lt;", "<") == f"| {' | '.join(row.values())} |"
    assert lines[4] == f"`policy {'aa' * 6}` `config {'bb' * 6}` `code {'cc' * 6}`"


def test_what_failed_stands_out(state: AssetState) -> None:
    assert report(state, verdict(outcome="FAIL")).startswith("## HYPE: validation – **fail**")


def test_markup_in_a_note_is_text(state: AssetState) -> None:
    hostile = verdict(criteria=(edge(note=NOTE),), words=SCRIPT)
    item = ChecklistItem(text="funds", status="ticked", evidence=SCRIPT)
    for text in (report(state, hostile, (item,)), brief(hostile)):
        assert "<" not in text
        assert "&lt;script&gt;" in text
    row = report(state, hostile, (item,)).split("\n\n")[4].split("\n")[2]
    assert row.replace(r"\|", "").count("|") == len(table.rows(hostile)[0]) + 1
