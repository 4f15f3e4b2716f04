"""One engine trading for real: a thread that hears, thinks and sends, in that order.

Market data, the account's stream, answers, and the second's tick come through one queue. What comes
together is heard together: it is written down once, and what it leads to is sent after that.
"""

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from numpy.typing import NDArray

from engine.events import CLOCK, CONNECTED, DISCONNECTED, STOP, joined
from engine.gateway.words import MARKET, RESTARTED
from engine.runners.live.courier import Courier
from engine.runners.live.journal import Journal, warm
from engine.runners.live.latch import read_latch, write_latch
from engine.runners.live.news import Who, event, of_news
from engine.runners.live.spec import LiveSpec
from engine.runners.stopping import Stop
from engine.store.home import Home
from engine.venues.hyperliquid.account import Account
from engine.venues.hyperliquid.account_stream import AccountStream
from engine.venues.hyperliquid.exchange import Exchange
from engine.venues.rows import VenueError
from engine.venues.stream import Stream

TICK_S = 0.25
KEEP_S = 60.0
QUOTA_S = 60.0
LEAVE_S = 15.0  # for the last cancels to be answered


class Venue(NamedTuple):
    """The venue as an engine needs it; the streams are its own and closed with it."""

    exchange: Exchange
    account: Account
    market: Stream
    news: AccountStream


OnBeat = Callable[[Journal], None]


def trade_live(
    spec: LiveSpec,
    home: Home,
    venue: Venue,
    *,
    stop: Stop | None = None,
    on_beat: OnBeat = lambda _: None,
    now_ns: Callable[[], int] = time.time_ns,
) -> str:
    """Trade a run with real orders until somebody says stop, or the market's stream is over.

    Returns
    -------
    str
        why it ended. Its orders are cancelled by then; a position stays. `on_beat` was told about
        four times a second how it stood.

    Raises
    ------
    SpoolBusyError
        if another process trades this run.
    SchemaMismatchError
        if the run was kept by another layout of the engine.
    """
    warm()
    with Journal.open(spec, home) as journal:
        who = Who(venue.account.address, spec.asset, spec.asset_id, journal.epoch)
        process = _Process(journal, home, venue, who, on_beat, now_ns)
        try:
            return process.trade(stop or Stop())
        finally:
            process.leave()
            journal.keep()


@dataclass
class _Process:
    journal: Journal
    home: Home
    venue: Venue
    who: Who
    on_beat: OnBeat
    now_ns: Callable[[], int]
    heard: queue.SimpleQueue[NDArray[Any] | None] = field(default_factory=queue.SimpleQueue)

    def __post_init__(self) -> None:
        decimals = self.journal.spec.config.sz_decimals
        v = self.venue
        self.courier = Courier(self.who, v.exchange, v.account, decimals, self.heard.put)
        self.is_over, self.why = False, "a stream is over"
        self.kept_s = self.asked_s = time.monotonic()
        self.latched = False

    def trade(self, stop: Stop) -> str:
        """Hear until told otherwise; return why it ended."""
        self._act(event(RESTARTED, self.now_ns()))
        for work in (self._listen_to_market, self._listen_to_account):
            threading.Thread(target=self._listen, args=(work,), daemon=True).start()
        self.courier.ask_quota()
        while not stop.asked and not self.is_over:
            self._hear()
            self._look_after()
        return "it was asked to stop" if stop.asked else self.why

    def leave(self) -> None:
        """Cancel everything, and wait until it is known what every order came to; then let go."""
        try:
            self._act(event(DISCONNECTED, self.now_ns(), code=MARKET))
            end_s = time.monotonic() + LEAVE_S
            while self.journal.unsettled_orders and time.monotonic() < end_s:
                self._hear(is_leaving=True)
                self.on_beat(self.journal)
            self.on_beat(self.journal)
        finally:  # threads that go on listening would keep a broken process alive
            self.venue.market.close()
            self.venue.news.close()
            self.courier.close()

    def _hear(self, *, is_leaving: bool = False) -> None:
        """Take what has come, or the time where nothing has, and act on it."""
        frames = []
        try:
            frames.append(self.heard.get(timeout=TICK_S))
            while True:
                frames.append(self.heard.get_nowait())
        except queue.Empty:
            pass
        self.is_over |= any(frame is None for frame in frames)
        news = [frame for frame in frames if frame is not None]
        if is_leaving:  # the market is none of our business any more
            news = [frame for frame in news if frame["kind"][0] > CLOCK]
        self._act(joined([*news, event(CLOCK, self.now_ns())]))

    def _act(self, frame: NDArray[Any]) -> None:
        asks = self.journal.hear(frame)
        if self.journal.kill_reason and not self.latched:
            write_latch(self.home, self.who.coin, self.journal.kill_reason, "engine")
            self.latched = True
        if asks:
            self.courier.send(asks)

    def _look_after(self) -> None:
        """Do what is due by the clock: the kill file, the checkpoint, the quota, the heartbeat."""
        if not self.latched and read_latch(self.home, self.who.coin) is not None:
            self._act(event(STOP, self.now_ns()))
        now_s = time.monotonic()
        if now_s - self.kept_s >= KEEP_S or self.journal.is_long:
            self.kept_s = now_s
            self.journal.keep()
        if now_s - self.asked_s >= QUOTA_S:
            self.asked_s = now_s
            self.courier.ask_quota()
        self.on_beat(self.journal)

    def _listen(self, work: Callable[[], None]) -> None:
        """Hear one stream to its end, which is the end of trading, too."""
        try:
            work()
        except VenueError as error:
            self.why = str(error)
        finally:
            self.heard.put(None)

    def _listen_to_market(self) -> None:
        """Pass on what the market says; a stream tells of its line only when that is cut."""
        is_new = True
        while (frame := self.venue.market.take(TICK_S)) is not None:
            if len(frame) and is_new:
                is_new = False
                self.heard.put(event(CONNECTED, int(frame["recv_ns"][0]), code=MARKET))
            if len(frame):
                self.heard.put(frame)

    def _listen_to_account(self) -> None:
        while (news := self.venue.news.take(TICK_S)) is not None:
            told = [e for one in news for e in of_news(self.who, one.what, one.recv_ns)]
            if told:
                self.heard.put(joined(told))
