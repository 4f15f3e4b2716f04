"""Tell the rest of the world that something happened; automations and webhooks listen to events."""

from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.events import emit_event


@task(name="notify", task_run_name="notify {name}", cache_policy=NO_CACHE)
def notify(name: str, asset: str, body: dict[str, Any]) -> None:
    """Emit ``gangway.<name>`` about `asset`.

    Nothing may depend on it: events are dropped while the server is down.
    """
    resource = {"prefect.resource.id": f"gangway.asset.{asset.lower()}", "asset": asset}
    emit_event(f"gangway.{name}", resource=resource, payload=body)
