"""`gangway report` as a user types it: on the terminal, into a file, and when it is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest

from engine.store.home import Home
from flows.cli import _run
from tests.reports.conftest import NOTE, SCRIPT, told

__all__ = ["told"]  # the store is a fixture of the pages' own tests

Gangway = Callable[..., "Done"]


class Done(NamedTuple):
    """What a command has left behind."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def gangway(
    told: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Gangway:
    def run(*words: str) -> Done:
        monkeypatch.setattr("sys.argv", ["gangway", "report", *words])
        return Done(_run(), *capsys.readouterr())

    return run


def flat(text: str) -> str:
    return " ".join(text.split())


def test_the_terminal_shows_sentence_looks_table_answers_and_hashes(gangway: Gangway) -> None:
    done = gangway("HYPE")
    assert done.returncode == 0, done.stderr
    said = flat(done.stdout)
    assert "HYPE · validation, attempt 2 PASS: as validation says." in said
    assert "NOT YET × 3, FAIL" in said
    assert "Edge 5.9 bps [2.9, 8.9] > 4.3 bps PASS PASS – > 0.0 bps > 5.8 bps < 0.0 bps" in said
    assert "It moves from stopped to derive" in said
    assert f"policy {'aa' * 6} config {'bb' * 6} code {'cc' * 6} evidence verdict-" in said


def test_what_people_have_written_is_no_markup(gangway: Gangway) -> None:
    said = flat(gangway("HYPE", "--gate", "prelive").stdout)
    assert f"{SCRIPT} decides approve" in said
    assert NOTE in said


def test_one_gate_may_be_asked_for(gangway: Gangway) -> None:
    said = gangway("HYPE", "--gate", "validation").stdout
    assert said.count("HYPE · ") == 2
    assert "HYPE · validation  FAIL: as validation says." in said


def test_html_is_written_to_a_file_and_named(gangway: Gangway, tmp_path: Path) -> None:
    path = tmp_path / "hype.html"
    done = gangway("HYPE", "--html", str(path))
    assert (done.returncode, done.stdout) == (0, f"{path}: 8 pages of HYPE\n")
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["GONE"], "'GONE' is not enrolled"),
        (["HYPE", "--gate", "ramp_25"], "gate 'ramp_25' has not judged this asset; viability"),
        (["HYPE", "--html", "/nowhere/at/all.html"], "/nowhere/at/all.html"),
    ],
)
def test_bad_input_is_refused_by_name(gangway: Gangway, words: list[str], said: str) -> None:
    done = gangway(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_nothing_is_reported_from_an_audit_that_was_changed(
    told: Home, gangway: Gangway, tmp_path: Path
) -> None:
    con = duckdb.connect(str(told.metrics))
    con.execute("UPDATE audit SET body = replace(body, 'FAIL', 'PASS') WHERE kind = 'verdict'")
    con.close()
    path = tmp_path / "hype.html"
    done = gangway("HYPE", "--html", str(path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "was edited or moved" in done.stderr
    assert not path.exists()
