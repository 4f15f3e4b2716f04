"""A tape held against its own account, and the same from the command line."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from engine.events import BUY, LAST, LEVEL, SELL, SNAPSHOT, TRADE, Event
from engine.store.tape import tape_info, write_tape
from engine.store.tape_columns import OPTIONS, SCHEMA
from engine.store.tape_facts import KEY, TapeError, TapeMeta
from engine.store.tape_seal import seal
from engine.store.tape_verify import verify_tape
from flows.tape_cli import tape_app

ROOT = Path(__file__).parents[2]
META = TapeMeta(asset="BTC", venue="hyperliquid", source="test", px_decimals=1, sz_decimals=5)
START_NS = 1_757_015_216_000_000_000
SECOND = 1_000_000_000


@pytest.fixture
def path(tmp_path):
    """A minute of books, one of them locked, with a gap of ten seconds, and a trade after each."""
    rows = []
    for i in range(60):
        recv = START_NS + (i + 10 * (i > 30)) * SECOND
        ask = 10.0 if i == 7 else 10.1
        rows += [
            (LEVEL, BUY, SNAPSHOT, recv, recv, 10.0, 1.0, 0, 0, 0.0),
            (LEVEL, SELL, LAST, recv, recv, ask, 1.0, 0, 0, 0.0),
            (TRADE, BUY, 0, recv - 2 * SECOND * (i == 9), recv, ask, 0.5, i, i, 0.0),
        ]
    write_tape(tmp_path / "a.tape", [np.array(rows, Event.dtype)], META, dropped={"torn": 2})
    return tmp_path / "a.tape"


def retold(path, **facts):
    """Give a tape another account of the same rows."""
    with pq.ParquetFile(path) as old:
        table, account = old.read(), json.loads(old.metadata.metadata[KEY.encode()])
    with pq.ParquetWriter(path, SCHEMA, **OPTIONS) as writer:
        writer.write_table(pa.table(table.columns, schema=SCHEMA))
        writer.add_key_value_metadata({KEY: json.dumps(account | facts)})
    seal(path)


def told(*words):
    """What a command says."""
    done = CliRunner().invoke(tape_app, list(map(str, words)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_tape_that_is_as_it_says_is_confirmed(path):
    info = tape_info(path)
    assert verify_tape(path) == verify_tape(path, info.sha256.upper()) == info
    assert (info.locked_books, len(info.gaps), info.disorder["trade"]) == (1, 1, 1)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"events": 7}, "events must be 180, by its rows; the footer says 7"),
        ({"counts": {"level": 121, "trade": 60}}, "counts must be .*120"),
        ({"first_ns": START_NS - SECOND}, "first_ns must be"),
        ({"last_ns": START_NS + 900 * SECOND}, "last_ns must be"),
        ({"hours": 1.0}, "hours must be"),
        ({"books": 61}, "books must be 60"),
        ({"spread_bps_median": 1.0}, "spread_bps_median must be 99"),
        ({"spread_bps_mean": None}, "spread_bps_mean must be"),
        ({"locked_books": 0}, "locked_books must be 1"),
        ({"gaps": []}, r"gaps must be \(Gap"),
        ({"max_gap_s": 1.0}, "max_gap_s must be 11.0"),
        ({"disorder": {}}, "disorder must be"),
        ({"events_sha256": "0" * 64}, "events_sha256 must be"),
    ],
)
def test_an_account_that_is_not_of_the_rows_is_refused(path, facts, words):
    retold(path, **facts)
    with pytest.raises(TapeError, match=words):
        verify_tape(path)


def test_another_file_than_was_expected_is_refused(path):
    known = tape_info(path).sha256
    retold(path, dropped={})
    assert verify_tape(path).dropped == {}  # its rows cannot tell
    with pytest.raises(TapeError, match=f"SHA-256 must be {known}, was"):
        verify_tape(path, known)


def test_the_command_prints_both_hashes(path):
    info = tape_info(path)
    said = told("verify", path, "--sha256", info.sha256)
    assert info.sha256 in said and info.events_sha256 in said
    assert json.loads(told("verify", path, "--json"))["events_sha256"] == info.events_sha256


def test_the_command_fails_in_one_line(path):
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", "tape", "verify", path, "--sha256", "0" * 64],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith(f"error: {path}: SHA-256 must be 0000")


def test_the_command_shows_gaps_version_and_hash(path):
    said = " ".join(told("info", path).replace("│", " ").split())
    for words in ("gaps over 5 s", "11.0 s from 2025-09-04 19:47:26", "version 2"):
        assert words in said
    assert tape_info(path).events_sha256[:16] in said


def test_the_command_hands_a_tape_to_hftbacktest(path, tmp_path):
    said = told("export", path, tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as file:
        assert f"{len(file['data']):,} rows" in said
