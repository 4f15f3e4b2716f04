"""What time brings: funding every hour, scheduled cancels, triggers that fire."""

from engine.localnet import placing, positions, refusals
from engine.localnet.checks import shrink_to_position
from engine.localnet.digits import RATE_DECIMALS, text, usd
from engine.localnet.floor import ZERO_HASH, Floor
from engine.localnet.margin import total
from engine.localnet.order_shapes import is_reached
from engine.localnet.state import Account, Json, Order, Position, Trigger
from engine.localnet.universe import Asset

HOUR_MS = 3_600_000
KEPT = 10_000
RATES_KEPT = 5_000
HISTORY_KEPT = 24 * 400


def begin(floor: Floor) -> None:
    """Do what is due at the start of a block."""
    hour = floor.state.time // HOUR_MS
    if hour > floor.state.funding_hour:
        floor.state.funding_hour = hour
        _pay_funding(floor)
        _remember_worth(floor)
    for account in floor.state.accounts.values():
        if account.cancel_at is not None and account.cancel_at <= floor.state.time:
            cancel_all(floor, account, "scheduledCancel")
            account.cancel_at = None
            if account.cancels_day != floor.day():
                account.cancels_day, account.cancels_today = floor.day(), 0
            account.cancels_today += 1


def cancel_all(floor: Floor, account: Account, status: str, dex: int | None = None) -> None:
    """End every order of a user, on one dex or on all."""
    for order in list(floor.orders(account.address).values()):
        if dex is None or floor.universe.assets[order.asset].dex == dex:
            floor.close(order, status)


def fire_triggers(floor: Floor) -> None:
    """Let take-profits and stops whose mark has come become orders."""
    for order in list(floor.state.orders.values()):
        trigger = order.trigger
        if trigger is None or order.place or trigger.parent is not None:
            continue
        asset = floor.universe.assets[order.asset]
        # a sibling that fired a moment ago has taken this one with it
        gone = order.oid not in floor.state.orders
        if not gone and is_reached(trigger, order, floor.market(asset).mark):
            _fire(floor, asset, order, trigger)


def _fire(floor: Floor, asset: Asset, order: Order, trigger: Trigger) -> None:
    account = floor.account(order.user)
    floor.forget(order)
    if order.reduce_only and shrink_to_position(account, asset, order):
        floor.record(order, "reduceOnlyCanceled")
        return
    floor.tell(order, "triggered")
    for sibling in list(floor.orders(order.user).values()):
        other = sibling.trigger
        if other is not None and other.group is not None and other.group == trigger.group:
            floor.close(sibling, "siblingFilledCanceled")
    status = placing.execute(floor, asset, order)
    if isinstance(status, refusals.Refusal):
        floor.record(order, status.status)


def _pay_funding(floor: Floor) -> None:
    for asset in floor.universe.assets.values():
        market = floor.market(asset)
        if not market.listed:
            continue
        averages = market.averages
        premium = averages.premium / averages.samples if averages.samples else 0.0
        shown = round(premium * 10**RATE_DECIMALS)
        market.rates.append((floor.state.time, market.funding, shown))
        del market.rates[:-RATES_KEPT]
        averages.premium, averages.samples = 0.0, 0
        for account in floor.state.accounts.values():
            position = account.positions.get(asset.id)
            if position is not None:
                _pay(floor, account, asset, position, market.oracle, market.funding)


def _pay(
    floor: Floor, account: Account, asset: Asset, position: Position, oracle: int, rate: int
) -> None:
    received = positions.pay_funding(account, asset, position, oracle, rate)
    token = floor.universe.spec.dexs[asset.dex].collateral
    floor.state.funding_pool[token] = floor.state.funding_pool.get(token, 0) - received
    if account.house:
        return
    row: Json = {
        "coin": asset.coin,
        "usdc": usd(received),
        "szi": text(position.lots, asset.sz_decimals),
        "fundingRate": text(rate, RATE_DECIMALS),
        "nSamples": 1,
    }
    entry = {"time": floor.state.time, "hash": ZERO_HASH, "delta": {"type": "funding", **row}}
    account.fundings.append(entry)
    del account.fundings[:-KEPT]
    told = {"time": floor.state.time, **row}
    floor.block.fundings.setdefault(account.address, []).append(told)
    floor.block.events.setdefault(account.address, []).append({"funding": told})


def _remember_worth(floor: Floor) -> None:
    for account in floor.state.accounts.values():
        if not account.house:
            dexs = range(len(floor.universe.spec.dexs))
            value = sum(total(floor, account, dex).value for dex in dexs)
            account.history.append((floor.state.time, value, value - account.deposited))
            del account.history[:-HISTORY_KEPT]
