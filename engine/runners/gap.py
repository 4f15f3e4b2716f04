"""What paper flatters, measured in replay: each part of the gap to live, switched on and off.

Every part is a paired difference of the edge at 5 s [bps], positive where paper that leaves it out
would look better. What only live orders can show, how informed those are who take us, is not here.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, FiniteFloat

from engine.review.intervals import MIN_BLOCKS, Estimate, Ratio, ratio_difference
from engine.runners.comparing import MEASURES, SEED, Pair, common_hours, needed, ratio_of
from engine.runners.replaying import ReplayResult, ReplaySpec
from engine.sim.rules import Latency
from engine.thresholds.paper import PaperPolicy

WITHOUT_LIMIT = 10**9  # requests: nobody can send as many
WARM_HOURS = 24


class Part(NamedTuple):
    """One part of the gap: the edge of one session less that of another."""

    name: str
    policy: str | None  # what policy/paper.toml calls it
    flattering: str
    strict: str
    how: str


PARTS = (
    Part("queue position", "queue position", "optimistic", "paper",
         "optimistic less pessimistic fills"),
    Part("rate limit", "rate limit staleness", "unlimited", "paper",
         "requests without limit less the budget"),
    Part("latency", None, "prompt", "paper", "no delay less the delays of the policy"),
    Part("warm-up", "warm-up defaults", "unlimited", "cold",
         "a session that has learned less one that begins"),
)  # fmt: skip
NAMES = ("paper", "optimistic", "unlimited", "prompt", "cold")


class GapRow(BaseModel):
    """One part beside what the policy assumes of it [bps]."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    part: str
    how: str
    assumed_bps: FiniteFloat | None
    on_pessimistic: bool | None  # whether the gate's haircut holds it
    measured: Estimate | None
    words: str


class Gap(BaseModel):
    """Every part, their sum over the same hours, and a sentence."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    market: str
    hours: int
    edge_bps: FiniteFloat | None  # of paper as the gates judge it
    rows: tuple[GapRow, ...]
    sum: Estimate | None
    words: str


def gap_specs(paper: ReplaySpec, warm_hours: int | None = None) -> list[ReplaySpec]:
    """Return the five sessions the parts are made of, in the order of `NAMES`.

    Parameters
    ----------
    paper
        paper as the gates judge it.
    warm_hours
        how long the session that has learned has learned before the other begins [h]: a day, or
        half of the hours. Both have requests without limit, which would be scarce for the older
        one alone.

    Raises
    ------
    ValueError
        if nothing is left of the market after `warm_hours`.
    """
    hours = paper.market.hours
    warm = min(WARM_HOURS, int(hours / 2)) if warm_hours is None else warm_hours
    if not 1 <= warm < hours:
        raise ValueError(f"warm_hours must be from 1 to below {hours:g}, was {warm}")
    rules = paper.rules
    changes = (
        {},
        {"rules": rules.replaced(fill_model="optimistic")},
        {"config": paper.config.model_copy(update={"request_grant": WITHOUT_LIMIT})},
        {"rules": rules.replaced(latency=Latency.constant(0.0))},
    )
    specs = [paper.model_copy(update=change) for change in changes]
    specs.append(specs[2].model_copy(update={"skip_hours": warm}))
    return [
        spec.model_copy(update={"name": f"{paper.market.label} {name}"})
        for name, spec in zip(NAMES, specs, strict=True)
    ]


def measure_gap(results: Sequence[ReplayResult], policy: PaperPolicy) -> Gap:
    """Return the parts of the gap from the sessions of `gap_specs`."""
    played: dict[str, ReplayResult] = dict(zip(NAMES, results, strict=True))
    pairs = [(played[part.flattering], played[part.strict]) for part in PARTS]
    rows = tuple(_row(part, pair, policy) for part, pair in zip(PARTS, pairs, strict=True))
    total = _estimate(pairs)
    paper = played["paper"]
    return Gap(
        market=paper.spec.market.label,
        hours=len(paper.blocks),
        edge_bps=paper.total.edge_bps,
        rows=(*rows, *_unmeasured(policy)),
        sum=total,
        words=_sentence(total, policy),
    )


def _estimate(pairs: Sequence[Pair]) -> Estimate | None:
    """Return the sum of the pairs' differences, each over the hours that both its sides played."""
    hours = [common_hours(pair) for pair in pairs]
    first, last = min(own.start for own in hours), max(own.stop for own in hours)

    def padded(one: ReplayResult, own: range) -> Ratio:
        above, below = ratio_of(one, MEASURES["edge"], own)
        around = (own.start - first, last - own.stop)
        return np.pad(above, around), np.pad(below, around)

    ratios = [(padded(a, own), padded(b, own)) for (a, b), own in zip(pairs, hours, strict=True)]
    return ratio_difference(ratios, np.random.default_rng(SEED))


def _row(part: Part, pair: Pair, policy: PaperPolicy) -> GapRow:
    assumed = next((row for row in policy.gap if row.name == part.policy), None)
    one = _estimate([pair])
    return GapRow(
        part=part.name,
        how=part.how,
        assumed_bps=assumed.bps if assumed else None,
        on_pessimistic=assumed.on_pessimistic if assumed else None,
        measured=one,
        words=_said(one),
    )


def _said(one: Estimate | None) -> str:
    if one is None:
        return "no fills on one of the two sides"
    if one.lo is None or one.hi is None:
        return f"{one.blocks} hours with fills; a bound needs {MIN_BLOCKS}"
    if one.value == one.lo == one.hi == 0.0:
        return "it changes nothing here"
    if one.lo > 0.0 or one.hi < 0.0:
        return f"paper without it looks {'better' if one.value > 0.0 else 'worse'}"
    return f"not told from zero by {one.n} hours{needed(one)}"


def _unmeasured(policy: PaperPolicy) -> list[GapRow]:
    known = {part.policy for part in PARTS}
    return [
        GapRow(
            part=row.name,
            how="",
            assumed_bps=row.bps,
            on_pessimistic=row.on_pessimistic,
            measured=None,
            words="only live orders can show it",
        )
        for row in policy.gap
        if row.name not in known
    ]


def _sentence(total: Estimate | None, policy: PaperPolicy) -> str:
    kept = policy.haircut_bps
    told = f"The policy assumes {policy.gap_bps:.3g} bps, {kept:.3g} of it on pessimistic fills; "
    if total is None:
        return told + "without fills on every side there is nothing to hold against it."
    if total.lo is None or total.hi is None:
        return told + f"the parts measured here add up to {total.value:.3g}, without a bound."
    bound = f"{total.value:.3g} [{total.lo:.3g}, {total.hi:.3g}]"
    return told + f"the parts measured here add up to {bound}."
