"""What the week's and the month's reviews are shown: values and bounds from sums over hours.

Each of their lines is a ratio of hourly sums, so all of them are judged as a gate's lines are:
skill is ``Σ(base - brier)/Σbase``, the edge in a regime ``Σ(notional·edge)/Σnotional``. The
information ratio is the mean of the hourly profit of holding the signals over its standard
deviation, annualised by √8766; its bounds are those of the mean on the same scale.
"""

import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.gates.bounds import MIN_BLOCKS, Bounds, bounds, hours_to_pass
from engine.gates.certainty import DAY_H, Blocks, Certainty, edge_sums
from engine.gates.verdict import Verdict
from engine.thresholds.gate import Criterion, GatePolicy
from engine.thresholds.monitor import REGIMES, MonthOutcome, Regime, edge_metric

HOURS_A_YEAR: Final = 8766


class Sums(NamedTuple):
    """A line as hourly sums Σx/Σn, `x2` of single squared items where they are known.

    `scale` turns the ratio into the line's unit.
    """

    x: NDArray[Any]
    n: NDArray[Any]
    x2: NDArray[Any] | None = None
    scale: float = 1.0

    @property
    def value(self) -> float | None:
        """The line's value; None where nothing was counted."""
        items = float(self.n.sum())
        return self.scale * float(self.x.sum()) / items if items > 0.0 else None


def week_sums(blocks: Blocks) -> dict[str, Sums]:
    """Return the lines that come from forecasts and signals.

    Parameters
    ----------
    blocks
        columns of the store's ``forecast_blocks``, of the hours that may be judged.
    """
    forecasts, base = blocks["forecasts"], blocks["base_sum"]
    told = {
        "brier": Sums(blocks["brier_sum"], forecasts),
        "skill": Sums(base - blocks["brier_sum"], base),
    }
    earned = blocks["signal_bps2"][blocks["moves"] > 0]
    deviation = float(earned.std(ddof=1)) if len(earned) >= MIN_BLOCKS else 0.0
    if deviation > 0.0:
        annual = math.sqrt(HOURS_A_YEAR) / deviation
        told["information_ratio"] = Sums(earned, np.ones(len(earned)), scale=annual)
    return told


def month_sums(blocks: Blocks, regimes: Mapping[Regime, Blocks]) -> dict[str, Sums]:
    """Return the month's edge, over all hours and in each regime."""
    edges = {edge_metric(regime): Sums(*edge_sums(part)) for regime, part in regimes.items()}
    return {"edge_bps": Sums(*edge_sums(blocks))} | edges


def judged_regimes(regimes: Mapping[Regime, Blocks], least: float) -> tuple[Regime, ...]:
    """Return the regimes with at least `least` fills."""
    return tuple(r for r in REGIMES if r in regimes and regimes[r]["markouts"].sum() >= least)


def values(sums: Mapping[str, Sums]) -> dict[str, float | None]:
    """Return the value of every line."""
    return {metric: one.value for metric, one in sums.items()}


def sure_of(gate: GatePolicy, sums: Mapping[str, Sums]) -> dict[str, Certainty]:
    """Return what the hours make sure of each line that `sums` names."""
    lines = [line for line in gate.criteria if line.metric in sums]
    return {one.metric: _certainty(gate, one, sums[one.metric], len(lines)) for one in lines}


def _certainty(gate: GatePolicy, line: Criterion, sums: Sums, lines: int) -> Certainty:
    whole = len(sums.x) // DAY_H * DAY_H
    marked = Sums(
        sums.x[:whole], sums.n[:whole], None if sums.x2 is None else sums.x2[:whole], sums.scale
    )
    at_mark, now = _bounds(marked, gate.alpha), _bounds(sums, gate.alpha / lines)
    clear = line.minimum if line.fail is None else line.fail
    least = clear if gate.fails_below == "fail" else line.minimum
    more = None if at_mark is None else _more_hours(line, at_mark, clear, gate.alpha)
    return Certainty(float(sums.n.sum()), at_mark, now, clear, least, more)


def _bounds(sums: Sums, alpha: float) -> Bounds | None:
    found = bounds(sums.x, sums.n, sums.x2, alpha=alpha)
    if found is None:
        return None
    scaled = {name: sums.scale * getattr(found, name) for name in ("value", "lo", "hi", "se")}
    return found.model_copy(update=scaled)


def _more_hours(line: Criterion, at_mark: Bounds, clear: float, alpha: float) -> float | None:
    sign = 1.0 if line.direction == "higher" else -1.0
    mirrored = at_mark.model_copy(update={"value": sign * at_mark.value})
    return hours_to_pass(mirrored, bar=sign * clear, alpha=alpha)


def month_outcome(verdict: Verdict) -> MonthOutcome | None:
    """Return what a month's verdict proposes; None while it has too little to go by.

    Consistently positive scales. It takes the whole month surely negative, and no regime that
    holds, to reduce; everything in between is mixed, and holds.
    """
    if verdict.passed:
        return "scale"
    too_soon = (verdict.hours or 0.0) < verdict.hours_needed
    if too_soon or verdict.verdict in ("NO_DATA", "ERROR"):
        return None
    said = {one.metric: one.verdict for one in verdict.criteria}
    regimes = [said[name] for name in map(edge_metric, REGIMES) if name in said]
    return "reduce" if said["edge_bps"] == "FAIL" and "PASS" not in regimes else "hold"
