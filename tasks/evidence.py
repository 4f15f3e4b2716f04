"""Ask the store what an engine has shown so far."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from engine.onboarding.stages import fraction
from engine.onboarding.store import AssetState
from engine.runners.judging import Shown
from engine.store.home import Home
from engine.store.metrics import Metrics


@task(name="collect evidence", task_run_name="collect {state.run}", cache_policy=NO_CACHE)
def collect_evidence(home: Home, state: AssetState) -> Shown:
    """Catch up with every spool, exactly once, and return the evidence of the asset's run."""
    about = {"run": state.run, "capital_usd": state.spec.capital_usd * fraction(state.stage)}
    with Metrics.open(home) as metrics:
        metrics.ingest()
        values = metrics.query("evidence", **about).row(0, named=True)
        warm_s = state.config.session_ramp_s if state.config else None
        return Shown(values, metrics.query("evidence_blocks", warm_s=warm_s, **about))
