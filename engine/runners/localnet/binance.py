"""The leading venue's market data in Binance's words: touch, prints, depth. Pure.

A simulated leading venue says a mid and trades; its touch is one tick around the mid, its depth
twenty levels of equal size. Only assets with a leading venue have a symbol.

References
----------
Binance USD-M futures, "WebSocket market streams" and "Change log", 2026-04-23: book streams are on
``/public``, aggregated trades on ``/market``; a stream asked for on the other route is acknowledged
and says nothing. Shapes as recorded in 2026.
"""

import math
from typing import Any

from engine.runners.localnet.market import Ahead

PUBLIC, MARKET = "public", "market"
ROUTES = {
    "bookTicker": PUBLIC,
    "depth": PUBLIC,
    "depth@100ms": PUBLIC,
    "trade": PUBLIC,
    "aggTrade": MARKET,
}
LEVELS = 20
LOT = 1_000  # lots per coin
SZ = "10.000"

Json = dict[str, Any]
Side = dict[int, str]  # price in ticks to size


class Symbol:
    """One symbol: what it has said, and what it says next."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.mid = 0.0
        self.decimals = 2
        self._update, self._trade = 0, 0
        self._depth_at = 0  # the update up to which depth was told
        self._levels: tuple[Side, Side] = ({}, {})

    def hear(self, news: list[Ahead], now_ms: int) -> list[tuple[str, Json]]:
        """Return what the streams say about what the leading venue did."""
        found: list[tuple[str, Json]] = []
        for one in news:
            if one.side:
                found += self._print(one, now_ms)
            else:
                self._move(one.px)
        if self._update > self._depth_at:
            found.append(("bookTicker", self.touch(now_ms)))
            change = self._change(now_ms)
            found += [("depth", change), ("depth@100ms", change)]
        return found

    def touch(self, now_ms: int) -> Json:
        """Return ``bookTicker``: one tick around the mid."""
        bid, ask = self._best()
        said = {"e": "bookTicker", "u": self._update, "s": self.name, "b": self._px(bid), "B": SZ}
        return said | {"a": self._px(ask), "A": SZ, "T": now_ms, "E": now_ms, "st": 1}

    def snapshot(self, now_ms: int) -> Json:
        """Return the answer of ``/fapi/v1/depth``."""
        bids, asks = self._told(self._levels[0], -1), self._told(self._levels[1], 1)
        return {
            "lastUpdateId": self._depth_at,
            "E": now_ms,
            "T": now_ms,
            "bids": bids,
            "asks": asks,
        }

    def listing(self) -> Json:
        """Return the symbol's entry of ``/fapi/v1/exchangeInfo``."""
        base = self.name.removesuffix("USDT")
        tick = f"{10.0**-self.decimals:.{max(self.decimals, 0)}f}"
        filters = [
            {"filterType": "PRICE_FILTER", "tickSize": tick, "minPrice": tick, "maxPrice": "1e6"},
            {"filterType": "LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "10000"},
            {"filterType": "MIN_NOTIONAL", "notional": "5"},
        ]
        return {
            "symbol": self.name,
            "pair": self.name,
            "contractType": "PERPETUAL",
            "status": "TRADING",
            "baseAsset": base,
            "quoteAsset": "USDT",
            "pricePrecision": max(self.decimals, 0),
            "quantityPrecision": 3,
            "filters": filters,
        }

    def ticker(self, now_ms: int) -> Json:
        """Return the answer of ``/fapi/v1/ticker/bookTicker``."""
        bid, ask = self._best()
        sides = {"bidPrice": self._px(bid), "bidQty": SZ, "askPrice": self._px(ask), "askQty": SZ}
        return {"symbol": self.name, **sides, "time": now_ms, "lastUpdateId": self._update}

    def _move(self, mid: float) -> None:
        if not self.mid:  # a millionth of the price is about what real ticks are
            self.decimals = min(max(5 - math.floor(math.log10(mid)), 0), 8)
        if mid != self.mid:
            self.mid = mid
            self._update += 1

    def _print(self, one: Ahead, now_ms: int) -> list[tuple[str, Json]]:
        self._trade += 1
        px, sz = f"{one.px:.{self.decimals}f}", f"{max(1, round(one.sz * LOT)) / LOT:.3f}"
        said = {"E": now_ms, "T": now_ms, "s": self.name, "p": px, "q": sz, "m": one.side < 0}
        number = self._trade
        single = {"e": "trade", **said, "t": number, "X": "MARKET"}
        summed = {"e": "aggTrade", **said, "a": number, "nq": sz, "f": number, "l": number, "st": 1}
        return [("trade", single), ("aggTrade", summed)]

    def _best(self) -> tuple[int, int]:
        bid = math.floor(self.mid * 10**self.decimals)
        return bid, bid + 1

    def _change(self, now_ms: int) -> Json:
        """Return ``depthUpdate``: what differs from what was told last."""
        bid, ask = self._best()
        now = ({bid - k: SZ for k in range(LEVELS)}, {ask + k: SZ for k in range(LEVELS)})
        diffs = [
            {**dict.fromkeys(old.keys() - new.keys(), "0.000"), **_added(old, new)}
            for old, new in zip(self._levels, now, strict=True)
        ]
        said = {"e": "depthUpdate", "E": now_ms, "T": now_ms, "s": self.name}
        said |= {"U": self._depth_at + 1, "u": self._update, "pu": self._depth_at}
        self._levels, self._depth_at = now, self._update
        return said | {"b": self._told(diffs[0], -1), "a": self._told(diffs[1], 1)}

    def _told(self, side: Side, sign: int) -> list[list[str]]:
        return [
            [self._px(px), sz] for px, sz in sorted(side.items(), key=lambda row: sign * row[0])
        ]

    def _px(self, ticks: int) -> str:
        return f"{ticks / 10**self.decimals:.{self.decimals}f}"


def _added(old: Side, new: Side) -> Side:
    return {px: sz for px, sz in new.items() if px not in old}
