r"""Bayesian linear regression, one observation at a time, over arrays another record owns.

A row is the leading features of `x` and a constant 1, which comes last in the weights. With
Gaussian weights of mean w and covariance P, an observation with residual e and noise variance R
gives

.. math::
    w \leftarrow w + \frac{Pz\,e}{R + z^\top Pz}, \qquad
    P \leftarrow P - \frac{Pz\,z^\top P}{R + z^\top Pz},

which is recursive least squares with a ridge at the prior, and one step of the extended Kalman
filter where e and R come from a linearised likelihood (docs/model.md, Recursive regression).

References
----------
Ljung and Söderström, *Theory and Practice of Recursive Identification* (1983), sec. 2.2;
Spiegelhalter and Lauritzen, *Sequential updating of conditional probabilities*, Networks 20 (1990).
"""

from typing import Any

from engine.record import kernel


@kernel
def start(covariance: Any, slope_var: float, constant_var: float) -> None:
    """Set the prior covariance: independent slopes, and the constant."""
    covariance[:] = 0.0
    forget(covariance, slope_var, constant_var, 1.0)


@kernel
def forget(covariance: Any, slope_var: float, constant_var: float, share: float) -> None:
    """Move a share of the way back to the prior covariance.

    The weights may have changed since they were learned; a mixture of two covariances is one, and
    a feature that never moves cannot grow more uncertain than it began.
    """
    last = len(covariance) - 1
    for i in range(last + 1):
        for j in range(last + 1):
            covariance[i, j] *= 1.0 - share
        covariance[i, i] += share * (slope_var if i < last else constant_var)


@kernel
def _input(weights: Any, x: Any, k: int) -> float:
    return x[k] if k < len(weights) - 1 else 1.0


@kernel
def predict(weights: Any, x: Any, first: int) -> float:
    """Return w·z, with the features before `first` taken as zero."""
    total = 0.0
    for k in range(first, len(weights)):
        total += weights[k] * _input(weights, x, k)
    return total


@kernel
def variance(weights: Any, covariance: Any, x: Any, first: int) -> float:
    """Return zᵀPz, with the features before `first` taken as zero."""
    total = 0.0
    for i in range(first, len(weights)):
        z = _input(weights, x, i)
        for j in range(first, len(weights)):
            total += z * covariance[i, j] * _input(weights, x, j)
    return max(total, 0.0)


@kernel
def learn(weights: Any, covariance: Any, pull: Any, x: Any, residual: float, noise: float) -> None:
    """Absorb one observation; `pull` is room for Pz, as long as the weights."""
    total = noise
    for i in range(len(weights)):
        pull[i] = 0.0
        for j in range(len(weights)):
            pull[i] += covariance[i, j] * _input(weights, x, j)
        total += pull[i] * _input(weights, x, i)
    for i in range(len(weights)):
        weights[i] += pull[i] * residual / total
        for j in range(len(weights)):
            covariance[i, j] -= pull[i] * pull[j] / total
