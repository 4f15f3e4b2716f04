"""A grid of orders on a fixed clock over our paper venue, as `hftbacktest_grid` plays it elsewhere.

The strategy exists twice, in each engine's own idiom, so that two engines can be held against each
other: in `tests/oracle` by what they do, in `vs_hftbacktest` by how long they take for it. Every
100 ms it quotes around the mid as Guéant, Lehalle and Fernandez-Tapia would: half-spread and skew
grow with the volatility of the mid, an EWMA of its moves over one second. It cancels what is not
wished, places what is missing, and has at most one order at a price.
"""

import math
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.actions import CANCEL, PLACE, Action
from engine.core import book
from engine.core.book import ASK, BID, Book
from engine.core.params import Params
from engine.events import ACCEPTED, BUY, FILL, LEVEL, SELL, TRADE, joined
from engine.instrument import Instrument, to_px
from engine.record import f8, i8, kernel, record, zeros
from engine.runners.feeds import SimulatedFeed
from engine.sim import clocks, venue
from engine.sim.clocks import Clocks, arrival_order
from engine.sim.rules import FillModel, Latency, VenueRules
from engine.sim.venue import MAX_WAITING, PaperVenue

SEED = 7
BEGAN_NS = 1_767_225_600_000_000_000  # 2026-01-01
INTERVAL_NS = 100_000_000
STEPS_PER_S = 10
KEEP = 0.99  # of the variance, a second later
SKEW_SHARE = 0.2
# of a request and of its answer: no market data is heard at the very instant a request arrives,
# where two engines may differ on who comes first
LATENCY_MS = 40.000137
MAKER_FEE = 1.5e-4
WINDOW = 4096  # ticks: no two orders of a side are further apart
MAX_LIVE = 256
NONE, ASKED, RESTS, LEAVES = range(4)


class Grid(NamedTuple):
    """What both engines are told; distances in ticks, of which there is one size all day."""

    px_decimals: int
    sz_decimals: int
    sz: float  # coins of one order
    max_position: float  # coins; a side that is there is not quoted
    variance: float  # ticks² a second, before the first second is over
    levels: int = 1
    gamma: float = 0.05  # risk aversion per tick
    kappa: float = 0.3  # decay of fill intensity per tick
    intensity: float = 0.2  # fills a second at the mid
    reach: float = 1e6  # the furthest order from its side's touch

    @property
    def tick(self) -> float:
        """Return the smallest step of a price [USD]."""
        return 10.0**-self.px_decimals

    @property
    def lot(self) -> float:
        """Return the smallest step of a size [coins]."""
        return 10.0**-self.sz_decimals

    @property
    def half_spread(self) -> float:
        """Return the half-spread without volatility: ln(1 + γ/κ) / γ (c1 of hftbacktest)."""
        return math.log(1.0 + self.gamma / self.kappa) / self.gamma

    @property
    def slope(self) -> float:
        """Return √(γ/(2Aκ)·(1 + γ/κ)^(κ/γ + 1)), the half-spread per half sigma (c2)."""
        growth = (1.0 + self.gamma / self.kappa) ** (self.kappa / self.gamma + 1.0)
        return math.sqrt(self.gamma / (2.0 * self.intensity * self.kappa) * growth)


@record
class Mine:
    """What we know of our order at one price; `cloid` tells it from those before it."""

    cloid: i8
    stage: i8  # NONE, ASKED, RESTS or LEAVES
    wished: i8  # the step at which it was last wished


@record
class Quoter:
    """The strategy's memory; `mine` holds bids from 0, asks from `WINDOW`, by tick."""

    instrument: Instrument  # whose units are ticks
    levels: i8
    sz: f8
    max_position: f8
    half_spread: f8
    slope: f8
    reach: f8
    book: Book
    variance: f8
    last_mid: f8
    steps: i8
    orders: i8  # asked for so far
    position: f8
    balance: f8  # USD, before fees
    fills: i8
    mine: Annotated[Mine, 2 * WINDOW]
    live: Annotated[i8, MAX_LIVE]  # slots of `mine` that are not free
    n_live: i8
    action: Action


@record
class Play:
    """The strategy, its paper venue, and their clocks."""

    quoter: Quoter
    venue: PaperVenue
    clocks: Clocks
    next_ns: i8  # when we decide next


def new_play(grid: Grid, model: FillModel, start_ns: int) -> NDArray[Any]:
    """Return an array of one `Play` whose first decision is one interval after `start_ns`."""
    plays = zeros(Play)
    play = plays[0]
    params = zeros(Params)[0]
    params.instrument.units_per_usd = 10.0**grid.px_decimals
    params.instrument.lots_per_coin = 10.0**grid.sz_decimals
    params.maker_fee = MAKER_FEE
    rules = VenueRules(
        fill_model=model, latency=Latency.constant(LATENCY_MS), whole_fills=True, limits=False
    )
    play.venue = venue.new_venue(params, rules)[0]
    play.next_ns = start_ns + INTERVAL_NS
    q = play.quoter
    for name in ("sz", "max_position", "levels", "variance", "half_spread", "slope", "reach"):
        q[name] = getattr(grid, name)
    q.instrument = params.instrument
    q.last_mid = math.nan
    return plays


def market_data(asset: str, hours: int) -> NDArray[Any]:
    """Return levels and trades of the simulated market."""
    feed = SimulatedFeed(asset, None, SEED, BEGAN_NS)
    return only_market([feed.chunk(hour) for hour in range(hours)])


