"""Where assets stand, opened late and closed early: nobody holds the store while thinking."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from engine.onboarding.store import AssetState, OnboardingStore
from engine.store.home import Home
from engine.store.metrics import Metrics


@contextmanager
def onboarding(home: Home) -> Iterator[OnboardingStore]:
    """Own the store for as long as the block runs."""
    with Metrics.open(home) as metrics:
        yield OnboardingStore(metrics.con)


def extensions(home: Home, state: AssetState) -> int:
    """Count how often a person has chosen to extend validation in the present attempt."""
    with onboarding(home) as store:
        moves = [e.body for e in store.history(state.asset) if e.kind == "transition"]
    return sum(m["trigger"] == "extend" and m["attempt"] == state.attempt for m in moves)


def newest_verdicts(home: Home, asset: str) -> dict[str, dict[str, Any]]:
    """Return the newest verdict of every gate, by name, in the order they were first judged."""
    with onboarding(home) as store:
        entries = [e for e in store.history(asset) if e.kind == "verdict"]
    return {e.body["verdict"]["gate"]: e.body["verdict"] for e in entries}
