"""What live takes from a paper edge: guessed in parts, then measured on each asset that goes live.

The gap g of an asset lies about the mean μ of its origin, and what is measured lies about g::

    μ ~ N(m, s²)     guessed: the gap's parts on pessimistic fills   (policy/paper.toml)
    g ~ N(μ, τ²)     from asset to asset                             (the same, between_assets)
    y ~ N(g, se²)    measured, at most once an attempt

However well one asset is measured, τ bounds what it says of the next.

Reading order: `measured_gap` (y and se), `posterior` (μ), `haircut` (what the edge must clear).
"""

import math
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from engine.gates.bounds import ALPHA, Bounds, block_values, bounds, check_positive
from engine.gates.certainty import Blocks, edge_sums
from engine.thresholds.paper import PaperPolicy

_COLUMNS = ("hour", "markouts", "notional_usd", "edge_usd_bps", "edge_usd_bps_sq")

Origin = Literal["validator", "hip3"]


class Normal(NamedTuple):
    """A belief about a gap [bps]."""

    mean_bps: float
    sd_bps: float


def said(belief: Normal) -> str:
    """Return a belief as a desk would read it.

    >>> said(Normal(2.3, 0.687))
    '2.3 ± 0.7'
    """
    return f"{belief.mean_bps:.1f} ± {belief.sd_bps:.1f}"


