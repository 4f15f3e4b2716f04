import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config import AssetSpec
from engine.derive.decisions import (
    asset_classes,
    choose_profile,
    decision_tree,
    derive_config,
    hip3_points,
    kill_fraction,
    paper_duration,
    session_capacity,
)
from engine.policy import load_policy

POLICY = load_policy()


@pytest.mark.parametrize(
    ("asset", "profile"),
    [
        ("BTC", "default"),
        ("SOL", "default"),
        ("NEWCOIN", "default"),
        ("HYPE", "hip3"),
        ("PURR", "hip3"),
        ("JEFF", "hip3"),
        ("hyna:BTC", "hip3"),
    ],
)
def test_the_profile_follows_origin(asset, profile):
    assert choose_profile(asset, POLICY) == profile


def test_only_a_person_names_the_aggressive_profile():
    assert choose_profile("BTC", POLICY, "aggressive") == "aggressive"
    assert choose_profile("hyna:BTC", POLICY, "default") == "default"


@pytest.mark.parametrize(
    ("capital", "fraction"),
    [
        (1, 0.10),
        (499.99, 0.10),
        (500, 0.05),
        (4999.99, 0.05),
        (5000, 0.03),
        (50_000, 0.03),
        (50_000.01, 0.02),
        (1e9, 0.02),
    ],
)
def test_kill_tiers_at_their_exact_boundaries(capital, fraction):
    assert kill_fraction(capital, POLICY) == fraction


def test_capital_that_is_not_a_number_has_no_kill_tier():
    with pytest.raises(ValueError, match="capital_usd"):
        kill_fraction(math.nan, POLICY)


@pytest.mark.parametrize(
    ("elapsed", "share"),
    [(0, 0.1), (60, 0.264), (120, 0.332), (300, 0.467), (600, 0.620), (900, 0.736), (1800, 1.0)],
)
def test_the_session_ramp_is_a_square_root(elapsed, share):
    assert session_capacity(elapsed, 1800, 0.1) == pytest.approx(share, abs=6e-4)


@pytest.mark.parametrize("elapsed", [None, -1.0, math.nan])
def test_a_ramp_that_has_not_started_is_closed(elapsed):
    assert session_capacity(elapsed, 1800, 0.1) == 0.1


@given(st.floats(0, 1e5), st.floats(0, 1e5), st.floats(0, 1))
def test_the_ramp_only_opens_and_never_beyond_the_limit(t, later, start):
    now = session_capacity(t, 1800, start)
    assert start <= now <= session_capacity(t + later, 1800, start) <= 1.0 + 1e-12


@pytest.mark.parametrize(
    ("changes", "classes", "hours"),
    [
        ({"asset": "BTC", "binance_symbol": "BTCUSDT"}, {"major"}, (24, 48, 168)),
        ({"asset": "ETH", "binance_symbol": "ETHUSDT"}, {"major"}, (24, 48, 168)),
        ({}, {"midcap"}, (24, 48, 168)),
        ({"asset": "hyna:BTC", "binance_symbol": "BTCUSDT"}, {"hip3"}, (48, 72, 168)),
        ({"asset": "HYPE", "binance_symbol": None}, {"hip3"}, (48, 72, 168)),
        ({"day_volume_usd": 4.99e6}, {"midcap", "low_volume"}, (72, 168, 336)),
        ({"day_volume_usd": 5e6}, {"midcap"}, (24, 48, 168)),
        ({"day_volume_usd": None}, {"midcap", "low_volume"}, (72, 168, 336)),
        (
            {"asset": "hyna:X", "binance_symbol": None, "day_volume_usd": 1e6},
            {"hip3", "low_volume"},
            (72, 168, 336),
        ),
    ],
)
def test_the_longest_applicable_duration_wins(facts, changes, classes, hours):
    market = facts(**changes)
    duration = paper_duration(market, POLICY)
    assert asset_classes(market, POLICY) == classes
    assert (duration.min_hours, duration.recommended_hours, duration.max_hours) == hours


def spec(asset: str = "SOL", capital_usd: float = 1000.0, **changes) -> AssetSpec:
    return AssetSpec(asset=asset, capital_usd=capital_usd, **changes)


def test_a_validator_perp_with_a_pair_gets_the_standard_config(facts):
    config, derived = derive_config(spec(), facts(), POLICY)
    assert (config.profile, config.gamma, config.kappa_prior) == ("default", 0.30, 2500.0)
    assert config.signals is not None
    assert (config.isolated, config.isolated_margin_usd, config.monopolist_pricing) == (
        False,
        0.0,
        False,
    )
    assert (config.kill_fraction, config.stale_after_s) == (0.05, 10.0)
    assert (config.session_ramp_s, config.session_ramp_start) == (1800.0, 0.10)
    assert config.max_position == derived.max_position == 50.0
    assert config.rl_enabled


