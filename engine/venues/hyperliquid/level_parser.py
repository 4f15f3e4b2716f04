"""Books and touches by a compiled parser: the frames that orders wait for, from bytes to events.

It knows one spelling: no spaces, the documented keys in any order but each once, plain decimals
that a float holds exactly before they are scaled. Whatever it does not know in full it leaves
alone: `codec` reads those, and says what is wrong with a frame that is wrong.
"""

from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from engine.events import BUY, LAST, LEVEL, SELL, SNAPSHOT, Event
from engine.instrument import PX_MAX, PX_MIN
from engine.record import kernel

NS_PER_MS = 1_000_000
MAX_MS = 4_000_000_000_000  # the year 2096; keeps sweep numbers within 63 bits
MAX_LEVELS = 20  # of a side
LEFT = -1  # to `codec`; also a place in a text where nothing more can match

_BOOK, _TOUCH = b'{"channel":"l2Book","data":{', b'{"channel":"bbo","data":{'
_MOST_DIGITS = 18  # within 63 bits
_MOST_WHOLE, _MOST_DECIMALS = 15, 12  # of a decimal, in `codec`
_EXACT = 1 << 53  # up to here a float holds every whole number
# exact, so that a quotient of two exact numbers is rounded once, as float() rounds
_TENS = 10.0 ** np.arange(_MOST_DECIMALS + 1)
_COIN, _TIME, _LEVELS = 1, 2, 4
_PX, _SZ, _N = 1, 2, 4


def read_levels(frame: bytes, recv_ns: int, coin: str) -> NDArray[Any] | None:
    """Return the events of a book or a touch, equal to those of `codec`; None leaves it to that.

    Parameters
    ----------
    frame, recv_ns, coin
        as in `codec.decode`.
    """
    is_book = frame.startswith(_BOOK)
    if not is_book and not frame.startswith(_TOUCH):
        return None
    events = np.empty(2 * MAX_LEVELS if is_book else 2, Event.dtype)
    n = _parse(frame, orjson.dumps(coin), is_book, recv_ns, events)
    return None if n < 0 else events[:n]


@kernel
def _parse(text: Any, coin: Any, is_book: bool, recv_ns: int, events: Any) -> int:
    """Write the events of a frame; return how many, or `LEFT`."""
    at = len(_BOOK) if is_book else len(_TOUCH)
    seen, time_ms, n_bids, n = 0, 0, 0, 0
    for k in range(3):
        at = _past(text, at, b"," if k else b"")
        letter = _byte(text, at + 1)
        if letter == ord("c"):
            at = _past(text, _past(text, at, b'"coin":'), coin)
            seen |= _COIN
        elif letter == ord("t"):
            time_ms, at = _whole(text, _past(text, at, b'"time":'))
            seen |= _TIME
        else:
            at = _past(text, at, b'"levels":[' if is_book else b'"bbo":[')
            n_bids, at = _side(text, at, is_book, BUY, events, 0)
            n, at = _side(text, _past(text, at, b","), is_book, SELL, events, n_bids)
            at = _past(text, at, b"]")
            seen |= _LEVELS
    at = _past(text, at, b"}}")
    if at != len(text) or seen != _COIN | _TIME | _LEVELS or not 0 < time_ms < MAX_MS:
        return LEFT
    if not _is_sorted(events, n_bids, n) or (is_book and n == 0):
        return LEFT
    ts_ns = min(time_ms * NS_PER_MS, recv_ns)
    close_run(events, n, ts_ns, recv_ns, SNAPSHOT if is_book else 0)
    return n


@kernel
def _side(text: Any, at: int, is_book: bool, side: int, events: Any, n: int) -> Any:
    """Write one side's levels behind the first `n`; return how many there are then, and where."""
    if not is_book:
        if _byte(text, at) == ord("n"):
            return n, _past(text, at, b"null")
        return n + 1, _level(text, at, side, events, n)
    at = _past(text, at, b"[")
    first = n
    while at >= 0 and _byte(text, at) != ord("]"):
        if n > first:
            at = _past(text, at, b",")
        if n == first + MAX_LEVELS:
            return n, LEFT
        at = _level(text, at, side, events, n)
        n += 1
    return n, _past(text, at, b"]")


