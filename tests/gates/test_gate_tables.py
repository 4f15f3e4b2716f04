"""Every line of every gate at, just above and just below each of its boundaries.

The numbers are the specification's (and, where it has none, those of the decisions), written out by
hand: a policy that says something else fails here. What a line says at a value is worked out from
these words and from nothing else.
"""

import math
import operator
from typing import Any, NamedTuple

import numpy as np
import pytest

from engine.gates.bounds import Bounds
from engine.gates.certainty import Certainty, certain
from engine.gates.criteria import SAMPLED, judge
from engine.gates.loops import judge_loops
from engine.gates.prelive import ChecklistItem, judge_prelive, prelive_checklist
from engine.gates.reviews import Sums, sure_of
from engine.gates.verdict import Verdict
from engine.policy import load_policy
from engine.thresholds.gate import GatePolicy

POLICY = load_policy()
OPERATORS = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}
DIVISOR = 8.0  # a power of two: a ratio of it is exact
NEVER = None


class Line(NamedTuple):
    """What reaches the minimum and the target, what fails, and a value that pleases."""

    minimum: str
    target: str | None
    fail: str | None
    good: float
    exact: bool = False

    def holds(self, tier: str, value: float) -> bool:
        said = getattr(self, tier)
        if said is None:
            return False
        sign, number = said.split()
        return OPERATORS[sign](value, float(number))

    def says(self, value: float, young: bool) -> str:
        if self.holds("fail", value) and (self.exact or not young):
            return "FAIL"
        return "PASS" if self.holds("minimum", value) else "NOT_YET"

    def label(self, value: float) -> str:
        if self.holds("fail", value):
            return "fail"
        if not self.holds("minimum", value):
            return "between"
        return "target" if self.holds("target", value) else "minimum"

    def boundaries(self) -> list[float]:
        return [float(said.split()[1]) for said in (self.minimum, self.target, self.fail) if said]


class Table(NamedTuple):
    """A gate by hand: least and longest hours, its evidence rule and error, its lines."""

    hours: tuple[float, float | None]
    evidence: str
    alpha: float
    lines: dict[str, Line]


KILLS = Line("<= 0", None, "> 0", 0.0, exact=True)
ORDERS_FLOW = {"kill_triggers": KILLS, "fills_last_hour": Line(">= 1", None, NEVER, 3.0)}
REGIME = Line("> 0", None, "< -1", 2.0)

