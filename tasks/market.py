"""Look at a market, and judge whether it is worth quoting."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from engine.config import AssetSpec
from engine.derive.facts import MarketFacts
from engine.derive.viability import ViabilityReport, assess
from engine.policy import load_policy
from engine.runners.market_source import market_source


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
