"""Where assets stand, opened late and closed early: nobody holds the store while thinking."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from engine.onboarding import line
from engine.onboarding.store import AssetState, OnboardingStore
from engine.onboarding.transaction import transaction
from engine.store.home import Home
from engine.store.metrics import Metrics


@contextmanager
def onboarding(home: Home) -> Iterator[OnboardingStore]:
    """Own the store for as long as the block runs."""
    with Metrics.open(home) as metrics:
        yield OnboardingStore(metrics.con)


def stop_line(home: Home, reason: str, by: str, now_ns: int) -> str:
    """Stop the line: no asset's capital rises until `release_line`; return the note's id."""
    with Metrics.open(home) as metrics, transaction(metrics.con):
        return line.freeze(metrics.con, reason, by, now_ns)


def release_line(home: Home, by: str, now_ns: int) -> str:
    """Let the line go on; return the note's id."""
    with Metrics.open(home) as metrics, transaction(metrics.con):
        return line.unfreeze(metrics.con, by, now_ns)


def why_stopped(home: Home) -> str:
    """Return why the line is stopped and by whom; empty where it is not."""
    with Metrics.open(home) as metrics:
        return line.stopped(metrics.con)


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


def find_state(home: Home, asset: str) -> AssetState | None:
    """Return where `asset` stands; None if it was never enrolled."""
    with onboarding(home) as store:
        return next((state for state in store.all() if state.asset == asset), None)


def run_began_ns(home: Home, state: AssetState) -> int:
    """Return when the asset's present run began: the time of the move that named it."""
    with onboarding(home) as store:
        return began_ns(store, state)


def began_ns(store: OnboardingStore, state: AssetState) -> int:
    """Return the same from a store that is open already."""
    entries = store.history(state.asset)
    moves = [e for e in entries if e.kind == "transition" and e.body["run"] == state.run]
    return moves[0].ts_ns if moves else state.entered_ns


def story(home: Home, asset: str) -> dict[str, Any]:
    """Return an asset's onboarding as plain data: stage, verdicts, transitions, data notes.

    Of the looks at one gate while the asset stood still, the last is told, with their number.
    """
    with onboarding(home) as store:
        state, entries = store.get(asset), store.history(asset)
    looks: dict[tuple[str, int, str], dict[str, Any]] = {}
    for entry in entries:
        if entry.kind == "verdict":
            said = entry.body["verdict"]
            key = entry.body["stage"], entry.body["version"], said["gate"]
            number = looks[key]["looks"] + 1 if key in looks else 1
            looks[key] = {"stage": key[0], "looks": number, **said}
    moves = [_transition(e.body, e.ts_ns) for e in entries if e.kind == "transition"]
    return {
        "stage": state.stage,
        "verdicts": list(looks.values()),
        "transitions": moves,
        "notes": (state.facts or {}).get("notes", []),
    }


def _transition(body: dict[str, Any], ts_ns: int) -> dict[str, Any]:
    at = datetime.fromtimestamp(ts_ns / 1e9, UTC).isoformat(timespec="seconds")
    cause = {"trigger": body["trigger"], "ids": body["causes"]}
    return {"from": body["from"], "to": body["to"], "cause": cause, "at": at}
