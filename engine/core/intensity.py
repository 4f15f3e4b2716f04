r"""Fill intensity λ(δ) = A·exp(-κδ), from our quotes' exposure and the reach of public sweeps.

The likelihood of a Poisson process thinned by depth, and of sweeps that ended between ``x`` and
``x + g`` beyond the touch, is

.. math::
    \ell(A, κ) = \sum_{fills} (\ln A - κδ_i) - \sum_{quotes} A e^{-κδ_j} Δt_j
        + w \sum_{sweeps} (\ln(1 - e^{-κg_m}) - κx_m).

An exponential has no memory, so what a sweep goes beyond the touch is exponential with rate κ
wherever the touch was; it says nothing of A. With Gamma priors on both, A has the closed form
``A(κ) = (a + n) / (b + Σ Δt_j exp(-κδ_j))``, and κ is found by Newton steps on the profile. The
estimate does not depend on where we chose to quote, unlike the mean distance of our own fills
(docs/model.md, Fill intensity).

References
----------
Avellaneda and Stoikov, *High-frequency trading in a limit order book*, Quant. Finance 8 (2008),
eq. 2.11; Laruelle, *Limit order book modelling and market making* (2013), sec. 3, for the exposure
likelihood; Turnbull, *The empirical distribution function with arbitrarily grouped, censored and
truncated data*, J. R. Stat. Soc. B 38 (1976), for interval censoring.
"""

import math
from typing import Annotated, Any

from engine.record import f8, i8, kernel, record

# Eight bins an octave from 0.04 to 156 bps, 6 to 12 % wide. Each keeps its mean depth, so what is
# lost is the variance within a bin: λ is 1 % off at κδ = 4, where hardly anything is filled.
PER_OCTAVE = 8
NEAREST = 2.0**-18
BINS = 12 * PER_OCTAVE
HALFLIFE_S = 86_400.0
# A mean reach of 200 bps and of 0.1 bp: BTC's touch is 0.05 bp from its mid, and no market that we
# would make reaches further than 200.
KAPPA_MIN, KAPPA_MAX = 50.0, 100_000.0
A_PRIOR_FILLS = 2.0
SWEEP_WEIGHT = 0.1  # sweeps cluster, and most are of a size that we do not quote
SWEEP_CAP = 10.0  # all sweeps together never say more of κ than so many own fills
NEWTON_STEPS = 12


@record
class Intensity:
    """What is remembered per bin of depth or of gap, sums that fade, and the posterior."""

    seconds: Annotated[f8, BINS]
    depth_seconds: Annotated[f8, BINS]  # Σ δ·Δt
    fills: f8
    fill_depths: f8  # Σ δ
    sweeps: Annotated[f8, BINS]  # by the gap they ended in
    gaps: Annotated[f8, BINS]  # Σ g
    sweep_excess: f8  # Σ x
    n: i8  # own fills counted, ever
    n_sweeps: i8  # public sweeps counted, ever
    kappa: f8
    intensity_per_s: f8
    kappa_sd: f8
    kappa_prior: f8
    prior_fills: f8
    intensity_prior_per_s: f8


@kernel
def start(s: Any, kappa_prior: float, prior_fills: float, intensity_prior_per_s: float) -> None:
    """Set the priors; the estimate is the prior until something was exposed or swept."""
    s.kappa_prior = kappa_prior
    s.prior_fills = prior_fills
    s.intensity_prior_per_s = intensity_prior_per_s
    s.kappa = kappa_prior
    s.intensity_per_s = intensity_prior_per_s
    s.kappa_sd = kappa_prior / math.sqrt(prior_fills)


@kernel
def bin_of(depth: float) -> int:
    """Return the bin of a relative depth; what is nearer or deeper than all goes to the ends."""
    # the exponent of the float is its octave: a third cheaper than a logarithm, per order and event
    mantissa, exponent = math.frexp(min(max(depth, NEAREST), 1.0))
    return min(PER_OCTAVE * (exponent + 16) + int(2 * PER_OCTAVE * mantissa), BINS - 1)


@kernel
def bounded(depth: float) -> float:
    """Return the depth within [0, 1]: a quote through the mid counts as depth zero."""
    return min(depth, 1.0) if depth > 0.0 else 0.0


@kernel
def expose(s: Any, depth: float, dt_s: float) -> None:
    """Record that a quote rested at a relative depth for `dt_s` seconds."""
    d = bounded(depth)
    k = bin_of(d)
    s.seconds[k] += dt_s
    s.depth_seconds[k] += d * dt_s


