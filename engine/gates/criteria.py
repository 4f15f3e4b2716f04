"""The one judge every gate uses: evidence in, verdict out, and nothing that is missing ever passes.

A gate is an intersection: each line must hold by itself, so the worst line speaks for all and no
correction for many tests is needed on the way to PASS. Where the gate asks for it, what is measured
by sampling must also be sure (`certainty`).
"""

import math
from collections.abc import Mapping
from functools import partial
from numbers import Real
from typing import Any, Final

from engine.gates.certainty import Certainty, decide
from engine.gates.verdict import CriterionResult, Label, Outcome, Verdict, worst
from engine.gates.words import lowered, quantity, sentence
from engine.thresholds.gate import Criterion, GatePolicy, Tier
from engine.thresholds.monitor import REGIMES, edge_metric

Evidence = Mapping[str, float | None]

# What is measured by sampling: a gate that asks for bounds takes none of these at its word.
SAMPLED: Final = frozenset(
    {
        "as_rate",
        "brier",
        "edge_bps",
        "edge_first_half_bps",
        "edge_second_half_bps",
        "fill_rate",
        "information_ratio",
        "net_margin_bps",
        "sharpe",
        "skill",
        "spread_ratio",
        *map(edge_metric, REGIMES),
    }
)


def judge(
    gate: GatePolicy,
    evidence: Evidence,
    *,
    asset: str,
    ts_ns: int,
    policy_hash: str,
    config_hash: str | None,
    code_version: str,
    tape_hash: str | None = None,
    hours: float | None,
    certain: Mapping[str, Certainty] | None = None,
) -> Verdict:
    """Hold the evidence against a gate.

    Parameters
    ----------
    gate
        Its lines and hours, from the policy.
    evidence
        Metric to value; None or NaN where there is none. Other metrics are ignored.
    hours
        Hours of evidence; None where there is none at all.
    certain
        What is sure of the lines that are measured by sampling (`certainty.certain`): needed by a
        gate whose evidence is ``bound``, where such a line without it has no data; shown by any
        other.

    Returns
    -------
    Verdict
        PASS only when every line holds after the minimum hours. Before them only an exact line can
        FAIL, and a line that is still empty waits. From the maximum hours on, a gate that is still
        undecided is a FAIL that asks a person to extend, retune or drop.

    Raises
    ------
    ValueError
        if the gate asks for bounds and is given none.
    """
    if certain is None and gate.evidence == "bound":
        raise ValueError(f"gate {gate.gate} asks for bounds: certain must be given")
    known = _hours(hours)
    young = known is not None and known < gate.min_hours
    lines = tuple(judge_line(line, evidence, young=young) for line in gate.criteria)
    literal = _overall(lines, known, hours, young)
    if certain is not None:
        lines = tuple(map(partial(_with_bounds, gate, certain), gate.criteria, lines))
    outcome = _overall(lines, known, hours, young)
    exhausted = outcome == "NOT_YET" and known is not None and known >= (gate.max_hours or math.inf)
    more = max(0.0, gate.min_hours - known) if known is not None else None
    if exhausted:
        outcome = "FAIL"
    return Verdict(
        gate=gate.gate,
        asset=asset,
        verdict=outcome,
        literal=None if certain is None else literal,
        criteria=lines,
        hours=known,
        hours_needed=gate.min_hours,
        more_hours=more,
        missing=_missing(lines, more),
        words=_words(
            sentence(
                outcome,
                lines,
                hours=known,
                more_hours=more,
                max_hours=gate.max_hours,
                fills_per_hour=_fills_per_hour(evidence, known),
                exhausted=exhausted,
            ),
            None if gate.evidence == "point" else literal,
        ),
        policy_hash=policy_hash,
        config_hash=config_hash,
        code_version=code_version,
        tape_hash=tape_hash,
        ts_ns=ts_ns,
    )


def judge_line(line: Criterion, evidence: Evidence, *, young: bool = False) -> CriterionResult:
    """Hold one line against the evidence; `young` evidence cannot fail an inexact line."""
    value, broken = _read(line, evidence)
    if broken:
        return _result(line, None, "ERROR", "no data", broken)
    if value is None:
        return _result(line, None, "NO_DATA", "no data", "no evidence")
    label = _label(line, value)
    outcome: Outcome = "PASS" if label in ("target", "minimum") else "NOT_YET"
    if label == "fail" and (line.exact or not young):
        outcome = "FAIL"
    return _result(line, value, outcome, label, _note(line, value, evidence))


def _words(said: str, literal: Outcome | None) -> str:
    """Return a verdict's sentence with the procedure's own beside it, where it is another rule."""
    return f"{said} By the values alone: {literal.replace('_', ' ')}." if literal else said


def _with_bounds(
    gate: GatePolicy, certain: Mapping[str, Certainty], line: Criterion, result: CriterionResult
) -> CriterionResult:
    """Return a line's result with its bounds, and with what they make of it if the gate asks."""
    sure = certain.get(line.metric)
    if result.verdict == "ERROR":
        return result
    if sure is None:
        return _unsure(result) if gate.evidence == "bound" and _is_sampled(line) else result
    outcome = decide(line, sure, result.label in ("target", "minimum"))
    shown = sure.at_mark or sure.now
    said = {
        "verdict": outcome if gate.evidence == "bound" else result.verdict,
        "literal": result.verdict,
        "more_hours": sure.more_hours,
    }
    if shown is not None and line.metric != "sharpe":  # whose bounds are of a profit
        said |= {"lo": shown.lo, "hi": shown.hi}
    return result.model_copy(update=said)


