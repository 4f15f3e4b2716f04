"""A replay in memory is the run that gates judge, however it is shared out."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.config import MakerConfig
from engine.core.ledger import equity_usd
from engine.core.output import Output
from engine.events import LEVEL, TRADE
from engine.policy import load_policy
from engine.runners.checkpoint import Checkpoint
from engine.runners.replaying import Failure, Market, ReplayResult, ReplaySpec, play_together
from engine.runners.sharing import replay, results
from engine.runners.simulated import RunSpec, new_session, trade
from engine.runners.tally import Block, Tally, total
from engine.runners.variants import ground
from engine.sim.market import HOUR_NS
from engine.sim.rules import venue_rules
from engine.sim.universe import market_of
from engine.store.home import Home
from engine.store.metrics import Metrics
from engine.store.tape import write_tape
from engine.store.tape_facts import TapeMeta

RULES = venue_rules(load_policy())


@pytest.fixture(scope="module")
def config() -> MakerConfig:
    made = ground(Market(asset="HYPE", hours=1), 1000.0, load_policy()).config
    assert made is not None
    return made


def spec_of(config: MakerConfig, hours: float = 2, name: str = "one", **more: Any) -> ReplaySpec:
    market = Market(asset="HYPE", hours=hours)
    return ReplaySpec(**{"name": name, "market": market, "config": config, "rules": RULES} | more)


def alone(spec: ReplaySpec) -> ReplayResult:
    return results(play_together([spec], lambda _: None))[0]


def deeds(answers: Any) -> list[Any]:
    """What was done, without how long it took."""
    return [
        one.model_dump(exclude={"wall_s"}) if isinstance(one, ReplayResult) else one
        for one in answers
    ]


def test_a_replay_is_the_run_that_gates_judge(config, tmp_path):
    home = Home(tmp_path)
    run = RunSpec(run="r", asset="HYPE", mode="paper", fraction=1.0, config=config)
    trade(run, home, 3.0)
    point = Checkpoint.read(home.state("r"))
    assert point is not None
    session = point.sessions[0]
    m, done = session.maker, alone(spec_of(config, 3))
    t = done.total
    assert t.fills == m.ledger.fills > 100
    assert t.notional_usd == pytest.approx(m.ledger.volume_usd, rel=1e-12)
    assert t.fees_usd == pytest.approx(m.ledger.fees_usd, rel=1e-12)
    assert t.funding_usd == pytest.approx(m.ledger.funding_usd, rel=1e-12)
    assert t.pnl_usd == pytest.approx(equity_usd(m.ledger, m.mid), rel=1e-9)
    assert t.filled_orders == m.quoting.filled_orders
    assert t.quoted_h == pytest.approx(m.quoting.quote_s / 3600, rel=1e-12)
    assert (t.requests, t.refused) == (m.orders.requests, session.venue.account.refused)
    with Metrics.open(home) as metrics:
        metrics.ingest()
        rows = metrics.con.sql("SELECT * FROM markouts WHERE run = 'r'").pl()
        shown = metrics.query("evidence", run="r", capital_usd=1000.0).row(0, named=True)
    assert done.max_drawdown_usd == pytest.approx(shown["max_drawdown_usd"], rel=1e-9)
    for hour, block in enumerate(done.blocks[:2]):  # all of whose horizons are over
        since = point.start_ns + hour * HOUR_NS
        of = rows.filter((pl.col("ts_ns") - since).is_between(0, HOUR_NS - 1))
        edges = of["notional_usd"] * (of["mk5"] - of["fee_bps"])
        assert block.markouts == len(of)
        assert block.edge_bps == pytest.approx(edges.sum() / of["notional_usd"].sum(), rel=1e-9)
        assert block.adverse == ((of["mk5"] - of["half_spread_bps"]) < -1).sum()


def test_fills_too_young_for_the_last_horizon_count_as_far_as_they_are_known(config):
    cuts = [alone(spec_of(config, hours)).total for hours in np.arange(1.2, 2.0, 0.1)]
    for cut in cuts:
        assert 0 <= cut.fills - cut.markouts <= 5  # those of the last 5 s
        assert cut.known_60_usd <= cut.known_5_usd <= cut.notional_usd * (1 + 1e-12)
        assert cut.known_60_usd > 0.9 * cut.notional_usd  # 300 s are not waited for
    assert any(cut.known_60_usd < cut.known_5_usd for cut in cuts)


def test_totals_are_the_sums_of_the_hours_and_a_part_of_an_hour_is_one(config):
    done = alone(spec_of(config, 2.5))
    assert [block.hours for block in done.blocks] == [1.0, 1.0, 0.5]
    assert done.total == total(done.blocks)
    assert done.total.fills == sum(block.fills for block in done.blocks)
    assert done.total.max_position == max(block.max_position for block in done.blocks)
    assert done.events > 10_000
    assert done.times_real_time > 100


def test_who_plays_together_and_in_how_many_processes_changes_nothing(config):
    gammas = [config.model_copy(update={"gamma": config.gamma * k}) for k in (1, 2, 3)]
    specs = [spec_of(gamma, name=f"gamma {k}") for k, gamma in enumerate(gammas)]
    other = Market(asset="HYPE", hours=1, seed=8)
    specs.insert(1, spec_of(config, name="another market", market=other))
    told: list[tuple[float, float]] = []
    one = replay(specs, jobs=1, on_progress=lambda *done: told.append(done))
    two = replay(specs, jobs=2)
    assert [answer.spec.name for answer in results(two)] == [spec.name for spec in specs]
    assert deeds(one) == deeds(two) == deeds([alone(spec) for spec in specs])
    assert told[-1] == (7.0, 7.0)
    assert len({answer.total.pnl_usd for answer in results(one)}) == 4


def test_one_that_is_killed_ends_there_and_the_others_go_on(config):
    doomed = config.model_copy(update={"kill_fraction": 1e-6})
    specs = [spec_of(doomed, name="doomed"), spec_of(config, name="sound")]
    first, second = results(replay(specs))
    assert first.killed in ("daily loss", "intraday drawdown")
    assert len(first.blocks) == 1
    assert second.killed is None
    assert deeds([second]) == deeds([alone(specs[1])])


def test_what_cannot_be_played_is_reported_by_name_and_loses_no_other(config, tmp_path):
    gone = Market(asset="HYPE", hours=1, tape=str(tmp_path / "gone.tape"))
    unknown = Market(asset="HYPPE", hours=1)
    specs = [
        spec_of(config, 1, "gone", market=gone),
        spec_of(config, 1, "sound"),
        spec_of(config, 1, "unknown", market=unknown),
    ]
    answers = replay(specs)
    assert [type(one) for one in answers] == [Failure, ReplayResult, Failure]
    with pytest.raises(ValueError, match=r"(?s)gone: .*gone\.tape.*; unknown: .*HYPPE"):
        results(answers)


def test_a_later_beginning_knows_nothing_of_the_hours_before(config):
    late = alone(spec_of(config, 3, skip_hours=2))
    whole = alone(spec_of(config, 3))
    assert len(late.blocks) == 1
    assert late.blocks[0].fills > 0
    assert late.blocks[0] != whole.blocks[2]
    with pytest.raises(ValidationError, match="skip_hours"):
        spec_of(config, 3, skip_hours=3)


def test_a_tape_is_played_to_its_end_or_as_far_as_asked(config, tmp_path):
    path = tmp_path / "hype.tape"
    market = market_of("HYPE", None, 7, 490_000 * HOUR_NS)
    chunks = [market.chunk(hour) for hour in range(2)]
    events = np.concatenate(chunks).view(chunks[0].dtype)
    events = events[(events["kind"] == LEVEL) | (events["kind"] == TRADE)]
    for clock in ("ts_ns", "recv_ns"):
        events[clock] -= events[clock] % 1000  # a tape keeps microseconds
    meta = TapeMeta(asset="HYPE", venue="sim", source="test", px_decimals=4, sz_decimals=2)
    info = write_tape(path, [events], meta)
    whole = alone(spec_of(config, market=Market.of_tape(path)))
    assert whole.total.hours == pytest.approx(info.hours, abs=1e-6)
    assert whole.events == len(events)
    half = alone(spec_of(config, market=Market.of_tape(path, 0.5)))
    assert [block.hours for block in half.blocks] == [0.5]
    assert 0 < half.total.fills < whole.total.fills


@pytest.mark.parametrize("hours", [0, -1, float("nan"), 1e9])
def test_hours_that_cannot_be_played_are_refused(hours):
    with pytest.raises(ValidationError, match="hours"):
        Market(asset="HYPE", hours=hours)


def test_no_process_is_none_to_play_in(config):
    with pytest.raises(ValueError, match="jobs must be at least 1, was 0"):
        replay([spec_of(config)], jobs=0)


def output(equity: Any = (), **markouts: Any) -> Any:
    out = np.zeros(1, Output.dtype)[0]
    out.n_samples = len(equity)
    out.samples["equity_usd"][: len(equity)] = equity
    for name, values in markouts.items():
        out.n_markouts = len(values)
        out.markouts[name][: len(values)] = values
    return out


@given(st.lists(st.floats(-1e3, 1e3), max_size=30), st.integers(0, 30))
def test_the_drawdown_does_not_depend_on_when_the_output_is_drained(equity, cut):
    tally = Tally(0, 1)
    for part in (equity[:cut], equity[cut:]):
        tally.hear(output(part))
    course = np.array([0.0, *equity])
    assert tally.max_drawdown_usd == pytest.approx(
        (np.maximum.accumulate(course) - course).max(), abs=1e-12
    )


def test_a_markout_that_is_not_known_is_neither_edge_nor_adverse(config):
    after = np.array([[0, 4, 0, 9, 0], [0, np.nan, 0, np.nan, 0], [0, -3, 0, np.nan, 0]])
    said = {"notional_usd": [100, 1e6, 300], "fee_bps": [1.5] * 3, "half_spread_bps": [2.0] * 3}
    tally, session = Tally(0, 2), new_session(config, RULES)[0]
    tally.hear(output(markout_bps=after, ts_ns=[0, HOUR_NS - 1, HOUR_NS], **said))
    tally.close_hour(session, 1.0)
    tally.close_hour(session, 1.0)
    first, second = tally.blocks(session)
    assert (first.markouts, first.adverse, first.known_5_usd) == (1, 0, 100.0)
    assert (first.edge_bps, first.edge_60_bps) == (pytest.approx(2.5), pytest.approx(7.5))
    assert (second.markouts, second.adverse, second.known_60_usd) == (1, 1, 0.0)
    assert second.edge_bps == pytest.approx(-4.5)
    assert second.edge_60_bps is None


def test_nothing_divided_by_nothing_is_unknown():
    empty = total(())
    assert isinstance(empty, Block)
    names = ("edge_bps", "edge_60_bps", "net_bps", "as_rate", "fill_rate", "requests_per_usd")
    assert [getattr(empty, name) for name in names] == [None] * 6
