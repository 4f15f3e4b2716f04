"""The procedure's reviews of an asset that trades: which evidence goes to which, and when.

Day 1 looks at the run's last hours, week 1 at the whole run, month 1 at every live run of the
attempt. What they say is recorded beside the gates and moves nothing.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from engine.gates.certainty import Blocks, Certainty, edge_sums
from engine.gates.criteria import Evidence, judge
from engine.gates.reviews import (
    Sums,
    judged_regimes,
    month_outcome,
    month_sums,
    sure_of,
    values,
    week_sums,
)
from engine.gates.verdict import Verdict
from engine.onboarding.audit import Entry
from engine.onboarding.stages import engine_mode, fraction
from engine.onboarding.store import AssetState, OnboardingStore
from engine.policy import Policy
from engine.record import source_hash
from engine.store.home import Home
from engine.store.metrics import Metrics
from engine.thresholds.gate import GatePolicy
from engine.thresholds.monitor import REGIMES, Regime

if TYPE_CHECKING:
    import polars as pl

REVIEWS: Final = ("day_1", "week_1", "month_1")

DAY_H: Final = 24.0
NS_PER_S: Final = 1e9


class _About(NamedTuple):
    """The asset, the policy and the time a review is of."""

    state: AssetState
    policy: Policy
    now_ns: int


def review_asset(
    home: Home, asset: str, policy: Policy, now_ns: int
) -> tuple[AssetState, tuple[Verdict, ...]]:
    """Return where an asset stands, and what day 1, week 1 and month 1 say of it as of now.

    Raises
    ------
    ValueError
        if the asset is not enrolled, or no engine trades it.
    """
    with Metrics.open(home) as metrics:
        metrics.ingest()
        store = OnboardingStore(metrics.con)
        state, entries = store.get(asset), store.history(asset)
        if engine_mode(state.stage) is None or state.run is None:
            raise ValueError(f"asset {asset!r} stands at {state.stage}: no engine trades it")
        about = _About(state, policy, now_ns)
        vitals = metrics.query(
            "vitals", run=state.run, hours=DAY_H, loops_hours=policy.monitor.day_1.loops_hours.value
        ).to_dicts()
        return state, (
            _day(about, metrics, vitals[0] if vitals else {}, _silence_s(home, state.run, now_ns)),
            _week(about, metrics),
            _month(about, metrics, live_runs(entries, state.attempt)),
        )


def due(state: AssetState, entries: Sequence[Entry], verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Return the verdicts to keep: day 1 at every look of a live phase's first day, others daily.

    Days are of evidence, not of the clock, so a review that was late is made up for once.
    """
    said = {
        entry.body["verdict"]["gate"]: entry.body["verdict"]["hours"] or 0.0
        for entry in entries
        if entry.kind == "verdict" and entry.body["version"] == state.version
    }
    return [one for one in verdicts if _is_due(one, engine_mode(state.stage) == "live", said)]


def _is_due(verdict: Verdict, live: bool, said: Mapping[str, float]) -> bool:
    hours, before = verdict.hours or 0.0, said.get(verdict.gate)
    if verdict.gate == "day_1":
        return live and (before is None or before < DAY_H)
    if hours < verdict.hours_needed:
        return False
    return before is None or hours // DAY_H > before // DAY_H


def live_runs(entries: Sequence[Entry], attempt: int) -> list[str]:
    """Return the live runs of an attempt, in the order they began."""
    moves = [entry.body for entry in entries if entry.kind == "transition"]
    return [
        body["run"]
        for body in moves
        if body["attempt"] == attempt and engine_mode(body["to"]) == "live" and body["run"]
    ]


def _silence_s(home: Home, run: str, now_ns: int) -> float | None:
    """Return how old the run's newest row is by this machine's clock [s].

    Market time would not do: a simulated market has its own. A row from the future means that the
    clock was set back, and then nothing is known.
    """
    path = home.spool(run)
    if not path.exists():
        return None
    age_s = (now_ns - path.stat().st_mtime_ns) / NS_PER_S
    return age_s if age_s >= 0.0 else None


def _day(
    about: _About, metrics: Metrics, vitals: Mapping[str, Any], silence_s: float | None
) -> Verdict:
    state, policy = about.state, about.policy
    shown = metrics.query("evidence", run=state.run, since_ns=vitals.get("since_ns")).row(
        0, named=True
    )
    hours = vitals.get("hours")
    evidence = {
        **{name: vitals.get(name) for name in ("kappa_updates", "as_outcomes", "headroom")},
        **{name: shown[name] for name in ("calibration", "kill_triggers", "spread_ratio")},
        "position_share": _position_share(state, vitals.get("largest_position")),
        "silence_s": silence_s,
    }
    gate = policy.monitor.day_1.gate_for(hip3=":" in state.asset)
    return _judge(about, gate, evidence, None if hours is None else min(hours, DAY_H))


