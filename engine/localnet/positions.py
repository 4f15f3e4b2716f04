"""What a trade, a payment or a transfer of margin does to an account. Every move is exact.

An isolated position starts with the initial margin of what it opens; what it closes takes its share
of the position's worth (at the trade's price) back to the cross collateral. The venue does not
publish how it splits a partial close; this way leverage stays what it was.
"""

from engine.localnet import margin
from engine.localnet.digits import RATE_DECIMALS, toward_zero
from engine.localnet.state import Account, Position
from engine.localnet.universe import Asset


def trade(account: Account, asset: Asset, lots: int, px: int) -> int:
    """Buy (or sell, negative) `lots` at `px`; return the realised PnL before fees [micro-USD]."""
    position = account.positions.get(asset.id)
    if position is None:
        position = _open(account, asset)
    closing = 0
    if position.lots * lots < 0:
        closing = min(abs(lots), abs(position.lots)) * (1 if lots > 0 else -1)
    pnl = _reduce(account, asset, position, closing, px)
    if lots != closing:
        _increase(account, asset, position, lots - closing, px)
    if position.lots == 0:
        _remove(account, asset, position)
    return pnl


def pay_funding(account: Account, asset: Asset, position: Position, oracle: int, rate: int) -> int:
    """Let a position pay one hour of funding; return what the account receives [micro-USD].

    Parameters
    ----------
    rate
        hourly, in units of 10^-10; positive where longs pay.
    """
    received = toward_zero(-position.lots * oracle * rate, 10**RATE_DECIMALS)
    position.funding_all -= received
    position.funding_open -= received
    position.funding_change -= received
    if position.raw is None:
        account.usd[asset.dex] = account.usd.get(asset.dex, 0) + received
    else:
        position.raw += received
    return received


def add_margin(account: Account, asset: Asset, micro: int) -> None:
    """Move collateral into an isolated position (out of it where negative)."""
    position = account.positions[asset.id]
    account.usd[asset.dex] = account.usd.get(asset.dex, 0) - micro
    position.raw = (position.raw or 0) + micro


def direction(before: int, after: int) -> str:
    """Return what a fill did, in the venue's words.

    >>> direction(0, 5), direction(5, 2), direction(5, -1), direction(-5, 0)
    ('Open Long', 'Close Long', 'Long > Short', 'Close Short')
    """
    if before * after < 0:
        return "Long > Short" if before > 0 else "Short > Long"
    verb = "Open" if abs(after) > abs(before) else "Close"
    return f"{verb} {'Long' if before + after > 0 else 'Short'}"


def _open(account: Account, asset: Asset) -> Position:
    raw = None if margin.leverage_of(account, asset).cross else 0
    paid = account.funding_all.get(asset.id, 0)
    position = account.positions[asset.id] = Position(0, 0, raw, funding_all=paid)
    return position


def _increase(account: Account, asset: Asset, position: Position, lots: int, px: int) -> None:
    if position.lots == 0:
        position.funding_open = 0
    position.funding_change = 0
    position.cost += abs(lots) * px
    position.lots += lots
    _charge(account, asset, position, lots * px)
    if position.raw is not None:
        leverage = margin.leverage_of(account, asset).value
        add_margin(account, asset, -(-abs(lots) * px // leverage))


def _reduce(account: Account, asset: Asset, position: Position, lots: int, px: int) -> int:
    """Trade against the position; return the PnL of what is closed."""
    if lots == 0:
        return 0
    size = abs(position.lots)
    cost = position.cost * abs(lots) // size
    pnl = (1 if position.lots > 0 else -1) * (abs(lots) * px - cost)
    worth = 0 if position.raw is None else position.raw + position.lots * px
    position.cost -= cost
    position.lots += lots
    position.funding_change = 0
    _charge(account, asset, position, lots * px)
    if position.raw is not None:
        freed = position.raw if position.lots == 0 else max(0, worth * abs(lots) // size)
        add_margin(account, asset, -freed)
    return pnl


def _charge(account: Account, asset: Asset, position: Position, micro: int) -> None:
    if position.raw is None:
        account.usd[asset.dex] = account.usd.get(asset.dex, 0) - micro
    else:
        position.raw -= micro


def _remove(account: Account, asset: Asset, position: Position) -> None:
    if position.funding_all:
        account.funding_all[asset.id] = position.funding_all
    del account.positions[asset.id]
