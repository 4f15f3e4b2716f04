"""What a reader of recordings hands over, and what it must know about the asset first."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from engine.grid import MAX_PX_DECIMALS

# szDecimals of the main dex's universe (POST /info {"type": "meta"}, 2026-09-30)
SZ_DECIMALS = {"BTC": 5, "ETH": 4, "SOL": 2, "HYPE": 2, "WLFI": 0}


class RecordingError(ValueError):
    """A recording cannot be read; the message names file, what is wrong and what would be right."""


@dataclass
class Recording:
    """Events of one asset from one source; the counts are complete after the last chunk.

    `dropped` counts source rows that did not become events, by reason; `noted` counts those that
    did, with a remark. Times of `chunks` are whole microseconds and ordered by `recv_ns`.
    """

    asset: str
    venue: str
    source: str
    px_decimals: int
    sz_decimals: int
    chunks: Iterator[NDArray[Any]]
    dropped: Counter[str] = field(default_factory=Counter)
    noted: Counter[str] = field(default_factory=Counter)


def hyperliquid_grid(asset: str, sz_decimals: int | None) -> tuple[int, int]:
    """Return the decimals of price and size of a Hyperliquid perpetual.

    Raises
    ------
    RecordingError
        if they are neither given nor known.

    Examples
    --------
    >>> hyperliquid_grid("BTC", None)
    (1, 5)
    """
    known = SZ_DECIMALS.get(asset) if sz_decimals is None else sz_decimals
    if known is None or not 0 <= known <= MAX_PX_DECIMALS:
        raise RecordingError(
            f"sz_decimals of {asset!r} must be given, 0..{MAX_PX_DECIMALS}, was {sz_decimals}; "
            f"known without it: {sorted(SZ_DECIMALS)}; ask the venue's meta"
        )
    return MAX_PX_DECIMALS - known, known
