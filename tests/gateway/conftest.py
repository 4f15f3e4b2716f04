from types import SimpleNamespace

import pytest

from engine.actions import CANCEL, CANCEL_ALL, HALT, MODIFY, PLACE, Action
from engine.events import BUY, CLOCK, CONNECTED, CONTEXT, POSITION, Event
from engine.gateway import gateway, words
from engine.gateway.live_orders import FREE
from engine.gateway.pretrade import new_limits
from engine.gateway.state import Gateway
from engine.gateway.words import ACCOUNT, MARKET, Post
from engine.record import zeros

S = 1_000_000_000
T0 = 1_700_000_000 * S
ASKED = {
    PLACE: "place",
    MODIFY: "move",
    CANCEL: "cancel",
    **{
        getattr(words, name): name.lower()
        for name in ("CANCEL_OID", "ASK_STATUS", "ASK_FILLS", "ASK_ORDERS", "ASK_POSITION")
    },
}


class Desk:
    """A gateway, and a venue that says what a test lets it say."""

    def __init__(self, **limits):
        self.states, self.posts = zeros(Gateway), zeros(Post)
        self.g, self.post = self.states[0], self.posts[0]
        given = {"max_position": 10.0, "max_order_usd": 500.0, "sz_decimals": 2}
        self.g.limits = new_limits(**given | limits)
        self.now_ns = T0
        self.sent, self.told = [], []

    def hear(self, kind, ref=0, *, venue_s=None, **fields):
        e = zeros(Event)[0]
        ts_ns = self.now_ns if venue_s is None else T0 + int(venue_s * S)
        e.kind, e.ref, e.recv_ns, e.ts_ns = kind, ref, self.now_ns, ts_ns
        for name, value in fields.items():
            setattr(e, name, value)
        self._begin()
        gateway.pass_time(self.g, e, self.post)
        if not 1 <= kind <= 7:
            gateway.hear(self.g, e, self.post)
        self._end()

    def ask(self, kind, cloid=0, side=BUY, px=100.0, sz=1.0):
        a = zeros(Action)[0]
        a.kind, a.cloid, a.side, a.px, a.sz, a.ts_ns = kind, cloid, side, px, sz, self.now_ns
        a.code = 4 if kind == HALT else 0
        self._begin()
        gateway.ask(self.g, a, self.post)
        self._end()

    def _begin(self):
        self.post.n_requests = self.post.n_told = 0
        self.sent, self.told = [], []

    def _end(self):
        for r in self.post.requests[: self.post.n_requests]:
            names = {n: r[n].item() for n in r.dtype.names}
            self.sent.append(SimpleNamespace(**names | {"kind": ASKED[int(r.kind)]}))
        for e in self.post.told[: self.post.n_told]:
            self.told.append(SimpleNamespace(**{n: e[n].item() for n in e.dtype.names}))

    def asked(self):
        return [r.kind for r in self.sent]

    def heard(self):
        return [e.kind for e in self.told]

    def wait(self, seconds, *, mark=100.0, venue_s=None):
        """Let time pass, with the mark price told or, without one, our clock alone."""
        self.now_ns += int(seconds * S)
        self.hear(CONTEXT if mark else CLOCK, px=mark or 0.0, venue_s=venue_s)

    def live(self):
        return [o for o in self.g.orders.slot if o.state != FREE]

    def begin(self, held=0.0):
        """Connect, find nothing, and begin."""
        self.hear(CONNECTED, code=MARKET)
        self.hear(CONNECTED, code=ACCOUNT)
        self.wait(13)
        self.answer_round(held)

    def answer_round(self, held=0.0):
        """Answer a whole round of questions as if nothing were wrong."""
        for _ in range(4):
            question = next((r for r in self.sent if r.kind.startswith("ask_")), None)
            if question is None:
                return
            if question.kind == "ask_fills":
                self.hear(words.FILLS_TOLD, id=question.id)
            elif question.kind == "ask_orders":
                for o in self.live():
                    self.hear(words.LISTED, int(o.wire))
                self.hear(words.ORDERS_TOLD, id=question.id)
            elif question.kind == "ask_position":
                self.hear(POSITION, id=question.id, sz=held, px=100.0)

    def rest(self, cloid, **order):
        """Place an order and let it rest; return its wire."""
        self.ask(PLACE, cloid, **order)
        wire = self.sent[0].wire
        self.now_ns += S // 10
        self.hear(words.RESTING, wire, id=1000 + wire, sz=order.get("sz", 1.0))
        return wire

    def kill(self):
        self.ask(HALT)
        self.ask(CANCEL_ALL)


@pytest.fixture
def make_desk():
    return Desk


@pytest.fixture
def desk():
    one = Desk()
    one.begin()
    return one
