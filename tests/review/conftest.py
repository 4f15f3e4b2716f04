"""A day of rows as an engine writes them, and the day from before the learning parts spoke."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engine.store.home import Home
from engine.store.spool import Spool

BEGAN_NS = 1_767_225_600_000_000_000  # 2026-01-01
MINUTE_NS = 60_000_000_000
RUN = "hype-a1-paper-v3"
WHO = {"run": RUN, "asset": "HYPE", "mode": "paper"}

Write = Callable[..., None]


@pytest.fixture
def write(home: Home) -> Write:
    """Write `hours` of a run: a sample a minute, a fill every ten.

    Half the fills are hit (+1 bps at 5 s after a captured 4), half are not (+6); the fee is 1.5.
    The classifier says 0.8 and 0.2, the base rate 0.5. `micro` knows half of the next move, `flow`
    is noise, `lead` is silent and `cross` was never there.
    """

    def spool(hours: int, *, old: bool = False, edge_bps: float = 0.0, kill: bool = False) -> None:
        rng = np.random.default_rng(0)
        moves = rng.normal(size=60 * hours + 1) * 1e-4
        mids = 20.0 * np.exp(np.cumsum(np.append(0.0, moves)))
        rows: list[tuple[str, dict[str, Any]]] = [
            ("event", {"ts_ns": BEGAN_NS, "name": "start", "body": {"fraction": 0.5}})
        ]
        for minute in range(60 * hours + 1):
            if minute % 10 == 5:
                rows.append(("markout", _markout(minute, edge_bps, old)))
            said = {
                "alpha_micro_bps": 1e4 * moves[minute] + rng.normal(),
                "alpha_flow_bps": rng.normal(),
                "alpha_lead_bps": 0.0,
            }
            rows.append(("sample", _sample(minute, mids[minute], {} if old else said)))
        if kill:
            at = BEGAN_NS + hours * 60 * MINUTE_NS
            rows.append(("event", {"ts_ns": at, "name": "kill", "body": {}}))
        with Spool.open(home.spool(RUN)) as file:
            for seq, (kind, row) in enumerate(rows):
                file.append(kind, WHO | row, seq=seq)

    return spool


def _markout(minute: int, edge_bps: float, old: bool) -> dict[str, Any]:
    nr = minute // 10
    adverse = nr % 2 == 0
    row = {
        "ts_ns": BEGAN_NS + minute * MINUTE_NS,
        "tid": nr,
        "cloid": nr,
        "side": 1,
        "notional_usd": 20.0,
        "fee_bps": 1.5,
        "half_spread_bps": 4.0 + edge_bps,
        "mk5": (1.0 if adverse else 6.0) + edge_bps,
        "mk60": 2.5 + edge_bps,
    }
    said = {"p_adverse": 0.8 if adverse else 0.2, "p_base": 0.5, "expected_edge_bps": 1.0}
    return row if old else row | said


def _sample(minute: int, mid: float, said: dict[str, float]) -> dict[str, Any]:
    row = {
        "ts_ns": BEGAN_NS + minute * MINUTE_NS,
        "mid": mid,
        "equity_usd": 0.01 * minute,
        "quote_s": 30.0 * minute,
        "live_s": 60.0 * minute,
        "gap_s": 0.0,
        "null_n": 60 * minute,
        "null_adverse": 6 * minute,
        "filled_orders": (minute + 5) // 10,
        "kappa": 1500.0,
        "kappa_confidence": 0.4,
        "spread_ratio": 1.2,
    }
    money = {"spread_usd": 0.04, "adverse_usd": -0.015, "inventory_usd": -0.008}
    money |= {"fees_usd": 0.006, "funding_usd": -0.001}
    if not said:
        return row
    return row | said | {name: usd * minute for name, usd in money.items()}
