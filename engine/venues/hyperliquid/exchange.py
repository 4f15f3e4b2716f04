"""Send signed requests to one Hyperliquid server, once each.

`Exchange.prepare` signs, in microseconds, in the order in which an engine decides; `Exchange.send`
waits for the venue, which answers after its block is committed, and may be called from several
threads. Nothing is ever sent twice: what became of a request without an answer is *unknown*, until
its expiry has passed and the venue was asked.
"""

import time
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx

from engine.venues.hyperliquid import signing
from engine.venues.hyperliquid.info import MAINNET_URL, is_loopback
from engine.venues.hyperliquid.key import SigningKey
from engine.venues.hyperliquid.nonce import Nonces, wall_ms
from engine.venues.hyperliquid.outcome import Outcome, Refused, Unknown, parts, read_answer
from engine.venues.hyperliquid.refusals import Reason
from engine.venues.hyperliquid.wire import Action, Request, encode

LIFE_MS = 5_000  # of a request: 99 in 100 are answered within one second (the venue's docs)
# longer than a request lives: who waits that long waits for an answer that may still come
ANSWER_S = 7.0
TIMEOUT = httpx.Timeout(ANSWER_S, connect=2.0, pool=1.0)
MAX_ANSWER_BYTES = 1 << 20
MAX_CONNECTIONS = 8
_MAINNET_DOMAIN = ".hyperliquid.xyz"  # testnet's is another


class MainnetRefusedError(ValueError):
    """The URL is where real money is, and nobody said that this is meant."""


class Prepared(NamedTuple):
    """A signed request, ready to be sent once."""

    action: Action
    nonce: int
    expires_ms: int  # after this [ms, the venue's clock] it can no longer be carried out
    body: bytes


class Exchange:
    """The trading half of one Hyperliquid server, for one account and one signer.

    Parameters
    ----------
    url
        of the server.
    key
        of an agent of the account; see `agent.check_agent`.
    nonces
        of that key.
    vault
        address of the sub-account that is traded for; None for the account itself.
    mean_mainnet
        must be said where `url` is mainnet.
    transport, now_ms, clock
        replaced in tests.

    Raises
    ------
    MainnetRefusedError
        if `url` is mainnet's and `mean_mainnet` is not set.
    ValueError
        if `url` is not an http(s) URL.
    """

    def __init__(
        self,
        url: str,
        key: SigningKey,
        nonces: Nonces,
        *,
        vault: str | None = None,
        mean_mainnet: bool = False,
        transport: httpx.BaseTransport | None = None,
        now_ms: Callable[[], int] = wall_ms,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.source: signing.Source = network_source(url, mean_mainnet)
        self.url = url.rstrip("/")
        self._key, self._nonces, self._vault = key, nonces, vault
        self._now_ms, self._clock = now_ms, clock
        self._http = httpx.Client(
            timeout=TIMEOUT,
            transport=transport,
            trust_env=not is_loopback(url),
            limits=httpx.Limits(max_connections=MAX_CONNECTIONS),
            headers={"Content-Type": "application/json"},
        )

    def __enter__(self) -> "Exchange":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def prepare(self, action: Action, *, nonce: int = 0, expires_ms: int | None = None) -> Prepared:
        """Return a signed request.

        Parameters
        ----------
        action
            one of `wire`.
        nonce
            the least it may have [ms since 1970]; it has the next one of our lane.
        expires_ms
            where it was chosen already [ms since 1970]; else `LIFE_MS` from now.
        """
        nonce = self._nonces.next(nonce)
        expires_ms = expires_ms or self._now_ms() + LIFE_MS
        signature = signing.sign(
            self._key,
            action,
            nonce,
            vault=self._vault,
            expires_after=expires_ms,
            source=self.source,
        )
        request = Request(action, nonce, signature, self._vault, expires_ms)
        return Prepared(action, nonce, expires_ms, encode(request))

    def send(self, prepared: Prepared) -> tuple[Outcome, ...]:
        """Send a request, wait for the answer, and return what became of each of its parts.

        Never raises for what a network or a server does.
        """
        n = parts(prepared.action)
        try:
            status, body = self._post(prepared.body)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            return (Refused(Reason.NOT_SENT, f"{type(error).__name__}: {error}"),) * n
        except httpx.HTTPError as error:
            return (Unknown(f"{type(error).__name__}: {error}"),) * n
        if status is None:
            return (Unknown(f"no whole answer within {ANSWER_S:g} s, or one too long"),) * n
        return read_answer(prepared.action, status, body)

    def ask(self, action: Action) -> tuple[Outcome, ...]:
        """Sign and send at once."""
        return self.send(self.prepare(action))

    def _post(self, body: bytes) -> tuple[int | None, bytes]:
        until_s = self._clock() + ANSWER_S
        with self._http.stream("POST", f"{self.url}/exchange", content=body) as response:
            said = b""
            for chunk in response.iter_bytes():
                said += chunk
                if len(said) > MAX_ANSWER_BYTES or self._clock() > until_s:
                    return None, b""
        return response.status_code, said


def network_source(url: str, mean_mainnet: bool) -> signing.Source:
    """Return what a signature for this server says of the network, after looking at the server.

    >>> network_source("http://127.0.0.1:3001", mean_mainnet=False)
    'b'

    Raises
    ------
    MainnetRefusedError
        if it is mainnet and that is not meant.
    ValueError
        if it is no URL of a server, or mainnet is meant and this is another network.
    """
    parsed = urlsplit(url)
    if parsed.scheme not in ("http", "https") or not parsed.hostname:
        raise ValueError(f"url must look like https://host or http://host:port, was {url!r}")
    is_mainnet = f".{parsed.hostname}".rstrip(".").endswith(_MAINNET_DOMAIN)
    if is_mainnet and not mean_mainnet:
        raise MainnetRefusedError(
            f"{url} trades real money: say --i-mean-mainnet if that is what you want"
        )
    if mean_mainnet and url.rstrip("/") != MAINNET_URL:
        raise ValueError(f"url must be {MAINNET_URL} where mainnet is meant, was {url!r}")
    return signing.MAINNET if is_mainnet else signing.ELSEWHERE
