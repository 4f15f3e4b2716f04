"""Turn market facts into everything the maker is told."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from engine.config import MakerConfig
from engine.gates.verdict import Verdict
from engine.onboarding.store import AssetState
from engine.policy import load_policy
from engine.runners.judging import judge_derivation


@task(name="derive config", task_run_name="derive {state.asset}", cache_policy=NO_CACHE)
def derive_config(state: AssetState, now_ns: int) -> tuple[Verdict, MakerConfig | None]:
    """Derive the configuration; without one the verdict says why."""
    return judge_derivation(state, load_policy(), now_ns)
