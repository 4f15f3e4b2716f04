"""Hourly sums of simulated fills, many assets at once: what the gates are tried on.

Every figure here was chosen, none fitted: an item's tails, bursts of one aggressor,
arrivals by the hour of the day, volatility that clusters, and an edge that wanders about its mean
in regimes of hours and days.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FILLS_PER_H = 15.0
SD_BPS = 10.0  # of a fill, toxic sweeps included
TOXIC_SHARE = 0.02
TOXIC_BPS = -25.0
BURST = 1.6  # fills of one aggressor, on average
ALIKE = 0.5  # correlation of the fills of a burst
DAY_SWING = 0.5  # amplitude of arrivals over the day, share of their mean
COX_SD = 0.5  # of the log of what else arrivals do, hour by hour
COX_PHI = 0.8
VOL_SD = 0.3  # of the log of volatility
VOL_PHI = 0.9
DAY_H = 24

Array = NDArray[Any]


class Dependence(NamedTuple):
    """How an hour's edge hangs on the hours before: AR(1), and a level of the day [bps]."""

    name: str
    phi: float = 0.0
    sd_bps: float = 0.0
    day_sd_bps: float = 0.0
    clustered: bool = True  # bursts, Cox arrivals and volatility; else independent fills


IID = Dependence("iid", clustered=False)
MILD = Dependence("mild", 0.7, 0.7)
MODERATE = Dependence("moderate", 0.8, 1.0, 0.3)
HARSH = Dependence("harsh", 0.9, 1.5, 0.7)
DEPENDENCE = (IID, MILD, MODERATE, HARSH)


class Streams(NamedTuple):
    """Sums over each hour of each path, shape (paths, hours).

    `x` is the edge [bps · fills], `n` the fills, `x2` the sum of squared edges.
    """

    x: Array
    n: Array
    x2: Array

    def shifted(self, by_bps: float | Array) -> "Streams":
        """Return the same fills, each with so much more edge [bps]; an array has one per hour."""
        x = self.x + by_bps * self.n
        return Streams(x, self.n, self.x2 + by_bps * (self.x + x))


def streams(
    rng: np.random.Generator,
    dependence: Dependence,
    *,
    paths: int,
    hours: int,
    fills_per_h: float = FILLS_PER_H,
) -> Streams:
    """Return streams whose fills have no edge on average."""
    shape = (paths, hours)
    sizes, owner = _bursts(rng, dependence, shape, fills_per_h)
    cell = np.repeat(owner, sizes)
    edge = _edges(rng, sizes, dependence.clustered)
    sd = np.exp(_ar1(rng, shape, VOL_PHI, VOL_SD) - VOL_SD**2) if dependence.clustered else 1.0
    regime = _regime(rng, dependence, shape)
    edge = edge * np.broadcast_to(sd, shape).ravel()[cell] + regime.ravel()[cell]

    def summed(weights: Array | None) -> Array:
        return np.bincount(cell, weights, minlength=paths * hours).reshape(shape).astype(float)

    return Streams(x=summed(edge), n=summed(None), x2=summed(edge * edge))


def _bursts(
    rng: np.random.Generator, dependence: Dependence, shape: tuple[int, int], fills_per_h: float
) -> tuple[Array, Array]:
    """Return the fills of each burst, and the hour of the path it fell in, counted through."""
    if not dependence.clustered:
        counts = rng.poisson(fills_per_h, shape).ravel()
        return np.ones(counts.sum(), dtype=np.int64), np.repeat(np.arange(counts.size), counts)
    swing = 1.0 + DAY_SWING * np.sin(2 * np.pi * np.arange(shape[1]) / DAY_H)
    cox = np.exp(_ar1(rng, shape, COX_PHI, COX_SD) - COX_SD**2 / 2)
    counts = rng.poisson(fills_per_h / BURST * swing * cox).ravel()
    return rng.geometric(1 / BURST, counts.sum()), np.repeat(np.arange(counts.size), counts)


def _edges(rng: np.random.Generator, sizes: Array, clustered: bool) -> Array:
    """Return each fill's edge at mean volatility [bps]: a t4 body, and sweeps that take a burst."""
    own = _t4(rng, sizes.sum())
    if clustered:
        own = np.sqrt(1 - ALIKE) * own + np.sqrt(ALIKE) * np.repeat(_t4(rng, len(sizes)), sizes)
    toxic = np.repeat(rng.random(len(sizes)) < TOXIC_SHARE, sizes)
    body_sd = np.sqrt(SD_BPS**2 - TOXIC_SHARE * (1 - TOXIC_SHARE) * TOXIC_BPS**2)
    return body_sd * own + TOXIC_BPS * (toxic - TOXIC_SHARE)


def _t4(rng: np.random.Generator, n: int) -> Array:
    """Return draws of Student's t with 4 degrees of freedom, with variance 1."""
    return rng.standard_t(4, n) / np.sqrt(2.0)


def _regime(rng: np.random.Generator, dependence: Dependence, shape: tuple[int, int]) -> Array:
    """Return how far each hour's edge lies off its mean [bps]."""
    days = -(-shape[1] // DAY_H)
    daily = dependence.day_sd_bps * rng.standard_normal((shape[0], days))
    hourly = _ar1(rng, shape, dependence.phi, dependence.sd_bps)
    return hourly + np.repeat(daily, DAY_H, axis=1)[:, : shape[1]]


def _ar1(rng: np.random.Generator, shape: tuple[int, int], phi: float, sd: float) -> Array:
    """Return stationary AR(1) paths with standard deviation sd."""
    out = rng.standard_normal(shape)
    for hour in range(1, shape[1]):
        out[:, hour] = phi * out[:, hour - 1] + np.sqrt(1 - phi**2) * out[:, hour]
    return sd * out
