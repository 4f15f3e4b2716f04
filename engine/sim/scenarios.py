"""Markets with a name: the parameters of each, what it is for, and the figures it is held to.

A figure is a promise that a test keeps: measured over simulated hours, it is within the tolerance
stated here.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

Positive = Annotated[FiniteFloat, Field(gt=0)]
NonNegative = Annotated[FiniteFloat, Field(ge=0)]
Pair = tuple[NonNegative, NonNegative]
FigureName = Literal["spread_bps", "trades_per_min", "move_5s_bps", "day_volume_usd"]


class Figure(BaseModel):
    """One calibrated figure; `tolerance` is relative to `value`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: FigureName
    value: Positive
    tolerance: Positive
    source: str


class QuotingParameters(BaseModel):
    """How the competing makers quote; see `engine.sim.displayed.Quoting` for the fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    half_spread_bps: Positive
    half_spread_sd: NonNegative = 0.2
    half_spread_reversion_per_s: Positive = 1 / 600
    step_bps: NonNegative
    jitter: NonNegative = 0.15
    level_usd: Positive
    level_growth: Positive = 1.2
    level_sd: NonNegative = 0.6
    refresh_per_s: Positive
    urgent_per_s: Positive
    tolerance_bps: Positive


class TakerParameters(BaseModel):
    """How the takers behave; see `engine.sim.market.Takers` for the fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    noise_per_s: NonNegative
    branching: Annotated[FiniteFloat, Field(ge=0, lt=1)] = 0.4
    excitation_decay_per_s: Positive = 0.2
    size_usd: Positive
    size_sd: NonNegative
    size_cap_usd: Positive
    impact_bps: NonNegative
    impact_decay_s: Positive = 10.0
    informed_per_s: NonNegative = 0.0
    informed_bps: NonNegative = 0.0
    pick_off_per_s: NonNegative
    pick_off_bps: NonNegative
    pick_off_usd: Positive


class PriceParameters(BaseModel):
    """How the price moves and who sees it; see `engine.sim.efficient.PriceModel` for the fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sigma_bps: Pair
    leave_per_s: Pair = (1 / 5400, 1 / 900)
    jumps_per_s: NonNegative = 1 / 7200
    jump_bps: NonNegative
    trend_bps_per_s: NonNegative = 0.0
    trend_change_per_s: NonNegative = 0.0
    informed_horizon_s: Positive = 2.0
    maker_lag_s: Positive = 0.3
    reference_per_s: NonNegative = 0.0
    reference_trades_per_s: NonNegative = 0.0
    feed_latency_s: Positive = 0.08
    funding_hourly: FiniteFloat = 1.25e-5
    open_interest_usd: Positive


class Turn(BaseModel):
    """A market that becomes another: from `at_ns` on, a whole hour [ns UTC], other takers come."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at_ns: Annotated[int, Field(multiple_of=3_600_000_000_000)]
    takers: TakerParameters


class Scenario(BaseModel):
    """One market; frozen, so that a name and a seed mean the same bytes for ever."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    why: str
    mark_px: Positive
    sz_decimals: Annotated[int, Field(ge=0, le=6)]
    slots: Annotated[int, Field(ge=1, le=10)] = 8
    quoting: QuotingParameters
    takers: TakerParameters
    price: PriceParameters
    figures: tuple[Figure, ...]
    turn: Turn | None = None

    def parameters(self) -> dict[str, dict[str, Any]]:
        """Return the groups of parameters by the name of the market's record they fill."""
        groups = ("quoting", "takers", "price")
        return {group: getattr(self, group).model_dump() for group in groups}


def _figures(source: str, **rows: tuple[float, float]) -> tuple[Figure, ...]:
    return tuple(
        Figure.model_validate(
            {"name": name, "value": value, "tolerance": tolerance, "source": source}
        )
        for name, (value, tolerance) in rows.items()
    )


RECORDED = "35 minutes recorded on 2025-09-04"
SPECIFIED = "the procedure: HIP-3 tokens show 15–30 bps and trade above $1M a day"

_THIN_QUOTING = QuotingParameters(
    half_spread_bps=8.8,
    half_spread_sd=0.3,
    step_bps=2.2,
    jitter=0.06,
    level_usd=1_400.0,
    refresh_per_s=0.7,
    urgent_per_s=8.0,
    tolerance_bps=2.5,
)
_THIN_TAKERS = TakerParameters(
    noise_per_s=38 / 3600,
    size_usd=2_800.0,
    size_sd=1.2,
    size_cap_usd=60_000.0,
    impact_bps=0.1,
    informed_per_s=7 / 3600,
    informed_bps=18.0,
    pick_off_per_s=0.5,
    pick_off_bps=3.0,
    pick_off_usd=2_000.0,
)
_THIN_PRICE = PriceParameters(
    sigma_bps=(0.4, 1.0), jump_bps=15.0, maker_lag_s=0.4, open_interest_usd=20e6
)

MAJOR = Scenario(
    name="major",
    why="BTC as recorded: one tick of spread, makers with nothing to earn; the red flag of step 1",
    mark_px=110_000.0,
    sz_decimals=5,
    slots=10,
    quoting=QuotingParameters(
        half_spread_bps=0.03,
        step_bps=0.09,
        level_usd=7_000.0,
        refresh_per_s=3.0,
        urgent_per_s=25.0,
        tolerance_bps=0.25,
    ),
    takers=TakerParameters(
        noise_per_s=0.55,
        size_usd=500.0,
        size_sd=2.6,
        size_cap_usd=1e6,
        impact_bps=0.02,
        impact_decay_s=5.0,
        pick_off_per_s=4.0,
        pick_off_bps=0.5,
        pick_off_usd=10_000.0,
    ),
    price=PriceParameters(
        sigma_bps=(0.45, 0.9),
        jump_bps=8.0,
        reference_per_s=4.0,
        reference_trades_per_s=4.0,
        open_interest_usd=3e9,
    ),
    figures=_figures(
        RECORDED, spread_bps=(0.09, 0.15), trades_per_min=(191, 0.25), move_5s_bps=(1.3, 0.25)
    ),
)

