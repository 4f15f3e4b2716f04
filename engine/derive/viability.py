"""Is the market worth quoting? The criteria table, the red flags and the decision, with its reason.

A red flag rejects. What is borderline, or not yet known well enough, may go to paper but never to
capital: such a market's verdict is not PASS.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from engine.derive.auto_derive import Positive
from engine.derive.facts import MarketFacts
from engine.gates.criteria import judge_line
from engine.gates.verdict import CriterionResult, Outcome, Verdict
from engine.gates.words import line as in_words
from engine.gates.words import quantity
from engine.policy import Policy
from engine.record import source_hash

Decision = Literal["proceed", "paper_only", "reject"]
Status = Literal["ideal", "minimum", "borderline", "red flag", "provisional", "no data"]

_STATUS: dict[str, Status] = {
    "target": "ideal",
    "minimum": "minimum",
    "between": "borderline",
    "fail": "red flag",
    "no data": "no data",
}


class ViabilityRow(BaseModel):
    """One row of the criteria table, as printed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    criterion: str
    measured: str
    minimum: str
    ideal: str
    red_flag: str
    status: Status
    why: str


class ViabilityReport(BaseModel):
    """The viability analysis of one asset."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    asset: str
    capital_usd: Positive
    asset_type: Literal["validator perp", "HIP-3 builder"]
    rows: tuple[ViabilityRow, ...]
    red_flags: tuple[str, ...]
    borderline: tuple[str, ...]
    provisional: bool
    decision: Decision
    reason: str
    verdict: Verdict


def assess(
    facts: MarketFacts, capital_usd: float, policy: Policy, *, code_version: str | None = None
) -> ViabilityReport:
    """Hold a market's facts against the viability table and the five red flags.

    Parameters
    ----------
    facts
        What was observed.
    capital_usd
        The capital meant for it [USD], above 0: the OI cap is read against it.
    code_version
        Hash of the sources; by default of the running ones.

    Returns
    -------
    ViabilityReport
        ``proceed`` goes with PASS, ``reject`` with FAIL, ``paper_only`` with NOT_YET or NO_DATA.
    """
    lines = _lines(facts, policy)
    rows = (*(_row(line, facts, policy) for line in lines), _pair_row(facts, policy))
    flags = _red_flags(facts, capital_usd, lines, policy)
    doubts = tuple(_doubt(line) for line in lines if line.label in ("between", "no data"))
    short = _hours_short(facts, policy)
    outcome, decision = _decide(flags, lines, short)
    reason = _reason(facts.asset, outcome, flags, lines, short)
    return ViabilityReport(
        asset=facts.asset,
        capital_usd=capital_usd,
        asset_type="HIP-3 builder" if facts.is_hip3 else "validator perp",
        rows=rows,
        red_flags=flags,
        borderline=doubts,
        provisional=short > 0,
        decision=decision,
        reason=reason,
        verdict=Verdict(
            gate="viability",
            asset=facts.asset,
            verdict=outcome,
            criteria=lines,
            hours=facts.hours_observed,
            hours_needed=policy.viability.gate.min_hours,
            more_hours=short,
            missing=_missing(lines, short),
            words=reason,
            policy_hash=policy.hash,
            code_version=code_version or source_hash(),
            ts_ns=facts.observed_at_ns,
        ),
    )


def _lines(facts: MarketFacts, policy: Policy) -> tuple[CriterionResult, ...]:
    evidence = facts.model_dump(include={"day_volume_usd", "spread_bps", "max_leverage"})
    if not facts.listed:
        evidence = {}
    return tuple(
        judge_line(line, evidence, young=_young(line.metric, facts, policy))
        for line in policy.viability.gate.criteria
    )


def _young(metric: str, facts: MarketFacts, policy: Policy) -> bool:
    """Return whether a metric rests on less than a day of data; leverage rests on none."""
    hours = {"day_volume_usd": _volume_hours(facts), "spread_bps": facts.hours_observed}
    return hours.get(metric, policy.viability.gate.min_hours) < policy.viability.gate.min_hours


def _volume_hours(facts: MarketFacts) -> float:
    return facts.hours_observed if facts.volume_hours is None else facts.volume_hours


def _hours_short(facts: MarketFacts, policy: Policy) -> float:
    seen = min(facts.hours_observed, _volume_hours(facts))
    return max(0.0, policy.viability.gate.min_hours - seen)


def _red_flags(
    facts: MarketFacts, capital_usd: float, lines: tuple[CriterionResult, ...], policy: Policy
) -> tuple[str, ...]:
    """Return the reasons not to proceed, in the order of the procedure."""
    if not facts.listed:
        return (f"cannot onboard: {facts.asset} is not listed on {facts.source}",)
    flags = [in_words(line) for line in lines if line.verdict == "FAIL"]
    floor = policy.viability.no_pair_volume_usd.value
    thin = facts.day_volume_usd is not None and facts.day_volume_usd < floor
    if thin and facts.binance_symbol is None and not _young("day_volume_usd", facts, policy):
        flags.append(f"no Binance pair and low volume (below {quantity(floor, 'usd')} a day)")
    if facts.delisted:
        flags.append("delisted, or about to be")
    if facts.oi_cap_usd is not None:
        room = facts.oi_cap_usd - (facts.open_interest_usd or 0.0)
        wanted = policy.viability.oi_headroom_capitals.value * capital_usd
        if room < wanted:
            flags.append(
                f"OI cap extremely low: ${max(room, 0.0):,.0f} left under it, "
                f"${wanted:,.0f} wanted for ${capital_usd:,.0f} of capital"
            )
    return tuple(flags)


def _decide(
    flags: tuple[str, ...], lines: tuple[CriterionResult, ...], short: float
) -> tuple[Outcome, Decision]:
    if flags:
        return "FAIL", "reject"
    if any(line.verdict in ("NO_DATA", "ERROR") for line in lines):
        return "NO_DATA", "paper_only"
    if short > 0 or any(line.verdict != "PASS" for line in lines):
        return "NOT_YET", "paper_only"
    return "PASS", "proceed"


def _reason(
    asset: str,
    outcome: Outcome,
    flags: tuple[str, ...],
    lines: tuple[CriterionResult, ...],
    short: float,
) -> str:
    if flags:
        return f"FAIL: do not onboard {asset}: {'; '.join(flags)}."
    if outcome == "PASS":
        return f"PASS: {asset} meets every minimum: {'; '.join(in_words(one) for one in lines)}."
    doubts = "; ".join(_doubt(one) for one in lines if one.label in ("between", "no data", "fail"))
    head = outcome.replace("_", " ")
    if short > 0:
        seen = f"provisional, needs {short:.1f} h more of market data"
        return f"{head}: paper only: {seen}{'; ' + doubts if doubts else ''}."
    kind = "borderline: paper only" if outcome == "NOT_YET" else "paper only"
    return f"{head}: {kind}: {doubts}."


def _doubt(line: CriterionResult) -> str:
    words = in_words(line)
    return f"{words} (a red flag if a full day agrees)" if line.label == "fail" else words


def _missing(lines: tuple[CriterionResult, ...], short: float) -> tuple[str, ...]:
    hours = (f"{short:.1f} h of market data",) if short > 0 else ()
    return hours + tuple(line.title for line in lines if line.value is None)


def _row(line: CriterionResult, facts: MarketFacts, policy: Policy) -> ViabilityRow:
    row = next(one for one in policy.viability.gate.criteria if one.metric == line.metric)
    measured = "not known" if line.value is None else quantity(line.value, line.unit)
    status = _STATUS[line.label]
    if line.value is not None and _young(line.metric, facts, policy):
        measured, status = f"{measured} (provisional)", "provisional"

    def tier(name: Literal["minimum", "target", "fail"], below: str, above: str) -> str:
        value = getattr(row, name)
        sign = (below if name == "fail" else above) + ("=" if name in row.inclusive else "")
        return "-" if value is None else f"{sign} {quantity(value, row.unit)}"

    return ViabilityRow(
        criterion=row.title,
        measured=measured,
        minimum=tier("minimum", "<", ">"),
        ideal=tier("target", "<", ">"),
        red_flag=tier("fail", "<", ">"),
        status=status,
        why=row.why,
    )


def _pair_row(facts: MarketFacts, policy: Policy) -> ViabilityRow:
    """Return the Binance row: a pair is preferred, and its absence alone decides nothing."""
    return ViabilityRow(
        criterion="Binance pair",
        measured=facts.binance_symbol or "none",
        minimum="preferred",
        ideal="required for lead-lag",
        red_flag="none (with low volume)",
        status="ideal" if facts.binance_symbol else "borderline",
        why=policy.viability.binance_pair.why,
    )
