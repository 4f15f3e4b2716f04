"""What cannot be true of an event, on its way to a tape and on its way back.

Every refusal names file, row, value and what would be right.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.events import LEVEL, TRADE
from engine.instrument import PX_MAX
from engine.store.tape_facts import KINDS, TapeError, TapeMeta

REMEDY = "import the source again"
_KNOWN = np.isin(np.arange(max(KINDS) + 1), list(KINDS))


def check_values(path: Path, events: NDArray[Any], row: int) -> None:
    """Refuse what cannot be true of any event, whether it comes from a source or from a file."""
    market = is_market(events["kind"])
    for name in ("px", "sz", "extra"):
        finite = np.isfinite(events[name])
        _refuse(path, ~finite, events[name], row, name, "finite")
    _refuse(path, market & ~(events["px"] > 0.0), events["px"], row, "px", "positive")
    high = market & (events["px"] > PX_MAX)
    _refuse(path, high, events["px"], row, "px", f"a price of at most {PX_MAX:g} USD")
    _refuse(path, events["sz"] < 0.0, events["sz"], row, "sz", "zero or positive")
    empty = (events["kind"] == TRADE) & (events["sz"] == 0.0)
    _refuse(path, empty, events["sz"], row, "sz of a trade", "positive")
    _refuse(path, market & (np.abs(events["side"]) != 1), events["side"], row, "side", "1 or -1")
    kind = np.clip(events["kind"], 0, len(_KNOWN) - 1)
    unknown = ~_KNOWN[kind] | (kind != events["kind"])
    _refuse(path, unknown, events["kind"], row, "kind", f"one of {sorted(KINDS)}")
    early = events["recv_ns"] < events["ts_ns"]
    _refuse(path, early, events["recv_ns"], row, "recv_ns", "at or after ts_ns")


def check_grid(path: Path, events: NDArray[Any], meta: TapeMeta, row: int) -> None:
    """Refuse what would not come back as the same bits."""
    market = is_market(events["kind"])
    for name, scale, decimals in zip(
        ("px", "sz"), scales(meta), (meta.px_decimals, meta.sz_decimals), strict=True
    ):
        value = np.where(market, events[name], 0.0)
        off = np.rint(value * scale) / scale != value
        _refuse(path, off, value, row, name, f"a multiple of 1e-{decimals}")
    for name in ("ts_ns", "recv_ns"):
        off = events[name] % 1000 != 0
        _refuse(path, off, events[name], row, name, "a whole number of microseconds")


def check_order(path: Path, recv: NDArray[Any], last: int, row: int) -> None:
    """Refuse a recorder's time before that of the row before."""
    before = np.concatenate([[last], recv[:-1]])
    _refuse(path, recv < before, recv, row, "recv time", "at or after that of the row before it")


def _refuse(
    path: Path, bad: NDArray[Any], values: NDArray[Any], row: int, name: str, right: str
) -> None:
    if bad.any():
        k = int(np.argmax(bad))
        raise TapeError(f"{path}: row {row + k}: {name} must be {right}, was {values[k]}; {REMEDY}")


def is_market(kind: NDArray[Any]) -> NDArray[Any]:
    """Return which events lie on the decimal grid."""
    return (kind == LEVEL) | (kind == TRADE)


def scales(meta: TapeMeta) -> tuple[float, float]:
    """Return units per dollar and lots per coin."""
    return 10.0**meta.px_decimals, 10.0**meta.sz_decimals
