"""A store in which one asset was looked at, stopped, retuned and approved by a hostile name."""

from collections.abc import Callable
from typing import Any

import pytest

from engine.config import AssetSpec
from engine.gates.verdict import CriterionResult, Verdict
from engine.onboarding.audit import Entry
from engine.onboarding.store import OnboardingStore
from engine.runners.standing import onboarding
from engine.store.home import Home

HOUR_NS = 3_600_000_000_000
BEGAN_NS = 1_767_225_600_000_000_000  # 2026-01-01
SCRIPT = "<script>alert('x')</script>"
NOTE = 'looks "good" & <b>bold</b> [red]red[/red] | pipe'

LookAt = Callable[..., str]


def edge(**changes: Any) -> CriterionResult:
    line: dict[str, Any] = {
        "metric": "edge_bps",
        "title": "Edge",
        "unit": "bps",
        "value": 5.9,
        "direction": "higher",
        "minimum": 0.0,
        "target": 5.8,
        "fail": 0.0,
        "bound": 4.3,
        "lo": 2.9,
        "hi": 8.9,
        "verdict": "NOT_YET",
        "literal": "PASS",
        "more_hours": 140.0,
        "label": "target",
    }
    return CriterionResult(**line | changes)


def verdict(gate: str = "validation", outcome: str = "NOT_YET", **changes: Any) -> Verdict:
    said: dict[str, Any] = {
        "gate": gate,
        "asset": "HYPE",
        "verdict": outcome,
        "criteria": (edge(),) if outcome == "NOT_YET" else (),
        "hours": 36.0,
        "hours_needed": 24.0,
        "more_hours": 0.0,
        "words": f"{outcome}: as {gate} says.",
        "policy_hash": "aa" * 32,
        "config_hash": "bb" * 32,
        "code_version": "cc" * 32,
        "ts_ns": BEGAN_NS,
    }
    return Verdict(**said | changes)


def look(store: OnboardingStore, said: Verdict) -> str:
    return store.record_verdict("HYPE", said.model_dump(mode="json"), said.ts_ns)


def step(store: OnboardingStore, said: Verdict, trigger: Any, approver: str = "Ada") -> None:
    """Look once more, and move on it."""
    state = store.get("HYPE")
    at = "HYPE", state.stage, state.version
    causes = [look(store, said)]
    if trigger.islower():
        causes.append(store.record_approval(*at, trigger, approver, NOTE, said.ts_ns))
    store.move(*at, trigger, causes, said.ts_ns)


@pytest.fixture
def told(home: Home) -> Home:
    """Two attempts at validation, the first stopped and retuned, the second approved."""
    with onboarding(home) as store:
        store.enroll(AssetSpec(asset="HYPE", capital_usd=1000), BEGAN_NS)
        step(store, verdict("viability", "PASS"), "PASS")
        for attempt in (1, 2):
            for gate in ("derive", "loops"):
                step(store, verdict(gate, "PASS"), "PASS")
            for hours in (6.0, 12.0):
                early = edge(value=hours, lo=None, hi=None, more_hours=None)
                at_ns = BEGAN_NS + int(hours * HOUR_NS)
                look(store, verdict(hours=hours, ts_ns=at_ns, criteria=(early,)))
            look(store, verdict(ts_ns=BEGAN_NS + 36 * HOUR_NS))
            if attempt == 1:
                step(store, verdict(outcome="FAIL", criteria=(edge(value=-1.0),)), "FAIL")
                state = store.get("HYPE")
                at = "HYPE", "stopped", state.version
                retune = store.record_approval(*at, "retune", SCRIPT, NOTE, BEGAN_NS)
                store.move(*at, "retune", [retune], BEGAN_NS)
        step(store, verdict(outcome="PASS", criteria=(edge(verdict="PASS"),)), "PASS")
        step(store, verdict("prelive", "PASS", hours=None), "approve", SCRIPT)
    return home


@pytest.fixture
def entries(told: Home) -> list[Entry]:
    with onboarding(told) as store:
        return store.history("HYPE")
