"""The lines the ramp adds to the gate of a phase: drawdown, money, step-downs, and what holds."""

from typing import Final, NamedTuple

import numpy as np

from engine.gates.drawdown import drawdown
from engine.gates.live_hours import Live, edge_budget
from engine.gates.verdict import CriterionResult, Label, Outcome
from engine.thresholds.ramp import DrawdownPolicy, RampPolicy

_LABELS: Final[dict[Outcome, Label]] = {"PASS": "minimum", "FAIL": "fail", "NOT_YET": "between"}


class RampLines(NamedTuple):
    """One line of each."""

    drawdown: CriterionResult
    money: CriterionResult
    step_downs: CriterionResult
    holds: CriterionResult

    def said(self) -> str:
        """Return the numbers in one sentence."""
        fell, spent = _of(self.drawdown, "bps of capital"), _of(self.money, "dollars")
        told = f"Edge drawdown {fell}, money spent {spent}, step-downs {self.step_downs.value:g}"
        return f"{told}; held: {self.holds.note}." if self.holds.note else f"{told}."


def ramp_lines(live: Live, stage: str, policy: RampPolicy) -> RampLines:
    """Return the ramp's lines for the phase `stage`.

    A fault in the hours makes the first two an ERROR, unless the sound hours alone fail them.
    """
    share = policy.money.share * policy.phase(stage).money_share
    count = len(live.holds)
    return RampLines(
        _drawdown(live, policy.drawdown),
        _money(live, share * live.capital_usd),
        _line("step_downs", "Step-downs in its life", "count", live.step_downs, None, "PASS", ""),
        _line(
            "holds", "Holds", "count", count, 0.0, "NOT_YET" if count else "PASS",
            "; ".join(live.holds),
        ),
    )  # fmt: skip


def _drawdown(live: Live, policy: DrawdownPolicy) -> CriterionResult:
    """Return how far cumulative edge fell, in bps of the capital of the phase."""
    metric, title = "edge_drawdown", "Drawdown of cumulative edge"
    paced = live.paced
    if paced is None:
        note = "paper shows no fills to derive a budget from"
        return _line(metric, title, "bps", None, None, "NO_DATA", note)
    budget = edge_budget(paced, policy)
    hours = [one.known() for one in (*live.earlier, live.present)]
    fills = [one.edge_usd_bps / (one.fraction * paced.fill_usd) for one in hours]
    lost = drawdown(np.concatenate(fills), budget)
    worth = paced.fill_usd / live.capital_usd
    note = (
        f"of the phase's capital; the budget is {budget:,.0f} bps of a mean fill, for "
        f"{paced.per_h:.1f} fills an hour with sd {paced.sd_bps:.1f} bps"
    )
    below = lost.worst if lost.crossed else lost.current
    outcome, note = _outcome(lost.crossed, live.fault(), note)
    return _line(metric, title, "bps", below * worth, budget * worth, outcome, note)


def _money(live: Live, budget: float) -> CriterionResult:
    """Return what the phase has lost at its worst, by markouts."""
    total = 1e-4 * np.cumsum(live.present.known().edge_usd_bps)
    spent = max(0.0, -float(total.min(initial=0.0)))
    note = f"${spent:,.2f} of ${budget:,.2f}, charged to edge since the phase began"
    outcome, note = _outcome(spent >= budget, live.fault(), note)
    return _line("money_spent", "Money spent", "dollars", spent, budget, outcome, note)


def _outcome(failed: bool, fault: str, note: str) -> tuple[Outcome, str]:
    """Return a line's outcome and note: what sound hours show outweighs that others are not."""
    if fault:
        return ("FAIL" if failed else "ERROR"), f"{fault}; {note}"
    return ("FAIL" if failed else "PASS"), note


def _line(
    metric: str,
    title: str,
    unit: str,
    value: float | None,
    at: float | None,
    outcome: Outcome,
    note: str,
) -> CriterionResult:
    return CriterionResult(
        metric=metric,
        title=title,
        unit=unit,
        value=value,
        direction="lower",
        minimum=at,
        bound=at,
        inclusive=() if metric == "money_spent" else ("minimum",),
        verdict=outcome,
        label=_LABELS.get(outcome, "no data"),
        note=note,
    )


def _of(line: CriterionResult, unit: str) -> str:
    if line.value is None or line.bound is None:
        return f"unknown ({line.note})"
    fault = f" ({line.note.split(';')[0]})" if line.verdict == "ERROR" else ""
    return f"{line.value:.2f} of {line.bound:.2f} {unit}{fault}"
