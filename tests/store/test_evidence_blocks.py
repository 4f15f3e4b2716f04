"""Hours of evidence, each worked out by hand; whatever is wrong with an hour marks it."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.gates.bounds import bounds
from engine.store.home import Home
from engine.store.metrics import Metrics
from engine.store.spool import Spool
from tests.store.conftest import COMMON, T0_NS, make_row

HOUR_NS = 3_600_000_000_000
FIRST = T0_NS // HOUR_NS
RUN = COMMON["run"]


def store(home, rows):
    """Write rows behind those the spool holds, and take them in."""
    with Spool.open(home.spool("r")) as spool:
        for seq, (kind, row) in enumerate(rows, spool.last_seq + 1):
            spool.append(kind, row, seq=seq)


def blocks(home, **params):
    with Metrics.open(home) as metrics:
        metrics.ingest()
        return metrics.query("evidence_blocks", **{"run": RUN} | params)


def sample(s, *, gap_s=0.0, lived_s=None, **values):
    """Return a sample `s` seconds after midnight of a run that began then."""
    lived_s = s if lived_s is None else lived_s
    clocks = {"live_s": lived_s - gap_s, "gap_s": gap_s, "quote_s": 0.5 * lived_s}
    return "sample", make_row("sample", s, **clocks | values)


def samples(hours, *, every_s=600, **values):
    return [sample(s, **values) for s in range(every_s, hours * 3600 + 1, every_s)]


def fill(s, tid, **values):
    """Return a fill and its markout."""
    return [("fill", make_row("fill", s, tid=tid)), markout(s, tid, **values)]


def markout(s, tid, **values):
    values = {"half_spread_bps": 3.0, "mk5": 2.0} | values
    return "markout", make_row("markout", s, tid=tid, **values)


def marks(frame):
    return list(zip(frame["whole"], frame["warm"], frame["gap"], strict=True))


def test_every_figure_of_an_hour(home):
    counters = ["filled_orders", "null_n", "null_adverse", "actions", "equity_usd", "spread_ratio"]
    said = {
        1: (0, 0, 0, 0, 1000.0, None),
        1800: (1, 1800, 180, 40, 1002.0, 1.0),
        3600: (3, 3600, 400, 90, 1001.0, 4.0),
        5400: (4, 5400, 500, 100, 999.0, 2.0),
        7200: (4, 7200, 640, 150, 1004.0, None),
    }
    rows = [sample(s, **dict(zip(counters, row, strict=True))) for s, row in said.items()]
    rows += fill(900, 1, notional_usd=100.0, mk5=4.0)
    rows += fill(1000, 2, notional_usd=300.0, mk5=-2.0)
    rows += fill(3600, 3, notional_usd=200.0, mk5=1.0)  # on the hour: of the hour before it
    rows += fill(3601, 4, notional_usd=50.0, mk5=None)
    rows.append(("fill", make_row("fill", 7100, tid=5)))  # what became of it is not known yet
    store(home, rows)
    first, second = blocks(home, capital_usd=500.0).to_dicts()
    assert [first[name] for name in ("run", "asset", "mode", "hour")] == [
        RUN,
        "HYPE",
        "paper",
        FIRST,
    ]
    assert (first["fills"], first["pending"], first["markouts"]) == (3, 0, 3)
    assert first["notional_usd"] == 600.0
    assert first["edge_usd_bps"] == 100 * 2.5 - 300 * 3.5 - 200 * 0.5  # the fee is 1.5 bps
    assert first["edge_usd_bps_sq"] == 250.0**2 + 1050.0**2 + 100.0**2
    assert (first["adverse"], first["losing"]) == (2, 2)  # the mid moved by +1, -5, -2 bps
    assert first["half_spread_usd_bps"] == 1800.0
    assert (first["filled_orders"], first["null_n"], first["null_adverse"]) == (3, 3600, 400)
    assert (first["actions"], first["pnl_usd"], first["pnl_share"]) == (90, 1.0, 0.002)
    assert (first["quote_s"], first["live_s"], first["gap_s"]) == (1800.0, 3600.0, 0.0)
    assert first["spread_ratio"] == 2.5
    assert (second["hour"], second["fills"], second["pending"]) == (FIRST + 1, 2, 1)
    assert (second["markouts"], second["notional_usd"], second["edge_usd_bps"]) == (0, 0.0, 0.0)
    assert (second["filled_orders"], second["null_n"], second["null_adverse"]) == (1, 3600, 240)
    assert (second["actions"], second["pnl_usd"], second["spread_ratio"]) == (60, 3.0, 2.0)
    assert marks(blocks(home)) == [(True, False, False), (True, True, False)]


def test_without_rows_there_is_no_hour(home):
    assert blocks(home).is_empty()
    store(home, [("event", make_row("event"))])
    assert blocks(home).is_empty()


def test_hours_since_a_time_are_those_that_begin_then_or_later(home):
    store(home, samples(4))
    for since_s, first in ((None, 0), (0, 0), (1, 1), (3600, 1), (3601, 2), (99_999, 4)):
        since_ns = None if since_s is None else T0_NS + since_s * 10**9
        kept = blocks(home, since_ns=since_ns)
        assert kept["hour"].to_list() == [FIRST + h for h in range(first, 4)]
        assert kept["live_s"].to_list() == [3600.0] * len(kept)  # counted from the hour before


def test_an_hour_is_whole_once_it_is_over(home):
    store(home, [*samples(1)[:-1], sample(3598.5)])
    assert blocks(home)["whole"].to_list() == [False]
    store(home, [sample(3599.5)])
    assert blocks(home)["whole"].to_list() == [True]


def test_an_hour_entered_late_is_not_whole(home):
    rows = [sample(s, lived_s=s - 60.0) for s in range(60, 7201, 60)]
    store(home, rows)
    assert blocks(home)["whole"].to_list() == [False, True]


def test_samples_in_a_quiet_market_need_not_fall_on_the_hour(home):
    store(home, [sample(s + 4.0) for s in range(0, 10_800, 60)] + [sample(10_804)])
    assert blocks(home)["whole"].to_list() == [False, True, True, False]


def test_hours_of_the_warm_up_are_not_warm(home):
    store(home, samples(4))
    assert blocks(home)["warm"].to_list() == [False, True, True, True]
    assert blocks(home, warm_s=0.0)["warm"].to_list() == [True] * 4
    assert blocks(home, warm_s=7200.0)["warm"].to_list() == [False, False, True, True]


def test_time_without_market_data_does_not_warm(home):
    rows = [sample(s, gap_s=min(s, 1800.0)) for s in range(600, 10_801, 600)]
    store(home, rows)
    assert blocks(home)["warm"].to_list() == [False, False, True]


@pytest.mark.parametrize(
    ("gap_s", "share", "is_gap"), [(180, None, 0), (181, None, 1), (37, 0.01, 1)]
)
def test_an_hour_with_too_much_silence_has_a_gap(home, gap_s, share, is_gap):
    store(home, [sample(1800, gap_s=gap_s), sample(3600, gap_s=gap_s)])
    assert marks(blocks(home, gap_share=share)) == [(True, False, bool(is_gap))]


def test_a_missing_hour_is_a_gap_and_the_hour_after_it_is_not_whole(home):
    rows = samples(2) + [sample(s, gap_s=3600.0, filled_orders=7) for s in (10_900, 14_400, 18_000)]
    store(home, rows)
    b = blocks(home)
    assert b["hour"].to_list() == [FIRST + h for h in range(5)]
    assert b["whole"].to_list() == [True, True, False, False, True]
    assert b["gap"].to_list() == [False, False, True, True, False]
    assert b.row(2, named=True)["live_s"] is None
    assert b.row(2, named=True)["fills"] == 0


@pytest.mark.parametrize("after_s", [5, 3000, 4000, 9000])
@pytest.mark.parametrize("back_s", [10, 700, 3600, 7200])
def test_no_hour_a_clock_went_through_twice_is_whole(home, after_s, back_s):
    rows = []  # six hours by the engine's own clock; the venue's steps back once
    for lived_s in range(0, 6 * 3600 + 1, 5):
        s = lived_s if lived_s <= after_s else lived_s - back_s
        rows.append(sample(s, lived_s=float(lived_s)))
    store(home, rows)
    twice = {(T0_NS + int(s * 1e9)) // HOUR_NS for s in range(after_s - back_s, after_s)}
    b = blocks(home)
    assert not b.filter(pl.col("hour").is_in(twice))["whole"].any()
    assert b["whole"].sum() >= b.height - len(twice) - 2


def test_a_fill_told_twice_counts_once(home):
    rows = samples(2) + fill(100, 1) + fill(200, 2)
    rows += fill(100, 1) + fill(3700, 2)  # the second time even in another hour
    store(home, rows)
    with Metrics.open(home) as metrics:
        metrics.ingest()
        assert metrics.query("evidence_blocks", run=RUN)["fills"].to_list() == [2, 0]
        assert metrics.query("evidence_blocks", run=RUN)["markouts"].to_list() == [2, 0]
        e = metrics.query("evidence", run=RUN).row(0, named=True)
        assert (e["fills"], e["markouts"], e["notional_usd"]) == (2, 2, 20.0)
        e = metrics.query("evidence", run=RUN, since_ns=T0_NS + 3600 * 10**9).row(0, named=True)
        assert (e["fills"], e["markouts"]) == (0, 0)


def test_a_late_row_counts_in_the_hour_it_happened(home):
    store(home, [*samples(3), ("fill", make_row("fill", 3000, tid=1))])
    before = blocks(home)
    assert before["pending"].to_list() == [1, 0, 0]
    store(home, [markout(3000, 1)])
    after = blocks(home)
    assert after["pending"].to_list() == [0, 0, 0]
    assert after["edge_usd_bps"].to_list() == [5.0, 0.0, 0.0]
    assert after["whole"].equals(before["whole"])


def test_rows_of_other_runs_are_not_counted(home):
    store(home, samples(1) + fill(100, 1))
    alone = blocks(home)
    others = [
        (kind, row | {"run": f"{RUN}.realistic", "mode": "paper-realistic", "asset": "BTC"})
        for kind, row in samples(2) + fill(200, 7)
    ]
    store(home, others)
    assert blocks(home).equals(alone)
    other = blocks(home, run=f"{RUN}.realistic")
    assert other["mode"].to_list() == ["paper-realistic"] * 2
    assert other["fills"].to_list() == [1, 0]


def test_a_number_too_large_to_square_is_refused_by_the_bounds(home):
    store(home, samples(30) + [row for h in range(30) for row in fill(h * 3600 + 9, h, mk5=1e200)])
    b = blocks(home)
    with pytest.raises(ValueError, match=r"x2 is inf in block 0; every block must be finite"):
        bounds(b["edge_usd_bps"], b["notional_usd"], b["edge_usd_bps_sq"])


@settings(max_examples=10, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 5 * 3600), st.floats(1.0, 500.0), st.none() | st.floats(-50.0, 50.0)
        ),
        max_size=30,
    ),
    st.integers(1, 4),
)
def test_hours_add_up_to_the_evidence_however_rows_arrive(tmp_path_factory, fills, parts):
    home = Home(tmp_path_factory.mktemp("var"))
    rows = [
        row
        for i, (s, usd, mk5) in enumerate(fills)
        for row in fill(s, i, notional_usd=usd, mk5=mk5)
    ]
    rows += samples(5, every_s=1800)
    with Metrics.open(home) as metrics:
        for part in range(parts):
            store(home, rows[part::parts])
            metrics.ingest()
        b = metrics.query("evidence_blocks", run=RUN)
        e = metrics.query("evidence", run=RUN).row(0, named=True)
    assert (b["fills"].sum(), b["markouts"].sum()) == (e["fills"], e["markouts"])
    assert b["adverse"].sum() == round((e["as_rate"] or 0.0) * e["markouts"])
    assert b["live_s"].sum() / 3600 == e["hours"]
    if e["markouts"]:
        edge = b["edge_usd_bps"].sum() / b["notional_usd"].sum()
        assert edge == pytest.approx(e["edge_bps"], abs=1e-9)
