"""What the ramp is ruled by, read from the store: where the asset has traded live, and on paper."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from engine.gates.bounds import Bounds
from engine.gates.holds import holding
from engine.gates.live_hours import Hours, Live, Pace, pace
from engine.gates.ramp import rule_on
from engine.gates.verdict import Verdict
from engine.onboarding.audit import Entry
from engine.onboarding.line import stopped
from engine.onboarding.stages import engine_mode, fraction, live_fraction
from engine.onboarding.store import AssetState, OnboardingStore
from engine.policy import Policy
from engine.runners.gap_ledger import haircut_for, live_gap
from engine.runners.judging import Shown, columns, judge_stage, usable
from engine.store.home import Home
from engine.store.metrics import Metrics

if TYPE_CHECKING:
    import polars as pl


class Course(NamedTuple):
    """Where the audit says an asset has traded.

    `paper` is the run it was sent live on, `live` the runs since the last step down, the present
    one included, each with its share of the capital; `step_downs` counts those of all its life.
    """

    paper: str | None
    live: tuple[tuple[str, float], ...]
    step_downs: int


class RampShown(NamedTuple):
    """What the ramp is ruled by beside the evidence of the phase itself."""

    paper: "pl.DataFrame"
    earlier: tuple[tuple["pl.DataFrame", float], ...]
    step_downs: int
    stopped: str
    gap: Bounds | None
    haircut_bps: float


def course(entries: Sequence[Entry]) -> Course:
    """Return where an asset has traded, from its audit."""
    paper: str | None = None
    live: list[tuple[str, float]] = []
    step_downs = 0
    for move in (entry.body for entry in entries if entry.kind == "transition"):
        before, after = live_fraction(move["from"]), live_fraction(move["to"])
        if engine_mode(move["to"]) == "paper":
            paper = move["run"]
        if after <= before:  # down, or off the ramp: the drawdown's clock begins anew
            live = []
        step_downs += 0.0 < after < before
        if after > 0.0:
            live.append((move["run"], after))
    return Course(paper, tuple(live), step_downs)


def read_ramp(home: Home, state: AssetState, policy: Policy, now_ns: int) -> RampShown:
    """Read what was ingested about an asset in the ramp."""
    with Metrics.open(home) as metrics:
        been = course(OnboardingStore(metrics.con).history(state.asset))
        earlier = [(run, share) for run, share in been.live if run != state.run]
        blocks = [(metrics.query("evidence_blocks", run=run), share) for run, share in earlier]
        paper = metrics.query("evidence_blocks", run=been.paper)
        line = stopped(metrics.con)
    haircut = haircut_for(home, state, policy.paper, now_ns)
    gap = live_gap(home, state)
    return RampShown(paper, tuple(blocks), been.step_downs, line, gap, haircut.bps)


def judge_ramp(
    state: AssetState, shown: Shown, ramp: RampShown, policy: Policy, now_ns: int
) -> Verdict:
    """Judge a phase of the ramp: its gate, and what becomes of the asset."""
    sound = shown._replace(blocks=_finite(shown.blocks))
    verdict = judge_stage(state, sound, 0, policy, now_ns)
    if shown.values["kill_triggers"]:  # the ramp has no say any more: a person has
        return verdict
    live = Live(
        earlier=tuple(_hours(blocks, share) for blocks, share in ramp.earlier),
        present=_hours(shown.blocks, fraction(state.stage)),
        paced=_pace(ramp.paper),
        step_downs=ramp.step_downs,
        holds=holding(
            policy.ramp,
            now_ns,
            stopped=ramp.stopped,
            gap=ramp.gap,
            haircut_bps=ramp.haircut_bps,
        ),
        capital_usd=state.spec.capital_usd,
    )
    return rule_on(verdict, state.stage, live, policy.ramp)


def _pace(paper: "pl.DataFrame") -> Pace | None:
    """Return the pace of the hours that count; where paper took minutes, of all there is."""
    counting = paper.filter(paper["whole"])
    return pace(usable(counting) if len(counting) else columns(paper))


def _hours(blocks: "pl.DataFrame", share: float) -> Hours:
    """Return every hour of a run, marked or not: what was lost in it is lost."""
    columns = ("hour", "edge_usd_bps")
    return Hours.of({name: blocks[name].to_numpy().astype(float) for name in columns}, share)


def _finite(blocks: "pl.DataFrame") -> "pl.DataFrame":
    """Return the hours that can be judged; that others cannot is the ramp's to say."""
    names = ("edge_usd_bps", "edge_usd_bps_sq", "notional_usd")
    told: Any = np.array([blocks[name].to_numpy() for name in names], dtype=float)
    return blocks.filter(np.isfinite(told).all(axis=0))