# step 1: criteria | minimum | ideal | red flag
VIABILITY = {
    "day_volume_usd": Line("> 1e6", "> 10e6", "< 500e3", 20e6),
    "spread_bps": Line("> 5", "> 10", "<= 3", 12.0),
    "max_leverage": Line(">= 3", ">= 10", "<= 1", 20.0),
}
# gates.md F, V1-V9
ECONOMICS = {
    "net_margin_bps": Line("> 0", None, "< 0", 2.0),
    "verdict_hours": Line("<= 168", None, ">= 504", 48.0),
    "information": Line("> 2", None, "< 1", 5.0),
    "requotes": Line("<= 1", None, "> 3", 0.5),
    "capacity": Line("< 0.10", None, "> 0.25", 0.01),
    "position_orders": Line(">= 5", None, "< 1", 20.0),
    "fills_per_h": Line(">= 10", None, "< 5", 30.0),
    "tail": Line("<= 1", None, "> 1", 0.2),
}
# step 4: metric | minimum | target | fail; the edge beside what live takes away: 1.0 + 0.8 + 0.5
VALIDATION = {
    "edge_bps": Line("> 2.3", "> 3.8", "< 0", 5.9),
    "fill_rate": Line("> 10", "> 30", "< 5", 31.0),
    "as_rate": Line("< 0.40", "< 0.25", "> 0.50", 0.2),
    "sharpe": Line("> 0", "> 1", "< 0", 4.0),
    "kill_triggers": Line("<= 0", "<= 0", "> 0", 0.0, exact=True),
    "spread_ratio": Line("< 2", "<= 1", "> 3", 0.9),
    "calibration": Line("> 0.50", "> 0.80", "< 0.20", 0.9),
    "filled_orders": Line(">= 100", None, NEVER, 700.0),
}
# step 4: three loops, all above zero
LOOPS = {
    name: Line("> 0", None, NEVER, good)
    for name, good in (
        ("own_fills", 3.0), ("kappa_confidence", 0.2), ("outcomes", 3.0), ("calibration", 0.1)
    )
}  # fmt: skip
# step 5: capital ramp; "consistent" and "stable" as components.md 26 reads them
RAMP_25 = {
    "edge_bps": Line("> 0", None, "< 0", 1.5),
    **ORDERS_FLOW,
    "filled_orders": Line(">= 150", None, NEVER, 900.0),
}
RAMP_50 = {
    "edge_bps": Line("> 1", None, "< 0", 1.5),
    "sharpe": Line("> 0", None, NEVER, 9.0),
    "as_rate": Line("< 0.35", None, "> 0.5", 0.2),
    **ORDERS_FLOW,
    "filled_orders": Line(">= 250", None, NEVER, 900.0),
}
RAMP_75 = {
    "positive_days/days": Line(">= 0.8", None, NEVER, 1.0),
    "days": Line(">= 5", None, NEVER, DIVISOR),
    "sharpe/sharpe_se": Line("> 1", None, NEVER, 2.0),
    "calibration": Line("> 0.6", None, NEVER, 0.9),
    "edge_bps": Line("> 0", None, "< 0", 1.5),
    **ORDERS_FLOW,
    "filled_orders": Line(">= 400", None, NEVER, 900.0),
}
RAMP_100 = {
    "edge_first_half_bps": REGIME,
    "edge_second_half_bps": REGIME,
    "positive_days/days": Line(">= 0.8", None, NEVER, 1.0),
    "days": Line(">= 5", None, NEVER, DIVISOR),
    "edge_bps": Line("> 0", None, "< 0", 1.5),
    **ORDERS_FLOW,
    "filled_orders": Line(">= 400", None, NEVER, 900.0),
}
# step 6: day 1, week 1, month 1
DAY_1 = {
    "kappa_updates": Line("> 0", None, "<= 0", 9.0),
    "as_outcomes": Line("> 0", None, "<= 0", 9.0),
    "calibration": Line("> 0", None, "<= 0", 0.3),
    "kill_triggers": KILLS,
    "spread_ratio": Line("<= 2", None, "> 2", 1.1),
    "position_share": Line("<= 1", None, "> 1", 0.4, exact=True),
    "silence_s": Line("<= 120", None, "> 600", 1.0, exact=True),
}
HEADROOM = {"headroom": Line("> 0.10", None, "<= 0.10", 0.6)}
WEEK_1 = {
    "brier": Line("< 0.25", None, "> 0.25", 0.1),
    "skill": Line("> 0", None, "< 0", 0.2),
    "information_ratio": Line("> 1", None, "< 0", 30.0),
    "edge_bps": Line("> 0", None, "< 0", 1.5),
}
MONTH_1 = {
    "edge_bps": Line("> 0", None, "< 0", 1.5),
    "regimes": Line(">= 2", None, NEVER, 4.0),
    **{f"edge_{regime}_bps": REGIME for regime in ("calm", "normal", "high", "extreme")},
}

MONITOR = POLICY.monitor
GATES: dict[str, tuple[GatePolicy, Table]] = {
    "viability": (POLICY.viability.gate, Table((24, None), "point", 0.05, VIABILITY)),
    "economics": (POLICY.viability.economics.gate, Table((24, None), "bound", 0.05, ECONOMICS)),
    "loops": (POLICY.paper.loops, Table((0, None), "point", 0.05, LOOPS)),
    **{
        name: (POLICY.paper.validation_for([name]), Table(hours, "bound", 0.05, VALIDATION))
        for name, hours in (
            ("major", (24, 168)), ("midcap", (24, 168)), ("hip3", (48, 168)),
            ("low_volume", (72, 336)),
        )
    },
    "ramp_25": (POLICY.ramp.ramp_25.gate, Table((72, None), "bound", 0.20, RAMP_25)),
    "ramp_50": (POLICY.ramp.ramp_50.gate, Table((96, None), "bound", 0.10, RAMP_50)),
    "ramp_75": (POLICY.ramp.ramp_75.gate, Table((168, None), "bound", 0.05, RAMP_75)),
    "ramp_100": (POLICY.ramp.ramp_100.gate, Table((168, None), "bound", 0.05, RAMP_100)),
    "day_1": (MONITOR.day_1.gate_for(hip3=False), Table((1, None), "point", 0.05, DAY_1)),
    "day_1_hip3": (
        MONITOR.day_1.gate_for(hip3=True), Table((1, None), "point", 0.05, DAY_1 | HEADROOM)
    ),
    "week_1": (MONITOR.week_1, Table((24, None), "bound", 0.05, WEEK_1)),
    "month_1": (MONITOR.month_1.gate, Table((672, None), "bound", 0.05, MONTH_1)),
}  # fmt: skip
BOUND = [name for name, (_, table) in GATES.items() if table.evidence == "bound"]
LINES = [(name, metric) for name, (_, table) in GATES.items() for metric in table.lines]
NOTHING = (None, math.nan)
BROKEN = (math.inf, -math.inf, "1", True)


