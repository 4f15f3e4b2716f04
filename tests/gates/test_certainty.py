"""What must be sure before a gate opens, beside what its values alone would say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.gates.certainty import certain
from engine.gates.criteria import judge
from engine.policy import load_policy

POLICY = load_policy()
GATE = POLICY.paper.validation_for(["midcap"])
LITERAL = GATE.model_copy(update={"evidence": "point"})
SAMPLED = {"edge_bps", "fill_rate", "as_rate", "sharpe", "spread_ratio"}
PNL_FLOOR = -0.001


def blocks(hours=72, edge=8.0, sd=4.0, fills=20.0, adverse=0.2, pnl=0.001, spread=1.2, seed=1):
    """Hours of fills of 60 dollars each."""
    rng = np.random.default_rng(seed)
    n = rng.poisson(fills, hours).astype(float)
    each = [rng.normal(edge, sd, int(k)) for k in n]
    return {
        "markouts": n,
        "notional_usd": 60.0 * n,
        "edge_usd_bps": 60.0 * np.array([e.sum() for e in each]),
        "edge_usd_bps_sq": 3600.0 * np.array([(e**2).sum() for e in each]),
        "filled_orders": n,
        "quote_s": np.full(hours, 3600.0),
        "adverse": rng.binomial(n.astype(int), adverse).astype(float),
        "spread_ratio": rng.normal(spread, 0.1, hours),
        "pnl_share": rng.normal(pnl, 0.0005, hours),
    }


def values(b):
    """What the evidence query says of the same hours."""
    total = max(float(b["markouts"].sum()), 1.0)
    return {
        "edge_bps": float(b["edge_usd_bps"].sum() / max(b["notional_usd"].sum(), 1.0)),
        "fill_rate": float(b["filled_orders"].sum() / (b["quote_s"].sum() / 3600.0)),
        "as_rate": float(b["adverse"].sum() / total),
        "sharpe": float(b["pnl_share"].mean() / b["pnl_share"].std() * np.sqrt(8766)),
        "kill_triggers": 0,
        "spread_ratio": float(np.median(b["spread_ratio"])),
        "calibration": 0.85,
        "filled_orders": float(b["filled_orders"].sum()),
    }


def verdict(b, gate=GATE, hours=None, **changes):
    return judge(
        gate,
        values(b) | changes,
        asset="SOL",
        ts_ns=1,
        policy_hash="p",
        config_hash="c",
        code_version="v",
        hours=float(len(b["markouts"])) if hours is None else hours,
        certain=certain(gate, b, 0.05, pnl_floor=PNL_FLOOR),
    )


def line(found, metric):
    return next(one for one in found.criteria if one.metric == metric)


def test_a_clearly_good_asset_passes_and_every_sampled_line_has_its_bounds():
    found = verdict(blocks())
    assert (found.verdict, found.literal) == ("PASS", "PASS")
    for metric in SAMPLED - {"sharpe"}:
        one = line(found, metric)
        assert one.lo < one.value < one.hi
    assert found.words.endswith("By the values alone: PASS.")
    edge = line(found, "edge_bps")
    assert f"edge {edge.value:.1f} bps [{edge.lo:.1f}, {edge.hi:.1f}]" in found.words


def test_what_the_values_pass_may_not_be_sure_yet_and_the_hours_are_forecast():
    found = verdict(blocks(edge=4.3, sd=10.0, fills=12.0, hours=48))
    assert (found.verdict, found.literal) == ("NOT_YET", "PASS")
    edge = line(found, "edge_bps")
    assert edge.verdict == "NOT_YET"
    assert edge.literal == "PASS"
    assert edge.lo < 2.3 < edge.value
    assert edge.more_hours > 24
    assert f"about {edge.more_hours:.0f} more hours if that is the truth" in found.words


def test_a_value_that_pleases_by_luck_alone_never_passes():
    passed, literal = 0, 0
    for seed in range(200):
        found = verdict(blocks(edge=2.3, sd=10.0, fills=15.0, seed=seed))
        passed += line(found, "edge_bps").verdict == "PASS"
        literal += line(found, "edge_bps").literal == "PASS"
    assert literal > 60  # half of the time a coin says so
    assert passed <= 2


def test_a_losing_asset_fails_at_any_hour_once_it_is_sure():
    found = verdict(blocks(edge=-3.0, hours=31, seed=3))
    assert (found.verdict, line(found, "edge_bps").verdict) == ("FAIL", "FAIL")
    assert line(found, "edge_bps").hi < 0.0


def test_pass_binds_at_whole_days_alone():
    good = blocks(hours=71)
    bad_tail = {name: column.copy() for name, column in good.items()}
    bad_tail["edge_usd_bps"][48:] = -60.0 * 4.0 * bad_tail["markouts"][48:]
    sure = [certain(GATE, b, 0.05, pnl_floor=PNL_FLOOR)["edge_bps"] for b in (good, bad_tail)]
    assert sure[0].at_mark == sure[1].at_mark
    assert sure[0].now != sure[1].now
    assert sure[0].at_mark.blocks == 48


def test_less_than_a_day_of_blocks_waits_and_none_is_no_data():
    few = verdict(blocks(hours=20), hours=30.0)
    assert {line(few, metric).verdict for metric in SAMPLED} == {"NOT_YET"}
    none = blocks(hours=72, fills=0.0)
    found = verdict(none, edge_bps=None, as_rate=None)
    assert line(found, "edge_bps").verdict == line(found, "as_rate").verdict == "NO_DATA"
    assert found.verdict != "PASS"


def test_an_edge_of_many_small_and_few_big_fills_is_that_of_the_dollars():
    b = blocks()
    b["notional_usd"][::7] *= 20.0
    b["edge_usd_bps"][::7] *= -20.0
    b["edge_usd_bps_sq"][::7] *= 400.0
    found = line(verdict(b), "edge_bps")
    assert found.value < 0.0
    assert found.lo < found.value < found.hi


def test_a_sharpe_ratio_rules_losses_out_and_never_fails():
    rng = np.random.default_rng(5)
    for mean, sd, outcome in (
        (-0.01, 0.001, "NOT_YET"),  # sure to lose, and even so: it never demotes
        (-0.0005, 0.0001, "NOT_YET"),  # sure to lose little
        (0.0004, 0.01, "NOT_YET"),  # a gain, and losses not ruled out
        (0.001, 0.001, "PASS"),
    ):
        b = blocks() | {"pnl_share": rng.normal(mean, sd, 72)}
        assert line(verdict(b), "sharpe").verdict == outcome


def test_a_gate_that_asks_for_bounds_is_not_judged_without_them():
    with pytest.raises(ValueError, match="validation asks for bounds: certain must be given"):
        judge(
            GATE,
            values(blocks()),
            asset="SOL",
            ts_ns=1,
            policy_hash="p",
            config_hash="c",
            code_version="v",
            hours=72.0,
        )


def test_a_literal_gate_shows_the_bounds_and_does_not_ask_for_them():
    b = blocks(edge=4.3, sd=10.0, fills=12.0, hours=48)
    found = verdict(b, gate=LITERAL)
    assert found.verdict == found.literal == "PASS"
    assert line(found, "edge_bps").lo < 2.3
    assert "By the values alone" not in found.words


@given(
    column=st.sampled_from(["edge_usd_bps", "adverse", "filled_orders", "pnl_share"]),
    hour=st.integers(0, 71),
    broken=st.sampled_from([float("nan"), float("inf"), float("-inf")]),
)
def test_what_is_not_finite_is_refused(column, hour, broken):
    b = blocks()
    b[column][hour] = broken
    with pytest.raises(ValueError, match="finite"):
        certain(GATE, b, 0.05, pnl_floor=PNL_FLOOR)


RAMP = {stage: POLICY.ramp.phase(stage).gate for stage in ("ramp_25", "ramp_50", "ramp_75")}


def phase_verdict(stage, b):
    """Judge hours as a phase of the ramp would, with everything else in order."""
    changes = {"fills_last_hour": 5, "days": 7, "positive_days": 7, "sharpe_se": 10.0}
    gate = RAMP[stage]
    return judge(
        gate,
        values(b) | {"sharpe": 50.0} | changes,
        asset="SOL",
        ts_ns=1,
        policy_hash="p",
        config_hash="c",
        code_version="v",
        hours=float(len(b["markouts"])),
        certain=certain(gate, b, gate.alpha, pnl_floor=PNL_FLOOR),
    )


def test_an_edge_too_small_for_the_next_phase_stays_and_does_not_fail():
    small = blocks(hours=240, edge=0.5, sd=2.0)
    edge = line(phase_verdict("ramp_50", small), "edge_bps")
    assert 0.0 < edge.lo < edge.hi < edge.minimum  # surely positive, and surely short of it
    assert edge.verdict == "NOT_YET"
    strict = RAMP["ramp_50"].model_copy(update={"fails_below": "minimum"})
    assert certain(strict, small, 0.1, pnl_floor=PNL_FLOOR)["edge_bps"].least == 1.0
    assert certain(RAMP["ramp_50"], small, 0.1, pnl_floor=PNL_FLOOR)["edge_bps"].least == 0.0


@pytest.mark.parametrize("stage", RAMP)
def test_an_edge_surely_below_zero_fails_every_phase(stage):
    assert line(phase_verdict(stage, blocks(hours=240, edge=-1.0)), "edge_bps").verdict == "FAIL"


def test_the_less_is_at_stake_the_less_certainty_takes_an_asset_up_and_never_down():
    b = blocks(hours=240, edge=0.5)
    reached = {s: certain(g, b, g.alpha, pnl_floor=PNL_FLOOR)["edge_bps"] for s, g in RAMP.items()}
    lows = [reached[stage].at_mark.lo for stage in RAMP]
    assert lows == sorted(lows, reverse=True) and lows[0] > lows[1] > lows[2]
    assert reached["ramp_25"].now.hi == reached["ramp_75"].now.hi  # one line is sampled in each


def test_a_sharpe_ratio_demotes_no_phase():
    losing = blocks(hours=240, edge=5.0, pnl=-0.01)
    found = phase_verdict("ramp_50", losing)
    assert (found.verdict, line(found, "sharpe").verdict) == ("NOT_YET", "NOT_YET")
