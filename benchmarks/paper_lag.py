"""What paper trading in real time costs, and how far it lags behind its own feed.

``python -m benchmarks.paper_lag [SECONDS]`` trades simulated markets at the speed of the clock,
under three fill models side by side, and prints a Markdown table. The lag is from an event's
receipt to the end of the step it caused, which the paper venue does not simulate; beside it stands
what it does simulate, the median delay of a request. The processor time stands beside that of
playing the same events from memory in one piece.
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.config import AssetSpec
from engine.core.output import Output, drained
from engine.derive.decisions import derive_config
from engine.events import joined
from engine.policy import load_policy
from engine.runners.market_source import market_of_spec
from engine.runners.paper import PaperResult, trade_on_paper
from engine.runners.simulated import RunSpec, new_session, warm
from engine.sim.clocks import arrival_order
from engine.sim.rules import BAND, venue_rules
from engine.sim.session import run
from engine.store.home import Home
from engine.venues.simulated_stream import SimulatedStream

ASSETS = ("BTC", "HYPE")
SECONDS = 60.0
HEAD = """\
| market | events/s | lag, median | lag, 99 % | a request, median | lag / request \
| of one core | times playing it from memory |
|---|---:|---:|---:|---:|---:|---:|---:|"""


def main() -> None:
    """Print the table."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    warm()
    print(HEAD)
    for asset in ASSETS:
        print(_row(asset, seconds))


def _row(asset: str, seconds: float) -> str:
    asked = AssetSpec(asset=asset, capital_usd=1000.0)
    facts = market_of_spec(asked, hours=1).facts(asset, 0)
    config, _ = derive_config(asked, facts, load_policy())
    spec = RunSpec(run="bench", asset=asset, mode="paper", fraction=1.0, config=config)
    heard: list[NDArray[Any]] = []
    result = _paper(spec, seconds, heard)
    live_s = (result.cpu_share or 0.0) * seconds
    from_memory_s = _from_memory(spec, joined(heard))
    request_ms = load_policy().paper.latency.request.median_ms
    p50, p99 = result.lag_p50_ms or 0.0, result.lag_p99_ms or 0.0
    return (
        f"| sim {asset} | {result.events / seconds:,.0f} | {p50:.2f} ms | {p99:.2f} ms "
        f"| {request_ms:.0f} ms | {p50 / request_ms:.1%} | {result.cpu_share or 0.0:.1%} "
        f"| {live_s / from_memory_s:,.0f} |"
    )


def _paper(spec: RunSpec, seconds: float, heard: list[NDArray[Any]]) -> PaperResult:
    with tempfile.TemporaryDirectory() as root:
        return trade_on_paper(
            spec,
            Home(Path(root)),
            lambda *_: SimulatedStream(spec.asset),
            speed=1.0,
            hours=seconds / 3600.0,
            on_heard=heard.append,
            on_look=lambda _: None,
        )


def _from_memory(spec: RunSpec, events: NDArray[Any]) -> float:
    """Return the processor time of three sessions that hear the same events at once."""
    order, outputs = arrival_order(events), np.zeros(1, Output.dtype)
    rules = [venue_rules(load_policy(), fill_model=model) for model in BAND.values()]
    sessions = [new_session(spec.config, one) for one in rules]
    began_s = time.process_time()
    for session in sessions:
        while not run(session, events, order, int(events["recv_ns"][-1]), outputs):
            drained(outputs[0])
        drained(outputs[0])
    return time.process_time() - began_s


if __name__ == "__main__":
    main()
