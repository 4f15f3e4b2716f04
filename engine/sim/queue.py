"""How much of a level trades before us, and what is assumed where the venue does not say.

A level shows one size. Prints at our price come off the front; what else the size loses has been
cancelled, in front of us or behind. The models differ in that share alone, from the worst
(`RISK_AVERSE`: all behind) to the best (`OPTIMISTIC`: all in front); `PESSIMISTIC` does not count
prints at our price at all. Two are other programs' rules, for comparison: `FRONT` has no queue,
`TWICE` takes a print off and then what the level lost by it once more.

References
----------
Rigtorp, *Estimating order queue position* (2013): probabilities from what is ahead and behind;
hftbacktest 2.4, `queue.rs`: `ProbQueueModel`, `RiskAdverseQueueModel`.
"""

import math

from engine.record import kernel
from engine.sim.rules import FILL_MODELS

PESSIMISTIC, RISK_AVERSE, POWER, LOG, POWER3, OPTIMISTIC, FRONT, TWICE = range(len(FILL_MODELS))


@kernel
def joined(model: int, shown: float) -> float:
    """Return the size ahead of an order that joins a level which shows `shown` [coins].

    Infinite behind the last level we are shown: whatever is there trades first.
    """
    return 0.0 if model == FRONT else shown


@kernel
def after_change(model: int, ahead: float, shown: float, now: float, traded: float) -> float:
    """Return the size ahead after a level has changed from `shown` to `now` [coins].

    `traded` is what printed there in between; it has been taken off `ahead` already.
    """
    if model == FRONT:
        return 0.0
    if math.isinf(ahead):
        return now
    lost = shown - now - traded
    if model == TWICE:
        ahead -= max(shown - now, 0.0)
    elif lost > 0.0 and model == OPTIMISTIC:
        ahead -= lost
    elif lost > 0.0 and model >= POWER:
        ahead = _shared(model, ahead, shown - ahead, lost)
    return max(min(ahead, now), 0.0)


@kernel
def _shared(model: int, ahead: float, behind: float, lost: float) -> float:
    """Return the size ahead after a loss that was shared by probability.

    What one side cannot give, the other has given.
    """
    p = _behind(model, ahead, behind)
    return ahead - (1.0 - p) * lost + min(behind - p * lost, 0.0)


@kernel
def _behind(model: int, ahead: float, behind: float) -> float:
    """Return the probability that a cancelled coin was behind us."""
    if ahead + behind <= 0.0:
        return 1.0
    if model == POWER:
        return behind**2 / (behind**2 + ahead**2)
    if model == POWER3:
        return 1.0 - (ahead / (ahead + behind)) ** 3
    return math.log(1.0 + behind) / (math.log(1.0 + behind) + math.log(1.0 + ahead))
