"""What goes wrong in a session: of every fault, whether it is on, and how likely it is each time.

Every session has a random part of the faults (swarm testing), so that none hides another.

References
----------
Groce et al., *Swarm Testing*, ISSTA 2012.
"""

from typing import Any

from engine.core.xorshift import after
from engine.record import f8, i8, kernel, record

S = 1_000_000_000
ON = 0.6  # of the faults


@record
class Faults:
    """Probabilities; zero where the fault is off in this session."""

    lost_request: f8
    lost_answer: f8  # the request was carried out
    refused: f8  # 429, before anybody looked at it
    rejected: f8  # by the venue, for its own reasons
    dropped: f8  # a message of the stream
    doubled: f8
    delayed: f8  # by up to 3 s, and so out of order
    cut: f8  # the account's stream, each half second
    silent: f8  # the market's stream: the socket lives, the book stands still
    stale: f8  # a snapshot of up to 3 s ago
    killed: f8  # the process, at a request
    jumped: f8  # our clock, each half second, by up to 30 s
    partial: f8  # a fill is of a part only
    drops_old: i8  # a refused move cancels the order that was to be moved
    is_stopped: i8  # by a person, somewhere in the middle
    is_holding: i8  # the account holds something to begin with


@record
class Chance:
    """Where the random numbers come from."""

    x: i8


@kernel
def uniform(c: Any) -> float:
    """Return a number in [0, 1)."""
    c.x = after(c.x)
    return c.x / 4294967296.0


@kernel
def hit(c: Any, p: float) -> bool:
    """Return True with probability `p`; what is off draws nothing."""
    return p > 0.0 and uniform(c) < p


@kernel
def _on(c: Any, p: float) -> float:
    return p if uniform(c) < ON else 0.0


@kernel
def begin(f: Any, c: Any, seed: int) -> None:
    """Draw what goes wrong in session `seed`."""
    c.x = (seed * 2654435761 + 88675123) % 4294967291 + 1
    for _ in range(8):  # neighbours begin alike
        c.x = after(c.x)
    f.lost_request = _on(c, 0.05)
    f.lost_answer = _on(c, 0.08)
    f.refused = _on(c, 0.05)
    f.rejected = _on(c, 0.05)
    f.dropped = _on(c, 0.08)
    f.doubled = _on(c, 0.10)
    f.delayed = _on(c, 0.30)
    f.cut = _on(c, 0.03)
    f.silent = _on(c, 0.02)
    f.stale = _on(c, 0.20)
    f.killed = _on(c, 0.01)
    f.jumped = _on(c, 0.02)
    f.partial = _on(c, 0.5)
    f.drops_old = uniform(c) < 0.5
    f.is_stopped = uniform(c) < 0.4
    f.is_holding = uniform(c) < 0.2


@kernel
def calm(f: Any) -> None:
    """Let nothing go wrong any more."""
    f.lost_request = 0.0
    f.lost_answer = 0.0
    f.refused = 0.0
    f.rejected = 0.0
    f.dropped = 0.0
    f.doubled = 0.0
    f.delayed = 0.0
    f.cut = 0.0
    f.silent = 0.0
    f.stale = 0.0
    f.killed = 0.0
    f.jumped = 0.0
