"""What was seen at each look, where it is drawn: nothing outside the frame, nothing made up."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from engine.reports import plot
from engine.reports.pages import Look, Page
from engine.reports.plot import BOTTOM, HEIGHT, LEFT, MOST_LOOKS, RIGHT, TOP, WIDTH, plots
from tests.reports.conftest import BEGAN_NS, edge, verdict

number = st.one_of(st.floats(-1e6, 1e6), st.just(0.0))
maybe = st.none() | number


def page(*lines, hours=None):
    """A page of looks an hour apart."""
    hours = range(1, len(lines) + 1) if hours is None else hours
    looks = [
        Look(f"verdict-{k}", BEGAN_NS, "validation", 4, verdict(hours=h, criteria=(line,)))
        for k, (h, line) in enumerate(zip(hours, lines, strict=True))
    ]
    return Page("validation", 1, "run", tuple(looks), ())


def only(*lines):
    (drawn,) = plots(page(*lines))
    return drawn


@given(
    values=st.lists(st.tuples(maybe, number, number), min_size=2, max_size=8),
    tiers=st.tuples(maybe, maybe, maybe, maybe),
)
def test_whatever_was_recorded_lies_inside_the_frame(values, tiers):
    at = dict(zip(("bound", "minimum", "target", "fail"), tiers, strict=True))
    lines = [edge(value=v, lo=min(a, b), hi=max(a, b), **at) for v, a, b in values]
    drawn = only(*lines)
    points = [p for kind in (drawn.courses, drawn.bands, drawn.bars) for one in kind for p in one]
    points += [(LEFT, tick.at) for tick in drawn.y_ticks] + [(LEFT, x.y) for x in drawn.levels]
    points += [(tick.at, TOP) for tick in drawn.x_ticks]
    assert all(LEFT <= x <= WIDTH - RIGHT and TOP <= y <= HEIGHT - BOTTOM for x, y in points)
    assert 1 <= len(drawn.y_ticks) <= 6
    labels = [level.label_y for level in drawn.levels]
    assert all(b - a >= plot.TEXT_H - 0.2 for a, b in pairwise(labels))


def test_higher_values_lie_higher_and_later_looks_further_right():
    drawn = only(edge(value=1.0), edge(value=2.0), edge(value=3.0))
    (course,) = drawn.courses
    assert [x for x, _ in course] == sorted(x for x, _ in course)
    assert [y for _, y in course] == sorted((y for _, y in course), reverse=True)


def test_what_was_not_seen_is_a_hole_and_not_a_line():
    seen, unseen = edge(), edge(value=None, lo=None, hi=None)
    drawn = only(seen, seen, unseen, seen, unseen)
    assert [len(stretch) for stretch in drawn.courses] == [2, 1]
    assert [len(band) for band in drawn.bands] == [4, 2]
    assert [mark.value for mark in drawn.marks][2] == "–"
    assert [mark.span is None for mark in drawn.marks] == [False, False, True, False, True]


def test_the_bar_of_each_look_is_its_own():
    (bars,) = only(edge(bound=4.3), edge(bound=2.3)).bars
    assert bars[0][1] < bars[1][1]


def test_tiers_that_fall_together_share_a_name():
    drawn = only(*[edge(bound=0.0, minimum=0.0, fail=0.0, target=1.0)] * 2)
    assert [level.name for level in drawn.levels] == ["target 1.0", "bar, fail 0.0"]
    assert [level.is_bar for level in drawn.levels] == [False, True]


def test_one_look_is_no_course():
    assert plots(page(edge())) == []
    assert plots(page(edge(), edge(), hours=[None, 3.0])) == []


def test_a_line_the_gate_did_not_have_before_begins_when_it_does():
    old, new = edge(title="Old"), edge(title="New")
    (drawn,) = plots(page(old, new, new))
    assert (drawn.title, drawn.looks) == ("New", 2)


def test_of_many_looks_the_newest_is_always_drawn():
    lines = [edge(value=float(k)) for k in range(1000)]
    drawn = only(*lines)
    assert len(drawn.marks) <= MOST_LOOKS
    assert drawn.looks == 1000
    assert drawn.marks[-1].value == "999.0 bps [2.9, 8.9]"


def test_the_words_say_where_it_began_where_it_ended_and_how_often_it_turned():
    drawn = only(edge(), edge(verdict="FAIL"), edge(value=7.0, verdict="PASS"))
    assert drawn.words == (
        "Edge over hours of evidence: 5.9 bps [2.9, 8.9] at 1.0 h, 7.0 bps [2.9, 8.9] at 3.0 h, "
        "bar 4.3 bps; NOT YET at first, PASS in the end, 2 changes between."
    )
