r"""How likely a fill is to be adverse, said before it happens, and what that is worth.

P(the mid moves against us by more than 1 bp within 5 s | a fill, what was seen when the order was
placed) by logistic regression, learned one outcome at a time. With logit a = w·z, of variance
v = zᵀPz, the probability is moderated by what is not known yet,

.. math:: p = \operatorname{logistic}\bigl(a / \sqrt{1 + πv/8}\bigr),

and an outcome o is one Laplace step: residual (o - q)/(q(1 - q)) with noise 1/(q(1 - q)), where q
is logistic(a) (docs/model.md, Toxicity). Every score is prequential: the probability said at
placement, against the base rate known before the outcome.

The four side-signed features come first. The last two only explain why all fills were more or less
adverse then: σ and the depth are already in the base quote, so they never raise the premium.

References
----------
MacKay, *The evidence framework applied to classification networks*, Neural Comput. 4 (1992);
Spiegelhalter and Lauritzen, Networks 20 (1990); Dawid, J. R. Stat. Soc. A 147 (1984); Diebold
and Mariano, J. Bus. Econ. Stat. 13 (1995).
"""

import math
from typing import Annotated, Any

from engine.core import regression
from engine.record import f8, i8, kernel, record

IMBALANCE, FLOW, MOMENTUM, CROSS, VOLATILITY, DEPTH = range(6)
FEATURES = 6
CONTROLS = VOLATILITY  # features from here on say nothing about a side
CLIP = 3.0
Features = Annotated[f8, FEATURES]

PRIOR_RATE = 0.4  # the null at σ near 2 bps/√s: a random fill is adverse this often
PRIOR_OUTCOMES = 20.0
SLOPE_VAR = 0.3**2  # one unit of a feature moves the probability by less than 7 %, says the prior
CONSTANT_VAR = 1.0 / (PRIOR_OUTCOMES * PRIOR_RATE * (1.0 - PRIOR_RATE))
DRIFT = 1e-6  # with it the weights remember a few thousand outcomes
KEEP = 1.0 - 1.0 / 5000.0  # and the scores as many

BINS = 10
COUNT, SAID, SEEN = range(3)  # columns of the calibration table
MIN_OUTCOMES = 50
NO_TRUST_T, FULL_TRUST_T = 1.0, 3.0
# an adverse fill loses σ√5·√(2/π) on average and any other gains as much
LOSS = 2.0 * math.sqrt(5.0) * math.sqrt(2.0 / math.pi)
PREMIUM_MAX = 10e-4


@record
class Toxicity:
    """The weights, the constant last, and how good the forecasts were; all scores fade."""

    weights: Annotated[f8, FEATURES + 1]
    covariance: Annotated[f8, (FEATURES + 1, FEATURES + 1)]
    pull: Annotated[f8, FEATURES + 1]
    n: i8  # outcomes, ever
    remembered: f8
    adverse: f8
    squares: f8  # Σ (p - o)²
    rate_squares: f8  # Σ (base rate - o)²
    gain_squares: f8  # Σ of the squared difference of the two
    calibration: Annotated[f8, (BINS, 3)]  # outcomes, Σ p, Σ o per tenth of probability


@kernel
def start(t: Any) -> None:
    """Set the prior: no feature matters, and fills are as adverse as random times."""
    t.weights[:] = 0.0
    t.weights[FEATURES] = math.log(PRIOR_RATE / (1.0 - PRIOR_RATE))
    regression.start(t.covariance, SLOPE_VAR, CONSTANT_VAR)


@kernel
def _clip(value: float) -> float:
    return 0.0 if math.isnan(value) else min(max(value, -CLIP), CLIP)


@kernel
def fill_features(
    x: Any,
    side: int,
    imbalance: float,
    flow: float,
    momentum: float,
    cross: float,
    log_ratio: float,
    depth: float,
) -> None:
    """Write what is seen now as one side sees it; positive is against us, and NaN is zero.

    Parameters
    ----------
    x : the `Features` to write
    side : of our quote
    imbalance : (bid size - ask size) / their sum near the touch
    flow : recent public buying less selling, over their sum
    momentum : recent return of the mid [σ√5]
    cross : move the leading venue still expects of our mid [σ√5]
    log_ratio : ln of short over long volatility
    depth : half-spread of our quote [σ√5]
    """
    x[IMBALANCE] = _clip(-side * imbalance)
    x[FLOW] = _clip(-side * flow)
    x[MOMENTUM] = _clip(-side * momentum)
    x[CROSS] = _clip(-side * cross)
    x[VOLATILITY] = _clip(log_ratio)
    x[DEPTH] = _clip(depth)


