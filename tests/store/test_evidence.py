"""Every figure of the evidence, worked out by hand beside it."""

from math import sqrt

import pytest

from engine.store.metrics import Metrics
from engine.store.spool import Spool

T0 = 864_000 * 10**9
# seconds, live_s, quote_s, equity, gap_s, filled_orders, null_n, null_adverse, spread_ratio
SAMPLES = [
    (0, 0, 0, 1000.0, 0, 0, 0, 0, None),
    (1800, 1800, 900, 1001.0, 0, 1, 1800, 180, 1.0),
    (3600, 3600, 1800, 1003.0, 5, 2, 3600, 360, 2.0),
    (5400, 5400, 3600, 1002.0, 12, 3, 5400, 540, 4.0),
    (7200, 7200, 5400, 1006.0, 12, 4, 7200, 720, 6.0),
    (9000, 9000, 7200, 1005.0, 15, 4, 9000, 900, 3.0),
]
# seconds, notional, half-spread, mk5, mk60; the fee is 1.5 bps; the last is not resolved yet
MARKOUTS = [
    (900, 100.0, 3.0, 4.0, 2.0),
    (2700, 300.0, 1.0, -2.0, 1.0),
    (5000, 200.0, 2.0, 0.5, None),
    (8900, 400.0, 2.0, None, None),
]


def store(home, rows):
    with Spool.open(home.spool("r")) as spool:
        for seq, (kind, row) in enumerate(rows):
            spool.append(kind, row, seq=seq)


def ask(home, name, **params):
    with Metrics.open(home) as metrics:
        metrics.ingest()
        return metrics.query(name, **params)


@pytest.fixture
def small(home, row):
    """Two and a half hours with four fills."""
    names = ["live_s", "quote_s", "equity_usd", "gap_s", "filled_orders"]
    names += ["null_n", "null_adverse", "spread_ratio"]
    rows = [("event", row("event"))]
    rows += [
        ("sample", row("sample", s, calibration=s / 9000, **dict(zip(names, values, strict=True))))
        for s, *values in SAMPLES
    ]
    for tid, (s, notional, half, mk5, mk60) in enumerate(MARKOUTS):
        rows.append(("fill", row("fill", s, tid=tid)))
        values = {"tid": tid, "notional_usd": notional, "mk5": mk5, "mk60": mk60}
        values["half_spread_bps"] = half
        rows.append(("markout", row("markout", s, **values)))
    rows.append(("event", row("event", 8000, name="kill", body={"reason": "daily loss"})))
    store(home, rows)
    return home


def test_every_figure_of_a_small_run(small, run):
    e = ask(small, "evidence", run=run, capital_usd=1000.0).row(0, named=True)
    assert (e["run"], e["asset"], e["mode"]) == (run, "HYPE", "paper")
    assert (e["first_ns"], e["last_ns"]) == (T0, T0 + 9000 * 10**9)
    assert e["hours"] == 2.5
    assert e["quoted_hours"] == 2.0
    assert (e["fills"], e["filled_orders"], e["markouts"]) == (4, 4, 3)
    assert e["fills_last_hour"] == 1  # 8900 s; the one at 5000 s is before 5400 s
    assert e["fill_rate"] == 2.0  # 4 orders in 2 quoted hours
    # (100·(4−1.5) + 300·(−2−1.5) + 200·(0.5−1.5)) / 600
    assert e["edge_bps"] == pytest.approx(-1000 / 600)
    assert e["edge_60_bps"] == pytest.approx((100 * 0.5 + 300 * -0.5) / 400)
    assert e["edge_300_bps"] is None
    assert e["edge_first_half_bps"] == pytest.approx((250 - 1050) / 400)  # up to 4500 s
    assert e["edge_second_half_bps"] == pytest.approx(-1.0)
    # the mid moved by mk5 - half-spread: +1.0, -3.0, -1.5; a fill that still earns can be adverse
    assert e["as_rate"] == pytest.approx(2 / 3)
    assert e["as_null"] == pytest.approx(0.1)
    assert e["spread_ratio"] == 3.0  # median of the hours' medians 1.5, 5, 3
    assert (e["hours_pnl"], e["pnl_hour_mean"]) == (2, 3.0)  # 1000→1003→1006; half an hour is none
    assert e["pnl_hour_mean_bps"] == pytest.approx(30.0)
    assert e["sharpe"] is None and e["sharpe_se"] is None
    assert (e["pnl_usd"], e["equity_usd"], e["max_drawdown_usd"]) == (5.0, 1005.0, 1.0)
    assert e["kill_triggers"] == 1
    assert e["calibration"] == 1.0
    assert (e["max_gap_s"], e["gap_s"]) == (12.0, 15.0)  # 5 s and 7 s touch; 3 s stands alone
    assert (e["days"], e["positive_days"]) == (0, 0)


