"""What is broken on its way from an engine's spool to a verdict never passes.

Each test takes the same 73 good hours, which do pass, and breaks them once.
"""

import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest

from engine.config import AssetSpec
from engine.derive.decisions import derive_config
from engine.derive.facts import MarketFacts
from engine.gates.verdict import Verdict
from engine.onboarding.store import AssetState
from engine.policy import load_policy
from engine.runners.judging import Shown, judge_stage
from engine.store.home import Home
from engine.store.metrics import Metrics

POLICY = load_policy()
BEGAN_NS = 1_767_225_600_000_000_000  # 2026-01-01
HOUR_NS = 3_600_000_000_000
STEP_NS = HOUR_NS // 6
HOURS = 73

Row = dict[str, Any]


def good_rows() -> list[Row]:
    """Return what an engine with an edge of 5 bps writes: six samples and twelve fills an hour."""
    rows = [_sample(step) for step in range(6 * HOURS + 1)]
    for tid in range(12 * HOURS):
        rows += _fill(tid, BEGAN_NS + tid * (HOUR_NS // 12) + 1)
    return sorted(rows, key=lambda row: row["ts_ns"])


def _sample(step: int) -> Row:
    fills = 2 * step
    return {
        "kind": "sample", "ts_ns": BEGAN_NS + step * STEP_NS, "mid": 20.0,
        "equity_usd": 1000.0 + 0.01 * fills + 0.02 * math.sin(step), "position": 0.0,
        "quote_s": 600.0 * step, "live_s": 600.0 * step, "gap_s": 0.0, "null_n": 600 * step,
        "null_adverse": 60 * step, "filled_orders": fills, "own_fills": fills, "outcomes": fills,
        "kappa_confidence": 0.8, "calibration": 0.9, "spread_ratio": 1.1,
    }  # fmt: skip


def _fill(tid: int, ts_ns: int) -> list[Row]:
    who = {"ts_ns": ts_ns, "tid": tid, "cloid": tid, "side": 1}
    move = 6.5 + (3.0 if tid % 2 else -3.0)
    marks = {"notional_usd": 20.0, "fee_bps": 1.5, "half_spread_bps": 4.0, "mk5": move}
    fill = {"px": 20.0, "sz": 1.0, "fee_usd": 0.003, "mid": 20.0, "position": 0.0}
    return [{"kind": "fill"} | who | fill, {"kind": "markout"} | who | marks]


@pytest.fixture
def state(spec: AssetSpec, facts: MarketFacts) -> AssetState:
    """The asset in validation."""
    config, _ = derive_config(spec, facts, POLICY)
    return AssetState(
        asset=spec.asset, spec=spec, stage="validation", version=4, attempt=1,
        run="hype-a1-validation-v4", paper_only=False, entered_ns=BEGAN_NS,
        facts=facts.model_dump(mode="json"), config=config,
    )  # fmt: skip


@pytest.fixture
def judged(state: AssetState, tmp_path: Path) -> Callable[..., Verdict]:
    """Write rows into the spool of a new home as they are, ingest them, and judge the stage."""

    def judge(rows: Iterable[Row] | bytes) -> Verdict:
        home, run = Home(tmp_path / uuid4().hex), str(state.run)
        lines = rows if isinstance(rows, bytes) else b"".join(map(_line(state), enumerate(rows)))
        home.spool(run).write_bytes(lines)
        with Metrics.open(home) as metrics:
            metrics.ingest()
            values = metrics.query("evidence", run=run, capital_usd=1000.0).row(0, named=True)
            blocks = metrics.query("evidence_blocks", run=run, capital_usd=1000.0)
        return judge_stage(state, Shown(values, blocks), 0, POLICY, BEGAN_NS + HOURS * HOUR_NS)

    return judge


def _line(state: AssetState) -> Callable[[tuple[int, Row]], bytes]:
    who = {"run": state.run, "asset": state.asset, "mode": "paper"}
    return lambda row: orjson.dumps({"seq": row[0], **who, **row[1]}) + b"\n"


def between(rows: list[Row], first: float, last: float) -> list[Row]:
    """Return the rows from one hour up to another."""
    lo, hi = (BEGAN_NS + int(h * HOUR_NS) for h in (first, last))
    return [row for row in rows if lo < row["ts_ns"] <= hi]


def test_the_good_hours_pass(judged: Any) -> None:
    assert judged(good_rows()).verdict == "PASS"


# -- numbers that are none ----------------------------------------------------------------------


WORDS = (b"NaN", b"Infinity", b"1e999")
PLACES = (("markout", b"mk5"), ("markout", b"notional_usd"), ("sample", b"live_s"))


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize(("kind", "name"), PLACES)
def test_nan_and_infinity_in_every_row_never_pass(
    judged: Any, state: AssetState, kind: str, name: bytes, word: bytes
) -> None:
    assert refused(judged, _with_word(state, kind, name, word, every=1))


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize(("kind", "name"), PLACES)
def test_a_line_that_holds_one_is_left_out_and_the_others_count(
    judged: Any, state: AssetState, kind: str, name: bytes, word: bytes
) -> None:
    """One line in 400: it goes to the dead letters, and the verdict is that of the rest."""
    said = judged(_with_word(state, kind, name, word, every=400))
    assert said.verdict in ("PASS", "NOT_YET")
    edge = said.criteria[0]
    assert math.isfinite(edge.value) and edge.value == pytest.approx(5.0, abs=0.1)


def _with_word(state: AssetState, kind: str, name: bytes, word: bytes, every: int) -> bytes:
    mark, seen, lines = b'"kind":"' + kind.encode() + b'"', 0, []
    for line in map(_line(state), enumerate(good_rows())):
        told = line
        if mark in line:
            seen += 1
            if seen % every == 0:
                told = re.sub(b'("' + name + b'":)[^,}]+', rb"\g<1>" + word, line)
        lines.append(told)
    return b"".join(lines)


def holds(verdict: Verdict) -> bool:
    """Say whether a verdict moves nothing."""
    return verdict.verdict in ("NO_DATA", "NOT_YET", "ERROR")


def refused(judged: Any, rows: Any) -> bool:
    """Say whether rows get no verdict, or one that moves nothing."""
    try:
        return holds(judged(rows))
    except ValueError as error:
        return "finite" in str(error)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numpy's, on the way to the refusal
@pytest.mark.parametrize("name", ["mk5", "fee_bps", "notional_usd"])
def test_a_number_so_large_that_sums_overflow_is_refused(judged: Any, name: str) -> None:
    rows = good_rows()
    place = next(k for k, row in enumerate(rows) if row["kind"] == "markout" and row["tid"] == 700)
    rows[place] = rows[place] | {name: 1.7e308}
    assert refused(judged, rows)


def test_one_lucky_fill_does_not_pass_an_asset_that_loses(judged: Any) -> None:
    rows = [row | {"mk5": 0.5} if row["kind"] == "markout" else row for row in good_rows()]
    lucky = [
        row | {"mk5": 9000.0} if row.get("tid") == 700 and "mk5" in row else row for row in rows
    ]
    assert judged(rows).verdict == "FAIL"
    found = judged(lucky)
    assert found.criteria[0].value > 2.3  # by the value alone it would pass
    assert found.verdict != "PASS"


# -- hours that are none ------------------------------------------------------------------------


def test_an_empty_spool_and_one_without_samples_have_no_data(judged: Any) -> None:
    assert judged([]).verdict == "NO_DATA"
    assert judged([row for row in good_rows() if row["kind"] != "sample"]).verdict == "NO_DATA"


def test_hours_without_a_fill_are_no_evidence_of_an_edge(judged: Any) -> None:
    said = judged([row for row in good_rows() if row["kind"] == "sample"])
    assert said.criteria[0].verdict == "NO_DATA"
    assert said.verdict == "NO_DATA"


@pytest.mark.parametrize("kept", [(0.0, 20.0), (50.0, 73.0), (0.0, 1.0)])
def test_missing_hours_are_not_made_up_for_by_a_clock_that_ran_on(judged: Any, kept: Any) -> None:
    """The run says that it lived for 73 hours; of most of them nothing was told."""
    rows = good_rows()
    assert holds(judged([rows[0], *between(rows, *kept), rows[-1]]))


def test_every_second_hour_missing_leaves_too_few(judged: Any) -> None:
    rows = good_rows()
    left = [row for row in rows if (row["ts_ns"] - 1 - BEGAN_NS) // HOUR_NS % 2 == 0]
    assert holds(judged([rows[0], *left, rows[-1]]))


def test_hours_whose_market_was_silent_do_not_count(judged: Any) -> None:
    def silent(row: Row) -> Row:
        if row["kind"] != "sample":
            return row
        part = row["live_s"]
        return row | {"live_s": 0.8 * part, "gap_s": 0.2 * part}

    assert holds(judged(map(silent, good_rows())))


@pytest.mark.parametrize("step_h", [-30.0, -3.0, 3.0, 30.0])
@pytest.mark.parametrize("at_h", [1.5, 40.5])
def test_a_clock_that_steps_never_adds_evidence(judged: Any, step_h: float, at_h: float) -> None:
    """Rows after the step carry the other time; what it makes of the hours is never more."""
    at_ns = BEGAN_NS + int(at_h * HOUR_NS)
    shift = int(step_h * HOUR_NS)

    def stepped(rows: list[Row]) -> list[Row]:
        return [row | {"ts_ns": row["ts_ns"] + shift * (row["ts_ns"] > at_ns)} for row in rows]

    assert judged(stepped(good_rows())).hours <= 73.0
    assert holds(judged(stepped(between(good_rows(), 0.0, 47.0))))  # 48 h are asked of it


# -- rows that are told again -------------------------------------------------------------------


def test_a_fill_told_twice_counts_once(judged: Any) -> None:
    rows = good_rows()
    once = judged(rows)
    again = [two for row in rows for two in ((row, row) if "tid" in row else (row,))]
    twice = judged(again)
    assert [one.model_dump() for one in twice.criteria] == [
        one.model_dump() for one in once.criteria
    ]


def test_a_fill_told_again_with_a_better_outcome_keeps_its_first(judged: Any) -> None:
    rows = [row | {"mk5": -2.0} if "mk5" in row else row for row in good_rows()]
    better = [row | {"mk5": 50.0} for row in rows if "mk5" in row]
    assert judged([*rows, *better]).verdict == "FAIL"


def test_rows_written_again_after_a_crash_change_nothing(judged: Any, state: AssetState) -> None:
    lines = list(map(_line(state), enumerate(good_rows())))
    once, twice = judged(b"".join(lines)), judged(b"".join([*lines, *lines[-500:]]))
    assert once.model_dump() == twice.model_dump()


def test_a_torn_last_line_is_not_evidence(judged: Any, state: AssetState) -> None:
    lines = b"".join(map(_line(state), enumerate(good_rows())))
    assert judged(lines[:-40]).verdict in ("PASS", "NOT_YET")
    assert judged(lines[:40]).verdict == "NO_DATA"
