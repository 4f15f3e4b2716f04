"""A verdict in one sentence, with numbers a desk can read aloud."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from engine.gates.verdict import CriterionResult, Outcome

_SIGNS = {
    ("higher", False): ">",
    ("higher", True): "≥",
    ("lower", False): "<",
    ("lower", True): "≤",
}


def quantity(value: float, unit: str) -> str:
    """Return a number with its unit.

    >>> quantity(0.405, "share"), quantity(5.94, "bps"), quantity(1_250_000.0, "usd")
    ('40.5 %', '5.9 bps', '$1.25M')
    >>> quantity(3.0, "x"), quantity(8.0, "fills/h"), quantity(0.0, "count")
    ('3.0x', '8.0 fills/h', '0')
    >>> quantity(1.62e9, "usd"), quantity(999.0, "usd")
    ('$1.62B', '$999')
    """
    if unit == "share":
        return f"{100 * value:.4g} %"
    if unit == "usd":
        return _dollars(value)
    if unit == "x":
        return f"{value:.1f}x"
    if unit in ("count", "fills", "orders", "days"):
        return f"{value:g}"  # the title says what is counted
    return f"{value:.2f}" if unit == "ratio" else f"{value:.1f} {unit}"


def _dollars(value: float) -> str:
    for size, letter in ((1e9, "B"), (1e6, "M")):
        if abs(value) >= size:
            return f"${value / size:.3g}{letter}"
    return f"${value:,.0f}"


def line(result: CriterionResult) -> str:
    """Return one criterion in words: what was measured, against what.

    The number decides the tier that is named: the fail tier where it was crossed, else the bar.
    """
    title = lowered(result.title or result.metric)
    if result.verdict == "ERROR":
        return f"{title}: {result.note}"
    if result.value is None:
        return f"no {title}"
    tier, at = ("fail tier", result.fail) if result.label == "fail" else ("bar", result.bound)
    held = "" if at is None else f" against a {tier} of {quantity(at, result.unit)}"
    return f"{title} {quantity(result.value, result.unit)}{_bounds(result)}{held}"


def _bounds(result: CriterionResult) -> str:
    if result.lo is None or result.hi is None:
        return ""
    lo, hi = quantity(result.lo, result.unit), quantity(result.hi, result.unit)
    return f" [{lo.removesuffix(f' {result.unit}')}, {hi.removesuffix(f' {result.unit}')}]"


def row(result: CriterionResult) -> dict[str, str]:
    """Return one criterion as a row of a table: what was measured, what was needed."""
    return {
        "criterion": result.title or result.metric,
        "measured": _said(result.value, result.unit) + _bounds(result),
        "needed": _said(result.bound, result.unit, _sign(result, "minimum")),
        "target": _said(result.target, result.unit, _sign(result, "target")),
        "verdict": _both(result.verdict, result.literal),
        "note": result.note,
    }


def _both(outcome: Outcome, literal: Outcome | None) -> str:
    """Return an outcome, and what the values alone would have said where that is another."""
    said = outcome.replace("_", " ")
    if literal in (None, outcome):
        return said
    return f"{said} (by the values alone {literal.replace('_', ' ')})"


def _sign(result: CriterionResult, tier: str) -> str:
    return _SIGNS[result.direction, tier in result.inclusive]


def _said(value: float | None, unit: str, sign: str = "") -> str:
    return "–" if value is None else f"{sign} {quantity(value, unit)}".strip()


def lowered(title: str) -> str:
    """Return a title as it stands inside a sentence.

    >>> lowered("Fill rate"), lowered("PnL over its standard error"), lowered("OI cap")
    ('fill rate', 'PnL over its standard error', 'OI cap')
    """
    return title if title[1:3].lower() != title[1:3] else title[:1].lower() + title[1:]


def sentence(
    outcome: Outcome,
    results: Sequence[CriterionResult],
    *,
    hours: float | None,
    more_hours: float | None,
    exhausted: bool = False,
) -> str:
    """Return the verdict as one sentence.

    `exhausted` says that the longest time allowed is used up without a decision either way.
    """
    head = outcome.replace("_", " ") + (f" after {hours:.1f} h" if hours is not None else "")
    body = "; ".join(line(result) for result in _speaking(outcome, results, exhausted))
    if hours is None and outcome == "NO_DATA":
        body = "no hours of evidence"
    tail = f"; needs {more_hours:.1f} more hours" if outcome == "NOT_YET" and more_hours else ""
    if outcome == "NOT_YET" and not more_hours:
        tail = _forecast(results)
    if exhausted:
        tail = "; the longest time is used up, so a person chooses to extend, retune or drop"
    if outcome == "PASS":
        tail = ", and every other line holds" if len(results) > 1 else ""
    return f"{head}: {body or 'nothing was measured'}{tail}."


def _forecast(results: Sequence[CriterionResult]) -> str:
    """Return how long the lines that are not sure yet would take, if their values are the truth."""
    waiting = [r for r in results if r.verdict == "NOT_YET" and r.lo is not None]
    hours = [r.more_hours for r in waiting]
    if not waiting:
        return ""
    if any(h is None for h in hours):
        return "; if that is the truth, waiting will not do"
    return f"; about {max(h or 0.0 for h in hours):.0f} more hours if that is the truth"


def band(evidence: Mapping[str, Any]) -> str:
    """Return what kinder fill models make of the same hours; empty where none ran beside.

    >>> band({"edge_bps": 3.1, "edge_realistic_bps": 3.64, "edge_optimistic_bps": 4.0})
    'Edge by fill model: pessimistic 3.1 bps (judged), realistic 3.6 bps, optimistic 4.0 bps.'
    """
    names = {
        "pessimistic": "edge_bps",
        "realistic": "edge_realistic_bps",
        "optimistic": "edge_optimistic_bps",
    }
    found = {name: evidence.get(column) for name, column in names.items()}
    if any(value is None for value in found.values()):
        return ""
    told = [f"{name} {value:.1f} bps" for name, value in found.items()]
    return f"Edge by fill model: {told[0]} (judged), {told[1]}, {told[2]}."


def _speaking(
    outcome: Outcome, results: Sequence[CriterionResult], exhausted: bool
) -> Iterable[CriterionResult]:
    """Return the lines worth saying: those that decide, else the first of the gate."""
    wanted: Outcome = "NOT_YET" if exhausted else outcome
    deciding = [result for result in results if result.verdict == wanted]
    if outcome == "PASS" or not deciding:
        return results[:1]
    return deciding[:4]
