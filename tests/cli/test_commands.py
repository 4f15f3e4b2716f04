"""The command as a user types it: a process of its own, its output, its exit code."""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.config import AssetSpec
from engine.store.home import Home

ROOT = Path(__file__).parents[2]
EXAMPLE = (
    "derive HYPE --capital-usd 200 --profile hip3 --mark-px 20 --available-margin 200 "
    "--max-leverage 5 --fee-bps 1.5 --json"
)


def gangway(line: str, home: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    import os

    where = {"GANGWAY_HOME": str(home)} if home else {}
    return subprocess.run(
        [sys.executable, "-m", "flows.cli", *line.split()],
        capture_output=True, text=True, check=False, cwd=ROOT, env=os.environ | where | env,
    )  # fmt: skip


def answer(line: str, home: Path | None = None) -> Any:
    done = gangway(line, home)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refusal(line: str, home: Path | None = None, **env: str) -> str:
    done = gangway(line, home, **env)
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert done.stdout == ""
    return done.stderr


def test_the_procedures_example_is_reproduced_to_the_last_digit() -> None:
    derived = answer(EXAMPLE)
    expected = {
        "max_from_capital": 10.0, "max_from_margin": 25.0, "max_position": 10.0, "min_order": 0.575,
        "viable": True, "risk_aversion": 0.15, "target_liquidity": 3.0, "max_bps_diff": 3,
    }  # fmt: skip
    assert {name: derived[name] for name in expected} == expected


def test_what_is_not_given_is_asked_of_the_venue() -> None:
    derived = answer("derive HYPE --capital-usd 200 --json")
    assert derived["profile"] == "hip3"
    assert 30 < derived["mark_px"] < 50  # the simulated HYPE
    assert math.isclose(derived["max_from_capital"], 200 / derived["mark_px"])


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom flows.cli import app\n"
        "heavy = {'prefect', 'numba', 'polars', 'duckdb', 'numpy', 'pydantic'} & set(sys.modules)\n"
        "print(sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("derive HYPE --capital-usd -5", ["capital_usd", "greater than 0", "-5"]),
        ("derive HYPE --capital-usd nan", ["capital_usd", "finite"]),
        ("derive HY/PE --capital-usd 5", ["asset", "HY/PE"]),
        ("derive HYPE --capital-usd 200 --profile hip3 --mark-px 0 --available-margin 1 "
         "--max-leverage 1", ["mark_px", "greater than 0"]),
        ("viability HYPPE", ["HYPPE", "did you mean HYPE"]),
        ("viability HYPE --venue moon", ["moon", "testnet"]),
        ("viability HYPE --scenario moon", ["moon", "thin-hip3"]),
        ("viability HYPE --tape nowhere.tape", ["nowhere.tape", "gangway tape import"]),
        ("tape info nowhere.tape", ["nowhere.tape"]),
        ("tape import nowhere out.tape", ["nowhere", "must exist"]),
        ("rehearse HYPE --days -1", ["days", "-1"]),
    ],
)  # fmt: skip
def test_bad_input_is_refused_by_field_value_and_remedy(
    line: str, said: list[str], tmp_path: Path
) -> None:
    error = refusal(line, tmp_path)
    for word in said:
        assert word in error


def test_broken_policy_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "viability.toml").write_text("volume = [broken")
    error = refusal("viability HYPE", GANGWAY_POLICY=str(tmp_path))
    assert "viability.toml" in error or str(tmp_path) in error


def test_status_and_checklist_show_what_is_stored(tmp_path: Path) -> None:
    from engine.runners.standing import onboarding

    home = Home(tmp_path)
    with onboarding(home) as store:
        store.enroll(AssetSpec(asset="HYPE", capital_usd=1000), now_ns=1)
    assert [(row["asset"], row["stage"]) for row in answer("status --json", tmp_path)] == [
        ("HYPE", "viability")
    ]
    lines = answer("checklist HYPE --json", tmp_path)
    assert len(lines) == 14
    assert [line["text"] for line in lines if line["status"] == "ticked"] == [
        "Multi-asset coordination configured (if adding to portfolio)"
    ]
    assert "GONE" in refusal("checklist GONE", tmp_path)


def test_a_tampered_audit_is_shouted_about(tmp_path: Path) -> None:
    import duckdb

    from engine.runners.standing import onboarding

    home = Home(tmp_path)
    with onboarding(home) as store:
        store.enroll(AssetSpec(asset="HYPE", capital_usd=1000), now_ns=1)
        store.note("HYPE", {"said": "hello"}, 2)
    con = duckdb.connect(str(home.metrics))
    con.execute("update audit set body = replace(body::varchar, 'hello', 'bye')::json")
    con.close()
    assert "audit" in refusal("status", tmp_path).lower()


def test_the_simulated_venue_lists_assets_and_dexes() -> None:
    assert "hyna" in {row["name"] for row in answer("dexs --json")}
    rows = {row["asset"]: row for row in answer("assets --dex hyna --json")}
    assert set(rows) == {"hyna:BTC", "hyna:LIT"}


def test_tape_info_reads_as_an_account_of_the_recording(tmp_path: Path) -> None:
    from engine.events import LEVEL, TRADE
    from engine.sim.market import HOUR_NS
    from engine.sim.universe import market_of
    from engine.store.tape import write_tape
    from engine.store.tape_facts import TapeMeta

    events = market_of("HYPE", None, 7, 490_000 * HOUR_NS).chunk(0)
    events = events[(events["kind"] == LEVEL) | (events["kind"] == TRADE)]
    for clock in ("ts_ns", "recv_ns"):
        events[clock] -= events[clock] % 1000  # a tape keeps microseconds
    meta = TapeMeta(asset="HYPE", venue="sim", source="test", px_decimals=4, sz_decimals=2)
    write_tape(tmp_path / "hype.tape", [events], meta, dropped={"made_up": 3})
    done = gangway(f"tape info {tmp_path / 'hype.tape'}")
    assert done.returncode == 0, done.stderr
    for said in ("tape of HYPE", "gaps over 5 s", "dropped: made_up", "3 rows", "locked books"):
        assert said in done.stdout
    told = answer(f"tape info {tmp_path / 'hype.tape'} --json")
    assert told["dropped"] == {"made_up": 3}
