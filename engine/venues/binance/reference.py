"""What the maker hears of its leading venue: the mid of the best bid and ask, and public trades."""

from collections import Counter

from engine.events import BUY, REFERENCE, REFERENCE_TRADE, SELL
from engine.venues.binance.codec import (
    AGG_TRADE,
    DEPTH,
    SNAPSHOT,
    TOUCH,
    TRADE,
    Message,
    Print,
    Touch,
)
from engine.venues.binance.depth import DepthBook

# the fields of one `Event`, in its order
Row = tuple[int, int, int, int, int, float, float, int, int, float]

# which kind of message makes another say the same thing twice
_BETTER = {
    DEPTH: (TOUCH, "depth_beside_book_ticker"),
    SNAPSHOT: (TOUCH, "depth_beside_book_ticker"),
    AGG_TRADE: (TRADE, "agg_trade_beside_trade"),
}


class Reference:
    """Turns one symbol's messages into events; what makes none is counted by reason.

    Until the venue states the touch (``bookTicker``) it is that of the book built from a snapshot
    and changes; prints come from ``aggTrade`` until there is a ``trade``.
    """

    def __init__(self, dropped: Counter[str]) -> None:
        self._dropped = dropped
        self._book = DepthBook()
        self._newest: dict[str, int] = {}  # number of the newest message of a kind

    def objection(self, kind: str) -> str:
        """Return why messages of a kind need not be heard now, or an empty text."""
        if kind in {TOUCH, TRADE}:
            return ""
        better, why = _BETTER.get(kind, (kind, ""))
        if not why:
            return "kind_of_no_use"
        return why if better in self._newest else ""

    def hear(self, kind: str, message: Message, ts_ns: int, recv_ns: int) -> Row | None:
        """Return the event in a message, as the fields of an `Event`; None where there is none.

        Parameters
        ----------
        kind, message
            what the venue said; of a kind without `objection`.
        ts_ns, recv_ns
            when it happened, and when it was heard [ns].
        """
        if why := self._doubt(kind, message):
            self._dropped[why] += 1
            return None
        if isinstance(message, Print):
            side = SELL if message.buyer_is_maker else BUY  # of the aggressor
            what = (message.px, message.sz, message.id, 0, 0.0)
            return (REFERENCE_TRADE, side, 0, ts_ns, recv_ns, *what)
        bid, ask = (message.bid, message.ask) if isinstance(message, Touch) else self._book.touch
        return (REFERENCE, 0, 0, ts_ns, recv_ns, 0.5 * (bid + ask), 0.0, 0, 0, 0.0)

    def _doubt(self, kind: str, message: Message) -> str:
        if isinstance(message, Touch):
            newer = message.update_id > (self._book.last or -1)
            return "" if newer and self._is_news(kind, message.update_id) else "touch_not_newer"
        if not isinstance(message, Print):
            return self._book.hear(message)
        if message.origin != "MARKET":
            return "trade_not_on_the_book"
        return "" if self._is_news(kind, message.id) else "trade_not_newer"

    def _is_news(self, kind: str, number: int) -> bool:
        if number <= self._newest.get(kind, -1):
            return False
        self._newest[kind] = number
        return True
