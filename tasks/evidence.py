"""Ask the store what an engine has shown so far."""

from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from engine.onboarding.stages import fraction
from engine.onboarding.store import AssetState
from engine.store.home import Home
from engine.store.metrics import Metrics


@task(name="collect evidence", task_run_name="collect {state.run}", cache_policy=NO_CACHE)
def collect_evidence(home: Home, state: AssetState) -> dict[str, Any]:
    """Catch up with every spool, exactly once, and return the evidence of the asset's run."""
    capital_usd = state.spec.capital_usd * fraction(state.stage)
    with Metrics.open(home) as metrics:
        metrics.ingest()
        return metrics.query("evidence", run=state.run, capital_usd=capital_usd).row(0, named=True)
