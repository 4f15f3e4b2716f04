"""What is under way between the process and the venue, in order of arrival."""

from typing import Annotated, Any

from engine.events import Event
from engine.gateway.words import Request
from engine.record import i8, kernel, record

LETTERS = 2_048


@record
class Letter:
    """A request on its way to the venue, or an event on its way to the process `to`."""

    at_ns: i8  # 0 where the letter was delivered
    n: i8  # letters of one time arrive as they were sent
    to: i8  # 0: the venue
    process: i8  # that sent it
    request: Request
    event: Event


@record
class Mail:
    """Letters in no order, in the first `top` places."""

    letter: Annotated[Letter, LETTERS]
    top: i8
    sent: i8
    lost: i8  # there was no room: the session proves nothing


@kernel
def post(m: Any, at_ns: int, to: int, process: int) -> Any:
    """Return a letter to be written."""
    k = 0
    while k < m.top and m.letter[k].at_ns:
        k += 1
    if k == LETTERS - 1:
        m.lost += 1
    m.top = max(m.top, min(k + 1, LETTERS - 1))
    m.sent += 1
    letter = m.letter[k]
    letter.at_ns = at_ns
    letter.n = m.sent
    letter.to = to
    letter.process = process
    return letter


@kernel
def next_letter(m: Any) -> int:
    """Return the letter that arrives first, or -1."""
    while m.top and not m.letter[m.top - 1].at_ns:
        m.top -= 1
    first = -1
    for k in range(m.top):
        a = m.letter[k]
        if a.at_ns and (
            first < 0
            or a.at_ns < m.letter[first].at_ns
            or (a.at_ns == m.letter[first].at_ns and a.n < m.letter[first].n)
        ):
            first = k
    return first


@kernel
def write(e: Any, kind: int, ref: int, ts_ns: int) -> None:
    """Fill in an event that says nothing but its kind."""
    e.kind = kind
    e.side = 0
    e.code = 0
    e.ts_ns = ts_ns
    e.recv_ns = 0
    e.px = 0.0
    e.sz = 0.0
    e.id = 0
    e.ref = ref
    e.extra = 0.0


@kernel
def same(to: Any, e: Any) -> None:
    """Copy an event."""
    write(to, e.kind, e.ref, e.ts_ns)
    to.side = e.side
    to.code = e.code
    to.px = e.px
    to.sz = e.sz
    to.id = e.id
    to.extra = e.extra
