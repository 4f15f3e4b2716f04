"""A venue on paper whose market and requests the test writes by hand, or by the thousand."""

import math
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np
import pytest

from engine.actions import CANCEL, PLACE, Action
from engine.core.params import Params
from engine.events import BUY, CONTEXT, FILL, LAST, LEVEL, SELL, SNAPSHOT, TRADE, Event
from engine.instrument import new_instrument
from engine.record import f8, i8, kernel, record, zeros
from engine.sim import matching, venue
from engine.sim.clocks import NEVER
from engine.sim.latency import NEW
from engine.sim.rules import Delay, Latency, VenueRules
from engine.sim.venue import MAX_WAITING, MAX_WORKING

MS = 1_000_000
T0 = 490_000 * 3_600_000 * MS  # a whole hour
BY_REQUEST = -1
NEGATIVE, BEYOND_SHOWN, LONGER = range(3)  # what a queue must never be


@record
class Said:
    """One answer, and the index of the market event that it is due to."""

    answer: Event
    cause: i8


@record
class Queues:
    """What was ahead of every order at the last look, and how often that was absurd."""

    cloid: Annotated[i8, 2 * MAX_WORKING]
    ahead: Annotated[f8, 2 * MAX_WORKING]
    faults: Annotated[i8, 3]


@kernel
def play(venues: Any, events: Any, requests: Any, until_ns: int, said: Any, queues: Any) -> int:
    """Let a venue live through its market and our requests; return how many answers it gave."""
    v = venues[0]
    k, j, n = 0, 0, 0
    while True:
        sent = requests[j].ts_ns if j < requests.shape[0] else NEVER
        arrives = v.asks[v.ask_tail % MAX_WAITING].ts_ns if v.ask_tail < v.ask_head else NEVER
        happens = events[k].ts_ns if k < events.shape[0] else NEVER
        now = min(sent, arrives, happens)
        if now > until_ns or now == NEVER:
            return n
        cause = BY_REQUEST
        if sent == now:
            venue.submit(v, requests[j])
            j += 1
        elif arrives == now:
            venue.serve(v)
        else:
            matching.hear(v, events[k])
            cause = k
            k += 1
        watch(v, queues, cause != BY_REQUEST)
        while v.answer_tail < v.answer_head:
            if n == said.shape[0]:
                raise OverflowError("the test has no room for so many answers")
            said[n].answer = v.answers[v.answer_tail % MAX_WAITING]
            said[n].cause = cause
            v.answer_tail += 1
            n += 1


