"""How fast the maker is: compiled, called from Python, and compiling.

``python -m benchmarks.replay`` prints three tables. What the maker hears on the paper venue (market
data, answers to its requests, its clock) is recorded first and then replayed through `step` alone;
the replay must end with the same cash. Times are of one core, the best of several runs with the
median in brackets.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.config import AssetSpec, MakerConfig
from engine.core import maker, output
from engine.core.maker import new_maker, step_at
from engine.core.output import Output, drained
from engine.core.params import NS_PER_S, new_params
from engine.derive.decisions import derive_config
from engine.events import CLOCK, Event, joined
from engine.policy import load_policy
from engine.record import kernel, zeros
from engine.runners.feeds import SimulatedFeed
from engine.runners.market_source import market_of_spec
from engine.runners.simulated import TRADING_FROM_NS, new_session
from engine.runners.tape_import import import_tape
from engine.sim.clocks import arrival_order
from engine.sim.rules import venue_rules
from engine.sim.session import run
from engine.sim.venue import MAX_WAITING
from engine.store.tape import read_tape

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("GANGWAY_DATA", ROOT.parent / "shared" / "data"))
RECORDING = DATA / "hl_l2_bbo_trades_20250904"
ASSET = "BTC"
CAPITAL_USD = 10_000.0
LEVELS = 5
RULES = venue_rules(load_policy(), fill_model="power")
SIMULATED_HOURS = 6
REPEATS = 9
CALLS = 100_000
UNCOMPILED_EVENTS = 2_000
COLD_AND_WARM = """
import time
start = time.perf_counter()
from engine.runners.simulated import warm
imported = time.perf_counter()
warm()
print(imported - start, time.perf_counter() - imported)
"""


class Market(NamedTuple):
    """Market data of one asset, and the maker's parameters for it."""

    name: str
    config: MakerConfig
    events: NDArray[Any]


@kernel
def replay(makers: Any, events: Any, n: int, outputs: Any) -> None:
    """Let the first maker hear events[:n]; what it says is forgotten."""
    m = makers[0]
    out = outputs[0]
    for k in range(n):
        maker.step(m, events[k], out)
        if not output.has_room(out):
            drained(out)


def simulated_market() -> Market:
    """Return hours of the simulated BTC, which has a leading venue."""
    spec = AssetSpec(asset=ASSET, capital_usd=CAPITAL_USD)
    feed = SimulatedFeed(ASSET, None, spec.seed, TRADING_FROM_NS)
    events = joined([feed.chunk(hour) for hour in range(SIMULATED_HOURS)])
    return Market(f"sim {ASSET}, {SIMULATED_HOURS} h", _config(spec), events)


def recorded_market(root: Path) -> Market | None:
    """Return the recorded BTC, None where there is no recording."""
    if not RECORDING.is_dir():
        return None
    tape = root / "btc.tape"
    import_tape(RECORDING, tape, asset=ASSET)
    spec = AssetSpec(asset=ASSET, capital_usd=CAPITAL_USD, venue="tape", tape=str(tape))
    return Market(f"tape {ASSET}, 35 min", _config(spec), joined(list(read_tape(tape))))


def _config(spec: AssetSpec) -> MakerConfig:
    facts = market_of_spec(spec, hours=1).facts(spec.asset, 0)
    config, _ = derive_config(spec, facts, load_policy())
    assert config.signals is not None, "the benchmark wants every signal on"
    return config.model_copy(update={"levels": LEVELS})


def heard(market: Market) -> tuple[NDArray[Any], Any]:
    """Return everything the maker hears on the paper venue, in order, and the session after it."""
    sessions, outputs = new_session(market.config, RULES), zeros(Output)
    events, venue = market.events, sessions[0].venue
    answers, read = [], 0
    end_ns, order = int(events["recv_ns"][-1]), arrival_order(events)
    for until_ns in [*range(int(events["recv_ns"][0]), end_ns, NS_PER_S), end_ns]:
        while not run(sessions, events, order, until_ns, outputs):
            drained(outputs[0])
        drained(outputs[0])
        assert venue.answer_tail - read < MAX_WAITING, "the ring has gone round"
        answers.append(venue.answers[np.arange(read, venue.answer_tail) % MAX_WAITING])
        read = int(venue.answer_tail)
    both = joined([events, *answers])
    both = both[np.argsort(both["recv_ns"], kind="stable")]  # market data first, as it was
    both = joined([both, _ticks(both["recv_ns"])])
    return both[np.argsort(both["recv_ns"], kind="stable")], sessions[0]


def _ticks(recv_ns: NDArray[Any]) -> NDArray[Any]:
    """Return the clock events of a maker that heard at these times: one each second of silence."""
    pauses = np.flatnonzero(np.diff(recv_ns) > NS_PER_S)
    times = [np.arange(recv_ns[k] + NS_PER_S, recv_ns[k + 1], NS_PER_S) for k in pauses]
    ticks = zeros(Event, sum(map(len, times)))
    ticks["kind"] = CLOCK
    ticks["ts_ns"] = ticks["recv_ns"] = np.concatenate([*times, np.zeros(0, np.int64)])
    return ticks


def seconds_of_step(market: Market, events: NDArray[Any]) -> tuple[float, Any]:
    """Return how long the maker takes to hear events, and the maker after it."""
    makers, outputs = new_maker(new_params(market.config)), zeros(Output)
    start = time.perf_counter()
    replay(makers, events, len(events), outputs)
    return time.perf_counter() - start, makers[0]