def _position_share(state: AssetState, largest: float | None) -> float | None:
    """Return the largest position over the phase's limit; None where one is not known."""
    if largest is None or state.config is None:
        return None
    # a position is a sum of fills, and its last digits are rounding
    return round(largest / (fraction(state.stage) * state.config.max_position), 9)


def _week(about: _About, metrics: Metrics) -> Verdict:
    run, gate = about.state.run, about.policy.monitor.week_1
    shown = metrics.query("evidence", run=run).row(0, named=True)
    judged = _judged(metrics, run)
    told = metrics.query("forecast_blocks", run=run)
    sums = week_sums(_numbers(_joined(judged, told)))
    sums["edge_bps"] = Sums(*edge_sums(_numbers(judged)))
    return _judge(about, gate, values(sums), shown["hours"], sure_of(gate, sums))


def _month(about: _About, metrics: Metrics, runs: Sequence[str]) -> Verdict:
    month = about.policy.monitor.month_1
    if not runs:
        return _judge(about, month.gate_for(()), {}, None, {})
    hours = [metrics.query("evidence", run=run)["hours"].item() for run in runs]
    lived = [one for one in hours if one is not None]
    blocks, regimes = _month_blocks(metrics, runs)
    seen = judged_regimes(regimes, month.regime_fills.value)
    gate = month.gate_for(seen)
    sums = month_sums(blocks, {name: regimes[name] for name in seen})
    evidence = values(sums) | {"regimes": float(len(seen))}
    verdict = _judge(about, gate, evidence, sum(lived) if lived else None, sure_of(gate, sums))
    return _with_steps(verdict, about.policy)


def _month_blocks(metrics: Metrics, runs: Sequence[str]) -> tuple[Blocks, dict[Regime, Blocks]]:
    """Return the judged hours of several runs, one after the other: in all, and by regime."""
    import polars as pl

    judged = [_judged(metrics, run) for run in runs]
    told = [metrics.query("regime_blocks", run=run) for run in runs]
    regimes: dict[Regime, Blocks] = {}
    for level, name in enumerate(REGIMES):
        pairs = zip(judged, told, strict=True)
        each = [_joined(hours, part.filter(pl.col("regime") == level)) for hours, part in pairs]
        regimes[name] = _numbers(pl.concat(each))
    return _numbers(pl.concat(judged)), regimes


def _with_steps(verdict: Verdict, policy: Policy) -> Verdict:
    """Return a month's verdict with the procedure's steps for its outcome."""
    outcome = month_outcome(verdict)
    if outcome is None:
        return verdict
    steps = "; ".join(getattr(policy.monitor.month_1, outcome).steps)
    return verdict.model_copy(update={"words": f"{verdict.words} Proposed: {steps}."})


def _judge(
    about: _About,
    gate: GatePolicy,
    evidence: Evidence,
    hours: float | None,
    certain: Mapping[str, Certainty] | None = None,
) -> Verdict:
    state = about.state
    verdict = judge(
        gate,
        evidence,
        asset=state.asset,
        ts_ns=about.now_ns,
        policy_hash=about.policy.hash,
        config_hash=state.config.fingerprint() if state.config else None,
        code_version=source_hash(),
        hours=hours,
        certain=certain,
    )
    return verdict.model_copy(update={"asks": "stay"})  # so that no move can rest on it


def _judged(metrics: Metrics, run: str | None) -> "pl.DataFrame":
    """Return the hours of a run that count: over, warm, and without a gap."""
    blocks = metrics.query("evidence_blocks", run=run)
    return blocks.filter(blocks["whole"] & blocks["warm"] & ~blocks["gap"])


def _joined(judged: "pl.DataFrame", told: "pl.DataFrame") -> "pl.DataFrame":
    """Return `told` at the judged hours, zero where it says nothing."""
    hours = judged.select("hour")
    return hours.join(told, on="hour", how="left", maintain_order="left").fill_null(0)


def _numbers(frame: "pl.DataFrame") -> Blocks:
    return {
        name: frame[name].to_numpy().astype(float)
        for name, kind in frame.schema.items()
        if kind.is_numeric()
    }
