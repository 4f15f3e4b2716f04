"""What gates let through and how long they take, beside gates that judge point values.

``python -m benchmarks.gate_power [--short]`` prints Markdown tables. The fills are simulated
(`gate_streams`), so the order of the columns is robust and the third digit is not. Every table
states its seed; in a table, all gates see the same fills.
"""

import math
import sys
import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from benchmarks.gate_ramp import Ramped, edge_budget
from benchmarks.gate_streams import DEPENDENCE, HARSH, MILD, MODERATE, Dependence
from benchmarks.gate_trials import (
    ATTEMPTS,
    GAP_BPS,
    Array,
    attempts,
    false_pass,
    power,
    ramps,
    sent_live,
    turning,
)

SEED = 20260101
LIVE_BPS = (-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 1.5, 2.0, 3.0)
MARGINS_BPS = (1.0, 1.5, 2.0, 3.0)
CLUSTERED = (MILD, MODERATE, HARSH)


class Size(NamedTuple):
    """How many assets each table tries."""

    assets: int
    retried: int
    ramped: int


FULL, SHORT = Size(2000, 1000, 500), Size(500, 200, 40)


def main() -> None:
    """Print the tables."""
    size = SHORT if "--short" in sys.argv[1:] else FULL
    start = time.perf_counter()
    for table in (_false_passes, _powers, _sent_live, _attempts, _ramps):
        print("\n".join(table(size)), end="\n\n", flush=True)
    print(f"{time.perf_counter() - start:.0f} s")


def _false_passes(size: Size) -> Iterator[str]:
    yield f"Assets without margin that pass within 168 h, of {size.assets:,} (seed {SEED}):\n"
    yield from _header(
        "dependence",
        "point, once at 24 h",
        "point, hourly until green",
        "t-test of fills, hourly",
        "HAC t-test, hourly",
        "**ours, hourly**",
        "ours, at day marks",
    )
    for dependence in DEPENDENCE:
        shares = false_pass(dependence, size.assets, SEED)
        yield _row(dependence.name, *(f"{share:.1%}" for share in shares))


def _powers(size: Size) -> Iterator[str]:
    yield f"Assets with a margin that pass within 168 h, of {size.assets:,} (seed {SEED + 1}):\n"
    yield from _header(
        "dependence",
        "margin, bps",
        "hourly looks",
        "median h of all",
        "day marks",
        "median h of all",
        "within the hours planned for 80 %",
        "wrongly failed",
    )
    for dependence in CLUSTERED:
        for margin in MARGINS_BPS:
            one = power(dependence, margin, size.assets, SEED + 1)
            yield _row(
                dependence.name,
                f"{margin:+g}",
                f"{one.hourly:.1%}",
                _hours(one.hourly_h),
                f"{one.daily:.1%}",
                _hours(one.daily_h),
                f"{one.by_plan:.1%} in {one.planned_h:.0f} h",
                f"{one.wrongly_failed:.2%}",
            )


def _sent_live(size: Size) -> Iterator[str]:
    yield (
        f"Assets sent live when paper flatters by {GAP_BPS} bps, of {size.assets:,} "
        f"(seed {SEED + 2}); by edge, fill rate and profit:\n"
    )
    yield from _header(
        "dependence",
        "true live edge, bps",
        "naive, once at 24 h",
        "naive, until green, 7 d",
        "**ours**",
        "ours fails",
        "median h of all to PASS",
    )
    for dependence in (MILD, MODERATE):
        for live in LIVE_BPS:
            one = sent_live(dependence, live, size.assets, SEED + 2)
            shares = (one.once, one.until_green, one.passed, one.failed)
            cells = (*(f"{share:.2%}" for share in shares), _hours(one.median_h))
            yield _row(dependence.name, f"{live:+g}", *cells)


def _attempts(size: Size) -> Iterator[str]:
    yield (
        f"Assets without margin through after so many attempts of 168 h, hourly looks, moderate, "
        f"of {size.retried:,} (seed {SEED + 3}):\n"
    )
    yield from _header("gate", *map(str, range(1, ATTEMPTS + 1)))
    names = ("point values", "ours, the same alpha", "**ours, alpha_k**")
    shares = attempts(MODERATE, size.retried, SEED + 3)
    for name, row in zip(names, shares, strict=True):
        yield _row(name, *(f"{share:.1%}" for share in row))


def _ramps(size: Size) -> Iterator[str]:
    yield (
        f"28 days of the ramp: mean profit / 5th percentile in bps of target capital / share at "
        f"100 % on day 28, of {size.ramped:,} (seed {SEED + 4}):\n"
    )
    yield from _header(
        "dependence",
        "live edge, bps",
        "naive",
        "**ours**",
        "ours, money charged to the account",
    )
    for name, dependence, edge, budget in _ramp_cases():
        results = ramps(dependence, edge, budget, size.ramped, SEED + 4)
        yield _row(dependence.name, name, *map(_ramped, results))


def _ramp_cases() -> Iterator[tuple[str, Dependence, float | Array, float]]:
    """Return name, dependence, live edge and edge budget of each row."""
    usual = edge_budget()
    for edge in (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0):
        yield f"{edge:+g}", MODERATE, edge, usual
    yield "+2, on day 18 -2", MODERATE, turning(2.0, -2.0), usual
    yield "+1.5, on day 18 -1", MODERATE, turning(1.5, -1.0), usual
    yield "+1.5, budget for deff 4", HARSH, 1.5, usual
    yield "+1.5, budget for deff 10", HARSH, 1.5, edge_budget(10.0)


def _ramped(one: Ramped) -> str:
    return f"{one.mean:+.0f} / {one.p05:+.0f} / {one.full:.2f}"


def _hours(median_h: float) -> str:
    return f"{median_h:.0f}" if median_h < math.inf else "> 168"


def _header(*cells: str) -> Iterable[str]:
    return _row(*cells), "|---|" + "---:|" * (len(cells) - 1)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
