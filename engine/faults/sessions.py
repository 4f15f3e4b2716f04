"""Many sessions in one array of memory."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.faults.laws import NAMES
from engine.faults.world import World, play
from engine.gateway.desk import new_desk
from engine.record import zeros


class Played(NamedTuple):
    """One session: the laws it broke, by name, and how much happened in it."""

    seed: int
    broken: tuple[str, ...]
    orders: int
    fills: int
    processes: int
    is_latched: bool


class Sessions:
    """Plays sessions of one configuration, one after another.

    Parameters
    ----------
    params
        of the maker, from `engine.core.params.new_params`.
    limits
        what is approved, from `engine.gateway.pretrade.new_limits`.
    """

    def __init__(self, params: Any, limits: Any) -> None:
        self.worlds = zeros(World)
        desk = new_desk(params, limits)
        start = World.dtype.fields["desk"][1]
        # as bytes: numpy copies records field by field, which takes far longer
        self._desk = _bytes(self.worlds)[start : start + desk.nbytes]
        self._new_desk = _bytes(desk)

    def play(self, seeds: Iterable[int]) -> Iterator[Played]:
        """Play sessions, and yield how each went.

        Raises
        ------
        RuntimeError
            if a session did not fit in the tables of its world, so that it proves nothing.
        """
        for seed in seeds:
            self._desk[:] = self._new_desk
            broken = play(self.worlds[0], seed)
            yield self._played(seed, broken)

    def _played(self, seed: int, broken: int) -> Played:
        w = self.worlds[0]
        if w.exchange.full or w.mail.lost:
            raise RuntimeError(f"session {seed} has more orders, fills or messages than fit")
        return Played(
            seed=seed,
            broken=tuple(name for k, name in enumerate(NAMES) if broken >> k & 1),
            orders=int(w.exchange.n_orders),
            fills=int(w.exchange.n_fills),
            processes=int(w.process),
            is_latched=bool(w.desk.gateway.latched),
        )


def _bytes(records: NDArray[Any]) -> NDArray[np.uint8]:
    return records.view(np.uint8).reshape(-1)
