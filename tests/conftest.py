"""What any test may ask for: a home, an asset at any stage, evidence, a Prefect server."""

import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.config import AssetSpec, MakerConfig
from engine.derive.decisions import derive_config
from engine.derive.facts import MarketFacts
from engine.gates.verdict import Verdict
from engine.onboarding.stages import MOVES, Stage, Trigger
from engine.onboarding.store import AssetState, OnboardingStore
from engine.policy import load_policy
from engine.store.home import Home
from engine.store.metrics import Metrics
from engine.store.spool import Spool

HOUR_NS = 3_600_000_000_000
MINUTE_NS = 60_000_000_000
BEGAN_NS = 1_767_225_600_000_000_000  # 2026-01-01


@pytest.fixture(scope="session")
def prefect_api() -> Iterator[None]:
    """One Prefect server for the whole session, without heartbeats (each costs a flow a second)."""
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    with (
        prefect_test_harness(server_startup_timeout=120),
        temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
    ):
        yield


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home of its own, which is also the process's."""
    monkeypatch.setenv("GANGWAY_HOME", str(tmp_path / "home"))
    return Home()


@pytest.fixture(scope="session")
def config() -> MakerConfig:
    """A thousand dollars on a token of twenty."""
    return MakerConfig(
        asset="HYPE",
        profile="hip3",
        capital_usd=1000.0,
        sz_decimals=2,
        min_notional_usd=10.0,
        maker_fee_bps=1.5,
        max_leverage=5.0,
        isolated=False,
        isolated_margin_usd=0.0,
        oi_cap_usd=None,
        collateral="USDC",
        max_position=50.0,
        target_liquidity=15.0,
        levels=3,
        gamma=0.15,
        kappa_prior=1500.0,
        kappa_prior_fills=15.0,
        intensity_prior_per_s=0.02,
        half_spread_floor_bps=2.0,
        max_bps_diff=3.0,
        requote_interval_ms=500,
        risk_model_blend=0.0,
        monopolist_pricing=False,
        signals=None,
        rl_enabled=False,
        rl_shadow=False,
        learning_fills_per_h=10.0,
        learning_share=0.6,
        request_grant=10_000,
        kill_fraction=0.05,
        stale_after_s=10.0,
        session_ramp_s=1800.0,
        session_ramp_start=0.1,
    )


@pytest.fixture
def spec() -> AssetSpec:
    """The asset most tests are about."""
    return AssetSpec(asset="HYPE", capital_usd=1000.0)


@pytest.fixture
def facts() -> MarketFacts:
    """A market worth quoting."""
    return MarketFacts(
        asset="HYPE",
        dex="",
        coin="HYPE",
        listed=True,
        delisted=False,
        mark_px=20.0,
        sz_decimals=2,
        max_leverage=5.0,
        only_isolated=False,
        day_volume_usd=20e6,
        spread_bps=12.0,
        hours_observed=24.0,
        collateral="USDC",
        source="test",
        observed_at_ns=BEGAN_NS,
    )


@pytest.fixture
def put_at(home: Home, spec: AssetSpec, facts: MarketFacts) -> Callable[..., AssetState]:
    """Move the asset rightwards to a stage, each move cited as the store demands."""
    config, _ = derive_config(spec, facts, load_policy())
    changes: dict[Stage, dict[str, Any]] = {
        "viability": {"facts": facts.model_dump(mode="json")},
        "derive": {"config": config},
    }

    def put(stage: Stage, viability: Trigger = "PASS") -> AssetState:
        with Metrics.open(home) as metrics:
            store = OnboardingStore(metrics.con)
            state = store.enroll(spec, BEGAN_NS)
            while state.stage != stage:
                trigger = viability if state.stage == "viability" else "PASS"
                state = _step(store, state, trigger, changes.get(state.stage, {}))
        return state

    return put


def _step(
    store: OnboardingStore, state: AssetState, trigger: Trigger, changes: dict[str, Any]
) -> AssetState:
    asked = (state.asset, state.stage, state.version)
    said = _passed(state).model_dump(mode="json")
    causes = [store.record_verdict(state.asset, said, BEGAN_NS)]
    if (state.stage, trigger) not in MOVES:
        trigger = "approve"
        causes.append(store.record_approval(*asked, trigger, "a test", "", BEGAN_NS))
    moved = store.move(*asked, trigger, causes, BEGAN_NS, **changes)
    assert moved is not None
    return moved


