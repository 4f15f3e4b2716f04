import signal
import subprocess
import sys

import orjson
import pytest

from engine.store.ingest import ingest
from engine.store.metrics import Metrics
from engine.store.spool import Spool
from tests.store.conftest import make_row

# Takes in one spool in small bites, says so after each, and lives until it is killed or done.
INGESTER = """
import sys
from pathlib import Path
from engine.store.home import Home
from engine.store.ingest import _ingest_spool
from engine.store.metrics import Metrics
home = Home(Path(sys.argv[1]))
with Metrics.open(home) as metrics:
    for done in _ingest_spool(metrics.con, home.spool("r"), 1 << 15):
        print(done, flush=True)
"""


class BreakingConnection:
    """A connection that dies at its first COMMIT, as a crash between insert and commit would."""

    def __init__(self, con):
        self._con = con

    def execute(self, sql, *args):
        if sql == "COMMIT":
            raise OSError("power cut")
        return self._con.execute(sql, *args)

    def __getattr__(self, name):
        return getattr(self._con, name)


def _sample_of(equity_usd):
    """Return a line that is faultless but for its equity."""
    line = orjson.dumps({"seq": 9, "kind": "sample"} | make_row("sample", equity_usd=7.25))
    return line.replace(b"7.25", equity_usd.encode())


def write(path, rows):
    with Spool.open(path) as spool:
        for seq, (kind, row) in enumerate(rows):
            spool.append(kind, row, seq=seq)


def count(metrics, table):
    return metrics.con.execute(f"SELECT count(*), count(DISTINCT seq) FROM {table}").fetchall()[0]


def test_every_kind_arrives_in_its_table_with_nulls_where_nothing_was_measured(home, row):
    nan = float("nan")
    write(
        home.spool("r"),
        [
            ("event", row("event", body={"a": [1, None], "b": 'quo"te\\ é\n'})),
            ("sample", row("sample", mid=nan, position=-2)),
            ("fill", row("fill")),
            ("markout", row("markout", mk5=nan)),
        ],
    )
    with Metrics.open(home) as metrics:
        assert metrics.ingest() == (4, 0)
        assert metrics.con.execute("SELECT mid, position FROM samples").fetchall() == [(None, -2.0)]
        assert metrics.con.execute("SELECT px, mid FROM fills").fetchall() == [(20.0, None)]
        assert metrics.con.execute("SELECT mk5, fee_bps FROM markouts").fetchall() == [(None, 1.5)]
        body = metrics.con.execute("SELECT body FROM events").fetchall()[0][0]
        assert orjson.loads(body) == {"a": [1, None], "b": 'quo"te\\ é\n'}


def test_ingesting_again_takes_only_what_is_new(home, row):
    path = home.spool("r")
    write(path, [("event", row("event"))] * 3)
    with Metrics.open(home) as metrics:
        assert metrics.ingest().rows == 3
        assert metrics.ingest().rows == 0
        write(path, [("event", row("event"))] * 5)
        assert metrics.ingest().rows == 2
        assert count(metrics, "events") == (5, 5)


def test_a_crash_between_insert_and_commit_leaves_nothing_and_repeats_nothing(home, row):
    write(home.spool("r"), [("fill", row("fill"))] * 4)
    with Metrics.open(home) as metrics:
        with pytest.raises(OSError, match="power cut"):
            ingest(BreakingConnection(metrics.con), home.spool_dir)
        assert count(metrics, "fills") == (0, 0)
        assert metrics.ingest().rows == 4
        assert count(metrics, "fills") == (4, 4)


def test_a_line_still_being_written_waits_for_its_end(home, row):
    path = home.spool("r")
    write(path, [("event", row("event"))] * 2)
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    with Metrics.open(home) as metrics:
        assert metrics.ingest() == (1, 0)
        path.write_bytes(whole)
        assert metrics.ingest() == (1, 0)


