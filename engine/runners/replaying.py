"""Market data played under one config or many, in memory: no spool, no database, no checkpoint.

Sessions of one market are played together: an hour is read once and every session hears it before
the next is read, so memory does not grow with the hours. `sharing` spreads them over processes.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import compress
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from engine.config import MakerConfig
from engine.core.output import Output
from engine.events import Event
from engine.runners.checkpoint import Checkpoint
from engine.runners.feeds import Feed, SimulatedFeed, TapeFeed
from engine.runners.simulated import (
    KILL_REASONS,
    TRADING_FROM_NS,
    carry,
    new_session,
    play_hour,
)
from engine.runners.tally import Block, Tally, total
from engine.sim.market import HOUR_NS
from engine.sim.rules import VenueRules
from engine.store.tape import tape_info


class Market(BaseModel):
    """The first `hours` of a tape, or of an asset's simulated market."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    asset: str
    hours: Annotated[FiniteFloat, Field(gt=0, le=8_784)]
    tape: str | None = None
    scenario: str | None = None
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 7

    @classmethod
    def of_tape(cls, path: Path, hours: float | None = None) -> "Market":
        """Return a tape's market: all of it, or its first `hours`."""
        info = tape_info(path)
        whole = math.ceil(info.hours * 1e6) / 1e6  # no event is lost to rounding
        asked = whole if hours is None else min(hours, whole)
        return cls(asset=info.asset, hours=asked, tape=str(path.resolve()))

    @property
    def label(self) -> str:
        """What a table calls it."""
        name = Path(self.tape).name if self.tape else self.asset
        return f"{name} ({self.scenario})" if self.scenario else name

    def feed(self) -> Feed:
        """Return its data, from the beginning."""
        if self.tape:
            return TapeFeed(Path(self.tape), 0)
        return SimulatedFeed(self.asset, self.scenario, self.seed, TRADING_FROM_NS)


class ReplaySpec(BaseModel):
    """One session to play; it begins, knowing nothing, `skip_hours` after its market."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    market: Market
    config: MakerConfig
    rules: VenueRules
    skip_hours: Annotated[int, Field(ge=0)] = 0
    sample_s: Annotated[FiniteFloat, Field(ge=1)] = 1.0  # how finely the drawdown is seen

    @model_validator(mode="after")
    def _begin_in_time(self) -> "ReplaySpec":
        if self.skip_hours >= self.market.hours:
            raise ValueError(f"skip_hours must be below the market's {self.market.hours:g} hours")
        return self


class ReplayResult(BaseModel):
    """What one session did, hour by hour and in all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    spec: ReplaySpec
    blocks: tuple[Block, ...]
    total: Block
    max_drawdown_usd: FiniteFloat
    killed: str | None  # why, where the kill switch has tripped: its hour is the last
    events: int
    wall_s: FiniteFloat  # with a share of reading the market

    @property
    def times_real_time(self) -> float:
        """Market seconds played per second."""
        return 3600.0 * self.total.hours / self.wall_s


class Failure(NamedTuple):
    """A session that could not be played, and why."""

    name: str
    error: str


Answer = ReplayResult | Failure


class _Session:
    """One session while it is played, and what is known of it in the end."""

    def __init__(self, spec: ReplaySpec, start_ns: int) -> None:
        self.spec = spec
        self.tally = Tally(
            start_ns + spec.skip_hours * HOUR_NS, math.ceil(spec.market.hours) - spec.skip_hours
        )
        self._blocks: tuple[Block, ...] = ()
        self._killed: str | None = None
        self._events = 0

    def close_hour(self, state: Any, hours: float, events: int) -> bool:
        """Take an hour into account; return whether there will be another."""
        self.tally.close_hour(state, hours)
        self._events += events
        self._killed = KILL_REASONS.get(int(state.maker.kill.reason))
        if self._killed:
            self.end(state)
        return self._killed is None

    def end(self, state: Any) -> None:
        """Read what is known at the end."""
        self._blocks = self.tally.blocks(state)

    def result(self, wall_s: float) -> ReplayResult:
        """Return all of it."""
        return ReplayResult(
            spec=self.spec,
            blocks=self._blocks,
            total=total(self._blocks),
            max_drawdown_usd=self.tally.max_drawdown_usd,
            killed=self._killed,
            events=self._events,
            wall_s=wall_s,
        )


def play_together(specs: Sequence[ReplaySpec], add: Callable[[float], None]) -> list[Answer]:
    """Play specs of one market and one beginning; `add` is told of session hours that are over."""
    began = time.perf_counter()
    try:
        feed = specs[0].market.feed()
        sessions = [_Session(spec, feed.start_ns) for spec in specs]
        for hours in _hours(feed, sessions):
            add(hours * len(specs))
    except (ValueError, OSError) as error:  # there is no such market, or its tape is broken
        return [Failure(spec.name, str(error)) for spec in specs]
    wall_s = (time.perf_counter() - began) / len(specs)
    return [one.result(wall_s) for one in sessions]


def _hours(feed: Feed, sessions: Sequence[_Session]) -> Iterator[float]:
    """Play hour after hour; yield how much of each there was."""
    specs = [one.spec for one in sessions]
    market, skipped = specs[0].market, specs[0].skip_hours
    states = [new_session(spec.config, spec.rules, sample_s=spec.sample_s) for spec in specs]
    no_tail = np.zeros(0, Event.dtype)
    point = Checkpoint(feed.start_ns, 0, np.concatenate(states), b"", no_tail)
    playing, outputs = list(sessions), np.zeros(1, Output.dtype)
    for hour in range(math.ceil(market.hours)):
        length = min(1.0, market.hours - hour)
        if hour < skipped:
            feed.chunk(hour)
            point.hours += 1
        elif playing:
            playing = _play_hour(point, feed, playing, outputs, length)
        yield length
    for one, state in zip(playing, point.sessions, strict=True):
        one.end(state)


def _play_hour(
    point: Checkpoint,
    feed: Feed,
    playing: Sequence[_Session],
    outputs: NDArray[Any],
    length: float,
) -> list[_Session]:
    """Play an hour, or the part of it there is; return the sessions that go on."""
    begin_ns = point.start_ns + point.hours * HOUR_NS
    until_ns = min(begin_ns + math.ceil(length * HOUR_NS), feed.end_ns)
    unheard = len(point.tail)
    # one output serves all: each is played to the end of the hour, and drained, before the next
    listeners = [(outputs, partial(one.tally.hear, outputs[0])) for one in playing]
    events = play_hour(point, feed, until_ns, listeners)
    if events is None:
        return list(playing)
    carry(point, events)
    hours, news = (until_ns - begin_ns) / HOUR_NS, len(events) - unheard
    goes_on = [
        one.close_hour(state, hours, news)
        for one, state in zip(playing, point.sessions, strict=True)
    ]
    point.sessions = point.sessions[goes_on]
    return list(compress(playing, goes_on))
