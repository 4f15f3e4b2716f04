"""Actions as they come over the wire, read once: what cannot be read is `MalformedError`.

Keys, types and the four kinds of order are the venue's (docs, "Exchange endpoint", 2026-09).
"""

import re
from dataclasses import dataclass
from typing import Any

from engine.localnet.digits import MalformedError, wire
from engine.localnet.state import Json, Tif

TIFS: tuple[Tif, ...] = ("Alo", "Ioc", "Gtc", "FrontendMarket")
GROUPINGS = ("na", "normalTpsl", "positionTpsl")

_CLOID = re.compile(r"0x[0-9a-fA-F]{32}")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """An order as asked for: price and size in units of 10^-8."""

    asset: int
    is_buy: bool
    px: int
    sz: int
    reduce_only: bool
    tif: Tif
    cloid: str | None = None
    trigger_px: int | None = None
    is_market: bool = False
    tpsl: str = ""


def field(body: Json, name: str, kind: type | tuple[type, ...]) -> Any:
    """Return a field of the wire.

    Raises
    ------
    MalformedError
        if it is missing or of another type.
    """
    value = body.get(name)
    # a JSON boolean is no number, though Python's is
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
        raise MalformedError(f"{name} must be {kind}, was {value!r}")
    return value


def address(body: Json, name: str) -> str:
    """Return an address in lower case."""
    value = field(body, name, str)
    if not _ADDRESS.fullmatch(value):
        raise MalformedError(f"{name} must be an address, was {value!r}")
    return value.lower()


def rows(body: Json, name: str) -> list[Json]:
    """Return a list of objects."""
    found = field(body, name, list)
    if not all(isinstance(row, dict) for row in found):
        raise MalformedError(f"{name} must be a list of objects")
    return found


def order(body: Json) -> Wanted:
    """Return an order of the wire."""
    cloid = body.get("c")
    if cloid is not None:
        cloid = read_cloid(cloid)
    kind = field(body, "t", dict)
    asset, is_buy = field(body, "a", int), field(body, "b", bool)
    px, sz = wire("p", body.get("p")), wire("s", body.get("s"))
    reduce_only = field(body, "r", bool)
    if "limit" in kind:
        tif = field(field(kind, "limit", dict), "tif", str)
        if tif not in TIFS:
            raise MalformedError(f"tif must be one of {TIFS}, was {tif!r}")
        return Wanted(asset, is_buy, px, sz, reduce_only, tif, cloid)
    trigger = field(kind, "trigger", dict)
    tpsl = field(trigger, "tpsl", str)
    if tpsl not in ("tp", "sl"):
        raise MalformedError(f"tpsl must be tp or sl, was {tpsl!r}")
    is_market = field(trigger, "isMarket", bool)
    trigger_px = wire("triggerPx", trigger.get("triggerPx"))
    return Wanted(
        asset,
        is_buy,
        px,
        sz,
        reduce_only,
        "Ioc" if is_market else "Gtc",
        cloid,
        trigger_px,
        is_market,
        tpsl,
    )


def read_cloid(value: Any) -> str:
    """Return a client order id in lower case."""
    if not isinstance(value, str) or not _CLOID.fullmatch(value):
        raise MalformedError(f"cloid must be 0x and 32 hex digits, was {value!r}")
    return value.lower()


def order_key(value: Any) -> int | str:
    """Return an oid, or a cloid."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return read_cloid(value)


def takes(body: Json) -> bool:
    """Return whether an order of the wire may trade on arrival: such actions come last."""
    kind = body.get("t")
    limit = kind.get("limit") if isinstance(kind, dict) else None
    return isinstance(limit, dict) and limit.get("tif") != "Alo"
