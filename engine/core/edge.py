r"""What a fill will earn at 5 s after its fee: three forecasts, weighted by how right they were.

STRUCTURAL is what the quote was built to earn, EMPIRICAL adds the mean by which all fills have
missed that, RL the mean by which fills in this state and arm have. Both start as the structural
forecast, so a cold member costs nothing. They learn the miss, not the level: a level would lag a
quote that its own correction has just moved, and ask for more of it.

Members are judged on forecasts made when the order was placed. With L the forgetting sum of squared
errors and v the best member's mean squared error,

.. math:: w_i \propto \exp\Bigl(-\frac{L_i - \min L}{2v}\Bigr), \qquad w_{RL} \ge 5\,\%

(docs/model.md, "Edge").

References
----------
Raftery, Kárný and Ettler, *Online prediction under model uncertainty via dynamic model averaging*,
Technometrics 52 (2010): model probabilities with forgetting, here with Gaussian errors of
equal variance. It is the exponentially weighted forecaster of Cesa-Bianchi and Lugosi, *Prediction,
Learning, and Games* (2006), sec. 2.1, with discounted regret (sec. 2.11) and η = 1/(2v).
"""

import math
from typing import Annotated, Any

from engine.core import q_table
from engine.core.q_table import MIN_OUTCOMES, PRIOR_FILLS, clipped
from engine.record import f8, i8, kernel, record

STRUCTURAL, EMPIRICAL, RL = 0, 1, 2
MEMBERS = 3
RL_FLOOR = 0.05  # the specification's
KEEP = 0.5 ** (1 / 500)  # per outcome: a half-life of 500 fills, some days of a small market
AUTHORITY = 0.2  # of the base half-spread, for all members together
SQUARE_MIN_BPS2 = 1.0  # nobody forecasts a fill to better than 1 bp; bounds the weights' pace


@record
class EdgeEnsemble:
    """Weights, forgetting sums of squared errors, and the last forecasts."""

    outcomes: i8  # of this session
    evidence: f8  # outcomes remembered
    surprise_bps: f8  # forgetting sum of realised edge - structural forecast
    square_bps2: Annotated[f8, MEMBERS]
    weight: Annotated[f8, MEMBERS]
    members_bps: Annotated[f8, MEMBERS]  # of the last `forecast`; keep them with the order
    rl_floor: f8


@kernel
def start(e: Any, rl_enabled: bool) -> None:
    """Trust the structural forecast, and RL with its floor where it takes part at all."""
    e.rl_floor = RL_FLOOR if rl_enabled else 0.0
    e.weight[STRUCTURAL] = 1.0 - e.rl_floor
    e.weight[RL] = e.rl_floor


@kernel
def forecast(e: Any, q: Any, s: int, arm: int, structural_bps: float) -> float:
    """Return the edge expected of a fill [bps]; the members' forecasts are in `e.members_bps`.

    Parameters
    ----------
    q : the `QTable` of this asset
    s, arm : the state and arm in which the order is placed
    structural_bps : half-spread - E[AS] - fee, as the quote was built
    """
    if not math.isfinite(structural_bps):
        structural_bps = 0.0  # a quote without a price is never placed, so never judged
    e.members_bps[STRUCTURAL] = structural_bps
    e.members_bps[EMPIRICAL] = structural_bps + e.surprise_bps / (e.evidence + PRIOR_FILLS)
    e.members_bps[RL] = structural_bps + q_table.surprise(q, s, arm)
    blend = 0.0
    for k in range(MEMBERS):
        blend += e.weight[k] * e.members_bps[k]
    return blend


@kernel
def learn(e: Any, members_bps: Any, realised_bps: float) -> None:
    """Judge the forecasts kept with an order by what its fill earned; unknown outcomes are none.

    Parameters
    ----------
    members_bps : `members_bps` as `forecast` left it when the order was placed
    realised_bps : side·(mid 5 s later - px)/px·1e4 - fee
    """
    if not math.isfinite(realised_bps - members_bps[STRUCTURAL]):
        return
    e.outcomes += 1
    e.evidence = KEEP * e.evidence + 1.0
    e.surprise_bps = KEEP * e.surprise_bps + clipped(realised_bps - members_bps[STRUCTURAL])
    for k in range(MEMBERS):
        error = clipped(realised_bps - members_bps[k])
        e.square_bps2[k] = KEEP * e.square_bps2[k] + error * error
    if e.outcomes >= MIN_OUTCOMES:
        _weigh(e)


@kernel
def _weigh(e: Any) -> None:
    """Give every member its posterior probability, and RL no less than its floor."""
    members = MEMBERS if e.rl_floor > 0.0 else RL
    best = e.square_bps2[STRUCTURAL]
    for k in range(members):
        best = min(best, e.square_bps2[k])
    v = max(best / e.evidence, SQUARE_MIN_BPS2)
    total = 0.0
    for k in range(members):
        e.weight[k] = math.exp(-0.5 * (e.square_bps2[k] - best) / v)
        total += e.weight[k]
    rl = max(e.weight[RL] / total, e.rl_floor)  # no part taken leaves it zero
    others = e.weight[STRUCTURAL] + e.weight[EMPIRICAL]
    for k in range(RL):
        e.weight[k] *= (1.0 - rl) / others if others > 0.0 else 0.0
    e.weight[RL] = rl


@kernel
def skill(e: Any, k: int) -> float:
    """Return 1 - MSE / MSE of the structural forecast, out of sample; zero before evidence."""
    structural = e.square_bps2[STRUCTURAL]
    return 1.0 - e.square_bps2[k] / structural if structural > 0.0 else 0.0


@kernel
def correction(e: Any, structural_bps: float, blend_bps: float, arm: int, base_bps: float) -> float:
    """Return what the ensemble adds to the half-spread [bps], within ±20 % of the base.

    A quote that earns less than it was built for moves out; the arm counts by RL's weight. Zero
    until 20 outcomes. In shadow mode the caller reports it and quotes without it.

    Parameters
    ----------
    structural_bps, blend_bps : what `forecast` was given, and its answer
    arm : -1 tighter, 0, +1 wider
    base_bps : the base half-spread, >= 0
    """
    bound = AUTHORITY * base_bps
    asked = structural_bps - blend_bps + e.weight[RL] * arm * bound
    if e.outcomes < MIN_OUTCOMES or not math.isfinite(asked):
        return 0.0
    return min(max(asked, -bound), bound)
