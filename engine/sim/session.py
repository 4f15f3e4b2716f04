"""Two clocks, one loop: market data, our requests and the venue's answers, in order of time.

Market data reaches the venue at its venue time and us at its receive time; a request reaches the
venue one latency after it was sent, and its answer us one latency later. At equal times the maker
hears market data first, then answers; the venue hears market data first, then requests.
"""

from typing import Any

from engine.core import maker, output
from engine.core.maker import Maker
from engine.events import CLOCK, Event
from engine.record import i8, kernel, record
from engine.sim import venue
from engine.sim.venue import MAX_WAITING, PaperVenue

NEVER = 2**62
CLOCK_NS = 1_000_000_000


@record
class Session:
    """A maker on a paper venue, and how far each of the two has read the market data."""

    maker: Maker
    venue: PaperVenue
    read_by_venue: i8
    read_by_maker: i8
    maker_ns: i8
    clock: Event
    steps: i8


@kernel
def run(sessions: Any, events: Any, n: int, until_ns: int, outputs: Any) -> bool:
    """Play events[:n] up to and including `until_ns`; return whether all of it was played.

    Where the output is full first, drain it and call again; it goes on where it was.
    """
    s = sessions[0]
    out = outputs[0]
    while output.has_room(out):
        market_in = events[s.read_by_venue].ts_ns if s.read_by_venue < n else NEVER
        market_out = events[s.read_by_maker].recv_ns if s.read_by_maker < n else NEVER
        v = s.venue
        ask = v.asks[v.ask_tail % MAX_WAITING].ts_ns if v.ask_tail < v.ask_head else NEVER
        answer = NEVER
        if v.answer_tail < v.answer_head:
            answer = v.answers[v.answer_tail % MAX_WAITING].recv_ns
        tick = s.maker_ns + CLOCK_NS if s.maker_ns > 0 else NEVER
        venues_next = min(market_in, ask)
        makers_next = min(min(market_out, answer), tick)
        if min(venues_next, makers_next) > until_ns:
            return True
        if venues_next <= makers_next:
            _turn_of_venue(s, events, market_in <= ask)
        else:
            s.maker_ns = max(s.maker_ns, makers_next)
            _turn_of_maker(s, events, makers_next, market_out, answer, out)
    return False


@kernel
def _turn_of_venue(s: Any, events: Any, is_market: bool) -> None:
    if is_market:
        venue.hear(s.venue, events[s.read_by_venue])
        s.read_by_venue += 1
    else:
        venue.serve(s.venue)


@kernel
def _turn_of_maker(
    s: Any, events: Any, now_ns: int, market_out: int, answer: int, out: Any
) -> None:
    """Let the maker hear market data, an answer, or else that a second of silence has passed."""
    if market_out == now_ns:
        maker.step(s.maker, events[s.read_by_maker], out)
        s.read_by_maker += 1
    elif answer == now_ns:
        maker.step(s.maker, s.venue.answers[s.venue.answer_tail % MAX_WAITING], out)
        s.venue.answer_tail += 1
    else:
        s.clock.kind = CLOCK
        s.clock.ts_ns = now_ns
        s.clock.recv_ns = now_ns
        maker.step(s.maker, s.clock, out)
    s.steps += 1
    for k in range(out.n_actions):
        venue.submit(s.venue, out.actions[k])
