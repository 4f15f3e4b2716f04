"""A maker on a paper venue: market data, our requests and the venue's answers, in order of time."""

from typing import Any

from engine.core import maker, output
from engine.core.maker import Maker
from engine.events import CLOCK, Event
from engine.record import i8, kernel, record
from engine.sim import clocks, latency, venue
from engine.sim.clocks import NEVER, Clocks
from engine.sim.venue import MAX_WAITING, PaperVenue

CLOCK_NS = 1_000_000_000


@record
class Session:
    """A maker, its paper venue, and their clocks."""

    maker: Maker
    venue: PaperVenue
    clocks: Clocks
    now_ns: i8  # when the maker last heard anything
    heard: Event  # of our own clock, or of a feed that is later than it says
    steps: i8


@kernel
def run(sessions: Any, events: Any, order: Any, until_ns: int, outputs: Any) -> bool:
    """Play `events` up to and including `until_ns`; return whether all of it was played.

    `order` is their `arrival_order`. Where the output is full first, drain it and call again; it
    goes on where it was.
    """
    s = sessions[0]
    c = s.clocks
    out = outputs[0]
    clocks.begin(c, events, order)
    while output.has_room(out):
        clocks.look(c, s.venue)
        tick = s.now_ns + CLOCK_NS if s.now_ns > 0 else NEVER
        mine = min(c.maker_ns, tick)
        if min(c.venue_ns, mine) > until_ns:
            return True
        if c.venue_ns <= mine:
            clocks.let_venue(c, s.venue, events, order)
        else:
            s.now_ns = max(s.now_ns, mine)
            _let_maker(s, events, mine, out)
    return False


@kernel
def _let_maker(s: Any, events: Any, now_ns: int, out: Any) -> None:
    """Let the maker hear market data, an answer, or else that a second of silence has passed."""
    c = s.clocks
    if c.maker_ns > now_ns:
        s.heard.kind = CLOCK
        s.heard.ts_ns = now_ns
        s.heard.recv_ns = now_ns
        maker.step(s.maker, s.heard, out)
    elif c.hears_market:
        if latency.delays_feed(s.venue.latencies):
            _copy_late(s.heard, events[c.read_by_maker], now_ns)
            maker.step(s.maker, s.heard, out)
        else:
            maker.step(s.maker, events[c.read_by_maker], out)
        clocks.pass_market(c, s.venue, events)
    else:
        maker.step(s.maker, s.venue.answers[s.venue.answer_tail % MAX_WAITING], out)
        s.venue.answer_tail += 1
    s.steps += 1
    for k in range(out.n_actions):
        venue.submit(s.venue, out.actions[k])


@kernel
def _copy_late(to: Any, e: Any, now_ns: int) -> None:
    to.kind = e.kind
    to.side = e.side
    to.code = e.code
    to.ts_ns = e.ts_ns
    to.recv_ns = now_ns
    to.px = e.px
    to.sz = e.sz
    to.id = e.id
    to.ref = e.ref
    to.extra = e.extra
