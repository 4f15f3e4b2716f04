"""What one engine has to say, in rings that the shell drains."""

from typing import Annotated, Any

from engine.actions import Action
from engine.core.markout import HORIZONS
from engine.record import f8, i8, kernel, record

MAX_ACTIONS = 256  # of one step
MAX_FILLS = 8_192
MAX_SAMPLES = 8_192
MAX_JOURNAL = 65_536
ROOM = 256  # rows kept free, more than one step can write


@record
class FillRow:
    """One own fill as booked."""

    seq: i8  # rows are numbered in the order they were said
    ts_ns: i8
    tid: i8
    cloid: i8
    side: i8
    px: f8
    sz: f8
    fee_usd: f8
    mid: f8
    position: f8


@record
class MarkoutRow:
    """What became of one fill, beside what was believed when its order was asked for."""

    seq: i8
    ts_ns: i8
    tid: i8
    cloid: i8
    side: i8
    notional_usd: f8
    fee_bps: f8
    half_spread_bps: f8
    markout_bps: Annotated[f8, HORIZONS]
    p_adverse: f8  # NaN where nothing was believed
    p_base: f8
    expected_edge_bps: f8
    structural_edge_bps: f8
    rl_state: i8
    rl_arm: i8
    rl_propensity: f8
    alpha_bps: f8
    regime: i8
    sigma: f8


@record
class Sample:
    """The state of quoting at one instant; counters run from the start of the session."""

    seq: i8
    ts_ns: i8
    mid: f8
    equity_usd: f8
    position: f8
    own_bid: f8
    own_ask: f8
    mkt_bid: f8
    mkt_ask: f8
    spread_ratio: f8
    quote_s: f8
    live_s: f8
    gap_s: f8
    null_n: i8
    null_adverse: i8
    actions: i8
    filled_orders: i8
    own_fills: i8
    outcomes: i8
    kappa: f8
    kappa_confidence: f8
    as_progress: f8
    kappa_progress: f8
    calibration: f8
    sigma: f8
    spread_usd: f8  # the profit's parts: they add up to equity, the fees taken away
    adverse_usd: f8
    inventory_usd: f8
    fees_usd: f8
    funding_usd: f8
    brier: f8
    brier_base: f8
    skill: f8
    tox_trust: f8
    headroom: f8
    regime: i8
    gamma: f8
    alpha_trust: f8
    alpha_micro_bps: f8
    alpha_flow_bps: f8
    alpha_lead_bps: f8
    alpha_cross_bps: f8
    lead_lag_ms: f8
    lead_lag_significant: i8
    staleness: f8
    pauses: i8


@record
class Output:
    """`actions` are of the last step only; everything else waits to be drained."""

    actions: Annotated[Action, MAX_ACTIONS]
    n_actions: i8
    fills: Annotated[FillRow, MAX_FILLS]
    n_fills: i8
    markouts: Annotated[MarkoutRow, MAX_FILLS]
    n_markouts: i8
    samples: Annotated[Sample, MAX_SAMPLES]
    n_samples: i8
    journal: Annotated[Action, MAX_JOURNAL]
    n_journal: i8
    halted: i8  # reason, once the kill switch has latched
    halted_ns: i8
    halted_seq: i8


@kernel
def next_action(out: Any, ts_ns: int) -> Any:
    """Return the next free action of this step, with its time set."""
    action = out.actions[out.n_actions]
    action.ts_ns = ts_ns
    action.code = 0
    action.px = 0.0
    action.sz = 0.0
    out.n_actions += 1
    return action


@kernel
def has_room(out: Any) -> bool:
    """Return whether another step can write all it may."""
    return (
        out.n_fills < MAX_FILLS - ROOM
        and out.n_markouts < MAX_FILLS - ROOM
        and out.n_samples < MAX_SAMPLES - ROOM
        and out.n_journal < MAX_JOURNAL - ROOM
    )


@kernel
def drained(out: Any) -> None:
    """Forget what the shell has taken."""
    out.n_fills = 0
    out.n_markouts = 0
    out.n_samples = 0
    out.n_journal = 0
