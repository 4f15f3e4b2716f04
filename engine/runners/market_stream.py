"""Which stream of market data the operator's words mean."""

from pathlib import Path

from engine.runners.market_source import venue_url
from engine.venues.frames_stream import FramesStream
from engine.venues.hyperliquid.info import InfoClient
from engine.venues.hyperliquid.stream import HyperliquidStream
from engine.venues.rows import unknown_asset
from engine.venues.simulated_stream import SimulatedStream

MarketStream = SimulatedStream | FramesStream | HyperliquidStream
FRAMES = "frames:"


def market_stream(
    venue: str,
    asset: str,
    *,
    scenario: str | None = None,
    seed: int = 7,
    start_ns: int | None = None,
    heard_ns: int = 0,
    speed: float | None = None,
) -> MarketStream:
    """Return the market data of one asset as it comes.

    Parameters
    ----------
    venue
        ``sim``, ``frames:PATH`` for a file of raw frames, else as in `venue_url`.
    asset
        the venue's name of the asset.
    scenario, seed, start_ns, heard_ns
        for ``sim``: the market, its randomness, the hour it starts in, by default this one, and
        until when it was heard before.
    speed
        seconds of the market per second; 1 for ``sim``, as fast as it is read for frames where
        absent. A server has its own.

    Raises
    ------
    ValueError
        if the venue is none of these, the asset is not listed there (`UnknownAssetError`), or the
        speed cannot be had.
    VenueError
        if the server does not answer.
    """
    if venue == "sim":
        more = {"scenario": scenario, "seed": seed, "start_ns": start_ns, "heard_ns": heard_ns}
        return SimulatedStream(asset, **more, speed=1.0 if speed is None else speed)
    if venue.startswith(FRAMES):
        path = Path(venue.removeprefix(FRAMES))
        return FramesStream(path, asset, speed=float("inf") if speed is None else speed)
    url = venue_url(venue)
    if speed not in (None, 1.0):
        raise ValueError(f"speed must be 1 on a server, which has its own, was {speed:g}")
    return HyperliquidStream(url, asset, _sz_decimals(url, asset))


def _sz_decimals(url: str, asset: str) -> int:
    with InfoClient(url) as client:
        listed = {row.name: row for row in client.meta(asset.rpartition(":")[0]).universe}
    if asset not in listed or listed[asset].delisted:
        raise unknown_asset(asset, (name for name in listed if not listed[name].delisted), url)
    return listed[asset].szDecimals
