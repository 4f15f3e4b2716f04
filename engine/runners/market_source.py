"""Which market the operator's words mean: the one place that reads `AssetSpec.venue`.

`sim` is measured for a simulated day, `tape` from its file, a name or URL is asked over HTTP.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from engine.config import AssetSpec
from engine.runners.live.venue_file import read_venue, venue_path
from engine.store.home import Home
from engine.store.tape import read_tape, tape_info
from engine.store.tape_facts import TapeInfo
from engine.venues.hyperliquid.info import InfoClient
from engine.venues.measured import MeasuredSource
from engine.venues.rows import unknown_asset
from engine.venues.simulated import DAY_HOURS, simulated_source
from engine.venues.source import URLS, HyperliquidSource, MarketSource
from engine.venues.static import TAPE_ASSETS, StaticFacts

Overrides = Mapping[str, str | None]


def market_of_spec(spec: AssetSpec, **more: Any) -> MarketSource:
    """Return the market knowledge behind an operator's request; `more` as in `market_source`."""
    chosen = {"asset": spec.asset, "scenario": spec.scenario, "seed": spec.seed}
    return market_source(spec.venue, tape=spec.tape, **chosen, **more)


def market_source(
    venue: str,
    *,
    asset: str | None = None,
    scenario: str | None = None,
    seed: int = 7,
    hours: int = DAY_HOURS,
    tape: str | None = None,
    terms: StaticFacts | None = None,
    address: str | None = None,
    overrides: Overrides | None = None,
) -> MarketSource:
    """Return the market knowledge of a venue.

    Parameters
    ----------
    venue
        ``sim``, ``tape``, or as in `venue_url`.
    asset
        the asset in question: a tape must be of it, a `scenario` is of it. None for a listing.
    scenario, seed, hours
        for ``sim``: the market, its randomness, and how long it is watched [h].
    tape, terms
        for ``tape``: its path; decimals, leverage and collateral where the built-in table lacks
        the asset.
    address
        for a server: account whose fee rate is asked for.
    overrides
        asset to Binance symbol, or to None.

    Raises
    ------
    ValueError
        if the venue is none of the choices, or a tape's path or terms are missing.
    """
    if venue == "sim":
        return simulated_source(asset, scenario, seed, hours=hours, overrides=overrides)
    if venue == "tape":
        if tape is None:
            raise ValueError("venue 'tape' needs tape, the path of a recorded tape")
        return tape_source(Path(tape), asset, terms=terms, overrides=overrides)
    return HyperliquidSource(InfoClient(venue_url(venue)), address=address, overrides=overrides)


def venue_url(venue: str, home: Home | None = None) -> str:
    """Return the URL of a venue that is asked over HTTP; `home` has the files of named ones.

    >>> venue_url("testnet")
    'https://api.hyperliquid-testnet.xyz'
    """
    url = URLS.get(venue, venue)
    if url.startswith(("http://", "https://")):
        return url
    home = home or Home()
    if re.fullmatch(r"[a-z0-9-]+", venue) and venue_path(home, venue).exists():
        return read_venue(home, venue).url
    raise ValueError(
        f"venue {venue!r} is unknown; choose sim, tape, {', '.join(URLS)}, the URL of a server "
        f"that speaks the Hyperliquid protocol, or a name that {venue_path(home, 'NAME')} describes"
    )


def tape_source(
    path: Path,
    asset: str | None = None,
    *,
    terms: StaticFacts | None = None,
    overrides: Overrides | None = None,
) -> MeasuredSource:
    """Return the market knowledge in a tape; its notes say what was dropped and what is flawed.

    Raises
    ------
    ValueError
        if the file is no tape (`TapeError`), is of another asset, or its terms are not known.
    """
    info = tape_info(path)
    asset = asset or info.asset
    if info.asset != asset:
        raise unknown_asset(asset, [info.asset], f"tape {path.name}")
    terms = terms or TAPE_ASSETS.get(asset)
    if terms is None:
        raise ValueError(
            f"terms of {asset!r} are not in the table ({', '.join(TAPE_ASSETS)}): "
            "give sz_decimals, max_leverage and collateral of the asset"
        )

    def events(_: str) -> Iterator[NDArray[Any]]:
        return read_tape(path)

    return MeasuredSource(
        f"tape {path.name}", {asset: terms}, events, notes=_flaws(info), overrides=overrides
    )


def _flaws(info: TapeInfo) -> tuple[str, ...]:
    origin = f"recorded at {info.venue}: {info.source}"
    dropped = [f"{count} rows dropped: {why}" for why, count in sorted(info.dropped.items())]
    noted = [f"{count} rows kept with a remark: {why}" for why, count in sorted(info.noted.items())]
    locked = f"{info.locked_books} of {info.books} books are locked (bid = ask)"
    return (origin, *dropped, *noted, *([locked] if info.locked_books else []))
