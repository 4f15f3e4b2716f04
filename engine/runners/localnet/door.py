"""The doors: Hyperliquid's three, a faucet and the faults. All on loopback."""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from engine.runners.localnet.counter import BAD_JSON, BAD_TYPE, Said
from engine.runners.localnet.entry import Gift
from engine.runners.localnet.faults import Fault, refusal
from engine.runners.localnet.session import Session, Venue

ADDRESS = "^0x[0-9a-fA-F]{40}$"
Ask = Callable[[Any, str], Awaitable[Said | None]]


class Asked(BaseModel):
    """What the faucet is asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    user: str = Field(pattern=ADDRESS)
    usd: FiniteFloat = Field(default=0.0, ge=0, le=1e12)
    dex: str = ""
    token: str | None = None  # spot tokens instead of collateral
    volume_usd: FiniteFloat = Field(default=0.0, ge=0, le=1e12)


class Doors:
    """Where the server is entered."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        counter = self._venue.counter
        return [
            Route("/info", self._posted(counter.info), methods=["POST"]),
            Route("/exchange", self._posted(counter.act), methods=["POST"]),
            WebSocketRoute("/ws", self._socket),
            Route("/faucet", self._faucet, methods=["POST"]),
            Route("/faults", self._show_faults, methods=["GET"]),
            Route("/faults", self._add_fault, methods=["POST"]),
            Route("/faults", self._clear_faults, methods=["DELETE"]),
        ]

    def _posted(self, ask: Ask) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != "application/json":
                return _response(BAD_TYPE)
            try:
                body = orjson.loads(await request.body())
            except orjson.JSONDecodeError:
                return _response(BAD_JSON)
            except ClientDisconnect:
                return Response(status_code=400)
            client = request.client
            said = await ask(body, "" if client is None else client.host)
            if said is None:
                self._venue.lines.cut(None if client is None else (client.host, client.port))
                return Response(status_code=500)
            return _response(said)

        return answer

    async def _socket(self, socket: WebSocket) -> None:
        await Session(socket, self._venue).run()

    async def _faucet(self, request: Request) -> Response:
        universe = self._venue.chain.exchange.floor.universe
        try:
            asked = Asked.model_validate_json(await request.body())
        except ValidationError as error:
            return _refused(refusal(error))
        tokens = {token.name: index for index, token in universe.tokens.items()}
        if asked.dex not in universe.dex_index:
            return _refused(f"dex: must be one of {list(universe.dex_index)}, was {asked.dex!r}")
        if asked.token is not None and asked.token not in tokens:
            return _refused(f"token: must be one of {list(tokens)}, was {asked.token!r}")
        spot = None if asked.token is None else tokens[asked.token]
        gift = Gift(asked.user.lower(), asked.usd, asked.dex, spot, asked.volume_usd)
        await self._venue.chain.give(gift)
        return _json({"status": "ok"})

    async def _show_faults(self, _: Request) -> Response:
        return _json(self._venue.faults.shown())

    async def _add_fault(self, request: Request) -> Response:
        try:
            fault = Fault.model_validate_json(await request.body())
        except ValidationError as error:
            return _refused(refusal(error))
        listed = self._venue.chain.exchange.floor.universe.by_coin
        if fault.coin not in (None, *listed) or (fault.kind == "delist" and fault.coin is None):
            return _refused(f"coin: must be one of {list(listed)}, was {fault.coin!r}")
        self._venue.faults.add(fault)
        return _json(self._venue.faults.shown())

    async def _clear_faults(self, _: Request) -> Response:
        self._venue.faults.clear()
        return _json(self._venue.faults.shown())


async def no_body(_: Request, error: Any) -> Response:
    """Answer what has no route, or another method, as the venue does: without a body."""
    return Response(status_code=error.status_code)


def _response(said: Said) -> Response:
    kind = "application/json" if said.is_json else "text/plain"
    return Response(said.body, said.status, media_type=kind)


def _json(body: Any) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")


def _refused(words: str) -> Response:
    return PlainTextResponse(words, 422)
