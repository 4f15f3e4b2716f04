"""How long messages take on paper: quantiles drawn from seeded streams, and spikes.

Requests, answers, the feed and the spikes draw from streams of their own: two runs of one seed that
ask for different things still hear the market at the same times.
"""

import math
from typing import Annotated, Any

import numpy as np

from engine.core import xorshift
from engine.record import f8, i8, kernel, record
from engine.sim.rules import POINTS, Delay, Latency

NEW, MODIFY, CANCEL, RESPONSE, FEED = range(5)
KINDS = ("new", "modify", "cancel", "response", "feed")
STREAM = (0, 0, 0, 1, 2)  # that each kind draws from
OF_SPIKES, STREAMS = 3, 4
GOLDEN = 0x9E3779B9  # keeps the streams of one seed apart (Knuth, TAOCP 3, sec. 6.4)
MS = 1e6


@record
class Latencies:
    """Evenly spaced quantiles of every kind of message [ns], and where the streams stand."""

    ns: Annotated[f8, (5, POINTS)]
    spikes_per_s: f8
    spike_mean_s: f8
    spike_extra_ns: f8
    spike_from_ns: i8  # of the present or next spike
    spike_until_ns: i8
    random: Annotated[i8, STREAMS]


def start(latencies: Any, latency: Latency, seed: int) -> None:
    """Fill a zeroed record with tables and seeds."""
    for k, name in enumerate(KINDS):
        latencies.ns[k] = _table(getattr(latency, name))
    latencies.spikes_per_s = latency.spikes.per_hour / 3_600.0
    latencies.spike_mean_s = latency.spikes.mean_s
    latencies.spike_extra_ns = latency.spikes.extra_ms * MS
    for k in range(STREAMS):
        latencies.random[k] = (((STREAMS * seed + k + 1) * GOLDEN) & xorshift.MASK) or 1


def _table(delay: Delay) -> Any:
    given = np.array(delay.quantiles_ms) * MS
    return np.interp(np.linspace(0, 1, POINTS), np.linspace(0, 1, len(given)), given)


@kernel
def draw(s: Any, kind: int, now_ns: int) -> int:
    """Return the delay [ns] of a message of `kind` that leaves at `now_ns`."""
    q = s.ns[kind]
    ns = q[0]
    if q[POINTS - 1] > q[0]:
        x = _uniform(s, STREAM[kind]) * (POINTS - 1)
        k = int(x)
        ns = q[k] + (x - k) * (q[k + 1] - q[k])
    return int(ns + _spike(s, now_ns))


@kernel
def delays_feed(s: Any) -> bool:
    """Return whether the feed is ever later than it says."""
    return s.ns[FEED, POINTS - 1] > 0.0 or s.spikes_per_s > 0.0


@kernel
def _uniform(s: Any, stream: int) -> float:
    """Return the next number of a stream, in [0, 1)."""
    s.random[stream] = xorshift.after(s.random[stream])
    return s.random[stream] / (xorshift.MASK + 1.0)


@kernel
def _spike(s: Any, now_ns: int) -> float:
    """Return what a spike adds now [ns]; spikes are an alternating renewal process."""
    if s.spikes_per_s <= 0.0:
        return 0.0
    if s.spike_until_ns == 0:
        s.spike_until_ns = now_ns
    while now_ns >= s.spike_until_ns:
        s.spike_from_ns = s.spike_until_ns + _exponential(s, 1.0 / s.spikes_per_s)
        s.spike_until_ns = s.spike_from_ns + _exponential(s, s.spike_mean_s)
    return s.spike_extra_ns if now_ns >= s.spike_from_ns else 0.0


@kernel
def _exponential(s: Any, mean_s: float) -> int:
    return 1 + int(-math.log(1.0 - _uniform(s, OF_SPIKES)) * mean_s * 1e9)
