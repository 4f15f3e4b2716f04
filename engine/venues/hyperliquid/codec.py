"""Hyperliquid's market-data frames as events. Pure: bytes in, records out, or a `CodecError`.

Every price and size is a JSON string, only times, ids and counts are numbers (docs: websocket,
2026-09-30). NaN, infinities, zero or negative prices, crossed books and foreign coins die here. A
locked book (bid = ask) does occur on recordings and passes; whoever reads may count it.
"""

import re
import struct
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise, starmap
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from engine.events import BUY, CONTEXT, LAST, LEVEL, SELL, SNAPSHOT, TRADE, Event
from engine.instrument import PX_MAX, PX_MIN
from engine.record import zeros
from engine.venues.hyperliquid.answers import SIDES
from engine.venues.hyperliquid.level_parser import MAX_LEVELS, MAX_MS, NS_PER_MS, read_levels

SILENT = ("pong", "subscriptionResponse")

# kind, side, code, ts_ns, recv_ns, px, sz, id, ref, extra
_EVENT = struct.Struct("<hhiqqddqqd")
assert _EVENT.size == Event.dtype.itemsize  # noqa: S101 - the layout is Event's

_DECIMAL = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,12})?", re.ASCII)
_HASH = re.compile(r"0x[0-9a-fA-F]{1,64}", re.ASCII)


class CodecError(ValueError):
    """A frame is not what the venue documents; the message names field, value and what is right."""

    def __init__(self, field: str, value: Any, right: str) -> None:
        super().__init__(f"{field} must be {right}, was {str(value)[:80]!r}")
        self.field = field


def decode(frame: bytes, recv_ns: int, coin: str) -> NDArray[Any]:
    """Return the events of one frame about `coin`; none for acknowledgements and pongs.

    An ``l2Book`` becomes a run of LEVEL events with SNAPSHOT on the first and LAST on the last.
    A ``bbo`` becomes a run of at most two levels without SNAPSHOT: it states the touch, it is not a
    delta, and `touch.TouchBook` makes the exact delta of it. ``trades`` share `ref` within a sweep.
    A context carries no venue time and takes ours.

    Parameters
    ----------
    frame
        one text frame of the socket.
    recv_ns
        when it arrived [ns UTC]; a venue time after it is a clock's skew and is lowered to it.
    coin
        the venue's name of the one coin this feed is about.

    Raises
    ------
    CodecError
        if anything in the frame is not what it should be; no other exception leaves.
    """
    if (events := read_levels(frame, recv_ns, coin)) is not None:
        return events
    return _decode(frame, recv_ns, coin)


def _decode(frame: bytes, recv_ns: int, coin: str) -> NDArray[Any]:
    """Do what `decode` does, for every frame, with the words for what is wrong."""
    message = _load(frame)
    channel = _get(message, "channel", str)
    if channel in SILENT:
        return zeros(Event, 0)
    if channel not in _DECODERS:
        _refuse("channel", channel, f"one of {sorted(_DECODERS)} or {SILENT}")
    return _DECODERS[channel](message.get("data"), coin, recv_ns)


def packed(rows: Iterable[tuple[Any, ...]]) -> NDArray[Any]:
    """Return events from tuples of all their fields: to fill in fields takes four times as long.

    >>> packed([(TRADE, BUY, 0, 5, 6, 100.5, 2.0, 0, 3, 0.0)])["px"].tolist()
    [100.5]
    """
    return np.frombuffer(bytearray(b"".join(starmap(_EVENT.pack, rows))), Event.dtype)


def sweep_number(time_ms: Any, side: Any, hash_bits: Any = 0) -> Any:
    """Return a number equal for prints of one sweep: same ms, side and (where known) transaction.

    Works on integers and on arrays of them. The low 20 bits are those of the transaction's hash.

    >>> sweep_number(1, BUY) == sweep_number(1, BUY) != sweep_number(1, SELL)
    True
    """
    return (time_ms << 21) | ((side == BUY) * (1 << 20)) | hash_bits


def _load(frame: bytes) -> dict[str, Any]:
    try:
        message = orjson.loads(frame)
    except ValueError as error:
        raise CodecError("frame", frame[:80], f"JSON ({error})") from error
    if not isinstance(message, dict):
        _refuse("frame", message, "a JSON object")
    return message


def _book(data: Any, coin: str, recv_ns: int) -> NDArray[Any]:
    ts_ns = _header(data, coin)
    sides = _get(data, "levels", list)
    if len(sides) != 2:
        _refuse("levels", sides, "a list of bids and a list of asks")
    bids, asks = (_levels(side, name) for side, name in zip(sides, ("bids", "asks"), strict=True))
    _check_sorted([px for px, _, _ in bids], "bids", falling=True)
    _check_sorted([px for px, _, _ in asks], "asks", falling=False)
    if not bids and not asks:
        _refuse("levels", sides, "not empty on both sides, as they are for a delisted coin")
    return _run(bids, asks, ts_ns, recv_ns, SNAPSHOT)