def evidence(table: Table, **changes: Any) -> dict[str, Any]:
    """Return evidence that pleases every line; a ratio's is of `DIVISOR`."""
    shown: dict[str, Any] = {}
    for metric, line in table.lines.items():
        shown |= _shown(metric, changes.pop(metric, line.good))
    return shown | changes


def _shown(metric: str, value: Any) -> dict[str, Any]:
    name, _, divisor = metric.partition("/")
    if not divisor:
        return {name: value}
    number = isinstance(value, float) and math.isfinite(value)
    return {name: value * DIVISOR if number else value, divisor: DIVISOR}


def says(gate: GatePolicy, shown: dict[str, Any], hours: float | None, sure: Any = None) -> Verdict:
    return judge(
        gate, shown, asset="X", ts_ns=1, policy_hash="", config_hash=None, code_version="",
        hours=hours, certain=sure,
    )  # fmt: skip


def literal(name: str) -> GatePolicy:
    return GATES[name][0].model_copy(update={"evidence": "point"})


def line_of(found: Verdict, name: str, metric: str) -> Any:
    """Return a line by its place: a metric may stand in two lines of a gate."""
    return found.criteria[list(GATES[name][1].lines).index(metric)]


@pytest.mark.parametrize("name", GATES)
def test_a_gate_has_these_lines_in_this_order_and_no_other(name: str) -> None:
    gate, table = GATES[name]
    named = [f"{c.metric}/{c.divided_by}" if c.divided_by else c.metric for c in gate.criteria]
    assert named == list(table.lines)
    assert (gate.min_hours, gate.max_hours) == table.hours
    assert (gate.evidence, gate.alpha) == (table.evidence, table.alpha)
    assert all(len(line.why) >= 12 for line in gate.criteria)


@pytest.mark.parametrize("name", GATES)
def test_a_gate_whose_lines_all_please_passes_at_its_minimum_and_not_an_instant_before(
    name: str,
) -> None:
    gate, table = literal(name), GATES[name][1]
    least = table.hours[0]
    assert says(gate, evidence(table), max(least, 0.1)).verdict == "PASS"
    if least:
        assert says(gate, evidence(table), math.nextafter(least, 0)).verdict == "NOT_YET"


@pytest.mark.parametrize(("name", "metric"), LINES)
def test_a_line_at_just_above_and_just_below_each_boundary(name: str, metric: str) -> None:
    gate, table = literal(name), GATES[name][1]
    line, least = table.lines[metric], table.hours[0]
    looks = [(max(least, 0.1), False)] + ([(least / 2, True)] if least else [])
    for bound in line.boundaries():
        for value in (bound, math.nextafter(bound, math.inf), math.nextafter(bound, -math.inf)):
            for hours, young in looks:
                found = says(gate, evidence(table, **{metric: value}), hours)
                one, expected = line_of(found, name, metric), line.says(value, young)
                assert (one.verdict, one.label) == (expected, line.label(value)), (value, hours)
                waits = "NOT_YET" if young else "PASS"
                assert found.verdict == (expected if expected != "PASS" else waits)


@pytest.mark.parametrize(("name", "metric"), LINES)
def test_an_undecided_line_waits_until_the_longest_time_and_then_asks_a_person(
    name: str, metric: str
) -> None:
    gate, table = literal(name), GATES[name][1]
    line, longest = table.lines[metric], table.hours[1]
    between = [v for v in (b + d for b in line.boundaries() for d in (-1e-9, 0.0, 1e-9))
               if line.says(v, young=False) == "NOT_YET"]  # fmt: skip
    for value in between[:1]:
        shown = evidence(table, **{metric: value})
        if longest is None:
            assert says(gate, shown, 1e6).verdict == "NOT_YET"
            continue
        assert says(gate, shown, math.nextafter(longest, 0)).verdict == "NOT_YET"
        asked = says(gate, shown, longest)
        assert asked.verdict == "FAIL"
        assert "a person chooses to extend, retune or drop" in asked.words


