"""What a gate says: one outcome, the criteria behind it, and a sentence a desk would use."""

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict, FiniteFloat

Outcome = Literal["PASS", "FAIL", "NOT_YET", "NO_DATA", "ERROR"]
Asks = Literal["advance", "stay", "hold", "step_down", "paper"]
Label = Literal["target", "minimum", "between", "fail", "no data"]

# A gate is an intersection of criteria, so the worst one speaks for it. FAIL comes first because a
# market that fails one line cannot be saved by the line we could not read.
_WORST_FIRST: tuple[Outcome, ...] = ("FAIL", "ERROR", "NO_DATA", "NOT_YET", "PASS")


class CriterionResult(BaseModel):
    """One line of a gate: a measured value held against its bound.

    `bound` is the number the value is held against: the minimum, or the minimum plus the haircut,
    which raises the target as well.
    `lo` and `hi` are bounds that hold whenever one looks, `literal` what the line says without
    them, `more_hours` how much longer it would take if the value is the truth; where there are any.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str
    title: str = ""
    unit: str
    value: FiniteFloat | None
    direction: Literal["higher", "lower"]
    minimum: FiniteFloat | None
    target: FiniteFloat | None = None
    fail: FiniteFloat | None = None
    bound: FiniteFloat | None
    inclusive: tuple[str, ...] = ()  # tiers that the number itself reaches
    lo: FiniteFloat | None = None
    hi: FiniteFloat | None = None
    verdict: Outcome
    literal: Outcome | None = None
    more_hours: FiniteFloat | None = None
    label: Label
    note: str = ""


class Verdict(BaseModel):
    """A gate's answer about one asset at one moment, with everything needed to check it again.

    `hours` is the evidence behind it, `hours_needed` the gate's minimum, `more_hours` what is
    still missing of that (None where nothing is known), `missing` names the rest. `literal` is the
    procedure's own answer, from the values alone, where more is asked than that. `asks` is what a
    phase of the ramp asks to be done.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    gate: str
    asset: str
    verdict: Outcome
    literal: Outcome | None = None
    criteria: tuple[CriterionResult, ...]
    hours: FiniteFloat | None
    hours_needed: FiniteFloat
    more_hours: FiniteFloat | None
    missing: tuple[str, ...] = ()
    asks: Asks | None = None
    words: str
    policy_hash: str
    config_hash: str | None = None
    code_version: str
    tape_hash: str | None = None
    ts_ns: int

    @property
    def passed(self) -> bool:
        """Whether the gate opens. Everything but PASS leaves it shut."""
        return self.verdict == "PASS"


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """Return the outcome that speaks for all of them; no evidence at all is NO_DATA.

    >>> worst(["PASS", "NOT_YET"])
    'NOT_YET'
    >>> worst(["NO_DATA", "FAIL", "ERROR"])
    'FAIL'
    >>> worst([])
    'NO_DATA'
    """
    seen = set(outcomes)
    for outcome in _WORST_FIRST:
        if outcome in seen:
            return outcome
    return "NO_DATA"
