"""Sizes and thresholds from one number, the capital: five computations and their clamps."""

import math
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from engine.config import Profile
from engine.policy import Policy, load_policy
from engine.thresholds.risk import Sizing

Positive = Annotated[FiniteFloat, Field(gt=0)]


class ExchangeContext(BaseModel):
    """What the venue says about the market and the account.

    Parameters
    ----------
    mark_px
        Mark price [USD], above 0.
    available_margin
        Free margin [USD]; below 0 is a fact of a losing account and counts as 0.
    max_leverage
        The leverage the venue allows [times], above 0.
    fee_bps
        Maker fee [bps]; below 0 for a rebate.
    min_notional
        The smallest order [USD].
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mark_px: Positive
    available_margin: FiniteFloat
    max_leverage: Positive
    fee_bps: FiniteFloat = 1.5
    min_notional: Positive = 10.0


class Derived(BaseModel):
    """The result of `auto_derive`: sizes in coins, `max_bps_diff` in whole bps."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_from_capital: float
    max_from_margin: float
    max_position: float
    min_order: float
    viable: bool
    risk_aversion: float
    target_liquidity: float
    max_bps_diff: int
    diagnostic: str | None


def auto_derive(
    capital_usd: float,
    profile: Profile,
    ctx: ExchangeContext,
    *,
    leverage_aware: bool = False,
    policy: Policy | None = None,
) -> Derived:
    r"""Derive the position limit, order sizes and requoting threshold from the capital.

    .. math::

        q_{max} &= \min(C / p,\; 0.5\, M L / p) \\
        q_{min} &= 1.15\, N / p \\
        q_{target} &= \min(\max(f q_{max},\; 5 q_{min}),\; q_{max}) \\
        d &= \operatorname{clamp}(2 \cdot fee,\; 3,\; 15)

    Parameters
    ----------
    capital_usd
        The allocation :math:`C` [USD], above 0; never the account.
    profile
        ``default``, ``hip3`` or ``aggressive``: gamma and the sizing fraction :math:`f`.
    ctx
        Mark :math:`p`, free margin :math:`M`, leverage :math:`L`, fee, minimum notional :math:`N`.
    leverage_aware
        Let the capital count with leverage too: :math:`0.5\, C L / p`. Off in the procedure.
    policy
        The constants; by default the policy that `load_policy` finds.

    Raises
    ------
    ValueError
        if the capital is not a positive finite number or the profile is unknown.

    Examples
    --------
    >>> ctx = ExchangeContext(mark_px=20.0, available_margin=200.0, max_leverage=5.0)
    >>> derived = auto_derive(200.0, "hip3", ctx)
    >>> derived.max_from_capital, derived.max_from_margin, derived.max_position, derived.min_order
    (10.0, 25.0, 10.0, 0.575)
    >>> derived.risk_aversion, derived.target_liquidity, derived.max_bps_diff
    (0.15, 3.0, 3)
    """
    policy = policy or load_policy()
    if not (math.isfinite(capital_usd) and capital_usd > 0):
        raise ValueError(f"capital_usd = {capital_usd}: must be a finite number of USD above 0")
    if profile not in type(policy.profiles).model_fields:
        names = ", ".join(type(policy.profiles).model_fields)
        raise ValueError(f"profile = {profile!r}: must be one of {names}")
    sizing, shape = policy.risk.sizing, getattr(policy.profiles, profile)
    leverage = ctx.max_leverage * sizing.margin_safety.value if leverage_aware else 1.0
    from_capital = capital_usd * leverage / ctx.mark_px
    margin = max(ctx.available_margin, 0.0)
    from_margin = margin * ctx.max_leverage * sizing.margin_safety.value / ctx.mark_px
    limit = min(from_capital, from_margin)
    smallest = ctx.min_notional * sizing.min_order_factor.value / ctx.mark_px
    wanted = max(limit * shape.sizing_fraction, smallest * sizing.min_orders.value)
    viable = limit >= smallest
    return Derived(
        max_from_capital=from_capital,
        max_from_margin=from_margin,
        max_position=limit,
        min_order=smallest,
        viable=viable,
        risk_aversion=shape.gamma,
        target_liquidity=min(wanted, limit),
        max_bps_diff=_max_bps_diff(ctx.fee_bps, sizing),
        diagnostic=None if viable else _diagnostic(limit, smallest, leverage, ctx, sizing),
    )


def _max_bps_diff(fee_bps: float, sizing: Sizing) -> int:
    wanted = fee_bps * sizing.bps_diff_fees.value
    return int(min(max(wanted, sizing.bps_diff_min.value), sizing.bps_diff_max.value))


def _diagnostic(
    limit: float, smallest: float, leverage: float, ctx: ExchangeContext, sizing: Sizing
) -> str:
    """Return what is too small, and the capital and free margin that would be enough."""
    notional = ctx.min_notional * sizing.min_order_factor.value
    margin = notional / (ctx.max_leverage * sizing.margin_safety.value)
    capital = notional / leverage
    return (
        f"max position {limit:.6g} (${limit * ctx.mark_px:,.2f}) is below the minimum order "
        f"{smallest:.6g} (${notional:,.2f}): it takes at least ${_cents_up(capital):,.2f} of "
        f"capital and ${_cents_up(margin):,.2f} of free margin at {ctx.max_leverage:g}x"
    )


def _cents_up(usd: float) -> float:
    return math.ceil(round(usd * 100, 6)) / 100
