"""A desk: one maker whose events the test writes by hand."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engine.actions import CANCEL, MODIFY, PLACE
from engine.config import MakerConfig
from engine.core.maker import new_maker, step_at
from engine.core.output import Output
from engine.core.params import new_params
from engine.events import (
    ACCEPTED,
    BUY,
    CANCELED,
    CLOCK,
    FILL,
    LAST,
    LEVEL,
    SELL,
    SNAPSHOT,
    TIMER,
    Event,
)
from engine.record import zeros

S = 1_000_000_000
T0 = 1_767_225_600 * S


def event(kind: int, t_s: float, **fields: Any) -> np.ndarray[Any, Any]:
    """One event at `t_s` seconds, heard at once; an array of one."""
    events = zeros(Event)
    e = events[0]
    e.kind = kind
    e.ts_ns = e.recv_ns = T0 + round(t_s * S)
    for name, value in fields.items():
        setattr(e, name, value)
    return events


class Desk:
    """A maker, what it said last, and a venue that answers when the test says so."""

    def __init__(self, config: MakerConfig, **params: Any) -> None:
        self.state = new_maker(new_params(config, **params))
        self.out = zeros(Output)
        self.actions: list[Any] = []
        self.tid = 0

    @property
    def maker(self) -> Any:
        """The one record."""
        return self.state[0]

    def hear(self, kind: int, t_s: float, **fields: Any) -> list[Any]:
        """Let one event pass; return what the maker asks for."""
        step_at(self.state, event(kind, t_s, **fields), 0, self.out)
        out = self.out[0]
        out.n_journal = 0
        self.actions = list(out.actions[: out.n_actions].copy())
        return self.actions

    def book(
        self, t_s: float, bid: float = 19.99, ask: float = 20.01, sz: float = 5.0
    ) -> list[Any]:
        """Show a book of one level a side."""
        self.hear(LEVEL, t_s, side=BUY, px=bid, sz=sz, code=SNAPSHOT)
        return self.hear(LEVEL, t_s, side=SELL, px=ask, sz=sz, code=LAST)

    def clock(self, t_s: float) -> list[Any]:
        """Let our own clock tick."""
        return self.hear(CLOCK, t_s)

    def alive(self, t_s: float) -> list[Any]:
        """Let the feed say that nothing changed."""
        return self.hear(TIMER, t_s)

    def answer(self, t_s: float, actions: list[Any]) -> None:
        """Grant every request."""
        for a in actions:
            if a.kind in (PLACE, MODIFY):
                self.hear(ACCEPTED, t_s, ref=a.cloid, side=a.side, px=a.px, sz=a.sz)
            elif a.kind == CANCEL:
                self.hear(CANCELED, t_s, ref=a.cloid, side=a.side)

    def fill(self, t_s: float, side: int, px: float, sz: float, **fields: Any) -> list[Any]:
        """Fill us, by default not in any order we know of."""
        self.tid += 1
        about = {"id": self.tid, "extra": 1.5e-4 * px * sz} | fields
        return self.hear(FILL, t_s, side=side, px=px, sz=sz, **about)


@pytest.fixture
def desk(config: MakerConfig) -> Desk:
    """A desk that has seen nothing yet."""
    return Desk(config)


@pytest.fixture
def new_desk(config: MakerConfig) -> Callable[..., Desk]:
    """Open a desk with some of the configuration changed."""
    return lambda **changes: Desk(config.model_copy(update=changes))


@pytest.fixture
def new_event() -> Callable[..., Any]:
    """Write one event."""
    return lambda kind, t_s=0.0, **fields: event(kind, t_s, **fields)[0]
