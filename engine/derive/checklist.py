"""The procedure's final checklist: fourteen lines, each with the evidence that ticks it."""

from collections.abc import Mapping
from typing import Any

from engine.gates.prelive import ChecklistItem, Status, Verdicts, field, tick

_LIVE = ("ramp_25", "ramp_50", "ramp_75", "ramp_100")
_OFF = "not onboarded yet"


def checklist(state: Mapping[str, Any], verdicts: Verdicts) -> tuple[ChecklistItem, ...]:
    """Return the fourteen lines of the procedure's checklist.

    Parameters
    ----------
    state
        The onboarding state as plain data: ``stage``, ``facts`` and ``config`` (tables, or None),
        ``others`` (how many other assets are onboarded).
    verdicts
        The latest verdict of each gate and each review, by its name.
    """
    config: Mapping[str, Any] | None = state.get("config")
    facts: Mapping[str, Any] | None = state.get("facts")
    return (
        _judged("Viability analysis complete (volume, spread, leverage, Binance pair)", verdicts),
        _told("SpreadProfile selected (Default / Hip3 / Aggressive)", config, _profile),
        _told("auto_derive produces viable config (max_position >= min_order)", config, _sizes),
        _flags(config, facts),
        _told("Kill switch thresholds scaled to capital", config, _kill),
        _hip3(config),
        _hours(verdicts.get("validation")),
        _passed(
            "All validation criteria met (edge, fill rate, AS rate, Sharpe)",
            verdicts.get("validation"),
        ),
        _passed(
            "All three feedback loops verified (kappa, AS, calibration)", verdicts.get("loops")
        ),
        _live(str(state.get("stage") or "")),
        _told("Capital ramp schedule planned (25% -> 50% -> 75% -> 100%)", config, _ramp),
        _review("Day 1 continuous monitoring planned", verdicts.get("day_1")),
        _review("Week 1 daily review scheduled", verdicts.get("week_1")),
        _portfolio(state),
    )


def _judged(text: str, verdicts: Verdicts) -> ChecklistItem:
    verdict = verdicts.get("viability")
    complete = field(verdict, "verdict") in ("PASS", "FAIL")
    return tick(text, complete, field(verdict, "words") or "not judged yet")


def _passed(text: str, verdict: Any) -> ChecklistItem:
    words = field(verdict, "words") or "not judged yet"
    return tick(text, field(verdict, "verdict") == "PASS", words)


def _told(text: str, config: Mapping[str, Any] | None, say: Any) -> ChecklistItem:
    return tick(text, config is not None, say(config) if config else "not derived yet")


def _profile(config: Mapping[str, Any]) -> str:
    return str(config["profile"]).capitalize()


def _sizes(config: Mapping[str, Any]) -> str:
    return (
        f"max position {config['max_position']:g}, target {config['target_liquidity']:g}, "
        f"{config['levels']} levels a side"
    )


def _kill(config: Mapping[str, Any]) -> str:
    share, capital = config["kill_fraction"], config["capital_usd"]
    return f"{100 * share:g} % of ${capital:,.0f}: ${share * capital:,.0f} a day"


def _ramp(_: Mapping[str, Any]) -> str:
    return ", ".join(_LIVE)


def _flags(config: Mapping[str, Any] | None, facts: Mapping[str, Any] | None) -> ChecklistItem:
    text = "Binance signal flags correct (lead-lag, cross-venue)"
    if config is None or facts is None:
        return tick(text, False, "not derived yet")
    signals, symbol = config.get("signals"), facts.get("binance_symbol")
    on = signals["symbol"] if signals else None
    return tick(text, on == symbol, f"both on, {on}" if on else f"both off, pair: {symbol}")


def _hip3(config: Mapping[str, Any] | None) -> ChecklistItem:
    text = "HIP-3 specifics handled (if applicable): DEX, margin, collateral, risk_model_blend"
    if config is None:
        return tick(text, False, "not derived yet")
    dex = str(config["asset"]).rpartition(":")[0]
    if not dex:
        return tick(text, True, "not a HIP-3 asset")
    holds = config["isolated"] and config["risk_model_blend"] == 1.0
    said = f"dex {dex}, isolated ${config['isolated_margin_usd']:,.0f}, {config['collateral']}"
    return tick(text, holds, f"{said}, risk_model_blend {config['risk_model_blend']:g}")


def _hours(verdict: Any) -> ChecklistItem:
    text = "Paper trading completed for minimum duration"
    hours, needed = field(verdict, "hours"), field(verdict, "hours_needed")
    if hours is None or needed is None:
        return tick(text, False, "no paper evidence yet")
    return tick(text, hours >= needed, f"{hours:.1f} h of paper, {needed:g} h needed")


def _live(stage: str) -> ChecklistItem:
    return tick("Live deployment at 25% capital", stage in _LIVE, f"stage {stage or _OFF}")


def _review(text: str, verdict: Any) -> ChecklistItem:
    """Tick a review that happens: it has said something, good or bad, and the line says what."""
    words = field(verdict, "words")
    return tick(text, words is not None, words or "not reviewed yet: `gangway up` schedules it")


def _portfolio(state: Mapping[str, Any]) -> ChecklistItem:
    text = "Multi-asset coordination configured (if adding to portfolio)"
    others = state.get("others")
    if others == 0:
        return tick(text, True, "the only asset")
    status: Status = "person"
    said = "not known" if others is None else f"{others} other assets are onboarded"
    return ChecklistItem(text=text, status=status, evidence=said)
