"""Where questions and actions are answered, whether they come by HTTP or through a socket.

References
----------
Status codes and texts as measured on Hyperliquid in 2026; request weights of its documentation.
"""

import asyncio
from typing import Any, NamedTuple

import orjson

from engine.localnet import limits
from engine.localnet.digits import MalformedError
from engine.localnet.exchange import Request
from engine.localnet.meta_answers import UnanswerableError
from engine.localnet.refusals import RefusedError
from engine.localnet.state import Json
from engine.runners.localnet import signed
from engine.runners.localnet.chain import Chain, DownError
from engine.runners.localnet.faults import Faults, Kind
from engine.runners.localnet.settings import Settings, Way
from engine.runners.localnet.visitors import Visitors

ANSWERS_KEPT = 1_000  # for stale snapshots


class Said(NamedTuple):
    """An answer: its HTTP status, its body, and whether that is JSON."""

    status: int
    body: bytes
    is_json: bool = True


BAD_JSON = Said(400, b"Failed to parse the request body as JSON", is_json=False)
BAD_SHAPE = Said(422, b"Failed to deserialize the JSON body into the target type", is_json=False)
BAD_TYPE = Said(415, b"Expected request with `Content-Type: application/json`", is_json=False)
BUSY = Said(429, b"null")
TROUBLE = Said(500, b"null")
GATEWAY = Said(502, b"<html>502 Bad Gateway</html>", is_json=False)


class Counter:
    """Answers questions and carries out actions, with the faults that were asked for."""

    def __init__(
        self, chain: Chain, settings: Settings, way: Way, faults: Faults, visitors: Visitors
    ) -> None:
        self._chain, self._settings, self._way = chain, settings, way
        self._faults, self._visitors = faults, visitors
        self._told: dict[bytes, Said] = {}

    async def info(self, question: Any, ip: str) -> Said | None:
        """Answer a body of ``/info``; None where nobody is there."""
        await asyncio.sleep(self._way.one_way_s())
        if self._chain.down:
            return None
        if not isinstance(question, dict):
            return BAD_SHAPE
        kind = str(question.get("type"))
        if self._faults.strikes("info_busy") or not self._visitors.admits(
            ip, limits.info_weight(kind)
        ):
            return BUSY
        if self._faults.strikes("info_fail"):
            return GATEWAY
        said = self._answer(question, kind, ip)
        await asyncio.sleep(self._way.one_way_s())
        return said

    async def act(self, body: Any, ip: str) -> Said | None:
        """Carry out a body of ``/exchange``; None where it, or its answer, is lost."""
        await asyncio.sleep(self._way.one_way_s())
        try:
            request = signed.read(body, self._settings.source)
        except MalformedError:
            return BAD_SHAPE
        except RefusedError as refused:
            return _json({"status": "err", "response": str(refused)})
        if self._strikes("refuse_busy") or not self._visitors.admits(
            ip, limits.exchange_weight(request.action)
        ):
            return BUSY
        return GATEWAY if self._strikes("fail_before") else await self._carry(request)

    async def _carry(self, request: Request) -> Said | None:
        if await self._delayed("lose_request"):
            return None
        try:
            answer = await self._chain.submit(request)
        except DownError:
            return None
        return await self._way_back(answer)

    async def _way_back(self, answer: Json | None) -> Said | None:
        await self._delayed("slow_response")
        if await self._delayed("lose_response"):
            return None
        if self._strikes("fail_after"):
            return GATEWAY
        await asyncio.sleep(self._way.one_way_s())
        return BAD_SHAPE if answer is None else _json(answer)

    def _answer(self, question: Json, kind: str, ip: str) -> Said:
        key = orjson.dumps(question, option=orjson.OPT_SORT_KEYS)
        if key in self._told and self._strikes("stale_snapshot"):
            return self._told[key]
        try:
            found = self._chain.exchange.info(question)
        except MalformedError:
            return BAD_SHAPE
        except UnanswerableError:
            return TROUBLE
        rows = len(found) if isinstance(found, list) else 0
        more = limits.info_weight(kind, rows) - limits.info_weight(kind)
        self._visitors.owes(ip, more)
        said = self._told[key] = _json(found)
        if len(self._told) > ANSWERS_KEPT:
            del self._told[next(iter(self._told))]
        return said

    def _strikes(self, kind: Kind) -> bool:
        return self._faults.strikes(kind) is not None

    async def _delayed(self, kind: Kind) -> bool:
        """Return whether a fault strikes, after its delay."""
        fault = self._faults.strikes(kind)
        if fault is not None:
            await asyncio.sleep(fault.delay_ms / 1e3)
        return fault is not None


def _json(value: Any) -> Said:
    # the venue has integer keys nowhere, and integers of up to 64 bits
    return Said(200, orjson.dumps(value))
