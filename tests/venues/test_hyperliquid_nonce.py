"""Nonces: none twice, whatever the clock does and however often the process dies."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.venues.hyperliquid.nonce import DAY_MS, NonceError, Nonces, SkewError, check_clock

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
    assert max(given_out) <= T0_MS + DAY_MS // 5 + len(moves)


def test_a_nonce_is_the_clocks_where_the_clock_moves(folder):
    now = iter([T0_MS, T0_MS, T0_MS, T0_MS + 50])
    nonces = Nonces(folder, SIGNER, lambda: next(now))
    assert [nonces.next() for _ in range(3)] == [T0_MS, T0_MS + 1, T0_MS + 50]


def test_threads_never_share_a_nonce(folder):
    def now_ms():
        time.sleep(0)  # lets another thread go on
        return T0_MS

    nonces = Nonces(folder, SIGNER, now_ms)
    with ThreadPoolExecutor(8) as pool:
        given_out = list(pool.map(lambda _: nonces.next(), range(2_000)))
    assert len(set(given_out)) == 2_000


def test_a_nonce_chosen_elsewhere_is_never_given_out_again(folder):
    nonces = Nonces(folder, SIGNER, lambda: T0_MS)
    nonces.note(T0_MS + 7)
    nonces.note(T0_MS + 3)
    assert nonces.last == T0_MS + 7
    assert nonces.next() == nonces.last == T0_MS + 8


def test_a_second_process_may_not_sign_with_the_same_key(folder):
    first = Nonces(folder, SIGNER)
    with pytest.raises(NonceError, match="another process signs with this key"):
        Nonces(folder, SIGNER.upper().replace("X", "x"))
    Nonces(folder, "0x" + "cd" * 20).close()
    first.close()
    Nonces(folder, SIGNER).close()


def test_a_killed_process_leaves_its_nonces_and_frees_its_key(folder):
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
    assert Nonces(folder, SIGNER, lambda: T0_MS).next() == int(killed.stdout) + 1


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


@pytest.mark.parametrize("text", ["12\n", "x" * 20, "-" + "1" * 19, "0" * 19 + "\x00"])
def test_a_damaged_file_is_refused(folder, text):
    (folder / f"{SIGNER}.nonce").write_text(text)
    with pytest.raises(NonceError, match="must hold one number"):
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