class Measured(BaseModel):
    """The gap one asset has shown in one attempt, and where it comes from.

    `hours` with fills and `fills` are of whichever run had fewer; `cause` is the audit row of the
    verdict on which the asset left.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    asset: str
    attempt: Annotated[int, Field(ge=1)]
    venue: str
    gap_bps: FiniteFloat
    se_bps: Annotated[FiniteFloat, Field(gt=0)]
    hours: Annotated[int, Field(ge=1)]
    fills: Annotated[int, Field(ge=1)]
    paper_run: str
    live_run: str
    cause: str
    ts_ns: int


class Haircut(NamedTuple):
    """What a paper edge must clear beside its minimum, and why it is so much.

    `learnt` is the belief about the mean gap of the asset's origin at its venue, after `assets`
    were measured there; `own` is what to expect of the asset itself, if it was among them.
    """

    bps: float
    why: str
    prior: Normal
    learnt: Normal
    assets: int
    own: Normal | None

    @property
    def words(self) -> str:
        """How much it is, on how many assets it rests, and what they say."""
        told = f"{self.bps:g} measured on {self.assets} asset{'s' * (self.assets != 1)}: {self.why}"
        if not self.assets:
            return told
        beliefs = f"prior {said(self.prior)}, now {said(self.learnt)}"
        return f"{told} ({beliefs}{f', its own {said(self.own)}' if self.own else ''})"


def origin(asset: str) -> Origin:
    """Return whether an asset is a builder dex's or a validator perp of the main dex.

    >>> origin("HYPE"), origin("hyna:BTC")
    ('validator', 'hip3')
    """
    return "hip3" if ":" in asset else "validator"


def measured_gap(paper: Blocks, live: Blocks, *, alpha: float = ALPHA) -> Bounds | None:
    """Return the edge of a paper run less that of a live run [bps], bounded whenever one looks.

    Runs that share no hour are not paired: their errors add, and each run's bounds get half of
    alpha. A run that shadows the other is compared hour by hour over the hours both have, and what
    the market did to both cancels: ::

        d_b = (x_b - θ n_b)/Σn of paper, less the same of live;    se² = Σ d_b² with neighbours

    Fills of the two resemble each other, so there the floor of independent fills does not apply.

    Paper that was stopped when it looked good flatters by that too; the bounds allow for it, and
    `value` counts it as gap.

    Parameters
    ----------
    paper, live
        columns ``hour``, ``markouts``, ``notional_usd``, ``edge_usd_bps`` and ``edge_usd_bps_sq``
        of the store's ``evidence_blocks``, in order of time; only hours that count.
    alpha
        error probability of each side, in (0, 0.25].

    Returns
    -------
    Bounds
        `blocks` with fills and the fills `n`, of whichever run has fewer; None where that is less
        than a day of blocks.

    Raises
    ------
    ValueError
        if a value is not finite, or an hour comes twice or before an earlier one.

    References
    ----------
    Cochran, *Sampling Techniques* (1977), sec. 6.3 (a ratio's linearised variance) and the sources
    of `engine.gates.bounds`.
    """
    for name, blocks in (("paper", paper), ("live", live)):
        _check(name, blocks)
    shared = np.intersect1d(paper["hour"], live["hour"])
    if len(shared):
        paper, live = (_within(blocks, shared) for blocks in (paper, live))
    of_paper, of_live = (bounds(*edge_sums(one), alpha=alpha / 2) for one in (paper, live))
    if of_paper is None or of_live is None:
        return None
    apart = Bounds(
        value=of_paper.value - of_live.value,
        lo=of_paper.lo - of_live.hi,
        hi=of_paper.hi - of_live.lo,
        se=math.hypot(of_paper.se, of_live.se),
        blocks=min(of_paper.blocks, of_live.blocks),
        n=min(of_paper.n, of_live.n),
        deff=None,
    )
    if not len(shared):
        return apart
    paired = _paired(paper, live, alpha)
    return paired and paired.model_copy(update={"n": apart.n})


def _check(name: str, blocks: Blocks) -> None:
    columns = {column: block_values(f"{name} {column}", blocks[column]) for column in _COLUMNS}
    if not (np.diff(columns["hour"]) > 0).all():
        raise ValueError(f"{name} hours must rise, each once")


def _within(blocks: Blocks, hours: np.ndarray) -> Blocks:
    kept = np.isin(blocks["hour"], hours)
    return {name: column[kept] for name, column in blocks.items()}


def _paired(paper: Blocks, live: Blocks, alpha: float) -> Bounds | None:
    """Return the bounds of one ratio whose value is the gap and whose residual in b is t d_b."""
    both = (paper["notional_usd"] > 0) & (live["notional_usd"] > 0)
    (above, moved), (below, also_moved) = _linearised(paper), _linearised(live)
    return bounds((above - below) * both + both.sum() * (moved - also_moved), both, alpha=alpha)


def _linearised(blocks: Blocks) -> tuple[float, np.ndarray]:
    """Return Σx/Σn, and by how much each block moves it."""
    x, n = blocks["edge_usd_bps"], blocks["notional_usd"]
    value = float(x.sum() / n.sum())
    return value, (x - value * n) / n.sum()


def posterior(prior: Normal, gaps: Iterable[Normal], between_sd_bps: float) -> Normal:
    r"""Return the belief about the mean gap after some assets' gaps were measured [bps].

    .. math:: \hat μ = \frac{m/s^2 + \sum y_i/(se_i^2 + τ^2)}{1/s^2 + \sum 1/(se_i^2 + τ^2)}

    and its variance is one over the denominator.

    Parameters
    ----------
    prior
        m ± s.
    gaps
        y ± se, one an asset, in any order.
    between_sd_bps
        τ [bps], > 0: stated, not estimated. What a handful of assets say of it is mostly nothing,
        and an estimate would let one far gap take weight from all the others and lower the bar.

    Raises
    ------
    ValueError
        if a mean is not finite, or a standard deviation is not finite and above zero.

    References
    ----------
    Gelman et al., *Bayesian Data Analysis*, 3rd ed. (2013), sec. 5.4, eq. 5.20 (the mean of
    exchangeable normal parameters, τ given), with an informative prior on it; DerSimonian & Laird,
    Control. Clin. Trials 7 (1986) (the weights).

    >>> after = posterior(Normal(2.3, 0.7), [Normal(5.0, 0.01)], 0.9)
    >>> f"{after.mean_bps:.2f} ± {after.sd_bps:.2f}"
    '3.32 ± 0.55'
    """
    check_positive("between_sd_bps", between_sd_bps)
    known = [_checked("prior", prior)]
    known += [
        Normal(gap.mean_bps, math.hypot(gap.sd_bps, between_sd_bps))
        for gap in (_checked("gap", gap) for gap in gaps)
    ]
    return _pooled(known)


def _checked(name: str, belief: Normal) -> Normal:
    if not math.isfinite(belief.mean_bps):
        raise ValueError(f"{name} mean is {belief.mean_bps}; it must be finite")
    check_positive(f"{name} sd", belief.sd_bps)
    return belief


def _pooled(known: Sequence[Normal]) -> Normal:
    """Return the precision-weighted mean; exact sums, so that the order does not matter."""
    weights = [one.sd_bps**-2 for one in known]
    total = math.fsum(weights)
    mean = math.fsum(w * one.mean_bps for w, one in zip(weights, known, strict=True)) / total
    return Normal(mean, total**-0.5)


def haircut(ledger: Iterable[Measured], policy: PaperPolicy, asset: str, venue: str) -> Haircut:
    """Return what an asset's paper edge must clear, from what was measured at the same venue.

    Other venues, simulated ones above all, and assets of another origin are ignored. The haircut is
    the mean gap as it is believed now, with three exceptions, all upwards: until enough assets were
    measured it is never below the prior; an asset known to be worse itself is held to that; and it
    never falls below zero, as the minimum is the procedure's.
    """
    gaps = _by_asset(
        one for one in ledger if (one.venue, origin(one.asset)) == (venue, origin(asset))
    )
    between = policy.between_assets.sd_bps
    prior = Normal(policy.haircut_bps, policy.haircut_sd_bps)
    learnt = posterior(prior, gaps.values(), between)
    own = _expected(gaps[asset], learnt, between) if asset in gaps else None
    enough = policy.haircut.assets_to_lower
    bars = [(learnt.mean_bps, "what they show"), (0.0, "live earned more, which is no credit")]
    if len(gaps) < enough:
        bars.insert(0, (prior.mean_bps, f"the prior, until there are {enough}"))
    if own:
        bars.append((own.mean_bps, "its own gap"))
    # what is shown is what is judged; among equals the first speaks
    bps, why = max(((round(bar, 2), why) for bar, why in bars), key=itemgetter(0))
    return Haircut(bps, why, prior, learnt, len(gaps), own)


def _by_asset(measured: Iterable[Measured]) -> dict[str, Normal]:
    """Return each asset's gap; its attempts are one asset, however often it was tried."""
    tried: dict[str, list[Normal]] = {}
    for one in measured:
        tried.setdefault(one.asset, []).append(Normal(one.gap_bps, one.se_bps))
    return {asset: _pooled(gaps) for asset, gaps in tried.items()}


def _expected(gap: Normal, learnt: Normal, between_sd_bps: float) -> Normal:
    """Return what to expect of an asset that was measured: its own gap, drawn to the mean.

    References
    ----------
    Gelman et al., *Bayesian Data Analysis*, 3rd ed. (2013), sec. 5.4, eq. 5.17.
    """
    return _pooled([gap, Normal(learnt.mean_bps, between_sd_bps)])
