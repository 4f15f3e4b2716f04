"""What becomes of a phase of the capital ramp: further up, where it is, a phase down, or to paper.

Evidence takes an asset up, drawdown takes it down: two statistics on two clocks. The bounds are of
the phase's own hours and begin anew with every phase; the drawdown of cumulative edge runs on
through moves up, and begins anew after a step down. Up takes a PASS of the phase's gate and nothing
that holds. Down takes one sign, at any hour, asks nobody, and waits for nothing.

Reading order: `rule` is the whole table, `rule_on` applies it to a gate's verdict.
"""

from typing import Final, NamedTuple

from engine.gates.live_hours import Live
from engine.gates.ramp_lines import RampLines, ramp_lines
from engine.gates.verdict import Asks, Verdict, worst
from engine.gates.words import lowered
from engine.thresholds.ramp import PHASES, RampPolicy

_HEADS: Final[dict[Asks, str]] = {
    "step_down": "ONE PHASE DOWN",
    "paper": "BACK TO PAPER",
    "hold": "HELD",
}


class Signs(NamedTuple):
    """What is known of a phase.

    `passes`: its gate does, dwell and fills included. `refuted`: its edge is surely below zero.
    `failed`: another line of its gate fails. `fallen`: cumulative edge, by more than its budget.
    `spent`: the phase's money is gone. `held`: something holds the ramp.
    """

    passes: bool = False
    refuted: bool = False
    failed: bool = False
    fallen: bool = False
    spent: bool = False
    held: bool = False


def rule(phase: int, signs: Signs, step_downs: int, last: int) -> Asks:
    """Return what becomes of an asset; this is the whole table.

    Parameters
    ----------
    phase
        0 to 3.
    step_downs
        the asset's earlier ones, in all its life.
    last
        the step-down that leads to paper, from 1 on, as every later one does.

    >>> rule(2, Signs(), 0, 3), rule(2, Signs(passes=True), 0, 3)
    ('stay', 'advance')
    >>> [rule(2, Signs(fallen=True, held=True), k, 3) for k in (0, 1, 2)]
    ['step_down', 'step_down', 'paper']
    """
    if signs.refuted or signs.spent:
        return "paper"
    if signs.fallen or signs.failed:
        return "step_down" if phase > 0 and step_downs + 1 < last else "paper"
    if not signs.passes or phase == len(PHASES) - 1:
        return "stay"
    return "hold" if signs.held else "advance"


def rule_on(verdict: Verdict, stage: str, live: Live, policy: RampPolicy) -> Verdict:
    """Return the verdict of a phase's gate with the ramp's lines, and with what it asks for.

    A fault in the hours is an ERROR, which never takes an asset up; what the sound hours show still
    takes it down: no bad hour silences an alarm.

    Raises
    ------
    ValueError
        if `stage` is no phase of the ramp.
    """
    phase, last = PHASES.index(stage), policy.step_downs.last
    if phase == len(PHASES) - 1:  # nothing is held where nothing rises
        live = live._replace(holds=())
    lines = ramp_lines(live, stage, policy)
    without_holds = worst([verdict.verdict, lines.drawdown.verdict, lines.money.verdict])
    failing = {line.metric for line in verdict.criteria if line.verdict == "FAIL"}
    signs = Signs(
        passes=without_holds == "PASS",
        refuted="edge_bps" in failing,
        failed=verdict.verdict == "FAIL" and failing != {"edge_bps"},
        fallen=lines.drawdown.verdict == "FAIL",
        spent=lines.money.verdict == "FAIL",
        held=bool(live.holds),
    )
    asks = rule(phase, signs, live.step_downs, last)
    others = [lowered(line.title) for line in verdict.criteria if line.metric in failing]
    why = _why(signs, lines, asks, " and ".join(others), live.step_downs + 1 >= last)
    head = f"{_HEADS[asks]}: {why}. " if asks in _HEADS else ""
    return verdict.model_copy(
        update={
            "criteria": (*verdict.criteria, *lines),
            "verdict": worst([without_holds, lines.holds.verdict]),
            "asks": asks,
            "words": f"{head}{verdict.words} {lines.said()}",
        }
    )


def _why(signs: Signs, lines: RampLines, asks: Asks, failed: str, is_last: bool) -> str:
    if asks == "hold":
        return lines.holds.note
    fell, money = lines.drawdown, lines.money
    told = {
        "edge is surely below 0": signs.refuted,
        f"the phase has lost ${money.value:,.2f} of its ${money.bound:,.2f}": signs.spent,
        f"its gate has failed by its {failed}": signs.failed,
    }
    found = [words for words, holds in told.items() if holds]
    if signs.fallen:
        found.append(
            f"cumulative edge fell {fell.value:.1f} bps of capital below its highest, the budget "
            f"is {fell.bound:.1f}"
        )
    if asks == "paper" and not (signs.refuted or signs.spent):
        found.append(
            "an asset is not taken down so often" if is_last else "there is no phase below"
        )
    return ", and ".join(found)
