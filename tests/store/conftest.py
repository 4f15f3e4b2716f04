"""Rows as an engine would write them, and a home to keep them in."""

from pathlib import Path
from typing import Any

import pytest

from engine.store.home import Home

T0_NS = 864_000 * 10**9  # midnight UTC
COMMON = {"run": "hype-a1-paper-v3", "asset": "HYPE", "mode": "paper"}
KINDS: dict[str, dict[str, Any]] = {
    "fill": {"tid": 1, "cloid": 1, "side": 1, "px": 20.0, "sz": 0.5, "fee_usd": 0.0015},
    "markout": {"tid": 1, "cloid": 1, "side": 1, "notional_usd": 10.0, "fee_bps": 1.5, "mk5": 2.0},
    "sample": {"equity_usd": 1000.0, "quote_s": 0.0, "live_s": 0.0, "gap_s": 0.0, "null_n": 0},
    "event": {"name": "start", "body": {}},
}


def make_row(kind: str, s: float = 0.0, **values: Any) -> dict[str, Any]:
    return COMMON | {"ts_ns": T0_NS + int(s * 1e9)} | KINDS[kind] | values


@pytest.fixture
def row():
    """Return a maker of rows: ``row(kind, seconds, **columns)``."""
    return make_row


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "var")


@pytest.fixture
def run() -> str:
    return COMMON["run"]
