"""`gangway screen`: a universe in order, from a simulation, a snapshot or a server."""

import json
import math
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from engine.policy import load_policy
from engine.runners.screening import Screening, screen, snapshot_rows
from flows.cli import app

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("GANGWAY_DATA", ROOT.parent / "shared" / "data")) / "hl_snapshots"


def gangway(*words: str) -> str:
    done = CliRunner().invoke(app, words, env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    return done.stdout


def context(px: str, volume: str) -> dict[str, Any]:
    return {"markPx": px, "dayNtlVlm": volume, "openInterest": "5.0", "funding": "0.0000125"}


ANSWER = json.dumps(
    [
        {
            "universe": [
                {"name": "THIN", "szDecimals": 1, "maxLeverage": 5},
                {"name": "OLD", "szDecimals": 1, "maxLeverage": 5, "isDelisted": True},
                {"name": "BUSY", "szDecimals": 2, "maxLeverage": 10},
            ]
        },
        [context("2.0", "1200000.0"), context("1.0", "0.0"), context("40.0", "9000000.0")],
    ]
).encode()


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    (tmp_path / "metaAndAssetCtxs_main.json").write_bytes(ANSWER)
    return tmp_path


@pytest.fixture
def server() -> Iterator[str]:
    class Venue(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(ANSWER)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Venue) as http:
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def order(found: Screening) -> list[str]:
    return [one.asset for one in found.ranked]


def test_the_simulated_universe_is_ranked_and_the_weakest_link_is_named() -> None:
    found = screen("sim", 1000.0, load_policy(), assets=("DUST", "BAIT", "HYPE", "GONE"))
    assert order(found)[0] == "HYPE"  # the only one whose data pass
    by_asset = {one.asset: one for one in found.ranked}
    assert by_asset["HYPE"].economics.verdict.passed
    # the table lets the bait through, its data do not
    assert by_asset["BAIT"].decision == "proceed"
    assert by_asset["BAIT"].economics.verdict.verdict == "FAIL"
    assert by_asset["DUST"].economics.verdict.verdict == "FAIL"
    assert found.notes == ("1 delisted left out",)


def test_a_snapshot_has_no_trades_so_no_margin_and_says_so(snapshot: Path) -> None:
    found = json.loads(gangway("screen", "--snapshots", str(snapshot), "--json"))
    assert [one["asset"] for one in found["ranked"]] == ["BUSY", "THIN"]
    for one in found["ranked"]:
        assert one["decision"] == "paper_only"
        assert one["economics"]["verdict"]["verdict"] == "NO_DATA"
        assert one["economics"]["usd_per_waiting_day"] is None
    assert "1 delisted left out" in found["notes"]


def test_one_table_is_printed_for_a_person(snapshot: Path) -> None:
    said = gangway("screen", "--snapshots", str(snapshot))
    assert said.index("BUSY") < said.index("THIN")
    assert "net margin: no data" in said
    assert "OLD" not in said


def test_a_server_is_ranked_as_its_snapshot(server: str, snapshot: Path) -> None:
    policy = load_policy()
    asked = screen(server, 1000.0, policy)
    recorded = screen("sim", 1000.0, policy, snapshots=snapshot)
    assert order(asked) == order(recorded) == ["BUSY", "THIN"]
    assert asked.universe == server


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"assets": ("HYPPE",)}, r"HYPPE.*did you mean HYPE"),
        ({"capital_usd": -5.0, "assets": ("HYPE",)}, r"capital_usd"),
        ({"capital_usd": math.nan, "assets": ("HYPE",)}, r"capital_usd"),
        ({"venue": "moon"}, r"moon.*testnet"),
        ({"snapshots": Path("nowhere")}, r"snapshots = nowhere.*metaAndAssetCtxs"),
    ],
)
def test_what_cannot_be_screened_is_one_clear_error(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        screen(**{"venue": "sim", "capital_usd": 1000.0, "policy": load_policy()} | asked)


def test_a_file_that_is_no_snapshot_is_named(tmp_path: Path) -> None:
    bad = tmp_path / "metaAndAssetCtxs_bad.json"
    bad.write_text('[{"universe": []}]')
    with pytest.raises(RuntimeError, match=r"metaAndAssetCtxs_bad\.json"):
        snapshot_rows(tmp_path)


def test_the_recorded_universe_of_the_venue_is_ranked_by_volume() -> None:
    if not DATA.exists():
        pytest.skip("recorded snapshots not found; set GANGWAY_DATA")
    found = screen("sim", 1000.0, load_policy(), snapshots=DATA)
    volumes = [one.day_volume_usd or 0.0 for one in found.ranked]
    assert len(volumes) > 200
    assert volumes == sorted(volumes, reverse=True)
    assert {one.economics.verdict.passed for one in found.ranked} == {False}


def test_viability_shows_what_the_data_promise_beside_its_table() -> None:
    said = gangway("viability", "BAIT")
    assert "from its own data" in said
    assert "The table says PASS, the data say FAIL" in " ".join(said.split())
