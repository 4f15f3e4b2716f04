"""The margin of an order at each depth, if it joins last: what it earns, and what that costs.

At depth δ such an order fills λ(δ) times an hour, and the mid then moves c(δ) with the aggressor::

    E(δ) = δ - c(δ, 5 s) - fee
    M(δ) = E(δ) - inventory - funding - gap to live
"""

import math
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, FiniteFloat

from engine.derive.auto_derive import Derived
from engine.derive.decisions import choose_profile, derive_sizes, kill_fraction
from engine.derive.depth_profile import DEPTHS_BPS, FRONT, JOINED, DepthProfile
from engine.derive.facts import MarketFacts
from engine.policy import Policy


class Depth(BaseModel):
    """One depth of the curve; None where no sweep reached it. Rates count both sides."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    depth_bps: FiniteFloat
    front_per_h: FiniteFloat  # fills of an order in front of the queue
    joined_per_h: FiniteFloat  # fills of an order that joined behind
    move_5s_bps: FiniteFloat | None  # c: of the mid with the aggressor, after a fill behind
    move_60s_bps: FiniteFloat | None
    edge_bps: FiniteFloat | None  # δ - c(δ, 5 s) - fee
    margin_bps: FiniteFloat | None  # edge less inventory, funding and the gap to live
    usd_per_h: FiniteFloat | None  # the edge's profit behind the queue
    usd_per_h_front: FiniteFloat | None


class Sized(NamedTuple):
    """The asset as this capital would trade it."""

    facts: MarketFacts
    capital_usd: float
    derived: Derived
    policy: Policy

    @property
    def order_usd(self) -> float:
        """Notional of one order [USD]."""
        return self.derived.target_liquidity * self.facts.mark_px

    @property
    def position_usd(self) -> float:
        """The largest position [USD]."""
        return self.derived.max_position * self.facts.mark_px

    @property
    def daily_limit_usd(self) -> float:
        """The loss in a day that trips the kill switch [USD]."""
        return kill_fraction(self.capital_usd, self.policy) * self.capital_usd


def size_up(facts: MarketFacts, capital_usd: float, policy: Policy) -> Sized:
    """Return an asset with the sizes this capital gives it.

    Raises
    ------
    ValueError
        if the capital is not a positive finite number.
    """
    if not (math.isfinite(capital_usd) and capital_usd > 0):
        raise ValueError(f"capital_usd = {capital_usd}: must be a finite number of USD above 0")
    profile = choose_profile(facts.asset, policy)
    derived = derive_sizes(facts, capital_usd, profile, policy)
    return Sized(facts, capital_usd, derived, policy)


def depth_curve(asset: Sized, profile: DepthProfile) -> tuple[Depth, ...]:
    """Return the curve over `DEPTHS_BPS`; empty where no block was observed."""
    hours = float(profile.observed_h.sum())
    if hours <= 0.0:
        return ()
    return tuple(_depth(asset, profile, j, hours) for j in range(len(DEPTHS_BPS)))


def _depth(asset: Sized, profile: DepthProfile, j: int, hours: float) -> Depth:
    delta, fee = DEPTHS_BPS[j], asset.facts.maker_fee_bps
    rates = [float(profile.sweeps[place, :, j].sum()) / hours for place in (FRONT, JOINED)]
    moves = [_mean(profile, place, 0, j) for place in (FRONT, JOINED)]
    edges = [None if move is None else delta - move - fee for move in moves]
    front, edge = edges
    charge = _charges(asset, profile, rates[JOINED])
    return Depth(
        depth_bps=delta,
        front_per_h=rates[FRONT],
        joined_per_h=rates[JOINED],
        move_5s_bps=moves[JOINED],
        move_60s_bps=_mean(profile, JOINED, 1, j),
        edge_bps=edge,
        margin_bps=None if edge is None or charge is None else edge - charge,
        usd_per_h=None if edge is None else rates[JOINED] * asset.order_usd * edge / 1e4,
        usd_per_h_front=None if front is None else rates[FRONT] * asset.order_usd * front / 1e4,
    )


def _mean(profile: DepthProfile, place: int, horizon: int, j: int) -> float | None:
    known = int(profile.known[place, horizon, :, j].sum())
    return float(profile.moved[place, horizon, :, j].sum()) / known if known else None


def _charges(asset: Sized, profile: DepthProfile, fills_per_h: float) -> float | None:
    r"""Return what a fill costs after its markout [bps]: inventory, funding, the gap to live.

    .. math::

        \tfrac12 γ σ^2 τ + \frac{|r| N}{λ} + \mathrm{gap}, \qquad τ = \ln 2\, \frac{N}{λ / 2}

    with N orders held on average: the half-life τ is the time one side takes to fill ln 2 of them.
    """
    sigma, table = asset.facts.sigma_per_sqrt_s, asset.policy.viability.economics
    if sigma is None or fills_per_h <= 0.0:
        return None
    held = table.inventory_orders.value
    halflife_s = 3600.0 * math.log(2.0) * held / (fills_per_h / 2.0)
    inventory = 0.5e4 * asset.derived.risk_aversion * sigma**2 * halflife_s
    rate = profile.funding_bps_per_h
    funding = table.funding_bps_per_h.value if rate is None else rate
    return inventory + funding * held / fills_per_h + asset.policy.paper.haircut_bps


def best_depth(curve: tuple[Depth, ...], policy: Policy) -> Depth | None:
    """Return the depth whose margin earns most, among those that fill often enough to be judged.

    Where none has a margin above zero, it is the one that loses least on a fill.
    """
    known = [row for row in curve if row.margin_bps is not None]
    least = _minimum(policy, "fills_per_h")
    often = [row for row in known if row.joined_per_h >= least] or known
    return max(often, key=_earning, default=None)


def _earning(row: Depth) -> tuple[float, float]:
    margin = row.margin_bps or 0.0
    return max(margin, 0.0) * row.joined_per_h, margin


def _minimum(policy: Policy, metric: str) -> float:
    lines = policy.viability.economics.gate.criteria
    return next(line.minimum for line in lines if line.metric == metric)
