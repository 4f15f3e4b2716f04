"""A process that is asked to stop stops, however often it is asked."""

import os
import signal
import subprocess
import sys
import time

from engine.runners.stopping import Stop, stop_signals

LOOP = """
import os
from engine.runners.stopping import stop_signals
with stop_signals() as stop:
    print("ready", flush=True)
    while not stop.wait(0.01):
        pass
    print("stopped", flush=True)
    os._exit(0)  # while signals are still expected
"""


def test_a_storm_of_signals_stops_it_all_the_same() -> None:
    command = [sys.executable, "-c", LOOP]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for _ in range(200):
            if process.poll() is not None:
                break
            os.kill(process.pid, signal.SIGINT)
        assert process.stdout.readline() == "stopped\n"
        process.wait(timeout=10)


def test_waiting_ends_when_asked_and_when_the_time_is_over() -> None:
    stop = Stop()
    began_s = time.monotonic()
    assert not stop.wait(0.02)
    stop.ask()
    assert stop.wait(60.0)
    assert time.monotonic() - began_s < 10


def test_the_old_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stop_signals() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(5.0)
    assert signal.getsignal(signal.SIGTERM) is before