@kernel
def fill(s: Any, depth: float) -> None:
    """Record one fill at a relative depth."""
    s.fills += 1.0
    s.fill_depths += bounded(depth)
    s.n += 1


@kernel
def reach(s: Any, excess: float, gap: float) -> None:
    """Record one public sweep that ended between `excess` and `excess + gap` beyond the touch.

    Parameters
    ----------
    excess : from the touch to the worst price of the sweep [fraction of the price], >= 0
    gap : from there to the next level, which it did not reach; zero where that is not known
    """
    g = bounded(gap)
    k = bin_of(g)
    s.sweeps[k] += 1.0
    s.gaps[k] += g
    s.sweep_excess += bounded(excess)
    s.n_sweeps += 1


@kernel
def forget(s: Any, dt_s: float) -> None:
    """Let old evidence fade with the half-life."""
    keep = 0.5 ** (dt_s / HALFLIFE_S)
    for k in range(BINS):
        s.seconds[k] *= keep
        s.depth_seconds[k] *= keep
        s.sweeps[k] *= keep
        s.gaps[k] *= keep
    s.fills *= keep
    s.fill_depths *= keep
    s.sweep_excess *= keep


@kernel
def solve(s: Any) -> None:
    """Refresh A, κ and the standard deviation of κ from what is remembered."""
    kappa = s.kappa
    weight = _sweep_weight(s)
    curvature = 0.0
    for _ in range(NEWTON_STEPS):
        slope, curvature, intensity = _profile(s, kappa)
        market_slope, market_curvature = _market(s, kappa)
        slope += weight * market_slope
        curvature += weight * market_curvature
        s.intensity_per_s = intensity
        # Newton on ln κ: stays positive, and converges from any start for this concave profile
        change = slope * kappa / max(curvature * kappa * kappa - slope * kappa, 1.0)
        if abs(change) < 1e-9:
            break
        kappa = min(max(kappa * math.exp(min(max(change, -1.0), 1.0)), KAPPA_MIN), KAPPA_MAX)
    s.kappa = kappa
    s.kappa_sd = 1.0 / math.sqrt(max(curvature, 1e-12))


@kernel
def _sweep_weight(s: Any) -> float:
    """Return what one sweep counts, in own fills."""
    total = 0.0
    for k in range(BINS):
        total += s.sweeps[k]
    return min(SWEEP_WEIGHT, SWEEP_CAP / max(total, 1.0))


@kernel
def _profile(s: Any, kappa: float) -> tuple[float, float, float]:
    """Return slope and negative curvature of the log posterior of κ with A at its best, and that A.

    The sweeps are not in it.
    """
    n = A_PRIOR_FILLS + s.fills
    m0, m1, m2 = A_PRIOR_FILLS / s.intensity_prior_per_s, 0.0, 0.0
    for k in range(BINS):
        if s.seconds[k] > 0.0:
            depth = s.depth_seconds[k] / s.seconds[k]
            w = s.seconds[k] * math.exp(-kappa * depth)
            m0 += w
            m1 += w * depth
            m2 += w * depth * depth
    mean = m1 / m0
    slope = n * mean - s.fill_depths + s.prior_fills / kappa - s.prior_fills / s.kappa_prior
    curvature = n * (m2 / m0 - mean * mean) + s.prior_fills / (kappa * kappa)
    return slope, curvature, n / m0


@kernel
def _market(s: Any, kappa: float) -> tuple[float, float]:
    """Return slope and negative curvature in κ of Σ ln(1 - exp(-κg)) - κx over the sweeps."""
    slope, curvature = -s.sweep_excess, 0.0
    for k in range(BINS):
        if s.sweeps[k] > 0.0:
            # a gap below a thousandth of the shortest reach is as good as a point: 1/κ - x
            gap = max(s.gaps[k] / s.sweeps[k], 1e-3 / KAPPA_MAX)
            beyond = math.exp(-kappa * gap)
            within = -math.expm1(-kappa * gap)
            slope += s.sweeps[k] * gap * beyond / within
            curvature += s.sweeps[k] * gap * gap * beyond / (within * within)
    return slope, curvature


@kernel
def confidence(s: Any) -> float:
    """Return 1 - sd_posterior/sd_prior of ln κ: zero before evidence, one at certainty.

    On the log scale a market with a large κ is not mistaken for an uncertain one. Evidence is a
    fill of ours or a public sweep: that nobody traded says nothing of how far they would reach.
    """
    if s.n == 0 and s.n_sweeps == 0:
        return 0.0
    return min(max(1.0 - s.kappa_sd / s.kappa * math.sqrt(s.prior_fills), 0.0), 1.0)
