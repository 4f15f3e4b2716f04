"""Who is ahead of us: every model by hand, and what none of them may ever do."""

import math

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from engine.actions import CANCEL, MODIFY
from engine.events import ACCEPTED, BUY, FILL, SELL
from engine.sim import queue
from engine.sim.rules import BAND, FILL_MODELS

REALISTIC = ("power", "log", "power3")
ORDERED = [
    ("pessimistic", "risk_averse"),
    *[("risk_averse", model) for model in REALISTIC],
    *[(model, "optimistic") for model in REALISTIC],
    ("optimistic", "front"),
]
PHASES = (Phase.explicit, Phase.generate, Phase.shrink)  # explaining takes minutes
OURS = FILL_MODELS[:6]  # the others are other programs' rules

# ahead, shown, now, traded → ahead after, by model; a level of 10 that loses coins to cancels
BY_HAND = {
    "half of it is cancelled": (
        (4.0, 10.0, 5.0, 0.0),
        {
            "risk_averse": 4.0,
            "power": 4.0 - 16 / 52 * 5,
            "log": 4.0 - math.log(5) / (math.log(7) + math.log(5)) * 5,
            "power3": 4.0 - 0.4**3 * 5,
            "optimistic": 0.0,
            "pessimistic": 4.0,
            "twice": 0.0,
        },
    ),
    "a print of 2, taken off 6 before, and a cancel of 3": (
        (4.0, 10.0, 5.0, 2.0),
        {
            "risk_averse": 4.0,
            "power": 4.0 - 16 / 52 * 3,
            "log": 4.0 - math.log(5) / (math.log(7) + math.log(5)) * 3,
            "power3": 4.0 - 0.4**3 * 3,
            "optimistic": 1.0,
            "pessimistic": 4.0,
            "twice": 0.0,
        },
    ),
    "more is cancelled than was behind us": (
        (9.0, 10.0, 4.0, 0.0),
        {
            "risk_averse": 4.0,
            "power": 9.0 - 81 / 82 * 6,
            "log": 4.0,  # 9 - 0.769 * 6 would be more than there is left
            "power3": 4.0,
            "optimistic": 3.0,
            "pessimistic": 4.0,
            "twice": 3.0,
        },
    ),
    "what those behind us cannot give, those ahead have given": (
        (3.0, 10.0, 1.0, 0.0),
        {
            "risk_averse": 1.0,
            "power": 1.0,  # 3 - 9/58 * 9, and 7 - 49/58 * 9 < 0 besides
            "log": 0.0,
            "power3": 1.0,
            "optimistic": 0.0,
            "pessimistic": 1.0,
            "twice": 0.0,
        },
    ),
    "only what printed is gone": (
        (2.0, 10.0, 7.0, 3.0),
        dict.fromkeys(OURS, 2.0) | {"twice": 0.0},
    ),
    "less is gone than printed: others came behind us": (
        (2.0, 10.0, 9.0, 3.0),
        dict.fromkeys(OURS, 2.0) | {"twice": 1.0},
    ),
    "the level grows": ((4.0, 10.0, 30.0, 0.0), dict.fromkeys((*OURS, "twice"), 4.0)),
    "the level is gone": ((4.0, 10.0, 0.0, 0.0), dict.fromkeys((*OURS, "twice"), 0.0)),
    "first sight of a level": (
        (math.inf, math.inf, 7.0, 0.0),
        dict.fromkeys((*OURS, "twice"), 7.0),
    ),
}


@pytest.mark.parametrize("case", BY_HAND)
@pytest.mark.parametrize("model", [*OURS, "twice"])
def test_a_change_of_a_level_by_hand(case, model):
    told, after = BY_HAND[case]
    got = queue.after_change(FILL_MODELS.index(model), *told)
    assert got == pytest.approx(after[model], abs=1e-12)


def hftbacktest(f, front, prev, new, cum):
    """`ProbQueueModel::depth` of hftbacktest 2.4, line by line; `f` gives p."""
    chg = prev - new - cum
    if chg < 0:
        return min(front, new)
    back = prev - front
    p = f(back, front)
    return min(front - (1 - p) * chg + min(back - p * chg, 0), new)


RULES = {
    "power": lambda b, f: b**2 / (b**2 + f**2),
    "log": lambda b, f: math.log(1 + b) / (math.log(1 + b) + math.log(1 + f)),
    "power3": lambda b, f: 1 - (f / (f + b)) ** 3,
    "risk_averse": lambda b, f: 1.0,
}
lots = st.integers(0, 5_000).map(lambda n: n / 100)


