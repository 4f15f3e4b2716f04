"""A store in a fresh home, and the walk of one asset through its stages."""

from pathlib import Path

import pytest

from engine.config import AssetSpec
from engine.onboarding.store import AssetState, OnboardingStore
from engine.store.home import Home
from engine.store.metrics import Metrics

PATH = ["PASS", "PASS", "PASS", "PASS", "approve", "PASS", "PASS", "PASS"]


class Walk:
    """One asset's onboarding; each step records what justifies it, then moves."""

    def __init__(self, store: OnboardingStore) -> None:
        self.store = store
        self.now_ns = 1_000
        self.state = store.enroll(AssetSpec(asset="HYPE", capital_usd=1000), self.now_ns)

    def verdict(self, outcome: str, gate: str | None = None, **more) -> str:
        self.now_ns += 1
        body = {"gate": gate or self.state.stage, "verdict": outcome, "criteria": [{"value": 0.5}]}
        body |= more
        return self.store.record_verdict("HYPE", body, self.now_ns)

    def approval(self, decision: str) -> str:
        self.now_ns += 1
        at = ("HYPE", self.state.stage, self.state.version)
        return self.store.record_approval(*at, decision, "Ada", "looks sound", self.now_ns)

    def move(self, trigger: str, causes: list[str], **changes) -> AssetState | None:
        self.now_ns += 1
        at = ("HYPE", self.state.stage, self.state.version)
        moved = self.store.move(*at, trigger, causes, self.now_ns, **changes)
        self.state = moved or self.state
        return moved

    def step(self, trigger: str) -> AssetState:
        """Move on `trigger` with what it takes, whatever that is."""
        causes = []
        if trigger in ("STEP_DOWN", "PAPER"):
            causes.append(self.verdict("FAIL", asks=trigger.lower()))
        elif trigger.isupper():
            causes.append(self.verdict(trigger if trigger in ("PASS", "FAIL") else "NOT_YET"))
        if trigger.islower():
            causes += [self.verdict("PASS")] if trigger == "approve" else []
            causes.append(self.approval(trigger))
        assert self.move(trigger, causes) is not None
        return self.state

    def to(self, stage: str) -> "Walk":
        for trigger in PATH:
            if self.state.stage == stage:
                return self
            self.step(trigger)
        assert self.state.stage == stage
        return self


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "var")


@pytest.fixture
def con(home):
    with Metrics.open(home) as metrics:
        yield metrics.con


@pytest.fixture
def walk(con) -> Walk:
    return Walk(OnboardingStore(con))