@kernel
def _level(text: Any, at: int, side: int, events: Any, k: int) -> int:
    """Write one level as event `k`; return where the text goes on."""
    event = events[k]
    seen = 0
    at = _past(text, at, b"{")
    for i in range(3):
        at = _past(text, at, b"," if i else b"")
        letter = _byte(text, at + 1)
        if letter == ord("p"):
            event.px, at = _decimal(text, _past(text, at, b'"px":'))
            seen |= _PX
        elif letter == ord("s"):
            event.sz, at = _decimal(text, _past(text, at, b'"sz":'))
            seen |= _SZ
        else:
            event.ref, at = _whole(text, _past(text, at, b'"n":'))
            seen |= _N
    event.side = side
    if seen != _PX | _SZ | _N or not (PX_MIN <= event.px <= PX_MAX and event.sz > 0.0):
        return LEFT
    return _past(text, at, b"}")


@kernel
def _is_sorted(events: Any, n_bids: int, n: int) -> bool:
    """Return whether each side is best first, each price once, and the sides do not cross."""
    for k in range(1, n):
        ahead = events[k - 1].px - events[k].px
        if (k < n_bids and not ahead > 0.0) or (k > n_bids and not ahead < 0.0):
            return False
    return not 0 < n_bids < n or events[0].px <= events[n_bids].px


@kernel
def close_run(events: Any, n: int, ts_ns: int, recv_ns: int, first_code: int) -> None:
    """Make a run of the first `n` events, of which side, price, size and orders are written."""
    for k in range(n):
        event = events[k]
        event.kind = LEVEL
        event.code = 0
        event.ts_ns = ts_ns
        event.recv_ns = recv_ns
        event.id = 0
        event.extra = 0.0
    if n:
        events[0].code |= first_code
        events[n - 1].code |= LAST


@kernel
def _decimal(text: Any, at: int) -> Any:
    """Return the value of a plain decimal between quotes, and where the text goes on."""
    units, n, at = _digits(text, _past(text, at, b'"'), 0, _MOST_WHOLE)
    decimals = 0
    if n > 0 and _byte(text, at) == ord("."):
        units, decimals, at = _digits(text, at + 1, units, min(_MOST_DECIMALS, _MOST_DIGITS - n))
        n = decimals
    if n == 0 or units > _EXACT:
        return 0.0, LEFT
    return units / _TENS[decimals], _past(text, at, b'"')


@kernel
def _whole(text: Any, at: int) -> Any:
    """Return a whole number as JSON writes it, and where the text goes on."""
    value, n, end = _digits(text, at, 0, _MOST_DIGITS)
    if n == 0 or (n > 1 and _byte(text, at) == ord("0")):
        return 0, LEFT
    return value, end


@kernel
def _digits(text: Any, at: int, value: int, most: int) -> Any:
    """Return `value` with up to `most` digits behind it, how many there were, and their end."""
    n = 0
    while n < most and ord("0") <= _byte(text, at) <= ord("9"):
        value = 10 * value + _byte(text, at) - ord("0")
        n += 1
        at += 1
    return value, n, at


@kernel
def _byte(text: Any, at: int) -> int:
    """Return a byte of the text, 0 where there is none."""
    return int(text[at]) if 0 <= at < len(text) else 0


@kernel
def _past(text: Any, at: int, words: Any) -> int:
    """Return where `words` end if they stand at `at`, else `LEFT`."""
    if at < 0 or at + len(words) > len(text):
        return LEFT
    for k in range(len(words)):
        if text[at + k] != words[k]:
            return LEFT
    return at + len(words)
