"""What no sequence of requests and no market may bring about."""

import random
from collections import Counter
from dataclasses import asdict
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from engine.localnet.exchange import Exchange, Request
from engine.localnet.floor import Block
from engine.localnet.house import MAKER as HOUSE
from engine.localnet.house import Level, Op, Oracle, Taken
from engine.localnet.listings import DEFAULT
from engine.localnet.state import Order
from tests.localnet.conftest import (
    ETH,
    HYNA_BTC,
    MAKER,
    OPENED,
    OTHER,
    TAKER,
    TSLA,
    order,
    placing,
)

PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)  # explaining takes minutes
USERS = (MAKER, TAKER, OTHER)
# middle and step in units, a size in lots
MARKETS = {ETH: (440_000, 100, 500), TSLA: (348_000, 100, 1_000), HYNA_BTC: (1_100_000, 100, 50)}
DEPOSIT = 10_000

MOMENTS = (50, 100, 100, 100, 3_000, 3_000, 60_000, 3_600_000)


def written(seed: int, n: int = 60) -> list[Any]:
    """A history: blocks of (moment, deeds of users, moves of the market)."""
    rng = random.Random(seed)
    return [
        (
            rng.choice(MOMENTS),
            [a_deed(rng) for _ in range(rng.randint(0, 4))],
            [a_move(rng) for _ in range(rng.randint(0, 3))],
        )
        for _ in range(n)
    ]


def a_row(rng: random.Random) -> Any:
    """An order: asset, side, offset, size, time in force, reduce-only, cloid."""
    cloid = f"0x{rng.randint(1, 30):032x}" if rng.random() < 0.3 else None
    tif = rng.choice(("Alo", "Ioc", "Gtc", "Gtc"))
    asset, is_buy = rng.choice(list(MARKETS)), rng.random() < 0.5
    return asset, is_buy, rng.randint(-6, 6), rng.randint(1, 60), tif, rng.random() < 0.15, cloid


def a_deed(rng: random.Random) -> Any:
    """Something that a user asks for."""
    user, kind = rng.choice(USERS), rng.random()
    if kind < 0.65:
        return "order", user, [a_row(rng) for _ in range(rng.randint(1, 3))]
    if kind < 0.75:
        return "cancel", user, rng.randint(0, 5)
    if kind < 0.9:
        return "modify", user, rng.randint(0, 5), a_row(rng)
    if kind < 0.97:
        value, cross = rng.randint(1, 10), rng.random() < 0.5
        return "leverage", user, rng.choice(list(MARKETS)), value, cross
    return "send", user, rng.choice(USERS), rng.randint(1, 4_000)


def a_move(rng: random.Random) -> Any:
    """Something that the market does."""
    asset, kind, is_buy = rng.choice(list(MARKETS)), rng.random(), rng.random() < 0.5
    if kind < 0.6:
        return "level", asset, is_buy, rng.randint(-6, 6), rng.randint(0, 40)
    if kind < 0.85:
        return "take", asset, is_buy, rng.randint(-6, 6), rng.randint(1, 60)
    return "oracle", asset, rng.choice((0, 10, -10, 300, -300, 900, -900, 2_500, -2_500))


seeds = st.integers(0, 2**32 - 1)
near = st.integers(-6, 6)
users = st.sampled_from(USERS)
sizes = st.integers(1, 40)


class World:
    """An exchange that is driven by a history, and remembers what it said."""

    def __init__(self) -> None:
        self.exchange = opened()
        self.nonce = OPENED
        self.told: list[Block] = []
        self.orders: dict[int, Order] = {}

    def live(self, history: list[Any]) -> "World":
        """Run a whole history, with a law after every block."""
        for moment, asked, moved in history:
            self.step(moment, asked, moved)
            assert_lawful(self)
        return self

    def step(self, moment: int, asked: list[Any], moved: list[Any]) -> Block:
        """Run one block."""
        requests = []
        for deed in asked:
            self.nonce += 1
            requests.append(Request(deed[1], self.action(deed), self.nonce))
        flow = [as_op(op) for op in moved]
        block = self.exchange.run_block(self.exchange.time + moment, requests, flow)
        self.told.append(block)
        floor = self.exchange.floor
        self.orders |= floor.state.orders
        for account in floor.state.accounts.values():
            self.orders |= {oid: over.order for oid, over in account.closed.items()}
        return block

    def action(self, deed: Any) -> dict[str, Any]:
        """The wire's action of a deed."""
        kind, user = deed[:2]
        living = list(self.exchange.floor.orders(user).values())
        if kind == "order":
            return placing(*(as_row(row) for row in deed[2]))
        if kind == "cancel":
            found = living[deed[2] % len(living)] if living else None
            pair = {"a": found.asset, "o": found.oid} if found else {"a": ETH, "o": 1}
            return {"type": "cancel", "cancels": [pair]}
        if kind == "modify":
            oid = living[deed[2] % len(living)].oid if living else 1
            return {"type": "batchModify", "modifies": [{"oid": oid, "order": as_row(deed[3])}]}
        if kind == "leverage":
            _, _, asset, value, cross = deed
            more = {"isCross": cross, "leverage": value}
            return {"type": "updateLeverage", "asset": asset, **more}
        return {"type": "usdSend", "destination": deed[2], "amount": str(deed[3]), "time": 1}


