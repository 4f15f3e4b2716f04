r"""The table of `RLEdgeModel`: what quoting tighter, as is, or wider earned in each of 45 states.

A contextual bandit with one decision per epoch of 10 s. Every epoch counts, filled or not: a wide
arm that never trades earns zero, it does not look good. With n epochs in a cell of state and arm,

.. math:: Q = \frac{\sum r}{n + 60}, \qquad
    r = \sum_{fills} \bigl(\mathrm{edge}\cdot\mathrm{share} - 1\,\mathrm{bp}\cdot Δ(q^2)\bigr),

where q is the inventory in units of its limit. An arm other than the neutral one is preferred only
where its advantage is beyond noise (docs/model.md, "Edge").

References
----------
Sutton and Barto, *Reinforcement Learning*, 2nd ed. (2018), ch. 2 (ε-greedy action values, sec. 2.9
contextual bandits); Marsaglia, *Xorshift RNGs*, J. Stat. Softw. 8 (2003).
"""

import hashlib
import math
from typing import Annotated, Any

from engine.core import xorshift
from engine.core.xorshift import MASK
from engine.record import f8, i8, kernel, record

STATES = 45  # 5 of inventory, 3 of volatility, 3 of imbalance
ARMS = 3
TIGHTER, SAME, WIDER = -1, 0, 1
EPOCH_NS = 10_000_000_000  # twice the horizon of an edge, so that an epoch's fills are its own
MIN_OUTCOMES = 20  # of this session, before anything learned may act
EPSILON = 0.05  # of the epochs are spent on looking, a third of them on each arm
PRIOR_EPOCHS = 60.0  # ten minutes in one cell weigh as much as the belief that arms are equal
PRIOR_FILLS = 20.0  # as many as the prior of E[AS]
PRIOR_SQUARE_BPS2 = 2.5  # of an epoch's reward: one fill in ten epochs, of 5 bps either way
ADVANTAGE_BPS2 = PRIOR_SQUARE_BPS2 / PRIOR_EPOCHS  # prior variance between arms: (0.2 bps)²
BEYOND_NOISE = 1.64  # posterior sds: the arm is better with 95 %
OUTLIER_BPS = 100.0  # one flash crash is one outcome, not all the evidence there is
INVENTORY_BPS = 1.0  # what GLFT charges for a full limit of 5-10 orders over five minutes, roughly
SEED = 2463534242  # Marsaglia's; the generator must not start from zero


@record
class QTable:
    """Sums per state and arm; they hold what was seeded too, `n` counts this session alone."""

    asset: i8  # hash of its name; a table is never another asset's
    outcomes: i8  # fills resolved in this session
    rng: i8  # 32 bits
    n: Annotated[i8, (STATES, ARMS)]  # epochs
    weight: Annotated[f8, (STATES, ARMS)]  # epochs, the seeded ones discounted
    reward_bps: Annotated[f8, (STATES, ARMS)]
    square_bps2: Annotated[f8, (STATES, ARMS)]
    fills: Annotated[f8, (STATES, ARMS)]
    surprise_bps: Annotated[f8, (STATES, ARMS)]  # sum of realised edge - structural forecast


def asset_hash(asset: str) -> int:
    """Return the 64 bits by which a table knows its asset.

    >>> asset_hash("HYPE") == asset_hash("hyna:HYPE")
    False
    """
    return int.from_bytes(hashlib.sha256(asset.encode()).digest()[:8], "little", signed=True)


@kernel
def start(q: Any, asset: int, seed: int) -> None:
    """Name the asset and seed the exploration of a zeroed table."""
    q.asset = asset
    q.rng = seed & MASK


@kernel
def _third(x: float, low: float, high: float) -> int:
    if x < low:
        return 0
    return 2 if x > high else 1


@kernel
def state_of(inventory_ratio: float, volatility_ratio: float, imbalance: float) -> int:
    """Return the state, 0 .. 44; what is unknown (NaN) counts as ordinary.

    Parameters
    ----------
    inventory_ratio : position / limit, signed; cut at ±5 % and ±20 %
    volatility_ratio : fast σ / slow σ; cut at 0.8 and 1.2
    imbalance : (bid size - ask size) / (bid size + ask size) near the touch; cut at ±0.2
    """
    side = _third(inventory_ratio, -0.05, 0.05) - 1
    inventory = 2 + side * (2 if abs(inventory_ratio) > 0.2 else 1)
    return 9 * inventory + 3 * _third(volatility_ratio, 0.8, 1.2) + _third(imbalance, -0.2, 0.2)


