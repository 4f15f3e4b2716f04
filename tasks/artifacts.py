"""What a person reads about a gate: one markdown report, used by artifacts and by the form."""

from prefect import task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from engine.gates.prelive import ChecklistItem
from engine.gates.verdict import Verdict
from engine.gates.words import row
from engine.onboarding.store import AssetState

_SAID = {
    "PASS": "pass",
    "FAIL": "**fail**",
    "NOT_YET": "not yet",
    "NO_DATA": "no data",
    "ERROR": "**error**",
}
_BRIEF = ("criterion", "measured", "needed", "verdict")
_TICKS = {"ticked": "✔", "open": "**open**", "person": "**you confirm**"}


def slug(*parts: object) -> str:
    """Join words into a key Prefect accepts: small letters, digits and dashes.

    >>> slug("hyna:BTC", "ramp_25", "v3")
    'hyna-btc-ramp-25-v3'
    """
    text = "-".join(str(part) for part in parts).lower()
    return "".join(letter if letter.isalnum() else "-" for letter in text)


def rows(verdict: Verdict) -> list[dict[str, str]]:
    """Return the criteria as the rows of a table."""
    return [row(line) for line in verdict.criteria]


def report(state: AssetState, verdict: Verdict, checklist: tuple[ChecklistItem, ...] = ()) -> str:
    """Return a gate report in markdown: the sentence first, then the evidence."""
    spec = state.spec
    hours = "" if verdict.hours is None else f", {verdict.hours:,.1f} h of evidence"
    about = (
        f"${spec.capital_usd:,.0f} on {spec.venue}, stage {state.stage} (version {state.version}, "
        f"attempt {state.attempt}){hours}."
    )
    versions = (
        f"`policy {verdict.policy_hash[:12]}` `config {(verdict.config_hash or 'none')[:12]}` "
        f"`code {verdict.code_version[:12]}`"
    )
    head = f"## {spec.asset}: {verdict.gate} – {_SAID[verdict.verdict]}"
    parts = [head, verdict.words, about, _ticks(checklist), _table(rows(verdict)), versions]
    return "\n\n".join(part for part in parts if part)


def brief(verdict: Verdict) -> str:
    """Return a verdict as fits into a form: the sentence and a narrow table."""
    table = [{name: row[name] for name in _BRIEF} for row in rows(verdict)]
    return f"### {verdict.gate}\n\n{verdict.words}\n\n{_table(table)}"


def _ticks(checklist: tuple[ChecklistItem, ...]) -> str:
    return "\n".join(f"- {_TICKS[item.status]} {item.text} – {item.evidence}" for item in checklist)


def _table(table: list[dict[str, str]]) -> str:
    if not table:
        return ""
    lines = [list(table[0]), ["---"] * len(table[0]), *(list(row.values()) for row in table)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


@task(name="publish report", task_run_name="publish {verdict.gate}", cache_policy=NO_CACHE)
def publish(state: AssetState, verdict: Verdict, checklist: tuple[ChecklistItem, ...] = ()) -> None:
    """Show a verdict in the Prefect UI, as a report and as a table."""
    key = slug(state.asset, verdict.gate)
    create_markdown_artifact(report(state, verdict, checklist), key=key, description=verdict.words)
    if table := rows(verdict):
        create_table_artifact(table, key=f"{key}-criteria", description=verdict.words)
