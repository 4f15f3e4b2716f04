from collections.abc import Callable
from typing import Any

import pytest

from engine.derive.facts import MarketFacts
from engine.policy import Policy, load_policy

GOOD: dict[str, Any] = {
    "asset": "SOL",
    "dex": "",
    "coin": "SOL",
    "listed": True,
    "delisted": False,
    "mark_px": 20.0,
    "sz_decimals": 2,
    "max_leverage": 20.0,
    "only_isolated": False,
    "day_volume_usd": 25e6,
    "spread_bps": 12.0,
    "hours_observed": 24.0,
    "collateral": "USDC",
    "binance_symbol": "SOLUSDT",
    "source": "test",
    "observed_at_ns": 1,
}


@pytest.fixture(scope="session")
def policy() -> Policy:
    return load_policy()


@pytest.fixture
def facts() -> Callable[..., MarketFacts]:
    """A good market, changed by keyword; the dex and the coin follow the asset."""

    def build(**changes: Any) -> MarketFacts:
        asset = changes.get("asset", GOOD["asset"])
        dex, _, coin = asset.rpartition(":")
        return MarketFacts(**{**GOOD, "dex": dex, "coin": coin, **changes})

    return build
