"""What the procedure would change after a day like this, and the numbers that say so.

Nothing is proposed on a number that luck explains: an edge is consistently negative, or a fill
rate too low, where its whole interval is. Nothing here is applied; a person decides.
"""

from pydantic import BaseModel, ConfigDict

from engine.config import NonNegative, Positive
from engine.review.intervals import Estimate
from engine.review.scorecard import Scorecard
from engine.thresholds.monitor import AdjustLimits


class Limits(BaseModel):
    """What the day is held against; None where the asset was never enrolled."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    adjust: AdjustLimits
    fill_rate_minimum: NonNegative  # filled orders per quoted hour
    capital_usd: Positive | None = None  # of the phase
    kill_fraction: Positive | None = None  # of the capital


class Adjustment(BaseModel):
    """One of the procedure's questions, the finding, and what it proposes, if anything."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    about: str
    finding: str
    proposal: str | None = None


def adjustments(card: Scorecard, limits: Limits) -> tuple[Adjustment, ...]:
    """Return the procedure's three adjustments, in its order."""
    return _edge(card), _fill_rate(card, limits), _risk(card, limits)


def _edge(card: Scorecard) -> Adjustment:
    about, one = "edge", card.edge_bps
    if one is None:
        return Adjustment(about=about, finding="no data: no fill has been followed for 5 s")
    finding = f"{said(one)} bps over {one.n} fills"
    if one.lo is None or one.hi is None:
        return Adjustment(about=about, finding=f"{finding}: too few hours to say more")
    if one.hi < 0.0:
        proposal = (
            f"widen: raise gamma; check the adverse-selection classifier, {_classifier(card)}"
        )
        return Adjustment(about=about, finding=f"negative: {finding}", proposal=proposal)
    word = "positive" if one.lo > 0.0 else "not distinguishable from zero"
    return Adjustment(about=about, finding=f"{word}: {finding}")


def _classifier(card: Scorecard) -> str:
    """Return what is known of the classifier, as the end of a sentence."""
    forecasts = card.forecasts
    if forecasts is None or forecasts.skill is None:
        return "of which there is no data"
    skill = forecasts.skill
    if skill.lo is None or skill.lo <= 0.0:
        return f"whose skill over the base rate cannot be told from none ({said(skill)})"
    return f"which does beat the base rate (skill {said(skill)})"


def _fill_rate(card: Scorecard, limits: Limits) -> Adjustment:
    about, least = "fill rate", limits.fill_rate_minimum
    quoting = card.quoting
    if quoting is None or quoting.fill_rate is None:
        return Adjustment(about=about, finding="no data: both sides were never quoted")
    one = quoting.fill_rate
    finding = f"{said(one)} filled orders per quoted hour against {least:g}"
    if one.value >= least:
        return Adjustment(about=about, finding=f"enough: {finding}")
    if one.hi is None or one.hi >= least:
        return Adjustment(about=about, finding=f"perhaps too low: {finding}")
    proposal = "check the kappa estimate"
    if quoting.kappa is not None:
        sure = quoting.kappa_confidence or 0.0
        proposal += f" ({quoting.kappa:,.0f}, confidence {sure:.0%})"
    if quoting.spread_ratio is not None:
        proposal += f"; our spread is {quoting.spread_ratio:.2g}x the market's"
    return Adjustment(
        about=about,
        finding=f"too low: {finding}",
        proposal=f"{proposal}; it may need to be tighter",
    )


def _risk(card: Scorecard, limits: Limits) -> Adjustment:
    """Return what drawdown and attribution say of gamma and of the kill switch."""
    about = "gamma and kill switch"
    if card.quoting is None:
        return Adjustment(about=about, finding="no data")
    finding = f"worst drawdown ${card.quoting.drawdown_usd:,.2f}"
    used = 0.0
    if limits.capital_usd and limits.kill_fraction:
        used = card.quoting.drawdown_usd / (limits.capital_usd * limits.kill_fraction)
        finding += f", {used:.0%} of what trips the kill switch"
    proposals = _costs(card, limits.adjust.high_cost.value)
    if card.kills:
        finding += f"; it has tripped (times: {card.kills})"
        proposals.insert(0, "find the cause of the trip; the tier stays where it is")
    elif used > limits.adjust.near_kill.value:
        proposals.insert(0, "raise gamma or trade less; the tier stays where it is")
    return Adjustment(about=about, finding=finding, proposal="; ".join(proposals) or None)


def _costs(card: Scorecard, high: float) -> list[str]:
    """Return the costs that ate the spread captured, which gamma answers for."""
    money = card.attribution
    if money is None or money.spread_usd <= 0.0:
        return []
    shares = {
        "adverse selection": -money.adverse_usd / money.spread_usd,
        "inventory": -money.inventory_usd / money.spread_usd,
    }
    return [
        f"raise gamma: {cost} took {share:.0%} of the spread captured"
        for cost, share in shares.items()
        if share > high
    ]


def said(one: Estimate) -> str:
    """Return an estimate with its interval.

    >>> said(Estimate(value=-1.234, lo=-2.0, hi=-0.5, n=9, blocks=8))
    '-1.23 [-2, -0.5]'
    """
    if one.lo is None or one.hi is None:
        return f"{one.value:.3g}"
    return f"{one.value:.3g} [{one.lo:.3g}, {one.hi:.3g}]"
