"""How fast the loopback exchange is: orders per second, and a block of a simulated market.

The same orders go through the bare book, through the exchange, and as signed requests through the
server's sockets. All times but one are of the processor, so that a busy machine does not count: the
ratios say what rules, margin, fees and answers cost beside matching, and what HTTP, JSON and the
verified signatures cost beside those. Over sockets it says the time on the clock as well, which is
shared with the client.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx

from engine.localnet.book import Book
from engine.localnet.exchange import Exchange, Request
from engine.localnet.house import Op
from engine.localnet.listings import DEFAULT
from engine.localnet.mirror import Mirror
from engine.localnet.state import Order
from engine.sim.market import HOUR_NS
from engine.sim.universe import market_of
from engine.venues.hyperliquid import signing, wire
from engine.venues.hyperliquid.key import SigningKey

OPENED = 1_767_225_600_000
KEYS = tuple(SigningKey(f"{number:064x}") for number in range(1, 21))
TRADERS = tuple(key.address for key in KEYS)
ORDERS = 10_000
MINUTES = 10
BLOCK_MS = 100
MS = 1_000_000
CLIENTS = 200  # connections, each with one request at a time
TICK = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Print orders per second beside the bare book, and blocks of two simulated markets."""
    bare_s = bare_book()
    rest_s, take_s = orders()
    print(f"{ORDERS:,} orders that rest, two a request: {ORDERS / rest_s:,.0f}/s,")
    print(f"  {ORDERS:,} that take them, margin and fees included: {ORDERS / take_s:,.0f}/s,")
    print(f"  together {(rest_s + take_s) / bare_s:.0f} times the bare book in this process")
    served_s, wall_s = served()
    print(
        f"the same over {CLIENTS} sockets, signatures verified: {2 * ORDERS / served_s:,.0f}/s of "
        f"the server's processor, {served_s / (rest_s + take_s):.1f} times the exchange alone; "
        f"{2 * ORDERS / wall_s:,.0f}/s on the clock"
    )
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
    requests = [
        Request(TRADERS[trader], action, exchange.time + number)
        for number, (trader, action) in enumerate(_actions(tif, is_buy=is_buy))
    ]
    began_s = time.process_time()
    for first in range(0, len(requests), 100):
        exchange.run_block(exchange.time + BLOCK_MS, requests[first : first + 100])
    return time.process_time() - began_s


def _actions(tif: str, *, is_buy: bool) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield who places what, two orders at a time."""
    for number in range(ORDERS // 2):
        px = str(4_399 - number % 50 if tif == "Alo" else 4_300)
        row = {"a": 1, "b": is_buy, "p": px, "s": "0.01", "r": False, "t": {"limit": {"tif": tif}}}
        # one half of the traders makes, the other takes: nobody meets himself
        trader = number % 10 + (10 if tif == "Ioc" else 0)
        yield trader, {"type": "order", "orders": [row, row], "grouping": "na"}


def served() -> tuple[float, float]:
    """Return what the orders cost a server's processor, and the time on the clock [s]."""
    with tempfile.TemporaryDirectory() as folder:
        quick = ("--latency-ms", "0", "--news-ms", "0", "--block-ms", "20", "--no-ip-limits")
        words = ("--port", "0", "--assets", "none", "--state", f"{folder}/state", *quick)
        command = [sys.executable, "-m", "flows.cli", "localnet", *words]
        env = os.environ | {"GANGWAY_HOME": folder}
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            try:
                return _load(server.stdout.readline().split()[3], server.pid)
            finally:
                server.terminate()


def _load(url: str, pid: int) -> tuple[float, float]:
    for trader in TRADERS:
        gift = {"user": trader, "usd": 1e9, "volume_usd": 1e9}
        httpx.post(f"{url}/faucet", json=gift).raise_for_status()
    used_s = wall_s = 0.0
    for tif, is_buy, word in (("Alo", True, b"resting"), ("Ioc", False, b"filled")):
        bodies = _signed(tif, is_buy=is_buy)
        cpu_before_s, began_s = cpu_s(pid), time.perf_counter()
        answers = asyncio.run(_post_all(url, bodies))
        used_s += cpu_s(pid) - cpu_before_s
        wall_s += time.perf_counter() - began_s
        if sum(answer.count(word) for answer in answers) != ORDERS:
            raise RuntimeError(f"{word.decode()} must be said of every order: {answers[0]}")
    return used_s, wall_s


def _signed(tif: str, *, is_buy: bool) -> list[bytes]:
    """Return requests of HTTP, signed before anybody looks at a clock."""
    nonce, found = time.time_ns() // MS, []
    for number, (trader, action) in enumerate(_actions(tif, is_buy=is_buy)):
        signature = signing.sign(KEYS[trader], action, nonce + number)
        body = wire.encode(wire.Request(action, nonce + number, signature))
        head = b"POST /exchange HTTP/1.1\r\nHost: localnet\r\nContent-Type: application/json\r\n"
        found.append(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    return found


async def _post_all(url: str, bodies: list[bytes]) -> list[bytes]:
    """Return the bodies of the answers; each connection takes its share of the requests."""
    port = int(url.rpartition(":")[2])

    async def post(mine: list[bytes]) -> list[bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answers = []
        for body in mine:
            writer.write(body)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            answers.append(await reader.readexactly(length))
        writer.close()
        return answers

    told = await asyncio.gather(*(post(bodies[k::CLIENTS]) for k in range(CLIENTS)))
    return [answer for answers in told for answer in answers]


def cpu_s(pid: int) -> float:
    """Return what a process has used of the processor so far [s]."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


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