@kernel
def value(q: Any, s: int, arm: int) -> float:
    """Return the shrunk mean reward of an epoch [bps of one order]; zero when cold."""
    return q.reward_bps[s, arm + 1] / (q.weight[s, arm + 1] + PRIOR_EPOCHS)


@kernel
def surprise(q: Any, s: int, arm: int) -> float:
    """Return by how much fills here beat their structural forecast [bps], shrunk to zero."""
    return q.surprise_bps[s, arm + 1] / (q.fills[s, arm + 1] + PRIOR_FILLS)


@kernel
def advantage(q: Any, s: int, arm: int) -> float:
    """Return how much more an epoch of `arm` earns than a neutral one, in posterior sds.

    The difference d of the two means has the noise V = v/n of one plus that of the other; with a
    normal prior of variance T around zero its mean over its sd is ``d·√(T/(V·(T + V)))``.
    """
    n, m = q.weight[s, arm + 1], q.weight[s, SAME + 1]
    if n <= 0.0 or m <= 0.0:
        return 0.0
    noise = _square(q, s, arm) / n + _square(q, s, SAME) / m
    difference = q.reward_bps[s, arm + 1] / n - q.reward_bps[s, SAME + 1] / m
    return difference * math.sqrt(ADVANTAGE_BPS2 / (noise * (ADVANTAGE_BPS2 + noise)))


@kernel
def _square(q: Any, s: int, arm: int) -> float:
    """Return the variance of an epoch's reward: a compound Poisson sum, so Σr²/n over its fills.

    Each arm has its own, so that one lucky fill is noisy as well as large.
    """
    squares = PRIOR_SQUARE_BPS2 * PRIOR_EPOCHS + q.square_bps2[s, arm + 1]
    return squares / (PRIOR_EPOCHS + q.weight[s, arm + 1])


@kernel
def preferred(q: Any, s: int) -> int:
    """Return the arm that is best beyond noise; the neutral one otherwise."""
    tighter, wider = advantage(q, s, TIGHTER), advantage(q, s, WIDER)
    if max(tighter, wider) <= BEYOND_NOISE:
        return SAME
    return TIGHTER if tighter > wider else WIDER


@kernel
def propensity(q: Any, s: int, arm: int) -> float:
    """Return the probability with which `choose` picks this arm now: off-line study needs it."""
    if q.outcomes < MIN_OUTCOMES:
        return 1.0 if arm == SAME else 0.0
    greedy = 1.0 - EPSILON if arm == preferred(q, s) else 0.0
    return greedy + EPSILON / ARMS


@kernel
def choose(q: Any, s: int) -> int:
    """Return the arm for the next epoch: neutral until 20 outcomes, then ε-greedy."""
    if q.outcomes < MIN_OUTCOMES:
        return SAME
    u = _uniform(q)
    return int(u / EPSILON * ARMS) - 1 if u < EPSILON else preferred(q, s)


@kernel
def _uniform(q: Any) -> float:
    """Return the next number in [0, 1)."""
    q.rng = xorshift.after(q.rng if q.rng != 0 else SEED)
    return q.rng / (MASK + 1.0)


@kernel
def clipped(bps: float) -> float:
    """Return an outcome without the part of it that is an outlier."""
    return min(max(bps, -OUTLIER_BPS), OUTLIER_BPS)


@kernel
def reward(edge_bps: float, share: float, before: float, after: float) -> float:
    """Return what a fill earned its epoch [bps of one order].

    Parameters
    ----------
    edge_bps : realised edge at 5 s, after the fee
    share : filled size / order size
    before, after : inventory / limit around the fill; one that brings it home is rewarded
    """
    return clipped(edge_bps) * share - INVENTORY_BPS * (after * after - before * before)


@kernel
def open_epoch(q: Any, s: int, arm: int) -> None:
    """Count an epoch; it has earned nothing yet, and may well end so."""
    q.n[s, arm + 1] += 1
    q.weight[s, arm + 1] += 1.0


@kernel
def learn(q: Any, s: int, arm: int, reward_bps: float, surprise_bps: float) -> None:
    """Add one resolved fill to the cell its order was placed in; an unknown outcome is none.

    Parameters
    ----------
    reward_bps : from `reward`
    surprise_bps : realised edge - structural forecast
    """
    if not (math.isfinite(reward_bps) and math.isfinite(surprise_bps)):
        return
    r = clipped(reward_bps)
    q.outcomes += 1
    q.reward_bps[s, arm + 1] += r
    q.square_bps2[s, arm + 1] += r * r
    q.fills[s, arm + 1] += 1.0
    q.surprise_bps[s, arm + 1] += clipped(surprise_bps)
