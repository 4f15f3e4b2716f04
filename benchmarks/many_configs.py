"""Eight configs on the same market: one after another, played together, and on two processes.

``python -m benchmarks.many_configs [TAPE ...]`` prints a Markdown table: a simulated week of HYPE
and every tape named. What the three ways do is the same to the last bit, and is checked to be.
"""

import sys
import time
from collections.abc import Callable, Sequence

from engine.policy import load_policy
from engine.runners.replaying import ReplayResult, ReplaySpec
from engine.runners.sharing import replay, results
from engine.runners.simulated import warm
from engine.runners.variants import ground, market_named

WEEK_H = 168.0
CONFIGS = 8
CAPITAL_USD = 1000.0
PROCESSES = 2
HEAD = """\
| market | hours | events | one config | eight, one after another | together | on two processes |
|---|---:|---:|---|---|---|---|"""


def specs_of(word: str) -> list[ReplaySpec]:
    """Return eight configs of a market that differ in gamma."""
    market = market_named(word, hours=None if word.endswith(".tape") else WEEK_H)
    on = ground(market, CAPITAL_USD, load_policy())
    assert on.config is not None
    gammas = [on.config.gamma * (1.0 + 0.25 * k) for k in range(CONFIGS)]
    return [on.spec(f"gamma={gamma:.3g}", {"gamma": gamma}) for gamma in gammas]


def row_of(word: str) -> str:
    """Play a market in three ways and return its row."""
    specs = specs_of(word)
    first_s, _ = timed(lambda: results(replay(specs[:1])))
    apart_s, apart = timed(lambda: [results(replay([spec]))[0] for spec in specs])
    together_s, together = timed(lambda: results(replay(specs)))
    shared_s, shared = timed(lambda: results(replay(specs, jobs=PROCESSES)))
    assert deeds(apart) == deeds(together) == deeds(shared)
    hours = specs[0].market.hours
    cells = (
        specs[0].market.label,
        f"{hours:.1f}",
        f"{together[0].events:,}",
        f"{first_s:.1f} s, {3600 * hours / first_s:,.0f} times real time",
        f"{apart_s:.1f} s",
        f"{together_s:.1f} s, {apart_s / together_s:.2f} times as fast",
        f"{shared_s:.1f} s, {apart_s / shared_s:.2f} times",
    )
    return "| " + " | ".join(cells) + " |"


def timed(work: Callable[[], list[ReplayResult]]) -> tuple[float, list[ReplayResult]]:
    """Return the seconds that work takes, and what it returns."""
    start = time.perf_counter()
    done = work()
    return time.perf_counter() - start, done


def deeds(played: Sequence[ReplayResult]) -> list[object]:
    """Return what was done, without how long it took."""
    return [one.model_dump(exclude={"wall_s"}) for one in played]


def main() -> None:
    """Print the table."""
    warm()
    print(HEAD)
    for word in ("HYPE", *sys.argv[1:]):
        print(row_of(word), flush=True)


if __name__ == "__main__":
    main()
