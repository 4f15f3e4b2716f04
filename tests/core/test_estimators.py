"""One contract for all that is estimated: found by import, so that nothing new escapes it."""

import importlib
import inspect
import math
import pkgutil
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import core
from engine.core import (
    alpha,
    attribution,
    book,
    calibration,
    edge,
    feed,
    flow,
    intensity,
    lead_lag,
    markout,
    mids,
    monopolist,
    q_table,
    quoting,
    reach,
    regime,
    risk,
    risk_aversion,
    toxicity,
    volatility,
)
from engine.core.params import Params
from engine.events import BUY, FILL, LEVEL, SELL, TRADE, Event
from engine.instrument import new_instrument
from engine.record import dump_state, load_state, zeros

S = 1_000_000_000
T0 = 1_767_225_600 * S
VERBS = {"update", "hear", "learn", "observe", "resolve", "see", "expose", "account", "count"}
# what listens but estimates nothing by itself
OTHERS = {
    "beliefs": "a record of all the others; test_anything_goes blows through it",
    "orders": "a state machine, held to its table in test_orders",
}

INSTRUMENT = new_instrument(2)
PARAMS = zeros(Params)[0]
PARAMS.capital_usd, PARAMS.max_position, PARAMS.kill_fraction = 1000.0, 50.0, 0.05


class Tick(NamedTuple):
    """One moment as every estimator may hear of it."""

    now_ns: int
    px: float
    sz: float
    side: int
    u: float  # chance, within -1 and 1
    dt_s: float = 0.5


def listed():
    """Every module of the core with a record and a kernel that teaches it something."""
    found = set()
    for info in pkgutil.iter_modules(core.__path__):
        module = importlib.import_module(f"{core.__name__}.{info.name}")
        own = [x for x in vars(module).items() if is_from(module, x[1])]
        has_record = any(isinstance(getattr(x, "dtype", None), np.dtype) for _, x in own)
        verbs = {name.split("_")[0] for name, x in own if not inspect.isclass(x)}
        if has_record and verbs & VERBS:
            found.add(info.name)
    return found


def is_from(module, thing):
    return getattr(getattr(thing, "py_func", thing), "__module__", None) == module.__name__


class Case(NamedTuple):
    """How to feed one estimator, what it answers, and which of its numbers count evidence."""

    record: Any
    feed: Callable[[Any, Tick], object]
    answers: Callable[[Any, int], dict[Callable[..., Any], Any]]
    evidence: tuple[str, ...]
    start: Callable[[Any], object] = lambda s: None


def at_once(s, functions, *args):
    return {f: f(s, *args) for f in functions}


# -- one feed each, from a tick


def hear_intensity(s, t):
    depth = t.u * 20e-4
    intensity.expose(s, depth, t.dt_s)
    if t.u > 0.3:
        intensity.fill(s, depth)
    intensity.reach(s, abs(depth), 1e-4 * t.sz)
    intensity.forget(s, t.dt_s)
    intensity.solve(s)


def hear_markouts(s, t):
    markout.resolve(s, t.px, t.now_ns, t.now_ns, 10 * S)
    while markout.next_learned(s) >= 0:
        pass
    while markout.is_complete(s):
        markout.pop(s)
    if abs(t.u) > 0.5:
        markout.remember(s, event(t, FILL, side=t.side), t.px * (1.0 + 1e-4 * t.u))


def event(t, kind, **fields):
    e = zeros(Event)[0]
    e.kind, e.ts_ns, e.recv_ns, e.px, e.sz = kind, t.now_ns, t.now_ns, t.px, t.sz
    e.side = t.side
    for name, value in fields.items():
        setattr(e, name, value)
    return e


def hear_toxicity(s, t):
    x = np.zeros(toxicity.FEATURES)
    toxicity.fill_features(x, t.side, t.u, -t.u, t.u * t.px, 0.0, math.log(t.px), t.sz)
    toxicity.learn(s, x, toxicity.probability(s, x), t.u < 0.0)


