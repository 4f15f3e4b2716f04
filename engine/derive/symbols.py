"""The leading venue's symbol for an asset: a table in `policy/symbols.toml`, never a guess."""

from collections.abc import Mapping

from engine.config import BinanceSignals
from engine.policy import load_policy
from engine.thresholds.symbols import SymbolsPolicy


def resolve_binance_symbol(
    asset: str,
    overrides: Mapping[str, str | None] | None = None,
    *,
    table: SymbolsPolicy | None = None,
) -> str | None:
    """Return the Binance perpetual that leads `asset`, or None.

    Parameters
    ----------
    asset
        The venue's name; the dex of a builder asset is stripped (``hyna:BTC`` is led by BTC).
    overrides
        Asset or coin to symbol, or to None where the operator knows that there is no pair.
    table
        By default the table of the policy that `load_policy` finds.

    Examples
    --------
    >>> resolve_binance_symbol("BTC"), resolve_binance_symbol("HYPE")
    ('BTCUSDT', None)
    >>> resolve_binance_symbol("kPEPE"), resolve_binance_symbol("hyna:SOL")
    ('1000PEPEUSDT', 'SOLUSDT')
    """
    coin = _coin(asset)
    for name in (asset, coin, coin.upper()):
        if overrides and name in overrides:
            symbol = overrides[name]
            return symbol.upper() if symbol else None
    table = table or load_policy().symbols
    if is_native(asset, table):
        return None
    thousand = coin[1:].upper() if coin.startswith("k") else coin.upper()
    return table.single.symbols.get(coin.upper()) or table.thousands.symbols.get(thousand)


def binance_signals(
    asset: str, symbol: str | None, *, table: SymbolsPolicy | None = None
) -> BinanceSignals | None:
    """Return both signals on where there is a symbol, else None: both off.

    ``price_factor`` is our price over Binance's: 1 for ``kPEPE`` on ``1000PEPEUSDT``, 0.001 for a
    bare ``PEPE`` on the same contract.
    """
    if symbol is None:
        return None
    table = table or load_policy().symbols
    by_thousand = symbol in table.thousands.symbols.values() and not _coin(asset).startswith("k")
    factor = 1.0 / table.thousands.multiple if by_thousand else 1.0
    return BinanceSignals(symbol=symbol, price_factor=factor)


def is_native(asset: str, table: SymbolsPolicy) -> bool:
    """Return whether the coin is one of Hyperliquid's own."""
    return _coin(asset).upper() in table.natives.names


def _coin(asset: str) -> str:
    return asset.rpartition(":")[2]
