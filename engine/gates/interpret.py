"""What paper results mean, in the procedure's words, where the evidence calls for them."""

from engine.gates.criteria import Evidence, judge_line
from engine.policy import Policy

_READINGS = {
    "as_rate": "High AS rate: the pre-fill toxicity classifier needs tuning, or the asset has "
    "inherently high information asymmetry.",
    "fill_rate": "Low fill rate: the kappa estimate may be too low (spreads too wide), or the "
    "market is too thin.",
    "spread_ratio": "Spread much wider than the market: check whether the staleness multiplier is "
    "active (Binance signals misconfigured?).",
}
_QUIET = "Positive PnL in quiet markets: the strategy captures spread. Good baseline."
_VOLATILE = (
    "Negative PnL in volatile markets: expected, but the magnitude matters. It should be small "
    "relative to spread capture."
)


def interpret(evidence: Evidence, policy: Policy) -> tuple[str, ...]:
    """Return the readings that apply, in the procedure's order.

    A losing ``pnl_hour_mean`` beside a positive ``edge_bps`` is read as the volatile market's: the
    spread was earned and the inventory moved against us.
    """
    readings = _pnl(evidence)
    for line in policy.paper.validation.criteria:
        if line.metric in _READINGS and judge_line(line, evidence).label in ("between", "fail"):
            readings.append(_READINGS[line.metric])
    return tuple(readings)


def _pnl(evidence: Evidence) -> list[str]:
    pnl, edge = evidence.get("pnl_hour_mean"), evidence.get("edge_bps")
    if pnl is None or pnl != pnl:
        return []
    if pnl > 0:
        return [_QUIET]
    return [_VOLATILE] if pnl < 0 and (edge or 0.0) > 0 else []
