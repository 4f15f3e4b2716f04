r"""Optimal half-spreads of Guéant, Lehalle and Fernandez-Tapia, in closed form.

With prices relative, inventory n counted in orders, fill intensity λ(δ) = A·exp(-κδ) and a risk
aversion g per order:

.. math::
    b = \frac1g \ln\Bigl(1 + \frac gκ\Bigr), \qquad
    c = \sqrt{\frac{σ^2 g}{2κA} \Bigl(1 + \frac gκ\Bigr)^{1 + κ/g}}, \qquad
    δ^{bid}(n) = b + \tfrac{2n+1}2 c, \quad δ^{ask}(n) = b - \tfrac{2n-1}2 c.

b is the specification's formula; c is the inventory term without which gamma neither widens nor
skews (docs/model.md, "Half-spreads").

References
----------
Guéant, Lehalle and Fernandez-Tapia, *Dealing with the inventory risk*, Math. Financ. Econ. 7
(2013), sec. 4; Guéant, *Optimal market making* (arXiv:1605.01862), eqs. 4.6-4.7 with ξ = γ and Δ =
1.
"""

import math

from engine.record import kernel


@kernel
def base(g: float, kappa: float) -> float:
    """Return b [fraction of the price] for g > 0 and κ > 0; tends to 1/κ as g tends to 0.

    >>> round(1e4 * base(0.15, 1500.0), 3)
    6.666
    """
    return math.log1p(g / kappa) / g


@kernel
def step(g: float, kappa: float, intensity_per_s: float, sigma: float) -> float:
    """Return c [fraction of the price per order held].

    Parameters
    ----------
    g : risk aversion per order, > 0
    kappa : decay of the intensity per unit of relative price, > 0
    intensity_per_s : A [1/s], > 0
    sigma : volatility [1/√s], >= 0

    Examples
    --------
    >>> round(1e4 * step(0.15, 2000.0, 0.05, 2.8e-4), 3)
    0.126
    """
    growth = math.exp((1.0 + kappa / g) * math.log1p(g / kappa))
    return sigma * math.sqrt(g / (2.0 * kappa * intensity_per_s) * growth)


@kernel
def half_spread(side: int, n: float, b: float, c: float) -> float:
    """Return δ on one side [fraction] with `n` orders of inventory; side +1 is the bid.

    Long inventory moves the bid away and brings the ask nearer by the same amount.
    """
    return b + 0.5 * c + side * n * c
