"""A verdict as rows of text, the same in every medium: terminal, web page, artifact."""

from engine.gates.interpret import interpret
from engine.gates.verdict import CriterionResult, Outcome, Verdict
from engine.gates.words import bounds, hours_if_true, is_forecast, needed, quantity
from engine.policy import load_policy

NOTHING = "–"


def rows(verdict: Verdict) -> list[dict[str, str]]:
    """Return the criteria of a verdict, one row each, by the names of their columns."""
    return [_row(line) for line in verdict.criteria]


def said(outcome: Outcome | None) -> str:
    """Return an outcome as it is read.

    >>> said("NOT_YET"), said(None)
    ('NOT YET', '–')
    """
    return NOTHING if outcome is None else outcome.replace("_", " ")


def about(verdict: Verdict) -> str:
    """Return what the verdict rests on and how much of it was asked for, in words."""
    if verdict.hours is None:
        return ""
    asked = f", {verdict.hours_needed:g} h needed" if verdict.hours_needed else ""
    return f"{verdict.hours:,.1f} h of evidence{asked}"


def readings(verdict: Verdict) -> tuple[str, ...]:
    """Return what the procedure reads from paper's values, while its policy is the one in force."""
    if verdict.gate != "validation" or verdict.policy_hash != (policy := load_policy()).hash:
        return ()
    return interpret({line.metric: line.value for line in verdict.criteria}, policy)


def hashes(verdict: Verdict) -> dict[str, str]:
    """Return what the verdict was made from, by name; what there was none of is left out."""
    named = {
        "policy": verdict.policy_hash,
        "config": verdict.config_hash,
        "code": verdict.code_version,
        "tape": verdict.tape_hash,
    }
    return {name: value for name, value in named.items() if value}


def forecast(line: CriterionResult) -> str:
    """Return how much longer a line that is not sure yet would take if its value is the truth."""
    if line.verdict != "NOT_YET" or not is_forecast(line):
        return NOTHING
    more = hours_if_true(line)
    hours = "never" if more is None else f"about {more:,.0f} more hours"
    return f"{hours}, if this is the truth"


def _row(line: CriterionResult) -> dict[str, str]:
    return {
        "criterion": line.title or line.metric,
        "value": NOTHING if line.value is None else quantity(line.value, line.unit),
        "bounds": bounds(line) or NOTHING,
        "bar": needed(line, "minimum", line.bound),
        "verdict": said(line.verdict),
        "value alone": said(line.literal or line.verdict),
        "forecast": forecast(line),
        "minimum": needed(line, "minimum", line.minimum),
        "target": needed(line, "target", line.target),
        "fail": needed(line, "fail", line.fail),
        "note": line.note,
    }
