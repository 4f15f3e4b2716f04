"""What an account is worth, what its positions and orders need, where it would be liquidated.

Each dex is a margin universe of its own. `raw` is collateral minus cost: with it the account value
is ``raw + sum(lots * mark)``, exactly. Margins are cut to micro-dollars position by position, as
the recorded accounts show (tests/localnet/test_golden_accounts.py).

References
----------
Hyperliquid documentation, "Margining", "Margin tiers", "Liquidations", read in September 2026; the
algebra is checked against two recorded accounts.
"""

from typing import NamedTuple

from engine.localnet.digits import nearest
from engine.localnet.floor import Floor
from engine.localnet.state import Account, Leverage, Order, Position
from engine.localnet.universe import Asset

PRINTED = 10  # decimals of a liquidation price
DEFAULT_LEVERAGE = 20


class Totals(NamedTuple):
    """A margin summary [micro-USD]."""

    value: int = 0
    ntl: int = 0
    raw: int = 0
    used: int = 0
    maintenance: int = 0


def leverage_of(account: Account, asset: Asset) -> Leverage:
    """Return a user's setting for an asset, or the venue's default."""
    found = account.leverage.get(asset.id)
    if found is None:
        value = min(DEFAULT_LEVERAGE, asset.spec.max_leverage)
        found = Leverage(cross=not asset.isolated_only, value=value)
    return found


def max_leverage(asset: Asset, ntl: int) -> int:
    """Return the highest leverage that the tiers allow at a notional [micro-USD]."""
    return next(tier for tier in reversed(asset.tiers) if ntl >= tier.lower).max_leverage


def maintenance(asset: Asset, ntl: int) -> int:
    """Return the maintenance margin of a notional [micro-USD]."""
    tier = next(tier for tier in reversed(asset.tiers) if ntl >= tier.lower)
    return ntl // (2 * tier.max_leverage) - tier.deduction


def cross(floor: Floor, account: Account, dex: int) -> Totals:
    """Return the cross margin summary of one dex."""
    raw = account.usd.get(dex, 0)
    value, ntl, used, need = raw, 0, 0, 0
    for asset, position in held(floor, account, dex):
        if position.raw is None:
            worth = position.lots * floor.market(asset).mark
            value += worth
            ntl += abs(worth)
            used += abs(worth) // leverage_of(account, asset).value
            need += maintenance(asset, abs(worth))
    return Totals(value, ntl, raw, used, need)


def isolated(floor: Floor, asset: Asset, position: Position) -> Totals:
    """Return the summary of one isolated position; its margin is all it has."""
    worth = position.lots * floor.market(asset).mark
    raw = position.raw or 0
    value = raw + worth
    return Totals(value, abs(worth), raw, value, maintenance(asset, abs(worth)))


def total(floor: Floor, account: Account, dex: int) -> Totals:
    """Return the margin summary of one dex, isolated positions included."""
    parts = [cross(floor, account, dex)]
    parts += [
        isolated(floor, asset, position)
        for asset, position in held(floor, account, dex)
        if position.raw is not None
    ]
    return Totals(*(sum(column) for column in zip(*parts, strict=True)))


def held(floor: Floor, account: Account, dex: int) -> list[tuple[Asset, Position]]:
    """Return the positions on a dex."""
    assets = floor.universe.assets
    pairs = ((assets[number], position) for number, position in account.positions.items())
    return [(asset, position) for asset, position in pairs if asset.dex == dex]


def for_orders(floor: Floor, account: Account, dex: int, more: Order | None = None) -> int:
    """Return the margin that resting orders need beyond that of the positions [micro-USD].

    Per asset the worse of the two sides counts. What only closes a position is free, and a flip
    frees the margin of what it closes.

    Parameters
    ----------
    more
        an order that is not resting yet; where it crosses, it is reckoned at the mark.
    """
    sides = {**floor.opening.get(account.address, {})}
    if more is not None:
        key = (more.asset, more.is_buy)
        lots, ntl = sides.get(key, [0, 0])
        mark = floor.state.markets[more.asset].mark
        px = min(more.px, mark) if more.is_buy else max(more.px, mark)
        sides[key] = [lots + more.sz, ntl + more.sz * px]
    worst: dict[int, int] = {}
    for (number, is_buy), (lots, ntl) in sides.items():
        asset = floor.universe.assets[number]
        if lots and asset.dex == dex:
            position = account.positions.get(number)
            opposed = max(0, -position.lots if is_buy else position.lots) if position else 0
            need = ntl // leverage_of(account, asset).value
            extra = need * max(0, lots - 2 * opposed) // lots
            worst[number] = max(worst.get(number, 0), extra)
    return sum(worst.values())


def allows(floor: Floor, account: Account, order: Order) -> bool:
    """Return whether the margin is there for one more order."""
    dex = floor.universe.assets[order.asset].dex
    needed = for_orders(floor, account, dex, order)
    if needed <= for_orders(floor, account, dex):
        return True
    summary = cross(floor, account, dex)
    return summary.used + needed <= summary.value


def still_allows(floor: Floor, account: Account, dex: int) -> bool:
    """Return whether the margin is there for everything that rests."""
    summary = cross(floor, account, dex)
    return summary.used + for_orders(floor, account, dex) <= summary.value


def withdrawable(floor: Floor, account: Account, dex: int) -> int:
    """Return what may leave: value less max(initial margin, 10 % of notional) and orders."""
    summary = cross(floor, account, dex)
    held_back = max(summary.used, -(-summary.ntl // 10)) + for_orders(floor, account, dex)
    return max(0, summary.value - held_back)


def liquidation_px(asset: Asset, lots: int, mark: int, value: int, others: int) -> int | None:
    """Return the price at which value meets maintenance, in units of 10^-10 USD.

    Solves ``value + lots (p - mark) = others + |lots| p r - d`` with rate and deduction of the tier
    that holds at ``|lots| p``; None where there is no positive price.

    Parameters
    ----------
    value
        account value now, or the position's own where isolated [micro-USD].
    others
        maintenance margin of the other positions [micro-USD].
    """
    size = abs(lots)
    for tier, following in zip(asset.tiers, (*asset.tiers[1:], None), strict=True):
        rate = 2 * tier.max_leverage
        # both sides times `rate`, so that everything is whole
        top = rate * (others - tier.deduction - value + lots * mark)
        bottom = rate * lots - size
        if top * bottom <= 0:
            continue
        ntl = size * top // bottom
        if ntl >= tier.lower and (following is None or ntl < following.lower):
            return nearest(top * 10**PRINTED, bottom * asset.px_scale)
    return None
