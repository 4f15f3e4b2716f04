r"""Fill intensity λ(δ) = A·exp(-κδ), learned from every second each of our quotes was exposed.

The likelihood of a Poisson process thinned by depth is

.. math:: \ell(A, κ) = \sum_{fills} (\ln A - κδ_i) - \sum_{quotes} A e^{-κδ_j} Δt_j,

concave in (ln A, κ). With Gamma priors on both, A has the closed form
``A(κ) = (a + n) / (b + Σ Δt_j exp(-κδ_j))``, and κ is found by Newton steps on the profile. The
estimate does not depend on where we chose to quote, unlike the mean distance of our own fills
(docs/model.md, eqs. 3-8).

References
----------
Avellaneda and Stoikov, *High-frequency trading in a limit order book*, Quant. Finance 8 (2008),
eq. 2.11; Laruelle, *Limit order book modelling and market making* (2013), sec. 3, for the exposure
likelihood.
"""

import math
from typing import Annotated, Any

from engine.record import f8, i8, kernel, record

BINS = 64
BIN_WIDTH = 1e-4  # 1 bp of depth
HALFLIFE_S = 86_400.0
KAPPA_MIN, KAPPA_MAX = 50.0, 10_000.0
A_PRIOR_FILLS = 2.0
NEWTON_STEPS = 12


@record
class Intensity:
    """Exposure [s] and fills per bin of depth, and the posterior they give."""

    seconds: Annotated[f8, BINS]
    fills: Annotated[f8, BINS]
    n: i8  # own fills counted, ever
    kappa: f8
    intensity_per_s: f8
    kappa_sd: f8
    kappa_prior: f8
    prior_fills: f8
    intensity_prior_per_s: f8


@kernel
def start(s: Any, kappa_prior: float, prior_fills: float, intensity_prior_per_s: float) -> None:
    """Set the priors; the estimate is the prior until something was exposed."""
    s.kappa_prior = kappa_prior
    s.prior_fills = prior_fills
    s.intensity_prior_per_s = intensity_prior_per_s
    s.kappa = kappa_prior
    s.intensity_per_s = intensity_prior_per_s
    s.kappa_sd = kappa_prior / math.sqrt(prior_fills)


@kernel
def bin_of(depth: float) -> int:
    """Return the bin of a relative depth; a quote through the mid counts as depth zero."""
    return min(max(int(depth / BIN_WIDTH), 0), BINS - 1)


@kernel
def expose(s: Any, depth: float, dt_s: float) -> None:
    """Record that a quote rested at a relative depth for `dt_s` seconds."""
    s.seconds[bin_of(depth)] += dt_s


@kernel
def fill(s: Any, depth: float) -> None:
    """Record one fill at a relative depth."""
    s.fills[bin_of(depth)] += 1.0
    s.n += 1


@kernel
def forget(s: Any, dt_s: float) -> None:
    """Let old evidence fade with the half-life."""
    keep = 0.5 ** (dt_s / HALFLIFE_S)
    for k in range(BINS):
        s.seconds[k] *= keep
        s.fills[k] *= keep


@kernel
def solve(s: Any) -> None:
    """Refresh A, κ and the standard deviation of κ from the bins."""
    kappa = s.kappa
    curvature = 0.0
    for _ in range(NEWTON_STEPS):
        slope, curvature = _profile(s, kappa)
        # Newton on ln κ: stays positive, and converges from any start for this concave profile
        change = slope * kappa / max(curvature * kappa * kappa - slope * kappa, 1.0)
        kappa = min(max(kappa * math.exp(min(max(change, -1.0), 1.0)), KAPPA_MIN), KAPPA_MAX)
        if abs(change) < 1e-9:
            break
    s.kappa = kappa
    s.intensity_per_s = _intensity_at(s, kappa)
    s.kappa_sd = 1.0 / math.sqrt(max(curvature, 1e-12))


@kernel
def _intensity_at(s: Any, kappa: float) -> float:
    n = A_PRIOR_FILLS
    reach = A_PRIOR_FILLS / s.intensity_prior_per_s
    for k in range(BINS):
        n += s.fills[k]
        reach += s.seconds[k] * math.exp(-kappa * (k + 0.5) * BIN_WIDTH)
    return n / reach


@kernel
def _profile(s: Any, kappa: float) -> tuple[float, float]:
    """Return slope and negative curvature of the log posterior of κ, with A at its best."""
    n, depth_sum = A_PRIOR_FILLS, 0.0
    m0, m1, m2 = A_PRIOR_FILLS / s.intensity_prior_per_s, 0.0, 0.0
    for k in range(BINS):
        depth = (k + 0.5) * BIN_WIDTH
        n += s.fills[k]
        depth_sum += s.fills[k] * depth
        w = s.seconds[k] * math.exp(-kappa * depth)
        m0 += w
        m1 += w * depth
        m2 += w * depth * depth
    mean = m1 / m0
    slope = n * mean - depth_sum + s.prior_fills / kappa - s.prior_fills / s.kappa_prior
    curvature = n * (m2 / m0 - mean * mean) + s.prior_fills / (kappa * kappa)
    return slope, curvature


@kernel
def confidence(s: Any) -> float:
    """Return 1 - sd_posterior/sd_prior of ln κ: zero before evidence, one at certainty.

    On the log scale a market with a large κ is not mistaken for an uncertain one.
    """
    if s.n == 0:
        return 0.0
    return min(max(1.0 - s.kappa_sd / s.kappa * math.sqrt(s.prior_fills), 0.0), 1.0)
