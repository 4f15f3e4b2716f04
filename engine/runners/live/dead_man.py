"""The venue's own dead-man switch, for accounts that may have it: set anew while the guard lives.

Engines and guard die together where their machine does. Then the venue cancels everything of the
account at the time that was set last, orders that a person placed by hand included.

References
----------
Hyperliquid's SDK 0.24.0, ``schedule_cancel``: at least 5 s ahead, ten triggers a day. Its server
refuses it to accounts that have traded less than $1,000,000.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from engine.venues.hyperliquid.exchange import Exchange
from engine.venues.hyperliquid.nonce import wall_ms
from engine.venues.hyperliquid.outcome import Done, Refused
from engine.venues.hyperliquid.refusals import Reason
from engine.venues.hyperliquid.wire import ScheduleCancel

LOG = logging.getLogger("engine.guard")
EVERY_S = 30.0
ANEW_S = 3_600.0  # after a refusal for want of volume


@dataclass
class DeadManSwitch:
    """One account's switch.

    Attributes
    ----------
    ahead_s
        how long after the last time that it was set everything is cancelled [s].
    is_armed
        whether the venue has taken it.
    """

    exchange: Exchange
    ahead_s: float = 90.0
    clock: Callable[[], float] = time.monotonic
    now_ms: Callable[[], int] = wall_ms
    is_armed: bool = False
    due_s: float = 0.0

    def look(self) -> None:
        """Set it anew where that is due."""
        if self.clock() < self.due_s:
            return
        self.due_s = self.clock() + EVERY_S
        at_ms = self.now_ms() + int(self.ahead_s * 1e3)
        (outcome,) = self.exchange.ask(ScheduleCancel(at_ms))
        match outcome:
            case Done():
                if not self.is_armed:
                    LOG.info("the venue cancels everything %g s after our last word", self.ahead_s)
                self.is_armed = True
            case Refused(Reason.NO_VOLUME):
                LOG.info("the venue's dead-man switch is not for this account yet")
                self.due_s = self.clock() + ANEW_S
            case _:
                LOG.warning("the dead-man switch could not be set: %s", outcome)

    def take_back(self) -> None:
        """Take it back: whoever ends in order has said that the engines are left to themselves."""
        if self.is_armed:
            (outcome,) = self.exchange.ask(ScheduleCancel())
            LOG.info("the dead-man switch is taken back: %s", outcome)
