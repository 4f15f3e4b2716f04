"""A quote is taken apart as it was made: its terms add up, or it is said why there is none."""

import math
import os
from pathlib import Path

import numpy as np
import pytest

from engine.config import AssetSpec
from engine.core.quote import TERMS
from engine.events import BUY, LAST, LEVEL, SELL, SNAPSHOT, TRADE, Event
from engine.record import zeros
from engine.runners.explain import explain
from engine.runners.tape_import import import_tape
from engine.store.tape import write_tape
from engine.store.tape_facts import TapeMeta

S = 1_000_000_000
START_NS = 1_767_225_600 * S
HYPE = AssetSpec(asset="HYPE", capital_usd=1000.0)
BTC = AssetSpec(asset="BTC", capital_usd=5000.0)
META = TapeMeta(asset="HYPE", venue="sim", px_decimals=3, sz_decimals=2, source="synthetic")
CSV = "hl_l2_bbo_trades_20250904"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Tapes of the recordings at hand, written once."""
    root = Path(__file__).parents[2]
    data = Path(os.environ.get("GANGWAY_DATA", root.parent / "shared" / "data"))
    made = {}

    def tape(name, asset):
        if not (data / name).is_dir():
            pytest.skip(f"recorded data {name} is not in {data}; set GANGWAY_DATA")
        if (name, asset) not in made:
            out = tmp_path_factory.mktemp("tapes") / f"{asset}.tape"
            made[name, asset] = out, import_tape(data / name, out, asset=asset)
        path, info = made[name, asset]
        return AssetSpec(asset=info.asset, capital_usd=5000.0, venue="tape", tape=str(path)), info

    return tape


def check(e, spec):
    """The terms of each side add up to its distance, and the distance is that of its price."""
    assert e.asset == spec.asset
    assert e.market_bid < e.market_ask
    for side, sign in ((e.bid, 1), (e.ask, -1)):
        assert tuple(side.terms_bps) == TERMS
        assert all(map(math.isfinite, side.terms_bps.values()))
        assert math.fsum(side.terms_bps.values()) == pytest.approx(side.distance_bps, abs=1e-9)
        if side.px is not None:
            asked = 1e4 * sign * (e.mid - side.px) / e.mid
            assert side.distance_bps == pytest.approx(asked, abs=1e-8)
    assert e.bid.px is not None or e.ask.px is not None
    if e.bid.px and e.ask.px:
        assert e.bid.px < e.ask.px
    assert all(map(math.isfinite, e.state.values()))


@pytest.mark.parametrize(
    ("spec", "at"),
    [(HYPE, at) for at in ("90", "2m", "12m30s", "0.5h", "59m59.9s", "1h", "1h1s", "3h")]
    + [(BTC, at) for at in ("2m", "1h0.5s")],
    ids=lambda x: getattr(x, "asset", x),
)
def test_the_terms_add_up_to_the_distance_and_to_the_price(spec, at):
    e = explain(spec, at)
    check(e, spec)
    if spec is HYPE:  # it has no leading venue
        for side in (e.bid, e.ask):
            for term in ("staleness", "lead-lag", "cross-venue flow"):
                assert side.terms_bps[term] == 0.0


@pytest.mark.parametrize("scenario", ["toxic", "trending", "midcap"])
def test_any_scenario_can_be_asked(scenario):
    spec = HYPE.model_copy(update={"scenario": scenario})
    check(explain(spec, "10m"), spec)


@pytest.mark.parametrize("asset", ["BTC", "ETH", "WLFI"])
@pytest.mark.parametrize("at", ["1m", "10m", "33m"])
def test_a_recorded_tape_can_be_asked_by_its_age_or_by_the_clock(recorded, asset, at):
    spec, info = recorded(CSV, asset)
    e = explain(spec, at)
    check(e, spec)
    moment = info.first_ns + 60 * S * int(at[:-1])
    assert moment - 5 * S < e.ts_ns <= moment
    clock = np.datetime64(moment, "ns").astype("datetime64[us]").item().isoformat()
    again = explain(spec, clock)
    assert (again.bid, again.ask) == (e.bid, e.ask)


@pytest.mark.slow
def test_a_recorded_tape_of_another_venue_can_be_asked(recorded):
    spec, info = recorded("standx_btc_l2_trades_20260106", "BTC-USD")
    assert (spec.asset, info.venue) == ("BTC", "standx")
    check(explain(spec, "5m"), spec)


def test_two_calls_give_the_same_answer():
    assert explain(HYPE, "17m") == explain(HYPE, "17m")


def test_a_moment_by_its_age_and_by_the_clock_is_the_same():
    by_age = explain(HYPE, "45m")
    for clock in ("2026-01-01T00:45:00", "2026-01-01T00:45:00Z", "2026-01-01T02:45:00+02:00"):
        assert explain(HYPE, clock) == by_age


def test_the_quote_is_the_last_before_the_moment_and_what_comes_later_does_not_change_it():
    e = explain(HYPE, "30m")
    assert 0 <= START_NS + 1800 * S - e.ts_ns <= 5 * S
    later = explain(HYPE, f"{(e.ts_ns - START_NS) / S + 1e-3:.6f}")
    assert (later.ts_ns, later.bid, later.ask) == (e.ts_ns, e.bid, e.ask)


@pytest.mark.parametrize(
    "at", ["", " ", "nan", "inf", "soon", "-5", "-1h", "1e3", "5 m", "10m 5s", "30d1", "1:30", "\0"]
)
def test_what_is_no_time_is_refused_with_what_would_be_one(at):
    with pytest.raises(ValueError, match="1h30m") as refusal:
        explain(HYPE, at)
    assert repr(at) in str(refusal.value)


@pytest.mark.parametrize("at", ["2025-12-31T23:59:59", "1970-01-01", "2300-01-01", "9999999d"])
def test_a_time_outside_the_data_is_refused_with_where_the_data_is(at):
    with pytest.raises(ValueError, match="the data runs from 2026-01-01T00:00:00") as refusal:
        explain(HYPE, at)
    assert repr(at) in str(refusal.value)


@pytest.mark.parametrize("at", ["35m", "2h", "2025-09-04T00:00:00", "2026-01-01T00:00:00"])
def test_a_time_outside_a_tape_is_refused_with_where_the_tape_is(recorded, at):
    spec, _ = recorded(CSV, "WLFI")
    with pytest.raises(ValueError, match=r"the data runs from 2025-09-04T\d.* to 2025-09-04T\d"):
        explain(spec, at)


@pytest.mark.parametrize("at", ["0", "0s", "2026-01-01T00:00:00"])
def test_before_the_first_book_there_is_nothing_to_explain(at):
    with pytest.raises(ValueError, match="no open, fresh book"):
        explain(HYPE, at)


@pytest.fixture
def new_tape(tmp_path):
    """Ten minutes about 40 dollars, of which a loss comes off after 500 s, and then silence."""

    def write(loss):
        rows = []
        for t in range(600):
            mid = 40.0 + 0.005 * (t % 3) - min(max(t - 499, 0) * 3.0, loss)
            for side, code in ((BUY, SNAPSHOT), (SELL, LAST)):
                rows.append((LEVEL, side, code, t, round(mid - side * 0.02, 3), 50.0, 0))
            if t % 5 == 0:
                rows.append((TRADE, BUY if t % 2 else SELL, 0, t, round(mid, 3), 1.0, t + 1))
        rows.append((TRADE, BUY, 0, 700, 32.0, 1.0, 9_999))
        events = zeros(Event, len(rows))
        for e, (kind, side, code, t, px, sz, tid) in zip(events, rows, strict=True):
            e["kind"], e["side"], e["code"] = kind, side, code
            e["px"], e["sz"], e["id"] = px, sz, tid
            e["ts_ns"] = START_NS + t * S
            e["recv_ns"] = e["ts_ns"] + 50_000_000
        path = tmp_path / f"{loss}.tape"
        write_tape(path, [events], META)
        return HYPE.model_copy(update={"venue": "tape", "tape": str(path)})

    return write


def test_after_a_kill_the_refusal_says_when_it_was(new_tape):
    crash = new_tape(8.0)
    check(explain(crash, "8m"), crash)
    for at in ("8m25s", "9m30s", "11m30s"):
        with pytest.raises(ValueError, match="kill switch has tripped at 2026-01-01T00:08:2"):
            explain(crash, at)


def test_a_silent_market_is_not_quoted(new_tape):
    calm = new_tape(0.0)
    check(explain(calm, "10m3s"), calm)
    with pytest.raises(ValueError, match="no open, fresh book"):
        explain(calm, "10m20s")
    with pytest.raises(ValueError, match="pulled for a while"):
        explain(calm, "11m35s")


def test_a_tape_that_is_not_there_is_refused(tmp_path):
    spec = HYPE.model_copy(update={"venue": "tape", "tape": str(tmp_path / "none.tape")})
    with pytest.raises(ValueError, match=r"none\.tape"):
        explain(spec, "1m")
