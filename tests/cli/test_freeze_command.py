"""`gangway freeze` and `unfreeze`, as a user types them."""

import json
from pathlib import Path

import pytest

from engine.config import AssetSpec
from engine.runners.standing import onboarding, why_stopped
from engine.store.home import Home
from flows.cli import _run


@pytest.fixture
def gangway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("GANGWAY_HOME", str(tmp_path))
    with onboarding(Home(tmp_path)) as store:
        store.enroll(AssetSpec(asset="HYPE", capital_usd=1000), 1)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["gangway", *words])
        return (_run(), *capsys.readouterr())

    return run


def test_the_line_is_stopped_shown_and_let_go(gangway, tmp_path):
    code, said, _ = gangway("freeze", "venue upgrade", "--by", "Ada")
    assert (code, said) == (0, "the line is stopped by Ada: venue upgrade\n")
    assert why_stopped(Home(tmp_path)) == "venue upgrade (Ada)"
    _, shown, _ = gangway("status")
    assert "the line is stopped, and no capital rises: venue upgrade (Ada)" in shown
    _, shown, _ = gangway("status", "--json")
    assert [row["line_stopped"] for row in json.loads(shown)] == ["venue upgrade (Ada)"]
    assert gangway("unfreeze", "--by", "Bob")[:2] == (0, "the line goes on, says Bob\n")
    assert "stopped" not in gangway("status")[1]
    assert gangway("audit", "verify")[0] == 0


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["freeze", " ", "--by", "Ada"], "must say why the line is stopped"),
        (["freeze", "x", "--by", " "], "must name a person"),
        (["unfreeze", "--by", "Ada"], "the line is not stopped"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(gangway, words, complaint):
    code, _, said = gangway(*words)
    assert code == 2
    assert complaint in said
