"""Nonces: none twice, whatever the clock does and however often the process dies."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.localnet.nonces import use
from engine.venues.hyperliquid.nonce import (
    DAY_MS,
    LANES,
    NonceError,
    Nonces,
    SkewError,
    check_clock,
)

SIGNER = "0x" + "ab" * 20
T0_MS = 1_790_000_000_000


@pytest.fixture
def folder(tmp_path):
    return tmp_path


@given(st.lists(st.integers(-DAY_MS // 5, DAY_MS // 5), min_size=1, max_size=60), st.data())
def test_nonces_rise_over_any_clock_and_any_restart(tmp_path_factory, moves, data):
    folder = tmp_path_factory.mktemp("nonces")
    times = iter(T0_MS + move for move in moves for _ in range(2))
    nonces = Nonces(folder, SIGNER, lambda: next(times))
    given_out = [nonces.next()]
    for _ in moves[1:]:
        if data.draw(st.booleans()):
            nonces.close()  # without a word: what is written is written
            nonces = Nonces(folder, SIGNER, lambda: next(times))
        given_out.append(nonces.next())
    nonces.close()
    assert all(a < b for a, b in pairwise(given_out))
    assert max(given_out) <= T0_MS + DAY_MS // 5 + LANES * len(moves)


def test_a_nonce_is_the_first_of_its_lane_at_or_after_the_clock(folder):
    now = iter([T0_MS, T0_MS, T0_MS, T0_MS, T0_MS + 50])
    nonces = Nonces(folder, SIGNER, lambda: next(now))
    assert [nonces.next() for _ in range(3)] == [T0_MS, T0_MS + LANES, T0_MS + 2 * LANES]
    assert nonces.next(T0_MS + 100) == T0_MS + 4 * LANES, "nor below what is asked"


def test_threads_never_share_a_nonce(folder):
    def now_ms():
        time.sleep(0)  # lets another thread go on
        return T0_MS

    nonces = Nonces(folder, SIGNER, now_ms)
    with ThreadPoolExecutor(8) as pool:
        given_out = list(pool.map(lambda _: nonces.next(), range(2_000)))
    assert len(set(given_out)) == 2_000


def test_every_process_has_a_lane_of_its_own_and_there_are_so_many(folder):
    held = [Nonces(folder, SIGNER, lambda: T0_MS) for _ in range(LANES)]
    assert [one.lane for one in held] == list(range(LANES))
    given_out = [one.next() for one in held for _ in range(3)]
    assert len(set(given_out)) == len(given_out)
    with pytest.raises(NonceError, match="32 processes sign with the key of 0xab"):
        Nonces(folder, SIGNER.upper().replace("X", "x"))
    Nonces(folder, "0x" + "cd" * 20).close()
    held[7].close()
    again = Nonces(folder, SIGNER, lambda: T0_MS)
    assert again.lane == 7
    for one in [*held[:7], *held[8:], again]:
        one.close()


def test_a_process_begins_above_all_lanes_even_if_the_clock_went_back(folder):
    first, second = (Nonces(folder, SIGNER, lambda: T0_MS) for _ in range(2))
    highest = [second.next() for _ in range(100)][-1]
    first.close()
    later = Nonces(folder, SIGNER, lambda: T0_MS - 3_600_000)
    assert (later.lane, second.lane) == (0, 1)
    assert highest < later.next() <= highest + LANES
    second.close()
    later.close()


def test_a_killed_process_leaves_its_nonces_and_frees_its_lane(folder):
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from engine.venues.hyperliquid.nonce import Nonces\n"
        f"nonces = Nonces(Path(sys.argv[1]), {SIGNER!r}, lambda: {T0_MS})\n"
        "for _ in range(100): last = nonces.next()\n"
        "print(last, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", program, str(folder)], capture_output=True, text=True
    )
    nonces = Nonces(folder, SIGNER, lambda: T0_MS)
    assert (nonces.lane, nonces.next()) == (0, int(killed.stdout) + LANES)
    nonces.close()


MANY = """
import json, sys, time
from pathlib import Path
from concurrent.futures import ThreadPoolExecutor
from engine.venues.hyperliquid.nonce import Nonces
nonces = Nonces(Path(sys.argv[1]), sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()  # all at once
def take(_):
    time.sleep(0.2)  # 20 a second: a lane has 31
    return time.time_ns() // 1_000_000, nonces.next()
with ThreadPoolExecutor(4) as pool:
    print(json.dumps(list(pool.map(take, range(20)))))
"""


def test_many_processes_with_one_key_never_share_a_nonce_and_the_venue_takes_every_one(folder):
    command = [sys.executable, "-c", MANY, str(folder), SIGNER]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(8)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    drawn = [tuple(pair) for p in processes for pair in json.loads(p.communicate(timeout=30)[0])]
    assert len({nonce for _, nonce in drawn}) == len(drawn) == 160
    kept = []
    for at_ms, nonce in sorted(drawn):  # in the order in which they were drawn
        use(kept, nonce, at_ms)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_may_not_use_the_numbers_of_its_parent(folder):
    nonces = Nonces(folder, SIGNER, lambda: T0_MS)
    nonces._pid += 1  # as a fork would see it
    with pytest.raises(NonceError, match="forked"):
        nonces.next()


def test_a_clock_far_behind_the_last_nonce_is_refused(folder):
    nonces = Nonces(folder, SIGNER, lambda: T0_MS)
    nonces.next()
    nonces.close()
    with pytest.raises(NonceError, match=r"24\.0 h ahead of our clock"):
        Nonces(folder, SIGNER, lambda: T0_MS - DAY_MS)


@pytest.mark.parametrize("text", ["12\n", "x" * 20, "1" * 9])
def test_a_damaged_file_is_refused(folder, text):
    (folder / f"{SIGNER}.0.nonce").write_text(text)
    with pytest.raises(NonceError, match="must hold 8 bytes"):
        Nonces(folder, SIGNER)


class Clocks:
    """Our clock and the venue's, `ahead_ms` ahead, with a way of `trip_ms` between."""

    def __init__(self, ahead_ms, trips):
        self.now, self.ahead, self.trips = T0_MS, ahead_ms, iter(trips)

    def ours(self):
        return self.now

    def venue(self):
        trip = next(self.trips)
        self.now += trip
        said = self.now + self.ahead
        self.now += trip
        return said


@pytest.mark.parametrize("ahead", [-1_500, 0, 300, 1_500])
def test_clocks_that_agree_are_bounded_by_the_quickest_answer(ahead):
    clocks = Clocks(ahead, [4_000, 100, 900])
    assert check_clock(clocks.venue, clocks.ours) == (ahead - 100, ahead + 100)


@pytest.mark.parametrize(
    ("ahead", "trips"),
    [(-2_500, [10] * 3), (2_500, [10] * 3), (1_950, [100] * 3), (0, [3_000] * 3)],
)
def test_clocks_that_differ_or_cannot_be_compared_are_refused(ahead, trips):
    clocks = Clocks(ahead, trips)
    with pytest.raises(SkewError, match="synchronise this machine's clock"):
        check_clock(clocks.venue, clocks.ours)
