"""Which assets are worth an onboarding: a universe in the order in which to look at it.

A simulated universe is measured from its events. A venue's list of assets, or a snapshot of one,
says nothing about trades: there the lines that need them have no data, and the order is by volume.
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from engine.config import AssetSpec
from engine.derive.depth_profile import depth_profile
from engine.derive.economics import Economics, economics
from engine.derive.facts import MarketFacts
from engine.derive.symbols import resolve_binance_symbol
from engine.derive.viability import Decision, assess
from engine.policy import Policy
from engine.record import source_hash
from engine.runners.market_source import market_source
from engine.sim.universe import UNIVERSE, market_of
from engine.store.tape import read_tape
from engine.venues.hyperliquid import listing
from engine.venues.hyperliquid.info import InfoClient
from engine.venues.rows import AssetRow, VenueError, unknown_asset
from engine.venues.simulated import DAY_HOURS, MEASURED_FROM_NS

SNAPSHOTS = "metaAndAssetCtxs*.json"

Say = Callable[[str, int, int], None]


class Screened(BaseModel):
    """One asset of a universe: the procedure's decision, and what the data promise beside it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    asset: str
    day_volume_usd: float | None
    decision: Decision
    economics: Economics


class Screening(BaseModel):
    """A universe, best first; `notes` says what was left out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    universe: str
    capital_usd: float
    ranked: tuple[Screened, ...]
    notes: tuple[str, ...]


def events_of_spec(spec: AssetSpec) -> Iterator[NDArray[Any]] | None:
    """Return the events behind a market's facts; None where a venue was only asked."""
    if spec.venue == "tape":
        return read_tape(Path(spec.tape or ""))
    return _day(spec.asset, spec.scenario, spec.seed) if spec.venue == "sim" else None


def economics_of_spec(spec: AssetSpec, facts: MarketFacts, policy: Policy) -> Economics:
    """Return what the data of an operator's market promise."""
    events = events_of_spec(spec)
    profile = None if events is None else depth_profile(events)
    return economics(facts, profile, spec.capital_usd, policy)


def screen(
    venue: str,
    capital_usd: float,
    policy: Policy,
    *,
    assets: Collection[str] = (),
    dex: str | None = None,
    seed: int = 7,
    snapshots: Path | None = None,
    say: Say = lambda *_: None,
) -> Screening:
    """Judge every asset of a universe and put them in order; delisted ones are left out.

    Parameters
    ----------
    venue
        ``sim``, ``mainnet``, ``testnet`` or a URL.
    capital_usd
        what each would trade with at full capital [USD], above 0.
    assets
        only these; all where empty.
    dex
        the dex of a venue that is asked; None is its own.
    seed
        randomness of the simulated universe.
    snapshots
        a recorded answer, or a directory of them, instead of a venue.
    say
        told the asset, how many are done, and of how many.

    Raises
    ------
    ValueError
        if an asset is not in the universe, the capital is not positive, or there is no snapshot.
    VenueError
        if the venue does not answer, or a snapshot is none.
    """
    if snapshots is not None:
        name, rows = str(snapshots), snapshot_rows(snapshots)
    elif venue == "sim":
        return _screen_simulated(capital_usd, policy, assets, seed, say)
    else:
        name, rows = venue, market_source(venue).assets(dex)
    wanted = _chosen(assets, [row.asset for row in rows], name)
    gone = sum(row.delisted for row in rows)
    live = [row for row in rows if row.asset in wanted and row.mark_px and not row.delisted]
    now_ns, code = time.time_ns(), source_hash()
    found = [_judged(_facts(row, name, now_ns), None, capital_usd, policy, code) for row in live]
    notes = ("asked, not recorded: no trades, so no margin; in order of volume",)
    return _ranked(name, capital_usd, found, gone, notes)


