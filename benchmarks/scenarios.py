"""What the maker does on every simulated market and every recorded tape, as a Markdown table.

``python -m benchmarks.scenarios`` runs each on the paper venue, from the configuration that is
derived for it, and reads the figures back as a gate would. Nothing is tuned; a fill counts when a
print goes through our price, and beside it when our place in the queue is reached.

The edge is weighted by notional. Its 95 % bound is Student's, on the standard error of that ratio
over the blocks that have fills: of one hour, or of five minutes in a run of under three hours.
"""

import json
import math
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import NormalDist
from typing import Literal, NamedTuple

import numpy as np
import polars as pl

from engine.config import AssetSpec, MakerConfig
from engine.derive.decisions import derive_config
from engine.policy import load_policy
from engine.runners.market_source import market_of_spec
from engine.runners.simulated import RunSpec, trade, warm
from engine.runners.tape_import import import_tape
from engine.sim.universe import UNIVERSE
from engine.store.home import Home
from engine.store.metrics import Metrics

DATA = Path(os.environ.get("GANGWAY_DATA", Path(__file__).parents[1].parent / "shared" / "data"))
CAPITAL_USD = 1000.0
SIMULATED_HOURS = 48.0
TAPE_HOURS = 1000.0  # all of it
# one asset of each scenario; the second of a kind says nothing new
SIMULATED = ("BTC", "SOL", "HYPE", "TREND", "BAIT", "DUST")
RECORDED = (
    ("hl_l2_bbo_trades_20250904", "BTC"),
    ("hl_l2_bbo_trades_20250904", "ETH"),
    ("hl_l2_bbo_trades_20250904", "WLFI"),
    ("standx_btc_l2_trades_20260106", "BTC-USD"),
)
# a simulated "live" order fills by the queue
FILL_MODELS: dict[str, Literal["paper", "live"]] = {"through": "paper", "queue": "live"}
HOUR_NS = 3_600_000_000_000
SHORT_NS = 300_000_000_000
SHORT_HOURS = 3.0  # below it, blocks of five minutes
LEAST_BLOCKS = 3
PROCESSES = 2
_MARKOUTS = """
SELECT ts_ns, notional_usd, mk5 - fee_bps AS edge_bps FROM markouts
WHERE run = $run AND mk5 IS NOT NULL AND NOT isnan(mk5)
"""
_HELD = """
SELECT max(abs(position)) AS coins, max(abs(position) * px) AS usd FROM (
  SELECT position, px FROM fills WHERE run = $run
  UNION ALL SELECT position, mid AS px FROM samples WHERE run = $run AND mid IS NOT NULL
)
"""
HEAD = """\
| market | fills count | hours | fills | edge at 5 s, bps | blocks | AS rate (null) \
| most held | worst drawdown | profit | stopped |
|---|---|---:|---:|---:|---|---:|---:|---:|---:|---|"""


class Job(NamedTuple):
    """One run: `tape` is None on the simulated market, and `hours` ends it."""

    name: str
    config: MakerConfig
    fills: str
    hours: float
    tape: str | None = None


def jobs(root: Path) -> Iterator[Job]:
    """Yield every run, the long ones first; what is not there is said and left out."""
    for asset in SIMULATED:
        spec = AssetSpec(asset=asset, capital_usd=CAPITAL_USD)
        name = f"sim {UNIVERSE[asset].scenario} ({asset})"
        yield from _jobs(spec, name, SIMULATED_HOURS)
    for folder, asset in RECORDED:
        if not (DATA / folder).is_dir():
            print(f"{folder} {asset}: not in {DATA}; set GANGWAY_DATA", file=sys.stderr)
            continue
        tape = root / f"{folder}-{asset}.tape"
        info = import_tape(DATA / folder, tape, asset=asset)
        spec = AssetSpec(asset=info.asset, capital_usd=CAPITAL_USD, venue="tape", tape=str(tape))
        yield from _jobs(spec, f"tape {folder.split('_')[0]} {asset}", TAPE_HOURS)


def _jobs(spec: AssetSpec, name: str, hours: float) -> Iterator[Job]:
    facts = market_of_spec(spec, hours=1).facts(spec.asset, 0)
    try:
        config, _ = derive_config(spec, facts, load_policy())
    except ValueError as error:
        print(f"{name}: no configuration: {error}", file=sys.stderr)
        return
    for fills in FILL_MODELS:
        yield Job(name, config, fills, hours, spec.tape)


