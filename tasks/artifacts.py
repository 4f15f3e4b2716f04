"""What a person reads about a gate: one markdown report, used by artifacts and by the form.

It says what `gangway report` says, with the same functions: the sentence, and the table of
`engine.reports.table`.
"""

from html import escape

from prefect import task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from engine.gates.prelive import ChecklistItem
from engine.gates.verdict import Verdict
from engine.gates.words import row
from engine.onboarding.store import AssetState
from engine.reports import table

_STRONG = ("FAIL", "ERROR")
_BRIEF = ("criterion", "measured", "needed", "verdict")
_TICKS = {"ticked": "✔", "open": "**open**", "person": "**you confirm**"}


def slug(*parts: object) -> str:
    """Join words into a key Prefect accepts: small letters, digits and dashes.

    >>> slug("hyna:BTC", "ramp_25", "v3")
    'hyna-btc-ramp-25-v3'
    """
    text = "-".join(str(part) for part in parts).lower()
    return "".join(letter if letter.isalnum() else "-" for letter in text)


def report(state: AssetState, verdict: Verdict, checklist: tuple[ChecklistItem, ...] = ()) -> str:
    """Return a gate report in markdown: the sentence first, then the evidence."""
    spec = state.spec
    evidence = table.about(verdict)
    about = (
        f"${spec.capital_usd:,.0f} on {spec.venue}, stage {state.stage} (version {state.version}, "
        f"attempt {state.attempt}){', ' * bool(evidence)}{evidence}."
    )
    made = (f"`{name} {value[:12]}`" for name, value in table.hashes(verdict).items())
    said = table.said(verdict.verdict).lower()
    strong = "**" * (verdict.verdict in _STRONG)
    head = f"## {spec.asset}: {verdict.gate} – {strong}{said}{strong}"
    ticks, criteria = _ticks(checklist), _table(table.rows(verdict))
    readings = "\n\n".join(table.readings(verdict))
    parts = [head, _plain(verdict.words), about, ticks, criteria, readings, " ".join(made)]
    return "\n\n".join(part for part in parts if part)


def brief(verdict: Verdict) -> str:
    """Return a verdict as fits into a form: the sentence and a narrow table."""
    narrow = [{name: row(line)[name] for name in _BRIEF} for line in verdict.criteria]
    return f"### {verdict.gate}\n\n{_plain(verdict.words)}\n\n{_table(narrow)}"


def _ticks(checklist: tuple[ChecklistItem, ...]) -> str:
    lines = (
        f"- {_TICKS[item.status]} {_plain(f'{item.text} – {item.evidence}')}" for item in checklist
    )
    return "\n".join(lines)


def _table(rows: list[dict[str, str]]) -> str:
    if not rows:
        return ""
    cells = [list(map(_plain, line)) for line in (rows[0], *(one.values() for one in rows))]
    lines = [cells[0], ["---"] * len(cells[0]), *cells[1:]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plain(text: str) -> str:
    r"""Return text that markdown shows as it is, in a cell too.

    >>> _plain("a | b < 3")
    'a \\| b &lt; 3'
    """
    return escape(text, quote=False).replace("|", r"\|")


@task(name="publish report", task_run_name="publish {verdict.gate}", cache_policy=NO_CACHE)
def publish(state: AssetState, verdict: Verdict, checklist: tuple[ChecklistItem, ...] = ()) -> None:
    """Show a verdict in the Prefect UI, as a report and as a table."""
    key = slug(state.asset, verdict.gate)
    create_markdown_artifact(report(state, verdict, checklist), key=key, description=verdict.words)
    if rows := table.rows(verdict):
        create_table_artifact(rows, key=f"{key}-criteria", description=verdict.words)
