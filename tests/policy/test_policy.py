import contextlib
import re
import shutil
from pathlib import Path

import pytest

from engine.policy import PolicyError, load_policy

SHIPPED = Path(__file__).resolve().parents[2] / "policy"
FILES = ("viability", "profiles", "risk", "paper", "ramp", "monitor", "symbols")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "policy"))


def edit(directory: Path, name: str, old: str, new: str) -> Path:
    path = directory / f"{name}.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return path


def test_the_shipped_policy_loads_and_its_hash_is_stable(copy):
    policy = load_policy()
    assert policy.hash == load_policy(copy).hash
    assert re.fullmatch(r"[0-9a-f]{64}", policy.hash)


def test_the_directory_may_come_from_the_environment(copy, monkeypatch):
    edit(copy, "risk", "fraction = 0.10", "fraction = 0.09")
    monkeypatch.setenv("GANGWAY_POLICY", str(copy))
    assert load_policy().risk.kill_tiers[0].fraction == 0.09


THRESHOLDS = [
    pytest.param(name, row.start(2), row.end(2), id=f"{name}-{row[1]}-{row.start()}")
    for name in FILES
    for row in re.finditer(
        r"^(\w+) = (-?[0-9][0-9_.]*)", (SHIPPED / f"{name}.toml").read_text(), re.M
    )
]


@pytest.mark.parametrize(("name", "start", "end"), THRESHOLDS)
def test_no_threshold_moves_without_a_new_hash(copy, name, start, end):
    path = copy / f"{name}.toml"
    text = path.read_text()
    number = float(text[start:end].replace("_", ""))
    before = load_policy(copy).hash
    for step in (0.01, -0.01):
        path.write_text(f"{text[:start]}{number + step * (abs(number) or 1.0)!r}{text[end:]}")
        with contextlib.suppress(PolicyError):  # refused: out of order or out of range
            assert load_policy(copy).hash != before


def test_a_reason_may_be_reworded_without_a_new_hash(copy):
    before = load_policy(copy).hash
    edit(copy, "risk", "half the margin stays free", "one half of the margin stays free")
    assert load_policy(copy).hash == before


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named_with_the_remedy(copy, name):
    (copy / f"{name}.toml").unlink()
    with pytest.raises(PolicyError, match=rf"{name}\.toml: cannot be read.*GANGWAY_POLICY"):
        load_policy(copy)


@pytest.mark.parametrize("name", FILES)
def test_broken_toml_is_named_with_its_line(copy, name):
    path = copy / f"{name}.toml"
    path.write_text(path.read_text() + "\n[broken\n")
    with pytest.raises(PolicyError, match=rf"{name}\.toml: broken TOML: .*line \d+"):
        load_policy(copy)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_number_that_is_not_finite_is_refused_by_name(copy, value):
    edit(copy, "risk", "fraction = 0.10", f"fraction = {value}")
    with pytest.raises(
        PolicyError, match=rf"risk\.toml: kill_tiers\.0\.fraction = {value}: .*finite"
    ):
        load_policy(copy)


def test_an_unknown_key_is_refused_by_name(copy):
    edit(copy, "risk", "fraction = 0.10", "fraction = 0.10\nfracton = 0.2\n")
    with pytest.raises(PolicyError, match=r"kill_tiers\.0\.fracton = 0\.2: unknown key.*delete it"):
        load_policy(copy)


def test_a_missing_row_is_refused_by_name(copy):
    edit(copy, "profiles", "gamma = 0.15\n", "")
    with pytest.raises(PolicyError, match=r"profiles\.toml: hip3\.gamma: this row is missing"):
        load_policy(copy)


def test_a_row_without_its_reason_is_refused(copy):
    path = copy / "risk.toml"
    path.write_text(re.sub(r'why = "[^"]*"\n', "", path.read_text(), count=1))
    with pytest.raises(PolicyError, match=r"sizing\.margin_safety\.why: this row is missing"):
        load_policy(copy)


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("paper", "value = 30.0", 'value = "30"', "loops_minutes.value = '30'"),
        ("paper", "fail = 5.0", "fail = 15.0", "bad to good"),
        ("paper", "min_hours = 48.0", "min_hours = 96.0", "must hold"),
        (
            "risk",
            "limit_usd = 500.0",
            "limit_usd = 9000.0",
            "kill_tiers: Value error, tiers must rise",
        ),
        ("risk", "fraction = 0.10", "fraction = 0.5", "kill_tiers.0.fraction = 0.5"),
        ("ramp", 'direction = "lower"', 'direction = "down"', "'lower'"),
        ("monitor", 'metric = "edge_calm_bps"', 'metric = "calm"', "a line for edge_calm_bps"),
        ("monitor", "value = 0.30", "value = 0.10", "0 < warn <= critical must hold"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(copy, name, old, new, said):
    edit(copy, name, old, new)
    with pytest.raises(PolicyError) as refused:
        load_policy(copy)
    assert said in str(refused.value)
    assert f"{name}.toml" in str(refused.value)


def test_unknown_classes_and_phases_are_refused_with_the_known_ones():
    policy = load_policy()
    with pytest.raises(ValueError, match="major, midcap, hip3, low_volume"):
        policy.paper.duration(["huge"])  # pyright: ignore
    with pytest.raises(ValueError, match="ramp_25, ramp_50, ramp_75, ramp_100"):
        policy.ramp.phase("ramp_30")
