"""What may be asked of ``POST /exchange``: the venue's actions, their keys in its order.

The order of the fields below is part of the protocol: the signature is over their bytes. A field
that is None is left away. Each class is one request; what it holds is never changed.

References
----------
Hyperliquid documentation, "Exchange endpoint", 2026-09-30; the official Python SDK 0.24.0.
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from engine.venues.hyperliquid.amounts import usd_units, wire_px, wire_sz
from engine.venues.hyperliquid.curve import Signature

Tif = Literal["Alo", "Ioc", "Gtc"]  # post-only, immediate or cancel, good till cancelled


class _Limit(msgspec.Struct, frozen=True):
    tif: Tif


class _Type(msgspec.Struct, frozen=True):
    limit: _Limit


_TYPES: dict[Tif, _Type] = {tif: _Type(_Limit(tif)) for tif in ("Alo", "Ioc", "Gtc")}


class Order(msgspec.Struct, frozen=True, omit_defaults=True):
    """One limit order; `limit_order` makes it."""

    a: int  # asset id
    b: bool  # whether it buys
    p: str
    s: str
    r: bool  # reduce-only
    t: _Type
    c: str | None = None  # cloid


class PlaceOrders(msgspec.Struct, frozen=True, tag_field="type", tag="order"):
    """Place orders. One that is not post-only makes the whole batch wait for the cancels."""

    orders: Sequence[Order]
    grouping: Literal["na"] = "na"


class Cancel(msgspec.Struct, frozen=True):
    """One order by the venue's number."""

    a: int
    o: int


class CancelOrders(msgspec.Struct, frozen=True, tag_field="type", tag="cancel"):
    """Cancel orders by the venue's numbers."""

    cancels: Sequence[Cancel]


class CancelCloid(msgspec.Struct, frozen=True):
    """One order by our own number."""

    asset: int
    cloid: str


class CancelByCloid(msgspec.Struct, frozen=True, tag_field="type", tag="cancelByCloid"):
    """Cancel orders by our own numbers."""

    cancels: Sequence[CancelCloid]


class ModifyOrder(msgspec.Struct, frozen=True, tag_field="type", tag="modify"):
    """Replace one order, named by oid or cloid; the new one has a new oid."""

    oid: int | str
    order: Order


class Modify(msgspec.Struct, frozen=True):
    """One replacement of a batch."""

    oid: int | str
    order: Order


class ModifyOrders(msgspec.Struct, frozen=True, tag_field="type", tag="batchModify"):
    """Replace orders, each named by oid or cloid."""

    modifies: Sequence[Modify]


class ScheduleCancel(
    msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="scheduleCancel"
):
    """Cancel everything at a time [ms since 1970], 5 s ahead at least; None takes it back."""

    time: int | None = None


class UpdateLeverage(msgspec.Struct, frozen=True, tag_field="type", tag="updateLeverage"):
    """Set an asset's leverage and whether it shares margin."""

    asset: int
    isCross: bool  # noqa: N815 - the venue's key
    leverage: int


class UpdateIsolatedMargin(
    msgspec.Struct, frozen=True, tag_field="type", tag="updateIsolatedMargin"
):
    """Move margin to an isolated position, or away from it; `isolated_margin` makes it."""

    asset: int
    isBuy: Literal[True]  # noqa: N815 - without effect while positions have one side
    ntli: int  # millionths of a USD


class Noop(msgspec.Struct, frozen=True, tag_field="type", tag="noop"):
    """Do nothing but use up a nonce: the order on its way with the same one is then refused."""


Action = (
    PlaceOrders
    | CancelOrders
    | CancelByCloid
    | ModifyOrder
    | ModifyOrders
    | ScheduleCancel
    | UpdateLeverage
    | UpdateIsolatedMargin
    | Noop
)


class Request(msgspec.Struct, frozen=True):
    """The body of a request, as the SDK sends it: what is not set is null."""

    action: Any  # one of `Action`, or a mapping where a server reads it
    nonce: int
    signature: Signature
    vaultAddress: str | None = None  # noqa: N815
    expiresAfter: int | None = None  # noqa: N815


def limit_order(
    asset: int,
    side: int,
    px: float,
    sz: float,
    sz_decimals: int,
    *,
    tif: Tif,
    cloid: str | None = None,
    reduce_only: bool = False,
) -> Order:
    """Return an order on the venue's grid.

    Parameters
    ----------
    asset
        id: its place in the main dex's universe, or 100000 + 10000 × dex + place.
    side
        `BUY` or `SELL`.
    px, sz
        price [USD] and size [coins].
    sz_decimals
        of the asset, as ``meta`` says.

    Raises
    ------
    ValueError
        if price or size would have to be rounded.

    Examples
    --------
    >>> encode(PlaceOrders([limit_order(1, 1, 1999.5, 0.01, 4, tif="Alo")]))[:60]
    b'{"type":"order","orders":[{"a":1,"b":true,"p":"1999.5","s":"'
    """
    px_text, sz_text = wire_px(px, sz_decimals), wire_sz(sz, sz_decimals)
    return Order(asset, side > 0, px_text, sz_text, reduce_only, _TYPES[tif], cloid)


def isolated_margin(asset: int, usd: float) -> UpdateIsolatedMargin:
    """Return the move of `usd` [USD] to an isolated position; negative takes it away."""
    return UpdateIsolatedMargin(asset, True, usd_units(usd))


def canonical(action: dict[str, Any]) -> Action:
    """Return an action of the wire in the venue's own form, its keys in order.

    Raises
    ------
    ValueError
        if it is none of `Action`, or a field is missing or of another type.
    """
    return msgspec.convert(action, Action)


def decode(body: bytes) -> Request:
    """Return a request whose action stays the mapping it came as.

    Raises
    ------
    ValueError
        if it is not JSON, or not a request.
    """
    return _DECODER.decode(body)


def encode(value: Any) -> bytes:
    """Return JSON without spaces."""
    return _ENCODER.encode(value)


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Request)