def hear_aversion(s, t):
    x = np.zeros(risk_aversion.RISK)
    risk_aversion.fill_risks(x, t.u, -t.u, abs(t.u), t.sz, t.px)
    risk_aversion.learn(s, x, 1e-3 * t.u * t.px, 1e-4 * t.sz, t.now_ns)


def hear_monopolist(s, t):
    monopolist.observe(s, 1e-4 * t.px, 40.0 * t.dt_s)
    monopolist.hear_sweep(s)


def hear_alpha(s, t):
    x = np.array([1e-3 * t.u, t.u, -1e-4 * t.u, 1.0 - t.px])
    alpha.observe(s, x, t.px * math.exp(1e-4 * t.u), t.now_ns)


def ask_alpha(s, now_ns):
    said = np.zeros(alpha.SIGNALS)
    total = alpha.forecast(s, np.array([1e-3, 1.0, 1e-4, -1.0]), said)
    return {alpha.trust: alpha.trust(s), alpha.forecast: [total, *said]} | {
        alpha.information: [alpha.information(s, k) for k in range(alpha.SIGNALS)]
    }


def hear_table(s, t):
    state = q_table.state_of(t.u, t.px, -t.u)
    arm = q_table.choose(s, state)
    q_table.open_epoch(s, state, arm)
    q_table.learn(s, state, arm, q_table.reward(1e4 * t.u * t.px, t.sz, t.u, 0.0), 100.0 * t.u)


def ask_table(s, now_ns):
    cells = [(k, arm) for k in range(q_table.STATES) for arm in (-1, 0, 1)]
    asked = (q_table.value, q_table.surprise, q_table.advantage, q_table.propensity)
    return {f: [f(s, *cell) for cell in cells] for f in asked}


TABLE = zeros(q_table.QTable)[0]


def hear_edge(s, t):
    edge.forecast(s, TABLE, 0, 0, 10.0 * t.u)
    edge.learn(s, s.members_bps.copy(), 1e4 * t.u * t.px)


def ask_edge(s, now_ns):
    blend = edge.forecast(s, TABLE, 0, 0, 5.0)
    return {
        edge.forecast: [blend, *s.members_bps],
        edge.skill: [edge.skill(s, k) for k in range(edge.MEMBERS)],
        edge.correction: edge.correction(s, 5.0, blend, 1, 10.0),
    }


def hear_reach(s, t):
    b = zeros(book.Book)[0]
    for k in range(3):
        px = t.px * (1.0 + t.side * 1e-3 * k)
        book.apply(b, INSTRUMENT, event(t, LEVEL, side=-t.side, px=px))
    reach.hear(s, event(t, TRADE, ref=int(4 * t.u) ** 2), b, INSTRUMENT)


def hear_quoting(s, t):
    s.own_bid, s.own_ask = t.px * (1.0 - 1e-3), t.px * (1.0 + 1e-3)
    quoting.account(s, t.dt_s, 10.0 * abs(t.u), t.px * 1e-3)
    quoting.count_fill(s, int(t.side > 0), t.now_ns)


def hear_attribution(s, t):
    attribution.fill(s, t.side, t.px, t.sz, 1e-4 * t.px * t.sz, t.px, t.px * (1.0 + 1e-4 * t.u))
    attribution.move(s, t.u, t.px, t.px * (1.0 + 1e-4 * t.u))
    attribution.resolve(s, t.u if t.u > -0.9 else math.nan)
    attribution.pay(s, 1e-3 * t.u)


def hear_risk(s, t):
    risk.hear_position(s, t.u, t.now_ns)
    risk.check(s, PARAMS, 10.0 * t.u, t.u, t.now_ns)
    risk.check_move(s, 1e-3 * t.u, 1e-4, t.now_ns)
    risk.check_silence(s, t.now_ns - int(1e9 * t.dt_s), t.now_ns)
    risk.check_position(s, PARAMS, t.u, t.now_ns, t.now_ns)
    risk.hear_refusal(s, t.now_ns)


