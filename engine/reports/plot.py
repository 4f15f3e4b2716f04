"""One line of a gate over its looks, in the coordinates of a drawing.

Only what was recorded is drawn: a point for each look, and between two looks a straight line that
says no more than that. Nothing is judged again.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from engine.gates.verdict import CriterionResult, Outcome
from engine.gates.words import lowered, measured, number, quantity
from engine.reports.pages import Look, Page
from engine.reports.table import said

WIDTH, HEIGHT = 440, 200
LEFT, RIGHT, TOP, BOTTOM = 46, 122, 10, 36  # room for the labels around the frame
MOST_LOOKS = 150  # a point every 2 of the drawing's units; more are a smear
TEXT_H = 13
X_STEPS_H = (0.05, 0.1, 0.25, 0.5, 1, 2, 3, 6, 12, 24, 48, 72, 168, 336, 672, 1344, 2688)

Point = tuple[float, float]
Seen = tuple[Look, CriterionResult]


class Mark(NamedTuple):
    """One look: where it is drawn, what was seen, and what was said about it."""

    x: float
    y: float | None
    span: Point | None  # from the upper bound to the lower
    at_ns: int
    hours: float
    value: str
    bar: str
    outcome: Outcome

    @property
    def said(self) -> str:
        """The outcome as it is read."""
        return said(self.outcome)


class Level(NamedTuple):
    """A horizontal line: where it is drawn, where its name stands, and what it is called."""

    y: float
    label_y: float
    name: str
    is_bar: bool


class Tick(NamedTuple):
    """A number on an axis."""

    at: float
    text: str


class Plot(NamedTuple):
    """A line of a gate over its looks, ready to be drawn."""

    title: str
    unit: str
    words: str
    courses: list[list[Point]]
    bands: list[list[Point]]
    bars: list[list[Point]]
    levels: list[Level]
    marks: list[Mark]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    looks: int


def plots(page: Page) -> list[Plot]:
    """Return a plot for each line of a page that was looked at more than once."""
    looks = [look for look in page.looks if look.verdict.hours is not None]
    seen = [(line, _seen(line, looks)) for line in page.newest.criteria]
    return [_plot(line, found) for line, found in seen if len(found) > 1]


class _Frame(NamedTuple):
    """What is shown: hours from 0 to `hours`, values from `lo` to `hi`."""

    hours: float
    lo: float
    hi: float

    def x(self, hours: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * hours / self.hours, 1)

    def y(self, value: float) -> float:
        share = (value - self.lo) / (self.hi - self.lo)
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share, 1)


def _seen(newest: CriterionResult, looks: Iterable[Look]) -> list[Seen]:
    name = newest.metric, newest.title
    lines = ((look, line) for look in looks for line in look.verdict.criteria)
    return [(look, line) for look, line in lines if (line.metric, line.title) == name]


def _plot(newest: CriterionResult, seen: Sequence[Seen]) -> Plot:
    frame, drawn = _frame(seen), _thinned(seen)
    at = [frame.x(look.verdict.hours or 0.0) for look, _ in drawn]
    bars = [line.bound for _, line in drawn]
    marks = [_mark(x, frame, look, line) for x, (look, line) in zip(at, drawn, strict=True)]
    spans = [mark.span or (None, None) for mark in marks]
    upper, lower = (_unbroken(at, edge) for edge in zip(*spans, strict=True))
    return Plot(
        title=newest.title or newest.metric,
        unit=newest.unit if quantity(0.0, newest.unit).endswith(f" {newest.unit}") else "",
        words=_words(newest, marks),
        courses=_unbroken(at, [mark.y for mark in marks]),
        bands=[up + down[::-1] for up, down in zip(upper, lower, strict=True)],
        bars=_unbroken(at, [None if b is None else frame.y(b) for b in bars]),
        levels=_levels(newest, frame),
        marks=marks,
        x_ticks=[Tick(frame.x(h), f"{h:g}") for h in _steps(0.0, frame.hours, _x_step(frame))],
        y_ticks=_y_ticks(frame, newest.unit),
        looks=len(seen),
    )


def _thinned(seen: Sequence[Seen]) -> list[Seen]:
    """Return so many looks as can be told apart, the newest always among them."""
    every = math.ceil(len(seen) / MOST_LOOKS)
    return list(seen[::-1][::every][::-1])


def _frame(seen: Sequence[Seen]) -> _Frame:
    newest = seen[-1][1]
    shown = [newest.minimum, newest.target, newest.fail]
    for _, line in seen:
        shown += [line.value, line.lo, line.hi, line.bound]
    numbers = [number for number in shown if number is not None]
    lo, hi = min(numbers, default=0.0), max(numbers, default=0.0)
    margin = 0.06 * (hi - lo) or 1.0
    hours = max(look.verdict.hours or 0.0 for look, _ in seen)
    return _Frame(hours or 1.0, lo - margin, hi + margin)


def _unbroken(xs: Sequence[float], ys: Sequence[float | None]) -> list[list[Point]]:
    """Return the stretches of points without a hole: what was not seen is not drawn."""
    stretches: list[list[Point]] = [[]]
    for x, y in zip(xs, ys, strict=True):
        if y is not None:
            stretches[-1].append((x, y))
        elif stretches[-1]:
            stretches.append([])
    return [stretch for stretch in stretches if stretch]


def _mark(x: float, frame: _Frame, look: Look, line: CriterionResult) -> Mark:
    return Mark(
        x=x,
        y=None if line.value is None else frame.y(line.value),
        span=None if line.lo is None or line.hi is None else (frame.y(line.hi), frame.y(line.lo)),
        at_ns=look.ts_ns,
        hours=look.verdict.hours or 0.0,
        value=measured(line),
        bar="–" if line.bound is None else quantity(line.bound, line.unit),
        outcome=line.verdict,
    )


def _levels(line: CriterionResult, frame: _Frame) -> list[Level]:
    """Return the tiers by where they lie: those that fall together share a line and a name.

    The bar is the minimum, or the minimum and more: where it is no more, its name is enough.
    """
    tiers = {"bar": line.bound, "minimum": line.minimum, "target": line.target, "fail": line.fail}
    if line.minimum == line.bound:
        del tiers["minimum"]
    named: dict[float, list[str]] = {}
    for name, at in tiers.items():
        if at is not None:
            named.setdefault(at, []).append(name)
    found = [
        Level(y, y, f"{', '.join(names)} {number(at, line.unit)}", "bar" in names)
        for at, names in sorted(named.items(), reverse=True)
        for y in [frame.y(at)]
    ]
    return _apart(found)


def _apart(levels: list[Level]) -> list[Level]:
    """Return the levels, from top to bottom, with names that do not lie on each other."""
    y, found = -math.inf, []
    for level in levels:
        y = max(level.label_y, y + TEXT_H)
        found.append(level._replace(label_y=y))
    over = y - (HEIGHT - BOTTOM) if found else 0.0
    return [one._replace(label_y=round(one.label_y - max(over, 0.0), 1)) for one in found]


def _x_step(frame: _Frame) -> float:
    return next((step for step in X_STEPS_H if frame.hours / step <= 8), X_STEPS_H[-1])


def _y_ticks(frame: _Frame, unit: str) -> list[Tick]:
    """Return at most six round numbers: 1, 2 or 5 times a power of ten apart."""
    wide = (frame.hi - frame.lo) / 5
    power = 10.0 ** math.floor(math.log10(wide))
    step = next((power * m for m in (1, 2, 5) if power * m >= wide), 10 * power)
    return [Tick(frame.y(v), number(v, unit)) for v in _steps(frame.lo, frame.hi, step)]


def _steps(lo: float, hi: float, step: float) -> list[float]:
    """Return the multiples of `step` from `lo` to `hi`.

    >>> _steps(-0.1, 0.5, 0.2)
    [0.0, 0.2, 0.4]
    """
    return [round(k * step, 9) for k in range(math.ceil(lo / step), math.floor(hi / step) + 1)]


def _words(newest: CriterionResult, marks: Sequence[Mark]) -> str:
    """Return the plot in a sentence, for who cannot see it."""
    first, last = marks[0], marks[-1]
    turns = sum(a.outcome != b.outcome for a, b in pairwise(marks))
    return (
        f"{newest.title or newest.metric} over hours of evidence: {first.value} at "
        f"{first.hours:.1f} h, {last.value} at {last.hours:.1f} h, bar {last.bar}; "
        f"{lowered(first.said)} at first, {lowered(last.said)} in the end, "
        f"{turns} change{'s' * (turns != 1)} between."
    )
