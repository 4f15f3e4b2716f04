"""What the venue says of an account by socket, as records. Pure: bytes in, records out.

A frame that cannot be read may have held a fill, so it is never just left out: it becomes `Lost`,
and whoever listens asks the venue what it missed. Fills come twice, from ``userFills`` and from
``userEvents``, and again after a reconnect; each leaves this reader once.

References
----------
Hyperliquid documentation, "Subscriptions", 2026-09-30. Only ``userFills`` and ``userFundings``
begin with a snapshot. What ``userEvents`` asks for comes on the channel ``user``.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from engine.venues.hyperliquid.account_answers import Address, Count, Fill, Funding, OrderNews
from engine.venues.hyperliquid.answers import WIRE, Number

SUBSCRIPTIONS = ("orderUpdates", "userEvents", "userFills", "userFundings")
SEEN = 100_000  # fills remembered; a snapshot is 2,000


class Lost(NamedTuple):
    """Something was said that could not be read: ask for fills, orders and position."""

    why: str


class Subscribed(NamedTuple):
    """From here on the channel is heard."""

    channel: str


class NonUserCancel(BaseModel):
    """The venue cancelled one of our orders itself."""

    model_config = WIRE

    coin: str
    oid: Count


class Liquidated(BaseModel):
    """A liquidation the account was part of."""

    model_config = WIRE

    lid: Count
    liquidator: Address
    liquidated_user: Address
    liquidated_ntl_pos: Number
    liquidated_account_value: Number


Record = OrderNews | Fill | Funding | NonUserCancel | Liquidated | Subscribed | Lost
T = TypeVar("T", Fill, Funding)


class AccountReader:
    """Turns frames about one account into records; remembers what is said twice.

    Attributes
    ----------
    dropped
        counts by reason of what did not become a record.
    """

    def __init__(self, user: str) -> None:
        self.dropped: Counter[str] = Counter()
        self._user = user.lower()
        self._seen: dict[tuple[object, ...], None] = {}

    def read(self, frame: bytes) -> list[Record]:
        """Return the news of one frame, in the venue's order; fills and payments oldest first."""
        try:
            return self._records(_FRAME.validate_json(frame))
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            where = ".".join(map(str, first["loc"])) or "frame"
            self.dropped["frame_refused"] += 1
            return [Lost(f"{where}: {first['msg']}: {frame[:120]!r}")]

    def _records(self, said: "_Frame") -> list[Record]:
        news: list[Record] = []
        match said:
            case _OrderUpdates(data=updates):
                news += updates
            case _UserEvents(data=events):
                news += self._of_events(events)
            case _UserFills(data=told):
                news += self._of_user(told.user, self._new("fill", told.fills))
            case _UserFundings(data=told):
                news += self._of_user(told.user, self._new("funding", told.fundings))
            case _Ack(data=asked):
                news.append(Subscribed(asked.subscription.type))
            case _Refusal(data=why):
                news.append(Lost(why))
            case _Pong():
                pass
        return news

    def _of_events(self, events: "_Events") -> list[Record]:
        news: list[Record] = [*self._new("fill", events.fills), *events.nonUserCancel]
        if events.funding is not None:
            news += self._new("funding", (events.funding,))
        if events.liquidation is not None:
            news.append(events.liquidation)
        return news

    def _of_user(self, user: str, news: Iterable[Record]) -> list[Record]:
        if user.lower() != self._user:
            return [Lost(f"user must be {self._user}, was {user}")]
        return list(news)

    def _new(self, kind: str, told: Iterable[T]) -> list[T]:
        news = []
        for one in sorted(told, key=lambda one: one.time):
            key = (kind, *one.key)
            if key in self._seen:
                self.dropped[f"{kind}_repeated"] += 1
                continue
            self._seen[key] = None
            news.append(one)
        while len(self._seen) > SEEN:
            del self._seen[next(iter(self._seen))]
        return news


class _Fills(BaseModel):
    model_config = WIRE
    user: Address
    fills: tuple[Fill, ...]


class _Fundings(BaseModel):
    model_config = WIRE
    user: Address
    fundings: tuple[Funding, ...]


class _Events(BaseModel):
    model_config = WIRE
    fills: tuple[Fill, ...] = ()
    funding: Funding | None = None
    liquidation: Liquidated | None = None
    nonUserCancel: tuple[NonUserCancel, ...] = ()  # noqa: N815


class _Subscription(BaseModel):
    model_config = WIRE
    type: str


class _Asked(BaseModel):
    model_config = WIRE
    subscription: _Subscription


class _OrderUpdates(BaseModel):
    model_config = WIRE
    channel: Literal["orderUpdates"]
    data: tuple[OrderNews, ...]


class _UserEvents(BaseModel):
    model_config = WIRE
    channel: Literal["user"]
    data: _Events


class _UserFills(BaseModel):
    model_config = WIRE
    channel: Literal["userFills"]
    data: _Fills


class _UserFundings(BaseModel):
    model_config = WIRE
    channel: Literal["userFundings"]
    data: _Fundings


class _Ack(BaseModel):
    model_config = WIRE
    channel: Literal["subscriptionResponse"]
    data: _Asked


class _Refusal(BaseModel):
    model_config = WIRE
    channel: Literal["error"]
    data: str


class _Pong(BaseModel):
    model_config = WIRE
    channel: Literal["pong"]


_Frame = _OrderUpdates | _UserEvents | _UserFills | _UserFundings | _Ack | _Refusal | _Pong
_FRAME: TypeAdapter[_Frame] = TypeAdapter(Annotated[_Frame, Field(discriminator="channel")])
