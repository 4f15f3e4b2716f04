"""Shapes of what Hyperliquid says about one account, the same by request and by socket.

As in `answers`: keys we do not read are ignored, keys we read must have the documented type.

References
----------
Hyperliquid API documentation, "Info endpoint" and "Subscriptions"; shapes as measured in 2026.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter, model_validator

from engine.venues.hyperliquid.answers import SIDES, WIRE, Amount, Number, Price
from engine.venues.hyperliquid.refusals import Reason, reason_of_status

Millis = Annotated[int, Field(gt=0, lt=4_000_000_000_000)]  # before the year 2096
Count = Annotated[int, Field(ge=0, lt=1 << 63)]
Side = Annotated[Literal[1, -1], BeforeValidator(lambda text: SIDES.get(str(text)))]
Abstraction = Literal["default", "disabled", "unifiedAccount", "portfolioMargin"]
Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]

ALIVE = ("open", "triggered")  # an order of these may still fill
ENDED = ("filled", "anceled", "Cancel", "ejected")  # how all others end, and none of these does


class Order(BaseModel):
    """One of our orders, as lists of open orders and news about orders show it.

    `sz` of an order that ended is what was left of it: fills come as fills, never from sizes.
    """

    model_config = WIRE

    coin: str
    side: Side
    limitPx: Price  # noqa: N815 - the venue's key
    sz: Amount
    oid: Count
    timestamp: Millis
    origSz: Amount  # noqa: N815
    cloid: str | None = None
    reduceOnly: bool = False  # noqa: N815
    isTrigger: bool = False  # noqa: N815


class OrderNews(BaseModel):
    """An order, and what became of it."""

    model_config = WIRE

    order: Order
    status: Annotated[str, Field(pattern=r"^[a-zA-Z]+$")]
    statusTimestamp: Millis  # noqa: N815

    @property
    def alive(self) -> bool:
        """Whether the order may still fill."""
        return self.status in ALIVE

    @property
    def refused(self) -> Reason | None:
        """Why it never rested; None where it did."""
        return reason_of_status(self.status) if self.status.endswith("ejected") else None

    @model_validator(mode="after")
    def _known(self) -> "OrderNews":
        if not self.alive and not self.status.endswith(ENDED):  # the venue adds some, so named
            raise ValueError(f"status {self.status!r} is not known: alive or ended?")
        return self


class OrderStatus(BaseModel):
    """Answer of ``orderStatus``; without an order the venue does not know it."""

    model_config = WIRE

    status: Literal["order", "unknownOid"]
    order: OrderNews | None = None

    @model_validator(mode="after")
    def _whole(self) -> "OrderStatus":
        if (self.status == "order") != (self.order is not None):
            raise ValueError(f"status {self.status} must come with an order, and only then")
        return self


class Liquidation(BaseModel):
    """The liquidation a fill was part of; makers who took the other side have it, too."""

    model_config = WIRE

    liquidatedUser: Address | None = None  # noqa: N815


class Fill(BaseModel):
    """One execution; `fee` is in `feeToken`, what a builder takes included, negative a rebate."""

    model_config = WIRE

    coin: str
    px: Price
    sz: Annotated[Number, Field(gt=0)]
    side: Side
    time: Millis
    startPosition: Number  # noqa: N815
    dir: str
    closedPnl: Number  # noqa: N815 - before fees
    oid: Count
    crossed: bool  # whether we took
    fee: Number
    tid: Count
    feeToken: str  # noqa: N815
    cloid: str | None = None
    liquidation: Liquidation | None = None

    @property
    def key(self) -> tuple[int, str, int]:
        """What no other fill has, by the venue's documentation: a tid alone is a hash."""
        return self.time, self.coin, self.tid


class Funding(BaseModel):
    """One payment; `usdc` is what came, negative what went."""

    model_config = WIRE

    time: Millis
    coin: str
    usdc: Number
    szi: Number
    fundingRate: Number  # noqa: N815

    @property
    def key(self) -> tuple[int, str]:
        """What no other payment has."""
        return self.time, self.coin


class Leverage(BaseModel):
    """Of a position; only an isolated one has margin of its own."""

    model_config = WIRE

    type: Literal["cross", "isolated"]
    value: Annotated[int, Field(ge=1)]
    rawUsd: Number | None = None  # noqa: N815


class Position(BaseModel):
    """One position; `szi` is negative when short."""

    model_config = WIRE

    coin: str
    szi: Number
    entryPx: Number | None = None  # noqa: N815
    leverage: Leverage
    positionValue: Amount  # noqa: N815
    unrealizedPnl: Number  # noqa: N815
    liquidationPx: Number | None = None  # noqa: N815
    marginUsed: Amount  # noqa: N815


class AssetPosition(BaseModel):
    """The wrapper of a position."""

    model_config = WIRE

    position: Position


class MarginSummary(BaseModel):
    """Sums over positions [USD]."""

    model_config = WIRE

    accountValue: Number  # noqa: N815
    totalNtlPos: Amount  # noqa: N815
    totalMarginUsed: Amount  # noqa: N815


class ClearinghouseState(BaseModel):
    """An account on one dex; a flat coin is not in it."""

    model_config = WIRE

    marginSummary: MarginSummary  # noqa: N815
    crossMarginSummary: MarginSummary  # noqa: N815
    withdrawable: Amount
    assetPositions: tuple[AssetPosition, ...]  # noqa: N815
    time: Millis

    def position(self, coin: str) -> float:
        """Return the size held of a coin, negative when short [coins]."""
        return sum(p.position.szi for p in self.assetPositions if p.position.coin == coin)


class RateLimit(BaseModel):
    """Answer of ``userRateLimit``: requests of an address, ever."""

    model_config = WIRE

    cumVlm: Amount  # noqa: N815
    nRequestsUsed: Count  # noqa: N815
    nRequestsCap: Count  # noqa: N815


class Agent(BaseModel):
    """A named agent of an account; without `validUntil` it does not expire."""

    model_config = WIRE

    name: str
    address: Address
    validUntil: Millis | None = None  # noqa: N815


class RoleData(BaseModel):
    """Whose agent, or whose sub-account, an address is."""

    model_config = WIRE

    user: Address | None = None
    master: Address | None = None


class Role(BaseModel):
    """Answer of ``userRole``."""

    model_config = WIRE

    role: Literal["missing", "user", "vault", "agent", "subAccount"]
    data: RoleData = RoleData()


OPEN_ORDERS = TypeAdapter(tuple[Order, ...])
ORDER_STATUS = TypeAdapter(OrderStatus)
FILLS = TypeAdapter(tuple[Fill, ...])
CLEARINGHOUSE = TypeAdapter(ClearinghouseState)
RATE_LIMIT = TypeAdapter(RateLimit)
AGENTS = TypeAdapter(tuple[Agent, ...])
ROLE = TypeAdapter(Role)
ABSTRACTION = TypeAdapter(Abstraction)
