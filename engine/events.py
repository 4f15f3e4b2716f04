"""What an engine hears: one 64-byte record for market data, our own orders, and the clock.

An L2 book arrives as a run of `LEVEL` events that share a time: the first of a whole snapshot
carries `SNAPSHOT` (forget the old book), the last of any run carries `LAST` (the book is consistent
now, decide). A delta feed sends runs without `SNAPSHOT`. Both end as the same book.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.record import f8, i2, i4, i8, record

BUY, SELL = 1, -1

# market data
LEVEL = 1  # px, sz (0 removes the level), side: BUY is a bid; ref = number of orders at the level
# public print: px, sz, side of the aggressor, id = venue's trade id, ref = same for one sweep
TRADE = 2
REFERENCE = 3  # mid of the leading venue in px
CONTEXT = 4  # px = mark, extra = hourly funding rate, sz = open interest in coins
TIMER = 5  # the feed is alive and nothing changed
CLOCK = 6  # our own clock; says nothing about the feed
REFERENCE_TRADE = 7  # public print on the leading venue: px, sz, side of the aggressor
# our own orders; ref = our client order id
ACCEPTED = 10  # resting at px with sz
REJECTED = 11  # code = reason
CANCELED = 12
FILL = 13  # px, sz, side of ours, id = venue's fill id, extra = fee paid in USD (negative: rebate)
FUNDING = 14  # extra = USD received (negative: paid), id = venue's payment id
QUOTA = 15  # the address's requests: px = used so far, sz = granted so far
POSITION = 16  # what the venue says we hold: sz = coins, negative when short
# the connection, and the operator
DISCONNECTED = 20
CONNECTED = 21
STOP = 22  # a person trips the kill switch

# codes of LEVEL
SNAPSHOT, LAST = 1, 2
# codes of REJECTED
POST_ONLY, MIN_NOTIONAL, NO_MARGIN, RATE_LIMIT, UNKNOWN_ORDER, HALTED = 1, 2, 3, 4, 5, 6
OI_CAP, BAD_PX, BAD_SZ, TOO_MANY = 7, 8, 9, 10
# codes of a FILL: it closed our position against our will; it is what was held when we began
LIQUIDATED, TAKEN_OVER = 1, 2


@record
class Event:
    """One event; prices in quote currency, sizes in coins, times in ns since 1970 UTC."""

    kind: i2
    side: i2
    code: i4
    ts_ns: i8  # the venue's time
    recv_ns: i8  # when we heard of it; never before ts_ns
    px: f8
    sz: f8
    id: i8
    ref: i8
    extra: f8


def joined(parts: Iterable[NDArray[Any]]) -> NDArray[Any]:
    """Return events as one array.

    They are joined as words: numpy copies records field by field, which takes four times as long,
    and forgets their class.

    >>> from engine.record import zeros
    >>> joined([zeros(Event, 2), zeros(Event, 1)]).shape
    (3,)
    >>> joined([]).dtype == Event.dtype
    True
    """
    words = [np.ascontiguousarray(part).view(np.int64) for part in parts]
    return np.concatenate([np.empty(0, np.int64), *words]).view(Event.dtype)


assert Event.dtype.itemsize == 64  # noqa: S101 - the wire size is part of the contract