@pytest.mark.parametrize("hours", [0.1, 1e4])
@pytest.mark.parametrize(("name", "metric"), LINES)
def test_a_line_that_is_missing_or_broken_never_passes(
    name: str, metric: str, hours: float
) -> None:
    gate, table = literal(name), GATES[name][1]
    part = metric.split("/")
    good = evidence(table)
    for key in part:
        absent = {k: v for k, v in good.items() if k != key}
        for shown in (absent, *({**good, key: nothing} for nothing in NOTHING)):
            found = says(gate, shown, hours)
            assert line_of(found, name, metric).verdict == "NO_DATA"
            assert found.verdict in ("NO_DATA", "NOT_YET")
        for broken in BROKEN:
            found = says(gate, {**good, key: broken}, hours)
            assert line_of(found, name, metric).verdict == "ERROR"
            assert found.verdict == "ERROR"
    if len(part) > 1:
        assert line_of(says(gate, {**good, part[1]: 0.0}, hours), name, metric).value is None


@pytest.mark.parametrize("hours", [None, math.nan, math.inf, -1.0, 0.0, "24"])
@pytest.mark.parametrize("name", GATES)
def test_a_gate_without_a_clock_never_passes(name: str, hours: Any) -> None:
    assert says(literal(name), evidence(GATES[name][1]), hours).verdict in ("NO_DATA", "ERROR")


# -- what must be sure ------------------------------------------------------------------------

# near bound must clear | far bound must not fall short of, by hand; None: it never fails
SURE: dict[str, dict[str, tuple[float, float | None]]] = {
    "midcap": {
        "edge_bps": (2.3, 2.3), "fill_rate": (5, 10), "as_rate": (0.5, 0.4),
        "sharpe": (-0.001, None), "spread_ratio": (3, 2),
    },
    # live, an asset fails at the fail tier; what has none can wait, never fail
    "ramp_25": {"edge_bps": (0, 0)},
    "ramp_50": {"edge_bps": (0, 0), "sharpe": (-0.001, None), "as_rate": (0.5, 0.5)},
    "ramp_75": {"edge_bps": (0, 0)},
    "ramp_100": {
        "edge_first_half_bps": (-1, -1), "edge_second_half_bps": (-1, -1), "edge_bps": (0, 0),
    },
    "week_1": {
        "brier": (0.25, 0.25), "skill": (0, 0), "information_ratio": (0, 1), "edge_bps": (0, 0),
    },
    "month_1": {
        "edge_bps": (0, 0),
        **{f"edge_{regime}_bps": (-1, 0) for regime in ("calm", "normal", "high", "extreme")},
    },
}  # fmt: skip
SAMPLED_LINES = [(name, metric) for name, lines in SURE.items() for metric in lines]
HOURS = np.ones(48)
BLOCKS = {
    "markouts": 9 * HOURS, "notional_usd": 9 * HOURS, "edge_usd_bps": 9 * HOURS,
    "edge_usd_bps_sq": 9 * HOURS, "filled_orders": 9 * HOURS, "quote_s": 3600 * HOURS,
    "adverse": HOURS, "spread_ratio": HOURS, "pnl_share": HOURS,
}  # fmt: skip


def sure(name: str) -> dict[str, Certainty]:
    """Return what 48 hours make sure of each line, whatever it is."""
    gate = GATES[name][0]
    if name in ("week_1", "month_1"):
        return sure_of(gate, dict.fromkeys(SURE[name], Sums(HOURS, HOURS)))
    return certain(gate, BLOCKS, gate.alpha, pnl_floor=-0.001)


def near_and_far(metric: str, near: float, far: float, one: Certainty) -> dict[str, Certainty]:
    """Return certainty with these bounds, on the sides that count for a line."""
    lo, hi = (near, far) if near <= far else (far, near)
    seen = Bounds(value=lo, lo=lo, hi=hi, se=1.0, blocks=48, n=48, deff=None)
    return {metric: one._replace(at_mark=seen, now=seen)}


@pytest.mark.parametrize("name", SURE)
def test_what_is_sampled_must_be_sure_and_of_nothing_else_are_there_bounds(name: str) -> None:
    gate = GATES[name][0]
    wanted = {c.metric for c in gate.criteria if c.metric in SAMPLED and c.divided_by is None}
    assert gate.evidence == "bound"
    assert wanted == set(SURE[name]) == set(sure(name))