@kernel
def watch(v: Any, queues: Any, same_orders: bool) -> None:
    """Count queues that are negative, beyond what is shown, or have grown."""
    for r in range(2):
        for k in range(v.n[r]):
            o = v.working[r * MAX_WORKING + k]
            queues[0].faults[NEGATIVE] += o.ahead < 0.0
            queues[0].faults[BEYOND_SHOWN] += o.shown + 1e-9 < o.ahead < math.inf
            for j in range(2 * MAX_WORKING):
                if same_orders and queues[0].cloid[j] == o.cloid:
                    queues[0].faults[LONGER] += o.ahead > queues[0].ahead[j] + 1e-9
    for k in range(2 * MAX_WORKING):
        queues[0].cloid[k] = v.working[k].cloid if k % MAX_WORKING < v.n[k // MAX_WORKING] else 0
        queues[0].ahead[k] = v.working[k].ahead


LATENCY = Latency(
    new=Delay.constant(3.0),
    modify=Delay.constant(2.0),
    cancel=Delay.constant(1.0),
    response=Delay.constant(5.0),
)


class Answer(NamedTuple):
    """One thing the venue said; times in ms."""

    kind: int
    cloid: int
    side: int
    px: float
    sz: float
    code: int
    at_ms: float
    heard_ms: float
    usd: float
    id: int
    cause: int


class Paper:
    """A venue, its market, and what it answered; times are ms."""

    def __init__(
        self,
        fill_model: str = "power",
        *,
        latency: Latency | float = LATENCY,
        sz_decimals: int = 2,
        t0_ns: int = T0,
        limits: bool = False,
        whole_fills: bool = False,
        volume_14d_usd: float = 0.0,
        seed: int = 7,
        **params: float,
    ) -> None:
        p = zeros(Params)[0]
        p.instrument = new_instrument(sz_decimals)
        told = {"capital_usd": 1e6, "max_leverage": 10.0, "maker_fee": 1.5e-4} | params
        for name, value in ({"oi_cap_usd": math.inf, "request_grant": 10_000.0} | told).items():
            setattr(p, name, value)
        rules = VenueRules(
            fill_model=fill_model,  # pyright: ignore[reportArgumentType]
            latency=latency if isinstance(latency, Latency) else Latency.constant(latency),
            limits=limits,
            whole_fills=whole_fills,
            volume_14d_usd=volume_14d_usd,
            seed=seed,
        )
        self.venues = venue.new_venue(p, rules)
        self.queues = zeros(Queues)
        self.t0_ns = t0_ns
        self.told: list[Answer] = []

    @property
    def v(self) -> Any:
        """The one record."""
        return self.venues[0]

    @property
    def account(self) -> Any:
        return self.venues[0].account

    def orders(self) -> list[Any]:
        """What rests: bids, then asks, best first."""
        v = self.v
        return [o for r in range(2) for o in v.working[r * MAX_WORKING :][: v.n[r]]]

    def order(self, cloid: int) -> Any:
        """The one order of that name."""
        (found,) = [o for o in self.orders() if o.cloid == cloid]
        return found

    def ns(self, ms: float) -> int:
        return self.t0_ns + round(ms * MS)

    def event(self, ms: float, kind: int, **fields: Any) -> Any:
        """One market event, heard as it happens; an array of one."""
        events = zeros(Event)
        for name, value in ({"kind": kind, "ts_ns": self.ns(ms)} | fields).items():
            setattr(events[0], name, value)
        events[0].recv_ns = events[0].ts_ns
        return events

    def request(self, ms: float, kind: int, cloid=0, side=BUY, px=0.0, sz=0.0) -> Any:
        """One request sent then; an array of one."""
        requests = zeros(Action)
        told = {"kind": kind, "ts_ns": self.ns(ms), "cloid": cloid, "side": side}
        for name, value in (told | {"px": px, "sz": sz}).items():
            setattr(requests[0], name, value)
        return requests

    def play(
        self, events: Iterable[Any] = (), requests: Iterable[Any] = (), until_ms: float = 1e9
    ) -> list[Answer]:
        """Let time pass, and return what was said meanwhile."""
        heard = np.concatenate([zeros(Event, 0), *events]).view(Event.dtype)
        asked = np.concatenate([zeros(Action, 0), *requests]).view(Action.dtype)
        said = zeros(Said, 1000 + 8 * len(heard) + 200 * len(asked))
        n = play(self.venues, heard, asked, self.ns(until_ms), said, self.queues)
        new = [self._answer(row) for row in said[:n].tolist()]
        self.told += new
        return new

    def _answer(self, row: Any) -> Answer:
        (kind, side, code, ts_ns, recv_ns, px, sz, tid, ref, extra), cause = row
        at, heard = ((ns - self.t0_ns) / MS for ns in (ts_ns, recv_ns))
        return Answer(kind, ref, side, px, sz, code, at, heard, extra, tid, cause)

    def until(self, ms: float) -> list[Answer]:
        """Serve every request that has arrived by then."""
        return self.play(until_ms=ms)

    def ask(self, ms: float, kind: int, cloid=0, side=BUY, px=0.0, sz=0.0) -> list[Answer]:
        """Send one request; nothing but what has arrived by then is served."""
        return self.play((), [self.request(ms, kind, cloid, side, px, sz)], ms)

    def place(self, cloid: int, side: int, px: float, sz: float, ms: float = 0.0) -> list[Answer]:
        """Send a new order and wait until the venue has acted on it."""
        said = self.ask(ms, PLACE, cloid, side, px, sz)
        return said + self.until(ms + self.v.latencies.ns[NEW, -1] / MS)

    def hear(self, ms: float, kind: int, **fields: Any) -> list[Answer]:
        """Let one market event happen, after the requests that arrived by then."""
        return self.play([self.event(ms, kind, **fields)], (), ms)

    def print(self, ms: float, side: int, px: float, sz: float) -> list[Answer]:
        """Let `side` trade at a price."""
        return self.hear(ms, TRADE, side=side, px=px, sz=sz)

    def level(self, ms: float, side: int, px: float, sz: float) -> list[Answer]:
        """Let one level change, and the book be consistent again."""
        return self.hear(ms, LEVEL, side=side, px=px, sz=sz, code=LAST)

    def book(
        self,
        ms: float,
        bids: Sequence[tuple[float, float]] = ((19.99, 5.0),),
        asks: Sequence[tuple[float, float]] = ((20.01, 5.0),),
    ) -> list[Answer]:
        """Show a whole book."""
        return self.play(self.book_events(ms, bids, asks), (), ms)

    def book_events(self, ms: float, bids: Any, asks: Any) -> list[Any]:
        rows = [(BUY, *row) for row in bids] + [(SELL, *row) for row in asks]
        first, last = {0: SNAPSHOT}, {len(rows) - 1: LAST}
        return [
            self.event(ms, LEVEL, side=side, px=px, sz=sz, code=first.get(n, 0) | last.get(n, 0))
            for n, (side, px, sz) in enumerate(rows)
        ]

    def publish(self, ms: float, px: float, funding: float = 0.0, oi: float = 0.0) -> list[Answer]:
        """Let the venue publish mark, hourly funding and open interest."""
        return self.hear(ms, CONTEXT, px=px, extra=funding, sz=oi)

    def filled(self, cloid: int | None = None) -> float:
        """Coins filled so far, of one order or of all."""
        rows = [a for a in self.told if a.kind == FILL and cloid in (None, a.cloid)]
        return round(sum(a.sz for a in rows), 9)


class Tape:
    """A market and a stream of requests, from rows that mean something whatever they hold.

    A row is what happens (``place``, ``cancel``, ``print``, ``level``, ``locked`` for a level that
    may lock or cross the book, ``whole`` for a level shown in a whole book), a side, a price in
    cents outwards from two beyond 20.00, a size in lots, and the time since the row before [ms]. A
    print is of the other side, against the orders and levels of this one.
    """

    def __init__(self, rows: Iterable[tuple[str, int, int, int, int]]) -> None:
        self.rows: list[tuple[Any, ...]] = []  # of `Event`
        self.asked: list[tuple[Any, ...]] = []  # of `Action`
        self.shown = {BUY: dict.fromkeys(range(-1, -5, -1), 300), SELL: {1: 300, 3: 90}}
        self.placed = 0
        self.ns = T0
        self._show_whole()
        for what, side, cents, lots, gap_ms in rows:
            self.ns += gap_ms * MS
            getattr(self, f"_{what}")(side, side * (2 - cents), lots)
        self.events = np.array(self.rows, Event.dtype).view(Event.dtype)
        self.requests = np.array(self.asked, Action.dtype).view(Action.dtype)
        self.sides = {row[4]: row[1] for row in self.asked if row[0] == PLACE}

    @staticmethod
    def px(cents: int) -> float:
        return round(20.0 + cents / 100, 2)

    def _place(self, side: int, cents: int, lots: int) -> None:
        self.placed += 1
        sz = max(lots, 60) / 100
        self.asked.append((PLACE, side, 0, self.ns, self.placed, self.px(cents), sz))

    def _cancel(self, side: int, cents: int, lots: int) -> None:
        self.asked.append((CANCEL, side, 0, self.ns, 1 + lots % (self.placed + 1), 0.0, 0.0))

    def _print(self, side: int, cents: int, lots: int) -> None:
        self._hear(TRADE, -side, cents, lots, 0)

    def _change(self, side: int, cents: int, lots: int, uncross: bool) -> list[tuple[int, ...]]:
        lots *= lots % 5 != 0  # one level in five vanishes
        gone = [q for q in self.shown[-side] if side * (cents - q) >= 0 and lots and uncross]
        rows = [(-side, q, 0) for q in gone] + [(side, cents, lots)]
        for where, q, size in rows:
            self.shown[where][q] = size
            if size == 0:
                del self.shown[where][q]
        return rows

    def _level(self, side: int, cents: int, lots: int, uncross: bool = True) -> None:
        rows = self._change(side, cents, lots, uncross)
        for n, row in enumerate(rows, 1):
            self._hear(LEVEL, *row, LAST if n == len(rows) else 0)

    def _locked(self, side: int, cents: int, lots: int) -> None:
        self._level(side, cents, lots, uncross=False)

    def _whole(self, side: int, cents: int, lots: int) -> None:
        self._change(side, cents, lots, uncross=True)
        self._show_whole()

    def _show_whole(self) -> None:
        rows = [
            (side, q, self.shown[side][q])
            for side in (BUY, SELL)
            for q in sorted(self.shown[side], reverse=side == BUY)
        ]
        for n, row in enumerate(rows):
            first, last = n == 0, n == len(rows) - 1
            self._hear(LEVEL, *row, SNAPSHOT * first | LAST * last)

    def _hear(self, kind: int, side: int, cents: int, lots: int, code: int) -> None:
        px, sz = self.px(cents), lots / 100
        self.rows.append((kind, side, code, self.ns, self.ns, px, sz, 0, 0, 0.0))

    def through(self, fill_model: str, **kwargs: Any) -> Paper:
        """Play all of it on a venue of its own."""
        paper = Paper(fill_model, **kwargs)
        paper.play([self.events], [self.requests])
        return paper


@pytest.fixture(scope="session")
def new_paper() -> type[Paper]:
    """The class: a test opens as many venues as it needs."""
    return Paper


@pytest.fixture(scope="session")
def new_tape() -> type[Tape]:
    """The class: rows drawn at random make a market and our requests."""
    return Tape
