"""Accounts that are worth less than their maintenance margin.

First a market order into the book: all of a position, or a fifth where it is worth more than
100,000 USD, then all of it 30 s later. Below two thirds of maintenance, the backstop vault takes
the positions at the mark and what collateral is left. There is no auto-deleveraging: the backstop
bears what is missing.

References
----------
Hyperliquid documentation, "Liquidations", read in September 2026.
"""

from engine.localnet import clockwork, margin
from engine.localnet.digits import MICRO, usd
from engine.localnet.floor import Floor
from engine.localnet.margin import Totals
from engine.localnet.matching import liquidated, match, write_off
from engine.localnet.positions import direction, trade
from engine.localnet.state import Account, Order, Position
from engine.localnet.universe import Asset

BACKSTOP = "0x" + "b" * 40
SLICE_ABOVE = 100_000 * MICRO
SLICES = 5
COOLDOWN_MS = 30_000
FAR_PX = 10**18

Held = list[tuple[Asset, Position]]


def run(floor: Floor) -> None:
    """Liquidate whoever must be."""
    for account in list(floor.state.accounts.values()):
        if account.house or not account.positions:
            continue
        for dex in sorted({floor.universe.assets[number].dex for number in account.positions}):
            held = margin.held(floor, account, dex)
            together = [(asset, p) for asset, p in held if p.raw is None]
            if together:
                # dex ids are negative here: asset ids must not meet them
                _look(floor, account, -1 - dex, together, margin.cross(floor, account, dex))
            for asset, position in held:
                if position.raw is not None:
                    summary = margin.isolated(floor, asset, position)
                    _look(floor, account, asset.id, [(asset, position)], summary)


def _look(floor: Floor, account: Account, key: int, held: Held, summary: Totals) -> None:
    if summary.value >= summary.maintenance:
        account.liquidated_at.pop(key, None)
        return
    _cancel_orders(floor, account, held)
    if 3 * summary.value < 2 * summary.maintenance:
        _tell(floor, account, BACKSTOP, summary)
        _backstop(floor, account, held)
        return
    began = account.liquidated_at.get(key)
    if began is None:
        _tell(floor, account, account.address, summary)
        account.liquidated_at[key] = floor.state.time
    elif floor.state.time - began < COOLDOWN_MS:
        return
    for asset, position in held:
        _sell_out(floor, account, asset, position, sliced=began is None)


def _cancel_orders(floor: Floor, account: Account, held: Held) -> None:
    if held[0][1].raw is None:
        clockwork.cancel_all(floor, account, "liquidatedCanceled", held[0][0].dex)
        return
    for order in list(floor.orders(account.address).values()):
        if order.asset == held[0][0].id:
            floor.close(order, "liquidatedCanceled")


def _sell_out(
    floor: Floor, account: Account, asset: Asset, position: Position, *, sliced: bool
) -> None:
    size = abs(position.lots)
    if sliced and size * floor.market(asset).mark > SLICE_ABOVE:
        size = max(1, size // SLICES)
    is_buy = position.lots < 0
    order = Order(
        oid=floor.next_oid(),
        user=account.address,
        asset=asset.id,
        is_buy=is_buy,
        px=FAR_PX if is_buy else 1,
        sz=size,
        orig_sz=size,
        tif="LiquidationMarket",
        reduce_only=True,
        time=floor.state.time,
    )
    lots, ntl = match(floor, order, liquidation=True)
    if lots:
        order.px = ntl // lots
        floor.record(order, "filled")


def _backstop(floor: Floor, account: Account, held: Held) -> None:
    """Hand positions and collateral over, at the mark."""
    vault = floor.account(BACKSTOP)
    vault.house = True
    dex, isolated = held[0][0].dex, held[0][1].raw is not None
    for asset, position in held:
        px, lots = floor.market(asset).mark, position.lots
        before = account.usd.get(dex, 0)
        fill = write_off(floor, account, asset, px, direction(lots, 0))
        fill["liquidation"] = liquidated(floor, asset, account.address, "backstop")
        trade(vault, asset, lots, px)
        if isolated:  # its collateral went back to the account: that is forfeit too
            _move(account, vault, dex, account.usd.get(dex, 0) - before)
    if not isolated:
        _move(account, vault, dex, account.usd.get(dex, 0))


def _move(account: Account, vault: Account, dex: int, micro: int) -> None:
    account.usd[dex] = account.usd.get(dex, 0) - micro
    vault.usd[dex] = vault.usd.get(dex, 0) + micro


def _tell(floor: Floor, account: Account, liquidator: str, summary: Totals) -> None:
    told = {
        "lid": floor.state.height,
        "liquidator": liquidator,
        "liquidated_user": account.address,
        "liquidated_ntl_pos": usd(summary.ntl),
        "liquidated_account_value": usd(summary.value),
    }
    floor.block.events.setdefault(account.address, []).append({"liquidation": told})
    words = f"You were liquidated: account value {usd(summary.value)}."
    floor.block.notifications.setdefault(account.address, []).append(words)
