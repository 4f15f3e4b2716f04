"""Review an asset that trades: day 1 by the hour, then every day, and the month.

Scheduled per asset and short. What it finds is kept in the audit and shown; it moves nothing.
"""

import time

from prefect import flow, get_run_logger

from engine.onboarding.stages import engine_mode
from engine.runners.standing import find_state
from engine.store.home import Home
from flows.onboard import AssetName
from tasks.artifacts import publish
from tasks.notify import notify
from tasks.reviews import review, with_remarks
from tasks.stages import record


@flow(name="monitor", flow_run_name="monitor-{asset}", timeout_seconds=600)
def monitor(asset: AssetName) -> str:
    """Keep and show the reviews of `asset` that are due; return what they say."""
    words = look(Home(), asset, time.time_ns())
    get_run_logger().info("%s", words)
    return words


def look(home: Home, asset: str, now_ns: int) -> str:
    """Review an asset at the time `now_ns`."""
    standing = find_state(home, asset)
    if standing is None or engine_mode(standing.stage) is None:
        return f"{asset} does not trade; there is nothing to review"
    state, verdicts = review(home, asset, now_ns)
    said = []
    for found in verdicts:
        verdict = found if found.gate == "day_1" else with_remarks(home, found)
        record(home, state, verdict)
        publish(state, verdict)
        said.append(f"{verdict.gate}: {verdict.words}")
        if verdict.verdict in ("FAIL", "ERROR"):
            notify("review.failed", asset, {"gate": verdict.gate, "why": verdict.words})
    return " ".join(said) or f"{asset}: no review is due"