@kernel
def _logistic(a: float) -> float:
    return 1.0 / (1.0 + math.exp(-min(max(a, -30.0), 30.0)))


@kernel
def _forecast(t: Any, x: Any, first: int) -> float:
    v = regression.variance(t.weights, t.covariance, x, first)
    a = regression.predict(t.weights, x, first)
    return _logistic(a / math.sqrt(1.0 + math.pi / 8.0 * v))


@kernel
def probability(t: Any, x: Any) -> float:
    """Return P(adverse | a fill of an order placed with features `x`)."""
    return _forecast(t, x, 0)


@kernel
def base_rate(t: Any) -> float:
    """Return the share of adverse fills so far, which starts at that of random times."""
    return (PRIOR_OUTCOMES * PRIOR_RATE + t.adverse) / (PRIOR_OUTCOMES + t.remembered)


@kernel
def learn(t: Any, x: Any, p: float, is_adverse: bool) -> None:
    """Absorb one outcome.

    Parameters
    ----------
    x : the features when the order was placed
    p : the probability said then; without one, 0 < p < 1, the outcome teaches nothing
    is_adverse : whether the mid was more than 1 bp against us after 5 s
    """
    if not 0.0 < p < 1.0:
        return
    o = 1.0 if is_adverse else 0.0
    _score(t, p, o)
    q = _logistic(regression.predict(t.weights, x, 0))
    noise = 1.0 / (q * (1.0 - q))
    regression.forget(t.covariance, SLOPE_VAR, CONSTANT_VAR, DRIFT)
    regression.learn(t.weights, t.covariance, t.pull, x, (o - q) * noise, noise)


@kernel
def _score(t: Any, p: float, o: float) -> None:
    square, rate_square = (p - o) ** 2, (base_rate(t) - o) ** 2
    t.n += 1
    t.remembered = KEEP * t.remembered + 1.0
    t.adverse = KEEP * t.adverse + o
    t.squares = KEEP * t.squares + square
    t.rate_squares = KEEP * t.rate_squares + rate_square
    t.gain_squares = KEEP * t.gain_squares + (rate_square - square) ** 2
    for k in range(BINS):
        for column in range(3):
            t.calibration[k, column] *= KEEP
    k = min(int(BINS * p), BINS - 1)
    t.calibration[k, COUNT] += 1.0
    t.calibration[k, SAID] += p
    t.calibration[k, SEEN] += o


@kernel
def brier(t: Any) -> float:
    """Return the mean of (p - o)²; NaN before the first outcome."""
    return t.squares / t.remembered if t.n > 0 else math.nan


@kernel
def base_brier(t: Any) -> float:
    """Return the same for the running base rate; NaN before the first outcome."""
    return t.rate_squares / t.remembered if t.n > 0 else math.nan


@kernel
def skill(t: Any) -> float:
    """Return 1 - Brier / Brier of the base rate: above zero where the features helped."""
    return 1.0 - t.squares / t.rate_squares if t.n > 0 else 0.0


@kernel
def gain_t(t: Any) -> float:
    """Return the t-statistic of the gain in (p - o)² over the base rate, per outcome."""
    if t.n < 2:
        return 0.0
    gain = (t.rate_squares - t.squares) / t.remembered
    var = t.gain_squares / t.remembered - gain * gain
    return gain * math.sqrt(t.remembered / var) if var > 0.0 else 0.0


@kernel
def trust(t: Any) -> float:
    """Return how far to believe the forecasts, 0 to 1: from t = 1 to 3 after 50 outcomes."""
    if t.n < MIN_OUTCOMES:
        return 0.0
    return min(max((gain_t(t) - NO_TRUST_T) / (FULL_TRUST_T - NO_TRUST_T), 0.0), 1.0)


@kernel
def premium(t: Any, x: Any, sigma: float) -> float:
    """Return what to add to one side's half-spread [fraction of the price], at most 10 bps.

    trust · (p - max(p without the side-signed features, base rate))⁺ · 2·σ√5·√(2/π): what this
    quote's fills are expected to lose beyond the average fill, which E[AS] charges already. Exactly
    zero where the signed features are, and where the forecasts have shown no skill.
    """
    believed = trust(t)
    if believed == 0.0:
        return 0.0
    excess = _forecast(t, x, 0) - max(_forecast(t, x, CONTROLS), base_rate(t))
    return min(believed * max(excess, 0.0) * LOSS * sigma, PREMIUM_MAX)
