"""Time one strategy on generated days in Gangway's paper venue and in hftbacktest, side by side.

``python -m benchmarks.vs_hftbacktest`` prints two tables. Each engine has a process of its own, on
one core, and they take turns, so that a busy machine slows both; what they trade must be the same.
Market data is prepared beforehand: hftbacktest's rows, and our order of arrival.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import oracle
from benchmarks.grid import Grid, market_data, new_play, run
from benchmarks.oracle import Player
from engine.events import Event
from engine.record import zeros
from engine.sim.clocks import arrival_order
from engine.store.tape_export import hftbacktest_rows

DAYS = {  # a market that trades now and then, and a busy one
    "HYPE": Grid(px_decimals=3, sz_decimals=2, sz=10.0, max_position=100.0, variance=400.0),
    "BTC": Grid(px_decimals=0, sz_decimals=5, sz=0.01, max_position=0.1, variance=40.0),
}
HOURS = 24
LEVELS = (1, 10)
MODEL = "power"
ROUNDS = 5
US = (sys.executable, "-W", "ignore", "-m", "benchmarks.vs_hftbacktest", "--serve")
ENGINES = {"Gangway": US, "hftbacktest": oracle.COMMAND}


def serve() -> None:
    """Be the player of our side; `hftbacktest_grid` is that of the other."""
    events = zeros(Event, 1)
    played(DAYS["BTC"], events, arrival_order(events))
    print("ready", flush=True)
    path, order = "", arrival_order(events)
    for line in sys.stdin:
        told = json.loads(line)
        if told["rows"] != path:
            path = told["rows"]
            events = np.load(path).view(Event.dtype)
            order = arrival_order(events)
        print(json.dumps(played(Grid(**told["grid"]), events, order)), flush=True)


def played(grid: Grid, events: NDArray[Any], order: NDArray[Any]) -> dict[str, Any]:
    """Play once and return what is said of it."""
    plays, path = new_play(grid, MODEL, int(events["ts_ns"][0])), np.zeros((0, 2))
    start = time.perf_counter()
    run(plays, events, order, path)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "fills": int(plays[0].quoter.fills), "code": 1}


def main() -> None:
    """Print the tables."""
    if "--serve" in sys.argv:
        serve()
        return
    if not oracle.is_there():
        print(f"{oracle.ABSENT}; not compared")
        return
    print(f"Best of {ROUNDS} runs (median):\n")
    print("| market | events | orders a side | fills | Gangway s | hftbacktest s | ratio |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as root, Player(US) as us, Player(oracle.COMMAND) as them:
        for asset, grid in DAYS.items():
            print_day(asset, grid, us, them, Path(root))
        peaks = us.peak_mb(), them.peak_mb()
    print("\nA new process, until it can begin, and the most memory it took for both days:\n")
    print("| engine | cold s | warm s | peak MB |")
    print("|---|---:|---:|---:|")
    for (name, command), peak_mb in zip(ENGINES.items(), peaks, strict=True):
        cold_s, warm_s = starts(command)
        print(f"| {name} | {cold_s:.1f} | {warm_s:.1f} | {peak_mb:.0f} |")


def print_day(asset: str, grid: Grid, us: Player, them: Player, root: Path) -> None:
    """Print one row for each number of levels."""
    events = market_data(asset, HOURS)
    ours, theirs = str(root / f"{asset}-events.npy"), str(root / f"{asset}-rows.npy")
    np.save(ours, events)
    np.save(theirs, hftbacktest_rows(events, grid.tick, grid.lot))
    for levels in LEVELS:
        told = grid._replace(levels=levels)
        about = {"grid": oracle.told(grid), "model": MODEL, "levels": levels, "steps": 0}
        pairs = [
            (us.play(rows=ours, grid=told._asdict()), them.play(rows=theirs, **about))
            for _ in range(ROUNDS)
        ]
        said = {(one["fills"], one["code"]) for pair in pairs for one in pair}
        if len(said) > 1 or (fills := said.pop()[0]) == 0:
            raise SystemExit(f"{asset}, {levels} levels: the engines disagree: {pairs}")
        a, b = (np.array([one["seconds"] for one in side]) for side in zip(*pairs, strict=True))
        print(
            f"| {asset} | {len(events):,} | {levels} | {fills:,} | {spent(a, len(events))} | "
            f"{spent(b, len(events))} | {b.min() / a.min():.1f} ({np.median(b / a):.1f}) |"
        )


def spent(seconds: NDArray[Any], events: int) -> str:
    """Return seconds, and events per second, in words."""
    rate = events / seconds.min() / 1e6
    return f"{seconds.min():.2f} ({np.median(seconds):.2f}), {rate:.2f} M/s"


def starts(command: tuple[str, ...]) -> tuple[float, float]:
    """Return seconds from nothing to ready: with nothing compiled, and with what could be kept."""
    with tempfile.TemporaryDirectory() as cache:
        env = os.environ | {"GANGWAY_CACHE": cache}
        took = []
        for _ in range(2):
            with Player(command, env) as player:
                took.append(player.ready_s)
    return took[0], took[1]


if __name__ == "__main__":
    main()
