"""Binance's doors: its streams on two routes, and the REST answers that go with them."""

import asyncio
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from engine.runners.localnet.binance import MARKET, PUBLIC, ROUTES, Symbol
from engine.runners.localnet.chain import wall_ms
from engine.runners.localnet.market import Ahead
from engine.runners.localnet.outbox import Outbox
from engine.runners.localnet.session import Venue

UNKNOWN = {"code": -1121, "msg": "Invalid symbol."}


class Leading:
    """The leading venue: its symbols, and whoever listens to them."""

    def __init__(self, venue: Venue, symbols: list[str]) -> None:
        self.venue = venue
        self.symbols = {name: Symbol(name) for name in symbols}
        self._listeners: dict[str, set[Ear]] = {}

    def hear(self, ahead: dict[str, list[Ahead]]) -> None:
        """Tell what the leading venue did."""
        now_ms = wall_ms()
        for name, news in ahead.items():
            for kind, data in self.symbols[name].hear(news, now_ms):
                stream = f"{name.lower()}@{kind}"
                ears = self._listeners.get(stream, ())
                if ears:
                    plain = orjson.dumps(data)
                    for ear in ears:
                        ear.tell(stream, plain)

    def join(self, stream: str, ear: "Ear") -> None:
        """Let a socket hear a stream."""
        self._listeners.setdefault(stream, set()).add(ear)

    def leave(self, ear: "Ear") -> None:
        """Let a socket hear nothing more."""
        for ears in self._listeners.values():
            ears.discard(ear)

    def routes(self) -> list[BaseRoute]:
        """Return where Binance is answered."""
        found: list[BaseRoute] = []
        for prefix, route in (("/public", PUBLIC), ("/market", MARKET), ("", PUBLIC)):
            found += [
                WebSocketRoute(f"{prefix}/stream", self._socket(route, combined=True)),
                WebSocketRoute(f"{prefix}/ws/{{stream}}", self._socket(route, combined=False)),
            ]
            if prefix:  # without one it is Hyperliquid's
                found.append(WebSocketRoute(f"{prefix}/ws", self._socket(route, combined=False)))
        return [
            *found,
            Route("/fapi/v1/exchangeInfo", self._exchange_info),
            Route("/fapi/v1/ticker/bookTicker", self._ticker),
            Route("/fapi/v1/depth", self._depth),
            Route("/fapi/v1/time", self._time),
        ]

    def _socket(self, route: str, *, combined: bool) -> Any:
        async def talk(socket: WebSocket) -> None:
            await Ear(socket, self, route, combined=combined).run()

        return talk

    async def _exchange_info(self, _: Request) -> Response:
        listed = [one.listing() for one in self.symbols.values() if one.mid]
        return _json({"timezone": "UTC", "serverTime": wall_ms(), "symbols": listed})

    async def _ticker(self, request: Request) -> Response:
        one = self.symbols.get(request.query_params.get("symbol", ""))
        return _json(one.ticker(wall_ms())) if one and one.mid else _json(UNKNOWN, 400)

    async def _depth(self, request: Request) -> Response:
        one = self.symbols.get(request.query_params.get("symbol", ""))
        return _json(one.snapshot(wall_ms())) if one and one.mid else _json(UNKNOWN, 400)

    async def _time(self, _: Request) -> Response:
        return _json({"serverTime": wall_ms()})


class Ear:
    """One socket of Binance's."""

    def __init__(self, socket: WebSocket, leading: Leading, route: str, *, combined: bool) -> None:
        self._socket, self._leading = socket, leading
        self._route, self._combined = route, combined
        venue, client = leading.venue, socket.client
        peer = None if client is None else (client.host, client.port)
        self._outbox = Outbox(socket.send_text, lambda: venue.lines.cut(peer), venue.faults)
        self._streams: set[str] = set()

    async def run(self) -> None:
        """Hold the conversation."""
        await self._socket.accept()
        sender = asyncio.create_task(self._outbox.run())
        try:
            named = self._socket.path_params.get("stream")
            asked = self._socket.query_params.get("streams", "").split("/")
            self._subscribe([named] if named else [one for one in asked if one])
            while True:
                self._hear(await self._socket.receive_text())
        except WebSocketDisconnect:
            pass
        finally:
            self._leading.leave(self)
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)

    def tell(self, stream: str, data: bytes) -> None:
        """Say news of a stream."""
        if stream in self._streams:
            text = (
                b'{"stream":"%s","data":%s}' % (stream.encode(), data) if self._combined else data
            )
            self._outbox.tell(text.decode(), self._leading.venue.way.one_way_s())

    def _hear(self, text: str) -> None:
        try:
            said = orjson.loads(text)
            method, streams, number = said["method"], said.get("params", []), said.get("id")
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            self._say({"error": {"code": 3, "msg": "Invalid JSON"}})
            return
        if method == "SUBSCRIBE":
            self._subscribe(streams)
        elif method == "UNSUBSCRIBE":
            self._streams -= set(streams)
        answer = sorted(self._streams) if method == "LIST_SUBSCRIPTIONS" else None
        self._say({"result": answer, "id": number})

    def _subscribe(self, streams: list[str]) -> None:
        for stream in streams:
            # what is asked for on the wrong route is acknowledged, and silent for ever
            if ROUTES.get(stream.partition("@")[2]) == self._route:
                self._streams.add(stream)
                self._leading.join(stream, self)

    def _say(self, body: dict[str, Any]) -> None:
        self._outbox.say(orjson.dumps(body).decode(), 0.0)


def _json(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
