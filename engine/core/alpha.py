r"""One linear forecast of the mid's return over the next second, from all signals together.

Once a second the signals x of a second before meet the return y that followed, and

.. math:: β = \arg\min \sum_t w_t (y_t - β \cdot x_t)^2 + λ \sum_k \bar{x_k^2} β_k^2,

w fading with a half-life of an hour and λ = 100 seconds of evidence. The penalty is in units of
each signal's own mean square, so it means the same for a basis in bps and an imbalance in [-1, 1].
The prior is β = 0: no opinion. Every forecast is scored when its second is over, before anything
is learned from it, against the forecast 0:

.. math:: d_t = y_t^2 - (y_t - f_t)^2, \qquad t = \sum v_t d_t \Big/ \sqrt{\sum v_t^2 d_t^2}, \qquad
    trust = \min(\max(t/3, 0), 1),

v fading with a half-life of a quarter of an hour. What is answered is trust·β·x (docs/model.md,
Alpha).

References
----------
Hoerl and Kennard, *Ridge regression*, Technometrics 12 (1970); Dawid, *Prequential analysis*,
J. R. Stat. Soc. A 147 (1984); Diebold and Mariano, *Comparing predictive accuracy*, J. Bus. Econ.
Stat. 13 (1995), eq. 1: forecasts one step ahead, so the loss differences need no lags.
"""

import math
from typing import Annotated, Any

from engine.record import f8, i8, kernel, record

SIGNALS = 4
# micro-price/mid - 1; our venue's flow; demeaned basis; the leading venue's flow
MICRO, FLOW, LEAD_LAG, CROSS_FLOW = range(SIGNALS)

KEEP = 0.5 ** (1.0 / 3_600.0)  # a second's fading: half in an hour
JUDGE_KEEP = 0.5 ** (1.0 / 900.0)  # trust goes sooner than what it was put in
RIDGE_S = 100.0  # the best ridge for a signal that explains 1 % of the variance
SWEEPS = 8
WARM_PAIRS = 300
FULL_TRUST = 3.0  # standard errors of the mean gain
CAP = 5e-4  # no forecast of one second is larger
GAP_NS = 5_000_000_000  # a longer silence is no second


@record
class Information:
    """One signal against the next return, over all seconds in which it said something."""

    n: i8
    xx: f8
    xy: f8
    yy: f8


@record
class Alpha:
    """The regression's faded sums, and the forecast that waits for its second to pass."""

    x: Annotated[f8, SIGNALS]
    mid: f8
    ts_ns: i8
    pending: f8  # β·x, as it was said
    beta: Annotated[f8, SIGNALS]
    xx: Annotated[f8, (SIGNALS, SIGNALS)]
    xy: Annotated[f8, SIGNALS]
    weight: Annotated[f8, SIGNALS]  # faded seconds in which the signal said something
    n: i8  # forecasts scored, ever
    gain: f8  # Σ v·d
    gain_sq: f8  # Σ v²·d²
    signals: Annotated[Information, SIGNALS]


@kernel
def observe(a: Any, x: Any, mid: float, now_ns: int) -> None:
    """Score the forecast of a second ago, learn from it, and remember the signals of now.

    Parameters
    ----------
    x : the `SIGNALS` signals now, 0 where one has nothing to say
    mid : the mid now [USD]
    now_ns : our clock; more than 5 s after the last call nothing is scored or learned
    """
    if not 0.0 < mid < math.inf:
        a.ts_ns = 0
        return
    if a.ts_ns > 0 and 0 < now_ns - a.ts_ns <= GAP_NS:
        y = math.log(mid / a.mid)
        _score(a, y)
        _learn(a, y)
        _solve(a)
    for k in range(SIGNALS):
        a.x[k] = _said(x[k])
    a.pending = _sum(a, a.x)
    a.mid = mid
    a.ts_ns = now_ns


@kernel
def _said(x: float) -> float:
    """Return what a signal says; none exceeds 1, and what does, or is NaN, says nothing."""
    return x if abs(x) <= 1.0 else 0.0


@kernel
def _sum(a: Any, x: Any) -> float:
    total = 0.0
    for k in range(SIGNALS):
        total += a.beta[k] * x[k]
    return min(max(total, -CAP), CAP)


@kernel
def _score(a: Any, y: float) -> None:
    gain = y * y - (y - a.pending) * (y - a.pending)
    a.gain = JUDGE_KEEP * a.gain + gain
    a.gain_sq = JUDGE_KEEP * JUDGE_KEEP * a.gain_sq + gain * gain
    a.n += 1


@kernel
def _learn(a: Any, y: float) -> None:
    for k in range(SIGNALS):
        x = a.x[k]
        for j in range(SIGNALS):
            a.xx[k, j] = KEEP * a.xx[k, j] + x * a.x[j]
        a.xy[k] = KEEP * a.xy[k] + x * y
        a.weight[k] *= KEEP
        if x != 0.0:
            a.weight[k] += 1.0
            s = a.signals[k]
            s.n += 1
            s.xx += x * x
            s.xy += x * y
            s.yy += y * y


@kernel
def _solve(a: Any) -> None:
    """Refresh β by Gauss-Seidel sweeps from the last; the matrix is definite, so they converge."""
    for _ in range(SWEEPS):
        for k in range(SIGNALS):
            if a.xx[k, k] <= 0.0:
                continue
            rest = a.xy[k]
            for j in range(SIGNALS):
                if j != k:
                    rest -= a.xx[k, j] * a.beta[j]
            a.beta[k] = rest / (a.xx[k, k] * (1.0 + RIDGE_S / a.weight[k]))


@kernel
def trust(a: Any) -> float:
    """Return how far the forecasts are believed, 0 to 1: by their gain out of sample."""
    if a.n < WARM_PAIRS or a.gain <= 0.0 or a.gain_sq <= 0.0:
        return 0.0
    return min(a.gain / math.sqrt(a.gain_sq) / FULL_TRUST, 1.0)


@kernel
def forecast(a: Any, x: Any, out: Any) -> float:
    """Write each signal's part of the forecast into `out`; return their sum [log return in 1 s]."""
    believed = trust(a)
    total = 0.0
    for k in range(SIGNALS):
        out[k] = believed * a.beta[k] * _said(x[k])
        total += out[k]
    scale = CAP / abs(total) if abs(total) > CAP else 1.0
    total = 0.0
    for k in range(SIGNALS):
        out[k] *= scale
        total += out[k]
    return total


@kernel
def information(a: Any, k: int) -> float:
    """Return the correlation of signal `k` with the next return, without means; 0 when unknown."""
    s = a.signals[k]
    square = s.xx * s.yy
    return s.xy / math.sqrt(square) if square > 0.0 else 0.0
