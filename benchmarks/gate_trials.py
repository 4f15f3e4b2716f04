"""Gates tried on simulated fills: what they let through and how long they take.

Gates that judge point values see the same fills as ours in every trial. All is seeded.
"""

from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.gate_looks import first, looks
from benchmarks.gate_ramp import (
    CAPITAL_PER_FILL,
    INVENTORY_SD_BPS,
    Ramped,
    naive,
    ours,
    outcome,
    paths_of,
)
from benchmarks.gate_streams import (
    DAY_H,
    FILLS_PER_H,
    SD_BPS,
    Dependence,
    streams,
)
from engine.gates.bounds import ALPHA, attempt_alpha, planned_hours, student_t

WEEK_H = 168
RAMP_H = 28 * DAY_H
TURN_H = 17 * DAY_H  # an edge that turns does so on the 18th day
GAP_BPS = 4.3  # what paper flatters, and what its bar is raised by
LEAST_RATE, FAIL_RATE = 10.0, 5.0  # fills an hour
PNL_FLOOR_BPS = -0.5 * 1000.0 / DAY_H  # half of a daily loss limit of 10 %, an hour
CRITERIA = 3
ATTEMPTS = 10
Z = NormalDist().inv_cdf(1 - ALPHA)
HOURS = np.arange(1, WEEK_H + 1)
LATE = HOURS >= DAY_H  # no gate opens in less than a day
MARKS = HOURS % DAY_H == 0

Array = NDArray[Any]


class Sent(NamedTuple):
    """Shares of assets sent live by three gates, and those that ours fails; median hours of all."""

    once: float
    until_green: float
    passed: float
    failed: float
    median_h: float


class Power(NamedTuple):
    """Shares of good assets that pass, and median hours of all, hourly and at day marks.

    `by_plan` is the share that passes with hourly looks within `planned_h`, meant to be 80 %.
    """

    hourly: float
    hourly_h: float
    daily: float
    daily_h: float
    planned_h: float
    by_plan: float
    wrongly_failed: float


def false_pass(dependence: Dependence, paths: int, seed: int) -> tuple[float, ...]:
    """Return shares of assets without margin that pass: one look, hourly looks by five gates."""
    fills = streams(np.random.default_rng(seed), dependence, paths=paths, hours=WEEK_H)
    seen = looks(*fills)
    hourly = (
        seen.value > 0.0,
        seen.value > Z * seen.se_items,
        seen.value > _student() * seen.se_hac,
        seen.lo() > 0.0,
    )
    at_marks = float((hourly[-1] & MARKS).any(axis=1).mean())
    by_hour = tuple(float((passed & LATE).any(axis=1).mean()) for passed in hourly)
    return float((seen.value[:, DAY_H - 1] > 0.0).mean()), *by_hour, at_marks


def power(dependence: Dependence, margin_bps: float, paths: int, seed: int) -> Power:
    """Return how often and how soon a margin over the bar passes on edge alone."""
    fills = streams(np.random.default_rng(seed), dependence, paths=paths, hours=WEEK_H)
    seen = looks(*fills.shifted(margin_bps))
    passed = seen.lo() > 0.0
    hourly, daily = first(passed), first(passed & MARKS)
    planned = planned_hours(margin_bps, sd=SD_BPS, per_hour=FILLS_PER_H) or np.inf
    return Power(
        hourly=float(np.isfinite(hourly).mean()),
        hourly_h=_median_h(hourly),
        daily=float(np.isfinite(daily).mean()),
        daily_h=_median_h(daily),
        planned_h=planned,
        by_plan=float((hourly <= planned).mean()),
        wrongly_failed=float((seen.hi() < 0.0).any(axis=1).mean()),
    )


def sent_live(dependence: Dependence, live_bps: float, paths: int, seed: int) -> Sent:
    """Return how often an asset of a true live edge is sent live, when paper flatters by the gap.

    Criteria are edge, fill rate and hourly profit; ours asks for an edge above the gap.
    """
    rng = np.random.default_rng(seed)
    fills = streams(rng, dependence, paths=paths, hours=WEEK_H).shifted(live_bps + GAP_BPS)
    profit = CAPITAL_PER_FILL * fills.x + INVENTORY_SD_BPS * rng.standard_normal(fills.x.shape)
    ones = np.ones_like(fills.n)
    edge, rate, pnl = looks(*fills), looks(fills.n, ones), looks(profit, ones)
    green = (edge.value > 0.0) & (rate.value > LEAST_RATE) & (pnl.value > 0.0)
    sure = (edge.lo() > GAP_BPS) & (edge.value >= GAP_BPS)
    sure &= (rate.lo() > FAIL_RATE) & (rate.value > LEAST_RATE) & (pnl.lo() > PNL_FLOOR_BPS)
    share = ALPHA / CRITERIA
    fails = first((edge.hi(share) < GAP_BPS) | (rate.hi(share) < LEAST_RATE))
    passes = first(sure & MARKS)
    passes = np.where(passes < fails, passes, np.inf)
    return Sent(
        once=float(green[:, DAY_H - 1].mean()),
        until_green=float((green & LATE).any(axis=1).mean()),
        passed=float(np.isfinite(passes).mean()),
        failed=float((np.isfinite(fails) & ~np.isfinite(passes)).mean()),
        median_h=_median_h(passes),
    )


def attempts(dependence: Dependence, paths: int, seed: int) -> Array:
    """Return shares of assets without margin through by attempt 1, 2, …, shape (3, attempts).

    Rows: point values until green, bounds with the same alpha each time, bounds with alpha_k.
    """
    rng = np.random.default_rng(seed)
    passed = np.zeros((3, ATTEMPTS, paths), dtype=bool)
    for k in range(ATTEMPTS):
        seen = looks(*streams(rng, dependence, paths=paths, hours=WEEK_H))
        gates = (seen.value, seen.lo(), seen.lo(attempt_alpha(ALPHA, k + 1)))
        for row, above in enumerate(gates):
            passed[row, k] = ((above > 0.0) & LATE).any(axis=1)
    return np.logical_or.accumulate(passed, axis=1).mean(axis=2)


def ramps(
    dependence: Dependence, edge_bps: float | Array, budget: float, paths: int, seed: int
) -> tuple[Ramped, Ramped, Ramped]:
    """Return what three ramps make of a live edge: the naive one, ours, ours with money budgets."""
    rng = np.random.default_rng(seed)
    fills = streams(rng, dependence, paths=paths, hours=RAMP_H)
    inventory = INVENTORY_SD_BPS * rng.standard_normal(fills.x.shape)
    assets = paths_of(fills.shifted(edge_bps), inventory)
    return (
        outcome(assets, [naive(one) for one in assets]),
        outcome(assets, [ours(one, budget) for one in assets]),
        outcome(assets, [ours(one, budget, one.account) for one in assets]),
    )


def turning(before_bps: float, after_bps: float) -> Array:
    """Return an edge that turns on the 18th of 28 days."""
    return np.where(np.arange(RAMP_H) < TURN_H, before_bps, after_bps)


def _student() -> Array:
    """Return what a single look after each hour would hold a ratio of mean to error against."""
    return np.array([student_t(t, ALPHA) for t in HOURS.tolist()])


def _median_h(hours: Array) -> float:
    """Return the median over all assets; infinity where half of them never pass."""
    return float(np.quantile(hours, 0.5, method="higher"))
