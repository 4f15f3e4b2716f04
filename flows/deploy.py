"""Create the work pool, settle runs whose worker is gone, and apply `prefect.yaml`.

``python -m flows.deploy`` is what `make deploy` runs, against ``PREFECT_API_URL``; `gangway up`
adds ``--alone``, because it knows that the server it just started has no worker yet.
"""

import os
import subprocess
import sys
from pathlib import Path

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import StateType
from prefect.states import Crashed
from prefect.workers.process import ProcessWorker

from flows.server import ROOT
from flows.up import POOL


def create_pool(client: SyncPrefectClient) -> None:
    """Create the pool of local processes, or bring the one that exists up to date."""
    template = ProcessWorker.get_default_base_job_template()
    pool = WorkPoolCreate(name=POOL, type=ProcessWorker.type, base_job_template=template)
    client.create_work_pool(pool, overwrite=True)


def settle_orphans(client: SyncPrefectClient) -> int:
    """Mark as crashed what the server believes to be running though no worker is left.

    A worker that is stopped in the middle of a run leaves it *Running* for ever, and it would hold
    its deployment's concurrency slot as long.
    """
    running = FlowRunFilterStateType(any_=[StateType.RUNNING, StateType.PENDING])
    orphans = client.read_flow_runs(
        work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL])),
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=running)),
    )
    for run in orphans:
        client.set_flow_run_state(run.id, Crashed(message="its worker is gone"), force=True)
    return len(orphans)


def deploy(config: Path) -> None:
    """Apply the deployments of `config` to the server at ``PREFECT_API_URL``."""
    argv = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    subprocess.run([*argv, "--prefect-file", str(config)], cwd=ROOT, check=True)


def main() -> None:
    """Create the pool and deploy; with ``--alone`` settle orphaned runs in between."""
    os.environ.setdefault("GANGWAY_ROOT", str(ROOT))
    os.environ.setdefault("GANGWAY_HOME", str(ROOT / "var"))
    with get_client(sync_client=True) as client:
        create_pool(client)
        if "--alone" in sys.argv[1:]:
            settle_orphans(client)
    deploy(Path(os.environ.get("GANGWAY_DEPLOYMENTS", ROOT / "prefect.yaml")))


if __name__ == "__main__":
    main()