def _passed(state: AssetState) -> Verdict:
    return Verdict(
        gate="loops" if state.stage == "paper" else state.stage,
        asset=state.asset,
        verdict="PASS",
        criteria=(),
        hours=72.5,
        hours_needed=48.0,
        more_hours=0.0,
        words="PASS: put there by a test.",
        policy_hash="0" * 64,
        code_version="0" * 64,
        ts_ns=BEGAN_NS,
    )


@pytest.fixture
def show(home: Home) -> Callable[..., None]:
    """Write the spool an engine would have written; more hours go on where the last ended."""

    def write(
        state: AssetState,
        hours: float,
        *,
        edge_bps: float = 5.0,
        fills_per_hour: int = 20,
        kill: bool = False,
        learning: bool = True,
    ) -> None:
        assert state.run is not None
        with Spool.open(home.spool(state.run)) as spool:
            about = {"run": state.run, "asset": state.asset, "mode": "paper"}
            for seq, (kind, row) in enumerate(_rows(hours, edge_bps, fills_per_hour, learning)):
                spool.append(kind, about | row, seq=seq)
            if kill:
                row = about | {"ts_ns": BEGAN_NS + int(hours * HOUR_NS), "name": "kill"}
                spool.append("event", row | {"body": {}}, seq=spool.last_seq + 1)

    return write


def _rows(
    hours: float, edge_bps: float, fills_per_hour: int, learning: bool
) -> Iterator[tuple[str, dict[str, Any]]]:
    fills = 0
    for minute in range(int(hours * 60) + 1):
        due = int(minute * fills_per_hour / 60)
        for tid in range(fills, due):
            yield from _fill(tid, BEGAN_NS + minute * MINUTE_NS, edge_bps)
        fills = due
        yield "sample", _sample(minute, fills, edge_bps, learning)


def _fill(tid: int, ts_ns: int, edge_bps: float) -> Iterator[tuple[str, dict[str, Any]]]:
    about = {"ts_ns": ts_ns, "tid": tid, "cloid": tid, "side": 1 if tid % 2 else -1}
    rest = {"px": 20.0, "sz": 1.0, "fee_usd": 0.003, "mid": 20.0, "position": 0.0}
    yield "fill", about | rest
    move = edge_bps + 1.5 + (3.0 if tid % 2 else -3.0)  # the fee, and a little noise
    marks = dict.fromkeys(("mk1", "mk5", "mk30", "mk60", "mk300"), move)
    costs = {"notional_usd": 20.0, "fee_bps": 1.5, "half_spread_bps": 4.0}
    yield "markout", about | costs | marks


def _sample(minute: int, fills: int, edge_bps: float, learning: bool) -> dict[str, Any]:
    learnt = min(0.9, minute / 600 + 0.01) if learning and fills else 0.0
    equity = 1000.0 + fills * 20.0 * edge_bps / 1e4 + 0.02 * math.sin(minute)
    return {
        "ts_ns": BEGAN_NS + minute * MINUTE_NS,
        "mid": 20.0,
        "equity_usd": equity,
        "realized_usd": equity - 1000.0,
        "position": 0.0,
        "own_bid": 19.99,
        "own_ask": 20.01,
        "mkt_bid": 19.99,
        "mkt_ask": 20.01,
        "quote_s": 60.0 * minute,
        "live_s": 60.0 * minute,
        "gap_s": 0.0,
        "null_n": 60 * minute,
        "null_adverse": 6 * minute,
        "actions": minute,
        "filled_orders": fills,
        "own_fills": fills,
        "outcomes": fills if learning else 0,
        "kappa": 1500.0,
        "kappa_confidence": learnt,
        "as_progress": learnt,
        "kappa_progress": learnt,
        "calibration": learnt,
        "sigma": 1e-4,
        "spread_ratio": 1.1,
    }


def pytest_configure() -> None:
    """Keep Prefect quiet and at home, and every width a test's own, before anything is imported."""
    for name in ("COLUMNS", "LINES", "FORCE_COLOR"):  # a console made under them keeps them
        os.environ.pop(name, None)
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("PREFECT_LOGGING_TO_API_ENABLED", "false")
    os.environ.setdefault("DO_NOT_TRACK", "1")
