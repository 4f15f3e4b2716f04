"""`gangway replay`, `compare` and `gap` as a user types them."""

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.policy import load_policy
from engine.runners.replaying import Market
from engine.runners.variants import ground
from flows import cli

Says = Callable[..., str]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """HYPE's derived config in a file: deriving it anew takes seconds."""
    made = ground(Market(asset="HYPE", hours=1), 1000.0, load_policy()).config
    assert made is not None
    path = tmp_path_factory.mktemp("config") / "hype.json"
    path.write_text(made.model_dump_json())
    return path


@pytest.fixture
def gangway(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Says:
    def run(line: str, code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["gangway", *shlex.split(line)])
        got = cli._run()
        out, err = capsys.readouterr()
        assert got == code, (out, err)
        return err if code else out

    return run


def test_a_replay_shows_the_band_side_by_side(gangway: Says, config: Path) -> None:
    told = json.loads(gangway(f"replay HYPE --hours 2 --config {config} --json"))
    assert [one["spec"]["name"].split()[-1] for one in told] == [
        "pessimistic", "realistic", "optimistic",
    ]  # fmt: skip
    fills = [one["total"]["fills"] for one in told]
    assert all(fills)  # each drives a maker of its own: the band orders fills of the same requests
    shown = gangway(f"replay HYPE --hours 2 --config {config}")
    for one in told:
        row = next(line for line in shown.splitlines() if line.split()[:2] == ["HYPE", one_of(one)])
        assert f"{one['total']['fills']:,}" in row.split()
    assert "times real time" in shown
    assert "stopped" not in shown  # none was


def one_of(told: dict[str, Any]) -> str:
    return told["spec"]["name"].split()[-1]


def test_a_grid_has_a_row_for_every_combination(gangway: Says, config: Path) -> None:
    line = f"replay HYPE --hours 1 --config {config} --set gamma=0.2,0.6 --models power --json"
    told = json.loads(gangway(line))
    assert [one["spec"]["config"]["gamma"] for one in told] == [0.2, 0.6]
    assert {one["spec"]["rules"]["fill_model"] for one in told} == {"power"}
    shown = gangway(line.removesuffix(" --json"))
    assert "HYPE gamma=0.2 power" in shown
    assert "HYPE gamma=0.6 power" in shown


def test_a_config_that_was_printed_is_one_that_can_be_given(
    gangway: Says, config: Path, tmp_path: Path
) -> None:
    line = "replay HYPE --hours 1 --models pessimistic --json --config"
    first = json.loads(gangway(f"{line} {config}"))
    again = tmp_path / "again.json"
    again.write_text(json.dumps(first[0]["spec"]["config"]))
    second = json.loads(gangway(f"{line} {again}"))
    assert first[0]["total"] == second[0]["total"]


def test_a_difference_is_said_in_words(gangway: Says, config: Path) -> None:
    line = f"compare HYPE --hours 8 --a gamma=0.05 --b gamma=0.6 --set levels=1 --a-config {config}"
    told = json.loads(gangway(f"{line} --b-config {config} --json"))
    assert (told["a"]["gamma"], told["b"]["gamma"], told["a"]["levels"]) == (0.05, 0.6, 1)
    assert [one["measure"] for one in told["differences"]] == [
        "edge at 5 s", "profit per notional", "profit", "fill rate",
    ]  # fmt: skip
    shown = gangway(f"{line} --b-config {config}")
    for one in told["differences"]:
        assert f"{one['measure']}: {one['words']}" in " ".join(shown.split())
    assert "HYPE: 8 hours" in shown


def test_two_venues_can_be_compared(gangway: Says, config: Path) -> None:
    sides = "--a venue.latency_ms=0 --b venue.latency_ms=2000 --b venue.fill_model=optimistic"
    line = f"compare HYPE --hours 1 {sides} --a-config {config} --b-config {config}"
    told = json.loads(gangway(f"{line} --json"))
    assert told["b"]["venue.fill_model"] == "optimistic"
    assert all("hours with something" in one["words"] for one in told["differences"])


def test_the_parts_of_the_gap_are_shown_beside_the_policy(gangway: Says, config: Path) -> None:
    line = f"gap HYPE --hours 8 --warm-hours 1 --config {config}"
    told = json.loads(gangway(f"{line} --json"))
    assert len(told) == 1
    shown = gangway(line)
    for row in told[0]["rows"]:
        assert row["part"] in shown
    assert "The policy assumes 4.3 bps" in shown


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("replay HYPE --set gama=1", ["gama", "did you mean gamma"]),
        ("replay HYPE --set gamma", ["'gamma'", "key=value"]),
        ("replay HYPE --set gamma=-1 --config {config}", ["gamma", "greater than 0", "-1"]),
        ("replay HYPE --models best", ["models", "'best'", "pessimistic"]),
        ("replay HYPE --hours -1 --config {config}", ["hours", "-1"]),
        ("replay HYPE --hours 1 --jobs 0 --config {config}", ["jobs", "0"]),
        ("replay HYPPE --hours 1", ["HYPPE", "did you mean HYPE"]),
        ("replay BTC --hours 1 --config {config}", ["BTC", "HYPE"]),
        ("replay gone.tape", ["gone.tape", "gangway tape import"]),
        ("replay HYPE --config gone.toml", ["gone.toml"]),
        ("replay HYPE --scenario moon --hours 1 --config {config}", ["moon", "thin-hip3"]),
        ("compare HYPE --a gamma=0.2,0.4", ["2 configs", "one"]),
        ("compare HYPE --a venue.latncy_ms=1", ["did you mean venue.latency_ms"]),
        ("gap HYPE --hours 1 --config {config}", ["warm_hours", "below 1"]),
    ],
)
def test_bad_input_is_refused_by_field_value_and_remedy(
    gangway: Says, config: Path, line: str, said: list[str]
) -> None:
    error = gangway(line.format(config=config), code=2)
    assert error.strip().startswith("error: ")
    for word in said:
        assert word in error