def snapshot_rows(path: Path) -> tuple[AssetRow, ...]:
    """Return the assets of recorded ``metaAndAssetCtxs`` answers: of one file, or of a directory.

    Raises
    ------
    ValueError
        if there is no such file.
    VenueError
        if a file does not hold such an answer.
    """
    files = sorted(path.rglob(SNAPSHOTS)) if path.is_dir() else [path]
    if not files or not all(file.is_file() for file in files):
        raise ValueError(f"snapshots = {path}: it must be a {SNAPSHOTS}, or a directory of them")
    return tuple(row for file in files for row in _snapshot(file))


def _snapshot(file: Path) -> tuple[AssetRow, ...]:
    body = file.read_bytes()
    answer = httpx.MockTransport(lambda _: httpx.Response(200, content=body))
    try:
        with InfoClient("http://localhost", transport=answer) as client:
            return listing.assets(client)
    except VenueError as error:
        raise VenueError(f"{file}: {error}") from error


def _screen_simulated(
    capital_usd: float, policy: Policy, assets: Collection[str], seed: int, say: Say
) -> Screening:
    name = "the simulated venue"
    wanted = _chosen(assets, list(UNIVERSE), name)
    live = [asset for asset in UNIVERSE if asset in wanted and not UNIVERSE[asset].delisted]
    source, code, found = market_source("sim", seed=seed), source_hash(), []
    for done, asset in enumerate(live):
        say(asset, done, len(live))
        facts = source.facts(asset, time.time_ns())
        found.append(_judged(facts, _day(asset, None, seed), capital_usd, policy, code))
    return _ranked(name, capital_usd, found, len(wanted) - len(live), ())


def _day(asset: str, scenario: str | None, seed: int) -> Iterator[NDArray[Any]]:
    market = market_of(asset, scenario, seed, MEASURED_FROM_NS)
    return (market.chunk(hour) for hour in range(DAY_HOURS))


def _judged(
    facts: MarketFacts,
    events: Iterator[NDArray[Any]] | None,
    capital_usd: float,
    policy: Policy,
    code: str,
) -> Screened:
    profile = None if events is None else depth_profile(events)
    return Screened(
        asset=facts.asset,
        day_volume_usd=facts.day_volume_usd,
        decision=assess(facts, capital_usd, policy, code_version=code).decision,
        economics=economics(facts, profile, capital_usd, policy, code_version=code),
    )


def _ranked(
    name: str, capital_usd: float, found: list[Screened], gone: int, notes: Sequence[str]
) -> Screening:
    left_out = (f"{gone} delisted left out",) if gone else ()
    return Screening(
        universe=name,
        capital_usd=capital_usd,
        ranked=tuple(sorted(found, key=_order)),
        notes=(*notes, *left_out),
    )


def _order(one: Screened) -> tuple[bool, float, float]:
    """Put what the data reject last; before it, the most dollars per day of waiting first."""
    waiting = one.economics.usd_per_waiting_day
    is_rejected = one.economics.verdict.verdict == "FAIL"
    return is_rejected, -(waiting or 0.0), -(one.day_volume_usd or 0.0)


def _chosen(assets: Collection[str], known: Sequence[str], name: str) -> set[str]:
    for asset in assets:
        if asset not in known:
            raise unknown_asset(asset, known, name)
    return set(assets or known)


def _facts(row: AssetRow, source: str, now_ns: int) -> MarketFacts:
    """Return the facts in one line of a list. Impact prices are wider than the touch: no spread."""
    dex, _, coin = row.asset.rpartition(":")
    return MarketFacts(
        asset=row.asset,
        dex=dex,
        coin=coin,
        listed=True,
        delisted=False,
        mark_px=row.mark_px or 0.0,
        sz_decimals=row.sz_decimals,
        max_leverage=row.max_leverage,
        only_isolated=row.margin_mode != "cross",
        day_volume_usd=row.day_volume_usd,
        spread_bps=row.spread_bps if row.spread_from == "touch" else None,
        hours_observed=0.0,
        volume_hours=24.0,
        open_interest_usd=row.open_interest_usd,
        binance_symbol=resolve_binance_symbol(row.asset),
        source=source,
        observed_at_ns=now_ns,
    )