def row_of(job: Job) -> str:
    """Play one run in a home of its own and return its row of the table."""
    run = RunSpec(
        run="bench",
        asset=job.config.asset,
        mode=FILL_MODELS[job.fills],
        fraction=1.0,
        config=job.config,
        tape=job.tape,
        sample_s=1.0 if job.tape else 60.0,
        start_ns=0 if job.tape else RunSpec.model_fields["start_ns"].default,
    )
    with tempfile.TemporaryDirectory() as root:
        home = Home(Path(root))
        trade(run, home, job.hours)
        with Metrics.open(home) as metrics:
            metrics.ingest()
            return _row(job, metrics)


def _row(job: Job, metrics: Metrics) -> str:
    shown = metrics.query("evidence", run="bench", capital_usd=CAPITAL_USD).row(0, named=True)
    cursor = metrics.con.cursor()
    held = cursor.sql(_HELD, params={"run": "bench"}).pl().row(0, named=True)
    markouts = cursor.sql(_MARKOUTS, params={"run": "bench"}).pl()
    kills = metrics.query("events", run="bench").filter(pl.col("name") == "kill")
    is_short = shown["hours"] < SHORT_HOURS
    edge, bound, blocks = edge_of(markouts, SHORT_NS if is_short else HOUR_NS)
    drawdown = shown["max_drawdown_usd"]
    cells = (
        job.name,
        job.fills,
        f"{shown['hours']:.1f}",
        f"{shown['fills']:,}",
        _edge_cell(edge, bound),
        f"{blocks} × {'5 min' if is_short else '1 h'}",
        f"{_percent(shown['as_rate'])} ({_percent(shown['as_null'])})",
        f"{held['coins'] / job.config.max_position:.0%} of limit, ${held['usd']:,.0f}",
        f"${drawdown:.2f}, {drawdown / CAPITAL_USD:.2%}",
        f"${shown['pnl_usd']:+.2f}",
        json.loads(kills["body"][0])["reason"] if len(kills) else "no",
    )
    return "| " + " | ".join(cells) + " |"


def edge_of(markouts: pl.DataFrame, block_ns: int) -> tuple[float, float, int]:
    """Return the edge [bps] weighted by notional, its two-sided 95 % bound, and how many blocks.

    The ratio Σx/Σw of block sums has the standard error √(B/(B-1)·Σ(x - edge·w)²)/Σw.
    """
    if not len(markouts):
        return math.nan, math.nan, 0
    notional = markouts["notional_usd"].to_numpy()
    block = markouts["ts_ns"].to_numpy() // block_ns
    _, of = np.unique(block, return_inverse=True)
    w = np.bincount(of, notional)
    x = np.bincount(of, notional * markouts["edge_bps"].to_numpy())
    edge, n = x.sum() / w.sum(), len(w)
    if n < LEAST_BLOCKS:
        return float(edge), math.inf, n
    error = math.sqrt(n / (n - 1) * np.square(x - edge * w).sum()) / w.sum()
    return float(edge), student(0.975, n - 1) * error, n


def student(p: float, freedom: int) -> float:
    """Return a quantile of Student's t (Abramowitz and Stegun, 26.7.5), to 3 % from freedom 2 on.

    >>> round(student(0.975, 10), 2), round(student(0.975, 47), 2)
    (2.23, 2.01)
    """
    z = NormalDist().inv_cdf(p)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3


def _edge_cell(edge: float, bound: float) -> str:
    if math.isnan(edge):
        return "—"
    return f"{edge:+.2f} ± {bound:.2f}" if math.isfinite(bound) else f"{edge:+.2f}, no bound"


def _percent(share: float | None) -> str:
    return "—" if share is None else f"{share:.0%}"


def main() -> None:
    """Print the table, two runs at a time."""
    start = time.perf_counter()
    warm()  # once, before two processes would compile the same
    with tempfile.TemporaryDirectory() as root:
        todo = list(jobs(Path(root)))
        print(HEAD)
        with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
            for row in pool.map(row_of, todo):
                print(row, flush=True)
    print(
        f"\n${CAPITAL_USD:,.0f} of capital each; all of it in {time.perf_counter() - start:.0f} s",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
