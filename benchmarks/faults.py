"""Live engines in a venue that fails, by the million: how many sessions, how fast, what was broken.

``python -m benchmarks.faults [SESSIONS] [FIRST_SEED]`` prints each law and the first sessions that
broke it, and exits with 1 where there are any. A session is a cold start, 45 s of faults and 100 s
in which everything must come right (`engine.faults`). The speed stands beside that of the same
sessions uncompiled.
"""

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import NamedTuple

from engine.config import AssetSpec
from engine.core.params import new_params
from engine.derive.decisions import derive_config
from engine.faults.sessions import Sessions
from engine.faults.world import END_NS, S
from engine.gateway.pretrade import new_limits
from engine.policy import load_policy
from engine.runners.market_source import market_of_spec

SESSIONS = 1_000_000
CHUNK = 5_000
PROCESSES = 2
SHOWN = 5
CAPITAL_USD = 1000.0
ORDERS = 3  # that fit the position
_UNCOMPILED = "from benchmarks.faults import uncompiled; uncompiled()"


class Chunk(NamedTuple):
    """What came of some sessions."""

    sessions: int
    orders: int
    fills: int
    restarts: int
    latched: int
    broken: Counter[str]
    first: dict[str, list[int]]  # law to the first seeds that broke it


def sessions() -> Sessions:
    """Return sessions of HYPE with $1,000, without a session ramp, and of few orders.

    A ladder is larger than the position that is allowed, so whatever is counted wrong shows.
    """
    spec, policy = AssetSpec(asset="HYPE", capital_usd=CAPITAL_USD), load_policy()
    facts = market_of_spec(spec, hours=1).facts(spec.asset, 0)
    config, _ = derive_config(spec, facts, policy)
    order = config.target_liquidity / config.levels
    tight = {"session_ramp_start": 1.0, "max_position": ORDERS * order}
    config = config.model_copy(update=tight)
    limits = new_limits(config.max_position, CAPITAL_USD, sz_decimals=config.sz_decimals)
    return Sessions(new_params(config), limits)


def play(seeds: range) -> Chunk:
    """Play some sessions."""
    done = list(sessions().play(seeds))
    broken = Counter(law for one in done for law in one.broken)
    return Chunk(
        sessions=len(done),
        orders=sum(one.orders for one in done),
        fills=sum(one.fills for one in done),
        restarts=sum(one.processes - 1 for one in done),
        latched=sum(one.is_latched for one in done),
        broken=broken,
        first={law: [one.seed for one in done if law in one.broken][:SHOWN] for law in broken},
    )


def play_all(first: int, count: int) -> list[Chunk]:
    """Play `count` sessions from seed `first` on, in two processes."""
    ends = range(first, first + count, CHUNK)
    seeds = [range(a, min(a + CHUNK, first + count)) for a in ends]
    play(range(1))  # compiles before the processes do
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        return list(pool.map(play, seeds))


def uncompiled() -> None:
    """Print the seconds that one session takes as plain Python."""
    began = time.process_time()
    play(range(1))
    print(time.process_time() - began)


def _interpreted_s() -> float:
    env = os.environ | {"GANGWAY_JIT": "0"}
    command = [sys.executable, "-c", _UNCOMPILED]
    return float(subprocess.run(command, env=env, check=True, capture_output=True).stdout)


def _report(chunks: Iterable[Chunk]) -> int:
    chunks = list(chunks)
    broken = sum((chunk.broken for chunk in chunks), Counter())
    for law, times in sorted(broken.items()):
        seeds = [seed for chunk in chunks for seed in chunk.first.get(law, [])][:SHOWN]
        print(f"broken: {law} in {times} sessions, first {seeds}")
    if not broken:
        print("broken: nothing")
    return 1 if broken else 0


def main(arguments: list[str]) -> int:
    """Play, print, and return the exit code."""
    count = int(arguments[0]) if arguments else SESSIONS
    first = int(arguments[1]) if len(arguments) > 1 else 0
    interpreted = _interpreted_s()
    began = time.perf_counter()
    chunks = play_all(first, count)
    seconds = time.perf_counter() - began
    orders, fills, restarts, latched = (
        sum(getattr(chunk, name) for chunk in chunks)
        for name in ("orders", "fills", "restarts", "latched")
    )
    hours = count * END_NS / S / 3600
    print(f"{count:,} sessions, {hours:,.0f} simulated hours, in {seconds:,.0f} s")
    print(f"{orders:,} orders, {fills:,} fills, {restarts:,} killed processes, {latched:,} stops")
    print(f"{count / seconds:,.0f} sessions/s, {count / seconds * interpreted:,.0f} x uncompiled")
    return _report(chunks)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
