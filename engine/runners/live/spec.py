"""What a live run trades, and the numbers that were approved for it."""

import time
from typing import Annotated, Any

from pydantic import Field

from engine.config import Positive
from engine.gateway.pretrade import COLLAR, ORDERS_PER_S, new_limits
from engine.runners.simulated import RunSpec

EPOCH_BEGINS_S = 1_767_225_600  # 2026-01-01: epochs count seconds from then, and fit 32 bits


class LiveSpec(RunSpec):
    """A run with real orders; sizes in coins, values in USD."""

    asset_id: Annotated[int, Field(ge=0)]  # the venue's
    max_order_usd: Positive
    collar: Positive = COLLAR  # farthest an order may be from the mark, relative
    orders_per_s: Positive = ORDERS_PER_S

    @property
    def dex(self) -> str:
        """The builder dex, empty for the main one."""
        return self.asset.rpartition(":")[0]

    def limits(self) -> Any:
        """Return what the gateway checks every order against."""
        return new_limits(
            self.config.max_position * self.fraction,
            self.max_order_usd,
            sz_decimals=self.config.sz_decimals,
            collar=self.collar,
            orders_per_s=self.orders_per_s,
        )


def new_epoch() -> int:
    """Return the epoch of a run that begins now, above those of all that began earlier."""
    return int(time.time()) - EPOCH_BEGINS_S
