"""The decisions between sizes and a running maker: profile, signals, kill switch, durations."""

import math
from dataclasses import dataclass

from engine.config import AssetSpec, MakerConfig, Profile
from engine.derive.auto_derive import Derived, ExchangeContext, auto_derive
from engine.derive.facts import MarketFacts
from engine.derive.symbols import binance_signals, is_native
from engine.policy import Policy
from engine.thresholds.paper import AssetClass, Duration
from engine.thresholds.risk import Hip3Point, SessionRamp


@dataclass(frozen=True)
class DecisionPath:
    """Where the procedure's decision tree ends for an asset, and the answers that led there."""

    outcome: str
    steps: tuple[str, ...]


def choose_profile(asset: str, policy: Policy, named: Profile | None = None) -> Profile:
    """Return the spread profile: the operator's if named, else by the asset's origin.

    ``aggressive`` is never chosen here: it needs a person's conviction.
    """
    if named is not None:
        return named
    return "hip3" if ":" in asset or is_native(asset, policy.symbols) else "default"


def kill_fraction(capital_usd: float, policy: Policy) -> float:
    """Return the daily loss that kills, as a share of account value at 00:00 UTC."""
    for tier in policy.risk.kill_tiers:
        limit = math.inf if tier.limit_usd is None else tier.limit_usd
        if capital_usd < limit or (tier.included and capital_usd == limit):
            return tier.fraction
    raise ValueError(f"capital_usd = {capital_usd}: must be a finite number of USD")


def session_capacity(elapsed_s: float | None, duration_s: float, start: float) -> float:
    r"""Return the share of the position limit open in this session.

    .. math:: f(t) = f_0 + (1 - f_0) \sqrt{\min(t / T, 1)}

    Parameters
    ----------
    elapsed_s
        Seconds since the first accepted quote [s]; None before it. What is not known is the start.
    duration_s
        :math:`T` [s]; 0 opens the limit at once.
    start
        :math:`f_0`, in [0, 1].

    Examples
    --------
    >>> [round(session_capacity(t, 1800, 0.1), 3) for t in (None, 0, 60, 300, 900, 1800, 9999)]
    [0.1, 0.1, 0.264, 0.467, 0.736, 1.0, 1.0]
    """
    if elapsed_s is None or not elapsed_s >= 0:
        return start
    if duration_s == 0:
        return 1.0
    return start + (1.0 - start) * math.sqrt(min(elapsed_s / duration_s, 1.0))


def asset_classes(facts: MarketFacts, policy: Policy) -> frozenset[AssetClass]:
    """Return every class of the paper-duration table the asset belongs to.

    A main-dex asset without a Binance pair learns as slowly as a HIP-3 token. A volume that is not
    known counts as low.
    """
    volume = facts.day_volume_usd
    low = volume is None or volume < policy.paper.low_volume_usd.value
    origin: AssetClass = "midcap"
    if facts.is_hip3 or facts.binance_symbol is None:
        origin = "hip3"
    elif facts.coin in policy.symbols.majors.names:
        origin = "major"
    return frozenset((origin, "low_volume")) if low else frozenset((origin,))


def paper_duration(facts: MarketFacts, policy: Policy) -> Duration:
    """Return how long paper must, should and may run: the longest of the asset's classes."""
    return policy.paper.duration(asset_classes(facts, policy))


def hip3_points(facts: MarketFacts, policy: Policy) -> tuple[Hip3Point, ...]:
    """Return the eight points about builder-deployed assets; none for other assets."""
    return policy.risk.hip3.points if facts.is_hip3 else ()


def decision_tree(facts: MarketFacts, capital_usd: float, policy: Policy) -> DecisionPath:
    """Walk the procedure's decision tree and return its path in words."""
    if not facts.listed:
        return DecisionPath("cannot onboard", ("On Hyperliquid? No: cannot onboard",))
    steps = ["On Hyperliquid? Yes", *_branch(facts, policy)]
    lines = policy.viability.gate.criteria
    floor = next(line.minimum for line in lines if line.metric == "day_volume_usd")
    volume = facts.day_volume_usd
    asked = f"Volume > ${floor / 1e6:g}M/day?"
    if volume is None or volume <= floor:
        known = "not known" if volume is None else f"${volume / 1e6:.3g}M"
        return _end(steps, "do not onboard with capital", f"{asked} No ({known})")
    steps.append(f"{asked} Yes (${volume / 1e6:.3g}M)")
    derived = derive_sizes(facts, capital_usd, choose_profile(facts.asset, policy), policy)
    if not derived.viable:
        asked = f"Capital >= minimum viable? No: {derived.diagnostic}"
        return _end(steps, "increase capital or pick a different asset", asked)
    return _end(steps, "proceed to paper validation", "Capital >= minimum viable? Yes")


def derive_sizes(
    facts: MarketFacts, capital_usd: float, profile: Profile, policy: Policy
) -> Derived:
    """Return `auto_derive` on the market's facts; without a known margin all capital is free."""
    margin = facts.available_margin_usd
    ctx = ExchangeContext(
        mark_px=facts.mark_px,
        available_margin=capital_usd if margin is None else margin,
        max_leverage=facts.max_leverage,
        fee_bps=facts.maker_fee_bps,
        min_notional=facts.min_notional_usd,
    )
    return auto_derive(capital_usd, profile, ctx, policy=policy)


