"""What data promise: figures worked out by hand, and nothing that is missing passes."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.derive.depth_profile import DEPTHS_BPS, FRONT, JOINED, DepthProfile
from engine.derive.economics import Economics, economics
from engine.derive.facts import MarketFacts
from engine.gates.bounds import planned_hours
from engine.gates.verdict import CriterionResult
from engine.policy import Policy, load_policy

POLICY = load_policy()
DEEPEST = 15.0  # of the sweeps of these markets
SIGMA = 3e-4

# every figure of this market lies inside its tier
CAPITAL = 1000.0
GOOD: dict[str, Any] = {"rate": 20.0, "move": 3.0, "sd": 6.0}


def market(**changes) -> MarketFacts:
    told = {
        "asset": "SOL", "dex": "", "coin": "SOL", "listed": True, "delisted": False,
        "mark_px": 20.0, "sz_decimals": 2, "max_leverage": 20.0, "only_isolated": False,
        "day_volume_usd": 25e6, "spread_bps": 12.0, "hours_observed": 24.0, "collateral": "USDC",
        "sigma_per_sqrt_s": SIGMA, "source": "test", "observed_at_ns": 1,
    }  # fmt: skip
    return MarketFacts(**{**told, **changes})


def profile(
    rate: float, move: float, sd: float, *, blocks: int = 48, displayed: float = 1e5, joined=0.5
) -> DepthProfile:
    """Return hours in which `rate` sweeps reach 15 bps, half of them through the queue.

    From hour to hour the moves alternate by ±0.1 bps around `move`.
    """
    deep = np.array(DEPTHS_BPS) <= DEEPEST
    sweeps = np.zeros((2, blocks, len(DEPTHS_BPS)))
    sweeps[FRONT] = rate / joined * deep
    sweeps[JOINED] = rate * deep
    known = np.repeat(sweeps[:, None], 2, axis=1)
    wobble = np.where(np.arange(blocks) % 2, 0.1, -0.1)[:, None]
    return DepthProfile(
        observed_h=np.ones(blocks),
        sweeps=sweeps,
        known=known,
        moved=known * (move + wobble),
        squares=known * (sd**2 + move**2),
        displayed_usd=np.full(len(DEPTHS_BPS), displayed),
        minute_moves=np.full(60 * blocks, 1e-3),
        funding_bps_per_h=0.2,
        unseen_prints=0,
    )


def found(data: DepthProfile | None, capital_usd=CAPITAL, policy=POLICY, **facts) -> Economics:
    return economics(market(**facts), data, capital_usd, policy)


def line(result: Economics, metric: str) -> CriterionResult:
    return next(one for one in result.verdict.criteria if one.metric == metric)


def test_a_good_market_passes_every_line() -> None:
    result = found(profile(**GOOD))
    assert result.verdict.passed, result.verdict.words
    assert all(one.verdict == "PASS" for one in result.verdict.criteria)


def test_the_margin_is_the_depth_less_every_charge() -> None:
    result = found(profile(**GOOD))
    assert result.best is not None
    assert result.best.depth_bps == DEEPEST
    assert result.best.edge_bps == pytest.approx(15.0 - 3.0 - 1.5)
    halflife_s = math.log(2) * 2 / 10 * 3600  # two orders, ten fills a side and hour
    inventory = 0.5 * 0.15 * SIGMA**2 * halflife_s * 1e4
    gamma = POLICY.profiles.default.gamma
    funding = 0.2 * 2 / 20
    expected = 10.5 - inventory * gamma / 0.15 - funding - POLICY.paper.haircut_bps
    assert result.best.margin_bps == pytest.approx(expected)
    assert line(result, "net_margin_bps").value == pytest.approx(expected)


def test_the_other_lines_are_what_their_formulas_say() -> None:
    result = found(profile(**GOOD))
    order = result.order_usd
    assert line(result, "verdict_hours").value == planned_hours(1.5, sd=6.0, per_hour=20.0)
    needed_s = (15.0 / (2 * SIGMA * 1e4)) ** 2
    assert line(result, "requotes").value == pytest.approx(7200 / (20 * order) / needed_s)
    assert line(result, "capacity").value == pytest.approx(24 * 20 * order / 25e6)
    daily_limit = 0.05 * CAPITAL
    position = CAPITAL  # as many dollars as the capital
    assert line(result, "tail").value == pytest.approx(1e-3 * position / daily_limit)
    assert line(result, "position_orders").value == pytest.approx(CAPITAL / 11.5)


def test_profit_in_front_of_the_queue_is_shown_beside_the_profit_behind() -> None:
    best = found(profile(**GOOD)).best
    assert best is not None
    assert best.usd_per_h is not None
    assert best.usd_per_h_front == pytest.approx(2 * best.usd_per_h)


def test_a_toxic_market_fails_on_its_margin() -> None:
    result = found(profile(rate=20.0, move=16.0, sd=6.0))
    margin = line(result, "net_margin_bps")
    assert result.verdict.verdict == margin.verdict == "FAIL"
    assert margin.hi is not None
    assert margin.hi < 0
    assert "net margin" in result.verdict.words


def test_a_noisy_market_is_not_yet_and_never_a_pass() -> None:
    result = found(profile(rate=20.0, move=9.5, sd=60.0))
    assert line(result, "net_margin_bps").verdict == "NOT_YET"
    assert not result.verdict.passed


def test_no_trades_is_no_data_and_only_the_size_is_known() -> None:
    result = found(None)
    assert result.verdict.verdict == "NO_DATA"
    assert (result.usd_per_waiting_day, result.best, result.curve) == (None, None, ())
    known = {one.metric for one in result.verdict.criteria if one.value is not None}
    assert known == {"position_orders"}


def test_a_market_without_sweeps_never_passes() -> None:
    result = found(profile(rate=0.0, move=0.0, sd=1.0))
    assert result.best is None
    assert not result.verdict.passed
    assert line(result, "net_margin_bps").verdict == "NO_DATA"


@pytest.mark.parametrize("blocks", [0, 1, 12, 23])
def test_less_than_a_day_never_passes_and_never_fails(blocks: int) -> None:
    for move in (3.0, 16.0):
        result = found(profile(rate=20.0, move=move, sd=6.0, blocks=blocks))
        assert result.verdict.verdict in ("NOT_YET", "NO_DATA"), result.verdict.words
        assert result.usd_per_waiting_day is None


@pytest.mark.parametrize(
    ("metric", "change"),
    [
        ("capacity", {"displayed": 200.0}),
        ("fills_per_h", {"rate": 3.0}),
        ("verdict_hours", {"sd": 80.0}),
    ],
)
def test_one_weak_line_decides_however_good_the_rest_is(metric: str, change) -> None:
    result = found(profile(**{**GOOD, **change}))
    assert line(result, metric).verdict == "FAIL", line(result, metric)
    assert result.verdict.verdict == "FAIL"


def test_a_capital_too_small_for_an_order_fails_on_its_size() -> None:
    result = found(profile(**GOOD), capital_usd=10.0)
    assert line(result, "position_orders").verdict == "FAIL"


def test_a_minute_that_would_trip_the_kill_switch_fails() -> None:
    data = profile(**GOOD)
    data.minute_moves[:10] = 0.06  # against a daily limit of 5 %
    assert line(found(data), "tail").verdict == "FAIL"


@pytest.mark.parametrize("broken", [math.nan, math.inf])
@pytest.mark.parametrize("name", ["moved", "squares"])
def test_a_block_that_is_not_finite_is_refused(name: str, broken: float) -> None:
    data = profile(**GOOD)
    getattr(data, name)[JOINED, 0, 5, :] = broken
    with pytest.raises(ValueError, match=r"finite"):
        found(data)


def test_the_bounds_hold_at_all_depths_at_once() -> None:
    from engine.gates.bounds import bounds

    data, j = profile(**GOOD), DEPTHS_BPS.index(DEEPEST)
    one = bounds(*(sums[JOINED, 0, :, j] for sums in (data.moved, data.known, data.squares)))
    margin = line(found(data), "net_margin_bps")
    assert one is not None
    assert margin.lo is not None
    assert margin.hi is not None
    assert margin.hi - margin.lo > 1.2 * (one.hi - one.lo)


def test_a_depth_too_rare_to_be_judged_is_not_chosen_for_its_margin() -> None:
    data = profile(**GOOD)
    deeper = DEPTHS_BPS.index(40.0)
    data.sweeps[JOINED, :, deeper] = 9.0
    data.known[JOINED, :, :, deeper] = 9.0
    best = found(data).best
    assert best is not None
    assert best.depth_bps == DEEPEST


@settings(max_examples=50, deadline=None)
@given(st.floats(10, 100), st.floats(-5, 20), st.floats(1, 80))
def test_knowing_when_to_stop_is_worth_something(rate: float, move: float, sd: float) -> None:
    result = found(profile(rate=rate, move=move, sd=sd))
    assert result.expected_usd_per_day is not None
    assert result.usd_per_day is not None
    assert result.chance is not None
    assert 0.0 <= result.chance <= 1.0
    assert result.expected_usd_per_day >= max(result.usd_per_day, 0.0) - 1e-9


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 10), st.floats(0.01, 5))
def test_a_higher_fee_is_a_lower_margin(fee: float, more: float) -> None:
    margins = [
        line(found(profile(**GOOD), maker_fee_bps=rate), "net_margin_bps").value
        for rate in (fee, fee + more)
    ]
    low, high = (math.nan if one is None else one for one in margins)
    assert low - high == pytest.approx(more)


def test_an_unlisted_asset_and_an_impossible_capital_are_refused() -> None:
    gone = MarketFacts.unlisted("NOPE", "test", 1)
    with pytest.raises(ValueError, match=r"NOPE is not listed"):
        economics(gone, None, CAPITAL, POLICY)
    for capital in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match=r"capital_usd"):
            found(None, capital_usd=capital)


def test_every_threshold_has_its_reason(policy: Policy) -> None:
    table = policy.viability.economics
    rows = [*table.gate.criteria, *(getattr(table, name) for name in type(table).model_fields)]
    assert all(len(row.why) > 12 for row in rows)


def test_beside_the_table_nothing_changes_its_verdict(facts: Callable[..., MarketFacts]) -> None:
    from engine.derive.viability import assess

    seen = facts(spread_bps=0.1)
    assert assess(seen, CAPITAL, POLICY).decision == "reject"
    promised = economics(market(spread_bps=0.1), profile(**GOOD), CAPITAL, POLICY)
    assert promised.verdict.passed
    assert promised.verdict.gate == "economics"
