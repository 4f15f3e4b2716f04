"""A market known from its own events, simulated or recorded; its terms come from a table."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from numpy.typing import NDArray

from engine.derive.facts import MarketFacts
from engine.derive.measure import Measurement, measure
from engine.derive.symbols import resolve_binance_symbol
from engine.events import CONTEXT, TRADE
from engine.venues.rows import MAIN_DEX, AssetRow, DexRow, unknown_asset, unknown_dex
from engine.venues.static import StaticFacts

Chunks = Iterable[NDArray[Any]]


class LastSeen:
    """The last prices of a stream of events, taken down while somebody else reads it."""

    def __init__(self) -> None:
        self.mark_px: float | None = None
        self.trade_px: float | None = None
        self.open_interest: float | None = None  # coins
        self.funding: float | None = None  # hourly rate

    @property
    def px(self) -> float | None:
        """The mark price where the venue states one, else the last trade's."""
        return self.mark_px or self.trade_px

    def watch(self, chunks: Chunks) -> Iterator[NDArray[Any]]:
        """Yield the chunks unchanged."""
        for events in chunks:
            trades, contexts = (events[events["kind"] == kind] for kind in (TRADE, CONTEXT))
            if len(trades):
                self.trade_px = float(trades["px"][-1])
            if len(contexts):
                self.mark_px = float(contexts["px"][-1])
                self.open_interest = float(contexts["sz"][-1])
                self.funding = float(contexts["extra"][-1])
            yield events


class MeasuredSource:
    """Market knowledge from events.

    Parameters
    ----------
    name
        how errors and facts call this market, for example ``tape wlfi.parquet``.
    listed
        the terms of every asset there is.
    events
        gives an asset's events in chunks, in order of time; asked once for each asset.
    notes
        added to the facts of every asset: what was dropped, what is flawed.
    overrides
        asset to Binance symbol, or to None, where the operator knows better than the table.
    """

    def __init__(
        self,
        name: str,
        listed: Mapping[str, StaticFacts],
        events: Callable[[str], Chunks],
        *,
        notes: tuple[str, ...] = (),
        overrides: Mapping[str, str | None] | None = None,
    ) -> None:
        self._name = name
        self._listed = listed
        self._events = events
        self._notes = notes
        self._overrides = overrides
        self._seen: dict[str, tuple[Measurement, LastSeen]] = {}

    def facts(self, asset: str, now_ns: int) -> MarketFacts:
        """Return what the events and the terms say about one asset.

        Raises
        ------
        UnknownAssetError
            if the asset is not listed.
        ValueError
            if its events hold no price.
        """
        if asset not in self._listed:
            raise unknown_asset(asset, self._listed, self._name)
        terms = self._listed[asset]
        seen, last = self._observe(asset)
        if last.px is None:
            raise ValueError(
                f"{self._name} holds neither a mark price nor a trade of {asset}: record it again"
            )
        dex, _, coin = asset.rpartition(":")
        return MarketFacts(
            asset=asset,
            dex=dex,
            coin=coin,
            listed=True,
            delisted=terms.delisted,
            mark_px=last.px,
            sz_decimals=terms.sz_decimals,
            max_leverage=terms.max_leverage,
            only_isolated=terms.only_isolated,
            day_volume_usd=seen.day_volume_usd,
            spread_bps=seen.spread_bps,
            hours_observed=seen.hours_observed,
            open_interest_usd=_open_interest(last),
            oi_cap_usd=terms.oi_cap_usd,
            collateral=terms.collateral,
            binance_symbol=resolve_binance_symbol(asset, self._overrides),
            maker_fee_bps=terms.maker_fee_bps,
            sigma_per_sqrt_s=seen.sigma_per_sqrt_s,
            trades_per_min=seen.trades_per_min,
            source=self._name,
            observed_at_ns=now_ns,
            notes=(*_remarks(seen), f"terms: {terms.source}", *self._notes),
        )

    def assets(self, dex: str | None = None) -> tuple[AssetRow, ...]:
        """Return the assets of a dex, measured."""
        wanted = "" if dex in (None, MAIN_DEX) else dex
        found = [asset for asset in self._listed if asset.rpartition(":")[0] == wanted]
        if wanted and not found:
            raise unknown_dex(wanted, [row.name for row in self.dexs()[1:]], self._name)
        return tuple(self._row(asset) for asset in found)

    def dexs(self) -> tuple[DexRow, ...]:
        """Return the dexs of the listed assets, the main one first."""
        names = dict.fromkeys(["", *(asset.rpartition(":")[0] for asset in self._listed)])
        return tuple(self._dex(name) for name in names)

    def _observe(self, asset: str) -> tuple[Measurement, LastSeen]:
        if asset not in self._seen:
            last = LastSeen()
            self._seen[asset] = measure(last.watch(self._events(asset))), last
        return self._seen[asset]

    def _row(self, asset: str) -> AssetRow:
        terms = self._listed[asset]
        seen, last = self._observe(asset)
        return AssetRow(
            asset=asset,
            dex=asset.rpartition(":")[0] or MAIN_DEX,
            sz_decimals=terms.sz_decimals,
            max_leverage=terms.max_leverage,
            margin_mode="isolated" if terms.only_isolated else "cross",
            delisted=terms.delisted,
            mark_px=last.px,
            day_volume_usd=seen.day_volume_usd,
            spread_bps=seen.spread_bps,
            spread_from=None if seen.spread_bps is None else "touch",
            open_interest_usd=_open_interest(last),
            funding_bps_per_hour=None if last.funding is None else last.funding * 1e4,
        )

    def _dex(self, name: str) -> DexRow:
        terms = [t for asset, t in self._listed.items() if asset.rpartition(":")[0] == name]
        delisted = sum(t.delisted for t in terms)
        ((collateral, _),) = Counter(t.collateral for t in terms).most_common(1) or [(None, 0)]
        return DexRow(
            name=name or MAIN_DEX,
            full_name=self._name,
            collateral=collateral,
            live=len(terms) - delisted,
            delisted=delisted,
            oi_cap_usd=None,
            fee_scale=next((t.deployer_fee_scale for t in terms), None),
        )


def _open_interest(last: LastSeen) -> float | None:
    if last.open_interest is None or last.mark_px is None:
        return None
    return last.open_interest * last.mark_px


def _remarks(seen: Measurement) -> list[str]:
    remarks = []
    if seen.gap_s > 0:
        remarks.append(
            f"silent for {seen.gap_s:.0f} s in all, {seen.largest_gap_s:.0f} s at the longest"
        )
    if seen.closed_share > 0.01:
        remarks.append(
            f"the book was locked, crossed or absent {seen.closed_share:.0%} of the time"
        )
    return remarks
