"""What the paper venue is told: how fills are judged, how long messages take, what it enforces."""

import math
from itertools import pairwise
from statistics import NormalDist
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from engine.policy import Policy

FillModel = Literal[
    "pessimistic", "risk_averse", "power", "log", "power3", "optimistic", "front", "twice"
]
FILL_MODELS: tuple[str, ...] = get_args(FillModel)
# what a report shows side by side: gates judge the first
BAND: dict[str, FillModel] = {
    "pessimistic": "pessimistic",
    "realistic": "power",
    "optimistic": "optimistic",
}
POINTS = 101  # of a table of quantiles

Milliseconds = Annotated[FiniteFloat, Field(ge=0, le=600_000)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Delay(_Frozen):
    """How long one kind of message takes: evenly spaced quantiles from the least to the most [ms].

    One number is a constant; between two quantiles delays are uniform.

    Examples
    --------
    >>> Delay.constant(40.0).quantiles_ms
    (40.0,)
    """

    quantiles_ms: Annotated[tuple[Milliseconds, ...], Field(min_length=1, max_length=10_001)]

    @classmethod
    def constant(cls, ms: float) -> "Delay":
        """Return a delay that is always the same."""
        return cls(quantiles_ms=(ms,))

    @classmethod
    def lognormal(cls, median_ms: float, p99_ms: float) -> "Delay":
        """Return a log-normal delay, cut at its 0.5 % and 99.5 % quantiles.

        >>> round(Delay.lognormal(140.0, 630.0).quantiles_ms[99], 6)
        630.0
        """
        if not 0.0 < median_ms <= p99_ms:
            raise ValueError(f"0 < median_ms <= p99_ms must hold, were {median_ms} and {p99_ms}")
        sd = math.log(p99_ms / median_ms) / NormalDist().inv_cdf(0.99)
        cuts = [min(max(k / (POINTS - 1), 0.005), 0.995) for k in range(POINTS)]
        z = [NormalDist().inv_cdf(cut) for cut in cuts]
        return cls(quantiles_ms=tuple(median_ms * math.exp(sd * x) for x in z))

    @model_validator(mode="after")
    def _ascend(self) -> "Delay":
        if any(b < a for a, b in pairwise(self.quantiles_ms)):
            raise ValueError("quantiles_ms must not descend: they run from the least to the most")
        return self


class Spikes(_Frozen):
    """Times in which everything we send and hear takes longer: a congested venue or network."""

    per_hour: Annotated[FiniteFloat, Field(ge=0, le=3_600)] = 0.0
    mean_s: Annotated[FiniteFloat, Field(gt=0)] = 5.0  # length, exponentially distributed
    extra_ms: Milliseconds = 1_000.0


class Latency(_Frozen):
    """How long messages take; requests are counted until the venue acts on them."""

    new: Delay
    modify: Delay
    cancel: Delay
    response: Delay  # from the venue's act to our hearing of it
    feed: Delay = Delay.constant(0.0)  # on top of what the recording or the market has
    spikes: Spikes = Spikes()

    @classmethod
    def constant(cls, ms: float) -> "Latency":
        """Return a latency of `ms` each way."""
        delay = Delay.constant(ms)
        return cls(new=delay, modify=delay, cancel=delay, response=delay)


class VenueRules(_Frozen):
    """Everything the paper venue is told beside the asset itself."""

    fill_model: FillModel = "pessimistic"
    latency: Latency
    whole_fills: bool = False  # an order that is reached fills whole: hftbacktest's exchange
    reached_by: Literal["both", "prints", "book"] = "both"  # other programs know but one of them
    limits: bool = True  # request budget, margin, open-interest cap, tick and lot are enforced
    volume_14d_usd: Annotated[FiniteFloat, Field(ge=0)] = 0.0  # at the start: decides the fee tier
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 7

    def replaced(self, **changes: Any) -> "VenueRules":
        """Return these rules with some of them changed, checked again."""
        return VenueRules.model_validate(self.model_dump() | changes)


def venue_rules(
    policy: Policy, *, fill_model: FillModel = "pessimistic", seed: int = 7
) -> VenueRules:
    """Return the rules that gates judge by: the policy's latency, everything enforced."""
    told = policy.paper.latency
    request = Delay.lognormal(told.request.median_ms, told.request.p99_ms)
    latency = Latency(
        new=request,
        modify=request,
        cancel=request,
        response=Delay.lognormal(told.response.median_ms, told.response.p99_ms),
    )
    return VenueRules(fill_model=fill_model, latency=latency, seed=seed)
