"""The rows an engine may write: one table of columns per kind, read by the spool and the store.

A column marked ``!`` must have a value in every row; any other may be null, because a missing
measurement is null and never a made-up number.
"""

from typing import Final

# type: "i" int64, "f" float64, "s" text, "j" JSON object
_COMMON = "seq:i! run:s! asset:s! mode:s! ts_ns:i!"
_COLUMNS = {
    "fill": "tid:i! cloid:i! side:i! px:f! sz:f! fee_usd:f! mid:f position:f",
    "markout": "tid:i! cloid:i! side:i! notional_usd:f! fee_bps:f! half_spread_bps:f "
    "mk1:f mk5:f mk30:f mk60:f mk300:f "
    # what was said when the order was placed, to be held against what followed
    "p_adverse:f p_base:f expected_edge_bps:f structural_edge_bps:f alpha_bps:f "
    "rl_state:i rl_arm:i rl_propensity:f regime:i sigma:f",
    "sample": "mid:f equity_usd:f! realized_usd:f position:f own_bid:f own_ask:f mkt_bid:f "
    "mkt_ask:f quote_s:f! live_s:f! gap_s:f! null_n:i null_adverse:i actions:i filled_orders:i "
    "own_fills:i outcomes:i kappa:f kappa_confidence:f as_progress:f kappa_progress:f "
    "calibration:f sigma:f spread_ratio:f "
    # where the equity came from: their sum, the fees taken off, is equity_usd
    "spread_usd:f adverse_usd:f inventory_usd:f fees_usd:f funding_usd:f "
    "alpha_micro_bps:f alpha_flow_bps:f alpha_lead_bps:f alpha_cross_bps:f "
    "brier:f brier_base:f skill:f headroom:f regime:i gamma:f alpha_trust:f lead_lag_ms:f "
    "lead_lag_significant:i staleness:f pauses:i tox_trust:f",
    "event": "name:s! body:j",
}


def _parse(text: str) -> dict[str, str]:
    return dict(word.split(":", 1) for word in text.split())


COLUMNS: Final[dict[str, dict[str, str]]] = {
    kind: {name: spec[0] for name, spec in _parse(f"{_COMMON} {text}").items()}
    for kind, text in _COLUMNS.items()
}
"""Column -> type letter, for each kind."""

REQUIRED: Final[dict[str, frozenset[str]]] = {
    kind: frozenset(n for n, spec in _parse(f"{_COMMON} {text}").items() if spec.endswith("!"))
    for kind, text in _COLUMNS.items()
}
"""Columns that may not be null, for each kind."""

TABLE: Final = {"fill": "fills", "markout": "markouts", "sample": "samples", "event": "events"}
"""Kind of row -> table of the store."""
