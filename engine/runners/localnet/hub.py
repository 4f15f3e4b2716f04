"""Who hears what: every block's news to those who subscribed, and the periodic channels."""

import asyncio
from typing import Any, Protocol

import orjson

from engine.localnet.exchange import Exchange
from engine.localnet.floor import Block
from engine.localnet.state import Json
from engine.runners.localnet import topics, user_topics
from engine.runners.localnet.chain import Chain
from engine.runners.localnet.faults import Faults
from engine.runners.localnet.settings import Settings

BOOKS = ("l2Book", "bbo")
ON_CHANGE = ("candle", "activeAssetData", "openOrders", "spotState", "twapStates", "fastAssetCtxs")
ACCOUNTS = (
    *("webData2", "webData3", "clearinghouseState", "allDexsClearinghouseState"),
    *("assetCtxs", "spotAssetCtxs", "allDexsAssetCtxs"),
)


class Listener(Protocol):
    """A socket."""

    def tell(self, text: str) -> None:
        """Be told news."""
        ...


class Topic:
    """One subscription, and all who have it."""

    def __init__(self, asked: Json) -> None:
        self.asked = asked
        self.listeners: set[Listener] = set()
        self.last = ""  # what was said last

    @property
    def about(self) -> tuple[str, str]:
        """Kind, and the coin or user that its news are about."""
        return self.asked["type"], self.asked.get("user", self.asked.get("coin", ""))


class Hub:
    """All topics of one exchange."""

    def __init__(self, settings: Settings, faults: Faults) -> None:
        self._settings, self._faults = settings, faults
        self._topics: dict[str, Topic] = {}
        self._about: dict[tuple[str, str], dict[str, Topic]] = {}
        self._first: dict[str, str] = {}

    def join(self, chain: Chain, asked: Json, listener: Listener) -> str:
        """Let a socket hear of a topic; return what it is told first, empty if nothing."""
        key = key_of(asked)
        topic = self._topics.get(key)
        if topic is None:
            topic = self._topics[key] = Topic(asked)
            self._about.setdefault(topic.about, {})[key] = topic
        topic.listeners.add(listener)
        stale = self._first.get(key) if self._faults.strikes("stale_snapshot") else None
        if stale is None:
            found = topics.snapshot(chain.exchange, asked)
            stale = "" if found is None else frame(*found)
            self._first[key] = stale
        if asked["type"] in topics.NOW:
            topic.last = topic.last or stale
        return stale

    def leave(self, asked: Json, listener: Listener) -> None:
        """Let a socket hear of a topic no more."""
        key = key_of(asked)
        topic = self._topics.get(key)
        if topic is None:
            return
        topic.listeners.discard(listener)
        if not topic.listeners:
            del self._topics[key]
            del self._about[topic.about][key]

    def hear(self, block: Block, exchange: Exchange) -> None:
        """Tell what a block brought."""
        for coin, trades in block.trades.items():
            self._tell("trades", coin, trades)
        for coin, touch in block.bbo.items():
            if not self._faults.frozen(coin):
                self._tell("bbo", coin, touch)
        for user, updates in block.order_updates.items():
            self._tell("orderUpdates", user, updates)
            if self._about.get(("userHistoricalOrders", user)):
                told = {"user": user, "orderHistory": user_topics.ended(exchange, user, updates)}
                if told["orderHistory"]:
                    self._tell("userHistoricalOrders", user, told)
        self._hear_of_users(block)

    def _hear_of_users(self, block: Block) -> None:
        for user, fills in block.fills.items():
            self._tell("userEvents", user, {"fills": fills})
            self._tell("userFills", user, {"user": user, "fills": fills})
        for user, events in block.events.items():
            for event in events:
                self._tell("userEvents", user, event)
        for user, rows in block.fundings.items():
            self._tell("userFundings", user, {"user": user, "fundings": rows})
        for user, rows in block.ledger.items():
            told = {"user": user, "nonFundingLedgerUpdates": rows}
            self._tell("userNonFundingLedgerUpdates", user, told)
        for user, words in block.notifications.items():
            for one in words:
                self._tell("notification", user, {"notification": one})

    async def run(self, chain: Chain) -> None:
        """Repeat what is periodic until cancelled."""
        s, every = self._settings, self._repeat
        async with asyncio.TaskGroup() as group:
            group.create_task(every(chain, s.book_ms, ("l2Book",), fast=False))
            group.create_task(every(chain, s.fast_book_ms, ("l2Book",), fast=True))
            group.create_task(every(chain, s.mids_ms, ("allMids",)))
            group.create_task(every(chain, s.context_ms, ("activeAssetCtx",)))
            group.create_task(every(chain, s.context_ms, ON_CHANGE, changed=True))
            group.create_task(every(chain, s.account_ms, ACCOUNTS))

    async def _repeat(
        self,
        chain: Chain,
        ms: float,
        kinds: tuple[str, ...],
        *,
        fast: bool | None = None,
        changed: bool = False,
    ) -> None:
        while True:
            await asyncio.sleep(ms / 1e3)
            if chain.down:
                continue
            for topic in list(self._topics.values()):
                asked = topic.asked
                if asked["type"] in kinds and asked.get("fast") in (None, fast):
                    self._say_again(chain, topic, changed=changed)

    def _say_again(self, chain: Chain, topic: Topic, *, changed: bool) -> None:
        asked = topic.asked
        if asked["type"] in BOOKS and self._faults.frozen(asked["coin"]) and topic.last:
            self._spread(topic, topic.last)
            return
        found = topics.NOW[asked["type"]](chain.exchange, asked)
        text = "" if found is None else frame(*found)
        if text and not (changed and text == topic.last):
            topic.last = text
            self._spread(topic, text)

    def _tell(self, kind: str, about: str, data: Any) -> None:
        found = self._about.get((kind, about))
        if not found:
            return
        text = frame(topics.CHANNELS.get(kind, kind), data)
        for topic in found.values():
            self._spread(topic, text)

    def _spread(self, topic: Topic, text: str) -> None:
        for listener in topic.listeners:
            listener.tell(text)


def frame(channel: str, data: Any) -> str:
    """Return a message of the socket."""
    return orjson.dumps({"channel": channel, "data": data}).decode()


def key_of(asked: Json) -> str:
    """Return a subscription as the venue repeats it in its errors."""
    return orjson.dumps(asked).decode()
