"""The tables of the specification, row by row, against the policy and the code that reads it."""

import pytest

from engine.derive.decisions import kill_fraction, session_capacity
from engine.policy import load_policy
from engine.thresholds.gate import GatePolicy

POLICY = load_policy()


def rows(gate: GatePolicy) -> dict[str, tuple]:
    return {
        line.metric if line.divided_by is None else f"{line.metric}/{line.divided_by}": (
            line.direction,
            line.minimum,
            line.target,
            line.fail,
        )
        for line in gate.criteria
    }


@pytest.mark.parametrize(
    ("metric", "row"),
    [
        ("day_volume_usd", ("higher", 1e6, 10e6, 500e3)),
        ("spread_bps", ("higher", 5.0, 10.0, 3.0)),
        ("max_leverage", ("higher", 3.0, 10.0, 1.0)),
    ],
)
def test_viability_minimum_ideal_and_red_flag(metric, row):
    assert rows(POLICY.viability.gate)[metric] == row
    assert POLICY.viability.gate.min_hours == 24.0


@pytest.mark.parametrize(
    ("name", "spread", "gamma", "fraction", "priors"),
    [
        ("default", (40.0, 50.0), 0.30, 0.20, (2500.0, 500.0)),
        ("hip3", (15.0, 25.0), 0.15, 0.30, (1500.0, 1500.0)),
        ("aggressive", (10.0, 20.0), 0.10, 0.40, (2000.0, 2000.0)),
    ],
)
def test_spread_profiles(name, spread, gamma, fraction, priors):
    profile = getattr(POLICY.profiles, name)
    assert profile.target_spread_bps == spread
    assert (profile.gamma, profile.sizing_fraction) == (gamma, fraction)
    assert (profile.kappa_prior, profile.kappa_prior_builder) == priors


def test_auto_derive_constants():
    sizing = POLICY.risk.sizing
    assert sizing.margin_safety.value == 0.5
    assert sizing.min_order_factor.value == 1.15
    assert sizing.min_orders.value == 5
    assert sizing.bps_diff_fees.value == 2.0
    assert (sizing.bps_diff_min.value, sizing.bps_diff_max.value) == (3, 15)


@pytest.mark.parametrize(
    ("capital", "fraction"), [(499, 0.10), (2000, 0.05), (20_000, 0.03), (60_000, 0.02)]
)
def test_kill_switch_tiers(capital, fraction):
    assert kill_fraction(capital, POLICY) == fraction


def test_margin_and_the_eight_points_of_builder_assets():
    hip3 = POLICY.risk.hip3
    assert hip3.isolated_margin_usd.value == 1000.0
    assert hip3.risk_model_blend.value == 1.0
    assert hip3.quota_headroom_min.value == 0.10
    assert [point.name for point in hip3.points] == [
        "slow learning",
        "wide spreads",
        "API quota",
        "risk model blend",
        "isolated margin",
        "OI cap",
        "collateral",
        "monopolist pricing",
    ]
    assert {"USDC", "USDE", "USDH"} <= set(POLICY.risk.collateral.names)


@pytest.mark.parametrize(("name", "seconds"), [("default", 1800.0), ("hip3", 3600.0)])
def test_session_ramp(name, seconds):
    ramp = getattr(POLICY.risk.session_ramp, name)
    assert (ramp.duration_s, ramp.start, ramp.curve) == (seconds, 0.10, "sqrt")
    assert session_capacity(0.0, ramp.duration_s, ramp.start) == 0.10
    assert session_capacity(seconds, ramp.duration_s, ramp.start) == 1.0


@pytest.mark.parametrize(
    ("name", "minimum", "recommended", "maximum"),
    [
        ("major", 24, 48, 168),
        ("midcap", 24, 48, 168),
        ("hip3", 48, 72, 168),
        ("low_volume", 72, 168, 336),
    ],
)
def test_paper_durations(name, minimum, recommended, maximum):
    row = getattr(POLICY.paper.durations, name)
    assert (row.min_hours, row.recommended_hours) == (minimum, recommended)
    assert row.max_hours == maximum
    gate = POLICY.paper.validation_for([name])
    assert (gate.min_hours, gate.max_hours) == (minimum, maximum)
    assert POLICY.paper.low_volume_usd.value == 5e6


@pytest.mark.parametrize(
    ("metric", "row"),
    [
        ("edge_bps", ("higher", 0.0, 1.5, 0.0)),
        ("fill_rate", ("higher", 10.0, 30.0, 5.0)),
        ("as_rate", ("lower", 0.40, 0.25, 0.50)),
        ("sharpe", ("higher", 0.0, 1.0, 0.0)),
        ("kill_triggers", ("lower", 0.0, 0.0, 0.0)),
        ("spread_ratio", ("lower", 2.0, 1.0, 3.0)),
        ("calibration", ("higher", 0.50, 0.80, 0.20)),
    ],
)
def test_validation_minimum_target_and_fail(metric, row):
    assert rows(POLICY.paper.validation)[metric] == row


