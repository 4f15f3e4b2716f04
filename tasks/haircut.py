"""Keep what paper flattered an asset by, once it has been live."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from engine.gates.haircut import Measured
from engine.onboarding.store import AssetState
from engine.runners import gap_ledger
from engine.store.home import Home


@task(name="record gap", task_run_name="record gap of {state.asset}", cache_policy=NO_CACHE)
def record_gap(home: Home, state: AssetState, cause: str, now_ns: int) -> Measured | None:
    """Keep the gap of an asset that has just left `state`, if it was live; None if it was not."""
    return gap_ledger.record_gap(home, state, cause, now_ns)
