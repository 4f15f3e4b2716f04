import os
import signal
import stat
import subprocess
import sys

import orjson
import pytest

from engine.store.spool import Spool, SpoolBusyError

# An engine that starts anew after each crash, emits the same rows again, and says how far it is.
WRITER = """
import sys
from pathlib import Path
from engine.store.spool import Spool
row = {"run": "r", "asset": "HYPE", "mode": "paper", "ts_ns": 1, "name": "x" * 60}
with Spool.open(Path(sys.argv[1])) as spool:
    for seq in range(20_000):
        spool.append("event", row, seq=seq, durable=seq % 5_000 == 0)
        if seq % 500 == 0:
            print(seq, flush=True)
"""


def seqs(path):
    return [orjson.loads(line)["seq"] for line in path.read_bytes().splitlines()]


def test_rows_come_back_as_written_and_nan_as_null(home, row):
    path = home.spool("r")
    with Spool.open(path) as spool:
        spool.append("fill", row("fill", mid=float("nan"), position=float("inf")), seq=0)
    line = orjson.loads(path.read_bytes())
    assert (line["seq"], line["kind"], line["px"]) == (0, "fill", 20.0)
    assert line["mid"] is None and line["position"] is None


def test_rows_already_there_are_skipped_within_and_across_openings(home, row):
    path = home.spool("r")
    for _ in range(2):
        with Spool.open(path) as spool:
            for seq in (0, 1, 1, 0, 2):
                spool.append("event", row("event"), seq=seq)
            assert spool.last_seq == 2
    assert seqs(path) == [0, 1, 2]


@pytest.mark.parametrize("torn", [b"{", b'{"seq":9,"kind":"event"', b"\xff\xfe\x00"])
def test_a_torn_tail_is_cut_off_on_opening(home, row, torn):
    path = home.spool("r")
    with Spool.open(path) as spool:
        spool.append("event", row("event"), seq=4)
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    with Spool.open(path) as spool:
        assert spool.last_seq == 4
        assert path.read_bytes() == whole
        spool.append("event", row("event"), seq=9)
    assert seqs(path) == [4, 9]


def test_a_file_with_nothing_but_a_torn_line_begins_anew(home):
    path = home.spool("r")
    path.write_bytes(b'{"seq":')
    with Spool.open(path) as spool:
        assert spool.last_seq == -1
    assert path.read_bytes() == b""


def test_the_last_readable_row_counts_even_behind_a_poisoned_one(home, row):
    path = home.spool("r")
    with Spool.open(path) as spool:
        spool.append("event", row("event"), seq=7)
    with path.open("ab") as file:
        file.write(b"garbage\n[1]\n")
    with Spool.open(path) as spool:
        assert spool.last_seq == 7


def test_two_engines_on_one_spool_are_refused(home):
    with Spool.open(home.spool("r")), pytest.raises(SpoolBusyError, match="one engine per run"):
        Spool.open(home.spool("r"))
    Spool.open(home.spool("r")).close()


def test_the_file_is_readable_by_owner_and_group_alone(home):
    Spool.open(home.spool("r")).close()
    assert stat.S_IMODE(home.spool("r").stat().st_mode) & ~0o640 == 0


def test_an_unknown_kind_or_column_or_a_missing_one_is_refused(home, row):
    with Spool.open(home.spool("r")) as spool:
        with pytest.raises(ValueError, match="kind 'trade' is unknown"):
            spool.append("trade", {}, seq=0)
        with pytest.raises(ValueError, match="mk6"):
            spool.append("markout", row("markout", mk6=1.0), seq=0)
        incomplete = row("fill")
        del incomplete["px"]
        with pytest.raises(ValueError, match=r"fill row lacks \['px'\]"):
            spool.append("fill", incomplete, seq=0)
        assert spool.last_seq == -1


def test_a_short_write_leaves_no_half_line(home, row, monkeypatch):
    path = home.spool("r")
    with Spool.open(path) as spool:
        spool.append("event", row("event"), seq=0)
        whole, write = path.read_bytes(), os.write
        monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:10]))
        with pytest.raises(OSError, match="free disk space"):
            spool.append("event", row("event"), seq=1)
        monkeypatch.undo()
        assert path.read_bytes() == whole
        spool.append("event", row("event"), seq=1)
    assert seqs(path) == [0, 1]


def test_sigkill_in_the_middle_of_writing_loses_and_repeats_nothing(home):
    path = home.spool("r")
    for said_before_death in (1, 4, 11, 23):
        engine = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
        )
        with engine:
            acknowledged = [int(engine.stdout.readline()) for _ in range(said_before_death)][-1]
            engine.send_signal(signal.SIGKILL)
        assert engine.returncode == -signal.SIGKILL
        assert path.read_bytes().count(b"\n") > acknowledged
    subprocess.run([sys.executable, "-c", WRITER, str(path)], check=True, capture_output=True)
    assert seqs(path) == list(range(20_000))
