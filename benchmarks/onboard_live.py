"""One asset from viability to full live capital, then killed and re-armed, with real orders.

``python -m benchmarks.onboard_live`` starts a loopback exchange, the guard, and everything
`gangway up` starts, and onboards HYPE with minutes in place of days: the procedure's gates with
their hours cut to `--minutes` each and without the lines that only days can fill. A person's
answers are given as the form of the approvals page gives them. In the end each fill is held against
the exchange's own account of it, and this prints what it saw or stops with what was wrong.
"""

import argparse
import os
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import tomlkit
import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.settings import PREFECT_API_URL, temporary_settings

from engine.onboarding.stages import fraction
from engine.onboarding.store import AssetState
from engine.runners.children import Child, python
from engine.runners.live.heartbeat import Beat, read_beats
from engine.runners.live.latch import write_latch
from engine.runners.live.venue_file import read_venue
from engine.runners.standing import find_state
from engine.store.home import Home
from engine.store.metrics import Metrics
from engine.venues.hyperliquid.account import Account
from engine.venues.hyperliquid.account_answers import Fill
from engine.venues.hyperliquid.info import InfoClient
from flows.server import ROOT, free_port
from flows.up import Stack

ASSET, CAPITAL_USD, VENUE = "HYPE", 1000.0, "localnet"
PHASES = ("ramp_25", "ramp_50", "ramp_75", "ramp_100")
EVERY_S = 20  # between two scheduled runs
LONGEST_S = 3_600.0
# what a market of minutes is asked for; lines not named here need days, and are left out
ASKED = {
    "day_volume_usd": 0.0,
    "spread_bps": 0.0,
    "max_leverage": 1.0,
    "edge_bps": -100.0,
    "fill_rate": 0.0,
    "as_rate": 1.0,
    "kill_triggers": 0.0,
    "filled_orders": 3.0,
    "fills_last_hour": 1.0,
    "spread_ratio": 100.0,
}
SUSPENDED = FlowRunFilter.model_validate({"state": {"name": {"any_": ["Suspended"]}}})
Say = Callable[[str], None]


def write_policy(folder: Path, minutes: float, *, without: tuple[str, ...] = ()) -> None:
    """Write the project's policy with every duration cut to `minutes`, by point values.

    Parameters
    ----------
    folder
        where the files go.
    without
        metrics that are not asked for in the ramp: an edge is known five minutes after its fill.
    """
    folder.mkdir(parents=True)
    for path in sorted((ROOT / "policy").glob("*.toml")):
        content = tomllib.loads(path.read_text("utf-8"))
        if path.stem in ("viability", "paper", "ramp"):
            _shorten(content, minutes / 60, set(ASKED) - set(without))
        if path.stem == "viability":
            content["gate"]["min_hours"] = 0.002  # the few books of one look
            content["no_pair_volume_usd"]["value"] = 0.0
        elif path.stem == "paper":
            content["validation"]["criteria"] = _lines(content["validation"]["criteria"], ASKED)
            content["loops_minutes"]["value"] = LONGEST_S / 60
        (folder / path.name).write_text(tomlkit.dumps(content), "utf-8")


def _shorten(content: dict[str, Any], hours: float, asked: set[str]) -> None:
    for name, value in content.items():
        if name in ("min_hours", "recommended_hours"):
            content[name] = hours
        elif name == "evidence":
            content[name] = "point"
        elif name == "criteria" and content["gate"].startswith(("viability", "ramp")):
            content[name] = _lines(value, asked)
        elif isinstance(value, dict):
            _shorten(value, hours, asked)


def _lines(criteria: list[dict[str, Any]], asked: Any) -> list[dict[str, Any]]:
    kept = [line for line in criteria if line["metric"] in asked and "divided_by" not in line]
    tiers = ("target", "fail", "inclusive")
    return [
        {name: value for name, value in line.items() if name not in tiers}
        | {"minimum": ASKED[line["metric"]], "inclusive": ["minimum"]}
        for line in kept
    ]


