"""How fast a market is written down: the recorder on the simulated BTC, beside making it alone."""

import tempfile
import time
from pathlib import Path

from engine.runners.recorder import record
from engine.venues.simulated_stream import SimulatedStream

START_NS = 1_767_225_600_000_000_000
HOURS = 24
HOUR_NS = 3_600_000_000_000


def make() -> tuple[int, float]:
    """Return how many events the market has, and how long making them took [s]."""
    stream = SimulatedStream("BTC", start_ns=START_NS, speed=float("inf"))
    events, began_s, recv_ns = 0, time.perf_counter(), 0
    while recv_ns < START_NS + HOURS * HOUR_NS:
        taken = stream.take(0.0)
        assert taken is not None
        events, recv_ns = events + len(taken), int(taken["recv_ns"][-1])
    return events, time.perf_counter() - began_s


def write(folder: Path) -> tuple[int, int, float]:
    """Return events and bytes on the tapes, and how long making and recording them took [s]."""
    stream = SimulatedStream("BTC", start_ns=START_NS, speed=float("inf"))
    began_s = time.perf_counter()
    look = record(stream, folder, hours=HOURS)
    took_s = time.perf_counter() - began_s
    return look.events, sum(path.stat().st_size for path in folder.glob("*.tape")), took_s


def main() -> None:
    """Print both, and what recording costs."""
    make()  # compiles
    made, alone_s = make()
    with tempfile.TemporaryDirectory() as folder:
        events, size, took_s = write(Path(folder))
    print(f"making {made:,} events of simulated BTC: {alone_s:.2f} s, {made / alone_s:,.0f}/s")
    print(
        f"making and recording {events:,}: {took_s:.2f} s, {events / took_s:,.0f}/s, "
        f"{HOURS * 3600 / took_s:,.0f} times real time, {took_s / alone_s:.1f} times making alone, "
        f"{size / events:.1f} bytes each"
    )


if __name__ == "__main__":
    main()
