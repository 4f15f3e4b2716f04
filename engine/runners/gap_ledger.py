"""The gap an asset shows between paper and live: looked at, kept once an attempt, read by gates."""

from engine.gates.bounds import Bounds
from engine.gates.haircut import Haircut, Measured, haircut, measured_gap
from engine.onboarding import audit, ledger
from engine.onboarding.audit import Entry
from engine.onboarding.stages import engine_mode
from engine.onboarding.store import AssetState
from engine.runners.judging import usable
from engine.store.home import Home
from engine.store.metrics import Metrics
from engine.thresholds.paper import PaperPolicy


def haircut_for(home: Home, state: AssetState, policy: PaperPolicy, now_ns: int) -> Haircut:
    """Return what the asset's paper edge must clear, from what was measured before `now_ns`.

    A live asset is told what it had to clear: its own gap, and others' since, excuse nothing.
    """
    with Metrics.open(home) as metrics:
        passed = _passed(metrics, state) if engine_mode(state.stage) == "live" else None
        known = ledger.read(metrics.con, passed.ts_ns if passed else now_ns)
    return haircut(known, policy, state.asset, state.spec.venue)


def live_gap(home: Home, state: AssetState) -> Bounds | None:
    """Return the gap of an asset so far, from what was ingested; None where it cannot be told.

    It is the edge of the paper run the asset was approved on less that of its present live run.
    """
    with Metrics.open(home) as metrics:
        runs = _runs(metrics, state)
        return runs and _gap(metrics, *runs)


def record_gap(home: Home, state: AssetState, cause: str, now_ns: int) -> Measured | None:
    """Keep the gap of an asset that leaves a live stage.

    The first stage with a day of fills tells, whether the asset left it upwards or not: if only
    those that do well were counted, the gap would look smaller than it is.

    Parameters
    ----------
    state
        where the asset stood before the move.
    cause
        id of the verdict it moved on.

    Returns
    -------
    Measured
        None where there is nothing to keep: it was not live, not for long enough, or this attempt
        is in the ledger already.
    """
    with Metrics.open(home) as metrics:
        runs = _runs(metrics, state)
        if runs is None or ledger.kept(metrics.con, state.asset, state.attempt):
            return None
        gap = _gap(metrics, *runs)
        if gap is None or not gap.se > 0.0:  # hours that are all alike were never lived
            return None
        measured = Measured(
            asset=state.asset,
            attempt=state.attempt,
            venue=state.spec.venue,
            gap_bps=gap.value,
            se_bps=gap.se,
            hours=gap.blocks,
            fills=round(gap.n),
            paper_run=runs[0],
            live_run=runs[1],
            cause=cause,
            ts_ns=now_ns,
        )
        ledger.keep(metrics.con, measured)
        return measured


def _runs(metrics: Metrics, state: AssetState) -> tuple[str, str] | None:
    """Return the paper run this attempt was approved on, and the live run; None if not live."""
    passed = _passed(metrics, state)
    if engine_mode(state.stage) != "live" or state.run is None or passed is None:
        return None
    return passed.body["run"], state.run


def _passed(metrics: Metrics, state: AssetState) -> Entry | None:
    """Return the move on which this attempt has passed validation; None if it has not."""
    entries = audit.read(metrics.con, state.asset)
    moves = [e for e in entries if e.kind == "transition" and e.body["from"] == "validation"]
    into = [m for m in moves if (m.body["to"], m.body["attempt"]) == ("prelive", state.attempt)]
    return into[-1] if into else None


def _gap(metrics: Metrics, paper: str, live: str) -> Bounds | None:
    return measured_gap(*(usable(metrics.query("evidence_blocks", run=r)) for r in (paper, live)))
