"""Faults on request: which, how likely, from when and how long; every draw from one seed.

A plan is a TOML file of ``seed`` and ``[[fault]]`` tables, or comes one by one from ``POST
/faults``. Each kind draws from a stream of its own, so adding one changes nothing about another.
"""

import random
import time
import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

Kind = Literal[
    # one message of a stream
    "drop_message",
    "duplicate_message",
    "delay_message",  # and all behind it
    "reorder_messages",  # it comes after the next one
    # sockets
    "close_socket",  # without a word; drawn for each socket once a second
    "frozen_book",  # the book stands still on a socket that lives
    # requests to /exchange, and posts of actions
    "lose_request",  # never carried out, and the connection closes
    "lose_response",  # carried out, and the connection closes
    "slow_response",
    "refuse_busy",  # 429
    "fail_before",  # 502, not carried out
    "fail_after",  # 502, carried out
    # requests to /info
    "info_busy",
    "info_fail",
    "stale_snapshot",  # what the same question was answered last time, on sockets too
    # the exchange
    "post_only",  # as after a network upgrade
    "restart",  # away for a while, then on from what is written
    "delist",
]
LASTING = ("frozen_book", "post_only", "restart", "delist")  # begin at once and are not drawn


class Fault(BaseModel):
    """One fault."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    probability: Annotated[FiniteFloat, Field(ge=0, le=1)] = 1.0
    at_s: Annotated[FiniteFloat, Field(ge=0)] = 0.0  # after it was asked for
    for_s: Annotated[FiniteFloat, Field(gt=0)] = 60.0
    delay_ms: Annotated[FiniteFloat, Field(ge=0, le=600_000)] = 1_000.0  # of what is late or lost
    coin: str | None = None  # of frozen_book, all where absent; of delist


class Plan(BaseModel):
    """Faults and the seed of their dice."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 7
    fault: tuple[Fault, ...] = ()


def read_plan(path: Path) -> Plan:
    """Return the plan in a TOML file.

    Raises
    ------
    ValueError
        if it cannot be read; the message names the field.
    """
    try:
        return Plan.model_validate(tomllib.loads(path.read_text()))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"{path} cannot be read as a plan of faults: {error}") from error
    except ValidationError as error:
        raise ValueError(f"{path}: {refusal(error)}") from error


def refusal(error: ValidationError) -> str:
    """Return the first thing wrong with a fault: its field, the value, and what would be right."""
    first = error.errors(include_url=False)[0]
    where = ".".join(map(str, first["loc"])) or "fault"
    return f"{where}: {first['msg']}, was {str(first['input'])[:80]!r}"


class Faults:
    """The faults of one server.

    Parameters
    ----------
    plan
        to begin with.
    clock
        seconds; replaced in tests.

    Attributes
    ----------
    hits
        how often each kind has struck.
    """

    def __init__(self, plan: Plan, clock: Callable[[], float] = time.monotonic) -> None:
        self.hits: Counter[str] = Counter()
        self._seed, self._clock = plan.seed, clock
        self._dice: dict[str, random.Random] = {}
        self._asked: list[tuple[float, Fault]] = []
        self._begun: set[int] = set()
        for fault in plan.fault:
            self.add(fault)

    def add(self, fault: Fault) -> None:
        """Ask for a fault from now on."""
        self._asked.append((self._clock(), fault))

    def clear(self) -> None:
        """Be a good server again."""
        self._asked.clear()
        self._begun.clear()

    def strikes(self, kind: Kind) -> Fault | None:
        """Draw: return the fault of this kind that strikes now, if one does."""
        for fault in self._now(kind):
            dice = self._dice.get(kind)
            if dice is None:
                dice = self._dice[kind] = random.Random(f"{self._seed}/{kind}")  # noqa: S311
            if dice.random() < fault.probability:
                self.hits[kind] += 1
                return fault
        return None

    def frozen(self, coin: str) -> bool:
        """Return whether a coin's book stands still."""
        return any(fault.coin in (None, coin) for fault in self._now("frozen_book"))

    def beginning(self) -> list[Fault]:
        """Return the lasting faults that have begun since the last call."""
        found = []
        for number, (asked_s, fault) in enumerate(self._asked):
            due = self._clock() >= asked_s + fault.at_s
            if fault.kind in LASTING and due and number not in self._begun:
                self._begun.add(number)
                self.hits[fault.kind] += 1
                found.append(fault)
        return found

    def shown(self) -> dict[str, object]:
        """Return what is asked for and what has struck, for a person."""
        now_s = self._clock()
        rows = [
            {**fault.model_dump(), "active": _active(asked_s, fault, now_s)}
            for asked_s, fault in self._asked
        ]
        return {"seed": self._seed, "faults": rows, "hits": dict(self.hits)}

    def _now(self, kind: Kind) -> list[Fault]:
        if not self._asked:
            return []
        now_s = self._clock()
        return [f for asked_s, f in self._asked if f.kind == kind and _active(asked_s, f, now_s)]


def _active(asked_s: float, fault: Fault, now_s: float) -> bool:
    return asked_s + fault.at_s <= now_s < asked_s + fault.at_s + fault.for_s