@pytest.mark.parametrize(("name", "metric"), SAMPLED_LINES)
def test_a_bound_at_just_beyond_and_just_short_of_what_it_must_clear(
    name: str, metric: str
) -> None:
    gate, table = GATES[name]
    line, (clear, least) = table.lines[metric], SURE[name][metric]
    up = math.inf if line.minimum.startswith(">") else -math.inf
    known = sure(name)
    assert (known[metric].clear, known[metric].least) == pytest.approx((clear, least))

    def line_says(near: float, far: float, value: float = line.good) -> str:
        shown = known | near_and_far(metric, near, far, known[metric])
        found = says(gate, evidence(table, **{metric: value}), 1000.0, shown)
        return line_of(found, name, metric).verdict

    bar, far = known[metric].clear, 1e9 if up > 0 else -1e9
    assert line_says(math.nextafter(bar, up), far) == "PASS"
    assert line_says(bar, far) == "NOT_YET"
    assert line_says(math.nextafter(bar, -up), far) == "NOT_YET"
    # sure, and yet the value itself has not reached the minimum
    assert line_says(math.nextafter(bar, up), far, float(line.minimum.split()[1])) == (
        "PASS" if "=" in line.minimum else "NOT_YET"
    )
    floor = known[metric].least
    for end, outcome in ((-up, "FAIL" if floor is not None else "NOT_YET"), (up, "NOT_YET")):
        end_at = math.nextafter(bar if floor is None else floor, end)
        assert line_says(-far, end_at) == outcome


@pytest.mark.parametrize(("name", "metric"), SAMPLED_LINES)
def test_a_sampled_line_without_bounds_has_no_data_however_good_its_value(
    name: str, metric: str
) -> None:
    gate, table = GATES[name]
    known = {other: one for other, one in sure(name).items() if other != metric}
    for shown in (known, {}):
        found = says(gate, evidence(table), 1000.0, shown)
        assert line_of(found, name, metric).verdict == "NO_DATA"
        assert found.verdict != "PASS"


@pytest.mark.parametrize(
    "name", [n for n, (_, table) in GATES.items() if table.evidence == "bound"]
)
def test_a_gate_that_asks_for_bounds_refuses_to_judge_without_any(name: str) -> None:
    with pytest.raises(ValueError, match="certain must be given"):
        says(GATES[name][0], evidence(GATES[name][1]), 1000.0)


# -- loops and checklist ----------------------------------------------------------------------


@pytest.mark.parametrize("metric", LOOPS)
def test_a_loop_has_thirty_minutes_to_be_proved(metric: str) -> None:
    good = {name: line.good for name, line in LOOPS.items()}
    for minutes, closed, outcome in (
        (29.9, 0.0, "NOT_YET"), (30.0, 0.0, "FAIL"), (30.0, 1e-9, "PASS"), (5.0, 1e-9, "PASS"),
    ):  # fmt: skip
        assert judge_loops(good | {metric: closed}, minutes, POLICY).verdict == outcome


PRELIVE = (
    "Paper trading ran for minimum duration",
    "All validation criteria met",
    "All three feedback loops verified",
    "Kill switch thresholds configured for capital size",
    "Binance signal flags correct (use_lead_lag, use_cross_venue)",
    "Spread profile matches asset type",
    "For HIP-3: DEX name, isolated margin, collateral verified",
    "Account has sufficient funds deposited on Hyperliquid",
    "For HIP-3: collateral token deposited (USDE/USDH/USDC as appropriate)",
)


def test_the_checklist_before_going_live_has_these_nine_lines(config: Any) -> None:
    items = prelive_checklist(config, config, {})
    assert tuple(item.text for item in items) == PRELIVE


@pytest.mark.parametrize("text", PRELIVE)
def test_any_open_line_keeps_the_checklist_shut_and_is_named(text: str) -> None:
    def judged(status: Any) -> Verdict:
        items = tuple(
            ChecklistItem(text=one, status=status if one == text else "ticked", evidence="")
            for one in PRELIVE
        )
        return judge_prelive(items, POLICY, asset="X", ts_ns=1)

    assert judged("ticked").verdict == "PASS"
    assert judged("person").verdict == "PASS"
    assert (judged("open").verdict, judged("open").missing) == ("NOT_YET", (text,))


@pytest.mark.parametrize("off", [-0.01, 0.0, 0.01])
def test_paper_hours_at_just_above_and_just_below_what_the_checklist_asks(
    config: Any, off: float
) -> None:
    paper = {
        "validation": {"verdict": "PASS", "words": "", "hours": 48 + off, "hours_needed": 48.0}
    }
    item = prelive_checklist(config, config, paper)[0]
    assert item.status == ("open" if off < 0 else "ticked")


@pytest.mark.parametrize("off", [-0.01, 0.0, 0.01])
def test_funds_at_just_above_and_just_below_the_allocation(config: Any, off: float) -> None:
    items = prelive_checklist(config, config, {}, available_margin_usd=config.capital_usd + off)
    assert items[7].status == ("open" if off < 0 else "ticked")