def test_a_builder_asset_gets_everything_the_eight_points_ask(facts):
    market = facts(asset="hyna:NEW", binance_symbol=None, collateral="USDE", oi_cap_usd=1e8)
    config, _ = derive_config(spec("hyna:NEW", 2000.0), market, POLICY)
    assert (config.profile, config.gamma, config.kappa_prior) == ("hip3", 0.15, 1500.0)
    assert config.signals is None
    assert (config.isolated, config.isolated_margin_usd) == (True, 1000.0)
    assert (config.risk_model_blend, config.monopolist_pricing) == (1.0, True)
    assert (config.oi_cap_usd, config.collateral) == (1e8, "USDE")
    assert config.session_ramp_s == 3600.0
    assert len(hip3_points(market, POLICY)) == 8


def test_isolated_only_is_a_fact_of_its_own_and_not_hip3(facts):
    market = facts(only_isolated=True)
    config, _ = derive_config(spec(), market, POLICY)
    assert config.isolated
    assert not config.monopolist_pricing
    assert hip3_points(market, POLICY) == ()


def test_the_isolated_margin_never_exceeds_the_capital(facts):
    config, _ = derive_config(spec(capital_usd=300.0), facts(only_isolated=True), POLICY)
    assert config.isolated_margin_usd == 300.0


def test_default_on_a_builder_dex_takes_the_wider_prior(facts):
    market = facts(asset="hyna:SOL")
    config, _ = derive_config(spec("hyna:SOL", profile="default"), market, POLICY)
    assert config.kappa_prior == 500.0


@pytest.mark.parametrize(("capital", "levels"), [(200.0, 5), (1e6, 5), (15.0, 1), (40.0, 3)])
def test_levels_follow_the_liquidity_up_to_the_policy(facts, capital, levels):
    config, _ = derive_config(spec(capital_usd=capital), facts(), POLICY)
    assert config.levels == levels


def test_the_ramp_of_a_small_account_starts_where_it_can_quote_both_sides(facts):
    config, derived = derive_config(spec(capital_usd=40.0), facts(), POLICY)
    assert config.session_ramp_start * config.max_position >= 2 * derived.min_order * (1 - 1e-12)


def test_trades_seen_replace_the_intensity_prior(facts):
    config, _ = derive_config(spec(), facts(trades_per_min=24.0), POLICY)
    assert config.intensity_prior_per_s == 0.2
    quiet, _ = derive_config(spec(), facts(trades_per_min=0.0), POLICY)
    assert quiet.intensity_prior_per_s == POLICY.profiles.default.intensity_prior_per_s


@pytest.mark.parametrize("token", [None, "FAKE", "TOKEN_360"])
def test_unknown_collateral_is_refused_with_the_known_tokens(facts, token):
    with pytest.raises(ValueError, match="USDC, USDE, USDH"):
        derive_config(spec(), facts(collateral=token), POLICY)


def test_capital_below_the_minimum_is_refused_with_the_amount_needed(facts):
    with pytest.raises(ValueError, match=r"at least \$11.50"):
        derive_config(spec(capital_usd=11.0), facts(), POLICY)


@pytest.mark.parametrize("changes", [{"listed": False}, {"delisted": True}])
def test_what_cannot_trade_gets_no_config(facts, changes):
    with pytest.raises(ValueError, match="not listed"):
        derive_config(spec(), facts(**changes), POLICY)


def test_the_facts_of_another_asset_are_refused(facts):
    with pytest.raises(ValueError, match="not the facts of 'BTC'"):
        derive_config(spec("BTC"), facts(), POLICY)


def test_free_margin_limits_the_position(facts):
    config, _ = derive_config(spec(), facts(available_margin_usd=40.0), POLICY)
    assert config.max_position == pytest.approx(40.0 * 20 * 0.5 / 20)


@pytest.mark.parametrize(
    ("changes", "capital", "outcome", "said"),
    [
        ({"listed": False}, 1000, "cannot onboard", "No: cannot onboard"),
        ({}, 1000, "proceed to paper validation", "SOLUSDT"),
        ({"binance_symbol": None}, 1000, "proceed to paper validation", "limited alpha"),
        (
            {"asset": "hyna:X", "collateral": "USDH", "binance_symbol": None},
            1000,
            "proceed to paper validation",
            "HIP-3 token? Yes: profile Hip3, dex hyna, collateral USDH",
        ),
        ({"day_volume_usd": 1e6}, 1000, "do not onboard with capital", "> $1M/day? No"),
        ({"day_volume_usd": None}, 1000, "do not onboard with capital", "not known"),
        ({}, 10, "increase capital or pick a different asset", "$11.50"),
    ],
)
def test_every_leaf_of_the_decision_tree(facts, changes, capital, outcome, said):
    path = decision_tree(facts(**changes), capital, POLICY)
    assert path.outcome == outcome
    assert said in " / ".join(path.steps)
