"""The way to a venue that real orders take, after everything about it was checked."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

from engine.runners.live.venue_file import VenueFile, VenueFileError
from engine.runners.stopping import Stop
from engine.store.home import Home
from engine.venues.hyperliquid.account import Account
from engine.venues.hyperliquid.agent import check_agent
from engine.venues.hyperliquid.exchange import Exchange, MainnetRefusedError, network_source
from engine.venues.hyperliquid.info import InfoClient
from engine.venues.hyperliquid.key import KeyRefusedError, read_key
from engine.venues.hyperliquid.nonce import NonceError, Nonces, SkewError, check_clock, wall_ms
from engine.venues.rows import VenueError

AGAIN_S = 2.0  # between two tries to reach a venue
EXIT_REFUSED = 78  # EX_CONFIG
# what a person must mend before this process may sign anything
REFUSALS = (KeyRefusedError, MainnetRefusedError, NonceError, SkewError, VenueFileError)
T = TypeVar("T")


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
        if as many processes sign with it as can.
    SkewError
        if our clock and the venue's are too far apart.
    MainnetRefusedError
        if the server is mainnet's and that is not meant.
    VenueError
        if the server does not answer.
    """
    network_source(venue.url, mean_mainnet)  # before anything is asked there
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


def enter_when_up(
    stack: contextlib.ExitStack,
    way: Callable[[], contextlib.AbstractContextManager[T]],
    stop: Stop,
    say: Callable[[str], object],
) -> T | None:
    """Enter what needs a venue as soon as that answers, for as long as `stack` is open.

    An exchange that is away is nobody's fault and comes back: `say` is told, and it is tried again.

    Returns
    -------
    T | None
        None where it was asked to stop before.
    """
    while not stop.asked:
        try:
            return stack.enter_context(way())
        except VenueError as error:
            say(f"the venue does not answer: {error}")
            stop.wait(AGAIN_S)
    return None
