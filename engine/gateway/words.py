"""What a gateway asks of the venue, and what it hears that a maker never does.

A maker's order has a `cloid` for as long as it lives; every order that is sent has a number of its
own, `wire`, which with the epoch of the process makes the venue's client order id. An order that is
moved is replaced by one with another `wire`.
"""

from typing import Annotated, Any

from engine.events import Event
from engine.record import f8, i8, kernel, record

# asked, beside PLACE, CANCEL and MODIFY of `engine.actions`
CANCEL_OID = 10  # an order of ours that an earlier process left
ASK_STATUS = 11
ASK_FILLS = 12  # since `since_ns`
ASK_ORDERS = 13
ASK_POSITION = 14

# answers about the order in `ref`, its wire
RESTING = 40  # id = oid, sz = what rests
REFUSED = 41  # certainly not carried out; code = reason
LOST = 42  # no answer, or one that says nothing
CANCEL_DONE = 43
CANCEL_REFUSED = 44  # code = reason
# the venue on one order, asked or unasked; ref = wire
FOUND_OPEN = 45  # id = oid
FOUND_ENDED = 46
NOT_FOUND = 47
# the venue on all of them
LISTED = 50  # an order that rests: id = oid, ref = wire; code = OURS, OLD, NEW or FOREIGN
ORDERS_TOLD = 51  # that were all; id = number of the request
FILLS_TOLD = 52  # as FILL events before, all until ts_ns; id = number of the request
QUESTION_LOST = 53  # id = number of the request
RESTARTED = 54  # the process is another one: whatever was on its way is lost

# codes of LISTED: whose it is
OURS, OLD, NEW, FOREIGN = 0, 1, 2, 3
# codes of DISCONNECTED and CONNECTED: what is
MARKET, ACCOUNT = 0, 1

MAX_REQUESTS = 512
MAX_TOLD = 512


@record
class Request:
    """One thing to send; `id` numbers questions, `nonce` what is signed."""

    kind: i8
    id: i8
    nonce: i8  # ms
    expires_ms: i8
    wire: i8
    replaces: i8  # the wire of the order that MODIFY moves
    cloid: i8  # the maker's
    oid: i8  # of CANCEL_OID
    side: i8
    px: f8
    sz: f8
    since_ns: i8


@record
class Post:
    """What one step sends, and what it tells the maker."""

    requests: Annotated[Request, MAX_REQUESTS]
    n_requests: i8
    told: Annotated[Event, MAX_TOLD]
    n_told: i8


@kernel
def next_request(post: Any, kind: int) -> Any:
    """Return the next free request, of a kind and else empty."""
    r = post.requests[post.n_requests]
    post.n_requests += 1
    r.kind = kind
    r.id = 0
    r.nonce = 0
    r.expires_ms = 0
    r.wire = 0
    r.replaces = 0
    r.cloid = 0
    r.oid = 0
    r.side = 0
    r.px = 0.0
    r.sz = 0.0
    r.since_ns = 0
    return r


@kernel
def tell(post: Any, kind: int, ref: int, ts_ns: int, recv_ns: int) -> Any:
    """Return the next event for the maker, of a kind and else empty."""
    e = post.told[post.n_told]
    post.n_told += 1
    e.kind = kind
    e.side = 0
    e.code = 0
    e.ts_ns = min(ts_ns, recv_ns)
    e.recv_ns = recv_ns
    e.px = 0.0
    e.sz = 0.0
    e.id = 0
    e.ref = ref
    e.extra = 0.0
    return e
