"""Whether a feed can be believed: by the age of its last event, never by what it once gave.

A feed is ABSENT (this asset has none), WARMING (heard fewer than 50 events), FRESH, STALE (silent
for longer than ``τ = max(3·median gap, 2 s)``) or DEAD (longer than 10 τ). Only the silence of a
feed that was warm costs anything: the staleness multiplier rises from 1 at τ to 2 at 10 τ, and is
1 again with the next event (docs/model.md, Feeds).

References
----------
Robbins and Monro, *A stochastic approximation method*, Ann. Math. Stat. 22 (1951), for the median.
"""

import math
from typing import Any

from engine.record import f8, i8, kernel, record

ABSENT, WARMING, FRESH, STALE, DEAD = range(5)

WARM_EVENTS = 50
SILENCE_GAPS = 3.0  # typical gaps that make a silence
SILENCE_MIN_S = 2.0  # a quiet market is not a broken feed
DEAD_SILENCES = 10.0
GAP_MIN_S = 1e-3  # events of one burst count as this far apart
STEP_MIN = 0.01  # of the logarithm: 100 events follow a change by a factor of e


@record
class Feed:
    """When a feed was last heard, on our clock; set `configured` to 1 where there is one."""

    configured: i8
    n: i8
    last_ns: i8
    gap_log: f8  # logarithm of the median gap [s]


@kernel
def hear(f: Any, now_ns: int) -> None:
    """Absorb the arrival of one event; a feed that is not configured stays absent."""
    if not f.configured:
        return
    if f.n > 0:
        _see_gap(f, (now_ns - f.last_ns) * 1e-9)
    f.n += 1
    f.last_ns = max(f.last_ns, now_ns)


@kernel
def _see_gap(f: Any, gap_s: float) -> None:
    """Move the median a step towards one more gap; the steps are 2/n, down to the least."""
    gap_log = math.log(max(gap_s, GAP_MIN_S))
    if f.n == 1:
        f.gap_log = gap_log
        return
    step = max(2.0 / f.n, STEP_MIN)
    f.gap_log += min(max(gap_log - f.gap_log, -step), step)


@kernel
def silence_s(f: Any) -> float:
    """Return τ [s], the silence after which the feed is stale."""
    return max(SILENCE_GAPS * math.exp(f.gap_log), SILENCE_MIN_S)


@kernel
def availability(f: Any, now_ns: int) -> int:
    """Return ABSENT, WARMING, FRESH, STALE or DEAD."""
    if not f.configured:
        return ABSENT
    if f.n < WARM_EVENTS:
        return WARMING
    silences = (now_ns - f.last_ns) * 1e-9 / silence_s(f)
    if silences <= 1.0:
        return FRESH
    return STALE if silences <= DEAD_SILENCES else DEAD


@kernel
def multiplier(f: Any, now_ns: int) -> float:
    """Return the staleness multiplier: 1 unless STALE or DEAD, rising with the age to 2."""
    if availability(f, now_ns) < STALE:
        return 1.0
    silences = (now_ns - f.last_ns) * 1e-9 / silence_s(f)
    return 1.0 + min((silences - 1.0) / (DEAD_SILENCES - 1.0), 1.0)
