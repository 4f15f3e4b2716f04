"""Hold an asset that trades against the procedure's reviews, and see which are due."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from engine.gates.verdict import Verdict
from engine.onboarding.store import AssetState
from engine.policy import load_policy
from engine.runners.day_review import remarks, review_day
from engine.runners.reviewing import due, review_asset
from engine.runners.standing import onboarding
from engine.store.home import Home


@task(name="review", task_run_name="review {asset}", cache_policy=NO_CACHE)
def review(home: Home, asset: str, now_ns: int) -> tuple[AssetState, list[Verdict]]:
    """Return where an asset stands, and the reviews that are due with what they say."""
    state, verdicts = review_asset(home, asset, load_policy(), now_ns)
    with onboarding(home) as store:
        entries = store.history(asset)
    return state, due(state, entries, verdicts)


@task(name="remarks on the last day", cache_policy=NO_CACHE)
def with_remarks(home: Home, verdict: Verdict) -> Verdict:
    """Return a daily verdict with what the last day asks a person to do."""
    asked = remarks(review_day(home, verdict.asset, load_policy(), over=True))
    if not asked:
        return verdict
    words = f"{verdict.words} After the last day: {'; '.join(asked)}."
    return verdict.model_copy(update={"words": words})
