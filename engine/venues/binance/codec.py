"""Binance's market-data frames, spot and USD-M. Pure: bytes in, messages out, or a `FrameError`.

The two markets share stream names and differ in shape: spot has no ``pu``, no match time on depth,
no time at all on ``bookTicker``, and an ``M`` on prints. Prices and sizes are JSON strings. What is
not finite, not positive or crossed dies here; keys we do not know are ignored.

References
----------
Binance USD-M futures and spot: WebSocket market streams; ``GET /fapi/v1/depth``,
``GET /api/v3/depth``, ``GET …/exchangeInfo``.
"""

import re
from decimal import Decimal
from typing import Annotated, Any, NamedTuple

import orjson
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, StrictBool, ValidationError

from engine.instrument import PX_MAX

USDM, SPOT = "binance-usdm", "binance-spot"
TOUCH, TRADE, AGG_TRADE = "bookTicker", "trade", "aggTrade"
DEPTH, SNAPSHOT, ANSWER = "depthUpdate", "snapshot", "answer"
NS_PER_MS = 1_000_000
_BEST_LEVELS = re.compile(r"@depth\d+(@|$)")
_MAX_MS = 4_000_000_000_000  # the year 2096

Price = Annotated[float, Field(gt=0, le=PX_MAX, allow_inf_nan=False)]
Size = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NewSize = Annotated[float, Field(ge=0, allow_inf_nan=False)]  # 0 removes the level
Id = Annotated[int, Field(strict=True, ge=0, lt=1 << 63)]


class FrameError(ValueError):
    """A frame is not what the venue documents; the message names field, value and what is right."""


class Address(NamedTuple):
    """What a message is about; None where it does not say: a snapshot has no symbol."""

    venue: str | None
    symbol: str | None
    kind: str


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Touch(_Message):
    """Best bid and ask as of update `update_id` of the book."""

    update_id: Id = Field(validation_alias="u")
    bid: Price = Field(validation_alias="b")
    bid_sz: Size = Field(validation_alias="B")
    ask: Price = Field(validation_alias="a")
    ask_sz: Size = Field(validation_alias="A")


class Print(_Message):
    """One trade, or the fills of one aggressor at one price."""

    id: Id = Field(validation_alias=AliasChoices("t", "a"))
    px: Price = Field(validation_alias="p")
    sz: Size = Field(validation_alias="q")
    buyer_is_maker: StrictBool = Field(validation_alias="m")
    origin: str = Field("MARKET", validation_alias="X")  # futures: or the insurance fund, or ADL


class Depth(_Message):
    """New sizes at some prices: updates `first` to `last` of the book."""

    first: Id = Field(validation_alias="U")
    last: Id = Field(validation_alias="u")
    before: Id | None = Field(None, validation_alias="pu")  # `last` of the message before; futures
    bids: tuple[tuple[Price, NewSize], ...] = Field(validation_alias="b")
    asks: tuple[tuple[Price, NewSize], ...] = Field(validation_alias="a")

    @property
    def follows(self) -> int:
        """The update this message goes on from; spot numbers without holes, futures do not."""
        return self.first - 1 if self.before is None else self.before


class Snapshot(_Message):
    """The best levels of a whole book as of update `last`; how many is the asker's choice."""

    last: Id = Field(validation_alias="lastUpdateId")
    bids: tuple[tuple[Price, Size], ...]
    asks: tuple[tuple[Price, Size], ...]


Message = Touch | Print | Depth | Snapshot
_SHAPES: dict[str, type[Message]] = {
    TOUCH: Touch, TRADE: Print, AGG_TRADE: Print, DEPTH: Depth, SNAPSHOT: Snapshot,
}  # fmt: skip


def unwrap(frame: bytes) -> dict[str, Any]:
    """Return the payload of one frame, taken out of a combined stream's wrapper.

    Futures send the best 5, 10 or 20 levels in the very shape of changes; only the stream's name
    tells them apart, so such a payload gets a kind of its own.

    Raises
    ------
    FrameError
        if it is not a JSON object, or wraps something else.
    """
    try:
        message = orjson.loads(frame)
        data = message.get("data", message)
    except (ValueError, AttributeError) as error:
        raise FrameError(f"frame must be a JSON object, was {frame[:80]!r} ({error})") from error
    if not isinstance(data, dict):
        raise FrameError(f"data must be a JSON object, was {str(data)[:80]!r}")
    if data.get("e") == DEPTH and _BEST_LEVELS.search(str(message.get("stream"))):
        return data | {"e": "bestLevels"}
    return data


