"""What became of a request, order by order, from the venue's answer. Pure: bytes in, outcomes out.

There are three answers, not two: done, refused, and unknown. Whatever does not say clearly that the
venue did or did not do it is unknown, and only the venue can tell later.
"""

from typing import Any, Literal

import msgspec

from engine.venues.hyperliquid.refusals import USED_NONCE, Reason, reason_of
from engine.venues.hyperliquid.wire import (
    CancelByCloid,
    CancelOrders,
    ModifyOrders,
    PlaceOrders,
)

_OK, _BUSY, _SERVER_TROUBLE = 200, 429, 500
_NOT_UNDERSTOOD = (400, 415, 422)


class Done(msgspec.Struct, frozen=True):
    """It was carried out: an order cancelled or replaced, a setting changed."""


class Resting(msgspec.Struct, frozen=True):
    """The order is in the book."""

    oid: int


class Filled(msgspec.Struct, frozen=True):
    """The order was filled at once, wholly or in part; its fills come on the stream.

    Whether the rest of a good-till-cancelled order now rests is not said.
    """

    oid: int
    sz: float
    px: float


class Refused(msgspec.Struct, frozen=True):
    """It was certainly not carried out."""

    reason: Reason
    text: str = ""


class Unknown(msgspec.Struct, frozen=True):
    """It may or may not have been carried out."""

    why: str


Outcome = Done | Resting | Filled | Refused | Unknown


class _Statuses(msgspec.Struct):
    statuses: list[Any]


class _Response(msgspec.Struct):
    type: str
    data: _Statuses | None = None


class _Answer(msgspec.Struct):
    status: Literal["ok", "err"]
    response: str | _Response


class _Placed(msgspec.Struct):
    oid: int
    totalSz: str = ""  # noqa: N815
    avgPx: str = ""  # noqa: N815


_ANSWER = msgspec.json.Decoder(_Answer)


def parts(action: Any) -> int:
    """Return how many outcomes an action has."""
    match action:
        case PlaceOrders(orders=many) | CancelOrders(cancels=many) | CancelByCloid(cancels=many):
            return len(many)
        case ModifyOrders(modifies=many):
            return len(many)
        case _:
            return 1


def read_answer(action: Any, status: int, body: bytes) -> tuple[Outcome, ...]:
    """Return the outcomes of an action, in the order of its parts.

    Parameters
    ----------
    action
        as it was sent.
    status, body
        of the HTTP answer.

    Examples
    --------
    >>> from engine.venues.hyperliquid.wire import Cancel, CancelOrders, Noop
    >>> said = b'{"status":"ok","response":{"type":"cancel","data":{"statuses":["success"]}}}'
    >>> read_answer(CancelOrders([Cancel(3, 77)]), 200, said)
    (Done(),)
    >>> read_answer(Noop(), 502, b"bad gateway")
    (Unknown(why="HTTP 502 'bad gateway'"),)
    """
    n = parts(action)
    if status != _OK:
        return (_of_http(status, body),) * n
    try:
        answer = _ANSWER.decode(body)
    except ValueError as error:
        return (Unknown(f"cannot be read ({error}): {_start(body)}"),) * n
    if isinstance(answer.response, str):
        return (_of_sentence(answer.response, answer.status),) * n
    if answer.status == "err":
        return (Unknown(f"an error without words: {_start(body)}"),) * n
    return _of_response(action, answer.response, body)


def _of_response(action: Any, response: _Response, body: bytes) -> tuple[Outcome, ...]:
    n = parts(action)
    if not isinstance(action, PlaceOrders | CancelOrders | CancelByCloid | ModifyOrders):
        return (Done() if response.type == "default" else Unknown(f"says {_start(body)}"),)
    statuses = response.data.statuses if response.data is not None else []
    if len(statuses) != n:
        return (Unknown(f"{len(statuses)} statuses for {n} parts: {_start(body)}"),) * n
    return tuple(map(_of_status, statuses))


def _of_status(status: Any) -> Outcome:
    match status:
        case "success":
            return Done()
        case {"error": str(text)}:
            return _of_sentence(text, "err")
        case {"resting": dict(placed)} | {"filled": dict(placed)}:
            try:
                return _of_placed(msgspec.convert(placed, _Placed), "filled" in status)
            except ValueError:
                pass
    return Unknown(f"status {str(status)[:120]!r}")


def _of_placed(placed: _Placed, filled: bool) -> Outcome:
    if not filled:
        return Resting(placed.oid)
    sz, px = float(placed.totalSz), float(placed.avgPx)
    if not (0.0 < sz < float("inf") and 0.0 < px < float("inf")):
        raise ValueError(f"filled must have a size and a price, was {placed}")
    return Filled(placed.oid, sz, px)


def _of_sentence(text: str, status: str) -> Outcome:
    if status != "err" or text.casefold().startswith(USED_NONCE):
        # the request, or a copy of it on the way, may have been the one that used it
        return Unknown(text)
    return Refused(reason_of(text), text)


def _of_http(status: int, body: bytes) -> Outcome:
    said = f"HTTP {status} {_start(body)}"
    if status == _BUSY:
        return Refused(Reason.RATE_LIMIT, said)
    return Refused(Reason.MALFORMED, said) if status in _NOT_UNDERSTOOD else Unknown(said)


def _start(body: bytes) -> str:
    return repr(body[:120].decode("utf-8", "replace"))