def only_market(chunks: list[NDArray[Any]]) -> NDArray[Any]:
    """Return the levels and trades among events, as one array."""
    events = joined(chunks)
    return events[(events["kind"] == LEVEL) | (events["kind"] == TRADE)]


def play_day(grid: Grid, model: FillModel, events: NDArray[Any], steps: int = 0) -> Any:
    """Play `events`; return the `Play` after them, and position and balance at the first `steps`.

    ``GANGWAY_JIT=0`` is far too slow for a day.
    """
    plays = new_play(grid, model, int(events["ts_ns"][0]))
    path = np.zeros((steps, 2))
    run(plays, events, arrival_order(events), path)
    return plays[0], path[: plays[0].quoter.steps]


@kernel
def run(plays: Any, events: Any, order: Any, path: Any) -> None:
    """Play until the data is over; note position and balance at each step while there is room."""
    p = plays[0]
    c = p.clocks
    clocks.begin(c, events, order)
    while c.read_by_venue < order.shape[0] or c.read_by_maker < events.shape[0]:
        clocks.look(c, p.venue)
        if min(c.venue_ns, c.maker_ns) > p.next_ns:
            if p.quoter.steps < path.shape[0]:
                path[p.quoter.steps, 0] = p.quoter.position
                path[p.quoter.steps, 1] = p.quoter.balance
            _decide(p.quoter, p.venue, p.next_ns)
            p.next_ns += INTERVAL_NS
        elif c.venue_ns <= c.maker_ns:
            clocks.let_venue(c, p.venue, events, order)
        elif c.hears_market:
            _hear_market(p.quoter, events[c.read_by_maker])
            clocks.pass_market(c, p.venue, events)
        else:
            _hear_answer(p.quoter, p.venue.answers[p.venue.answer_tail % MAX_WAITING])
            p.venue.answer_tail += 1


@kernel
def _hear_market(q: Any, e: Any) -> None:
    if e.kind == LEVEL:
        book.apply(q.book, q.instrument, e)


@kernel
def _hear_answer(q: Any, e: Any) -> None:
    if e.kind == FILL:
        q.position += e.side * e.sz
        q.balance -= e.side * e.px * e.sz
        q.fills += 1
    mine = q.mine[e.ref % (2 * WINDOW)]
    if mine.cloid != e.ref:
        return  # too late to cancel: it has been filled
    if e.kind == ACCEPTED:
        mine.stage = RESTS
    else:
        mine.stage = NONE
        mine.cloid = 0


@kernel
def _decide(q: Any, v: Any, now_ns: int) -> None:
    """Place what is missing, cancel what is not wished any more."""
    q.steps += 1
    _forget_gone(q)
    if not book.is_open(q.book):
        return
    bid, ask = q.book.px[BID, 0], q.book.px[ASK, 0]
    mid = 0.5 * (bid + ask)
    if q.steps % STEPS_PER_S == 0:
        _see_move(q, mid)
    sigma = math.sqrt(q.variance)
    half = q.half_spread + 0.5 * q.slope * sigma
    skew = q.slope * sigma * SKEW_SHARE * (q.position / q.sz)
    centre = mid - skew
    step = max(1, math.floor(0.5 * half + 0.5))
    q.action.ts_ns = now_ns
    if q.position < q.max_position:
        _wish(q, v, BUY, min(math.floor(centre - half), bid), bid, step)
    if q.position > -q.max_position:
        _wish(q, v, SELL, max(math.ceil(centre + half), ask), ask, step)
    _cancel_unwished(q, v)


@kernel
def _forget_gone(q: Any) -> None:
    n = 0
    for k in range(q.n_live):
        if q.mine[q.live[k]].stage != NONE:
            q.live[n] = q.live[k]
            n += 1
    q.n_live = n


@kernel
def _see_move(q: Any, mid: float) -> None:
    if not math.isnan(q.last_mid):
        q.variance = KEEP * q.variance + (1.0 - KEEP) * (mid - q.last_mid) ** 2
    q.last_mid = mid


@kernel
def _wish(q: Any, v: Any, side: int, nearest: int, touch: int, step: int) -> None:
    """Wish one side's orders from the nearest outwards, and place those that are not there."""
    for level in range(q.levels):
        px = nearest - side * level * step
        if side * (touch - px) > q.reach:
            return
        slot = book.row(side) * WINDOW + px % WINDOW
        q.mine[slot].wished = q.steps
        if q.mine[slot].stage == NONE:
            _place(q, v, slot, side, px)


@kernel
def _place(q: Any, v: Any, slot: int, side: int, px: int) -> None:
    q.orders += 1
    q.mine[slot].cloid = q.orders * 2 * WINDOW + slot
    q.mine[slot].stage = ASKED
    q.live[q.n_live] = slot
    q.n_live += 1
    q.action.kind = PLACE
    q.action.side = side
    q.action.cloid = q.mine[slot].cloid
    q.action.px = to_px(q.instrument, px)
    q.action.sz = q.sz
    venue.submit(v, q.action)


@kernel
def _cancel_unwished(q: Any, v: Any) -> None:
    q.action.kind = CANCEL
    for k in range(q.n_live):
        mine = q.mine[q.live[k]]
        if mine.stage == RESTS and mine.wished != q.steps:
            mine.stage = LEAVES
            q.action.cloid = mine.cloid
            venue.submit(v, q.action)