def ask_toxicity(s, now_ns):
    x = np.array([1.0, -1.0, 0.5, 0.0, 1.0, 2.0])
    known = (toxicity.brier, toxicity.base_brier, toxicity.skill, toxicity.gain_t, toxicity.trust)
    return at_once(s, (toxicity.base_rate, *known)) | {
        toxicity.probability: toxicity.probability(s, x),
        toxicity.premium: toxicity.premium(s, x, 1e-4),
    }


def ask_aversion(s, now_ns):
    x = np.array([1.0, -0.5, 0.5, 0.2, 0.1])
    return {
        risk_aversion.gamma: risk_aversion.gamma(s, 0.15, x, 0.5),
        risk_aversion.log_additive: risk_aversion.log_additive(s, x),
        risk_aversion.beta: [risk_aversion.beta(s, k) for k in range(risk_aversion.RISK)],
        risk_aversion.beta_sd: [risk_aversion.beta_sd(s, k) for k in range(risk_aversion.RISK)],
        risk_aversion.state: risk_aversion.state(s, now_ns),
    }


LEAD = (lead_lag.signal, lead_lag.lag_ms, lead_lag.correlation, lead_lag.p_value)
SIGMAS = (volatility.sigma, volatility.fast_sigma, volatility.continuous_sigma)
FLOWS = (flow.usual_per_s, flow.rate_per_s, flow.imbalance)

