"""Where the audit says an asset has traded, and what a phase is ruled by."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from engine.onboarding.audit import Entry
from engine.onboarding.store import AssetState
from engine.policy import load_policy
from engine.runners.judging import Shown, judge_stage
from engine.runners.ramping import RampShown, course, judge_ramp, read_ramp
from engine.store.home import Home
from engine.store.metrics import Metrics

POLICY = load_policy()
NOW_NS = 1_767_900_000_000_000_000
UP = ["paper", "validation", "prelive", "ramp_25", "ramp_50", "ramp_75"]


def moves(*stages: str, trigger: str = "PASS") -> list[Entry]:
    """Return the audit of an asset that went through these stages, each with a run of its own."""
    bodies = [
        {"from": before, "to": after, "trigger": trigger, "run": f"{after}-{k}"}
        for k, (before, after) in enumerate(itertools.pairwise(stages))
    ]
    return [Entry(f"transition-{k}-x", k, "transition", "HYPE", k, b) for k, b in enumerate(bodies)]


def test_the_drawdowns_clock_runs_on_through_moves_up():
    been = course(moves("derive", *UP))
    assert been.paper == "prelive-2"
    assert been.live == (("ramp_25-3", 0.25), ("ramp_50-4", 0.5), ("ramp_75-5", 0.75))
    assert been.step_downs == 0


@pytest.mark.parametrize("trigger", ["STEP_DOWN", "FAIL"])  # FAIL: before there were two ways down
def test_it_begins_anew_after_a_step_down_which_is_counted(trigger):
    been = course(moves("derive", *UP, "ramp_50", "ramp_75", trigger=trigger))
    assert been.live == (("ramp_50-6", 0.5), ("ramp_75-7", 0.75))
    assert been.step_downs == 1


def test_step_downs_of_earlier_attempts_count_and_their_hours_do_not():
    been = course(moves("derive", *UP, "ramp_50", "ramp_25", "paper", *UP[1:4]))
    assert been.step_downs == 2  # the way to paper is none
    assert (been.paper, been.live) == ("prelive-10", (("ramp_25-11", 0.25),))
    halted = course(moves("derive", *UP, "halted", *UP[:4]))
    assert (halted.step_downs, halted.live) == (0, (("ramp_25-10", 0.25),))


@pytest.fixture
def phase(
    home: Home, put_at: Callable[..., AssetState], show: Callable[..., None]
) -> tuple[AssetState, Shown, RampShown]:
    """A hundred good hours at a half, and what else the ramp is ruled by."""
    show(put_at("prelive"), hours=72.5)
    show(put_at("ramp_25"), hours=80)
    state = put_at("ramp_50")
    show(state, hours=100)
    with Metrics.open(home) as metrics:
        metrics.ingest()
        about: dict[str, Any] = {"run": state.run, "capital_usd": 500.0}
        values = metrics.query("evidence", **about).row(0, named=True)
        shown = Shown(values, metrics.query("evidence_blocks", **about))
    return state, shown, read_ramp(home, state, POLICY, NOW_NS)


def with_edge(blocks: pl.DataFrame, hour: int, edge: float) -> pl.DataFrame:
    """Return the blocks with another sum of edge in one hour."""
    values = blocks["edge_usd_bps"].to_list()
    values[hour] = edge
    return blocks.with_columns(pl.Series("edge_usd_bps", values, dtype=pl.Float64))


def test_a_good_phase_advances_on_its_own_hours_and_earlier_ones_only_count_as_drawdown(phase):
    state, shown, ramp = phase
    assert len(ramp.earlier) == 1
    found = judge_ramp(state, shown, ramp, POLICY, NOW_NS)
    assert (found.verdict, found.asks) == ("PASS", "advance")
    blocks, share = ramp.earlier[0]
    ruined = ramp._replace(earlier=((with_edge(blocks, 60, -1e6), share),))
    assert judge_ramp(state, shown, ruined, POLICY, NOW_NS).asks == "step_down"


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_an_hour_that_is_no_number_takes_nothing_up_and_silences_nothing(phase, broken):
    state, shown, ramp = phase
    bad = shown._replace(blocks=with_edge(shown.blocks, 50, broken))
    found = judge_ramp(state, bad, ramp, POLICY, NOW_NS)
    assert (found.verdict, found.asks) == ("ERROR", "stay")
    worse = bad._replace(blocks=with_edge(bad.blocks, 80, -1e6))
    found = judge_ramp(state, worse, ramp, POLICY, NOW_NS)
    assert (found.verdict, found.asks) == ("FAIL", "paper")


def test_where_the_kill_switch_has_tripped_the_ramp_has_no_say(phase):
    state, shown, ramp = phase
    killed = shown._replace(values=dict(shown.values) | {"kill_triggers": 1})
    found = judge_ramp(state, killed, ramp, POLICY, NOW_NS)
    assert (found.verdict, found.asks) == ("FAIL", None)


def test_hours_with_gaps_are_no_evidence_to_go_up_and_their_losses_count(phase):
    state, shown, ramp = phase
    gone = shown._replace(blocks=shown.blocks.with_columns(gap=pl.lit(True)))
    assert judge_ramp(state, gone, ramp, POLICY, NOW_NS).asks == "stay"
    lost = gone._replace(blocks=with_edge(gone.blocks, 99, -1e4))
    assert judge_ramp(state, lost, ramp, POLICY, NOW_NS).asks == "step_down"


def test_a_retried_asset_must_be_surer_to_leave_paper_and_not_to_rise(phase):
    state, shown, _ = phase
    for stage, same in (("ramp_50", True), ("validation", False)):
        first, second = (
            judge_stage(
                state.model_copy(update={"stage": stage, "attempt": k}), shown, 0, POLICY, NOW_NS
            )
            for k in (1, 2)
        )
        lows = [next(c.lo for c in v.criteria if c.metric == "edge_bps") for v in (first, second)]
        assert (lows[0] == lows[1]) == same
