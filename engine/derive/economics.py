"""Would quoting this market pay, and is it worth finding out? From the market's own data.

At the best depth of `depth_curve` what is left of the depth is judged line by line
(`policy/viability.toml`, economics); the weakest line speaks. The specification's table stays the
verdict: this stands beside it.
"""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, FiniteFloat

from engine.derive.depth_curve import Depth, Sized, best_depth, depth_curve, size_up
from engine.derive.depth_profile import DEPTHS_BPS, JOINED, DepthProfile
from engine.derive.facts import MarketFacts
from engine.gates.bounds import HORIZON, Bounds, bounds, planned_hours
from engine.gates.certainty import Certainty
from engine.gates.criteria import judge
from engine.gates.verdict import Verdict
from engine.policy import Policy
from engine.record import source_hash
from engine.thresholds.gate import Criterion

_MIN_MOVES = 1000  # minutes below which one in a thousand is not known
_NORMAL = NormalDist()


class Economics(BaseModel):
    """What the data promise for one asset and capital; None where there is nothing to tell from.

    `best` is the depth whose margin earns most. The expected profit is that of an asset which is
    dropped once its margin is known to be negative. Divided by the days until it is known, it
    orders the queue of assets.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    asset: str
    capital_usd: FiniteFloat
    order_usd: FiniteFloat
    curve: tuple[Depth, ...]
    best: Depth | None
    usd_per_day: FiniteFloat | None  # if the margin is what was measured
    chance: FiniteFloat | None  # that the margin is above zero
    expected_usd_per_day: FiniteFloat | None
    usd_per_waiting_day: FiniteFloat | None
    verdict: Verdict


def economics(
    facts: MarketFacts,
    profile: DepthProfile | None,
    capital_usd: float,
    policy: Policy,
    *,
    code_version: str | None = None,
) -> Economics:
    """Judge a market by what its data promise a maker who joins last.

    Parameters
    ----------
    facts
        what was observed; the asset must be listed.
    profile
        what orders at each depth would have met; None where no trades were recorded, and then every
        line that needs them has no data.
    capital_usd
        the capital meant for it [USD], above 0.
    code_version
        hash of the sources; by default of the running ones.

    Raises
    ------
    ValueError
        if the asset is not listed, or the capital is not a positive finite number.
    """
    if not facts.listed:
        raise ValueError(f"{facts.asset} is not listed on {facts.source}: nothing to calculate")
    asset = size_up(facts, capital_usd, policy)
    curve = () if profile is None else depth_curve(asset, profile)
    best = best_depth(curve, policy)
    told: dict[str, float | None] = {
        "position_orders": asset.derived.max_position / asset.derived.min_order,
        "tail": None if profile is None else _tail(asset, profile),
    }
    sure, promise = {}, _Promise()
    if profile is not None and best is not None:
        sure = _certain(asset, profile, best)
        hours = _verdict_hours(asset, profile, best)
        promise = _promise(asset, best, sure["net_margin_bps"].now, hours)
        told |= _evidence(asset, profile, best, hours, promise)
    return Economics(
        asset=facts.asset,
        capital_usd=capital_usd,
        order_usd=asset.order_usd,
        curve=curve,
        best=best,
        **promise._asdict(),
        verdict=judge(
            policy.viability.economics.gate,
            told,
            asset=facts.asset,
            ts_ns=facts.observed_at_ns,
            policy_hash=policy.hash,
            config_hash=None,
            code_version=code_version or source_hash(),
            hours=None if profile is None else float(len(profile.observed_h)),
            certain=sure,
        ),
    )


def _certain(asset: Sized, profile: DepthProfile, best: Depth) -> dict[str, Certainty]:
    """Return how sure the margin and the fill rate are at the best depth.

    The error is shared among all depths, so the bounds hold at each of them and choosing the best
    costs nothing.
    """
    j = DEPTHS_BPS.index(best.depth_bps)
    gate = asset.policy.viability.economics.gate
    alpha = gate.alpha / len(DEPTHS_BPS)
    moved, known, squares = (
        sums[JOINED, 0, :, j] for sums in (profile.moved, profile.known, profile.squares)
    )
    move = bounds(moved, known, squares, alpha=alpha)
    found = {
        "net_margin_bps": None if move is None else _of_margin(best, move),
        "fills_per_h": bounds(profile.sweeps[JOINED, :, j], profile.observed_h, alpha=alpha),
    }
    items = float(known.sum())
    return {
        line.metric: _certainty(line, items, found[line.metric])
        for line in gate.criteria
        if line.metric in found
    }


def _of_margin(best: Depth, move: Bounds) -> Bounds:
    """Return the bounds of the margin, which falls as the move after a fill rises."""
    margin = best.margin_bps or 0.0
    rest = margin + move.value
    told = {"value": margin, "lo": rest - move.hi, "hi": rest - move.lo}
    return move.model_copy(update=told)


def _certainty(line: Criterion, items: float, found: Bounds | None) -> Certainty:
    clear = line.minimum if line.fail is None else line.fail
    return Certainty(items, found, found, clear, line.minimum, None)


class _Promise(NamedTuple):
    usd_per_day: float | None = None
    chance: float | None = None
    expected_usd_per_day: float | None = None
    usd_per_waiting_day: float | None = None


def _promise(asset: Sized, best: Depth, margin: Bounds | None, hours: float | None) -> _Promise:
    r"""Return what the margin M ± s is worth to somebody who will drop it where it is negative.

    .. math:: E[\max(M, 0)] = M\,Φ(M/s) + s\,φ(M/s)

    References
    ----------
    Howard, *Information value theory*, IEEE Trans. Syst. Sci. Cybern. 2 (1966): the value of
    perfect information about a normal payoff.
    """
    usd_per_bps = 24.0 * best.joined_per_h * asset.order_usd / 1e4
    profit = usd_per_bps * (best.margin_bps or 0.0)
    if margin is None or hours is None or margin.se <= 0.0:
        return _Promise(profit)
    z = margin.value / margin.se
    chance = _NORMAL.cdf(z)
    expected = usd_per_bps * max(margin.value * chance + margin.se * _NORMAL.pdf(z), 0.0)
    return _Promise(profit, chance, expected, 24.0 * expected / hours)


def _evidence(
    asset: Sized, profile: DepthProfile, best: Depth, hours: float | None, promise: _Promise
) -> dict[str, float | None]:
    return {
        "net_margin_bps": best.margin_bps,
        "fills_per_h": best.joined_per_h,
        "verdict_hours": hours,
        "information": _information(asset, promise, hours),
        "requotes": _requotes(asset, best),
        "capacity": _capacity(asset, profile, best),
    }


def _verdict_hours(asset: Sized, profile: DepthProfile, best: Depth) -> float | None:
    """Return how long paper will take to see the target margin; half a year stands for longer."""
    j = DEPTHS_BPS.index(best.depth_bps)
    known, squares = (sums[JOINED, 0, :, j].sum() for sums in (profile.known, profile.squares))
    variance = float(squares) / float(known) - (best.move_5s_bps or 0.0) ** 2
    if variance <= 0.0:
        return None
    target = asset.policy.viability.economics.target_margin_bps.value
    hours = planned_hours(target, sd=math.sqrt(variance), per_hour=best.joined_per_h)
    return float(HORIZON) if hours is None else hours


def _information(asset: Sized, promise: _Promise, hours: float | None) -> float | None:
    """Return the profit that may be expected over what finding out may cost."""
    if promise.expected_usd_per_day is None or hours is None:
        return None
    table = asset.policy.viability.economics
    spent = asset.daily_limit_usd + table.infra_usd_per_day.value * hours / 24.0
    return table.profit_days.value * promise.expected_usd_per_day / spent


def _requotes(asset: Sized, best: Depth) -> float | None:
    """Return the interval the action budget pays for over the time the mid needs for half of δ.

    A request costs a dollar of volume, a requote of both sides two; the mid moves δ/2 in about
    (δ/2σ)² seconds.
    """
    sigma_bps = 1e4 * (asset.facts.sigma_per_sqrt_s or 0.0)
    if sigma_bps <= 0.0:
        return None
    paid_for_s = 2.0 * 3600.0 / (best.joined_per_h * asset.order_usd)
    return paid_for_s / (best.depth_bps / (2.0 * sigma_bps)) ** 2


def _capacity(asset: Sized, profile: DepthProfile, best: Depth) -> float | None:
    """Return our share of what is displayed up to the depth or of the volume, whichever is more."""
    volume = asset.facts.day_volume_usd
    if not volume:
        return None
    of_volume = 24.0 * best.joined_per_h * asset.order_usd / volume
    displayed = float(profile.displayed_usd[DEPTHS_BPS.index(best.depth_bps)])
    # inside the touch nothing is displayed, and only the volume limits us
    return max(of_volume, asset.order_usd / displayed) if displayed > 0.0 else of_volume


def _tail(asset: Sized, profile: DepthProfile) -> float | None:
    """Return the worst minute's loss at the full position over the daily limit."""
    if len(profile.minute_moves) < _MIN_MOVES:
        return None
    share = asset.policy.viability.economics.tail_share.value
    move = float(np.quantile(profile.minute_moves, share))
    return move * asset.position_usd / asset.daily_limit_usd
