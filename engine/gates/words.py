"""A verdict in one sentence, with numbers a desk can read aloud."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from engine.gates.verdict import CriterionResult, Outcome
from engine.thresholds.gate import Tier

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
    >>> quantity(-0.04, "bps")  # nothing is less than nothing by less than it shows
    '0.0 bps'
    >>> quantity(1.62e9, "usd"), quantity(999.0, "usd")
    ('$1.62B', '$999')
    """
    if unit == "share":
        return f"{100 * value:.4g} %"
    if unit == "usd":
        return _dollars(value)
    if unit == "x":
        return f"{value:z.1f}x"
    if unit in ("count", "fills", "orders", "days"):
        return f"{value:g}"  # the title says what is counted
    return f"{value:z.2f}" if unit == "ratio" else f"{value:z.1f} {unit}"


def number(value: float, unit: str) -> str:
    """Return a number as `quantity` does, where its unit stands elsewhere.

    >>> number(5.94, "bps"), number(0.405, "share")
    ('5.9', '40.5 %')
    """
    return quantity(value, unit).removesuffix(f" {unit}")


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
    return f"{title} {measured(result)}{held}"


def measured(result: CriterionResult) -> str:
    """Return a line's value, with its bounds where there are any."""
    return f"{_said(result.value, result.unit)} {bounds(result)}".strip()


def bounds(result: CriterionResult) -> str:
    """Return a line's bounds in the unit of its value; empty where there are none."""
    if result.lo is None or result.hi is None:
        return ""
    return f"[{number(result.lo, result.unit)}, {number(result.hi, result.unit)}]"


def row(result: CriterionResult) -> dict[str, str]:
    """Return one criterion as a row of a table: what was measured, what was needed."""
    return {
        "criterion": result.title or result.metric,
        "measured": measured(result),
        "needed": needed(result, "minimum", result.bound),
        "target": needed(result, "target", result.target),
        "verdict": _both(result.verdict, result.literal),
        "note": result.note,
    }


def _both(outcome: Outcome, literal: Outcome | None) -> str:
    """Return an outcome, and what the values alone would have said where that is another."""
    said = outcome.replace("_", " ")
    if literal in (None, outcome):
        return said
    return f"{said} (by the values alone {literal.replace('_', ' ')})"


def needed(result: CriterionResult, tier: Tier, at: float | None) -> str:
    """Return what reaches a tier of a line that lies at `at`; what fails lies on its other side."""
    better = result.direction
    if tier == "fail":
        better = "lower" if better == "higher" else "higher"
    return _said(at, result.unit, _SIGNS[better, tier in result.inclusive])


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
    max_hours: float | None = None,
    fills_per_hour: float | None = None,
    exhausted: bool = False,
) -> str:
    """Return the verdict as one sentence, and beside a NOT_YET what waiting may bring.

    Parameters
    ----------
    outcome, results
        what is said, and the lines that say it.
    hours, more_hours
        evidence so far, and what is missing of the least that is asked for [h].
    max_hours
        how long paper may run [h]; None where a gate has no end.
    fills_per_hour
        of the evidence so far [1/h]: forecasts suppose that it stays so.
    exhausted
        whether that longest time is used up without a decision either way.
    """
    head = outcome.replace("_", " ") + (f" after {hours:.1f} h" if hours is not None else "")
    body = "; ".join(line(result) for result in _speaking(outcome, results, exhausted))
    if hours is None and outcome == "NO_DATA":
        body = "no hours of evidence"
    tail = ""
    if outcome == "NOT_YET":
        tail = _waiting(results, more_hours, max_hours, fills_per_hour)
    if exhausted:
        tail = "; the longest time is used up, so a person chooses to extend, retune or drop"
    if outcome == "PASS":
        tail = ", and every other line holds" if len(results) > 1 else ""
    return f"{head}: {body or 'nothing was measured'}{tail}."


def _waiting(
    results: Sequence[CriterionResult],
    more_hours: float | None,
    max_hours: float | None,
    fills_per_hour: float | None,
) -> str:
    """Return how long it will take: what is asked for anyway, and what the lines would need."""
    parts = [f"; needs {more_hours:.1f} more hours"] if more_hours else []
    unsure = [r for r in results if r.verdict == "NOT_YET" and is_forecast(r)]
    if unsure:
        parts.append(f"; {_forecast(unsure, fills_per_hour)}")
    if max_hours is not None:
        parts.append(f". Paper ends after {max_hours / 24:g} d")
    return "".join(parts)


def is_forecast(result: CriterionResult) -> bool:
    """Return whether it is known how long a line would take: with neither, nothing is known yet."""
    return result.lo is not None or result.more_hours is not None


def hours_if_true(result: CriterionResult) -> float | None:
    """Return how many more hours a line would take if its value is the truth; None for never.

    Its bounds may clear the fail tier one day, but a value short of the bar is short for ever.
    """
    return result.more_hours if result.label in ("target", "minimum") else None


def _forecast(unsure: Sequence[CriterionResult], fills_per_hour: float | None) -> str:
    """Return how long lines that are not sure yet would take, if their values are the truth.

    A bound never clears a bar that is the truth; where the fail tier lies below the bar, it is
    the fail tier that must be cleared, and no more need be said.
    """
    hours = [hours_if_true(r) for r in unsure]
    if any(h is None for h in hours):
        return "if that is the truth, waiting will not do"
    rate = "" if fills_per_hour is None else f", at {_rate(fills_per_hour)} fills per hour"
    never = any(r.lo is not None and r.fail in (None, r.minimum) for r in unsure)
    return (
        f"about {max(h or 0.0 for h in hours):.0f} more hours if that is the truth{rate}"
        f"{'. If the truth is the bar: never' * never}"
    )


def _rate(per_hour: float) -> str:
    return f"{per_hour:,.0f}" if per_hour >= 10.0 else f"{per_hour:.1f}"


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
