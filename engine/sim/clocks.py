"""Two clocks: whose turn it is, the venue's or ours.

Market data reaches the venue at its venue time and us at its receive time, or later where the feed
is given a delay of its own; a request reaches the venue one delay after it was sent, and its answer
us one delay after the venue acted. At equal times the venue takes requests first and then the
market; we hear the market first, then answers. The venue's turn comes before ours.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.events import LAST, LEVEL
from engine.record import i8, kernel, record
from engine.sim import latency, matching, venue
from engine.sim.venue import MAX_WAITING

NEVER = 2**62
LATE_NS = 5_000_000_000  # what we hear later than this happened this long before we heard of it


@record
class Clocks:
    """How far both have read the market data, and what comes next."""

    read_by_venue: i8  # events, in the order of `arrival_order`
    read_by_maker: i8
    happens_ns: i8  # when the next event reaches the venue, and us
    feeds_ns: i8
    venue_ns: i8  # what the venue does next, and when
    serves: i8
    maker_ns: i8  # what we hear next, and when
    hears_market: i8
    feed_delay_ns: i8  # of the message we are in
    fed_ns: i8  # when we last heard market data
    in_message: i8


def arrival_order(events: NDArray[Any]) -> NDArray[np.int64]:
    """Return the indices of `events`, ordered by recv_ns, in the order the venue saw them happen.

    Books and prints come to us by different ways; by the venue's own clock a print stands before
    the book it changed, which is of the same instant where both are of one block. An event that
    comes very late is put where an array that was read hours ago need not be opened again.
    """
    happened = np.maximum(events["ts_ns"], events["recv_ns"] - LATE_NS)
    return np.lexsort((events["kind"] == LEVEL, happened))


@kernel
def begin(c: Any, events: Any, order: Any) -> None:
    """Find the next events in an array, where this one has not been read from before."""
    _find_happening(c, events, order)
    _find_feed(c, events)


@kernel
def _find_happening(c: Any, events: Any, order: Any) -> None:
    """Find when the next event happens: at the time that `arrival_order` goes by."""
    c.happens_ns = NEVER
    if c.read_by_venue < order.shape[0]:
        e = events[order[c.read_by_venue]]
        c.happens_ns = max(e.ts_ns, e.recv_ns - LATE_NS)


@kernel
def _find_feed(c: Any, events: Any) -> None:
    c.feeds_ns = NEVER
    if c.read_by_maker < events.shape[0]:
        c.feeds_ns = max(events[c.read_by_maker].recv_ns + c.feed_delay_ns, c.fed_ns)


@kernel
def look(c: Any, v: Any) -> None:
    """Find out what the venue and what we are to do next, and when."""
    request = v.asks[v.ask_tail % MAX_WAITING].ts_ns if v.ask_tail < v.ask_head else NEVER
    c.serves = request <= c.happens_ns
    c.venue_ns = min(request, c.happens_ns)
    answer = NEVER
    if v.answer_tail < v.answer_head:
        answer = v.answers[v.answer_tail % MAX_WAITING].recv_ns
    c.hears_market = c.feeds_ns <= answer
    c.maker_ns = min(c.feeds_ns, answer)


@kernel
def let_venue(c: Any, v: Any, events: Any, order: Any) -> None:
    """Take the venue's turn."""
    if c.serves:
        venue.serve(v)
    else:
        matching.hear(v, events[order[c.read_by_venue]])
        c.read_by_venue += 1
        _find_happening(c, events, order)


@kernel
def pass_market(c: Any, v: Any, events: Any) -> None:
    """Count the market event we have just heard, and draw the delay of the next message."""
    e = events[c.read_by_maker]
    c.fed_ns = c.maker_ns
    c.read_by_maker += 1
    c.in_message = e.kind == LEVEL and not e.code & LAST
    if not c.in_message and latency.delays_feed(v.latencies):
        c.feed_delay_ns = latency.draw(v.latencies, latency.FEED, c.maker_ns)
    _find_feed(c, events)