MIDCAP = Scenario(
    name="midcap",
    why="WLFI as recorded: a spread of 2.7 bps against moves of 10 bps in 5 s",
    mark_px=0.1865,
    sz_decimals=0,
    slots=10,
    quoting=QuotingParameters(
        half_spread_bps=1.3,
        step_bps=0.8,
        level_usd=1_900.0,
        level_growth=1.05,
        refresh_per_s=3.0,
        urgent_per_s=25.0,
        tolerance_bps=1.5,
    ),
    takers=TakerParameters(
        noise_per_s=0.165,
        size_usd=600.0,
        size_sd=1.7,
        size_cap_usd=100_000.0,
        impact_bps=0.3,
        pick_off_per_s=1.5,
        pick_off_bps=2.5,
        pick_off_usd=3_000.0,
    ),
    price=PriceParameters(
        sigma_bps=(4.0, 6.5),
        jump_bps=30.0,
        reference_per_s=4.0,
        reference_trades_per_s=2.0,
        open_interest_usd=150e6,
    ),
    figures=_figures(
        RECORDED, spread_bps=(2.7, 0.2), trades_per_min=(73, 0.25), move_5s_bps=(10, 0.25)
    ),
)

THIN_HIP3 = Scenario(
    name="thin-hip3",
    why="a quiet token without a leading venue: wide, mostly noise flow, some who know; a patient "
    "maker earns. Calmer than the live HYPE, so that a rehearsal tests the gates and not luck",
    mark_px=40.0,
    sz_decimals=2,
    quoting=_THIN_QUOTING,
    takers=_THIN_TAKERS,
    price=_THIN_PRICE,
    figures=_figures(SPECIFIED, spread_bps=(17.5, 0.14), day_volume_usd=(9e6, 0.45)),
)

TOXIC = Scenario(
    name="toxic",
    why="looks as good as thin-hip3 until somebody quotes: most takers know the next move",
    mark_px=2.5,
    sz_decimals=1,
    quoting=_THIN_QUOTING,
    takers=_THIN_TAKERS.model_copy(
        update={"noise_per_s": 12 / 3600, "informed_per_s": 50 / 3600, "informed_bps": 20.0}
    ),
    price=_THIN_PRICE,
    figures=_figures(SPECIFIED, spread_bps=(17.5, 0.2), day_volume_usd=(9e6, 0.6)),
)

TRENDING = Scenario(
    name="trending",
    why="drifts of hundreds of bps that last for an hour: a maker who does not skew piles up",
    mark_px=40.0,
    sz_decimals=2,
    quoting=_THIN_QUOTING,
    takers=_THIN_TAKERS,
    price=_THIN_PRICE.model_copy(
        update={
            "trend_bps_per_s": 0.08,
            "trend_change_per_s": 1 / 3600,
            "reference_per_s": 1.0,
            "reference_trades_per_s": 0.5,
        }
    ),
    figures=_figures(SPECIFIED, spread_bps=(17.5, 0.2), day_volume_usd=(9e6, 0.45)),
)

DEAD = Scenario(
    name="dead",
    why="a few trades an hour, under $0.5M a day: viability must refuse it",
    mark_px=0.8,
    sz_decimals=0,
    quoting=_THIN_QUOTING.model_copy(
        update={"half_spread_bps": 22.0, "step_bps": 6.0, "level_usd": 300.0}
    ),
    takers=_THIN_TAKERS.model_copy(
        update={
            "noise_per_s": 6 / 3600,
            "informed_per_s": 1 / 3600,
            "size_usd": 250.0,
            "size_cap_usd": 5_000.0,
            "pick_off_usd": 300.0,
        }
    ),
    price=_THIN_PRICE.model_copy(update={"open_interest_usd": 3e5}),
    figures=_figures(
        "the procedure: a red flag below $500K a day",
        spread_bps=(40, 0.25),
        day_volume_usd=(1.5e5, 0.7),
    ),
)

SOURING = Scenario(
    name="souring",
    why="thin-hip3 until 2026-01-13, then the noise thins out and those who know stay: what a ramp "
    "meets halfway up, and must go down again from",
    mark_px=40.0,
    sz_decimals=2,
    quoting=_THIN_QUOTING,
    takers=_THIN_TAKERS,
    price=_THIN_PRICE,
    figures=_figures(SPECIFIED, spread_bps=(17.5, 0.14), day_volume_usd=(9e6, 0.45)),
    turn=Turn(
        at_ns=1_768_262_400_000_000_000,
        takers=_THIN_TAKERS.model_copy(
            update={"noise_per_s": 12 / 3600, "informed_per_s": 25 / 3600, "informed_bps": 20.0}
        ),
    ),
)

SCENARIOS = {s.name: s for s in (MAJOR, MIDCAP, THIN_HIP3, TOXIC, TRENDING, DEAD, SOURING)}


def scenario(name: str) -> Scenario:
    """Return the scenario of that name.

    Raises
    ------
    ValueError
        if there is none.
    """
    if name not in SCENARIOS:
        raise ValueError(f"scenario must be one of {', '.join(SCENARIOS)}; was {name!r}")
    return SCENARIOS[name]
