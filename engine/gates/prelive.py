"""The pre-live checklist: nine lines before any capital is at risk.

Code ticks what it can check. What only a person can know is marked so, and the person confirms it
with the approval; an open line keeps the gate shut.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from engine.config import MakerConfig
from engine.gates.verdict import Outcome, Verdict, worst
from engine.policy import Policy
from engine.record import source_hash

Status = Literal["ticked", "open", "person"]
Verdicts = Mapping[str, Verdict | Mapping[str, Any]]  # gate to its latest verdict


class ChecklistItem(BaseModel):
    """One line of a checklist: the procedure's text, whether it holds, and by which evidence."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    status: Status
    evidence: str


def prelive_checklist(
    config: MakerConfig,
    expected: MakerConfig,
    verdicts: Verdicts,
    *,
    available_margin_usd: float | None = None,
) -> tuple[ChecklistItem, ...]:
    """Evaluate the nine lines.

    Parameters
    ----------
    config
        What the engine runs with.
    expected
        What `derive_config` gives today for the same request and the newest facts.
    verdicts
        The latest verdict of each gate: ``validation`` and ``loops`` are read.
    available_margin_usd
        Free margin of the account; None where the account is not reachable.
    """
    return (
        _duration(verdicts.get("validation")),
        _gate("All validation criteria met", verdicts.get("validation")),
        _gate("All three feedback loops verified", verdicts.get("loops")),
        _kill(config, expected),
        _signals(config, expected),
        _profile(config, expected),
        _margin(config, expected),
        _funds(config, available_margin_usd),
        _token(config, available_margin_usd),
    )


def judge_prelive(
    items: tuple[ChecklistItem, ...],
    policy: Policy,
    *,
    asset: str,
    ts_ns: int,
    config_hash: str | None = None,
    code_version: str | None = None,
    tape_hash: str | None = None,
) -> Verdict:
    """Return PASS when no line is open; a person's lines are confirmed by the approval."""
    still_open = tuple(item.text for item in items if item.status == "open")
    asked = [item.text for item in items if item.status == "person"]
    outcomes: list[Outcome] = ["NOT_YET" if item.status == "open" else "PASS" for item in items]
    outcome = worst(outcomes)
    words = f"NOT YET: still open: {'; '.join(still_open)}."
    if outcome == "PASS":
        confirm = f" A person confirms: {'; '.join(asked)}." if asked else ""
        words = f"PASS: {len(items) - len(asked)} of {len(items)} lines are ticked.{confirm}"
    return Verdict(
        gate="prelive",
        asset=asset,
        verdict=outcome,
        criteria=(),
        hours=None,
        hours_needed=0.0,
        more_hours=None,
        missing=still_open,
        words=words,
        policy_hash=policy.hash,
        config_hash=config_hash,
        code_version=code_version or source_hash(),
        tape_hash=tape_hash,
        ts_ns=ts_ns,
    )


def field(verdict: Verdict | Mapping[str, Any] | None, name: str) -> Any:
    """Return a field of a verdict, whether it is the model or a stored row; None where absent."""
    if verdict is None:
        return None
    return verdict.get(name) if isinstance(verdict, Mapping) else getattr(verdict, name)


def tick(text: str, holds: bool, evidence: str) -> ChecklistItem:
    """Return a line that code has checked."""
    return ChecklistItem(text=text, status="ticked" if holds else "open", evidence=evidence)


def _duration(verdict: Verdict | Mapping[str, Any] | None) -> ChecklistItem:
    hours, needed = field(verdict, "hours"), field(verdict, "hours_needed")
    text = "Paper trading ran for minimum duration"
    if hours is None or needed is None:
        return tick(text, False, "no validation verdict with hours of evidence")
    return tick(text, hours >= needed, f"{hours:.1f} h of paper, {needed:g} h needed")


def _gate(text: str, verdict: Verdict | Mapping[str, Any] | None) -> ChecklistItem:
    passed = field(verdict, "verdict") == "PASS"
    return tick(text, passed, field(verdict, "words") or "not judged yet")


def _kill(config: MakerConfig, expected: MakerConfig) -> ChecklistItem:
    limit = config.kill_fraction * config.capital_usd
    said = f"{100 * config.kill_fraction:g} % a day, ${limit:,.0f} of ${config.capital_usd:,.0f}"
    holds = config.kill_fraction <= expected.kill_fraction
    asked = "" if holds else f"; the tier is {100 * expected.kill_fraction:g} %"
    return tick("Kill switch thresholds configured for capital size", holds, said + asked)


def _signals(config: MakerConfig, expected: MakerConfig) -> ChecklistItem:
    text = "Binance signal flags correct (use_lead_lag, use_cross_venue)"
    said = f"both on, {config.signals.symbol}" if config.signals else "both off, no pair"
    return tick(text, config.signals == expected.signals, said)


def _profile(config: MakerConfig, expected: MakerConfig) -> ChecklistItem:
    said = f"{config.profile}; {expected.profile} is what the asset's type or the operator asks for"
    return tick("Spread profile matches asset type", config.profile == expected.profile, said)


def _margin(config: MakerConfig, expected: MakerConfig) -> ChecklistItem:
    text = "For HIP-3: DEX name, isolated margin, collateral verified"
    dex = config.asset.rpartition(":")[0]
    if not dex:
        return tick(text, config.collateral == expected.collateral, "not a HIP-3 asset")
    holds = config.isolated and config.collateral == expected.collateral
    said = f"dex {dex}, isolated ${config.isolated_margin_usd:,.0f}, {config.collateral}"
    return tick(text, holds, said)


def _funds(config: MakerConfig, available_usd: float | None) -> ChecklistItem:
    text = "Account has sufficient funds deposited on Hyperliquid"
    if available_usd is None:
        return ChecklistItem(text=text, status="person", evidence="the account is not reachable")
    said = f"${available_usd:,.2f} free, ${config.capital_usd:,.2f} to allocate"
    return tick(text, available_usd >= config.capital_usd, said)


def _token(config: MakerConfig, available_usd: float | None) -> ChecklistItem:
    text = "For HIP-3: collateral token deposited (USDE/USDH/USDC as appropriate)"
    if ":" not in config.asset:
        return tick(text, True, "not a HIP-3 asset")
    if available_usd is None:
        said = f"{config.collateral} on the dex: the account is not reachable"
        return ChecklistItem(text=text, status="person", evidence=said)
    said = f"${available_usd:,.2f} free in {config.collateral}"
    return tick(text, available_usd >= config.capital_usd, said)
