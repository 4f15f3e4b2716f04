"""An asset leaves its first live phase: its gap is kept, and the next asset's bar has learnt."""

import numpy as np
import pytest

from engine.derive.facts import MarketFacts
from engine.onboarding import ledger
from engine.onboarding.store import OnboardingStore
from engine.policy import load_policy
from engine.runners.gap_ledger import haircut_for, live_gap, record_gap
from engine.runners.judging import Shown, judge_stage
from engine.store.home import Home
from engine.store.metrics import Metrics
from engine.store.spool import Spool
from tests.onboarding.conftest import PATH, Walk
from tests.store.conftest import make_row

POLICY = load_policy()
FEE_BPS = 1.5
FACTS = MarketFacts(
    asset="HYPE", dex="", coin="HYPE", listed=True, delisted=False, mark_px=20.0, sz_decimals=2,
    max_leverage=10.0, only_isolated=False, day_volume_usd=25e6, spread_bps=12.0,
    hours_observed=24.0, collateral="USDC", binance_symbol=None, source="test", observed_at_ns=1,
)  # fmt: skip


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def asset(home):
    """Return a function that takes HYPE to a stage, each run having shown the edge it is told."""

    def to(stage: str, **runs: tuple[str, int, float]):
        with Metrics.open(home) as metrics:
            walk = Walk(OnboardingStore(metrics.con))
            walk.store.set_facts("HYPE", FACTS.model_dump(mode="json"), 1)
            states = {walk.state.stage: walk.state}
            for trigger in PATH:
                if walk.state.stage != stage:
                    reached = walk.step(trigger)
                    states[reached.stage] = reached
        for i, (name, (hours, edge)) in enumerate(runs.items()):
            trade(home, states[name].run, hours, edge, first=1000 * i, seed=i)
        return states[stage]

    return to


def trade(home, run, hours, edge, *, first, seed):
    """Let a run fill twelve orders an hour; its first hour is its warm-up."""
    rng = np.random.default_rng(seed)
    rows = [row for hour in range(hours + 1) for row in _hour(rng, 3600 * first, hour, edge)]
    with Spool.open(home.spool(run)) as spool:
        for seq, (kind, s, row) in enumerate(rows, 1):
            spool.append(kind, make_row(kind, s, run=run, **row), seq=seq)
    with Metrics.open(home) as metrics:
        metrics.ingest()


def _hour(rng, start_s, hour, edge):
    for i in range(12):
        s = start_s + 3600 * hour + 300 * i + 1
        told = {"tid": 12 * hour + i, "notional_usd": 60.0, "half_spread_bps": 5.0}
        yield "fill", s, {"tid": told["tid"]}
        yield "markout", s, told | {"mk5": rng.normal(edge + FEE_BPS, 4.0), "fee_bps": FEE_BPS}
        lived = 3600 * hour + 300 * (i + 1)
        counted = {"filled_orders": 12 * hour + i, "own_fills": 12 * hour + i}
        clocks = {"live_s": lived, "quote_s": 0.9 * lived, "equity_usd": 1000.0 + 0.01 * lived}
        seen = {"calibration": 0.9, "spread_ratio": 1.2}
        yield "sample", start_s + lived, counted | clocks | seen


def gap_of(home):
    with Metrics.open(home) as metrics:
        return ledger.read(metrics.con)


def shown(home, run):
    with Metrics.open(home) as metrics:
        about = {"run": run, "capital_usd": 1000.0}
        values = metrics.query("evidence", **about).row(0, named=True)
        return Shown(values, metrics.query("evidence_blocks", **about))


def test_an_asset_that_leaves_its_first_live_phase_leaves_its_gap(home, asset):
    state = asset("ramp_25", validation=(72, 6.0), ramp_25=(60, 1.0))
    found = live_gap(home, state)
    assert found is not None and found.lo < 5.0 < found.hi
    kept = record_gap(home, state, "verdict-1-abc", 777)
    assert kept is not None
    assert gap_of(home) == (kept,)
    assert (kept.asset, kept.attempt, kept.venue) == ("HYPE", 1, "sim")
    assert (kept.gap_bps, kept.se_bps) == (found.value, found.se)
    assert kept.gap_bps == pytest.approx(5.0, abs=4 * kept.se_bps) and 0.1 < kept.se_bps < 1.0
    assert (kept.hours, kept.fills) == (60, 720)
    assert (kept.paper_run, kept.live_run) == ("hype-a1-paper-v3", state.run)
    assert (kept.cause, kept.ts_ns) == ("verdict-1-abc", 777)
    with Metrics.open(home) as metrics:
        OnboardingStore(metrics.con).verify()