def seconds_of_run(market: Market, events: NDArray[Any]) -> float:
    """Return how long maker and paper venue take to play market data."""
    sessions, outputs = new_session(market.config, RULES), zeros(Output)
    end_ns = int(events["recv_ns"][-1])
    start = time.perf_counter()
    order = arrival_order(events)
    while not run(sessions, events, order, end_ns, outputs):
        drained(outputs[0])
    return time.perf_counter() - start


def uncompiled(market: Market, events: NDArray[Any]) -> tuple[float, float]:
    """Return seconds of step, and of maker and venue, per event without the compiler."""
    few, fewer = events[:UNCOMPILED_EVENTS], market.events[:UNCOMPILED_EVENTS]
    with tempfile.TemporaryDirectory() as root:
        np.save(Path(root, "heard.npy"), few)
        np.save(Path(root, "market.npy"), fewer)
        Path(root, "config.json").write_text(market.config.model_dump_json())
        command = [sys.executable, "-m", "benchmarks.replay", "--uncompiled", root]
        done = _child(command, os.environ | {"GANGWAY_JIT": "0"})
    step_s, run_s = map(float, done.split())
    return step_s / len(few), run_s / len(fewer)


def _uncompiled(root: Path) -> None:
    config = MakerConfig.model_validate_json(Path(root, "config.json").read_text())
    market = Market("", config, joined([np.load(root / "market.npy")]))
    step_s, _ = seconds_of_step(market, joined([np.load(root / "heard.npy")]))
    print(step_s, seconds_of_run(market, market.events))


def _child(command: list[str], env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:3])}: {done.stderr}")
    return done.stdout


def repeated(seconds: Callable[[], float], repeats: int = REPEATS) -> tuple[float, float]:
    """Return the best and the median of several runs [s]."""
    times = [seconds() for _ in range(repeats)]
    return min(times), float(np.median(times))


def rate(n: int, seconds: tuple[float, float]) -> str:
    """Return events per second, in words."""
    best, median = seconds
    return f"{n / best / 1e6:.2f} M ({n / median / 1e6:.2f})"


def print_rates(market: Market, events: NDArray[Any], session: Any) -> None:
    """Print two rows: the maker alone, and the maker with the paper venue."""
    _, m = seconds_of_step(market, events)
    if m.ledger.cash_usd != session.maker.ledger.cash_usd:
        raise SystemExit(f"{market.name}: the replay ended with other cash than the session")
    step_s = repeated(lambda: seconds_of_step(market, events)[0])
    run_s = repeated(lambda: seconds_of_run(market, market.events))
    slow_step, slow_run = uncompiled(market, events)
    rows = (("maker alone", len(events), step_s, slow_step),)
    rows += (("maker and paper venue", len(market.events), run_s, slow_run),)
    for what, n, seconds, slow in rows:
        print(
            f"| {market.name} | {what} | {n:,} | {m.ledger.fills} | {rate(n, seconds)} | "
            f"{seconds[0] / n * 1e9:.0f} | {slow / seconds[0] * n:,.0f} |"
        )


def print_calls(market: Market, events: NDArray[Any]) -> None:
    """Print how long one call from Python takes, beside an empty one."""
    makers, outputs = new_maker(new_params(market.config)), zeros(Output)
    step_at(makers, events, 0, outputs)
    took, empty = np.zeros(CALLS), np.zeros(CALLS)
    clock = time.perf_counter_ns
    for k in range(CALLS):
        start = clock()
        step_at(makers, events, k, outputs)
        took[k] = clock() - start
        if not k % 1000:
            drained(outputs[0])
    for k in range(CALLS):
        start = clock()
        empty[k] = clock() - start
    median, high = np.percentile(took, (50, 99)) / 1e3
    idle = float(np.median(empty)) / 1e3
    print(f"| {market.name} | {median:.2f} | {high:.2f} | {idle:.2f} | {median / idle:.0f} |")


def print_starts() -> None:
    """Print seconds until the kernels are ready, with nothing and with everything cached."""
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, "-W", "ignore", "-c", COLD_AND_WARM]
        env = os.environ | {"GANGWAY_CACHE": cache}
        cold, warm = ([float(x) for x in _child(command, env).split()] for _ in range(2))
    print(f"| cold | {cold[0]:.2f} | {cold[1]:.2f} | {cold[1] / warm[1]:.0f} |")
    print(f"| warm | {warm[0]:.2f} | {warm[1]:.2f} | 1 |")


def main() -> None:
    """Print the tables."""
    if "--uncompiled" in sys.argv:
        _uncompiled(Path(sys.argv[-1]))
        return
    with tempfile.TemporaryDirectory() as root:
        found = (simulated_market(), recorded_market(Path(root)))
    markets = [market for market in found if market]
    if len(markets) < len(found):
        print(f"no recorded tape: {RECORDING} is not there; set GANGWAY_DATA\n")
    streams = [(market, *heard(market)) for market in markets]
    print(f"Five levels a side, every signal on, best of {REPEATS} runs (median):\n")
    print("| market | what | events | fills | events/s | ns | times uncompiled |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for stream in streams:
        print_rates(*stream)
    print(f"\nOne call of `step_at` from Python, {CALLS:,} events:\n")
    print("| market | median µs | 99 % µs | reading the clock µs | ratio |")
    print("|---|---:|---:|---:|---:|")
    for market, events, _ in streams:
        print_calls(market, events)
    print("\nA new process, until the kernels of a run are ready:\n")
    print("| kernel cache | import s | kernels s | ratio |")
    print("|---|---:|---:|---:|")
    print_starts()


if __name__ == "__main__":
    main()