@st.composite
def changes(draw):
    """Ahead, shown, now, traded: ahead never beyond what is left after the prints."""
    shown = draw(lots)
    traded = draw(st.integers(0, round(shown * 100))) / 100
    ahead = draw(st.integers(0, round((shown - traded) * 100))) / 100
    return ahead, shown, draw(lots), traded


@settings(deadline=None)
@given(changes())
def test_the_realistic_models_are_hftbacktests(change):
    ahead, shown, now, traded = change
    if shown == 0.0:
        return
    for model, f in RULES.items():
        want = hftbacktest(f, ahead, shown, now, traded)
        got = queue.after_change(FILL_MODELS.index(model), ahead, shown, now, traded)
        assert got == pytest.approx(max(want, 0.0), abs=1e-9), model


@settings(deadline=None)
@given(changes())
def test_a_change_of_a_level_never_makes_a_queue_negative_longer_or_longer_than_the_level(change):
    ahead, _, now, _ = change
    after = {m: queue.after_change(FILL_MODELS.index(m), *change) for m in FILL_MODELS}
    for model in (*OURS, "twice"):
        assert 0.0 <= after[model] <= min(ahead, now) + 1e-12, model
    for worse, better in ORDERED[:-1]:
        assert after[better] <= after[worse] + 1e-12, (worse, better)


def test_who_joins_stands_behind_all_that_is_shown_unless_there_is_no_queue():
    for model, name in enumerate(FILL_MODELS):
        assert queue.joined(model, 7.0) == (0.0 if name == "front" else 7.0)
    assert BAND == {"pessimistic": "pessimistic", "realistic": "power", "optimistic": "optimistic"}


# We join 10 and 4 come behind us. 4 print, 3 are cancelled: 6 were ahead of us, 8 behind. Then 2,
# 2.5 and 1.6 print. What is ahead by then:
STORY = {
    "pessimistic": (6.0, [0.0, 0.0, 0.0]),
    "risk_averse": (6.0, [0.0, 0.0, 0.1]),
    "power": (6.0 - 0.36 * 3, [0.0, 0.0, 1.0]),
    "log": (6.0 - math.log(7) / math.log(63) * 3, [0.0, 0.0, 1.0]),
    "power3": (6.0 - (6 / 14) ** 3 * 3, [0.0, 0.0, 0.33]),  # whole lots
    "optimistic": (3.0, [0.0, 1.0, 1.0]),
    "twice": (0.0, [1.0, 1.0, 1.0]),
}


@pytest.mark.parametrize("model", STORY)
def test_a_story_of_one_order(new_paper, model):
    ahead, fills = STORY[model]
    paper = new_paper(model)
    paper.book(0, bids=((19.99, 10.0), (19.98, 5.0)))
    paper.place(1, BUY, 19.99, 1.0)
    paper.level(9, BUY, 19.99, 14.0)
    paper.print(10, SELL, 19.99, 4.0)
    paper.level(11, BUY, 19.99, 7.0)
    assert paper.order(1).ahead == pytest.approx(ahead)
    got = []
    for ms, sz in ((12, 2.0), (13, 2.5), (14, 1.6)):
        paper.print(ms, SELL, 19.99, sz)
        got.append(paper.filled(1))
    assert got == pytest.approx(fills, abs=1e-9)


def test_where_there_is_no_queue_the_first_print_fills(new_paper):
    paper = new_paper("front")
    paper.book(0)
    paper.place(1, BUY, 19.99, 1.0)
    paper.print(10, SELL, 19.99, 0.3)
    paper.print(11, SELL, 19.99, 4.0)
    assert [a.sz for a in paper.told if a.kind == FILL] == pytest.approx([0.3, 0.7])


def test_the_one_who_counts_a_print_twice_is_early_by_the_size_of_it(new_paper):
    ahead = {}
    for model in ("risk_averse", "twice"):
        paper = new_paper(model)
        paper.book(0, bids=((19.99, 10.0), (19.98, 5.0)))
        paper.place(1, BUY, 19.99, 1.0)
        paper.print(10, SELL, 19.99, 4.0)
        paper.level(11, BUY, 19.99, 6.0)
        ahead[model] = paper.order(1).ahead
    assert ahead == {"risk_averse": 6.0, "twice": 2.0}


def test_a_print_is_taken_off_once_even_where_the_book_shows_it_later(new_paper):
    for model in ("risk_averse", "power", "log", "power3", "optimistic"):
        paper = new_paper(model)
        paper.book(0, bids=((19.99, 10.0), (19.98, 5.0)))
        paper.place(1, BUY, 19.99, 1.0)
        paper.print(10, SELL, 19.99, 2.0)
        paper.print(11, SELL, 19.99, 2.0)
        assert paper.order(1).ahead == 6.0
        paper.book(12, bids=((19.99, 6.0), (19.98, 5.0)))
        assert paper.order(1).ahead == 6.0
        paper.book(13, bids=((19.99, 9.0), (19.98, 5.0)))  # these came behind us
        assert paper.order(1).ahead == 6.0


