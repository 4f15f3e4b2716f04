"""How fast a tape is written and read, and what an event weighs, beside other ways to keep it.

``python -m benchmarks.tapes`` prints a table: the recorded StandX day, or hours of the simulated
market where there is no recording (``GANGWAY_DATA``). Beside the tape stand the same events as
Parquet of the record's ten columns, with the defaults of polars and of pyarrow, and as one numpy
array. All read warm files into memory. A tape is also checked, byte by byte and row by row, and
its events come out as records; polars' columns are made records of by numpy in a row of their own.
Rates are the best of several runs, the median in brackets.
"""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from engine.events import Event, joined
from engine.runners.feeds import SimulatedFeed
from engine.runners.simulated import TRADING_FROM_NS
from engine.runners.tape_import import import_tape
from engine.store.tape import read_tape, tape_info, write_tape
from engine.store.tape_facts import TapeMeta

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("GANGWAY_DATA", ROOT.parent / "shared" / "data"))
RECORDING = DATA / "standx_btc_l2_trades_20260106"
SIMULATED_HOURS = 24
READS, WRITES = 7, 2


class Way(NamedTuple):
    """One way to keep events."""

    name: str
    path: Path
    write: Callable[[Path], Any]
    read: Callable[[Path], int]


def recorded(root: Path) -> tuple[str, TapeMeta, list[NDArray[Any]]]:
    """Return a name, what is known beforehand, and the events in chunks."""
    if RECORDING.is_dir():
        info = import_tape(RECORDING, root / "import.tape")
        meta = TapeMeta(**info.model_dump(include=set(TapeMeta.model_fields)))
        return "StandX BTC, 24 h", meta, list(read_tape(root / "import.tape"))
    print(f"no recording: {RECORDING} is not there; set GANGWAY_DATA\n")
    feed = SimulatedFeed("BTC", None, 7, TRADING_FROM_NS)
    chunks = [feed.chunk(hour).copy() for hour in range(SIMULATED_HOURS)]
    for chunk in chunks:
        for clock in ("ts_ns", "recv_ns"):
            chunk[clock] -= chunk[clock] % 1000  # a tape keeps microseconds
    meta = TapeMeta(asset="BTC", venue="sim", source="benchmark", px_decimals=0, sz_decimals=5)
    return f"sim BTC, {SIMULATED_HOURS} h", meta, chunks


def ways(root: Path, meta: TapeMeta, chunks: list[NDArray[Any]]) -> list[Way]:
    """Return the tape, and what stands beside it."""
    events = joined(chunks)
    columns = {name: np.ascontiguousarray(events[name]) for name in Event.dtype.names}
    table, frame = pa.table(columns), pl.DataFrame(columns)
    return [
        Way("tape", root / "a.tape", lambda p: write_tape(p, chunks, meta),
            lambda p: sum(map(len, read_tape(p)))),
        Way("Parquet, pyarrow", root / "a.parquet", lambda p: pq.write_table(table, p),
            lambda p: pq.read_table(p).num_rows),
        Way("Parquet, polars", root / "b.parquet", frame.write_parquet,
            lambda p: pl.read_parquet(p).height),
        Way("the same, made records of", root / "c.parquet", frame.write_parquet,
            lambda p: len(as_records(pl.read_parquet(p)))),
        Way("numpy array", root / "a.npy", lambda p: np.save(p, events.view(np.int64)),
            lambda p: len(np.load(p)) // (Event.dtype.itemsize // 8)),
    ]  # fmt: skip


def as_records(frame: pl.DataFrame) -> NDArray[Any]:
    """Return columns as records."""
    out = np.empty(frame.height, Event.dtype)
    for name in Event.dtype.names:
        out[name] = frame[name].to_numpy()
    return out


def seconds(run: Callable[[], Any], repeats: int) -> tuple[float, float]:
    """Return the best and the median of several runs [s]."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times), float(np.median(times))


def measured(way: Way, n: int) -> tuple[tuple[float, float], tuple[float, float], float]:
    """Return how long writing and reading take [s], and what an event weighs [bytes]."""
    if way.read(way.path) != n:
        raise SystemExit(f"{way.name}: {way.read(way.path)} events came back of {n}")
    written = seconds(lambda: way.write(way.path), WRITES)
    return written, seconds(lambda: way.read(way.path), READS), way.path.stat().st_size / n


def rate(n: int, took: tuple[float, float]) -> str:
    """Return events per second, in words."""
    best, median = took
    return f"{n / best / 1e6:.1f} M ({n / median / 1e6:.1f})"


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as root:
        name, meta, chunks = recorded(Path(root))
        n = sum(map(len, chunks))
        beside = ways(Path(root), meta, chunks)
        for way in beside:
            way.write(way.path)
        found = [(way, *measured(way, n)) for way in beside]
        info = tape_info(beside[0].path)
    print(f"{name}: {n:,} events, {info.hours * 3600 / found[0][2][0]:,.0f} times real time read\n")
    print("| kept as | bytes an event | written, events/s | read, events/s | read, tape = 1 |")
    print("|---|---:|---:|---:|---:|")
    tape_s = found[0][2][0]
    for way, written, read, weight in found:
        print(
            f"| {way.name} | {weight:.2f} | {rate(n, written)} | {rate(n, read)} | "
            f"{tape_s / read[0]:.2f} |"
        )


if __name__ == "__main__":
    main()
