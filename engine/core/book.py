"""The order book as far as we look: up to 20 levels a side, prices in units, best first."""

from typing import Annotated, Any

from engine.events import BUY, SNAPSHOT
from engine.instrument import to_px, to_units
from engine.record import f8, i8, kernel, record

DEPTH = 20
NEAR = 5  # levels of a side that are near the touch
BID, ASK = 0, 1


@record
class Book:
    """Levels best first; `n` of them are valid on each side."""

    n: Annotated[i8, 2]
    px: Annotated[i8, (2, DEPTH)]  # units
    sz: Annotated[f8, (2, DEPTH)]  # coins
    ts_ns: i8  # venue time of the last change


@kernel
def row(side: int) -> int:
    """Return the row of a side: 0 for bids, 1 for asks."""
    return BID if side == BUY else ASK


@kernel
def apply(b: Any, i: Any, e: Any) -> None:
    """Absorb one LEVEL event; a size of zero removes the level."""
    if e.code & SNAPSHOT:
        clear(b)
    set_level(b, row(e.side), to_units(i, e.px), e.sz)
    b.ts_ns = e.ts_ns


@kernel
def clear(b: Any) -> None:
    """Forget every level."""
    b.n[BID] = 0
    b.n[ASK] = 0


@kernel
def set_level(b: Any, r: int, px: int, sz: float) -> None:
    """Set the size at a price; levels past the depth we keep are forgotten."""
    n = b.n[r]
    k = find(b, r, px)
    if k < n and b.px[r, k] == px:
        if sz > 0.0:
            b.sz[r, k] = sz
        else:
            _remove(b, r, k)
    elif sz > 0.0 and k < DEPTH:
        _insert(b, r, k, px, sz)


@kernel
def find(b: Any, r: int, px: int) -> int:
    """Return the index of the first level at `px` or behind it."""
    n = b.n[r]
    k = 0
    while k < n and (b.px[r, k] > px if r == BID else b.px[r, k] < px):
        k += 1
    return k


@kernel
def _remove(b: Any, r: int, k: int) -> None:
    for j in range(k, b.n[r] - 1):
        b.px[r, j] = b.px[r, j + 1]
        b.sz[r, j] = b.sz[r, j + 1]
    b.n[r] -= 1


@kernel
def _insert(b: Any, r: int, k: int, px: int, sz: float) -> None:
    last = min(b.n[r], DEPTH - 1)
    for j in range(last, k, -1):
        b.px[r, j] = b.px[r, j - 1]
        b.sz[r, j] = b.sz[r, j - 1]
    b.px[r, k] = px
    b.sz[r, k] = sz
    b.n[r] = last + 1


@kernel
def size_at(b: Any, r: int, px: int) -> float:
    """Return the displayed size [coins] at a price; zero where there is no level."""
    k = find(b, r, px)
    if k < b.n[r] and b.px[r, k] == px:
        return b.sz[r, k]
    return 0.0


@kernel
def is_open(b: Any) -> bool:
    """Return whether both sides have a quote and they do not touch or cross."""
    return b.n[BID] > 0 and b.n[ASK] > 0 and b.px[BID, 0] < b.px[ASK, 0]


@kernel
def mid(b: Any, i: Any) -> float:
    """Return the mid price [USD] of an open book."""
    return 0.5 * (to_px(i, b.px[BID, 0]) + to_px(i, b.px[ASK, 0]))


@kernel
def spread_bps(b: Any, i: Any) -> float:
    """Return the touch spread of an open book, in bps of the mid."""
    return 1e4 * (to_px(i, b.px[ASK, 0]) - to_px(i, b.px[BID, 0])) / mid(b, i)


@kernel
def micro_price(b: Any, i: Any) -> float:
    """Return the size-weighted mid [USD]: nearer to the side with less size.

    References
    ----------
    Gatheral and Oomen, *Zero-intelligence realized variance estimation*, Finance Stoch. 14 (2010),
    eq. 2.
    """
    bid, ask = to_px(i, b.px[BID, 0]), to_px(i, b.px[ASK, 0])
    bid_sz, ask_sz = b.sz[BID, 0], b.sz[ASK, 0]
    return (bid * ask_sz + ask * bid_sz) / (bid_sz + ask_sz)


@kernel
def near_sz(b: Any, r: int) -> float:
    """Return the size displayed near the touch of a side [coins]."""
    total = 0.0
    for k in range(min(b.n[r], NEAR)):
        total += b.sz[r, k]
    return total


@kernel
def imbalance(b: Any) -> float:
    """Return (bid size - ask size) / their sum near the touch, in [-1, 1]; 0 in an empty book."""
    bid, ask = near_sz(b, BID), near_sz(b, ASK)
    return (bid - ask) / max(bid + ask, 1e-12)