class Story:
    """The onboarding of one asset, as its desk sees it."""

    def __init__(self, home: Home, client: SyncPrefectClient, desk: Account, say: Say) -> None:
        self.home, self.client, self.desk, self.say = home, client, desk, say
        self._began_s = time.monotonic()
        self._engines: set[int] = set()  # processes that traded live

    def run(self) -> tuple[Fill, ...]:
        """Live through it; return the exchange's fills of the desk."""
        self.wait_for("prelive")
        for phase in PHASES:
            self.wait_for(phase, answering="approve" if phase == PHASES[0] else None)
            self.until(self._trades, f"the engine trades with {fraction(phase):.0%}")
        if len(self._engines) != 1:
            raise RuntimeError(f"the engine was restarted on its way up: {self._engines}")
        write_latch(self.home, ASSET, "the story ends", "Ada Lovelace")
        self.until(lambda: not self.desk.open_orders(), "every order is cancelled")
        self.wait_for("halted")
        self.wait_for("paper", answering="rearm")
        return self.desk.fills_since(0)

    def wait_for(self, stage: str, *, answering: str | None = None) -> None:
        """Wait until the asset is in a stage, with a person's answer to whatever is asked."""

        def arrived() -> bool:
            if answering is not None:
                self._answer(answering)
            state = self._state()
            return state is not None and state.stage == stage

        self.until(arrived, f"{stage}, a person having said {answering}" if answering else stage)

    def until(self, holds: Callable[[], Any], what: str) -> Any:
        """Wait for something; the processes are real, so their time is too."""
        end_s = time.monotonic() + LONGEST_S
        while time.monotonic() < end_s:
            if found := holds():
                self.say(f"{time.monotonic() - self._began_s:7.0f} s  {what}")
                return found
            time.sleep(1.0)
        raise TimeoutError(f"{what}: not within {LONGEST_S:.0f} s")

    def _state(self) -> AssetState | None:
        return find_state(self.home, ASSET)

    def _trades(self) -> bool:
        """Whether the engine is on the run of the present phase, with orders at the exchange."""
        state = self._state()
        for beat in read_beats(self.home):
            if isinstance(beat, Beat) and state and beat.run == state.run and beat.live_orders:
                self._engines.add(beat.pid)
                return bool(self.desk.open_orders())
        return False

    def _answer(self, decision: str) -> None:
        """Answer the question that waits, as the form does; a void one is asked again."""
        given = {"decision": decision, "approver": "Ada Lovelace", "note": "as rehearsed"}
        # a moment after it is suspended, a run has no form yet, and refuses
        for run in self.client.read_flow_runs(flow_run_filter=SUSPENDED):
            self.client.resume_flow_run(run.id, run_input=given)


def compared(home: Home, fills: tuple[Fill, ...]) -> str:
    """Return in words that our fills are the exchange's.

    Raises
    ------
    RuntimeError
        if one is missing, doubled, or differs.
    """
    with Metrics.open(home) as metrics:
        metrics.ingest()
        rows = metrics.con.execute(
            "SELECT tid, px, sz, fee_usd FROM fills WHERE mode = 'live' ORDER BY tid, seq"
        ).fetchall()
    ours = [(tid, px, sz, round(fee, 2)) for tid, px, sz, fee in rows]
    theirs = sorted((f.tid, float(f.px), float(f.sz), round(float(f.fee), 2)) for f in fills)
    if ours != theirs:
        raise RuntimeError(
            f"fills differ: {set(ours) ^ set(theirs)}, {len(ours)} and {len(theirs)}"
        )
    fees = sum(float(fill.fee) for fill in fills)
    return f"{len(ours)} fills, each once and to the cent on both sides, fees ${fees:.2f}"


@contextmanager
def stage_of(folder: Path, minutes: float, speed: float, **how: Any) -> Iterator[Story]:
    """Start everything there is, in a folder; yield the story that can be lived there."""
    home = Home(folder / "home")
    write_policy(folder / "policy", minutes, **how)
    where = {"GANGWAY_HOME": str(home.root), "GANGWAY_POLICY": str(folder / "policy")}
    with ExitStack() as stack:
        stack.enter_context(patch.dict(os.environ, where))
        state = ["--state", str(folder / "exchange"), "--assets", ASSET, "--speed", str(speed)]
        words = ["localnet", "--port", "0", "--desk", str(CAPITAL_USD), *state, "--no-ip-limits"]
        _start(stack, folder, "localnet", *words)
        _wait_for_file(home, folder)
        _start(stack, folder, "guard", "guard", VENUE)
        up = Stack(Path(home.root), free_port(), config=_schedule(folder), say=lambda _: None)
        stack.callback(up.stop)
        up.start()
        url = f"http://127.0.0.1:{up.port}/api"
        stack.enter_context(temporary_settings({PREFECT_API_URL: url}))
        client = stack.enter_context(get_client(sync_client=True))
        venue = read_venue(home, VENUE)
        info = stack.enter_context(InfoClient(venue.url))
        yield Story(home, client, Account(info, venue.account), print)


def _start(stack: ExitStack, folder: Path, name: str, *words: str) -> None:
    child = Child(name, python("flows.cli", *words), dict(os.environ), folder / f"{name}.log", ROOT)
    child.start()
    stack.callback(child.stop)


def _wait_for_file(home: Home, folder: Path) -> None:
    end_s = time.monotonic() + LONGEST_S
    while "venue         localnet" not in (folder / "localnet.log").read_text():
        if time.monotonic() > end_s:
            raise TimeoutError(f"no account was opened at {home.root}: see {folder}/localnet.log")
        time.sleep(0.2)


def _schedule(folder: Path) -> Path:
    """Write the project's deployments with one asset, every few seconds."""
    content = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    request = {"asset": ASSET, "capital_usd": CAPITAL_USD, "venue": VENUE}
    every = {"slug": "hype", "interval": EVERY_S, "parameters": request}
    for deployment in content["deployments"]:
        deployment["schedules"] = [every] if deployment["name"] == "onboard" else []
    path = folder / "prefect.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def main(argv: list[str] | None = None) -> int:
    """Live through it and print it; return the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks.onboard_live", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--speed", type=float, default=10.0, help="market seconds a second")
    args = parser.parse_args(argv)
    with (
        tempfile.TemporaryDirectory() as folder,
        stage_of(Path(folder), args.minutes, args.speed) as story,
    ):
        print(compared(story.home, story.run()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
