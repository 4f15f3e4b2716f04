"""Let an engine trade; only rehearsals do this in a task, elsewhere the engine host does."""

from collections.abc import Callable

from prefect import task
from prefect.cache_policies import NO_CACHE

from engine.runners.simulated import RunSpec, RunStatus, trade
from engine.store.home import Home


@task(name="trade", task_run_name="trade {run.run} to {hours:.1f} h", cache_policy=NO_CACHE)
def trade_until(
    home: Home, run: RunSpec, hours: float, progress: Callable[[float], None] | None
) -> RunStatus:
    """Trade `run` until its evidence clock shows `hours`."""
    return trade(run, home, hours, progress)
