"""Look at a market, and judge whether it is worth quoting."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from engine.config import AssetSpec
from engine.derive.facts import MarketFacts
from engine.derive.viability import ViabilityReport, assess
from engine.onboarding.store import AssetState
from engine.policy import load_policy
from engine.runners.market_source import market_source
from engine.store.home import Home
from engine.store.metrics import Metrics


@task(name="measure market", task_run_name="measure {spec.asset}", cache_policy=NO_CACHE)
def measure_market(spec: AssetSpec, now_ns: int) -> MarketFacts:
    """Observe the asset at its venue."""
    source = market_source(
        spec.venue, asset=spec.asset, scenario=spec.scenario, seed=spec.seed, tape=spec.tape
    )
    return source.facts(spec.asset, now_ns)


@task(name="judge viability", cache_policy=NO_CACHE)
def judge_viability(facts: MarketFacts, capital_usd: float) -> ViabilityReport:
    """Hold the market against the table of viability."""
    return assess(facts, capital_usd, load_policy())


@task(name="measure again", task_run_name="measure {state.run}", cache_policy=NO_CACHE)
def measure_from_paper(home: Home, state: AssetState, now_ns: int) -> MarketFacts:
    """Observe the asset anew, with the spread that its engine has seen on paper.

    A server tells its day's volume, and the spread of this moment only.
    """
    facts = measure_market.fn(state.spec, now_ns)
    with Metrics.open(home) as metrics:
        seen = metrics.query("market_seen", run=state.run).row(0, named=True)
    if (seen["hours"] or 0.0) <= facts.hours_observed:
        return facts
    note = f"the spread is the median of {seen['hours']:.1f} h on paper, run {state.run}"
    return facts.model_copy(
        update={
            "spread_bps": seen["spread_bps"],
            "hours_observed": seen["hours"],
            "notes": (*facts.notes, note),
        }
    )
