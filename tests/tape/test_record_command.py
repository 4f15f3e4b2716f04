"""`gangway tape record` as a user types it."""

import json
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from engine.store.tape import tape_info
from flows.tape_cli import tape_app


@pytest.fixture
def frames(tmp_path):
    def book(ms):
        levels = [[{"px": "100.0", "sz": "1", "n": 1}], [{"px": "101.0", "sz": "2", "n": 3}]]
        return {"channel": "l2Book", "data": {"coin": "BTC", "time": ms, "levels": levels}}

    lines = [f"{(ms + 1) * 1_000_000} {json.dumps(book(ms))}\n" for ms in range(1000, 99000, 500)]
    (tmp_path / "f.jsonl").write_text("".join(lines))
    return tmp_path / "f.jsonl"


def test_one_json_object_tells_every_tape_and_what_was_left_out(frames, tmp_path):
    line = f"record BTC --venue frames:{frames} --out {tmp_path}/tapes --rotate-minutes 1 --json"
    told = json.loads(CliRunner().invoke(tape_app, line.split(), catch_exceptions=False).stdout)
    assert told["events"] == 2 * 196
    assert [info["events"] for info in told["tapes"].values()] == [236, 156]
    again = json.loads(CliRunner().invoke(tape_app, line.split(), catch_exceptions=False).stdout)
    assert again == {"tapes": {}, "events": 0, "dropped": {"already_recorded": 392}}


def test_a_line_tells_each_tape(frames, tmp_path):
    line = f"record BTC --venue frames:{frames} --out {tmp_path}/tapes --hours 0.01"
    said = CliRunner().invoke(tape_app, line.split(), catch_exceptions=False).stdout
    said = " ".join(said.split())
    assert "BTC-19700101T000001Z.tape: 144 events · 0.01 h ·" in said
    said = CliRunner().invoke(tape_app, line.split(), catch_exceptions=False).stdout
    assert "nothing to record" in said


def test_an_interrupt_finishes_the_tape(frames, tmp_path):
    line = f"tape record BTC --venue frames:{frames} --out {tmp_path}/tapes --speed 0.001 --json"
    command = [sys.executable, "-m", "flows.cli", *line.split()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        end_s = time.monotonic() + 100
        while not list(tmp_path.glob("tapes/*.tail")) and time.monotonic() < end_s:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        told = json.loads(process.communicate()[0])
    assert process.returncode == 0
    (path,) = told["tapes"]
    assert tape_info(tmp_path / path).books == 1
