"""Gaps as they are kept: in the audit, once an attempt, for good."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.gates.haircut import Measured
from engine.onboarding import ledger
from engine.onboarding.audit import AuditError
from engine.onboarding.store import OnboardingStore
from engine.onboarding.telling import tell
from engine.store.home import Home
from engine.store.metrics import Metrics

NOW_NS = 5_000


def measured(**changes) -> Measured:
    told = {
        "asset": "HYPE",
        "attempt": 1,
        "venue": "mainnet",
        "gap_bps": 2.9,
        "se_bps": 0.7,
        "hours": 72,
        "fills": 900,
        "paper_run": "hype-a1-paper-v3",
        "live_run": "hype-a1-ramp_25-v6",
        "cause": "verdict-9-0123456789ab",
        "ts_ns": NOW_NS,
    }
    return Measured(**told | changes)


def test_what_is_kept_is_read_back_in_order(walk, con):
    assert ledger.read(con) == ()
    kept = [measured(), measured(attempt=2, gap_bps=-0.4), measured(asset="hyna:BTC")]
    ids = [ledger.keep(con, one) for one in kept]
    assert ledger.read(con) == tuple(kept)
    assert ids[0].startswith("note-")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.floats(-1e6, 1e6), st.floats(1e-9, 1e6))
def test_numbers_come_back_to_the_last_bit(con, gap, se):
    attempt = len(ledger.read(con)) + 1
    one = measured(attempt=attempt, gap_bps=gap, se_bps=se)
    ledger.keep(con, one)
    assert ledger.read(con)[-1] == one


def test_an_attempt_is_kept_once_and_never_replaced(walk, con):
    ledger.keep(con, measured())
    with pytest.raises(ValueError, match=r"gap of HYPE, attempt 1, is in the ledger already"):
        ledger.keep(con, measured(gap_bps=0.1))
    assert [one.gap_bps for one in ledger.read(con)] == [2.9]
    assert ledger.kept(con, "HYPE", 1) and not ledger.kept(con, "HYPE", 2)
    assert not ledger.kept(con, "SOL", 1)


def test_a_verdict_of_the_past_is_shown_what_was_known_then(con):
    for attempt, ts_ns in enumerate((10, 20, 30), 1):
        ledger.keep(con, measured(attempt=attempt, ts_ns=ts_ns))
    assert [len(ledger.read(con, before)) for before in (0, 10, 11, 20, 30, 31)] == [
        0,
        0,
        1,
        1,
        2,
        3,
    ]
    assert len(ledger.read(con)) == 3


def test_other_notes_are_no_measurements(walk, con):
    walk.store.note("HYPE", {"what": "remark", "gap_bps": 9.0}, NOW_NS)
    assert ledger.read(con) == ()


def test_the_chain_proves_the_ledger_and_the_story_tells_it(walk, con):
    walk.to("ramp_25")
    ledger.keep(con, measured())
    rows = walk.store.verify().rows
    assert "flattered it by 2.9 ± 0.7 bps" in tell(walk.store.history("HYPE"))[-1].said
    con.execute("UPDATE audit SET body = replace(body, '2.9', '0.9') WHERE kind = 'note'")
    with pytest.raises(AuditError, match="was edited or moved"):
        walk.store.verify()
    con.execute("UPDATE audit SET body = replace(body, '0.9', '2.9') WHERE kind = 'note'")
    assert walk.store.verify().rows == rows
    con.execute("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)")
    with pytest.raises(AuditError, match="rows deleted"):
        walk.store.verify()


def test_the_ledger_is_there_for_the_next_process(tmp_path):
    home = Home(tmp_path)
    with Metrics.open(home) as metrics:
        ledger.keep(metrics.con, measured())
    with Metrics.open(home) as metrics:
        assert ledger.read(metrics.con) == (measured(),)
        OnboardingStore(metrics.con).verify()