def test_behind_the_last_level_we_are_shown_the_queue_is_unknown_not_empty(new_paper):
    for model in OURS:
        paper = new_paper(model)
        paper.book(0)
        paper.place(1, BUY, 19.95, 1.0)
        assert math.isinf(paper.order(1).ahead)
        paper.print(10, SELL, 19.95, 3.0)
        assert paper.filled() == 0.0
        paper.book(11, bids=((19.95, 7.0),))
        assert paper.order(1).ahead == 7.0
        paper.print(12, SELL, 19.95, 7.5)
        assert paper.filled() == (0.0 if model == "pessimistic" else 0.5)


def test_first_sight_of_a_level_says_nothing_of_what_it_lost(new_paper):
    for model in (*OURS, "front"):
        paper = new_paper(model)
        paper.book(0)
        paper.place(1, BUY, 19.95, 5.0)
        paper.level(10, BUY, 19.95, 7.0)
        assert paper.order(1).ahead == (0.0 if model == "front" else 7.0)
        paper.print(11, SELL, 19.95, 0.8)
        assert paper.filled() == (0.8 if model == "front" else 0.0)


def test_on_a_side_that_shows_nothing_the_queue_is_unknown_too(new_paper):
    for bids in ((), ((19.99, 5.0),)):
        paper = new_paper("optimistic")
        paper.book(0, bids=bids)
        paper.level(1, BUY, 19.99, 0.0)
        paper.place(1, BUY, 19.98, 1.0, ms=2)
        assert math.isinf(paper.order(1).ahead)
        paper.print(10, SELL, 19.98, 1.0)
        assert paper.filled() == 0.0


def test_a_level_we_had_to_forget_is_unknown_not_empty(new_paper):
    paper = new_paper("optimistic")
    levels = [(round(19.99 - n / 100, 2), 5.0) for n in range(22)]
    paper.book(0, bids=levels[:20])
    for n in (20, 21):
        paper.level(1, BUY, *levels[n])  # deeper than we keep
    paper.level(2, BUY, *levels[0][:1], 0.0)  # room for one more
    paper.level(3, BUY, levels[21][0], 6.0)  # the 22nd is heard of, the 21st has not changed
    paper.place(1, BUY, levels[20][0], 1.0, ms=4)
    assert paper.order(1).ahead > 0.0


def test_a_level_that_was_pushed_out_of_the_book_is_unknown_too(new_paper):
    paper = new_paper("optimistic")
    levels = [(round(19.99 - n / 100, 2), 5.0) for n in range(20)]
    paper.book(0, bids=levels, asks=((20.05, 5.0),))
    paper.level(1, BUY, 20.0, 5.0)
    paper.level(2, BUY, 20.0, 0.0)
    paper.place(1, BUY, levels[19][0], 1.0, ms=3)
    paper.place(2, BUY, levels[18][0], 1.0, ms=3)
    paper.place(3, BUY, 20.0, 1.0, ms=3)
    assert [float(paper.order(k).ahead) for k in (1, 2, 3)] == [math.inf, 5.0, 0.0]


@pytest.mark.parametrize("is_snapshot", [True, False])
def test_a_level_that_vanished_leaves_nobody_ahead_in_either_kind_of_feed(new_paper, is_snapshot):
    paper = new_paper("risk_averse")
    paper.book(0, bids=((19.99, 5.0), (19.98, 5.0)))
    paper.place(1, BUY, 19.99, 1.0)
    if is_snapshot:
        paper.book(10, bids=((19.98, 5.0),))
    else:
        paper.level(10, BUY, 19.99, 0.0)
    assert paper.order(1).ahead == 0.0
    assert paper.filled() == 0.0


def test_what_the_window_no_longer_reaches_is_as_it_was(new_paper):
    paper = new_paper("optimistic")
    paper.book(0, bids=((19.99, 5.0), (19.95, 7.0)))
    paper.place(1, BUY, 19.95, 1.0)
    paper.place(2, BUY, 19.90, 1.0)
    paper.book(10)
    assert paper.order(1).ahead == 7.0
    assert math.isinf(paper.order(2).ahead)
    paper.print(11, SELL, 19.95, 6.0)
    assert paper.filled() == 0.0


