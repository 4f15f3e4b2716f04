"""The procedure's three reviews, from an engine's spool to their verdicts."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from engine.gates.verdict import Verdict
from engine.onboarding.causes import UncitedMoveError
from engine.onboarding.store import AssetState
from engine.policy import load_policy
from engine.runners.reviewing import due, live_runs, review_asset
from engine.runners.standing import onboarding
from engine.store.home import Home
from engine.store.spool import Spool

POLICY = load_policy()
BEGAN_NS = 1_767_225_600_000_000_000  # 2026-01-01
HOUR_NS = 3_600_000_000_000
LIMIT = 0.25 * 50.0  # coins of $20 for a quarter of $1,000

Put = Callable[..., AssetState]
Row = tuple[str, dict[str, Any]]


@pytest.fixture
def trade(home: Home) -> Callable[..., int]:
    """Write `hours` of a good run, ten fills an hour, with changes; return when it was."""

    def write(state: AssetState, hours: int, *more: Row, knows: float = 0.5, **changes: Any) -> int:
        assert state.run is not None
        who = {"run": state.run, "asset": state.asset, "mode": "live"}
        rows = sorted([*_rows(hours, knows, changes), *more], key=lambda row: row[1]["ts_ns"])
        with Spool.open(home.spool(state.run)) as spool:
            for seq, (kind, row) in enumerate(rows):
                spool.append(kind, who | row, seq=seq)
        os.utime(home.spool(state.run), ns=(BEGAN_NS, BEGAN_NS))
        return BEGAN_NS + 5_000_000_000

    return write


def _rows(hours: int, knows: float, changes: dict[str, Any]) -> list[Row]:
    looks, fills = (6, 10) if hours < 100 else (1, 2)  # an hour; a month is written sparsely
    rng = np.random.default_rng(1)
    return [*_samples(hours, looks, knows, rng, changes), *_fills(hours, fills, rng, changes)]


def _samples(hours: int, looks: int, knows: float, rng: Any, changes: Any) -> Iterator[Row]:
    steps = looks * hours + 1
    moves = 2e-4 * rng.normal(size=steps + 1)
    mid = 20.0 * np.exp(np.cumsum(moves))
    signal = 1e4 * (knows * moves[1:] + 4e-4 * rng.normal(size=steps))
    for step in range(steps):
        lived_s = 3600.0 * step / looks
        fills = int(lived_s / 360)
        row = {
            "ts_ns": BEGAN_NS + step * HOUR_NS // looks, "mid": mid[step],
            "alpha_micro_bps": signal[step], "equity_usd": 1000.0 + 0.01 * step, "position": 1.0,
            "quote_s": lived_s, "live_s": lived_s, "gap_s": 0.0, "own_fills": fills,
            "outcomes": fills, "filled_orders": fills, "calibration": 0.7, "spread_ratio": 1.5,
            "headroom": 0.6,
        }  # fmt: skip
        yield "sample", row | changes.get("sample", {})


def _fills(hours: int, often: int, rng: Any, changes: Any) -> Iterator[Row]:
    edge = changes.get("edge_bps", lambda hour, regime: 3.0)
    regime_of = changes.get("regime", lambda hour: hour // 6 % 2)
    for nr in range(often * hours):
        hour, adverse = nr // often, bool(rng.random() < 0.3)
        regime = regime_of(hour)
        who = {"ts_ns": BEGAN_NS + nr * HOUR_NS // often + 1, "tid": nr, "cloid": nr, "side": 1}
        markout = {
            "notional_usd": 20.0, "fee_bps": 1.5, "half_spread_bps": 60.0 if adverse else -60.0,
            "regime": regime, "mk5": 1.5 + edge(hour, regime) + rng.normal(),
            "p_adverse": 0.8 if adverse else 0.1, "p_base": 0.3,
        }  # fmt: skip
        yield "markout", who | markout | changes.get("markout", {})
        fill = {"px": 20.0, "sz": 1.0, "fee_usd": 0.003, "position": 1.0}
        yield "fill", who | fill | changes.get("fill", {})


def reviewed(home: Home, now_ns: int) -> dict[str, Verdict]:
    _, verdicts = review_asset(home, "HYPE", POLICY, now_ns)
    return {one.gate: one for one in verdicts}


def line(verdict: Verdict, metric: str) -> Any:
    return next(one for one in verdict.criteria if one.metric == metric)


# -- day 1 ------------------------------------------------------------------------------------


def test_a_good_first_day_passes_every_check(home: Home, put_at: Put, trade: Any) -> None:
    day = reviewed(home, trade(put_at("ramp_25"), 5))["day_1"]
    assert day.verdict == "PASS", day.words
    assert [one.metric for one in day.criteria] == [
        "kappa_updates", "as_outcomes", "calibration", "kill_triggers", "spread_ratio",
        "position_share", "silence_s",
    ]  # fmt: skip
    assert line(day, "kappa_updates").value == 30  # of the last three hours
    assert line(day, "silence_s").value == 5.0
    assert (day.hours, day.hours_needed) == (5.0, 1.0)


@pytest.mark.parametrize(
    ("changes", "metric", "outcome"),
    [
        ({"sample": {"own_fills": 7}}, "kappa_updates", "FAIL"),
        ({"sample": {"outcomes": 0}}, "as_outcomes", "FAIL"),
        ({"sample": {"outcomes": None}}, "as_outcomes", "NO_DATA"),
        ({"sample": {"calibration": 0.0}}, "calibration", "FAIL"),
        ({"sample": {"spread_ratio": 2.5}}, "spread_ratio", "FAIL"),
        ({"sample": {"spread_ratio": None}}, "spread_ratio", "NO_DATA"),
        ({"fill": {"position": -LIMIT - 0.01}}, "position_share", "FAIL"),
        ({"fill": {"position": LIMIT}}, "position_share", "PASS"),
    ],
)
def test_each_check_of_day_1_speaks_for_itself(
    home: Home, put_at: Put, trade: Any, changes: Any, metric: str, outcome: str
) -> None:
    day = reviewed(home, trade(put_at("ramp_25"), 5, **changes))["day_1"]
    assert line(day, metric).verdict == outcome
    assert (day.verdict == "PASS") == (outcome == "PASS")


def test_a_kill_switch_on_day_1_fails_at_any_hour(home: Home, put_at: Put, trade: Any) -> None:
    kill = ("event", {"ts_ns": BEGAN_NS + HOUR_NS // 3, "name": "kill", "body": {}})
    day = reviewed(home, trade(put_at("ramp_25"), 1, kill))["day_1"]
    assert (day.verdict, line(day, "kill_triggers").verdict) == ("FAIL", "FAIL")


@pytest.mark.parametrize(
    ("seconds", "outcome"), [(120, "PASS"), (121, "NOT_YET"), (601, "FAIL"), (-1, "NO_DATA")]
)
def test_evidence_that_is_not_fresh_is_not_watched(
    home: Home, put_at: Put, trade: Any, seconds: int, outcome: str
) -> None:
    trade(put_at("ramp_25"), 5)
    day = reviewed(home, BEGAN_NS + seconds * 1_000_000_000)["day_1"]  # -1: the clock was set back
    assert line(day, "silence_s").verdict == outcome


def test_the_quota_is_asked_of_builder_assets_alone() -> None:
    gates = [POLICY.monitor.day_1.gate_for(hip3=hip3) for hip3 in (False, True)]
    main, builder = ([one.metric for one in gate.criteria] for gate in gates)
    assert builder == [*main, "headroom"]


def test_an_asset_that_was_never_written_of_has_no_data(home: Home, put_at: Put) -> None:
    put_at("ramp_25")
    said = reviewed(home, BEGAN_NS)
    assert {one.verdict for one in said.values()} == {"NO_DATA"}


def test_an_asset_without_an_engine_is_refused(home: Home, put_at: Put) -> None:
    put_at("derive")
    with pytest.raises(ValueError, match="stands at derive: no engine trades it"):
        review_asset(home, "HYPE", POLICY, BEGAN_NS)


# -- week 1 -----------------------------------------------------------------------------------


def test_a_week_of_good_forecasts_signals_and_edge_passes(
    home: Home, put_at: Put, trade: Any
) -> None:
    week = reviewed(home, trade(put_at("ramp_25"), 49))["week_1"]
    assert week.verdict == "PASS", week.words
    assert [one.metric for one in week.criteria] == [
        "brier",
        "skill",
        "information_ratio",
        "edge_bps",
    ]
    brier, skill, ratio, edge = week.criteria
    assert 0.01 < brier.value < 0.04  # 0.1² and 0.2²
    assert 0.8 < skill.value < 0.95
    assert ratio.value > 10.0 and 0.0 < ratio.lo < ratio.value < ratio.hi
    assert edge.value == pytest.approx(3.0, abs=0.2)


@pytest.mark.parametrize(
    ("changes", "metric", "outcome"),
    [
        (
            {"markout": {"p_adverse": 0.5}},
            "brier",
            "NOT_YET",
        ),  # 0.25 in every hour, and never below
        ({"markout": {"p_adverse": 0.9}}, "brier", "FAIL"),
        ({"markout": {"p_adverse": 0.5}}, "skill", "FAIL"),
        ({"markout": {"p_adverse": None}}, "skill", "NO_DATA"),
        ({"knows": -2.0}, "information_ratio", "FAIL"),
        ({"sample": {"alpha_micro_bps": None}}, "information_ratio", "NO_DATA"),
        ({"sample": {"alpha_micro_bps": 0.0}}, "information_ratio", "NO_DATA"),
        ({"edge_bps": lambda *_: -3.0}, "edge_bps", "FAIL"),
        ({"edge_bps": lambda hour, _: 24.0 if hour == 9 else -0.4}, "edge_bps", "NOT_YET"),
        ({"markout": {"mk5": None}}, "edge_bps", "NO_DATA"),
    ],
)
def test_each_line_of_the_week_speaks_for_itself(
    home: Home, put_at: Put, trade: Any, changes: Any, metric: str, outcome: str
) -> None:
    week = reviewed(home, trade(put_at("ramp_25"), 49, **changes))["week_1"]
    assert line(week, metric).verdict == outcome, week.words
    assert week.verdict != "PASS"


def test_signals_that_know_nothing_are_not_called_useful(
    home: Home, put_at: Put, trade: Any
) -> None:
    week = reviewed(home, trade(put_at("ramp_25"), 49, knows=0.0))["week_1"]
    assert line(week, "information_ratio").verdict == "NOT_YET"


# -- month 1 ----------------------------------------------------------------------------------


@pytest.fixture
def month(home: Home, put_at: Put, trade: Any) -> Callable[..., Verdict]:
    def judged(**changes: Any) -> Verdict:
        return reviewed(home, trade(put_at("ramp_100"), 680, **changes))["month_1"]

    return judged


@pytest.mark.slow
def test_a_month_that_is_positive_in_every_regime_scales(month: Any) -> None:
    said = month()
    assert said.verdict == "PASS", said.words
    assert [one.metric for one in said.criteria] == [
        "edge_bps", "regimes", "edge_calm_bps", "edge_normal_bps",
    ]  # fmt: skip
    assert said.words.endswith(
        "Proposed: scale to full target capital; consider adding it to the multi-asset pool; "
        "monitor the signals' mutual information for decay."
    )


@pytest.mark.slow
def test_a_regime_that_loses_makes_the_month_mixed(month: Any) -> None:
    said = month(edge_bps=lambda _, regime: -3.0 if regime == 1 else 5.0)
    assert line(said, "edge_bps").verdict == "PASS"
    assert line(said, "edge_normal_bps").verdict == "FAIL"
    assert "Proposed: hold at the current capital level; investigate regime-specific" in said.words


def test_a_month_that_loses_everywhere_reduces(month: Any) -> None:
    said = month(edge_bps=lambda *_: -2.0)
    assert "Proposed: reduce capital or remove the asset; document what went wrong" in said.words


@pytest.mark.slow
def test_one_regime_alone_is_no_proof_across_regimes(month: Any) -> None:
    said = month(regime=lambda _: 1)
    assert line(said, "regimes").verdict == "NOT_YET"
    assert "Proposed: hold" in said.words


@pytest.mark.slow
def test_a_regime_with_few_fills_is_not_judged_and_a_loss_in_it_does_not_count(month: Any) -> None:
    rare = (100, 200, 300, 400)
    said = month(
        regime=lambda hour: 3 if hour in rare else hour // 6 % 2,
        edge_bps=lambda hour, _: -50.0 if hour in rare else 3.0,
    )
    assert "edge_extreme_bps" not in [one.metric for one in said.criteria]


def test_before_four_weeks_nothing_is_proposed(home: Home, put_at: Put, trade: Any) -> None:
    said = reviewed(home, trade(put_at("ramp_100"), 600))["month_1"]
    assert said.verdict == "NOT_YET"
    assert "Proposed" not in said.words


def test_paper_has_no_month_of_live_trading(home: Home, put_at: Put, trade: Any) -> None:
    said = reviewed(home, trade(put_at("validation"), 49))["month_1"]
    assert said.verdict == "NO_DATA"


@pytest.mark.slow
def test_a_month_adds_up_every_live_run_of_the_attempt(home: Home, put_at: Put, trade: Any) -> None:
    trade(put_at("ramp_25"), 400)
    state = put_at("ramp_50")
    trade(state, 300)
    with onboarding(home) as store:
        runs = live_runs(store.history("HYPE"), 1)
    assert [run.split("-")[2] for run in runs] == ["ramp_25", "ramp_50"]
    assert reviewed(home, BEGAN_NS)["month_1"].hours == pytest.approx(700.0)


def test_no_move_can_rest_on_a_review(home: Home, put_at: Put, trade: Any) -> None:
    state = put_at("ramp_25")
    now_ns = trade(state, 49)
    week = reviewed(home, now_ns)["week_1"]
    assert (week.verdict, week.asks) == ("PASS", "stay")
    with onboarding(home) as store:
        said = store.record_verdict("HYPE", week.model_dump(mode="json"), now_ns)
        with pytest.raises(UncitedMoveError, match="needs a verdict PASS"):
            store.move("HYPE", state.stage, state.version, "PASS", [said], now_ns)


# -- when -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_day_1_is_kept_by_the_hour_and_the_others_once_a_day(
    home: Home, put_at: Put, trade: Any
) -> None:
    def kept(hours: int) -> list[str]:
        now_ns = trade(state, hours)
        _, verdicts = review_asset(home, "HYPE", POLICY, now_ns)
        with onboarding(home) as store:
            chosen = due(state, store.history("HYPE"), verdicts)
            for one in chosen:
                store.record_verdict("HYPE", one.model_dump(mode="json"), now_ns)
        return [one.gate for one in chosen]

    state = put_at("ramp_25")
    assert kept(1) == ["day_1"]
    assert kept(23) == ["day_1"]
    assert kept(24) == ["day_1", "week_1"]
    assert kept(47) == []
    assert kept(49) == ["week_1"]
    assert kept(679) == ["week_1", "month_1"]


def test_paper_is_reviewed_daily_and_has_no_first_day(home: Home, put_at: Put, trade: Any) -> None:
    state = put_at("validation")
    _, verdicts = review_asset(home, "HYPE", POLICY, trade(state, 25))
    assert [one.gate for one in due(state, [], verdicts)] == ["week_1"]
