"""What no market and no stream of requests may bring about: fills out of nothing."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from engine.actions import CANCEL, MODIFY, PLACE, Action
from engine.events import (
    ACCEPTED,
    BUY,
    CANCELED,
    FILL,
    FUNDING,
    LAST,
    LEVEL,
    RATE_LIMIT,
    REJECTED,
    SELL,
    SNAPSHOT,
    TRADE,
    UNKNOWN_ORDER,
    Event,
)
from engine.sim.clocks import arrival_order
from engine.sim.market import HOUR_NS
from engine.sim.rules import FILL_MODELS, Delay, Latency, Spikes
from engine.sim.universe import market_of

PHASES = (Phase.explicit, Phase.generate, Phase.shrink)  # explaining takes minutes
UNEVEN = Latency(
    new=Delay(quantiles_ms=(1.0, 3.0, 40.0)),
    modify=Delay.constant(2.0),
    cancel=Delay(quantiles_ms=(0.0, 5.0)),
    response=Delay(quantiles_ms=(2.0, 30.0)),
    spikes=Spikes(per_hour=3_600.0, mean_s=0.5, extra_ms=20.0),
)
EPS = 1e-9


def assert_lawful(paper, events):
    """Everything that holds whatever the model, the market, the requests and the latency."""
    assert_prints_are_shared_once(paper, events)
    assert_levels_fill_only_whom_they_reach(paper, events)
    assert_fills_were_paid_for(paper, events)
    assert_every_order_has_one_life(paper)
    assert_answers_are_in_order(paper)
    assert_the_books_balance(paper)
    assert not paper.queues[0].faults.any()


def fills_by_cause(paper):
    found = {}
    for a in paper.told:
        if a.kind == FILL:
            found.setdefault(a.cause, []).append(a)
    assert -1 not in found  # no request fills
    return found


def assert_prints_are_shared_once(paper, events):
    for cause, fills in fills_by_cause(paper).items():
        e = events[cause]
        if e.kind != TRADE:
            continue
        assert sum(a.sz for a in fills) <= e.sz + EPS
        for a in fills:
            assert a.side == -e.side
            assert a.side * (a.px - e.px) >= -EPS  # at our price, never a better one
        order = [-a.side * a.px for a in fills]
        assert order == sorted(order)  # best price first


def assert_levels_fill_only_whom_they_reach(paper, events):
    found = fills_by_cause(paper)
    for k, book in consistent_books(events):
        for a in found.get(k, ()):
            touch = best(book[-a.side], -a.side)
            assert a.side * (a.px - touch) >= -EPS
    last = {k for k, _ in consistent_books(events)}
    assert {k for k in found if events[k].kind == LEVEL} <= last


def best(levels, side):
    return max(levels) if side == BUY else min(levels)


def consistent_books(events):
    """Every whole book of a feed, with the index of the event that completed it."""
    book = {BUY: {}, SELL: {}}
    for k, (kind, side, code, _, _, px, sz, *_) in enumerate(events.tolist()):
        if kind != LEVEL:
            continue
        if code & SNAPSHOT:
            book = {BUY: {}, SELL: {}}
        book[side][px] = sz
        if sz == 0.0:
            del book[side][px]
        if code & LAST:
            yield k, book


def assert_fills_were_paid_for(paper, events):
    """Fills at a price and behind it: at most what traded there, and what was shown there."""
    for side in (BUY, SELL):
        came = opposing(events, side)
        ours = Counter()
        for a in paper.told:
            if a.kind == FILL and a.side == side:
                ours[a.px] += a.sz
        for px in ours:
            mine = sum(sz for p, sz in ours.items() if side * (p - px) <= EPS)
            theirs = sum(sz for p, sz in came.items() if side * (p - px) <= EPS)
            assert mine <= theirs + EPS, (side, px)


def opposing(events, side):
    """Coins that came against `side`, by price: prints, and whatever a level of theirs gained."""
    came, shown, before = Counter(), {}, {}
    for kind, its, code, _, _, px, sz, *_ in events.tolist():
        if kind == TRADE and its == -side:
            came[px] += sz
        if kind == LEVEL:
            if code & SNAPSHOT:
                before, shown = shown, {}
            if its == -side:
                came[px] += max(sz - shown.get(px, before.get(px, 0.0)), 0.0)
                shown[px] = sz
            if code & LAST:
                before = {}
    return came


def assert_every_order_has_one_life(paper):
    """Accepted, filled in parts, and ended once: filled, or cancelled with what was left of it."""
    left = {}
    for a in paper.told:
        if a.kind == ACCEPTED:
            left[a.cloid] = a.sz  # of a modify too
        elif a.kind == FILL:
            assert a.sz > 0.0
            assert abs(a.sz * 100 - round(a.sz * 100)) < 1e-6  # lots
            left[a.cloid] -= a.sz
            assert left[a.cloid] > -EPS
            if left[a.cloid] < EPS:
                del left[a.cloid]
        elif a.kind == CANCELED:
            assert a.sz == pytest.approx(left.pop(a.cloid), abs=EPS)
        elif a.code == UNKNOWN_ORDER:
            assert a.cloid not in left
        elif a.kind == REJECTED and a.code != RATE_LIMIT:
            left.pop(a.cloid, None)  # a modify that may not rest leaves nothing behind
    resting = {int(o.cloid): float(o.sz) for o in paper.orders()}
    assert resting == pytest.approx(left, abs=EPS)


def assert_answers_are_in_order(paper):
    for earlier, later in zip(paper.told, paper.told[1:], strict=False):
        assert earlier.at_ms <= later.at_ms
        assert earlier.heard_ms <= later.heard_ms
    assert all(a.at_ms <= a.heard_ms for a in paper.told)


def assert_the_books_balance(paper):
    fills = [a for a in paper.told if a.kind == FILL]
    paid = sum(a.usd for a in paper.told if a.kind == FUNDING)
    assert paper.account.position == pytest.approx(sum(a.side * a.sz for a in fills), abs=EPS)
    cash = -sum(a.side * a.px * a.sz + a.usd for a in fills) + paid
    assert paper.account.cash_usd == pytest.approx(cash, abs=EPS * (1 + len(fills)))
    assert [a.id for a in fills] == list(range(1, len(fills) + 1))


def rows_of(what, cents, lots):
    sides, gaps = st.sampled_from([BUY, SELL]), st.integers(0, 4)
    return st.tuples(st.sampled_from(what), sides, cents, lots, gaps)


rows = st.one_of(
    rows_of(("place", "place", "level", "whole", "locked"), st.integers(0, 7), st.integers(1, 400)),
    rows_of(("place", "locked", "whole"), st.integers(1, 4), st.integers(1, 400)),
    rows_of(("print",), st.integers(1, 4), st.integers(1, 60)),
    rows_of(("print", "cancel"), st.integers(0, 7), st.integers(1, 400)),
)


@pytest.mark.parametrize("model", FILL_MODELS)
@settings(max_examples=25, deadline=None, phases=PHASES)
@given(rows=st.lists(rows, min_size=40, max_size=90))
def test_whatever_happens_fills_are_paid_for_by_the_market(new_tape, model, rows):
    tape = new_tape(rows)
    assert_lawful(tape.through(model), tape.events)


@settings(max_examples=60, deadline=None, phases=PHASES)
@given(rows=st.lists(rows, min_size=40, max_size=90), seed=st.integers(0, 2**32 - 1))
def test_so_they_are_where_messages_overtake_each_other(new_tape, rows, seed):
    tape = new_tape(rows)
    assert_lawful(tape.through("power", latency=UNEVEN, seed=seed), tape.events)


@settings(max_examples=40, deadline=None, phases=PHASES)
@given(rows=st.lists(rows, min_size=40, max_size=90))
def test_so_they_are_where_the_venue_enforces_everything(new_tape, rows):
    tape = new_tape(rows)
    poor = {"capital_usd": 60.0, "max_leverage": 3.0, "request_grant": 15.0}
    paper = tape.through("optimistic", limits=True, **poor)
    assert_lawful(paper, tape.events)
    assert paper.account.budget.used <= paper.account.budget.granted * 2


@settings(max_examples=40, deadline=None, phases=PHASES)
@given(rows=st.lists(rows, min_size=40, max_size=90), data=st.data())
def test_so_they_are_where_orders_are_moved(new_tape, rows, data):
    tape = new_tape(rows)
    moves = tape.requests.copy()
    for k in data.draw(st.lists(st.integers(0, len(moves) - 1), max_size=30)) if len(moves) else ():
        if moves[k].kind == CANCEL:
            moves[k].kind, moves[k].sz = MODIFY, 1.0
            moves[k].px = 20.0 - moves[k].side * data.draw(st.integers(-1, 4)) / 100
    tape.requests = moves
    assert_lawful(tape.through("power"), tape.events)


@pytest.mark.parametrize("model", ["pessimistic", "power", "optimistic"])
def test_an_hour_of_a_lively_market_is_lawful(new_paper, model):
    start_ns = 490_000 * HOUR_NS
    events = market_of("HYPE", None, 11, start_ns).chunk(0)[:40_000]
    events = events[arrival_order(events)].view(Event.dtype)
    paper = new_paper(model, t0_ns=start_ns, latency=UNEVEN, limits=True, capital_usd=1e5)
    requests = random_requests(events, np.random.default_rng(5))
    paper.play([events], [requests])
    assert_lawful(paper, events)
    kinds = Counter(a.kind for a in paper.told)
    assert kinds[FILL] > 40 and kinds[ACCEPTED] > 400 and kinds[CANCELED] > 100


def random_requests(events, rng):
    """Post near the touch, three times a second; cancel most of it later."""
    touch = {BUY: 0.0, SELL: 0.0}
    rows, live, next_ns, cloid = [], [], int(events[0].ts_ns) + 10**9, 0
    for kind, side, code, ts_ns, _, px, *_ in events.tolist():
        if kind == LEVEL and code & SNAPSHOT:
            touch = {BUY: 0.0, SELL: 0.0}
        if kind == LEVEL and not touch[side]:
            touch[side] = px
        if ts_ns < next_ns or not all(touch.values()):
            continue
        next_ns = ts_ns + int(rng.exponential(3e8))
        if live and rng.random() < 0.45:
            gone = live.pop(int(rng.integers(len(live))))
            rows.append((CANCEL, BUY, 0, ts_ns, gone, 0.0, 0.0))
            continue
        cloid += 1
        side = int(rng.choice([BUY, SELL]))
        px = round(touch[side] * (1 - side * rng.integers(0, 6) / 1e4), 3)
        sz = round(float(rng.uniform(1, 20)), 2)
        rows.append((PLACE, side, 0, ts_ns, cloid, px, sz))
        live.append(cloid)
    return np.array(rows, Action.dtype).view(Action.dtype)