CASES = {
    "volatility": Case(
        volatility.Volatility,
        lambda s, t: volatility.update(s, t.px, t.now_ns),
        lambda s, _: at_once(
            s, (*SIGMAS, volatility.jump_share, volatility.effective_s, volatility.move)
        ),
        ("weight", "fast_weight", "grid", "null_n", "jumps"),
    ),
    "regime": Case(
        regime.Regime,
        lambda s, t: regime.update(s, 1e-4 * abs(t.u) * t.px),
        lambda s, _: at_once(s, (regime.ratio,)) | {regime.premium: regime.premium(s, 1e-4)},
        ("seconds",),
        regime.start,
    ),
    "intensity": Case(
        intensity.Intensity,
        hear_intensity,
        lambda s, _: {
            intensity.confidence: intensity.confidence(s),
            intensity.solve: [s.kappa, s.kappa_sd, s.intensity_per_s],
        },
        ("n", "n_sweeps", "fills", "seconds", "sweeps"),
        lambda s: intensity.start(s, 1500.0, 15.0, 0.02),
    ),
    "markout": Case(
        markout.Markouts,
        hear_markouts,
        lambda s, _: at_once(s, (markout.expected_cost, markout.cost_error), 1e-4),
        ("outcomes", "weight", "head"),
    ),
    "toxicity": Case(
        toxicity.Toxicity, hear_toxicity, ask_toxicity, ("n", "remembered"), toxicity.start
    ),
    "risk_aversion": Case(
        risk_aversion.RiskAversion, hear_aversion, ask_aversion, ("n",), risk_aversion.start
    ),
    "monopolist": Case(
        monopolist.Monopolist,
        hear_monopolist,
        lambda s, _: (
            at_once(s, (monopolist.elasticity, monopolist.slope_sd))
            | {monopolist.markup: monopolist.markup(s, 1.0, 0.5, 4e-4)}
        ),
        ("n", "weight", "seconds", "sweeps"),
    ),
    "flow": Case(
        flow.Flow,
        lambda s, t: flow.hear(s, t.side, t.px * t.sz, t.now_ns),
        lambda s, now_ns: at_once(s, FLOWS, now_ns),
        ("gross", "heard_s"),
    ),
    "feed": Case(
        feed.Feed,
        lambda s, t: feed.hear(s, t.now_ns),
        lambda s, now_ns: (
            at_once(s, (feed.silence_s,)) | at_once(s, (feed.availability, feed.multiplier), now_ns)
        ),
        ("n",),
        lambda s: setattr(s, "configured", 1),
    ),
    "lead_lag": Case(
        lead_lag.LeadLag,
        lambda s, t: lead_lag.update(
            s, t.px, t.px * (1.0 + 1e-4 * t.u) if t.u > -0.9 else math.nan, t.now_ns
        ),
        lambda s, _: at_once(s, (*LEAD, lead_lag.is_significant, lead_lag.mutual_information_bits)),
        ("n", "basis_n", "blocks", "shifts"),
    ),
    "alpha": Case(alpha.Alpha, hear_alpha, ask_alpha, ("n", "weight", "gain")),
    "q_table": Case(
        q_table.QTable,
        hear_table,
        ask_table,
        ("outcomes", "n", "weight", "fills"),
        lambda s: q_table.start(s, 5, 7),
    ),
    "edge": Case(
        edge.EdgeEnsemble,
        hear_edge,
        ask_edge,
        ("outcomes", "evidence"),
        lambda s: edge.start(s, True),
    ),
    "reach": Case(reach.Sweep, hear_reach, lambda s, _: {reach.hear: [s.excess, s.gap]}, ("side",)),
    "mids": Case(
        mids.Mids,
        lambda s, t: mids.see(s, t.px, t.now_ns),
        lambda s, now_ns: at_once(s, (mids.before,), now_ns),
        ("n",),
    ),
    "calibration": Case(
        calibration.Calibration,
        lambda s, t: calibration.count_fill(s, t.now_ns),
        lambda s, now_ns: (
            at_once(s, (calibration.recent_fills,), now_ns)
            | {calibration.share: calibration.share(s, 0.3, 10.0, 0.6, now_ns)}
        ),
        ("recent_fills",),
    ),
    "quoting": Case(
        quoting.Quoting,
        hear_quoting,
        lambda s, _: {quoting.take_spread_ratio: quoting.take_spread_ratio(s.copy())},
        ("quote_s", "live_s", "gap_s", "filled_orders", "ratio_s"),
    ),
    "attribution": Case(
        attribution.Attribution,
        hear_attribution,
        lambda s, _: at_once(s, (attribution.total_usd, attribution.inventory_usd)),
        ("spread_usd", "carry_usd", "adverse_usd", "fees_usd", "funding_usd"),
    ),
    "risk": Case(
        risk.KillSwitch,
        hear_risk,
        lambda s, _: {risk.used: risk.used(s, PARAMS)},
        ("reason", "loss", "drawdown", "refusals", "pauses"),
    ),
}

# what nobody could see is NaN by design: a markout, and a mid that is not believed
BLIND = {"pending.markout_bps", "own_mid", "ref_mid"}
# a slope of which nothing is known has an infinite error, says its docstring
INFINITE = {monopolist.slope_sd}

contract = pytest.mark.parametrize("name", sorted(CASES))


def new(name):
    states = zeros(CASES[name].record)
    CASES[name].start(states[0])
    return states


def day(n, seed):
    """A market of `n` quiet ticks."""
    rng = np.random.default_rng(seed)
    px, now_ns = 20.0, T0
    for _ in range(n):
        dt_s = float(rng.exponential(0.7))
        now_ns += round(dt_s * 1e9)
        px *= math.exp(2e-4 * float(rng.standard_normal()))
        sz, u = float(rng.uniform(0.01, 5.0)), float(rng.uniform(-1.0, 1.0))
        yield Tick(now_ns, round(px, 3), round(sz, 2) + 0.01, int(rng.choice([BUY, SELL])), u, dt_s)


def play(name, states, ticks):
    """Feed the ticks; return all that was answered on the way."""
    case, said = CASES[name], []
    for t in ticks:
        case.feed(states[0], t)
        said.append({f.__name__: x for f, x in case.answers(states[0], t.now_ns).items()})
    return said


