"""The way to a venue that real orders take, after everything about it was checked."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from engine.runners.live.venue_file import VenueFile
from engine.store.home import Home
from engine.venues.hyperliquid.account import Account
from engine.venues.hyperliquid.agent import check_agent
from engine.venues.hyperliquid.exchange import Exchange
from engine.venues.hyperliquid.info import InfoClient
from engine.venues.hyperliquid.key import read_key
from engine.venues.hyperliquid.nonce import Nonces, check_clock, wall_ms


class Connection(NamedTuple):
    """One account on one server: what asks, and what signs."""

    info: InfoClient
    exchange: Exchange
    account: Account


@contextlib.contextmanager
def connect(
    venue: VenueFile, key: Path, home: Home, dex: str = "", *, mean_mainnet: bool = False
) -> Iterator[Connection]:
    """Open the way to a venue with the key in a file.

    Raises
    ------
    KeyRefusedError
        if the key cannot be used, or is not an agent's of this account.
    NonceError
        if another process signs with it.
    SkewError
        if our clock and the venue's are too far apart.
    MainnetRefusedError
        if the server is mainnet's and that is not meant.
    VenueError
        if the server does not answer.
    """
    with contextlib.ExitStack() as stack:
        info = stack.enter_context(InfoClient(venue.url))
        account = Account(info, venue.account, dex)
        check_clock(info.exchange_time_ms)
        secret = read_key(key)
        check_agent(secret, account, Account(info, venue.owner), wall_ms())
        nonces = Nonces(Path(home.root) / "nonces", secret.address)
        stack.callback(nonces.close)
        exchange = Exchange(venue.url, secret, nonces, vault=venue.vault, mean_mainnet=mean_mainnet)
        yield Connection(info, stack.enter_context(exchange), account)
