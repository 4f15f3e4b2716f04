"""Lead and lag: a planted lead is found, luck is found in 5 % of cases, a premium is no signal."""

import gzip
import math
import os
from pathlib import Path

import numpy as np
import orjson
import pytest

from engine.core import lead_lag
from engine.core.lead_lag import BLOCK, GRID_NS, LeadLag
from engine.record import dump_state, kernel, load_state, zeros

S = 1_000_000_000
T0 = 1_767_225_600 * S
TEST = BLOCK + lead_lag.SHIFTS * lead_lag.SHIFT_EVERY + 2  # grid points until the first verdict
ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("GANGWAY_DATA", ROOT.parent / "shared" / "data")) / "binance_raw_ws"


@kernel
def run(states, own, ref, start_ns):
    """Let both mids change on every grid point; return the last signal."""
    for t in range(own.shape[0]):
        lead_lag.update(states[0], own[t], ref[t], start_ns + t * GRID_NS)
    return lead_lag.signal(states[0])


@kernel
def replay(states, own, ref, at_ns):
    for t in range(own.shape[0]):
        lead_lag.update(states[0], own[t], ref[t], at_ns[t])


@kernel
def judge_many(states, own, ref):
    """Run every row of two matrices of mids through a new state; count the leads found."""
    found = 0
    empty = states[1]
    for row in range(own.shape[0]):
        states[0] = empty
        for t in range(own.shape[1]):
            lead_lag.update(states[0], own[row, t], ref[row, t], T0 + t * GRID_NS)
        found += lead_lag.is_significant(states[0])
    return found


def led(n, lag, rho, rng, sigma=1e-4):
    """Return two paths of mids; ours follows the reference's by `lag` grid points."""
    ref = rng.normal(0, sigma, n + lag)
    own = rho * ref[:n] + math.sqrt(1 - rho * rho) * rng.normal(0, sigma, n)
    return 100 * np.exp(np.cumsum(own)), 100 * np.exp(np.cumsum(ref[lag:]))


def ticked(paths, sds=4.0):
    """Round paths to ticks of four standard deviations: 80 % of the returns are zero."""
    tick = np.std(np.diff(paths)) * sds
    return np.round(paths / tick) * tick