def test_every_module_that_learns_is_held_to_the_contract():
    assert listed() == set(CASES) | set(OTHERS)


@contract
def test_before_evidence_there_is_a_prior_and_no_weight(name):
    s = new(name)[0]
    check_answers(name, s, T0)
    for field in CASES[name].evidence:
        assert not np.any(s[field]), field


def check_answers(name, s, now_ns):
    """Every answer is a number, or is not one where its docstring says so."""
    for function, answer in CASES[name].answers(s, now_ns).items():
        values = np.asarray(answer, float)
        about = inspect.getdoc(getattr(function, "py_func", function)) or ""
        assert "NaN" in about or not np.isnan(values).any(), function
        assert function in INFINITE or not np.isinf(values).any(), function


@contract
def test_the_same_events_twice_give_the_same_bytes(name):
    one, other = new(name), new(name)
    assert repr(play(name, one, day(300, 1))) == repr(play(name, other, day(300, 1)))
    assert one.tobytes() == other.tobytes()
    assert one.tobytes() != new(name).tobytes()


@contract
def test_evidence_is_counted(name):
    states = new(name)
    play(name, states, day(300, 5))
    assert any(np.any(states[0][field]) for field in CASES[name].evidence)


@contract
@pytest.mark.parametrize("seed", range(3))
def test_a_checkpoint_between_any_two_events_changes_nothing(name, seed):
    ticks = list(day(200, seed))
    cut = int(np.random.default_rng(seed).integers(1, len(ticks)))
    through, parts = new(name), new(name)
    whole = play(name, through, ticks)
    said = play(name, parts, ticks[:cut])
    parts = load_state(CASES[name].record, dump_state(parts))
    said += play(name, parts, ticks[cut:])
    assert repr(said) == repr(whole)
    assert parts.tobytes() == through.tobytes()


# what the codec lets through: any positive price on the grid, any positive size, any times
storms = st.lists(
    st.tuples(
        st.sampled_from(
            [-3 * S, -1, 0, 1, S // 10, S, 7 * S, 90 * S, 86_400 * S, 400 * 86_400 * S]
        ),
        st.sampled_from([1e-6, 1e-4, 0.0101, 1.0, 20.0, 20.001, 99_999.0, 1e9]),
        st.sampled_from([1e-12, 0.01, 1.0, 1e15 - 1]),
        st.sampled_from([BUY, SELL]),
        st.floats(-1.0, 1.0),
    ),
    min_size=1,
    max_size=60,
)


@contract
@settings(max_examples=25, deadline=None)
@given(storm=storms)
def test_nothing_that_can_be_heard_makes_it_forget_numbers(name, storm):
    states = new(name)
    size, now_ns = states.nbytes, T0
    for step_ns, px, sz, side, u in storm:
        now_ns += step_ns
        dt_s = max(step_ns, 0) * 1e-9
        CASES[name].feed(states[0], Tick(now_ns, px, sz, side, u, dt_s))
        check_answers(name, states[0], now_ns)
    assert unknown(states) - BLIND == set()
    assert states.nbytes == size == CASES[name].record.dtype.itemsize


def unknown(states):
    """The floats of a record that are no numbers."""
    found = set()
    for path in floats(states.dtype):
        values = states
        for part in path:
            values = values[part]
        if not np.isfinite(values).all():
            found.add(".".join(path))
    return found


def floats(dtype, prefix=()):
    for name in dtype.names:
        inner = dtype[name].base
        if inner.names:
            yield from floats(inner, (*prefix, name))
        elif inner.kind == "f":
            yield (*prefix, name)


@contract
def test_its_memory_is_one_block_that_nothing_grows(name):
    dtype = CASES[name].record.dtype
    assert not dtype.hasobject
    states = new(name)
    address = states.__array_interface__["data"]
    play(name, states, day(400, 9))
    assert states.__array_interface__["data"] == address
    assert len(dump_state(states)) == dtype.itemsize + 32