def test_the_three_feedback_loops_have_half_an_hour():
    assert POLICY.paper.loops_minutes.value == 30
    assert set(rows(POLICY.paper.loops)) == {
        "own_fills",
        "kappa_confidence",
        "outcomes",
        "calibration",
    }
    assert all(row[1] == 0.0 for row in rows(POLICY.paper.loops).values())


def test_the_paper_to_live_gap_and_the_part_of_it_that_the_edge_must_clear():
    assert [part.bps for part in POLICY.paper.gap] == [2.0, 1.0, 0.8, 0.5]
    assert POLICY.paper.gap_range_bps == (2.0, 5.0)
    assert POLICY.paper.gap_bps == 4.3
    assert POLICY.paper.haircut_bps == 2.3
    edge = POLICY.paper.validation_for(["major"]).criteria[0]
    assert (edge.metric, edge.haircut) == ("edge_bps", 2.3)
    edge = POLICY.paper.validation_for(["major"], 3.1).criteria[0]
    assert (edge.metric, edge.haircut) == ("edge_bps", 3.1)


def test_each_part_of_the_gap_is_believed_within_half_of_itself():
    assert all(part.sd_bps == part.bps / 2 for part in POLICY.paper.gap)
    assert POLICY.paper.haircut_sd_bps == pytest.approx(0.687, abs=0.001)
    lo, hi = POLICY.paper.gap_range_bps
    assert POLICY.paper.between_assets.sd_bps == round((hi - lo) / 12**0.5, 2)
    assert POLICY.paper.haircut.assets_to_lower == 3


@pytest.mark.parametrize("haircut", [float("nan"), float("inf"), -0.1])
def test_a_haircut_that_is_not_finite_or_a_bonus_is_refused(haircut):
    with pytest.raises(ValueError, match=r"haircut_bps = .*: must be finite and >= 0"):
        POLICY.paper.validation_for(["major"], haircut)


@pytest.mark.parametrize(
    ("stage", "fraction", "schedule", "hours", "criteria"),
    [
        (
            "ramp_25",
            0.25,
            "Days 1-3",
            72,
            {"edge_bps": 0, "kill_triggers": 0, "fills_last_hour": 1},
        ),
        ("ramp_50", 0.50, "Days 4-7", 96, {"edge_bps": 1, "sharpe": 0, "as_rate": 0.35}),
        (
            "ramp_75",
            0.75,
            "Week 2",
            168,
            {"positive_days/days": 0.8, "sharpe/sharpe_se": 1, "calibration": 0.60},
        ),
        (
            "ramp_100",
            1.00,
            "Week 3+",
            168,
            {"edge_first_half_bps": 0, "edge_second_half_bps": 0, "positive_days/days": 0.8},
        ),
    ],
)
def test_ramp_phases(stage, fraction, schedule, hours, criteria):
    phase = POLICY.ramp.phase(stage)
    assert (phase.fraction, phase.schedule) == (fraction, schedule)
    assert (phase.gate.gate, phase.gate.min_hours, phase.gate.max_hours) == (stage, hours, None)
    found = {name: row[1] for name, row in rows(phase.gate).items()}
    assert criteria.items() <= found.items()
    assert {"edge_bps", "kill_triggers", "fills_last_hour", "filled_orders"} <= set(found)


@pytest.mark.parametrize(
    ("outcome", "steps"),
    [
        (
            "scale",
            (
                "scale to full target capital",
                "consider adding it to the multi-asset pool",
                "monitor the signals' mutual information for decay",
            ),
        ),
        (
            "hold",
            (
                "hold at the current capital level",
                "investigate regime-specific failures",
                "consider parameter adjustments before scaling",
            ),
        ),
        (
            "reduce",
            (
                "reduce capital or remove the asset",
                "document what went wrong for future reference",
                "check if market conditions changed (volume dried up, new competitors)",
            ),
        ),
    ],
)
def test_the_three_outcomes_of_the_month_are_the_procedures(outcome, steps):
    assert getattr(POLICY.monitor.month_1, outcome).steps == steps


def test_the_reviews_on_live_assets():
    monitor = POLICY.monitor
    assert monitor.day_1.loops_hours.value == 3.0
    assert monitor.month_1.regime_fills.value == 50
    assert (monitor.decay.warn.value, monitor.decay.critical.value) == (0.15, 0.30)
    assert (monitor.adjust.high_cost.value, monitor.adjust.near_kill.value) == (0.5, 0.5)


def test_native_tokens_and_majors():
    assert POLICY.symbols.natives.names == ("HYPE", "PURR", "JEFF")
    assert POLICY.symbols.majors.names == ("BTC", "ETH")
