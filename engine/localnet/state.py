"""All memory of the exchange: plain data, so that a snapshot is its JSON and a restart is exact.

Prices are integer units and sizes integer lots of their asset, money is integer micro-dollars,
tokens are 10^-8, rates 10^-10, times ms UTC (`digits`). Books are not here: they are the resting
orders in the order of `Order.place` (`book`).
"""

from dataclasses import dataclass, field
from typing import Any, Literal

Tif = Literal["Alo", "Ioc", "Gtc", "FrontendMarket", "LiquidationMarket"]
Json = dict[str, Any]


@dataclass(slots=True)
class Trigger:
    """What a take-profit or stop waits for."""

    px: int
    is_market: bool
    tpsl: Literal["tp", "sl"]
    parent: int | None = None  # waits until that order is filled
    group: int | None = None  # siblings: when one goes, all go
    whole_position: bool = False  # its size is the position's


@dataclass(slots=True)
class Order:
    """An order that lives: in a book where `place` is positive, else waiting for its trigger."""

    oid: int
    user: str
    asset: int
    is_buy: bool
    px: int
    sz: int  # left
    orig_sz: int
    tif: Tif
    reduce_only: bool
    time: int
    cloid: str | None = None
    trigger: Trigger | None = None
    told_sz: int = 0  # at its last change of status: `orderStatus` does not follow partial fills
    place: int = 0  # in the queue of the whole exchange
    builder: str | None = None
    builder_fee: int = 0  # tenths of a bp

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell."""
        return 1 if self.is_buy else -1


@dataclass(slots=True)
class Position:
    """A position; `raw` is its own collateral minus cost where isolated."""

    lots: int
    cost: int  # entry notional of what is held, never negative
    raw: int | None = None
    funding_all: int = 0  # paid, since ever
    funding_open: int = 0
    funding_change: int = 0


@dataclass(slots=True)
class Leverage:
    """A user's setting for one asset."""

    cross: bool
    value: int


@dataclass(slots=True)
class Closed:
    """An order that is over, as its owner is told."""

    order: Order
    status: str
    time: int


@dataclass(slots=True)
class Account:
    """One address."""

    address: str
    house: bool = False  # makes the market: no margin, no fees, no history
    master: str | None = None  # of a sub-account
    name: str | None = None  # of a sub-account
    usd: dict[int, int] = field(default_factory=dict)  # dex -> cross collateral minus cost
    spot: dict[int, int] = field(default_factory=dict)
    positions: dict[int, Position] = field(default_factory=dict)
    leverage: dict[int, Leverage] = field(default_factory=dict)
    funding_all: dict[int, int] = field(default_factory=dict)  # of positions that are gone
    cum_volume: int = 0  # since ever; in growth mode a tenth counts
    daily: dict[int, list[int]] = field(default_factory=dict)  # day -> taken, made
    requests: int = 0
    reserved: int = 0
    last_over: int = 0  # when a request beyond the budget was last let through
    abstraction: str = "default"
    dex_abstraction: bool | None = None
    cancel_at: int | None = None
    cancels_day: int = 0
    cancels_today: int = 0
    builders: dict[str, int] = field(default_factory=dict)  # fee approved, tenths of a bp
    liquidated_at: dict[int, int] = field(default_factory=dict)  # dex or asset -> first slice
    closed: dict[int, Closed] = field(default_factory=dict)
    cloids: dict[str, int] = field(default_factory=dict)  # the latest order of each
    fills: list[Json] = field(default_factory=list)
    fundings: list[Json] = field(default_factory=list)
    ledger: list[Json] = field(default_factory=list)
    history: list[tuple[int, int, int]] = field(default_factory=list)  # time, value, pnl
    deposited: int = 0  # net of withdrawals


@dataclass(slots=True)
class Agent:
    """A key that may trade for somebody."""

    master: str
    name: str | None
    valid_until: int | None


@dataclass(slots=True)
class Averages:
    """Exponential averages as numerator and denominator, and the hour's premium."""

    basis: tuple[float, float] = (0.0, 0.0)  # mid - oracle, 150 s
    local: tuple[float, float] = (0.0, 0.0)  # local price, 30 s
    at: int = 0
    premium: float = 0.0
    samples: int = 0
    sampled_at: int = 0


@dataclass(slots=True)
class Market:
    """What is known of one asset besides its book."""

    mark: int
    oracle: int
    last: int = 0
    listed: bool = True
    funding: int = 125_000  # hourly, 10^-10
    interest: int = 0  # lots held by nobody of ours
    prev_day: int = 0
    hours: list[tuple[int, int, int, int]] = field(default_factory=list)  # hour, px, usd, lots
    trades: list[Json] = field(default_factory=list)
    candles: list[list[int]] = field(default_factory=list)  # minute, o, c, h, l, lots, n
    rates: list[tuple[int, int, int]] = field(default_factory=list)  # time, funding, premium
    averages: Averages = field(default_factory=Averages)
    bbo: list[list[int] | None] = field(default_factory=lambda: [None, None])  # as last told


@dataclass(slots=True)
class State:
    """The whole exchange."""

    time: int
    height: int = 0
    next_oid: int = 1
    next_place: int = 1
    funding_hour: int = 0
    post_only_until: int = 0
    orders: dict[int, Order] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    agents: dict[str, Agent] = field(default_factory=dict)
    markets: dict[int, Market] = field(default_factory=dict)
    nonces: dict[str, list[int]] = field(default_factory=dict)
    fees: dict[int, int] = field(default_factory=dict)  # collected, per token
    funding_pool: dict[int, int] = field(default_factory=dict)  # rounding, per token
    volume: dict[int, int] = field(default_factory=dict)  # day -> exchange volume
