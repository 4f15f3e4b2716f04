"""One run of an engine on a simulated clock: a synthetic market or a tape, and the paper venue.

`trade` is all there is: it takes the run from its last checkpoint to a number of hours, writing
every row it says to the run's spool. Checkpoints are whole hours. A call that ends within an hour,
or a process that dies there, loses nothing and repeats nothing: the hour is computed again, to the
last bit, and the spool skips the rows it has.

A paper run is three makers on the same market, one under each fill model of the band: the first is
the run that gates judge, the others are runs of their own beside it, so that a report shows how
much of a result is the assumption about queues.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from engine.config import MakerConfig
from engine.core import risk
from engine.core.maker import new_maker
from engine.core.markout import HORIZONS
from engine.core.output import Output, drained
from engine.core.params import NS_PER_S, new_params
from engine.core.risk import ARMED
from engine.events import Event, joined
from engine.policy import load_policy
from engine.record import zeros
from engine.runners.checkpoint import Checkpoint
from engine.runners.feeds import Feed, SimulatedFeed, TapeFeed
from engine.runners.seeding import keep_table, seed_from
from engine.sim.clocks import arrival_order
from engine.sim.market import HOUR_NS
from engine.sim.rules import BAND, FillModel, VenueRules, venue_rules
from engine.sim.session import Session, run
from engine.sim.venue import new_venue
from engine.store.home import Home
from engine.store.spool import Spool

TRADING_FROM_NS = (
    1_767_225_600_000_000_000  # 2026-01-01T00:00Z, the day after viability is measured
)
# by mode, the suffix of each run's name: a simulated "live" order fills as we think orders do
FILL_MODELS: dict[str, dict[str, FillModel]] = {
    "paper": {
        "": BAND["pessimistic"],
        ".realistic": BAND["realistic"],
        ".optimistic": BAND["optimistic"],
    },
    "live": {"": BAND["realistic"]},
}
KILL_REASONS = {
    risk.DAILY_LOSS: "daily loss",
    risk.DRAWDOWN: "intraday drawdown",
    risk.POSITION: "position beyond twice its limit",
    risk.MANUAL: "a person",
    risk.CRASH: "the mid moved more than 15 % in 5 s",
    risk.LIQUIDATION: "the venue has closed the position, or counts another than ours",
    risk.STUCK: "inventory without a quote that reduces it for a minute",
}
SCOPES = {
    risk.TRANSIENT: "it is over",
    risk.DAILY: "a person re-arms, from the next day on",
    risk.PERMANENT: "a person re-arms",
}
MARKOUT_NAMES = ("mk1", "mk5", "mk30", "mk60", "mk300")

Progress = Callable[[float], None]


class RunSpec(BaseModel):
    """What one run trades, and where."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    asset: str
    mode: Literal["paper", "live"]
    fraction: Annotated[FiniteFloat, Field(gt=0, le=1)]
    config: MakerConfig
    scenario: str | None = None
    seed: int = 7
    tape: str | None = None
    sample_s: Annotated[FiniteFloat, Field(ge=1)] = 1.0
    start_ns: int = TRADING_FROM_NS


class RunStatus(NamedTuple):
    """How far a run has come; `ended` where the data is over or the kill switch has tripped."""

    ts_ns: int
    hours: float
    ended: bool
    killed: bool


def trade(
    spec: RunSpec, home: Home, until_hours: float, progress: Progress | None = None
) -> RunStatus:
    """Take a run to `until_hours` after its start; return at once where it is there already.

    Raises
    ------
    SchemaMismatchError
        if the run's checkpoint was written by another layout of the engine.
    SpoolBusyError
        if another process trades this run.
    """
    path = home.state(spec.run)
    point, feed = _resume(spec, home)
    with contextlib.ExitStack() as open_spools:
        voices = [open_voice(spec, home, name, open_spools) for name in FILL_MODELS[spec.mode]]
        for voice in voices:
            voice.say("start", point.start_ns, 0, {"fraction": spec.fraction})
        while not _is_over(point) and point.hours + 1 <= until_hours:
            chunk = _play_hour(voices, point, feed, HOUR_NS)
            _close_hour(voices, point, feed, chunk)
            point.write(path)
            keep_table(_q_table(point), spec.asset, home.table(spec.asset))
            if progress:
                progress(point.hours)
        part = until_hours - point.hours
        if part > 0 and not _is_over(point):
            chunk = _play_hour(voices, point, feed, int(part * HOUR_NS))
            if chunk is not None:
                return _status(point, until_hours)
            _close_hour(voices, point, feed, chunk)
            point.write(path)
    return _status(point, float(point.hours))


