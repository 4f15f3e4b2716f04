"""The audit, gate by gate: which looks stand together, and what is said to have followed them."""

import pytest

from engine.config import AssetSpec
from engine.onboarding.audit import Entry
from engine.reports.pages import pages
from engine.reports.table import about, hashes, rows
from engine.runners.standing import onboarding
from engine.store.home import Home
from tests.reports.conftest import BEGAN_NS, NOTE, SCRIPT, edge, look, step, verdict


def test_a_page_is_a_gate_on_one_evidence_clock_in_the_order_of_first_looks(
    entries: list[Entry],
) -> None:
    found = [(page.gate, page.attempt, len(page.looks)) for page in pages(entries)]
    assert found == [
        ("viability", 1, 1),
        ("derive", 1, 1),
        ("loops", 1, 1),
        ("validation", 1, 4),
        ("derive", 2, 1),
        ("loops", 2, 1),
        ("validation", 2, 4),
        ("prelive", 2, 1),
    ]


def test_every_verdict_of_the_audit_is_on_exactly_one_page(entries: list[Entry]) -> None:
    recorded = [entry.id for entry in entries if entry.kind == "verdict"]
    shown = [look.id for page in pages(entries) for look in page.looks]
    assert sorted(shown) == sorted(recorded)


def test_what_a_person_decided_about_a_stopped_asset_follows_the_gate_that_stopped_it(
    entries: list[Entry],
) -> None:
    first, second = pages(entries, "validation")
    said = [told.said for told in first.followed]
    assert len(said) == 4
    assert "It moves from validation to stopped" in said[0]
    assert "A person is asked in stopped: retune or extend or drop?" in said[1]
    assert said[2].startswith(f"{SCRIPT} decides retune")
    assert NOTE in said[2]
    assert "It moves from stopped to derive (version 6, attempt 2)" in said[3]
    assert [told.said.split(" (")[0] for told in second.followed] == [
        "It moves from validation to prelive"
    ]


def test_the_approval_stands_on_the_page_of_the_gate_it_opened(entries: list[Entry]) -> None:
    (prelive,) = pages(entries, "prelive")
    said = [told.said for told in prelive.followed]
    assert [words.split(" ")[0] for words in said] == ["A", SCRIPT.split(" ")[0], "It"]
    assert prelive.newest.verdict == "PASS"


def test_a_gate_that_only_watched_is_not_said_to_have_moved_anything(home: Home) -> None:
    with onboarding(home) as store:
        store.enroll(AssetSpec(asset="HYPE", capital_usd=1000), BEGAN_NS)
        look(store, verdict("day_1", "PASS"))
        step(store, verdict("viability", "PASS"), "PASS")
        watched, decided = pages(store.history("HYPE"))
    assert (watched.gate, watched.followed) == ("day_1", ())
    assert (decided.gate, len(decided.followed)) == ("viability", 1)


def test_an_unknown_gate_is_refused_with_those_that_have_judged(entries: list[Entry]) -> None:
    with pytest.raises(ValueError, match="'ramp_25' has not judged this asset; viability, derive,"):
        pages(entries, "ramp_25")
    with pytest.raises(ValueError, match="no gate has judged this asset yet"):
        pages([entry for entry in entries if entry.kind != "verdict"])


def test_a_row_names_every_number_its_tiers_and_both_verdicts() -> None:
    (row,) = rows(verdict())
    assert row == {
        "criterion": "Edge",
        "value": "5.9 bps",
        "bounds": "[2.9, 8.9]",
        "bar": "> 4.3 bps",
        "minimum": "> 0.0 bps",
        "target": "> 5.8 bps",
        "fail": "< 0.0 bps",
        "verdict": "NOT YET",
        "value alone": "PASS",
        "forecast": "about 140 more hours, if this is the truth",
        "note": "",
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"more_hours": None}, "never, if this is the truth"),
        ({"more_hours": None, "lo": None, "hi": None}, "–"),
        ({"verdict": "PASS"}, "–"),
        ({"verdict": "FAIL"}, "–"),
    ],
)
def test_a_forecast_is_of_lines_that_wait_and_of_no_others(
    changes: dict[str, object], said: str
) -> None:
    (row,) = rows(verdict(criteria=(edge(**changes),)))
    assert row["forecast"] == said


def test_a_line_without_a_value_is_empty_and_not_zero() -> None:
    empty = edge(value=None, lo=None, hi=None, verdict="NO_DATA", literal="NO_DATA")
    (row,) = rows(verdict(criteria=(empty,)))
    assert (row["value"], row["bounds"], row["verdict"]) == ("–", "–", "NO DATA")


def test_hours_and_hashes_are_named_where_there_are_any() -> None:
    assert about(verdict()) == "36.0 h of evidence, 24 h needed"
    assert about(verdict(hours=None)) == ""
    assert hashes(verdict(config_hash=None)) == {"policy": "aa" * 32, "code": "cc" * 32}