@pytest.mark.parametrize(
    ("poison", "reason"),
    [
        (b"garbage", "unexpected character"),
        (b"\xff\xfe", "UTF-8"),
        (b"", "empty"),
        (b"[1]", "an object, was list"),
        (b'{"seq":1,"kind":"trade"}', "kind 'trade' is unknown"),
        (
            b'{"seq":1,"kind":"event","run":"r","asset":"A","mode":"paper","ts_ns":1}',
            "name is missing",
        ),
        (
            b'{"seq":true,"kind":"event","run":"r","asset":"A","mode":"paper","ts_ns":1,"name":"x"}',
            "seq must be a whole number, was 'True'",
        ),
        (
            b'{"seq":1,"kind":"event","run":"r","asset":"A","mode":"paper","ts_ns":1,"name":"x","body":3}',
            "body must be an object",
        ),
        (
            b'{"seq":9223372036854775808,"kind":"event","run":"r","asset":"A","mode":"p","ts_ns":1,"name":"x"}',
            "seq must be a whole number",
        ),
        (_sample_of("NaN"), "expected a JSON value"),
        (_sample_of("-Infinity"), "no digit after sign"),
        (_sample_of("1e999"), "infinity"),
        (_sample_of('"NaN"'), "equity_usd must be a number, was 'NaN'"),
    ],
)
def test_a_poisoned_line_is_kept_apart_with_its_reason_and_the_rest_arrives(
    home, row, poison, reason
):
    path = home.spool("r")
    write(path, [("event", row("event")), ("fill", row("fill")), ("sample", row("sample"))])
    first, *others = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + poison + b"\n" + b"".join(others))
    with Metrics.open(home) as metrics:
        assert metrics.ingest() == (3, 1)
        letters = metrics.query("dead_letters").row(0, named=True)
        assert (letters["lines"], letters["first_byte_off"]) == (1, len(first))
        assert reason in letters["reason"]
        assert letters["spool"] == "r.jsonl"


def test_a_spool_cut_short_and_written_again_repeats_nothing(home, row):
    path = home.spool("r")
    write(path, [("event", row("event"))] * 6)
    with Metrics.open(home) as metrics:
        assert metrics.ingest().rows == 6
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
        assert metrics.ingest().rows == 0
        write(path, [("event", row("event"))] * 8)
        assert metrics.ingest().rows == 2
        assert count(metrics, "events") == (8, 8)


def test_small_chunks_and_lines_longer_than_a_chunk_lose_nothing(home, row):
    long = row("event", body={"text": "x" * 5_000})
    write(home.spool("r"), [("event", row("event")), ("event", long)] * 20)
    with Metrics.open(home) as metrics:
        assert ingest(metrics.con, home.spool_dir, chunk_bytes=1_000) == (40, 0)
        assert count(metrics, "events") == (40, 40)


def test_several_spools_keep_their_own_offsets(home, row):
    for name in ("a", "b"):
        write(home.spool(name), [("event", row("event", run=name))] * 3)
    with Metrics.open(home) as metrics:
        assert metrics.ingest().rows == 6
        write(home.spool("b"), [("event", row("event", run="b"))] * 4)
        assert metrics.ingest().rows == 1


def test_sigkill_of_an_ingesting_process_loses_and_repeats_nothing(home, row):
    write(home.spool("r"), [("fill", row("fill"))] * 20_000)
    for said_before_death in (1, 5):
        child = subprocess.Popen(
            [sys.executable, "-c", INGESTER, str(home.root)], stdout=subprocess.PIPE, text=True
        )
        with child:
            for _ in range(said_before_death):
                assert child.stdout.readline()
            child.send_signal(signal.SIGKILL)
        assert child.returncode == -signal.SIGKILL
    with Metrics.open(home) as metrics:
        already, _ = count(metrics, "fills")
        assert 0 < already < 20_000
        metrics.ingest()
        assert count(metrics, "fills") == (20_000, 20_000)
