"""How sure the lines of a gate are: bounds from hourly blocks that hold whenever one looks.

A line that is measured by sampling passes when its value reaches the minimum and its near bound
clears the fail tier; it fails when its far bound falls short of the minimum, or of the fail tier
where the gate says so. PASS binds at whole days, so that every hour of the day counts once; FAIL
binds at any hour. All lines must pass together, which needs no correction for their number; any one
of them fails the gate, so each may do it with its share of the error.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.gates.bounds import ALPHA, Bounds, bounds, hours_to_pass
from engine.gates.verdict import Outcome
from engine.thresholds.gate import Criterion, GatePolicy

DAY_H = 24

Blocks = Mapping[str, NDArray[Any]]  # column to one value per hour, in order of time
Sums = tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None]


class Certainty(NamedTuple):
    """What is sure about one line.

    `at_mark` is of the last whole day, for PASS; `now` of all blocks, for FAIL; `items` is what
    they count, fills or hours. The near bound must clear `clear`; a far bound that falls short of
    `least` fails the line, never where it is None.
    """

    items: float
    at_mark: Bounds | None
    now: Bounds | None
    clear: float
    least: float | None
    more_hours: float | None


def certain(
    gate: GatePolicy, blocks: Blocks, alpha: float, *, pnl_floor: float
) -> dict[str, Certainty]:
    """Return what is sure about every line of a gate that is measured by sampling.

    Parameters
    ----------
    gate
        its lines.
    blocks
        columns of the store's ``evidence_blocks``; warm-up and hours with gaps left out.
    alpha
        error of one side, for this attempt. A gate that passes on less certainty does not fail on
        less: there it is `ALPHA` at most.
    pnl_floor
        what the mean hourly profit may be worse than nothing by, a share of the capital: negative.
        A Sharpe ratio is not measurable in days, so its line asks that losses be ruled out.
    """
    lines = [line for line in gate.criteria if line.metric in _SUMS and line.divided_by is None]
    share = min(alpha, ALPHA) / max(len(lines), 1)
    errors = alpha, share
    return {line.metric: _certainty(gate, line, blocks, errors, pnl_floor) for line in lines}


def decide(line: Criterion, sure: Certainty, reaches_minimum: bool) -> Outcome:
    """Return the outcome of one line; `reaches_minimum` speaks of its value alone."""
    if not sure.items > 0.0:
        return "NO_DATA"
    if sure.now is None:
        return "NOT_YET"
    sign = 1.0 if line.direction == "higher" else -1.0
    far = sure.now.hi if line.direction == "higher" else sure.now.lo
    if sure.least is not None and sign * (far - sure.least) < 0.0:
        return "FAIL"
    if sure.at_mark is None or not reaches_minimum:
        return "NOT_YET"
    near = sure.at_mark.lo if line.direction == "higher" else sure.at_mark.hi
    return "PASS" if sign * (near - sure.clear) > 0.0 else "NOT_YET"


def _certainty(
    gate: GatePolicy,
    line: Criterion,
    blocks: Blocks,
    errors: tuple[float, float],
    pnl_floor: float,
) -> Certainty:
    alpha, share = errors
    x, n, squares = _SUMS[line.metric](blocks)
    whole = len(x) // DAY_H * DAY_H
    marked = None if squares is None else squares[:whole]
    at_mark = bounds(x[:whole], n[:whole], marked, alpha=alpha)
    now = bounds(x, n, squares, alpha=share)
    items = float(n.sum())
    if line.metric == "sharpe":
        more = _more_hours(line, at_mark, pnl_floor, alpha)
        return Certainty(items, at_mark, now, pnl_floor, None, more)
    tier = line.minimum if line.fail is None else line.fail
    sign = 1.0 if line.direction == "higher" else -1.0
    clear, least = tier + sign * line.haircut, line.minimum + sign * line.haircut
    if gate.fails_below == "fail":
        least = None if line.fail is None else clear
    return Certainty(items, at_mark, now, clear, least, _more_hours(line, at_mark, clear, alpha))


def _more_hours(line: Criterion, at_mark: Bounds | None, bar: float, alpha: float) -> float | None:
    """Return how many more hours it would take if the value is the truth; None for never."""
    if at_mark is None:
        return None
    if line.direction == "lower":  # the same question in a mirror
        mirrored = {"value": -at_mark.value, "lo": -at_mark.hi, "hi": -at_mark.lo}
        return hours_to_pass(at_mark.model_copy(update=mirrored), bar=-bar, alpha=alpha)
    return hours_to_pass(at_mark, bar=bar, alpha=alpha)


def edge_sums(blocks: Blocks) -> Sums:
    """Return the edge [bps] in units of the mean fill: its size weighs, and it is one item."""
    per_fill = blocks["notional_usd"].sum() / max(blocks["markouts"].sum(), 1.0)
    scale = per_fill if per_fill > 0.0 else 1.0
    return (
        blocks["edge_usd_bps"] / scale,
        blocks["notional_usd"] / scale,
        blocks["edge_usd_bps_sq"] / scale**2,
    )


def _edge_first_half(blocks: Blocks) -> Sums:
    return edge_sums({name: column[: len(column) // 2] for name, column in blocks.items()})


def _edge_second_half(blocks: Blocks) -> Sums:
    return edge_sums({name: column[len(column) // 2 :] for name, column in blocks.items()})


def _fill_rate(blocks: Blocks) -> Sums:
    return blocks["filled_orders"], blocks["quote_s"] / 3600.0, None


def _adverse(blocks: Blocks) -> Sums:
    return blocks["adverse"], blocks["markouts"], blocks["adverse"]  # of items that are 0 or 1


def _spread(blocks: Blocks) -> Sums:
    shown = np.isfinite(blocks["spread_ratio"])
    return blocks["spread_ratio"][shown], np.ones(int(shown.sum())), None


def _pnl(blocks: Blocks) -> Sums:
    return blocks["pnl_share"], np.ones(len(blocks["pnl_share"])), None


_SUMS: dict[str, Callable[[Blocks], Sums]] = {
    "edge_bps": edge_sums,
    "edge_first_half_bps": _edge_first_half,
    "edge_second_half_bps": _edge_second_half,
    "fill_rate": _fill_rate,
    "as_rate": _adverse,
    "spread_ratio": _spread,
    "sharpe": _pnl,
}
