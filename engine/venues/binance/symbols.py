"""Confirm at Binance that the perpetual we would follow exists, trades, and is the same thing.

The offline table (`engine.derive.symbols`) names a symbol; coins are renamed and delisted, and
thousands are quoted differently, so a name is a guess until two things agree: ``exchangeInfo`` says
that the perpetual trades, and the ratio of the two prices is the table's factor within 2 %.

References
----------
Binance USD-M futures REST: ``GET /fapi/v1/exchangeInfo``, ``GET /fapi/v1/ticker/bookTicker``.
"""

from typing import Annotated, NamedTuple, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, TypeAdapter, ValidationError

FUTURES_URL = "https://fapi.binance.com"
MAX_RATIO_ERROR = 0.02
PERPETUALS = frozenset({"PERPETUAL"})

T = TypeVar("T")
_WIRE = ConfigDict(frozen=True, extra="ignore")


class Listing(BaseModel):
    """One symbol of ``exchangeInfo``."""

    model_config = _WIRE

    symbol: str
    status: str
    contractType: str = ""  # noqa: N815 - the venue's key


class ExchangeInfo(BaseModel):
    """What we read of ``exchangeInfo``."""

    model_config = _WIRE

    symbols: tuple[Listing, ...]


class Ticker(BaseModel):
    """Best bid and ask of one symbol."""

    model_config = _WIRE

    bidPrice: Annotated[FiniteFloat, Field(gt=0)]  # noqa: N815
    askPrice: Annotated[FiniteFloat, Field(gt=0)]  # noqa: N815


class Confirmation(NamedTuple):
    """The symbol to follow, or None; whether Binance itself said so; and why."""

    symbol: str | None
    confirmed: bool
    note: str


class Unreachable(Exception):  # noqa: N818 - an answer, not an error: the offline table stands
    """Binance did not answer, or answered what we cannot read."""


def confirm(
    symbol: str | None,
    price_factor: float,
    mark_px: float,
    *,
    url: str = FUTURES_URL,
    timeout_s: float = 5,
    transport: httpx.BaseTransport | None = None,
) -> Confirmation:
    """Check an offline answer against Binance; when it cannot be reached, say so and keep it.

    Parameters
    ----------
    symbol
        the offline table's answer; None stays None and asks nobody.
    price_factor
        our price over Binance's [1], as the table has it.
    mark_px
        our mark price [USD].
    url, timeout_s, transport
        the server; replaced in tests.
    """
    if symbol is None:
        return Confirmation(None, False, "no Binance perpetual is known for this asset")
    try:
        with httpx.Client(base_url=url, timeout=timeout_s, transport=transport) as http:
            note = _objection(http, symbol, price_factor, mark_px)
    except Unreachable as problem:
        note = f"{symbol} is from the offline table, not confirmed: {problem}"
        return Confirmation(symbol, False, note)
    if note:
        return Confirmation(None, True, f"{note}; signals from Binance stay off")
    return Confirmation(symbol, True, f"{symbol} is confirmed by Binance")


def _objection(http: httpx.Client, symbol: str, factor: float, mark_px: float) -> str:
    info = _get(http, TypeAdapter(ExchangeInfo), "/fapi/v1/exchangeInfo")
    listing = next((entry for entry in info.symbols if entry.symbol == symbol), None)
    if listing is None:
        return f"Binance does not list {symbol}: the offline table is out of date"
    if listing.contractType not in PERPETUALS or listing.status != "TRADING":
        return f"{symbol} is {listing.contractType or 'no contract'}, {listing.status} at Binance"
    quote = _get(http, TypeAdapter(Ticker), f"/fapi/v1/ticker/bookTicker?symbol={symbol}")
    if quote.bidPrice > quote.askPrice:
        raise Unreachable(f"its book of {symbol} is crossed")
    ratio = mark_px / ((quote.bidPrice + quote.askPrice) / 2)
    if abs(ratio / factor - 1) > MAX_RATIO_ERROR:
        return f"our price is {ratio:.6g} times that of {symbol}, the table says {factor:g}"
    return ""


def _get(http: httpx.Client, shape: TypeAdapter[T], path: str) -> T:
    try:
        response = http.get(path)
        response.raise_for_status()
        return shape.validate_json(response.content)
    except httpx.HTTPStatusError as error:
        raise Unreachable(f"Binance answered HTTP {error.response.status_code}") from error
    except httpx.HTTPError as error:
        raise Unreachable(f"Binance cannot be reached ({type(error).__name__})") from error
    except ValidationError as error:
        raise Unreachable(f"Binance's answer to {path} cannot be read") from error
