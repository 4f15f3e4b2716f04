"""`gangway haircut`: what live takes from a paper edge, as guessed, as measured, and as asked."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flows.options import AsJson, HomeDir, home_at, print_json

if TYPE_CHECKING:
    from engine.gates.haircut import Measured
    from engine.thresholds.paper import PaperPolicy

UNMEASURED = ("others", "dex:others")  # assets that are in no ledger, one of each origin
IN_JSON_ONLY = ("why", "paper_run", "live_run", "cause", "ts_ns")


def haircut(home: HomeDir = None, as_json: AsJson = False) -> None:
    """Show the gap between paper and live: its parts, what was measured, and the bars in force."""
    from engine.onboarding import ledger
    from engine.policy import load_policy
    from engine.store.metrics import Metrics
    from flows.show import console, rows_table

    policy = load_policy().paper
    with Metrics.open(home_at(home)) as metrics:
        known = ledger.read(metrics.con)
    parts = [part.model_dump() for part in policy.gap]
    measured, bars = [one.model_dump() for one in known], _bars(known, policy)
    if as_json:
        print_json({"parts": parts, "measured": measured, "bars": bars})
        return
    console.print(rows_table("the gap's parts, guessed", [_short(row) for row in parts]))
    if measured:
        console.print(rows_table("measured", [_short(row) for row in measured]))
    console.print(rows_table("what a paper edge must clear", [_rounded(row) for row in bars]))
    console.print(
        f"[dim]unmeasured {policy.haircut_bps:g} ± {policy.haircut_sd_bps:.2g} bps, the parts that "
        f"pessimistic fills have; ± {policy.between_assets.sd_bps:g} from asset to asset[/]"
    )


def _bars(known: Sequence["Measured"], policy: "PaperPolicy") -> list[dict[str, Any]]:
    """Return the bar of every asset that was measured, and of those that were not, by venue."""
    from engine.gates.haircut import haircut as haircut_of

    measured = {(one.venue, one.asset) for one in known}
    venues = {venue for venue, _ in measured} or {"any"}
    others = {(venue, asset) for venue in venues for asset in UNMEASURED}
    rows = []
    for venue, asset in sorted(measured | others):
        bar = haircut_of(known, policy, asset, venue)
        row = {"venue": venue, "asset": asset, "assets": bar.assets}
        row |= {"gap_bps": bar.learnt.mean_bps, "sd_bps": bar.learnt.sd_bps}
        row |= {"own_bps": bar.own.mean_bps if bar.own else None}
        rows.append(row | {"haircut_bps": bar.bps, "why": bar.why})
    return rows


def _short(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row without what fits no terminal."""
    return _rounded({name: row[name] for name in row if name not in IN_JSON_ONLY})


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    return {name: round(v, 2) if isinstance(v, float) else v for name, v in row.items()}
