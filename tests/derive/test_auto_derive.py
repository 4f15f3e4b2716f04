import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.derive.auto_derive import ExchangeContext, auto_derive
from engine.policy import load_policy

POLICY = load_policy()


def context(mark: float, margin: float, leverage: float, fee: float = 1.5) -> ExchangeContext:
    return ExchangeContext(
        mark_px=mark, available_margin=margin, max_leverage=leverage, fee_bps=fee
    )


def test_the_specification_example_reproduces_to_the_last_digit():
    derived = auto_derive(200.0, "hip3", context(20.0, 200.0, 5.0))
    assert derived.max_from_capital == 10.0
    assert derived.max_from_margin == 25.0
    assert derived.max_position == 10.0
    assert derived.min_order == 0.575
    assert derived.viable is True
    assert derived.risk_aversion == 0.15
    assert derived.target_liquidity == 3.0
    assert derived.max_bps_diff == 3
    assert derived.diagnostic is None


@pytest.mark.parametrize(
    ("capital", "profile", "mark", "margin", "leverage", "most", "target", "smallest", "viable"),
    [
        (200, "hip3", 20, 200, 5, 10, 3.0, 0.575, True),
        (100, "hip3", 20, 100, 3, 5, 2.875, 0.575, True),
        (1000, "default", 60000, 1000, 50, 1 / 60, 1 / 300, 11.5 / 60000, True),
        (15, "default", 100, 15, 10, 0.15, 0.15, 0.115, True),
        (11, "default", 100, 11, 10, 0.11, 0.11, 0.115, False),
        (5, "default", 100, 5, 2, 0.05, 0.05, 0.115, False),
        (1000, "aggressive", 0.01, 500, 1, 25000, 10000, 1150, True),
    ],
)
def test_known_accounts(capital, profile, mark, margin, leverage, most, target, smallest, viable):
    derived = auto_derive(capital, profile, context(mark, margin, leverage), policy=POLICY)
    assert derived.max_position == pytest.approx(most, rel=1e-5)
    assert derived.target_liquidity == pytest.approx(target, rel=1e-5)
    assert derived.min_order == pytest.approx(smallest, rel=1e-5)
    assert derived.viable is viable
    assert derived.max_bps_diff == 3


def test_capital_counts_with_leverage_only_where_asked():
    ctx = context(20.0, 200.0, 5.0)
    assert auto_derive(200.0, "hip3", ctx, leverage_aware=True).max_position == 25.0
    assert auto_derive(200.0, "hip3", ctx).max_position == 10.0


@pytest.mark.parametrize(
    ("fee", "bps"), [(1.5, 3), (2.4, 4), (0.0, 3), (-0.2, 3), (7.5, 15), (9, 15)]
)
def test_requoting_threshold_is_twice_the_fee_clamped(fee, bps):
    assert auto_derive(200.0, "hip3", context(20.0, 200.0, 5.0, fee)).max_bps_diff == bps


def test_the_diagnostic_names_the_capital_that_would_be_enough():
    derived = auto_derive(11.0, "default", context(100.0, 11.0, 10.0), policy=POLICY)
    assert "$11.50 of capital" in str(derived.diagnostic)
    at_one = auto_derive(20.0, "default", context(100.0, 20.0, 1.0), policy=POLICY)
    assert not at_one.viable
    assert "$23.00 of free margin at 1x" in str(at_one.diagnostic)


def test_the_named_minimum_is_exactly_enough():
    assert auto_derive(11.5, "default", context(100.0, 100.0, 10.0), policy=POLICY).viable
    assert not auto_derive(11.49, "default", context(100.0, 100.0, 10.0), policy=POLICY).viable


def test_a_losing_account_without_free_margin_is_not_viable():
    derived = auto_derive(200.0, "hip3", context(20.0, -50.0, 5.0))
    assert derived.max_position == 0.0
    assert not derived.viable


@pytest.mark.parametrize("capital", [0.0, -1.0, math.nan, math.inf])
def test_capital_that_is_not_money_is_refused(capital):
    with pytest.raises(ValueError, match="capital_usd"):
        auto_derive(capital, "hip3", context(20.0, 200.0, 5.0))


def test_a_mistyped_profile_is_refused():
    with pytest.raises(ValueError, match="default, hip3, aggressive"):
        auto_derive(200.0, "hip-3", context(20.0, 200.0, 5.0))  # pyright: ignore


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mark_px", 0.0),
        ("mark_px", -1.0),
        ("mark_px", math.nan),
        ("max_leverage", 0.0),
        ("available_margin", math.nan),
        ("min_notional", 0.0),
        ("fee_bps", math.inf),
    ],
)
def test_a_context_that_cannot_be_is_refused(field, value):
    good = {"mark_px": 20.0, "available_margin": 200.0, "max_leverage": 5.0}
    with pytest.raises(ValidationError, match=field):
        ExchangeContext(**{**good, field: value})


money = st.floats(0.5, 1e7)


@given(
    capital=money,
    more=st.floats(1.0, 100.0),
    mark=st.floats(1e-4, 1e5),
    margin=money,
    leverage=st.floats(1.0, 50.0),
    profile=st.sampled_from(["default", "hip3", "aggressive"]),
)
def test_more_capital_never_shrinks_anything_and_the_target_fits(
    capital, more, mark, margin, leverage, profile
):
    ctx = context(mark, margin, leverage)
    small = auto_derive(capital, profile, ctx, policy=POLICY)
    large = auto_derive(capital * more, profile, ctx, policy=POLICY)
    assert large.max_position >= small.max_position
    assert large.target_liquidity >= small.target_liquidity
    assert large.viable >= small.viable
    assert 0 <= small.target_liquidity <= small.max_position
    assert small.viable == (small.diagnostic is None)