@pytest.mark.parametrize("is_snapshot", [True, False])
def test_a_younger_order_of_ours_never_overtakes_an_older_one_at_its_price(new_paper, is_snapshot):
    # the power model takes more from the longer queue: 5 ahead of 10 becomes 1, 6 becomes 0.46
    paper = new_paper("power")

    def show(ms, sz):
        if is_snapshot:
            paper.book(ms, bids=((19.99, sz), (19.98, 5.0)))
        else:
            paper.level(ms, BUY, 19.99, sz)

    paper.book(0, bids=((19.99, 5.0), (19.98, 5.0)))
    paper.place(1, BUY, 19.99, 1.0)
    show(4, 6.0)
    paper.place(2, BUY, 19.99, 1.0, ms=5)
    show(9, 10.0)
    show(10, 2.0)
    assert paper.order(1).ahead == pytest.approx(1.0)
    assert paper.order(2).ahead >= paper.order(1).ahead
    paper.print(11, SELL, 19.99, 1.0)
    assert paper.filled() == 0.0
    paper.print(12, SELL, 19.99, 0.5)
    assert (paper.filled(1), paper.filled(2)) == (0.5, 0.0)


def test_what_printed_before_an_order_came_is_none_of_its_business(new_paper):
    paper = new_paper("optimistic")
    paper.book(0, bids=((19.99, 10.0), (19.98, 5.0)))
    paper.place(1, BUY, 19.99, 1.0)
    paper.print(10, SELL, 19.99, 2.0)
    paper.ask(11, CANCEL, 1)
    paper.place(2, BUY, 19.99, 1.0, ms=20)
    paper.level(30, BUY, 19.99, 6.0)
    assert paper.order(2).ahead == 6.0


def test_a_modify_goes_to_the_back_of_the_queue(new_paper):
    paper = new_paper("power")
    paper.book(0)
    paper.place(1, BUY, 19.99, 1.0)
    paper.print(10, SELL, 19.99, 5.0)
    assert paper.order(1).ahead == 0.0
    paper.ask(11, MODIFY, 1, BUY, 19.99, 2.0)
    paper.until(13)
    assert (paper.order(1).ahead, paper.order(1).sz) == (5.0, 2.0)


def rows_of(cents, what=("place", "place", "print", "print", "level", "whole", "locked")):
    """Rows of a tape: prints are small beside what levels win and lose."""
    sides, gaps = st.sampled_from([BUY, SELL]), st.integers(0, 4)
    kinds = [st.tuples(st.just(w), sides, cents, lots_of(w), gaps) for w in what]
    return st.one_of(*kinds)


def lots_of(what):
    return st.integers(1, 60 if what == "print" else 400)


wide = rows_of(st.integers(0, 7))
crowded = rows_of(st.sampled_from([2, 3, 3, 4]), ("place", "print", "print", "level", "whole"))
cancels = rows_of(st.just(0), ("cancel",))


def filled_by(paper, events, sides):
    """Coins filled up to every market event, by order and by side."""
    orders = {cloid: np.zeros(events) for cloid in sides}
    for a in paper.told:
        if a.kind == FILL:
            orders[a.cloid][a.cause :] += a.sz
    whole = {
        side: sum((orders[k] for k in orders if sides[k] == side), np.zeros(events))
        for side in (BUY, SELL)
    }
    return orders, whole


def compared(tape):
    """For every pair of models: the worst excess of the worse one, by order and by side."""
    papers = {model: tape.through(model) for model in (*OURS, "front")}
    for model, paper in papers.items():
        assert not paper.queues[0].faults.any(), (model, paper.queues[0].faults)
    fills = {m: filled_by(paper, len(tape.events), tape.sides) for m, paper in papers.items()}
    for worse, better in ORDERED:
        for level in range(2):
            for key, coins in fills[worse][level].items():
                excess = float((coins - fills[better][level][key]).max())
                yield worse, better, ("order", "side")[level], excess
    accepted = {m: [a.cloid for a in p.told if a.kind == ACCEPTED] for m, p in papers.items()}
    assert all(names == accepted["power"] for names in accepted.values())


@settings(max_examples=80, deadline=None, phases=PHASES)
@given(
    st.one_of(st.lists(wide, min_size=40, max_size=80), st.lists(crowded, min_size=40, max_size=80))
)
def test_a_better_model_never_fills_less_of_any_order_at_any_moment(new_tape, rows):
    for worse, better, of, excess in compared(new_tape(rows)):
        assert excess <= 1e-9, (worse, better, of)


@settings(max_examples=80, deadline=None, phases=PHASES)
@given(st.lists(st.one_of(wide, crowded, crowded, cancels), min_size=40, max_size=80))
def test_a_better_model_never_fills_less_of_a_side_at_any_moment_whatever_is_cancelled(
    new_tape, rows
):
    # of one order it may: a print that fills our older order is not taken off the queue of the
    # younger one, and then the older one is cancelled where it has not filled
    for worse, better, of, excess in compared(new_tape(rows)):
        assert of == "order" or excess <= 1e-9, (worse, better)
