"""Two ways to trade the same hours: what differs, and whether it can be told from luck.

Both sessions heard the same market, so what an hour did to both cancels in the difference; whole
hours are drawn (`engine.review.intervals.ratio_difference`).
"""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, FiniteFloat

from engine.review.intervals import MIN_BLOCKS, Estimate, Ratio, ratio, ratio_difference
from engine.runners.replaying import ReplayResult

SEED = 7  # of the draws: the same question has the same answer


class Measure(NamedTuple):
    """A ratio of two sums of a block, and how it is said to be better."""

    title: str
    above: str
    below: str
    scale: float
    unit: str
    more: str = "better"


MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "edge": Measure("edge at 5 s", "edge_5_usd", "known_5_usd", 1e4, "bps"),
        "net": Measure("profit per notional", "pnl_usd", "notional_usd", 1e4, "bps"),
        "profit": Measure("profit", "pnl_usd", "hours", 1.0, "USD/h"),
        "fill_rate": Measure("fill rate", "filled_orders", "quoted_h", 1.0, "/h", "higher"),
    }
)
Pair = tuple[ReplayResult, ReplayResult]


class Difference(BaseModel):
    """One measure of A and of B, and A less B; None where there is nothing to divide by."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    measure: str
    unit: str
    a: FiniteFloat | None
    b: FiniteFloat | None
    difference: Estimate | None
    words: str


def compare(pairs: Sequence[Pair]) -> list[Difference]:
    """Return every measure of A less B, over the hours that both sides of each pair played."""
    return [_difference(measure, pairs) for measure in MEASURES.values()]


def _difference(measure: Measure, pairs: Sequence[Pair]) -> Difference:
    hours = [common_hours(pair) for pair in pairs]
    a, b = (
        _joined([ratio_of(pair[k], measure, of) for pair, of in zip(pairs, hours, strict=True)])
        for k in (0, 1)
    )
    one = ratio_difference([(a, b)], np.random.default_rng(SEED))
    return Difference(
        measure=measure.title,
        unit=measure.unit,
        a=_value(a),
        b=_value(b),
        difference=one,
        words=said(one, measure.unit, measure.more),
    )


def estimate(result: ReplayResult, measure: Measure) -> Estimate | None:
    """Return one measure of one session with its bound, over the hours that have something."""
    above, below = (np.asarray(side) for side in ratio_of(result, measure, common_hours([result])))
    kept = below > 0.0
    rng = np.random.default_rng(SEED)
    return ratio(above[kept], below[kept], np.flatnonzero(kept), rng)


def common_hours(results: Sequence[ReplayResult]) -> range:
    """Return the hours of the market that all of them played: until the first was stopped."""
    first = max(one.spec.skip_hours for one in results)
    return range(first, max(min(one.spec.skip_hours + len(one.blocks) for one in results), first))


def ratio_of(result: ReplayResult, measure: Measure, hours: range) -> Ratio:
    """Return the two sums of a measure in each of `hours`, all of which it must have played."""
    first = result.spec.skip_hours
    blocks = result.blocks[hours.start - first : hours.stop - first]
    above, below = (
        np.array([getattr(block, name) for block in blocks], dtype=float)
        for name in (measure.above, measure.below)
    )
    return measure.scale * above, below


def _joined(ratios: Sequence[Ratio]) -> Ratio:
    return np.concatenate([r[0] for r in ratios]), np.concatenate([r[1] for r in ratios])


def _value(ratio: Ratio) -> float | None:
    below = float(np.sum(ratio[1]))
    return float(np.sum(ratio[0])) / below if below > 0.0 else None


def said(one: Estimate | None, unit: str, more: str = "better") -> str:
    """Return in plain words what a difference of A less B says."""
    if one is None:
        return "nothing to compare: one of the two has none"
    if one.lo is None or one.hi is None:
        return f"{one.blocks} hours with something in them; a bound needs {MIN_BLOCKS}"
    if one.value == one.lo == one.hi == 0.0:
        return "the two are the same"
    if one.lo > 0.0:
        return f"A is {more} by {one.value:.3g} {unit} [{one.lo:.3g}, {one.hi:.3g}]"
    if one.hi < 0.0:
        return f"B is {more} by {-one.value:.3g} {unit} [{-one.hi:.3g}, {-one.lo:.3g}]"
    return f"no difference can be told from these {one.n} hours" + needed(one)


def needed(one: Estimate) -> str:
    """Return how many hours would tell it from zero, if it is what it seems.

    A bound narrows as one over the root of the hours.
    """
    if one.value == 0.0 or one.lo is None or one.hi is None:
        return ""
    short = one.value - one.lo if one.value > 0.0 else one.hi - one.value
    hours = one.n * (short / one.value) ** 2
    digits = 10 ** max(math.floor(math.log10(hours)) - 1, 0)
    return f" (would need about {math.ceil(hours / digits) * digits:,})"