def test_the_first_phase_with_a_day_of_fills_tells_and_none_after_it(home, asset):
    state = asset("ramp_50", validation=(72, 6.0), ramp_25=(20, 1.0), ramp_50=(40, 3.0))
    before = state.model_copy(update={"stage": "ramp_25", "run": "hype-a1-ramp_25-v6"})
    assert live_gap(home, before) is None
    assert record_gap(home, before, "verdict-1-abc", 7) is None  # 20 hours are too few
    kept = record_gap(home, state, "verdict-2-abc", 8)
    assert kept is not None and kept.live_run == state.run
    assert kept.gap_bps == pytest.approx(3.0, abs=1.5)
    assert record_gap(home, state, "verdict-3-abc", 9) is None
    assert gap_of(home) == (kept,)


def test_what_was_never_live_has_no_gap(home, asset):
    state = asset("validation", validation=(72, 6.0))
    assert live_gap(home, state) is None
    assert record_gap(home, state, "verdict-1-abc", 7) is None
    assert gap_of(home) == ()


def judged(home, state, now_ns, before_ns):
    haircut = haircut_for(home, state, POLICY.paper, before_ns)
    evidence = shown(home, "hype-a1-paper-v3")
    return judge_stage(state, evidence, 0, POLICY, now_ns, haircut)


@pytest.fixture
def measured(home, asset):
    """A home in which HYPE's gap was measured at time 500, and another asset in validation."""
    state = asset("ramp_25", validation=(72, 6.0), ramp_25=(60, 0.0))
    record_gap(home, state, "verdict-1-abc", 500)
    spec = state.spec.model_copy(update={"asset": "SOL"})
    return state.model_copy(update={"asset": "SOL", "spec": spec, "stage": "validation"})


def test_the_next_assets_edge_is_held_to_what_was_learnt(home, measured):
    before, after = (judged(home, measured, 900, at) for at in (500, 501))
    assert before.criteria[0].bound == 2.3
    assert before.words.endswith(
        "Edge bar 2.3 = 0 + 2.3 measured on 0 assets: the prior, until there are 3."
    )
    raised = after.criteria[0].bound
    assert raised is not None and 3.0 < raised < 4.5
    assert f"bar {raised:g} = 0 + {raised:g} measured on 1 asset: what they show" in after.words
    assert f"haircut of {raised:g} bps" in after.criteria[0].note
    assert after.criteria[0].target == pytest.approx(1.5 + raised)


def test_a_verdict_is_judged_again_byte_for_byte_though_more_was_measured_since(home, measured):
    first = judged(home, measured, 400, 400).model_dump_json()
    with Metrics.open(home) as metrics:
        ledger.keep(metrics.con, gap_of_another(metrics, 450))
    assert judged(home, measured, 400, 400).model_dump_json() == first
    assert judged(home, measured, 400, 451).model_dump_json() != first


def gap_of_another(metrics, ts_ns):
    return ledger.read(metrics.con)[0].model_copy(update={"asset": "ETH", "ts_ns": ts_ns})


def test_a_simulated_venue_teaches_a_real_one_nothing(home, measured):
    spec = measured.spec.model_copy(update={"venue": "mainnet"})
    real = measured.model_copy(update={"spec": spec})
    assert haircut_for(home, real, POLICY.paper, 900).bps == 2.3
    assert haircut_for(home, measured, POLICY.paper, 900).bps > 2.3


def test_without_a_ledger_validation_asks_the_procedures_haircut(home, asset):
    state = asset("validation", validation=(72, 6.0))
    evidence = shown(home, state.run)
    plain = judge_stage(state, evidence, 0, POLICY, 9)
    assert plain == judged(home, state, 9, 9)
    assert plain.criteria[0].bound == 2.3
    live = state.model_copy(update={"stage": "ramp_25"})
    assert "Edge bar" not in judge_stage(live, evidence, 0, POLICY, 9).words


def test_a_live_asset_is_told_the_haircut_it_had_to_clear(home, asset):
    state = asset("ramp_50", validation=(72, 6.0), ramp_25=(60, 0.0))
    before = state.model_copy(update={"stage": "ramp_25", "run": "hype-a1-ramp_25-v6"})
    assert record_gap(home, before, "verdict-1-abc", 2000) is not None
    assert haircut_for(home, state, POLICY.paper, 3000).bps == 2.3
    again = state.model_copy(update={"stage": "validation", "attempt": 2})
    assert haircut_for(home, again, POLICY.paper, 3000).why == "its own gap"
