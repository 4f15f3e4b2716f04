r"""Risk aversion: the configured gamma, raised where risk is greater than σ says.

Two models of the same five features, blended by `risk_model_blend`. The calibrated one is additive
in the logarithm and bounded,

.. math:: γ_{cal} = γ\,e^{R}, \quad R = \ln 5 \tanh(β·x / \ln 5),

so that R = β·x near the origin and γ never leaves a factor of five. The data-driven one takes each
feature at its face value, which in a thin book multiplies up to 25 times:

.. math:: γ_{data} = γ \prod_i (1 + β^0_i \max(x_i, 0)).

What enters the quote is γσ², so a factor exp(β·x) on γ is a factor exp(β·x) on the variance, and β
is the slope of the log-variance regression on the 5 s move y after each fill,

.. math:: \ln y^2 - \ln 5σ^2 + 1.2704 = α + β·x + ε, \quad \operatorname{Var} ε = π^2/2,

without a factor of two. α takes up a σ that is off by a constant, and does not enter γ: its level
is a choice. The drawdown predicts nothing; its β is a preference and stays (docs/model.md, Risk
aversion). Inventory, toxicity and staleness are not here: each appears once, elsewhere in the
quote.

References
----------
Harvey, *Estimating regression models with multiplicative heteroscedasticity*, Econometrica 44
(1976).
"""

import math
from typing import Annotated, Any

from engine.core import regression
from engine.record import f8, i8, kernel, record

VOLATILITY, THINNESS, UNCERTAINTY, TAIL, DRAWDOWN = range(5)
RISK = 5
LEARNED = DRAWDOWN  # the features before it have their β calibrated
Risks = Annotated[f8, RISK]

DRAWDOWN_BETA = 1.4
LOG_MAX = math.log(5.0)
GAMMA_MIN, GAMMA_MAX = 0.05, 5.0
LOG_CHI2_MEAN = -1.2704  # E ln z² for a standard normal z
NOISE = math.pi**2 / 2.0  # Var ln z²
SLOPE_VAR = NOISE / 100.0  # the prior counts as 100 outcomes,
CONSTANT_VAR = NOISE / 10.0  # and 10 for the level, so that a biased σ does not pass for risk
DRIFT = 1e-5  # with it the slopes remember a few thousand outcomes
MOVE_MIN, MOVE_MAX = 0.1, 30.0  # of σ√5: a mid that did not move at all has no logarithm
WARM_OUTCOMES = 100
STALE_NS = 4 * 3600 * 1_000_000_000

COLD, WARMING, CALIBRATED, STALE = range(4)


@record
class RiskAversion:
    """β of the learned features and α last, with their covariance."""

    weights: Annotated[f8, LEARNED + 1]
    covariance: Annotated[f8, (LEARNED + 1, LEARNED + 1)]
    pull: Annotated[f8, LEARNED + 1]
    n: i8
    last_ns: i8


@kernel
def prior_beta(k: int) -> float:
    """Return β⁰ of feature `k`."""
    if k == VOLATILITY:
        return 1.0
    if k == THINNESS:
        return 0.3
    if k == UNCERTAINTY:
        return 0.2
    return 0.7 if k == TAIL else DRAWDOWN_BETA


@kernel
def start(r: Any) -> None:
    """Set the prior, with the strength of 100 outcomes."""
    for k in range(LEARNED):
        r.weights[k] = prior_beta(k)
    r.weights[LEARNED] = 0.0
    regression.start(r.covariance, SLOPE_VAR, CONSTANT_VAR)


@kernel
def _clamp(value: float, low: float, high: float) -> float:
    return 0.0 if math.isnan(value) else min(max(value, low), high)


@kernel
def fill_risks(
    x: Any, volatility: float, thinness: float, uncertainty: float, tail: float, drawdown: float
) -> None:
    """Write the features, each in its domain; what is not known (NaN) adds no risk.

    Parameters
    ----------
    x : the `Risks` to write
    volatility : short over long volatility, less 1; -1 to 3
    thinness : 1 - depth of the book / its running mean; -1 to 1
    uncertainty : relative standard deviation of κ; 0 to 1
    tail : share of jumps in the variance; 0 to 1
    drawdown : share of the kill switch's tier used up; 0 to 1
    """
    x[VOLATILITY] = _clamp(volatility, -1.0, 3.0)
    x[THINNESS] = _clamp(thinness, -1.0, 1.0)
    x[UNCERTAINTY] = _clamp(uncertainty, 0.0, 1.0)
    x[TAIL] = _clamp(tail, 0.0, 1.0)
    x[DRAWDOWN] = _clamp(drawdown, 0.0, 1.0)


@kernel
def learn(r: Any, x: Any, move: float, sigma: float, now_ns: int) -> None:
    """Absorb the move of the mid in the 5 s after one fill.

    Parameters
    ----------
    x : the risks when the fill happened
    move : return of the mid over 5 s; its sign does not matter
    sigma : volatility when the fill happened [1/√s]
    now_ns : when the 5 s were over
    """
    if math.isnan(move) or not sigma > 0.0:
        return
    z = _clamp(abs(move) / (sigma * math.sqrt(5.0)), MOVE_MIN, MOVE_MAX)
    said = regression.predict(r.weights, x, 0)
    residual = 2.0 * math.log(z) - LOG_CHI2_MEAN - said
    regression.forget(r.covariance, SLOPE_VAR, CONSTANT_VAR, DRIFT)
    regression.learn(r.weights, r.covariance, r.pull, x, residual, NOISE)
    r.n += 1
    r.last_ns = now_ns


@kernel
def beta(r: Any, k: int) -> float:
    """Return the β of feature `k` in use."""
    return r.weights[k] if k < LEARNED else DRAWDOWN_BETA


@kernel
def beta_sd(r: Any, k: int) -> float:
    """Return the standard deviation of β; zero for the one that is a preference."""
    return math.sqrt(max(r.covariance[k, k], 0.0)) if k < LEARNED else 0.0


@kernel
def log_additive(r: Any, x: Any) -> float:
    """Return γ_cal/γ, from 1/5 to 5."""
    raw = 0.0
    for k in range(RISK):
        raw += beta(r, k) * x[k]
    return math.exp(LOG_MAX * math.tanh(raw / LOG_MAX))


@kernel
def product(x: Any) -> float:
    """Return γ_data/γ, at least 1."""
    total = 1.0
    for k in range(RISK):
        total *= 1.0 + prior_beta(k) * max(x[k], 0.0)
    return total


@kernel
def gamma(r: Any, base: float, x: Any, blend: float) -> float:
    """Return the risk aversion per order, γ·(γ_cal/γ)^blend·(γ_data/γ)^(1 - blend).

    The blend is a mean of logarithms, where both models add up their features: 1 is the
    log-additive model alone, 0 the product alone, and one factor that explodes counts by its share.

    Parameters
    ----------
    base : the configured γ, > 0; the answer stays within 0.05 to 5, or within the base itself where
        that lies outside
    blend : `risk_model_blend`, 0 to 1
    """
    factor = log_additive(r, x) ** blend * product(x) ** (1.0 - blend)
    return min(max(base * factor, min(GAMMA_MIN, base)), max(GAMMA_MAX, base))


@kernel
def state(r: Any, now_ns: int) -> int:
    """Return COLD, WARMING, CALIBRATED, or STALE after four hours without an outcome."""
    if r.n == 0:
        return COLD
    if now_ns - r.last_ns > STALE_NS:
        return STALE
    return WARMING if r.n < WARM_OUTCOMES else CALIBRATED