def opened() -> Exchange:
    """Three users with collateral everywhere, and a thin market of the house."""
    exchange = Exchange(DEFAULT, time=OPENED)
    for user in USERS:
        for dex in ("", "xyz", "hyna"):
            exchange.deposit(user, DEPOSIT, dex)
    flow = [
        as_op(("level", asset, is_buy, -2 if is_buy else 2, 20))
        for asset in MARKETS
        for is_buy in (True, False)
    ]
    exchange.run_block(OPENED, (), flow)
    return exchange


def as_row(row: Any) -> dict[str, Any]:
    """The wire's order."""
    asset, is_buy, offset, size, tif, reduces, cloid = row
    middle, step, lots = MARKETS[asset]
    decimals = {ETH: (2, 4), TSLA: (3, 3), HYNA_BTC: (1, 5)}[asset]
    px = Decimal(middle + offset * step).scaleb(-decimals[0])
    sz = Decimal(size * lots).scaleb(-decimals[1])
    more = {"c": cloid} if cloid else {}
    return order(asset, "buy" if is_buy else "sell", px, f"{sz:f}", tif, **more) | {"r": reduces}


def as_op(op: Any) -> Op:
    """One thing that the market does."""
    kind, asset = op[:2]
    middle, step, lots = MARKETS[asset]
    if kind == "oracle":
        return Oracle(asset, middle + op[2] * step // 10)
    _, _, is_buy, offset, size = op
    make = Level if kind == "level" else Taken
    return make(asset, is_buy, middle + offset * step, size * lots)


def assert_lawful(world: World) -> None:
    """Everything that holds after any block."""
    assert_nothing_is_made_or_lost(world)
    assert_books_are_not_crossed_and_hold_what_is_open(world)
    assert_accounts_add_up(world)
    assert_orders_kept_their_promises(world)


def assert_nothing_is_made_or_lost(world):
    state = world.exchange.floor.state
    lots, money = Counter(), Counter()
    for account in state.accounts.values():
        for dex, micro in account.usd.items():
            money[DEFAULT.dexs[dex].collateral] += micro
        for number, position in account.positions.items():
            lots[number] += position.lots
            dex = world.exchange.floor.universe.assets[number].dex
            money[DEFAULT.dexs[dex].collateral] += position.raw or 0
    for pot in (state.fees, state.funding_pool):
        money.update(pot)
    assert not any(lots.values())
    each = len(USERS) * DEPOSIT * 10**6
    assert money == {0: 2 * each, 235: each}


def assert_books_are_not_crossed_and_hold_what_is_open(world):
    floor = world.exchange.floor
    for number in MARKETS:
        book = floor.books[number]
        bid, ask = book.bids.best(), book.asks.best()
        assert bid is None or ask is None or bid < ask
        for side in (book.bids, book.asks):
            resting = [o for level in side.levels.values() for o in level.orders.values()]
            mine = [o for o in floor.state.orders.values() if o.asset == number and o.place]
            assert {o.oid for o in resting} == {o.oid for o in mine if o.is_buy == (side.sign > 0)}
            for key, level in side.levels.items():
                assert level.lots == sum(o.sz for o in level.orders.values()) > 0
                assert all(o.px == side.sign * key and o.sz > 0 for o in level.orders.values())
                places = [o.place for o in level.orders.values()]
                assert places == sorted(places)


def assert_accounts_add_up(world):
    """The identities of the margin algebra, from the strings that a client reads."""
    for user in USERS:
        for dex in ("", "xyz", "hyna"):
            state = world.exchange.info({"type": "clearinghouseState", "user": user, "dex": dex})
            rows = [row["position"] for row in state["assetPositions"]]
            assert_adds_up(state["marginSummary"], rows)
            cross = [row for row in rows if row["leverage"]["type"] == "cross"]
            assert_adds_up(state["crossMarginSummary"], cross)
            used = sum(Decimal(row["positionValue"]) / row["leverage"]["value"] for row in cross)
            shown = Decimal(state["crossMarginSummary"]["totalMarginUsed"])
            assert abs(used - shown) <= Decimal("1e-6") * max(1, len(cross))


def assert_adds_up(summary, rows):
    signed = sum(Decimal(row["positionValue"]).copy_sign(Decimal(row["szi"])) for row in rows)
    assert Decimal(summary["accountValue"]) == Decimal(summary["totalRawUsd"]) + signed
    assert Decimal(summary["totalNtlPos"]) == sum(Decimal(row["positionValue"]) for row in rows)


def assert_orders_kept_their_promises(world):
    floor = world.exchange.floor
    for live in floor.state.orders.values():
        assert live.tif in ("Alo", "Gtc")  # an IOC order never rests
        if live.reduce_only:
            held = floor.account(live.user).positions[live.asset].lots
            assert held * live.sign < 0 and live.sz <= abs(held)
    for fills in world.told[-1].fills.values():
        for fill in fills:
            made = world.orders.get(fill["oid"])
            if made is None:  # a liquidation's hand-over has no order
                assert fill["liquidation"]["method"] == "backstop"
                continue
            assert not (made.tif == "Alo" and fill["crossed"])
            if made.reduce_only:
                before = Decimal(fill["startPosition"])
                after = before + made.sign * Decimal(fill["sz"])
                assert abs(after) < abs(before) and before * after >= 0


@given(seeds)
@settings(deadline=None, phases=PHASES, max_examples=20)
def test_whatever_is_asked_the_exchange_stays_lawful(seed):
    World().live(written(seed))


@given(seeds)
@settings(deadline=None, phases=PHASES, max_examples=5)
def test_the_same_requests_give_the_same_bytes(seed):
    first, second = World(), World()
    for part in written(seed):
        assert asdict(first.step(*part)) == asdict(second.step(*part))
    assert first.exchange.snapshot() == second.exchange.snapshot()


@given(seeds, st.integers(0, 59))
@settings(deadline=None, phases=PHASES, max_examples=8)
def test_a_restart_after_any_block_changes_nothing(seed, stop):
    stayed, restarted = World(), World()
    for k, part in enumerate(written(seed)):
        assert asdict(stayed.step(*part)) == asdict(restarted.step(*part))
        if k == stop:
            blob = restarted.exchange.snapshot()
            restarted.exchange = Exchange.restore(DEFAULT, blob)
            assert restarted.exchange.snapshot() == blob
    assert stayed.exchange.snapshot() == restarted.exchange.snapshot()


@given(
    st.lists(st.tuples(users, st.booleans(), near, sizes), max_size=20),
    st.tuples(st.booleans(), near, st.integers(1, 200)),
)
@settings(deadline=None, phases=PHASES, max_examples=40)
def test_the_best_price_trades_first_and_then_the_oldest(resting, taken):
    world = World()
    for user, is_buy, offset, size in resting:
        row = (ETH, is_buy, -abs(offset) if is_buy else abs(offset) + 1, size, "Alo", False, None)
        world.step(100, [("order", user, [row])], [])
    is_buy, offset, size = taken
    middle, step, lots = MARKETS[ETH]
    limit, sign = middle + offset * step, 1 if is_buy else -1
    queue = [
        (sign * o.px, o.place, o.oid, o.sz)
        for o in world.exchange.floor.state.orders.values()
        if o.asset == ETH and o.is_buy != is_buy and sign * o.px <= sign * limit
    ]
    expected, left = [], size * lots
    for key, _, oid, sz in sorted(queue):
        if left > 0:
            expected.append((oid, sign * key, min(left, sz)))
            left -= min(left, sz)
    before = {oid: o.sz for oid, o in world.exchange.floor.state.orders.items()}
    world.step(100, [], [("take", ETH, is_buy, offset, size)])
    prints = world.told[-1].trades.get("ETH", [])
    seen = [(round(Decimal(t["px"]) * 100), round(Decimal(t["sz"]) * 10_000)) for t in prints]
    assert seen[: len(expected)] == [(px, sz) for _, px, sz in expected]
    after = world.exchange.floor.state.orders
    assert {
        oid: sz - (after[oid].sz if oid in after else 0)
        for oid, sz in before.items()
        if oid not in after or after[oid].sz != sz
    } == {oid: sz for oid, _, sz in expected}


def test_the_laws_notice_what_they_forbid():
    world = World()
    world.step(100, [("order", MAKER, [(ETH, True, 6, 20, "Gtc", False, None)])], [])
    assert_lawful(world)
    world.exchange.floor.account(MAKER).usd[0] += 1
    with pytest.raises(AssertionError):
        assert_nothing_is_made_or_lost(world)
    world = World()
    house = next(o for o in world.exchange.floor.state.orders.values() if o.user == HOUSE)
    house.sz += 1
    with pytest.raises(AssertionError):
        assert_books_are_not_crossed_and_hold_what_is_open(world)
