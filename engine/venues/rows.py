"""What a venue tells a person: one row per asset, one per dex, and how it says no."""

import difflib
from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict

MarginMode = Literal["cross", "isolated", "strictIsolated", "noCross"]
MAIN_DEX = "main"  # how the validators' own dex is shown; on the wire its name is empty


class VenueError(RuntimeError):
    """A venue did not answer, or answered what cannot be true; the message names the remedy."""


class UnknownAssetError(ValueError):
    """The venue has no asset or dex of this name; the message suggests close ones."""


class AssetRow(BaseModel):
    """One asset of a venue, as `gangway assets` shows it; None where the venue does not say."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    asset: str
    dex: str
    sz_decimals: int
    max_leverage: float
    margin_mode: MarginMode
    delisted: bool
    mark_px: float | None
    day_volume_usd: float | None
    spread_bps: float | None
    spread_from: Literal["impact prices", "touch"] | None  # impact prices are wider than the touch
    open_interest_usd: float | None
    funding_bps_per_hour: float | None


class DexRow(BaseModel):
    """One dex of a venue, as `gangway dexs` shows it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    full_name: str
    collateral: str | None  # None: a token the venue does not list; such a dex is refused
    live: int
    delisted: int
    oi_cap_usd: float | None
    fee_scale: float | None  # the deployer's own; None on the main dex


def unknown_asset(asset: str, known: Iterable[str], venue: str) -> UnknownAssetError:
    """Return the error for a name nobody knows, with up to five close ones.

    >>> str(unknown_asset("HPYE", ["BTC", "HYPE"], "the simulated venue"))
    "asset 'HPYE' is not listed on the simulated venue; did you mean HYPE?"
    """
    names = sorted(known)
    folded = {name.upper(): name for name in names}
    close = difflib.get_close_matches(asset.upper(), list(folded), n=5, cutoff=0.6)
    same_coin = [name for name in names if _coin(name) == _coin(asset)]
    hits = list(dict.fromkeys([*same_coin, *(folded[name] for name in close)]))[:5]
    hint = f"did you mean {', '.join(hits)}?" if hits else f"it lists {_few(names)}"
    return UnknownAssetError(f"asset {asset!r} is not listed on {venue}; {hint}")


def unknown_dex(dex: str, known: Iterable[str], venue: str) -> UnknownAssetError:
    """Return the error for a dex nobody knows, with those there are."""
    return UnknownAssetError(f"dex {dex!r} is not on {venue}; it has {_few([MAIN_DEX, *known])}")


def _coin(asset: str) -> str:
    return asset.rpartition(":")[2].upper()


def _few(names: list[str], n: int = 12) -> str:
    shown = ", ".join(names[:n]) or "nothing"
    return f"{shown} and {len(names) - n} more" if len(names) > n else shown