def test_evidence_since_a_time_counts_from_the_sample_before_it(small, run):
    e = ask(small, "evidence", run=run, since_ns=T0 + 3600 * 10**9).row(0, named=True)
    assert (e["hours"], e["quoted_hours"], e["filled_orders"]) == (1.5, 1.5, 2)
    assert e["fill_rate"] == pytest.approx(2 / 1.5)
    assert e["edge_bps"] == pytest.approx(-1.0)
    assert (e["hours_pnl"], e["pnl_hour_mean"], e["pnl_usd"]) == (1, 3.0, 2.0)
    assert e["as_null"] == pytest.approx(540 / 5400)
    assert (e["max_gap_s"], e["gap_s"], e["kill_triggers"]) == (7.0, 10.0, 1)


def test_without_evidence_there_is_one_row_of_nothing(home):
    e = ask(home, "evidence", run="nowhere")
    assert len(e) == 1
    assert set(e.row(0)) == {"nowhere", None}


def test_quoting_without_a_fill_is_a_rate_of_zero_and_no_edge(home, row, run):
    rows = [("sample", row("sample", s, live_s=s, quote_s=s, filled_orders=0)) for s in (0, 3600)]
    store(home, rows)
    e = ask(home, "evidence", run=run).row(0, named=True)
    assert (e["fill_rate"], e["fills"], e["edge_bps"], e["as_rate"]) == (0.0, 0, None, None)


def test_what_the_last_sample_does_not_know_is_unknown_and_no_older_value(home, row, run):
    known = row("sample", 1, kappa=1500.0, calibration=0.9)
    store(home, [("sample", known), ("sample", row("sample", 2, kappa=None, calibration=0.8))])
    e = ask(home, "evidence", run=run).row(0, named=True)
    assert (e["kappa"], e["calibration"]) == (None, 0.8)


def test_sharpe_needs_24_whole_hours_and_carries_its_standard_error(home, row, run):
    # hourly profits 1, 3, 1, 3, …: mean 2, and over 24 hours a variance of 24/23
    equity = [1000.0]
    for hour in range(24):
        equity.append(equity[-1] + (1 if hour % 2 == 0 else 3))
    rows = [
        ("sample", row("sample", 3600 * h, live_s=3600.0 * h, equity_usd=usd))
        for h, usd in enumerate(equity)
    ]
    store(home, rows[:-1])
    e = ask(home, "evidence", run=run).row(0, named=True)
    assert (e["hours_pnl"], e["sharpe"]) == (23, None)
    store(home, rows)
    e = ask(home, "evidence", run=run).row(0, named=True)
    hourly = 2 / sqrt(24 / 23)
    assert e["hours_pnl"] == 24
    assert e["sharpe"] == pytest.approx(hourly * sqrt(8766))
    assert e["sharpe_se"] == pytest.approx(sqrt((1 + hourly**2 / 2) * 8766 / 24))


def test_positive_days_are_whole_utc_days(home, row, run):
    hour_pnl = {0: 1.0, 1: -1.0, 2: 0.5}  # by day; the fourth day is only begun
    equity, rows = 1000.0, [("sample", row("sample", 0))]
    for hour in range(1, 80):
        equity += hour_pnl.get((hour * 3600 - 1) // 86_400, 9.0)
        values = {"live_s": 3600.0 * hour, "equity_usd": equity}
        rows.append(("sample", row("sample", hour * 3600 - 1, **values)))
    store(home, rows)
    e = ask(home, "evidence", run=run).row(0, named=True)
    assert (e["days"], e["positive_days"]) == (3, 2)


def test_status_pages_find_runs_samples_fills_and_events(small, run):
    with Metrics.open(small) as metrics:
        metrics.ingest()
        assert metrics.query("runs", asset="HYPE")["run"].to_list() == [run]
        assert metrics.query("runs", asset="BTC").is_empty()
        assert metrics.query("last_sample", run=run)["equity_usd"].to_list() == [1005.0]
        assert metrics.query("fills", run=run, limit=2)["mk5"].to_list() == [None, 0.5]
        assert metrics.query("events", run=run, name="kill").height == 1
        assert metrics.query("events", run=run)["name"].to_list() == ["start", "kill"]
