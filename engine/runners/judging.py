"""Which judge speaks for which stage, and what it is shown.

Gates know nothing of derivation or of stages; here the three meet, once.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.config import MakerConfig
from engine.derive.auto_derive import Derived
from engine.derive.decisions import asset_classes, derive_config, paper_duration
from engine.derive.facts import MarketFacts
from engine.gates.bounds import attempt_alpha
from engine.gates.certainty import Blocks, Certainty, certain
from engine.gates.criteria import bar, judge
from engine.gates.haircut import Haircut
from engine.gates.haircut import haircut as haircut_of
from engine.gates.loops import judge_loops
from engine.gates.prelive import ChecklistItem, judge_prelive, prelive_checklist
from engine.gates.verdict import CriterionResult, Verdict
from engine.gates.words import band
from engine.onboarding.stages import engine_mode
from engine.onboarding.store import AssetState
from engine.policy import Policy
from engine.record import source_hash
from engine.thresholds.gate import GatePolicy

if TYPE_CHECKING:
    import polars as pl

LOSS_SHARE = 0.5  # of an hour's part of the daily loss limit: more is no profit, whatever its noise


class Shown(NamedTuple):
    """What an engine has shown: the store's ``evidence``, and its ``evidence_blocks``."""

    values: Mapping[str, Any]
    blocks: "pl.DataFrame"


def market_facts(state: AssetState) -> MarketFacts:
    """Return the facts the asset was found viable by."""
    if state.facts is None:
        raise ValueError(f"{state.asset} has no market facts; judge its viability first")
    return MarketFacts.model_validate(state.facts)


def judge_derivation(
    state: AssetState, policy: Policy, now_ns: int
) -> tuple[Verdict, MakerConfig | None]:
    """Derive the configuration, and say whether the asset can be traded with this capital.

    What cannot be derived (too little capital, unknown collateral) is a FAIL with its reason.
    """
    try:
        config, derived = derive_config(state.spec, market_facts(state), policy)
    except ValueError as error:
        return _derivation(state, policy, now_ns, f"FAIL: {error}", None, None), None
    words = (
        f"PASS: profile {config.profile}, position limit {derived.max_position:.6g} coins, "
        f"smallest order {derived.min_order:.6g}, gamma {config.gamma:g}, {config.levels} levels a "
        f"side, kill switch at {config.kill_fraction:.0%}."
    )
    return _derivation(state, policy, now_ns, words, config, derived), config


def judge_stage(
    state: AssetState,
    shown: Shown,
    extensions: int,
    policy: Policy,
    now_ns: int,
    haircut: Haircut | None = None,
) -> Verdict:
    """Judge the gate of a stage in which an engine trades.

    Parameters
    ----------
    shown
        of the run that trades.
    extensions
        how often a person has chosen to extend validation in this attempt.
    haircut
        what validation's edge must clear beside its minimum; None where no gap was measured.
    """
    about: dict[str, Any] = {
        "asset": state.asset,
        "ts_ns": now_ns,
        "config_hash": state.config.fingerprint() if state.config else None,
        "code_version": source_hash(),
    }
    evidence = shown.values
    hours = evidence["hours"]
    if state.stage == "paper":
        return judge_loops(evidence, 60 * (hours or 0.0), policy, **about)
    haircut = haircut or haircut_of((), policy.paper, state.asset, state.spec.venue)
    gate = _validation(state, extensions, policy, haircut)
    if state.stage.startswith("ramp_"):
        gate = policy.ramp.phase(state.stage).gate
    sure = _certain(state, gate, shown.blocks)
    verdict = judge(gate, evidence, hours=hours, certain=sure, policy_hash=policy.hash, **about)
    said = [verdict.words, band(evidence)]
    said += [_bar_in_words(gate, haircut)] if engine_mode(state.stage) == "paper" else []
    return verdict.model_copy(update={"words": " ".join(words for words in said if words)})


def _certain(state: AssetState, gate: GatePolicy, blocks: "pl.DataFrame") -> dict[str, Certainty]:
    """Return what the hours make sure of; a retried asset must be surer with every attempt.

    Only to leave paper: that each attempt costs certainty there bounds how often a bad asset gets
    live, and the phases of the ramp need not ask for it again.
    """
    kill = state.config.kill_fraction if state.config else 0.0
    live = engine_mode(state.stage) == "live"
    alpha = gate.alpha if live else attempt_alpha(gate.alpha, state.attempt)
    return certain(gate, usable(blocks), alpha, pnl_floor=-LOSS_SHARE * kill / 24)


def usable(blocks: "pl.DataFrame") -> Blocks:
    """Return the columns of the hours that count: over, warm, and without a gap."""
    return columns(blocks.filter(blocks["whole"] & blocks["warm"] & ~blocks["gap"]))


def columns(blocks: "pl.DataFrame") -> Blocks:
    """Return the columns of hours, as numbers."""
    return {
        name: blocks[name].to_numpy().astype(float)
        for name, kind in blocks.schema.items()
        if kind.is_numeric()
    }


def judge_checklist(
    state: AssetState, verdicts: Mapping[str, Mapping[str, Any]], policy: Policy, now_ns: int
) -> tuple[Verdict, tuple[ChecklistItem, ...]]:
    """Judge the pre-live checklist from the newest verdict of every gate, by name."""
    facts = market_facts(state)
    expected, _ = derive_config(state.spec, facts, policy)
    config = state.config or expected
    margin = facts.available_margin_usd
    items = prelive_checklist(config, expected, verdicts, available_margin_usd=margin)
    return judge_prelive(
        items,
        policy,
        asset=state.asset,
        ts_ns=now_ns,
        config_hash=config.fingerprint(),
        code_version=source_hash(),
    ), items


def _validation(state: AssetState, extensions: int, policy: Policy, haircut: Haircut) -> GatePolicy:
    facts = market_facts(state)
    gate = policy.paper.validation_for(asset_classes(facts, policy), haircut.bps)
    return gate.extended(extensions * paper_duration(facts, policy).min_hours)


def _bar_in_words(gate: GatePolicy, haircut: Haircut) -> str:
    """Return where the bar of the lines that live takes away from comes from."""
    return " ".join(
        f"{line.title} bar {bar(line):g} = {line.minimum:g} + {haircut.words}."
        for line in gate.criteria
        if line.less_haircut
    )


def _derivation(
    state: AssetState,
    policy: Policy,
    now_ns: int,
    words: str,
    config: MakerConfig | None,
    derived: Derived | None,
) -> Verdict:
    line = (
        None
        if derived is None
        else CriterionResult(
            metric="max_position",
            title="Position limit over the smallest order",
            unit="coins",
            value=derived.max_position,
            direction="higher",
            minimum=derived.min_order,
            bound=derived.min_order,
            verdict="PASS",
            label="minimum",
        )
    )
    return Verdict(
        gate="derive",
        asset=state.asset,
        verdict="FAIL" if line is None else "PASS",
        criteria=() if line is None else (line,),
        hours=None,
        hours_needed=0.0,
        more_hours=None,
        words=words,
        policy_hash=policy.hash,
        config_hash=config.fingerprint() if config else None,
        code_version=source_hash(),
        ts_ns=now_ns,
    )
