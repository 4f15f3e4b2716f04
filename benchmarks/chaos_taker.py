"""Somebody who trades with us, before, while and after our engines die."""

import random
import secrets
import threading
from typing import Any

import httpx

from benchmarks.chaos_processes import Processes
from benchmarks.chaos_witness import Witness
from engine.venues.hyperliquid.asset_ids import asset_id
from engine.venues.hyperliquid.exchange import Exchange
from engine.venues.hyperliquid.info import InfoClient
from engine.venues.hyperliquid.key import SigningKey
from engine.venues.hyperliquid.nonce import Nonces
from engine.venues.hyperliquid.outcome import Filled
from engine.venues.hyperliquid.wire import PlaceOrders, limit_order

FUNDS_USD = 10_000_000.0
EVERY_S = (0.2, 3.0)


class Taker:
    """Takes one of our orders now and then, wholly or in part, and whatever is before it.

    Attributes
    ----------
    takes
        how often it took something.
    """

    def __init__(self, processes: Processes, witness: Witness) -> None:
        url, key = processes.url, SigningKey(secrets.token_hex(32))
        for dex in witness.dexes:
            gift = {"user": key.address, "usd": FUNDS_USD, "dex": dex}
            httpx.post(f"{url}/faucet", json=gift).raise_for_status()
        nonces = Nonces(processes.folder / "taker", key.address)
        self._exchange, self._witness = Exchange(url, key, nonces), witness
        with InfoClient(url) as info:
            self._numbers = {asset: asset_id(info, asset) for asset in processes.assets}
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.takes = 0

    def start(self, seed: int) -> None:
        """Begin to trade."""
        self._dice = random.Random(seed)
        self._thread.start()

    def close(self) -> None:
        """Trade no more."""
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join()
        self._exchange.close()

    def _run(self) -> None:
        while not self._is_over.wait(self._dice.uniform(*EVERY_S)):
            rows = self._witness.orders
            if rows:
                self._take(self._dice.choice(rows))

    def _take(self, row: dict[str, Any]) -> None:
        side, px = (-1 if row["side"] == "B" else 1), float(row["limitPx"])
        try:
            before = self._depth_before(row["coin"], side, px)
        except httpx.HTTPError:
            return
        number = self._numbers[row["coin"]]
        wanted = before + self._dice.random() * float(row["sz"])
        sz = max(round(wanted, number.sz_decimals), 10.0**-number.sz_decimals)
        order = limit_order(number.number, side, px, sz, number.sz_decimals, tif="Ioc")
        (outcome,) = self._exchange.ask(PlaceOrders([order]))
        self.takes += isinstance(outcome, Filled)

    def _depth_before(self, coin: str, side: int, px: float) -> float:
        """Return what stands in the book at better prices, and at this one [coins]."""
        book = self._witness.ask("l2Book", coin=coin)
        levels = book["levels"][0 if side < 0 else 1]
        return sum(float(one["sz"]) for one in levels if (float(one["px"]) - px) * side <= 0)