def _touch(data: Any, coin: str, recv_ns: int) -> NDArray[Any]:
    ts_ns = _header(data, coin)
    pair = _get(data, "bbo", list)
    if len(pair) != 2:
        _refuse("bbo", pair, "a bid and an ask, each a level or null")
    bids, asks = (
        [] if level is None else _levels([level], name)
        for level, name in zip(pair, ("bids", "asks"), strict=True)
    )
    return _run(bids, asks, ts_ns, recv_ns)


def _trades(data: Any, coin: str, recv_ns: int) -> NDArray[Any]:
    if not isinstance(data, list):
        _refuse("data", data, "a list of trades")
    return packed(_trade(trade, coin, recv_ns) for trade in data)


def _trade(trade: Any, coin: str, recv_ns: int) -> tuple[Any, ...]:
    ts_ns = _header(trade, coin)
    name = _get(trade, "side", str)
    if name not in SIDES:
        _refuse("side", name, f"one of {sorted(SIDES)}")
    px, sz, tid = _price(trade, "px"), _positive(trade, "sz"), _count(trade, "tid")
    bits = _hash_bits(trade.get("hash", "0x0"))
    sweep = sweep_number(ts_ns // NS_PER_MS, SIDES[name], bits)
    return TRADE, SIDES[name], 0, min(ts_ns, recv_ns), recv_ns, px, sz, tid, sweep, 0.0


def _context(data: Any, coin: str, recv_ns: int) -> NDArray[Any]:
    _check_coin(data, coin)
    ctx = _get(data, "ctx", dict)
    mark, funding = _price(ctx, "markPx"), _decimal(ctx, "funding")
    open_interest = _decimal(ctx, "openInterest")
    if open_interest < 0.0:
        _refuse("openInterest", open_interest, "zero or positive")
    return packed([(CONTEXT, 0, 0, recv_ns, recv_ns, mark, open_interest, 0, 0, funding)])


_DECODERS: dict[str, Callable[[Any, str, int], NDArray[Any]]] = {
    "l2Book": _book,
    "bbo": _touch,
    "trades": _trades,
    "activeAssetCtx": _context,
}


def _run(
    bids: Sequence[Any], asks: Sequence[Any], ts_ns: int, recv_ns: int, first_code: int = 0
) -> NDArray[Any]:
    if bids and asks and bids[0][0] > asks[0][0]:
        _refuse("levels", f"bid {bids[0][0]} over ask {asks[0][0]}", "an uncrossed book")
    rows = [(BUY, *level) for level in bids] + [(SELL, *level) for level in asks]
    codes = [0] * len(rows)
    if codes:
        codes[0] = first_code
        codes[-1] |= LAST
    then_ns = min(ts_ns, recv_ns)
    return packed(
        (LEVEL, side, code, then_ns, recv_ns, px, sz, 0, n, 0.0)
        for code, (side, px, sz, n) in zip(codes, rows, strict=True)
    )


def _levels(levels: Any, name: str) -> list[tuple[float, float, int]]:
    if not isinstance(levels, list) or len(levels) > MAX_LEVELS:
        _refuse(name, levels, f"a list of at most {MAX_LEVELS} levels")
    return [(_price(x, "px"), _positive(x, "sz"), _count(x, "n")) for x in levels]


def _check_sorted(px: list[float], name: str, *, falling: bool) -> None:
    if not all(a > b if falling else a < b for a, b in pairwise(px)):
        _refuse(name, px, "sorted, best first, each price once")


def _header(data: Any, coin: str) -> int:
    _check_coin(data, coin)
    time_ms = _count(data, "time")
    if not 0 < time_ms < MAX_MS:
        _refuse("time", time_ms, "milliseconds since 1970, before the year 2096")
    return time_ms * NS_PER_MS


def _check_coin(data: Any, coin: str) -> None:
    name = _get(data, "coin", str)
    if name != coin:
        _refuse("coin", name, repr(coin))


def _positive(data: Any, name: str) -> float:
    value = _decimal(data, name)
    if not value > 0.0:
        _refuse(name, value, "positive")
    return value


def _price(data: Any, name: str) -> float:
    value = _positive(data, name)
    if not PX_MIN <= value <= PX_MAX:
        _refuse(name, value, f"a price from {PX_MIN:g} to {PX_MAX:g} USD")
    return value


def _decimal(data: Any, name: str) -> float:
    text = _get(data, name, str)
    if not _DECIMAL.fullmatch(text):
        _refuse(name, text, 'a plain decimal in a string, such as "84358.5"')
    return float(text)


def _count(data: Any, name: str) -> int:
    value = _get(data, name, int)
    if isinstance(value, bool) or not 0 <= value < 1 << 63:
        _refuse(name, value, "a whole number from 0 to 2^63 - 1")
    return value


def _hash_bits(text: Any) -> int:
    if not isinstance(text, str) or not _HASH.fullmatch(text):
        _refuse("hash", text, "0x and hexadecimal digits")
    return int(text, 16) & 0xFFFFF


def _get(data: Any, name: str, kind: type) -> Any:
    if not isinstance(data, dict):
        _refuse(f"parent of {name}", data, "a JSON object")
    value = data.get(name)
    if not isinstance(value, kind):
        _refuse(name, value, f"of type {kind.__name__}")
    return value


def _refuse(field: str, value: Any, right: str) -> Any:
    raise CodecError(field, value, right)