def _is_sampled(line: Criterion) -> bool:
    return line.metric in SAMPLED and line.divided_by is None


def _unsure(result: CriterionResult) -> CriterionResult:
    """Return the line as one of which nothing is sure, whatever its value is."""
    said = {"verdict": "NO_DATA", "literal": result.verdict, "note": result.note or "no bounds"}
    return result.model_copy(update=said)


def bar(line: Criterion) -> float:
    """Return the number the value is held against: the minimum plus the haircut, if any."""
    return line.minimum + line.haircut


def _overall(
    lines: tuple[CriterionResult, ...], known: float | None, hours: Any, young: bool
) -> Outcome:
    outcomes: list[Outcome] = [line.verdict for line in lines]
    if young and known:
        # The hours have not run, so an empty line is not yet missing: a Sharpe ratio needs blocks.
        outcomes = [one for one in outcomes if one != "NO_DATA"]
        outcomes.append("NOT_YET")
    if known is None or known == 0:
        outcomes.append("NO_DATA" if hours is None or known == 0 else "ERROR")
    return worst(outcomes)


def _hours(hours: Any) -> float | None:
    value, broken = _number("hours", hours)
    return None if broken or value is None or value < 0 else value


def _fills_per_hour(evidence: Any, hours: float | None) -> float | None:
    if not hours or not isinstance(evidence, Mapping):
        return None
    fills, _ = _number("fills", evidence.get("fills"))
    return None if fills is None else fills / hours


def _read(line: Criterion, evidence: Any) -> tuple[float | None, str]:
    """Return the value of a line, or the words that say what is wrong with the evidence."""
    if not isinstance(evidence, Mapping):
        return None, f"the evidence is a {type(evidence).__name__}, not a table of metrics"
    value, broken = _number(line.metric, evidence.get(line.metric))
    if line.divided_by is None or broken or value is None:
        return value, broken
    divisor, broken = _number(line.divided_by, evidence.get(line.divided_by))
    if divisor is None or broken:
        return None, broken
    return (value / divisor, "") if divisor > 0 else (None, "")


def _number(name: str, raw: Any) -> tuple[float | None, str]:
    if raw is None:
        return None, ""
    if isinstance(raw, bool) or not isinstance(raw, Real):
        return None, f"{name} = {raw!r} is not a number"
    value = float(raw)
    if math.isinf(value):
        return None, f"{name} = {value} is not finite"
    return (None, "") if math.isnan(value) else (value, "")


def _label(line: Criterion, value: float) -> Label:
    """Return the tier a value reaches. The haircut raises minimum and target, never fail."""
    if line.fail is not None and _clears(line, "fail", -1.0, value, line.fail):
        return "fail"
    if not _clears(line, "minimum", 1.0, value, bar(line)):
        return "between"
    if line.target is None:
        return "minimum"
    return (
        "target" if _clears(line, "target", 1.0, value, line.target + line.haircut) else "minimum"
    )


def _clears(line: Criterion, tier: Tier, sign: float, value: float, bound: float) -> bool:
    if line.direction == "lower":
        sign = -sign
    if value == bound:
        return tier in line.inclusive
    return sign * value > sign * bound


def _result(
    line: Criterion, value: float | None, outcome: Outcome, label: Label, note: str
) -> CriterionResult:
    return CriterionResult(
        metric=line.metric,
        title=line.title,
        unit=line.unit,
        value=value,
        direction=line.direction,
        minimum=line.minimum,
        target=None if line.target is None else line.target + line.haircut,
        fail=line.fail,
        bound=bar(line),
        inclusive=line.inclusive,
        verdict=outcome,
        label=label,
        note=note,
    )


def _note(line: Criterion, value: float, evidence: Evidence) -> str:
    """Return what must be read beside the number: the haircut, the null rate, the error."""
    if line.haircut:
        net = value - line.haircut
        return (
            f"less the paper-to-live haircut of {line.haircut:g} bps: {net:.2f}; "
            f"the procedure asks > {line.minimum:g}"
        )
    beside = {"as_rate": "as_null", "sharpe": "sharpe_se"}.get(line.metric)
    other = None if beside is None or line.divided_by else _number(beside, evidence.get(beside))[0]
    if other is None:
        return ""
    if line.metric == "sharpe":
        return f"standard error {other:.2f}"
    return f"{quantity(other, 'share')} at random times: excess {100 * (value - other):+.1f} points"


def _missing(lines: tuple[CriterionResult, ...], more: float | None) -> tuple[str, ...]:
    named = [f"{more:.1f} more hours of evidence"] if more else []
    if more is None:
        named.append("hours of evidence")
    for line in lines:
        if line.verdict == "NO_DATA":
            named.append(line.title)
        elif line.verdict == "NOT_YET" and line.fail is None and line.value is not None:
            short = abs((line.bound or 0.0) - line.value)
            named.append(f"{quantity(short, line.unit)} more {lowered(line.title)}")
    return tuple(named)