# three standard errors: what is really 1 % or 9 % would not pass
@pytest.mark.parametrize("blocks", [1, 4])
@pytest.mark.parametrize("kind", ["gaussian", "ticked", "integers", "bursts"])
def test_independent_venues_lead_in_five_percent_of_cases(kind, blocks):
    rng = np.random.default_rng(blocks)
    runs = 600 if blocks == 1 else 250
    n = TEST + (blocks - 1) * BLOCK
    moves = rng.normal(0, 1e-4, (2, runs, n))
    if kind == "integers":
        moves = 1e-4 * rng.choice([-1, 0, 0, 0, 0, 0, 0, 0, 0, 1], (2, runs, n))
    elif kind == "bursts":
        moves *= np.repeat(np.exp(rng.normal(0, 1, (2, runs, n // 20 + 1))), 20, axis=2)[:, :, :n]
    own, ref = 100 * np.exp(np.cumsum(moves, axis=2))
    if kind == "ticked":
        own, ref = ticked(own), ticked(ref)
        assert np.mean(np.diff(own) == 0) == pytest.approx(0.8, abs=0.03)
    found = judge_many(zeros(LeadLag, 2), own, ref) / runs
    assert found == pytest.approx(0.05, abs=3 * math.sqrt(0.05 * 0.95 / runs))


@pytest.mark.parametrize("is_ticked", [False, True])
@pytest.mark.parametrize("lag", [1, 3, 10])
def test_a_planted_lead_is_recovered(lag, is_ticked):
    paths = led(3 * BLOCK + TEST, lag, 0.4, np.random.default_rng(lag))
    own, ref = (ticked(p, 2.5) for p in paths) if is_ticked else paths
    states = zeros(LeadLag)
    run(states, own, ref, T0)
    s = states[0]
    assert lead_lag.is_significant(s)
    assert lead_lag.p_value(s) == 1 / (1 + lead_lag.SHIFTS)
    assert lead_lag.lag_ms(s) == 100.0 * lag
    if not is_ticked:
        assert lead_lag.correlation(s) == pytest.approx(0.4, abs=0.06)
        bits = -0.5 * math.log2(1 - 0.4**2)
        assert lead_lag.mutual_information_bits(s) == pytest.approx(bits, abs=0.05)


def test_a_weak_lead_is_found_once_there_is_enough_of_it():
    rng = np.random.default_rng(8)
    found = []
    for blocks in (0, 19):
        paths = [led(blocks * BLOCK + TEST, 2, 0.06, rng) for _ in range(20)]
        own, ref = (np.array(p) for p in zip(*paths, strict=True))
        found.append(judge_many(zeros(LeadLag, 2), own, ref))
    assert found[0] <= 10
    assert found[1] >= 19


@pytest.mark.parametrize("lag", [0, 2])
def test_a_reference_that_moves_with_us_or_after_us_does_not_lead(lag):
    rng = np.random.default_rng(9)
    paths = [led(TEST, lag, 0.9, rng)[::-1] for _ in range(300)]  # ours is the leader
    own, ref = (np.array(p) for p in zip(*paths, strict=True))
    assert judge_many(zeros(LeadLag, 2), own, ref) < 0.1 * 300


def test_before_the_verdict_the_signal_is_nothing():
    own, ref = led(TEST, 3, 0.9, np.random.default_rng(1))
    states = zeros(LeadLag)
    assert run(states, own[:-2], ref[:-2], T0) == 0.0
    s = states[0]
    assert (s.n, lead_lag.lag_ms(s), lead_lag.correlation(s), lead_lag.p_value(s)) == (0, 0, 0, 1)
    assert lead_lag.mutual_information_bits(s) == 0.0
    assert run(states, own[-2:], ref[-2:], T0 + (TEST - 2) * GRID_NS) != 0.0
    assert s.n == 1


def test_without_a_lead_the_signal_is_exactly_nothing():
    rng = np.random.default_rng(2)
    own, ref = (100 * np.exp(np.cumsum(rng.normal(0, 1e-4, TEST + 5))) for _ in range(2))
    states = zeros(LeadLag)
    assert run(states, own, ref, T0) == 0.0
    assert states[0].n == 1 and not lead_lag.is_significant(states[0])


@pytest.mark.parametrize("premium", [3e-4, -0.02, 999.0])
def test_a_constant_premium_is_no_signal(premium):
    own, ref = led(3 * BLOCK + TEST, 3, 0.6, np.random.default_rng(4))
    plain, dear = zeros(LeadLag), zeros(LeadLag)
    want = run(plain, own, ref, T0)
    assert run(dear, own, ref * (1 + premium), T0) == pytest.approx(want, abs=1e-12)
    assert abs(want) > 1e-6
    still = dear[0]
    lead_lag.update(still, 100.0, 100.0 * math.exp(still.basis), T0 + 10**12)
    assert abs(lead_lag.signal(still)) < 1e-12


def test_the_signal_points_to_where_our_mid_goes():
    own, ref = led(4 * BLOCK + TEST, 3, 0.8, np.random.default_rng(5))
    states = zeros(LeadLag)
    run(states, own[: TEST + BLOCK], ref[: TEST + BLOCK], T0)
    said, came = [], []
    for t in range(TEST + BLOCK, len(own) - 4, 4):
        said.append(run(states, own[t : t + 4], ref[t : t + 4], T0 + t * GRID_NS))
        came.append(math.log(own[t + 4] / own[t + 3]))
    assert np.corrcoef(said, came)[0, 1] > 0.02


@pytest.mark.parametrize("nothing", [math.nan, 0.0, -1.0, math.inf])
def test_a_mid_that_is_not_known_silences_the_signal_and_leaves_no_trace(nothing):
    own, ref = led(TEST + BLOCK, 3, 0.8, np.random.default_rng(6))
    states = zeros(LeadLag)
    run(states, own, ref, T0)
    end = T0 + len(own) * GRID_NS
    basis = states[0].basis
    assert run(states, own[-20:], np.full(20, nothing), end) == 0.0
    assert run(states, np.full(20, nothing), ref[-20:], end + 2 * S) == 0.0
    assert states[0].basis == pytest.approx(basis, abs=1e-6)
    assert run(states, own[-9:], ref[-9:], end + 4 * S) != 0.0
    assert all(np.isfinite(states[0][name]).all() for name in ("own", "ref", "basis", "rhos"))


def test_a_premium_that_changed_while_we_were_deaf_is_no_signal():
    own, ref = led(TEST + BLOCK, 3, 0.8, np.random.default_rng(7))
    states = zeros(LeadLag)
    assert run(states, own, ref, T0) != 0.0
    back = T0 + len(own) * GRID_NS + 3_600 * S
    assert run(states, own, ref * 1.01, back) != 0.0  # long enough to know the new one
    assert abs(lead_lag.signal(states[0])) < 2e-3
    assert run(states, own[:99], ref[:99], back + 7_200 * S) == 0.0


def test_a_verdict_is_kept_while_a_price_stands_still():
    own, ref = led(TEST + BLOCK, 3, 0.8, np.random.default_rng(7))
    states = zeros(LeadLag)
    run(states, own, ref, T0)
    n = int(states[0].n)
    still = np.full(4 * BLOCK, own[-1])
    run(states, still, np.full(4 * BLOCK, ref[-1]), T0 + len(own) * GRID_NS)
    assert lead_lag.is_significant(states[0])
    assert states[0].n <= n + 2
    assert np.isfinite(states[0].rhos).all()


def test_how_often_it_is_called_does_not_matter():
    own, ref = led(TEST + 5, 3, 0.8, np.random.default_rng(3))
    once, thrice = zeros(LeadLag), zeros(LeadLag)
    run(once, own, ref, T0)
    at = (
        T0 + (np.arange(3 * len(own)) // 3) * GRID_NS + np.tile([0, 3 * 10**7, 9 * 10**7], len(own))
    )
    replay(thrice, np.repeat(own, 3), np.repeat(ref, 3), at)
    assert once.tobytes() == thrice.tobytes()


def test_a_restart_changes_nothing():
    own, ref = led(2 * TEST, 3, 0.3, np.random.default_rng(3))
    cut = BLOCK + 77
    states = zeros(LeadLag)
    run(states, own[:cut], ref[:cut], T0)
    again = load_state(LeadLag, dump_state(states))
    for s in (states, again):
        run(s, own[cut:], ref[cut:], T0 + cut * GRID_NS)
    assert again.tobytes() == states.tobytes()
    assert states[0].n > 0


def mids(name):
    """Read best bid and ask of a recording as (time heard [ns], mid)."""
    if not DATA.is_dir():
        pytest.skip(f"no recorded data in {DATA}; set GANGWAY_DATA")
    rows = []
    with gzip.open(DATA / f"{name}_20240808.gz") as lines:
        for line in lines:
            if b"@bookTicker" in line[:60]:
                ns, frame = line.split(b" ", 1)
                best = orjson.loads(frame)["data"]
                rows.append((int(ns), (float(best["b"]) + float(best["a"])) / 2))
    heard, px = (np.array(column) for column in zip(*rows, strict=True))
    return heard, px


def compare(own, ref):
    """Replay two recordings in the order in which they were heard."""
    heard = np.sort(np.concatenate([own[0], ref[0]]))
    columns = []
    for at, px in (own, ref):
        last = np.searchsorted(at, heard, side="right") - 1
        columns.append(np.where(last < 0, np.nan, px[np.maximum(last, 0)]))
    states = zeros(LeadLag)
    replay(states, *columns, heard)
    return states


def test_on_a_recording_the_perpetual_leads_the_spot_and_the_answer_is_the_same_twice():
    perp, spot, ether = (mids(name) for name in ("usdm_btcusdt", "spot_btcusdt", "usdm_ethusdt"))
    spot_after_perp = compare(spot, perp)
    s = spot_after_perp[0]
    assert s.n >= 4
    assert lead_lag.is_significant(s)
    assert 100.0 <= lead_lag.lag_ms(s) <= 300.0
    assert lead_lag.correlation(s) > 0.1
    assert compare(spot, perp).tobytes() == spot_after_perp.tobytes()
    for own, ref in ((ether, perp), (perp, ether), (perp, spot)):
        other = compare(own, ref)[0]
        assert other.n >= 4
        assert abs(lead_lag.signal(other)) < 2e-3
        assert lead_lag.correlation(other) < lead_lag.correlation(s)
