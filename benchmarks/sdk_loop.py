"""A market maker as the examples of the official SDK have it: hear, place or cancel two orders.

``python -m benchmarks.sdk_loop COIN URL ACCOUNT KEY_FILE PERIOD_S`` hears one coin and one account.
At the first bbo after every period it places two post-only orders, or cancels the two it has. It
estimates, checks, writes down and reconciles nothing: `benchmarks.live_engines` runs it beside.
"""

import sys
import threading
import time
from pathlib import Path
from typing import Any

from eth_account import Account as Wallet
from hyperliquid.exchange import Exchange
from hyperliquid.info import Info

SZ, AWAY = 1.0, 0.01  # coins; how far from the touch, relative
PX_DECIMALS = 3
MARKET = ("l2Book", "bbo", "trades", "activeAssetCtx")
ACCOUNT = ("orderUpdates", "userFills", "userFundings")


class Loop:
    """One coin, from the touch to two orders and back."""

    def __init__(self, exchange: Exchange, coin: str, period_s: float) -> None:
        self.exchange, self.coin, self.period_s = exchange, coin, period_s
        self.resting: list[int] = []
        self.next_s = 0.0
        self.heard = threading.Condition()
        self.touch: list[Any] = []

    def on_bbo(self, message: Any) -> None:
        """Remember the touch, and wake the one that sends."""
        with self.heard:
            self.touch = message["data"]["bbo"]
            self.heard.notify()

    def send(self) -> None:
        """Place or cancel once a period, for ever."""
        while True:
            with self.heard:
                self.heard.wait()
                touch = self.touch
            if time.monotonic() < self.next_s or None in touch:
                continue
            self.next_s = time.monotonic() + self.period_s
            if self.resting:
                cancels: list[Any] = [{"coin": self.coin, "oid": oid} for oid in self.resting]
                self.exchange.bulk_cancel(cancels)
                self.resting = []
            else:
                self.place(*(float(level["px"]) for level in touch))

    def place(self, bid: float, ask: float) -> None:
        """Place an order on each side."""
        quotes = ((True, bid * (1 - AWAY)), (False, ask * (1 + AWAY)))
        said = self.exchange.bulk_orders(
            [
                {
                    "coin": self.coin,
                    "is_buy": is_buy,
                    "sz": SZ,
                    "limit_px": round(px, PX_DECIMALS),
                    "order_type": {"limit": {"tif": "Alo"}},
                    "reduce_only": False,
                }
                for is_buy, px in quotes
            ]
        )
        statuses = said["response"]["data"]["statuses"]
        self.resting = [one["resting"]["oid"] for one in statuses if "resting" in one]


def main() -> None:
    """Trade until killed."""
    coin, url, account, key, period_s = sys.argv[1:]
    wallet = Wallet.from_key(Path(key).read_text().strip())
    info = Info(url)
    loop = Loop(Exchange(wallet, url, account_address=account), coin, float(period_s))
    asked: list[Any] = [{"type": kind, "user": account} for kind in ACCOUNT]
    asked += [{"type": kind, "coin": coin} for kind in MARKET]
    for one in asked:
        info.subscribe(one, loop.on_bbo if one["type"] == "bbo" else lambda _: None)
    loop.send()


if __name__ == "__main__":
    main()
