"""How fast the loopback exchange is: orders per second, and a block of a simulated market.

All times are of the processor, so that a busy machine does not count. The ratio is to the bare book
with the same orders, run just before: what rules, margin, fees and answers cost beside matching.
"""

import time
from collections.abc import Iterable

from engine.localnet.book import Book
from engine.localnet.exchange import Exchange, Request
from engine.localnet.house import Op
from engine.localnet.listings import DEFAULT
from engine.localnet.mirror import Mirror
from engine.localnet.state import Order
from engine.sim.market import HOUR_NS
from engine.sim.universe import market_of

OPENED = 1_767_225_600_000
TRADERS = tuple(f"0x{number:040x}" for number in range(1, 11))
ORDERS = 10_000
MINUTES = 10
BLOCK_MS = 100
MS = 1_000_000


def main() -> None:
    """Print orders per second beside the bare book, and blocks of two simulated markets."""
    bare_s = bare_book()
    rest_s, take_s = orders()
    print(f"{ORDERS:,} orders that rest, two a request: {ORDERS / rest_s:,.0f}/s,")
    print(f"  {ORDERS:,} that take them, margin and fees included: {ORDERS / take_s:,.0f}/s,")
    print(f"  together {(rest_s + take_s) / bare_s:.0f} times the bare book in this process")
    for coin in ("BTC", "HYPE"):
        took_s, ops, blocks, worst_s = market(coin)
        print(
            f"{coin}: {MINUTES} min of simulated market, {ops:,} changes and trades in {blocks:,} "
            f"blocks: {took_s:.2f} s, {took_s / blocks * 1e6:,.0f} µs a block "
            f"(worst {worst_s * 1e3:.1f} ms), {MINUTES * 60 / took_s:,.0f} times real time"
        )


def bare_book() -> float:
    """Return what adding the orders to a book and trading them off costs [s]."""
    book, began_s = Book(), time.process_time()
    for number in range(ORDERS):
        px = 439_900 - 100 * (number % 50)
        order = Order(number, "", 1, True, px, 100, 100, "Gtc", reduce_only=False, time=0)
        book.side(True).add(order)
    for _ in range(ORDERS):
        maker = book.crossing(False, 430_000)
        assert maker is not None
        book.side(True).reduce(maker, maker.sz)
        book.side(True).remove(maker)
    return time.process_time() - began_s


def orders() -> tuple[float, float]:
    """Return what orders that rest cost, and then those that take them [s]."""
    exchange = Exchange(DEFAULT, time=OPENED)
    for trader in TRADERS:
        exchange.deposit(trader, 1e9)
        exchange.credit_volume(trader, 1e9)
    return _send(exchange, tif="Alo", is_buy=True), _send(exchange, tif="Ioc", is_buy=False)


def _send(exchange: Exchange, *, tif: str, is_buy: bool) -> float:
    nonce, requests = exchange.time, []
    for number in range(ORDERS // 2):
        px = str(4_399 - number % 50 if tif == "Alo" else 4_300)
        row = {"a": 1, "b": is_buy, "p": px, "s": "0.01", "r": False, "t": {"limit": {"tif": tif}}}
        action = {"type": "order", "orders": [row, row], "grouping": "na"}
        # takers are a step behind, so that nobody meets himself
        trader = TRADERS[(number + (tif == "Ioc")) % len(TRADERS)]
        requests.append(Request(trader, action, nonce + number))
    began_s = time.process_time()
    for first in range(0, len(requests), 100):
        exchange.run_block(exchange.time + BLOCK_MS, requests[first : first + 100])
    return time.process_time() - began_s


def market(coin: str) -> tuple[float, int, int, float]:
    """Return what mirroring a market took [s], changes, blocks, and the worst block [s]."""
    end = OPENED + MINUTES * 60_000
    chunk = market_of(coin, None, 7, OPENED * MS // HOUR_NS * HOUR_NS).chunk(0)
    exchange = Exchange(DEFAULT, time=OPENED)
    mirror = Mirror(exchange.floor.universe.by_coin[coin], [chunk])
    took_s, ops, blocks, worst_s = 0.0, 0, 0, 0.0
    for now in range(OPENED, end, BLOCK_MS):
        began_s = time.process_time()
        ops += _block(exchange, now, mirror.take(now))
        block_s = time.process_time() - began_s
        took_s, blocks, worst_s = took_s + block_s, blocks + 1, max(worst_s, block_s)
    return took_s, ops, blocks, worst_s


def _block(exchange: Exchange, now: int, flow: Iterable[Op]) -> int:
    flow = list(flow)
    exchange.run_block(now, flow=flow)
    return len(flow)


if __name__ == "__main__":
    main()