def derive_config(
    spec: AssetSpec, facts: MarketFacts, policy: Policy
) -> tuple[MakerConfig, Derived]:
    """Derive everything the maker is told about one asset.

    Raises
    ------
    ValueError
        if the asset is not listed, its collateral is unknown, or the capital is below the minimum.
    """
    _refuse_what_cannot_trade(spec, facts, policy)
    profile = choose_profile(spec.asset, policy, spec.profile)
    derived = derive_sizes(facts, spec.capital_usd, profile, policy)
    if not derived.viable:
        raise ValueError(f"capital_usd = {spec.capital_usd:g}: {derived.diagnostic}")
    shape, risk = getattr(policy.profiles, profile), policy.risk
    isolated = facts.only_isolated or facts.is_hip3
    margin = min(risk.hip3.isolated_margin_usd.value, spec.capital_usd)
    blend = risk.hip3.risk_model_blend if facts.is_hip3 else risk.risk_model_blend
    config = MakerConfig(
        asset=spec.asset,
        profile=profile,
        capital_usd=spec.capital_usd,
        sz_decimals=facts.sz_decimals,
        min_notional_usd=facts.min_notional_usd,
        maker_fee_bps=facts.maker_fee_bps,
        max_leverage=facts.max_leverage,
        isolated=isolated,
        isolated_margin_usd=margin if isolated else 0.0,
        oi_cap_usd=facts.oi_cap_usd,
        collateral=str(facts.collateral),
        max_position=derived.max_position,
        target_liquidity=derived.target_liquidity,
        levels=_levels(derived, policy),
        gamma=derived.risk_aversion,
        kappa_prior=shape.kappa_prior_builder if facts.is_hip3 else shape.kappa_prior,
        kappa_prior_fills=shape.kappa_prior_fills,
        intensity_prior_per_s=_intensity(facts, shape.intensity_prior_per_s),
        half_spread_floor_bps=shape.half_spread_floor_bps,
        max_bps_diff=float(derived.max_bps_diff),
        requote_interval_ms=int(risk.sizing.requote_interval_ms.value),
        risk_model_blend=blend.value,
        monopolist_pricing=facts.is_hip3 and risk.hip3.monopolist_pricing.value > 0,
        signals=binance_signals(spec.asset, facts.binance_symbol, table=policy.symbols),
        rl_enabled=True,
        rl_shadow=risk.rl_shadow.value > 0,
        learning_fills_per_h=risk.learning.fills_per_h.value,
        learning_share=risk.learning.share.value,
        request_grant=int(risk.request_grant.value),
        kill_fraction=kill_fraction(spec.capital_usd, policy),
        stale_after_s=risk.stale_after_s.value,
        session_ramp_s=_ramp(facts, policy).duration_s,
        session_ramp_start=_ramp_start(facts, derived, policy),
    )
    return config, derived


def _refuse_what_cannot_trade(spec: AssetSpec, facts: MarketFacts, policy: Policy) -> None:
    if spec.asset != facts.asset:
        raise ValueError(f"facts.asset = {facts.asset!r}: not the facts of {spec.asset!r}")
    if not facts.listed or facts.delisted:
        raise ValueError(f"asset = {spec.asset!r}: not listed, or delisted, on {facts.source}")
    known = policy.risk.collateral.names
    if facts.collateral not in known:
        raise ValueError(
            f"collateral = {facts.collateral!r} of {spec.asset}: unknown, so it cannot be assumed "
            f"to hold margin; known tokens are {', '.join(known)}"
        )


def _levels(derived: Derived, policy: Policy) -> int:
    # The sum of five minimum orders may come out a hair below five of them.
    orders = math.floor(derived.target_liquidity / derived.min_order + 1e-9)
    return min(25, int(policy.risk.sizing.max_levels_per_side.value), max(1, orders))


def _intensity(facts: MarketFacts, prior: float) -> float:
    """Return A per side: half of the trades seen, or the profile's prior where none were."""
    return facts.trades_per_min / 120.0 if facts.trades_per_min else prior


def _ramp(facts: MarketFacts, policy: Policy) -> SessionRamp:
    ramps = policy.risk.session_ramp
    return ramps.hip3 if facts.is_hip3 else ramps.default


def _ramp_start(facts: MarketFacts, derived: Derived, policy: Policy) -> float:
    """Return the ramp's start, raised where 10 % of a small account could not place two orders."""
    least = policy.risk.session_ramp.min_orders.value * derived.min_order / derived.max_position
    return min(1.0, max(_ramp(facts, policy).start, least))


def _branch(facts: MarketFacts, policy: Policy) -> list[str]:
    profile = choose_profile(facts.asset, policy).capitalize()
    if facts.is_hip3:
        known = facts.collateral or "unknown"
        steps = [f"HIP-3 token? Yes: profile {profile}, dex {facts.dex}, collateral {known}"]
    else:
        steps = [f"HIP-3 token? No: profile {profile}"]
    if facts.binance_symbol:
        return [*steps, f"Binance pair? Yes ({facts.binance_symbol}): lead-lag, cross-venue on"]
    limited = "limited alpha without lead-lag"
    return [*steps, f"Binance pair? No: lead-lag and cross-venue off ({limited})"]


def _end(steps: list[str], outcome: str, last: str) -> DecisionPath:
    return DecisionPath(outcome, (*steps, last))
