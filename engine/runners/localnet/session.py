"""One websocket of Hyperliquid's protocol, from its opening to its end.

References
----------
Hyperliquid documentation, "WebSocket", and the server's behaviour as measured in 2026: the
acknowledgement comes before the first snapshot, a pong has no data, and a coin that does not exist
closes the socket without a word.
"""

import asyncio
from typing import Any

import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect

from engine.localnet.digits import MalformedError
from engine.localnet.meta_answers import UnanswerableError
from engine.localnet.state import Json
from engine.runners.localnet import topics
from engine.runners.localnet.chain import Chain
from engine.runners.localnet.counter import Counter, Said
from engine.runners.localnet.faults import Faults
from engine.runners.localnet.hub import Hub, key_of
from engine.runners.localnet.lines import Lines
from engine.runners.localnet.outbox import Outbox
from engine.runners.localnet.settings import Settings, Way
from engine.runners.localnet.visitors import Visitors

PONG = '{"channel":"pong"}'
POLICY = 1008
MOST_POSTS = 100  # in flight


class Venue:
    """What every session shares."""

    def __init__(
        self, settings: Settings, way: Way, faults: Faults, chain: Chain, hub: Hub, lines: Lines
    ) -> None:
        self.settings, self.way, self.faults = settings, way, faults
        self.chain, self.hub, self.lines = chain, hub, lines
        self.visitors = Visitors(settings)
        self.counter = Counter(chain, settings, way, faults, self.visitors)


class Session:
    """One socket."""

    def __init__(self, socket: WebSocket, venue: Venue) -> None:
        self._socket, self._venue = socket, venue
        client = socket.client
        self._peer = None if client is None else (client.host, client.port)
        self._ip = "" if client is None else client.host
        self._outbox = Outbox(socket.send_text, self.cut, venue.faults)
        self._asked: dict[str, Json] = {}
        self._posts: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Hold the conversation."""
        visitors = self._venue.visitors
        await self._socket.accept()
        visitors.sockets[self._ip] += 1
        sender = asyncio.create_task(self._outbox.run())
        watch = asyncio.create_task(self._watch())
        try:
            if visitors.too_many_sockets(self._ip):
                most = self._venue.settings.connections
                await self._socket.close(POLICY, f"Cannot open more than {most} connections.")
                return
            await self._listen()
        except WebSocketDisconnect:
            pass
        finally:
            for task in (sender, watch, *self._posts):
                task.cancel()
            await asyncio.gather(sender, watch, *self._posts, return_exceptions=True)
            visitors.sockets[self._ip] -= 1
            for asked in list(self._asked.values()):
                self._drop(asked)

    def tell(self, text: str) -> None:
        """Say news of a block."""
        self._outbox.tell(text, self._venue.way.news_s())

    def cut(self) -> None:
        """Close the socket without a word."""
        self._venue.lines.cut(self._peer)

    async def _listen(self) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            if text is None:
                text = (message.get("bytes") or b"").decode("utf-8", "replace")
            self._hear(text)

    async def _watch(self) -> None:
        """Close a socket on which nothing was said for long; close one that is to be closed."""
        loop = asyncio.get_running_loop()
        idle_s = self._venue.settings.idle_s
        while True:
            await asyncio.sleep(min(1.0, idle_s / 4))
            if self._venue.faults.strikes("close_socket"):
                self.cut()
            if loop.time() - self._outbox.sent_s > idle_s:
                await self._socket.close(1000, "Inactive")

    def _hear(self, text: str) -> None:
        try:
            said = orjson.loads(text)
            method = said["method"]
            if method == "ping":
                self._say(PONG)
            elif method == "subscribe":
                self._subscribe(topics.read(said["subscription"]))
            elif method == "unsubscribe":
                self._unsubscribe(topics.read(said["subscription"]))
            elif method == "post":
                self._post(said["id"], said["request"])
            else:
                raise MalformedError(f"method {method!r} is unknown")
        except (orjson.JSONDecodeError, KeyError, TypeError, MalformedError):
            self._refuse(f"Error parsing JSON into valid websocket request: {text}")

    def _subscribe(self, asked: Json) -> None:
        venue, key = self._venue, key_of(asked)
        if key in self._asked:
            self._refuse(f"Already subscribed: {key}")
            return
        if why := venue.visitors.objection(self._ip, asked.get("user")):
            self._refuse(why)
            return
        try:
            topics.check(venue.chain.exchange, asked)
        except UnanswerableError:
            self.cut()
            return
        self._acknowledge("subscribe", asked)
        self._asked[key] = asked
        venue.visitors.follow(self._ip, asked.get("user"), 1)
        if first := venue.hub.join(venue.chain, asked, self):
            self._outbox.say(first, venue.way.news_s())

    def _unsubscribe(self, asked: Json) -> None:
        key = key_of(asked)
        if key not in self._asked:
            self._refuse(f"Already unsubscribed: {key}")
            return
        self._drop(asked)
        self._acknowledge("unsubscribe", asked)

    def _drop(self, asked: Json) -> None:
        del self._asked[key_of(asked)]
        self._venue.hub.leave(asked, self)
        self._venue.visitors.follow(self._ip, asked.get("user"), -1)

    def _post(self, number: Any, request: Any) -> None:
        if not isinstance(number, int) or request["type"] not in ("info", "action"):
            raise MalformedError("a post has a number and is info or action")
        if len(self._posts) >= MOST_POSTS:
            self._answer(number, "error", "429 Too Many Requests")
            return
        task = asyncio.create_task(self._carry_out(number, request["type"], request["payload"]))
        self._posts.add(task)
        task.add_done_callback(self._posts.discard)

    async def _carry_out(self, number: int, kind: str, payload: Any) -> None:
        counter = self._venue.counter
        ask = counter.info if kind == "info" else counter.act
        said = await ask(payload, self._ip)
        if said is None:
            self.cut()
        elif said.status != 200:
            self._answer(number, "error", _words(said))
        elif kind == "info":
            told = {"type": payload["type"], "data": orjson.Fragment(said.body)}
            self._answer(number, "info", told)
        else:
            self._answer(number, "action", orjson.Fragment(said.body))

    def _answer(self, number: int, kind: str, payload: Any) -> None:
        data = {"id": number, "response": {"type": kind, "payload": payload}}
        self._outbox.say(orjson.dumps({"channel": "post", "data": data}).decode(), 0.0)

    def _acknowledge(self, method: str, asked: Json) -> None:
        data = {"method": method, "subscription": asked}
        self._say(orjson.dumps({"channel": "subscriptionResponse", "data": data}).decode())

    def _refuse(self, words: str) -> None:
        self._say(orjson.dumps({"channel": "error", "data": words}).decode())

    def _say(self, text: str) -> None:
        self._outbox.say(text, 2 * self._venue.way.one_way_s())


def _words(said: Said) -> str:
    return f"{said.status} {said.body.decode()}"
