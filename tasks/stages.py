"""Read and change where an asset stands: by compare-and-set, citing the causes."""

from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from engine.config import AssetSpec
from engine.gates.verdict import Verdict
from engine.onboarding.audit import Entry
from engine.onboarding.stages import Trigger
from engine.onboarding.store import AssetState, OnboardingStore
from engine.runners.standing import onboarding
from engine.store.home import Home


@task(name="read where it stands", cache_policy=NO_CACHE)
def enroll(home: Home, spec: AssetSpec, now_ns: int) -> AssetState:
    """Return where the asset stands; one that is new begins at viability."""
    with onboarding(home) as store:
        return store.enroll(spec, now_ns)


@task(name="record verdict", task_run_name="record {verdict.verdict}", cache_policy=NO_CACHE)
def record(home: Home, state: AssetState, verdict: Verdict) -> str:
    """Keep the verdict in the audit; return its id. The same look is not recorded twice."""
    with onboarding(home) as store:
        for entry in verdicts_here(store, state):
            if _same_look(entry, verdict):
                return entry.id
        return store.record_verdict(state.asset, verdict.model_dump(mode="json"), verdict.ts_ns)


@task(name="move", task_run_name="move on {trigger}", cache_policy=NO_CACHE)
def move(
    home: Home,
    state: AssetState,
    trigger: Trigger,
    causes: list[str],
    now_ns: int,
    changes: dict[str, Any],
) -> AssetState | None:
    """Move the asset if nobody else has; None if somebody did."""
    with onboarding(home) as store:
        return store.move(
            state.asset, state.stage, state.version, trigger, causes, now_ns, **changes
        )


def read_state(home: Home, asset: str) -> AssetState:
    """Return where `asset` stands."""
    with onboarding(home) as store:
        return store.get(asset)


def verdicts_here(store: OnboardingStore, state: AssetState) -> list[Entry]:
    """Return the verdicts on the asset's present stage and version, oldest first."""
    return [
        entry
        for entry in store.history(state.asset)
        if entry.kind == "verdict"
        and (entry.body["stage"], entry.body["version"]) == (state.stage, state.version)
    ]


def _same_look(entry: Entry, verdict: Verdict) -> bool:
    said = entry.body["verdict"]
    return (said["gate"], said["ts_ns"], said["verdict"]) == (
        verdict.gate,
        verdict.ts_ns,
        verdict.verdict,
    )
