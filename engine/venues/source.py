"""One question to any venue: what is known about this asset, what is there, which dexs.

`HyperliquidSource` asks a server; `MeasuredSource` (in `measured`) watches a simulated or recorded
market. Which one an operator's words mean is decided in `engine.runners.market_source`.
"""

from collections.abc import Mapping
from typing import Protocol

import httpx

from engine.derive.facts import MarketFacts
from engine.derive.symbols import binance_signals, resolve_binance_symbol
from engine.venues.binance import symbols
from engine.venues.hyperliquid import listing, market
from engine.venues.hyperliquid.info import MAINNET_URL, TESTNET_URL, InfoClient
from engine.venues.rows import AssetRow, DexRow

URLS = {"mainnet": MAINNET_URL, "testnet": TESTNET_URL}


class MarketSource(Protocol):
    """Market knowledge of one venue."""

    def facts(self, asset: str, now_ns: int) -> MarketFacts:
        """Return what is known about one asset; an unknown one is an `UnknownAssetError`."""
        ...

    def assets(self, dex: str | None = None) -> tuple[AssetRow, ...]:
        """Return the assets of a dex; None is the venue's own."""
        ...

    def dexs(self) -> tuple[DexRow, ...]:
        """Return the dexs, the venue's own first."""
        ...


class HyperliquidSource:
    """A Hyperliquid server, and Binance for the pair to follow.

    Parameters
    ----------
    client
        the server to ask.
    sampling
        how often the book is looked at for the spread.
    address
        account whose fee rate is read; None takes the lowest tier.
    overrides
        asset to Binance symbol, or to None, where the operator knows better than the table.
    binance_url, binance_transport
        where the pair is confirmed; replaced in tests.
    """

    def __init__(
        self,
        client: InfoClient,
        *,
        sampling: market.Sampling = market.FEW_BOOKS,
        address: str | None = None,
        overrides: Mapping[str, str | None] | None = None,
        binance_url: str = symbols.FUTURES_URL,
        binance_transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._client = client
        self._sampling = sampling
        self._address = address
        self._overrides = overrides
        self._binance_url, self._binance_transport = binance_url, binance_transport

    def facts(self, asset: str, now_ns: int) -> MarketFacts:
        """Return the venue's facts with the confirmed Binance symbol."""
        seen = market.facts(
            self._client, asset, now_ns=now_ns, sampling=self._sampling, address=self._address
        )
        pair = self._pair(asset, seen.mark_px)
        notes = (*seen.notes, pair.note)
        return seen.model_copy(update={"binance_symbol": pair.symbol, "notes": notes})

    def assets(self, dex: str | None = None) -> tuple[AssetRow, ...]:
        """Return the assets of a dex."""
        return listing.assets(self._client, dex)

    def dexs(self) -> tuple[DexRow, ...]:
        """Return the main dex and every builder dex."""
        return listing.dexs(self._client)

    def _pair(self, asset: str, mark_px: float) -> symbols.Confirmation:
        symbol = resolve_binance_symbol(asset, self._overrides)
        signals = binance_signals(asset, symbol)
        factor = 1.0 if signals is None else signals.price_factor
        return symbols.confirm(
            symbol, factor, mark_px, url=self._binance_url, transport=self._binance_transport
        )
