"""How the loopback server behaves: its clock, its delays, its limits."""

import math
import random
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

Ms = Annotated[FiniteFloat, Field(ge=0, le=60_000)]
Period = Annotated[FiniteFloat, Field(ge=10, le=600_000)]
Count = Annotated[int, Field(ge=1)]


class Settings(BaseModel):
    """Everything that is not the exchange itself; times in ms unless named otherwise.

    Defaults are Hyperliquid's as measured in 2026: blocks of 45 to 156 ms with a median near 70,
    0.2 s from sending an order to its answer, 0.26 s from a block to its news, a book of 20 levels
    every 5.4 s and one of 5 every 0.54 s; limits of an IP are of its documentation, except that
    of connections, which is what its server says.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 7
    block_ms: tuple[Period, Period] = (70, 100)
    latency_ms: Ms = 60  # one way, median
    jitter: Annotated[FiniteFloat, Field(ge=0, le=2)] = 0.3  # sd of the logarithm of a way
    news_ms: Ms = 200  # from a block to its news, on top of the way
    book_ms: Period = 5_400
    fast_book_ms: Period = 540
    mids_ms: Period = 5_000
    context_ms: Period = 1_000
    account_ms: Period = 2_000
    idle_s: Annotated[FiniteFloat, Field(gt=0)] = 60  # a socket on which we said nothing closes
    snapshot_s: Annotated[FiniteFloat, Field(gt=0)] = 300
    source: Literal["a", "b"] = "b"  # of signatures: b is what the official SDK says on loopback
    ip_limits: bool = True
    weight_per_min: Count = 1_200
    connections: Count = 15
    subscriptions: Count = 1_000
    users: Count = 10

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.block_ms[0] > self.block_ms[1]:
            raise ValueError(f"block_ms must be a shortest and a longest, was {self.block_ms}")
        return self

    @property
    def chain(self) -> str:
        """The network's name in user-signed actions."""
        return "Mainnet" if self.source == "a" else "Testnet"


class Way:
    """How long things take to travel: log-normal about a median, from a seed."""

    def __init__(self, settings: Settings) -> None:
        self._dice = random.Random(settings.seed)  # noqa: S311 - not for secrets
        self._settings = settings

    def one_way_s(self) -> float:
        """Return the time between a client and us [s]."""
        ms = self._settings.latency_ms
        return ms / 1e3 * math.exp(self._settings.jitter * self._dice.gauss(0.0, 1.0)) if ms else 0

    def news_s(self) -> float:
        """Return the age at which a client hears of a block [s]."""
        return self._settings.news_ms / 1e3 + self.one_way_s()

    def block_s(self) -> float:
        """Return the time until the next block [s]."""
        return self._dice.uniform(*self._settings.block_ms) / 1e3
