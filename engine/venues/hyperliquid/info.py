"""Ask Hyperliquid: ``POST /info`` with retries, a weight budget and strict answers."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import TypeAdapter, ValidationError

from engine.venues.hyperliquid import answers
from engine.venues.rows import VenueError

MAINNET_URL = "https://api.hyperliquid.xyz"
TESTNET_URL = "https://api.hyperliquid-testnet.xyz"

WEIGHT_PER_MIN = 1200  # per IP, shared with whatever else runs on this address
_LIGHT = ("l2Book", "allMids", "exchangeStatus", "clearinghouseState", "orderStatus")
_WEIGHTS = dict.fromkeys(_LIGHT, 2) | {"userRole": 60}  # everything else 20
MAX_ANSWER_BYTES = 16 << 20  # the largest seen is 0.2 MB

T = TypeVar("T")


class WeightBudget:
    """A bucket of request weight that refills evenly; taking more than it holds waits.

    Threads that share it wait for one another.

    Parameters
    ----------
    per_min
        what the venue allows in a minute [weight]; also the size of the bucket.
    """

    def __init__(
        self, per_min: float, *, clock: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        self._size = per_min
        self._per_s = per_min / 60
        self._left = per_min
        self._clock, self._sleep = clock, sleep
        self._then = clock()
        self._turn = threading.Lock()

    def take(self, weight: float) -> None:
        """Spend `weight`, after waiting until it is there."""
        with self._turn:
            self._refill()
            if self._left < weight:
                self._sleep((weight - self._left) / self._per_s)
                self._refill()
            self._left -= weight

    def _refill(self) -> None:
        now = self._clock()
        self._left = min(self._size, self._left + (now - self._then) * self._per_s)
        self._then = now


class InfoClient:
    """Requests to one Hyperliquid server; threads may share it.

    Parameters
    ----------
    url
        `MAINNET_URL`, `TESTNET_URL`, or any server that speaks the same protocol.
    timeout_s
        for connecting, and for each read [s].
    attempts
        how often one request is tried when the server is busy, broken or silent.
    transport, clock, sleep
        replaced in tests.

    Raises
    ------
    ValueError
        if `url` is not an http(s) URL.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = 10,
        attempts: int = 4,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"url {url!r} must look like https://host or http://host:port")
        if attempts < 1:
            raise ValueError(f"attempts {attempts} must be 1 or more")
        self.url = url.rstrip("/")
        self._attempts = attempts
        self._sleep = sleep
        self._budget = WeightBudget(WEIGHT_PER_MIN, clock=clock, sleep=sleep)
        self._http = httpx.Client(
            timeout=timeout_s, transport=transport, trust_env=not is_loopback(url)
        )

    def __enter__(self) -> "InfoClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def meta(self, dex: str = "") -> answers.Meta:
        """Return the universe of a dex."""
        return self.ask(answers.META, type="meta", dex=dex)

    def meta_and_contexts(
        self, dex: str = ""
    ) -> tuple[answers.Meta, tuple[tuple[answers.Universe, answers.AssetContext], ...]]:
        """Return ``metaAndAssetCtxs``: the universe, and each asset beside its context."""
        request = {"type": "metaAndAssetCtxs", "dex": dex}
        meta, contexts = self.ask(answers.META_AND_CONTEXTS, **request)
        if len(contexts) != len(meta.universe):
            raise self._refused(
                request, f"it has {len(meta.universe)} assets but {len(contexts)} contexts"
            )
        return meta, tuple(zip(meta.universe, contexts, strict=True))

    def perp_dexs(self) -> tuple[answers.PerpDex, ...]:
        """Return the builder dexes; the main dex (null on the wire) is left out."""
        listed = self.ask(answers.PERP_DEXS, type="perpDexs")
        return tuple(dex for dex in listed if dex is not None)

    def perp_dex_limits(self, dex: str) -> answers.PerpDexLimits | None:
        """Return a builder dex's caps on open interest, None where it has none."""
        return self.ask(answers.PERP_DEX_LIMITS, type="perpDexLimits", dex=dex)

    def at_open_interest_cap(self, dex: str = "") -> tuple[str, ...]:
        """Return the assets that accept no new open interest now."""
        return self.ask(answers.NAMES, type="perpsAtOpenInterestCap", dex=dex)

    def tokens(self) -> dict[int, str]:
        """Return the spot tokens' names by index (``spotMeta``)."""
        meta = self.ask(answers.SPOT_META, type="spotMeta")
        return {token.index: token.name for token in meta.tokens}

    def l2_book(self, coin: str) -> answers.L2Book | None:
        """Return up to 20 levels a side, None for a coin the venue does not know."""
        return self.ask(answers.L2_BOOK, type="l2Book", coin=coin)

    def recent_trades(self, coin: str) -> tuple[answers.RecentTrade, ...]:
        """Return the last public trades."""
        trades = self.ask(answers.RECENT_TRADES, type="recentTrades", coin=coin) or ()
        self.charge(len(trades))
        return trades

    def charge(self, items: int) -> None:
        """Spend what the venue asks for the items of a list it returned."""
        self._budget.take(items / 20)

    def user_fees(self, address: str) -> answers.UserFees:
        """Return the fee rates of an account."""
        return self.ask(answers.USER_FEES, type="userFees", user=address)

    def exchange_time_ms(self) -> int:
        """Return the time of the venue's last block [ms since 1970]."""
        return self.ask(answers.EXCHANGE_STATUS, type="exchangeStatus").time

    def ask(self, shape: TypeAdapter[T], **request: Any) -> T:
        """Return the answer to a request, in its shape.

        Raises
        ------
        VenueError
            if there is none, or it has another shape.
        """
        body = self._post(request)
        try:
            return shape.validate_json(body)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the answer"
            got = repr(first["input"])[:80]
            problem = f"{where}: {first['msg']} (got {got}, {error.error_count()} problems in all)"
            raise self._refused(request, problem) from error

    def _post(self, request: dict[str, Any]) -> bytes:
        status, trouble = None, ""
        for attempt in range(self._attempts):
            self._budget.take(_WEIGHTS.get(request["type"], 20))
            status, body, trouble = self._once(request)
            if status == httpx.codes.OK:
                return body
            if status is not None and status != httpx.codes.TOO_MANY_REQUESTS and status < 500:
                raise VenueError(f"{self._name(request)} was refused: {trouble}; {_remedy(status)}")
            if attempt + 1 < self._attempts:
                busy = status == httpx.codes.TOO_MANY_REQUESTS
                self._sleep((2.0 if busy else 0.5) * 2**attempt)
        tried = f"failed {self._attempts} times, last: {trouble}"
        raise VenueError(f"{self._name(request)} {tried}; {_remedy(status)}")

    def _once(self, request: dict[str, Any]) -> tuple[int | None, bytes, str]:
        try:
            with self._http.stream("POST", f"{self.url}/info", json=request) as response:
                body = b""
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > MAX_ANSWER_BYTES:
                        raise self._refused(request, f"it is longer than {MAX_ANSWER_BYTES} bytes")
        except httpx.HTTPError as error:
            return None, b"", f"{type(error).__name__}: {error}"
        text = body[:200].decode("utf-8", "replace")
        return response.status_code, body, f"HTTP {response.status_code} {text!r}"

    def _name(self, request: dict[str, Any]) -> str:
        return f"{self.url}/info {json.dumps(request)}"

    def _refused(self, request: dict[str, Any], problem: str) -> VenueError:
        return VenueError(
            f"the answer to {self._name(request)} cannot be used: {problem}; "
            "ask again, and if it stays so the venue has changed its format"
        )


def is_loopback(url: str) -> bool:
    """Return whether a URL is of this machine; a proxy of the environment would not reach it."""
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def _remedy(status: int | None) -> str:
    if status is None:
        return "check the URL and that the server can be reached from here"
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return (
            f"this address spent its {WEIGHT_PER_MIN} weight a minute: wait a minute and ask again"
        )
    if status >= 500:
        return (
            "the server is in trouble, or does not know the coin or dex: check the name, ask again"
        )
    if status in (httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED):
        return "this server does not speak the Hyperliquid protocol: check the URL"
    return "the server does not know this request: it may be another version of the protocol"
