"""An asset's pages as one HTML file: nothing is fetched, nothing runs, every name is escaped."""

from collections.abc import Sequence
from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from engine.onboarding.proof import Proof
from engine.onboarding.store import AssetState
from engine.reports import plot, table
from engine.reports.pages import Page, utc


def render(state: AssetState, pages: Sequence[Page], proved: Proof) -> str:
    """Return the report of an asset.

    Equal audits give equal bytes: the report knows the time of what was recorded, and no other.

    Parameters
    ----------
    state
        where the asset stands.
    pages
        its pages, in the order they are to be read.
    proved
        what checking the audit has found.
    """
    env = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    env.filters |= {"utc": utc, "said": table.said, "points": _points}
    template = env.from_string(files("engine.reports").joinpath("report.html").read_text("utf-8"))
    return template.render(state=state, pages=pages, proved=proved, plot=plot, table=table)


def _points(stretch: Sequence[plot.Point]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in stretch)
