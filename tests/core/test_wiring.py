"""Nothing is written that nobody reads: parameters, events, fills, and what a fill teaches."""

import ast
from pathlib import Path

import pytest

from engine import config, events
from engine.core import budget, calibration
from engine.core.output import Sample
from engine.core.params import Params
from engine.events import BUY

ENGINE = Path(config.__file__).parent
CORE = {p.name: ast.parse(p.read_text()) for p in sorted((ENGINE / "core").glob("*.py"))}


def read_attributes(trees):
    """Every attribute that is read, not only assigned."""
    return {
        node.attr
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }


@pytest.mark.parametrize("name", Params.dtype.names)
def test_every_parameter_of_the_maker_has_a_consumer(name):
    others = [tree for file, tree in CORE.items() if file != "params.py"]
    # the venue on paper is told what the maker is told: its account has the asset's leverage
    account = ast.parse((ENGINE / "sim" / "account.py").read_text())
    assert name in read_attributes([*others, account])


def test_every_figure_of_the_configuration_reaches_the_maker_or_those_who_check_it():
    # what the venue and the checklist ask about; the maker itself needs none of it
    elsewhere = {
        "asset",
        "profile",
        "max_leverage",
        "isolated",
        "isolated_margin_usd",
        "collateral",
    }
    read = read_attributes([CORE["params.py"]])
    assert set(config.MakerConfig.model_fields) - elsewhere <= read
    shells = [ast.parse(p.read_text()) for p in ENGINE.rglob("*.py") if p.parent.name != "core"]
    assert elsewhere <= read_attributes(shells)


def test_every_kind_of_event_is_heard():
    kinds = {
        name
        for name, value in vars(events).items()
        if isinstance(value, int) and name.isupper() and "_" not in name
    } - {"BUY", "SELL", "SNAPSHOT", "LAST", "HALTED"}
    heard = {
        node.id for tree in CORE.values() for node in ast.walk(tree) if isinstance(node, ast.Name)
    }
    assert kinds - {"REJECTED"} <= heard  # refusals are heard by their code


def test_every_figure_of_a_sample_is_said():
    written = {
        node.attr
        for node in ast.walk(CORE["report.py"])
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }
    assert set(Sample.dtype.names) <= written


def test_no_function_of_the_core_is_without_a_caller():
    # asked for by the shell and by off-line study alone
    outside = {"step_at", "new_maker", "new_params", "rate_per_s", "total_usd", "beta_sd", "state"}
    outside |= {"mutual_information_bits"}
    trees = [ast.parse(p.read_text()) for p in ENGINE.rglob("*.py")]
    used = read_attributes(trees) | {
        node.id for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Name)
    }
    defined = {
        node.name
        for tree in CORE.values()
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }
    assert defined - used - outside == set()


def consumers(desk):
    """What one fill must have moved, each as a count."""
    m, b = desk.maker, desk.maker.beliefs
    return {
        "ledger": m.ledger.fills,
        "intensity": b.intensity.n,
        "markouts opened": b.markouts.head,
        "filled orders": m.quoting.filled_orders,
        "learning session": round(calibration.recent_fills(b.calibration, m.now_ns), 1),
        "requests earned": round(m.budget.granted - m.params.request_grant, 6),
        "fees booked": round(m.attribution.fees_usd, 9),
        "rows said": desk.out[0].n_fills,
    }


def lessons(desk):
    """What its outcome must have taught, each as a count."""
    b = desk.maker.beliefs
    return {
        "outcomes": b.markouts.outcomes,
        "toxicity": b.toxicity.n,
        "risk aversion": b.aversion.n,
        "edge": b.edge.outcomes,
        "Q-table": b.q_table.outcomes,
    }


def test_one_fill_moves_every_consumer_once_and_its_outcome_every_learner_once(new_desk):
    desk = new_desk(rl_enabled=True, session_ramp_start=1.0)
    asked = desk.book(0.0)
    desk.answer(0.2, asked)
    before, bid = consumers(desk), next(a for a in asked if a.side == BUY)
    for t in (1.0, 1.1, 1.5):  # the same fill three times
        desk.fill(t, BUY, bid.px, bid.sz, ref=int(bid.cloid), id=7)
    fee, usd = 1.5e-4 * bid.px * bid.sz, bid.px * bid.sz
    after = consumers(desk)
    grew = {name: after[name] - before[name] for name in after}
    assert grew == {
        "ledger": 1,
        "intensity": 1,
        "markouts opened": 1,
        "filled orders": 1,
        "learning session": 1.0,
        "requests earned": pytest.approx(usd),
        "fees booked": pytest.approx(fee, abs=1e-8),
        "rows said": 1,
    }
    assert set(lessons(desk).values()) == {0}
    for t in range(2, 15):
        desk.book(float(t), 19.98, 20.0)
    assert set(lessons(desk).values()) == {1}
    spent, cost = desk.maker.attribution.adverse_usd, -0.01 * bid.sz
    assert spent == pytest.approx(cost)
    for t in range(15, 330):
        desk.alive(float(t))
    assert set(lessons(desk).values()) == {1}
    assert desk.out[0].n_markouts == 1


def test_every_request_is_counted_where_it_leaves_whoever_asked_for_it(new_desk):
    desk = new_desk(session_ramp_start=1.0)
    said = 0
    for t in range(40):
        shift = 0.03 * (t % 7)
        asked = desk.book(float(t), 19.99 + shift, 20.01 + shift)
        if t == 20:
            asked = [*asked, *desk.hear(events.DISCONNECTED, t + 0.1), *desk.clock(t + 0.7)]
            desk.hear(events.CONNECTED, t + 0.75)
        said += len(asked)
        desk.answer(t + 0.8, asked)
    assert said > 50
    assert desk.maker.orders.requests == said
    assert desk.maker.budget.used == said
    assert budget.headroom(desk.maker.budget) == pytest.approx(1.0 - said / 10_000)