@dataclass
class Voice:
    """Where one maker's rows go, and who it is in them."""

    who: dict[str, Any]
    spool: Spool
    outputs: NDArray[Any]

    def say(self, name: str, ts_ns: int, seq: int, body: dict[str, Any]) -> None:
        """Write a durable event of the run itself."""
        row = self.who | {"ts_ns": ts_ns, "name": name, "body": body}
        self.spool.append("event", row, seq=seq, durable=True)

    def drain(self) -> None:
        """Write everything the maker has said to the spool, in the order it was said."""
        out = self.outputs[0]
        rows = [*_fills(out), *_markouts(out), *_samples(out), *_halt(out)]
        for seq, kind, row in sorted(rows, key=lambda r: r[0]):
            self.spool.append(kind, self.who | row, seq=seq, durable=kind == "event")
        drained(out)


def open_voice(spec: RunSpec, home: Home, suffix: str, open_spools: contextlib.ExitStack) -> Voice:
    """Open the spool of one maker of a run, for as long as `open_spools` lasts."""
    run = spec.run + suffix
    spool = open_spools.enter_context(Spool.open(home.spool(run)))
    who = {"run": run, "asset": spec.asset, "mode": spec.mode + suffix.replace(".", "-")}
    return Voice(who, spool, zeros(Output))


def warm() -> None:
    """Load or compile the kernels of a run: about a minute after the engine has changed."""
    nothing, outputs = zeros(Event, 0), zeros(Output)
    run(zeros(Session), nothing, arrival_order(nothing), 0, outputs)
    drained(outputs[0])


def _resume(spec: RunSpec, home: Home) -> tuple[Checkpoint, Feed]:
    point = Checkpoint.read(home.state(spec.run))
    start_ns = point.start_ns if point else spec.start_ns
    feed: Feed
    if spec.tape:
        feed = TapeFeed(Path(spec.tape), start_ns)
    else:
        feed = SimulatedFeed(spec.asset, spec.scenario, spec.seed, start_ns)
    if point is None:
        sessions = np.concatenate([begin(spec, home, m) for m in FILL_MODELS[spec.mode].values()])
        return Checkpoint(feed.start_ns, 0, sessions, feed.dump(), zeros(Event, 0)), feed
    feed.load(point.feed, point.hours)
    return point, feed


def begin(spec: RunSpec, home: Home, fill_model: FillModel) -> NDArray[Any]:
    """Return the session of one maker of a run, with what was learned of its asset before."""
    rules = venue_rules(load_policy(), fill_model=fill_model, seed=spec.seed)
    session = new_session(spec.config, rules, fraction=spec.fraction, sample_s=spec.sample_s)
    table = session[0].maker.beliefs.q_table
    seed_from(table, spec.asset, home.table(spec.asset), home.seed(spec.run))
    return session


def new_session(
    config: MakerConfig, rules: VenueRules, *, fraction: float = 1.0, sample_s: float = 1.0
) -> NDArray[Any]:
    """Return one session that has heard nothing; parameters as in `new_params`, `new_venue`."""
    params = new_params(config, fraction=fraction, sample_s=sample_s)
    sessions = zeros(Session)
    sessions[0].maker = new_maker(params)[0]
    sessions[0].venue = new_venue(params, rules)[0]
    return sessions


def _q_table(point: Checkpoint) -> Any:
    return point.sessions[0].maker.beliefs.q_table


def _is_killed(point: Checkpoint) -> bool:
    return bool(point.sessions[0].maker.kill.reason != ARMED)


def _is_over(point: Checkpoint) -> bool:
    return point.ended or _is_killed(point)


