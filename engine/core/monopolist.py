r"""What a sole provider may add to the half-spread: a markup on cost from the takers' elasticity.

The elasticity of taking, η = -d ln(sweeps per second)/d ln(half-spread of the market), is the slope
of a regression over windows. A provider with the share s of the size on offer maximises its profit
where

.. math:: \frac{δ - cost}{δ} = \frac sη \;\Rightarrow\; δ = cost + cost\,\frac{s/η}{1 - s/η},

and the second term is the markup, at most 5 bps, and 5 bps where η <= s
(docs/model.md, Sole provider).

A window ends with the first sweep that leaves it at least 60 s and 4 sweeps long. Windows of fixed
length would be mostly empty in the thin markets this is for, and ln(count + 1/2) hardly sees a rate
below one per window: it finds a fraction of η and so too great a markup. Silence is not dropped
here, it makes the window long.

Beware of counting twice: κ is measured on our own fills, and 1/κ is already the margin of a
monopolist over takers who leave at that rate (a Lerner index too). The markup is right to the
extent that those fills were had in competition with others who have since left; how far that is we
cannot know, hence the cap and the markup on cost alone, never on 1/κ.

References
----------
Lerner, *The concept of monopoly*, Rev. Econ. Stud. 1 (1934); Tirole, *The Theory of Industrial
Organization* (1988), ch. 5.
"""

import math
from typing import Any

from engine.record import f8, i8, kernel, record

WINDOW_S = 60.0
WINDOW_SWEEPS = 4
HALFLIFE_S = 86_400.0
SPREAD_VAR_MIN = 0.01**2  # a half-spread that moves by less than 1 % tells no elasticity
MIN_WINDOWS = 10  # to estimate
USED_WINDOWS = 50  # to act
DEFAULT, FLOOR = 1.0, 0.1
COMPETITORS_MAX = 1.5  # others' size over ours
MARKUP_MAX = 5e-4


@record
class Monopolist:
    """The open window, and weighted moments of x = ln half-spread and y = ln rate."""

    seconds: f8
    half_spread_seconds: f8
    sweeps: i8
    n: i8  # windows, ever
    weight: f8
    x_mean: f8
    y_mean: f8
    xx: f8
    xy: f8
    yy: f8


@kernel
def observe(m: Any, half_spread: float, dt_s: float) -> None:
    """Count `dt_s` seconds at a half-spread of the market; a closed book does not count."""
    if half_spread > 0.0 and math.isfinite(half_spread) and dt_s > 0.0:
        m.seconds += dt_s
        m.half_spread_seconds += half_spread * dt_s


@kernel
def hear_sweep(m: Any) -> None:
    """Count one aggressor, however many prints it made, and end the window if it is long enough."""
    m.sweeps += 1
    if m.seconds >= WINDOW_S and m.sweeps >= WINDOW_SWEEPS:
        # the half makes the logarithm unbiased for a window that ends with a sweep
        rate = (m.sweeps - 0.5) / m.seconds
        _learn(m, math.log(m.half_spread_seconds / m.seconds), math.log(rate))
        m.seconds = 0.0
        m.half_spread_seconds = 0.0
        m.sweeps = 0


@kernel
def _learn(m: Any, x: float, y: float) -> None:
    keep = 0.5 ** (m.seconds / HALFLIFE_S)
    m.n += 1
    m.weight = keep * m.weight + 1.0
    dx, dy = x - m.x_mean, y - m.y_mean
    m.x_mean += dx / m.weight
    m.y_mean += dy / m.weight
    m.xx = keep * m.xx + dx * (x - m.x_mean)
    m.xy = keep * m.xy + dx * (y - m.y_mean)
    m.yy = keep * m.yy + dy * (y - m.y_mean)


@kernel
def slope_sd(m: Any) -> float:
    """Return the standard error of the least-squares slope; infinite where there is no slope."""
    if m.weight < MIN_WINDOWS or m.xx < SPREAD_VAR_MIN * m.weight:
        return math.inf
    return math.sqrt(max(m.yy - m.xy * m.xy / m.xx, 0.0) / ((m.weight - 2.0) * m.xx))


@kernel
def elasticity(m: Any) -> float:
    """Return η, at least 0.1: the slope, drawn to 1 by the share of it that may be noise.

    The slope counts with b²/(b² + se²), and not at all where takers seem to like wide spreads: then
    something else moved both, and it is no demand curve.
    """
    sd = slope_sd(m)
    if math.isinf(sd) or not m.xy < 0.0:
        return DEFAULT
    b = -m.xy / m.xx
    return max(DEFAULT + (b - DEFAULT) * (b / math.hypot(b, sd)) ** 2, FLOOR)


@kernel
def markup(m: Any, own_sz: float, others_sz: float, cost: float) -> float:
    """Return what to add to the half-spread [fraction of the price], 0 to 5 bps.

    Zero before 50 windows and where others show 1.5 times our size or more; in full where they show
    no more than half of it, so that it does not flicker at a border.

    Parameters
    ----------
    own_sz, others_sz : sizes on offer at our price or better
    cost : fee and E[AS] of a fill [fraction of the price]
    """
    if m.n < USED_WINDOWS or not own_sz > 0.0:
        return 0.0
    presence = min(max(COMPETITORS_MAX - max(others_sz, 0.0) / own_sz, 0.0), 1.0)
    lerner = own_sz / (own_sz + max(others_sz, 0.0)) / elasticity(m)
    most = MARKUP_MAX if lerner >= 1.0 else max(cost, 0.0) * lerner / (1.0 - lerner)
    return presence * min(most, MARKUP_MAX)
