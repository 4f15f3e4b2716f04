"""The parts of the paper-to-live gap, each switched on and off on the same hours."""

import pytest

from engine.policy import load_policy
from engine.runners.gap import NAMES, PARTS, Gap, gap_specs, measure_gap
from engine.runners.replaying import Market, ReplayResult, ReplaySpec
from engine.runners.sharing import replay, results
from engine.runners.variants import ground

POLICY = load_policy()
HOURS, WARM = 8, 2


@pytest.fixture(scope="module")
def paper() -> ReplaySpec:
    return ground(Market(asset="HYPE", hours=HOURS), 1000.0, POLICY).spec("paper", {})


@pytest.fixture(scope="module")
def played(paper) -> list[ReplayResult]:
    return results(replay(gap_specs(paper, WARM)))


@pytest.fixture(scope="module")
def gap(played) -> Gap:
    return measure_gap(played, POLICY.paper)


def test_every_part_differs_from_paper_in_its_own_way_alone(paper):
    specs = dict(zip(NAMES, gap_specs(paper, WARM), strict=True))
    assert specs["paper"].rules.fill_model == "pessimistic"
    assert specs["optimistic"].rules == paper.rules.replaced(fill_model="optimistic")
    assert specs["unlimited"].config.request_grant > 1e8
    assert specs["prompt"].rules.latency.new.quantiles_ms == (0.0,)
    assert specs["cold"].config == specs["unlimited"].config
    assert specs["cold"].skip_hours == WARM
    for name in ("optimistic", "prompt"):
        assert specs[name].config == paper.config
    for name in ("unlimited", "cold"):
        assert specs[name].rules == paper.rules


def test_parts_stand_beside_what_the_policy_assumes(gap):
    rows = {row.part: row for row in gap.rows}
    assumed = {row.name: row for row in POLICY.paper.gap}
    for part in PARTS:
        row = rows.pop(part.name)
        if part.policy:
            told = assumed.pop(part.policy)
            assert (row.assumed_bps, row.on_pessimistic) == (told.bps, told.on_pessimistic)
        else:
            assert row.assumed_bps is None
        assert row.measured is not None
        assert row.measured.lo is not None
    assert rows.keys() == assumed.keys() == {"adverse selection under-widening"}
    assert all(row.measured is None and "live" in row.words for row in rows.values())
    assert f"{POLICY.paper.gap_bps:.3g} bps" in gap.words


def test_the_sum_is_that_of_the_parts(gap):
    parts = [row.measured.value for row in gap.rows if row.measured]
    assert gap.sum is not None
    assert gap.sum.value == pytest.approx(sum(parts), abs=1e-9)
    assert gap.sum.lo is not None and gap.sum.hi is not None
    assert gap.sum.lo <= gap.sum.value <= gap.sum.hi


def test_a_part_is_the_difference_of_two_edges(gap, played):
    by = dict(zip(NAMES, played, strict=True))
    queue = gap.rows[0].measured
    expected = by["optimistic"].total.edge_bps - by["paper"].total.edge_bps
    assert queue is not None
    assert queue.value == pytest.approx(expected, abs=1e-9)
    assert gap.edge_bps == by["paper"].total.edge_bps


def test_warm_and_cold_are_compared_on_the_same_hours(gap, played):
    by = dict(zip(NAMES, played, strict=True))
    warm = next(row.measured for row in gap.rows if row.part == "warm-up")
    assert warm is not None
    assert warm.n == HOURS - WARM == len(by["cold"].blocks)


def test_what_changes_nothing_is_said_to_change_nothing(played):
    same = [played[0]] * len(NAMES)
    gap = measure_gap(same, POLICY.paper)
    assert {row.words for row in gap.rows if row.measured} == {"it changes nothing here"}
    assert gap.sum is not None
    assert (gap.sum.value, gap.sum.lo, gap.sum.hi) == (0.0, 0.0, 0.0)


def test_few_hours_have_no_bound_and_it_is_said(played):
    short = [
        one.model_copy(update={"blocks": one.blocks[: 5 - one.spec.skip_hours]}) for one in played
    ]
    gap = measure_gap(short, POLICY.paper)
    for row in gap.rows:
        if row.measured:
            assert row.measured.lo is None
            assert "a bound needs 6" in row.words
    assert "without a bound" in gap.words


@pytest.mark.parametrize("warm", [0, -1, HOURS, 1000])
def test_nothing_to_warm_up_or_nothing_left_is_refused(paper, warm):
    with pytest.raises(ValueError, match=f"warm_hours must be from 1 to below 8, was {warm}"):
        gap_specs(paper, warm)


def test_by_default_half_the_hours_warm_up_and_a_day_at_most(paper):
    def skipped(hours: float) -> int:
        market = Market(asset="HYPE", hours=hours)
        return gap_specs(paper.model_copy(update={"market": market}))[-1].skip_hours

    assert [skipped(hours) for hours in (8, 23.7, 48, 400)] == [4, 11, 24, 24]