def _play_hour(
    voices: Sequence[Voice], point: Checkpoint, feed: Feed, length_ns: int
) -> NDArray[Any] | None:
    """Play the next hour, or the start of it; return its data, None at the end of a tape."""
    until_ns = point.start_ns + point.hours * HOUR_NS + length_ns
    return play_hour(point, feed, until_ns, [(voice.outputs, voice.drain) for voice in voices])


Listener = tuple[NDArray[Any], Callable[[], None]]  # an output, and what empties it when it is full


def play_hour(
    point: Checkpoint, feed: Feed, until_ns: int, listeners: Sequence[Listener]
) -> NDArray[Any] | None:
    """Play the next hour of `feed` up to `until_ns`; return its data, None at the end of a tape."""
    chunk = feed.chunk(point.hours)
    if chunk is None:
        return None
    return play(point, chunk, min(until_ns, feed.end_ns), listeners)


def play(
    point: Checkpoint, news: NDArray[Any], until_ns: int, listeners: Sequence[Listener]
) -> NDArray[Any]:
    """Play what was not heard yet, and `news`, up to `until_ns`; return both.

    Every session of the checkpoint hears the same data, and has a listener of its own.
    """
    events = joined([point.tail, news])
    order = arrival_order(events)
    for k, (outputs, drain) in enumerate(listeners):
        done = False
        while not done:
            one = point.sessions[k : k + 1]
            done = run(one, events, order, until_ns, outputs)
            drain()
    return events


def carry(point: Checkpoint, events: NDArray[Any]) -> None:
    """Bring `point` to the end of the hour just played: it keeps what is not heard yet."""
    clocks = point.sessions["clocks"]
    heard = int(clocks["read_by_maker"].min())
    point.tail = events[heard:].copy()
    clocks["read_by_venue"] -= heard
    clocks["read_by_maker"] -= heard
    point.hours += 1


def _close_hour(
    voices: Sequence[Voice], point: Checkpoint, feed: Feed, events: NDArray[Any] | None
) -> None:
    """Bring the checkpoint to the end of the hour just played."""
    for voice in voices:
        voice.spool.flush()  # no checkpoint on the disk may be ahead of its rows
    if events is not None:
        carry(point, events)
        point.feed = feed.dump()
        return
    point.ended = True
    for voice, session in zip(voices, point.sessions, strict=True):
        end_ns = max(int(session.maker.now_ns), point.start_ns)
        voice.say("tape_end", end_ns, int(session.maker.said) + 1, {})


def _status(point: Checkpoint, hours: float) -> RunStatus:
    maker = point.sessions[0].maker
    ts_ns = max(int(maker.now_ns), point.start_ns)
    if point.ended:
        hours = (ts_ns - point.start_ns) / HOUR_NS
    return RunStatus(ts_ns, hours, _is_over(point), _is_killed(point))


Row = tuple[int, str, dict[str, Any]]


def _dicts(rows: NDArray[Any]) -> Iterator[dict[str, Any]]:
    names = rows.dtype.names or ()
    return (dict(zip(names, row, strict=True)) for row in rows.tolist())


def _fills(out: Any) -> Iterator[Row]:
    for row in _dicts(out.fills[: out.n_fills]):
        yield row.pop("seq"), "fill", row


def _markouts(out: Any) -> Iterator[Row]:
    for row in _dicts(out.markouts[: out.n_markouts]):
        after = dict(zip(MARKOUT_NAMES, row.pop("markout_bps"), strict=True))
        yield row.pop("seq"), "markout", row | after


def _samples(out: Any) -> Iterator[Row]:
    for row in _dicts(out.samples[: out.n_samples]):
        yield row.pop("seq"), "sample", row


def _halt(out: Any) -> Iterator[Row]:
    if out.halted != ARMED:
        reason = int(out.halted)
        body = {"reason": KILL_REASONS[reason], "until": SCOPES[risk.scope(reason)]}
        yield (
            int(out.halted_seq),
            "event",
            {"ts_ns": int(out.halted_ns), "name": "kill", "body": body},
        )


assert len(MARKOUT_NAMES) == HORIZONS  # noqa: S101 - a name for every horizon
assert HOUR_NS == 3600 * NS_PER_S  # noqa: S101