def address(data: dict[str, Any]) -> Address:
    """Return what a payload is about, by its shape.

    Raises
    ------
    FrameError
        if the shape is none the venue sends.

    Examples
    --------
    >>> address({"u": 1, "s": "BTCUSDT", "b": "1", "B": "1", "a": "2", "A": "1"})
    Address(venue='binance-spot', symbol='BTCUSDT', kind='bookTicker')
    >>> address({"result": None, "id": 1})
    Address(venue=None, symbol=None, kind='answer')
    """
    if "lastUpdateId" in data:
        return Address(USDM if "T" in data else SPOT, None, SNAPSHOT)
    symbol, kind = data.get("s"), data.get("e", TOUCH)
    if isinstance(symbol, str) and isinstance(kind, str) and symbol:
        return Address(_venue(data, kind), symbol, kind)
    if "result" in data or "error" in data:
        return Address(None, None, ANSWER)
    raise FrameError(f"message must name its symbol s, or be an answer; has {sorted(data)[:8]}")


def time_ns(kind: str, data: dict[str, Any]) -> int | None:
    """Return when a payload happened, else when it was sent; None where it says neither.

    Of kinds we do not use, only the latter: on a mark price ``T`` is the next funding.

    Raises
    ------
    FrameError
        if the time is no count of milliseconds since 1970, before the year 2096.
    """
    ms = data.get("T") if kind in _SHAPES else None
    ms = data.get("E") if ms is None else ms
    if ms is None:
        return None
    if type(ms) is not int or not 0 < ms < _MAX_MS:
        raise FrameError(f"time must be ms since 1970, before the year 2096, was {str(ms)[:80]!r}")
    return ms * NS_PER_MS


def parse(kind: str, data: dict[str, Any]) -> Message:
    """Return the message in a payload.

    Raises
    ------
    FrameError
        if a field is missing or cannot be true; no other exception leaves.
    """
    if kind not in _SHAPES:
        raise FrameError(f"kind must be one of {sorted(_SHAPES)}, was {kind[:80]!r}")
    try:
        message = _SHAPES[kind].model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        told = f"{kind}: {field}: {first['msg']}, was {str(first['input'])[:80]!r}"
        raise FrameError(told) from error
    if isinstance(message, Touch) and message.bid > message.ask:
        raise FrameError(f"{kind}: bid must not be over ask, was {message.bid} > {message.ask}")
    return message


def grid(exchange_info: bytes, symbol: str) -> tuple[int, int]:
    """Return the decimals of a symbol's tick and lot, from an answer to ``exchangeInfo``.

    Raises
    ------
    FrameError
        if the answer cannot be read or does not list the symbol.
    """
    try:
        listings = orjson.loads(exchange_info)["symbols"]
        filters = next(entry["filters"] for entry in listings if entry["symbol"] == symbol)
        steps = {rule["filterType"]: rule for rule in filters}
        tick = decimals(steps["PRICE_FILTER"]["tickSize"])
        return tick, decimals(steps["LOT_SIZE"]["stepSize"])
    except StopIteration as error:
        raise FrameError(f"exchangeInfo does not list {symbol!r}") from error
    except (ValueError, TypeError, LookupError, ArithmeticError) as error:
        raise FrameError(f"exchangeInfo must have the filters of {symbol!r} ({error!r})") from error


def decimals(text: str) -> int:
    """Return how many decimals a number needs.

    >>> decimals("61837.63000000"), decimals("0.050"), decimals("10")
    (2, 2, 0)
    """
    exponent = Decimal(text).normalize().as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValueError(f"number must be finite, was {text!r}")
    return max(-exponent, 0)


def _venue(data: dict[str, Any], kind: str) -> str | None:
    """Return the market whose shape this is; None for kinds that both send alike."""
    if kind == TOUCH:
        return USDM if "e" in data else SPOT
    if kind == DEPTH:
        return USDM if "pu" in data else SPOT
    if kind in {TRADE, AGG_TRADE}:
        return SPOT if "M" in data else USDM
    return None
