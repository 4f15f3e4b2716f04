"""What the reviews' lines are made of, and how often luck alone passes them."""

import math
from typing import Any

import numpy as np
import pytest

from engine.gates.bounds import bounds
from engine.gates.certainty import edge_sums
from engine.gates.criteria import judge
from engine.gates.reviews import (
    Sums,
    judged_regimes,
    month_outcome,
    month_sums,
    sure_of,
    values,
    week_sums,
)
from engine.gates.verdict import Verdict
from engine.policy import load_policy
from engine.thresholds.gate import GatePolicy

POLICY = load_policy()
WEEK = POLICY.monitor.week_1
MONTH = POLICY.monitor.month_1


def forecasts(hours: int, told: float, knows: float, seed: int = 0) -> dict[str, Any]:
    """Hours of ten forecasts and sixty signals; a third of the fills is adverse."""
    rng = np.random.default_rng(seed)
    came = (rng.random((hours, 10)) < 0.3).astype(float)
    said = np.clip(0.3 + told * (came - 0.3) + 0.05 * rng.normal(size=came.shape), 0.0, 1.0)
    moves = rng.normal(size=(hours, 60))
    signal = knows * moves + rng.normal(size=moves.shape)
    return {
        "forecasts": np.full(hours, 10.0),
        "brier_sum": ((said - came) ** 2).sum(axis=1),
        "base_sum": ((0.3 - came) ** 2).sum(axis=1),
        "moves": np.full(hours, 60.0),
        "signal_bps2": (signal * moves).sum(axis=1),
    }


def fills(hours: int, edge: float, per_hour: int = 12, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    each = rng.normal(edge, 8.0, (hours, per_hour))
    return {
        "markouts": np.full(hours, float(per_hour)),
        "notional_usd": np.full(hours, 20.0 * per_hour),
        "edge_usd_bps": 20.0 * each.sum(axis=1),
        "edge_usd_bps_sq": 400.0 * (each**2).sum(axis=1),
    }


def judged(gate: GatePolicy, sums: Any, hours: float, **more: Any) -> Verdict:
    return judge(
        gate, values(sums) | more, asset="X", ts_ns=1, policy_hash="", config_hash=None,
        code_version="", hours=hours, certain=sure_of(gate, sums),
    )  # fmt: skip


def line(found: Verdict, metric: str) -> Any:
    return next(one for one in found.criteria if one.metric == metric)


def test_each_value_is_what_its_name_says() -> None:
    b = forecasts(48, told=0.6, knows=0.3)
    told = values(week_sums(b))
    assert told["brier"] == pytest.approx(b["brier_sum"].sum() / 480)
    assert told["skill"] == pytest.approx(1 - b["brier_sum"].sum() / b["base_sum"].sum())
    earned = b["signal_bps2"]
    annual = earned.mean() / earned.std(ddof=1) * math.sqrt(8766)
    assert told["information_ratio"] == pytest.approx(annual)


def test_bounds_of_the_information_ratio_are_those_of_the_mean_on_its_scale() -> None:
    sums = week_sums(forecasts(48, told=0.6, knows=0.3))
    one, x = sums["information_ratio"], forecasts(48, told=0.6, knows=0.3)["signal_bps2"]
    plain = bounds(x, np.ones(48), alpha=0.05)
    assert plain is not None
    found = sure_of(WEEK, sums)["information_ratio"].at_mark
    assert found is not None
    assert (found.lo, found.hi) == pytest.approx((one.scale * plain.lo, one.scale * plain.hi))


@pytest.mark.parametrize("hours", [0, 5, 23])
def test_before_a_day_of_hours_there_is_no_information_ratio(hours: int) -> None:
    assert "information_ratio" not in week_sums(forecasts(hours, 0.6, 0.3))


def test_signals_that_never_moved_have_none() -> None:
    b = forecasts(48, 0.6, 0.3)
    assert "information_ratio" not in week_sums(b | {"signal_bps2": np.zeros(48)})


@pytest.mark.parametrize("metric", ["skill", "information_ratio"])
def test_luck_alone_hardly_ever_passes_however_often_one_looks(metric: str) -> None:
    """A hundred weeks without skill or information, each looked at every day."""
    lucky, literal = 0, 0
    for seed in range(100):
        b = forecasts(168, told=0.0, knows=0.0, seed=seed)
        looks = [
            line(judged(WEEK, week_sums({k: v[:hours] for k, v in b.items()}), hours), metric)
            for hours in range(24, 169, 24)
        ]
        lucky += any(one.verdict == "PASS" for one in looks)
        literal += any(one.literal == "PASS" for one in looks)
    assert lucky <= 5
    if metric == "information_ratio":
        assert literal > 50  # what its value alone would have let through


def test_a_month_whose_edge_is_zero_hardly_ever_scales() -> None:
    scaled = 0
    for seed in range(60):
        calm, wild = fills(340, 0.0, seed=seed), fills(340, 0.0, seed=1000 + seed)
        both = {name: np.concatenate([calm[name], wild[name]]) for name in calm}
        gate = MONTH.gate_for(("calm", "high"))
        sums = month_sums(both, {"calm": calm, "high": wild})
        scaled += month_outcome(judged(gate, sums, 680.0, regimes=2.0)) == "scale"
    assert scaled <= 3


def test_a_regime_needs_its_fills_to_be_judged() -> None:
    regimes: Any = {"calm": fills(5, 1.0, per_hour=10), "extreme": fills(7, 1.0, per_hour=7)}
    assert judged_regimes(regimes, 50.0) == ("calm",)
    assert judged_regimes(regimes, 49.0) == ("calm", "extreme")


def test_an_edge_is_that_of_the_dollars() -> None:
    small, big = fills(10, 2.0), fills(10, -2.0)
    big = {name: column * (1, 9, 9, 81)[k] for k, (name, column) in enumerate(big.items())}
    both = {name: np.concatenate([small[name], big[name]]) for name in small}
    assert Sums(*edge_sums(both)).value == pytest.approx(
        both["edge_usd_bps"].sum() / both["notional_usd"].sum()
    )
    assert Sums(*edge_sums(both)).value < -0.5


@pytest.mark.parametrize(
    ("edge", "regime", "outcome", "expected"),
    [
        ("PASS", "PASS", "PASS", "scale"),
        ("PASS", "NOT_YET", "NOT_YET", "hold"),
        ("PASS", "FAIL", "FAIL", "hold"),
        ("NOT_YET", "FAIL", "FAIL", "hold"),
        ("FAIL", "PASS", "FAIL", "hold"),
        ("FAIL", "NOT_YET", "FAIL", "reduce"),
        ("FAIL", "FAIL", "FAIL", "reduce"),
        ("NO_DATA", "NOT_YET", "NO_DATA", None),
        ("ERROR", "PASS", "ERROR", None),
    ],
)
def test_what_a_month_proposes(edge: str, regime: str, outcome: Any, expected: str | None) -> None:
    gate = MONTH.gate_for(("calm",))
    found = judged(gate, {}, 700.0)
    said = {"edge_bps": edge, "edge_calm_bps": regime}
    lines = tuple(
        one.model_copy(update={"verdict": said.get(one.metric, "PASS")}) for one in found.criteria
    )
    changed = found.model_copy(update={"verdict": outcome, "criteria": lines})
    assert month_outcome(changed) == expected
    if expected != "scale":
        assert month_outcome(changed.model_copy(update={"hours": 671.9})) is None
