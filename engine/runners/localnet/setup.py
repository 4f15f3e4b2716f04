"""What an exchange was made of, kept beside its state: its universe, and what drives which asset.

A state makes sense with its own universe alone, so a second start takes the first one's.
"""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from engine.localnet.listings import DEFAULT
from engine.localnet.universe import PerpSpec, Universe, UniverseSpec
from engine.sim.scenarios import scenario as scenario_named
from engine.sim.universe import UNIVERSE, Listing
from engine.store.tape import tape_info
from engine.venues.rows import unknown_asset
from engine.venues.static import TAPE_ASSETS

ASSETS = ("HYPE", "BTC", "ETH", "SOL", "hyna:LIT")
FILE = "setup.json"
_FROZEN = ConfigDict(frozen=True, extra="forbid")


class Drive(BaseModel):
    """What drives one asset, and since when on the exchange's clock."""

    model_config = _FROZEN

    since_ms: int
    scenario: str | None = None  # the simulated asset's own where absent
    seed: int = 7
    tape: str | None = None


class Setup(BaseModel):
    """A universe, and the markets behind its assets."""

    model_config = _FROZEN

    universe: UniverseSpec
    drives: Mapping[str, Drive]


def new_setup(
    now_ms: int,
    assets: tuple[str, ...] = ASSETS,
    *,
    scenario: str | None = None,
    seed: int = 7,
    tapes: tuple[Path, ...] = (),
) -> Setup:
    """Return the setup of a new exchange.

    Parameters
    ----------
    now_ms
        when it opens [ms UTC].
    assets
        driven by the simulated venue; what the default universe lacks is listed too.
    scenario
        for all of them, instead of each one's own.
    tapes
        each drives the asset it is of, in place of a simulation.

    Raises
    ------
    ValueError
        if an asset or scenario is unknown, or a tape cannot drive its asset.
    """
    if scenario is not None:
        scenario_named(scenario)
    universe, drives = DEFAULT, {}
    for asset in assets:
        if asset not in UNIVERSE:
            raise unknown_asset(asset, UNIVERSE, "the simulated venue")
        universe = _with(universe, asset, _perp(UNIVERSE[asset]))
        drives[asset] = Drive(since_ms=now_ms, scenario=scenario, seed=seed)
    for tape in tapes:
        asset, perp = _of_tape(tape)
        universe = _with(universe, asset, perp)
        drives[asset] = Drive(since_ms=now_ms, tape=str(tape.resolve()))
    return Setup(universe=universe, drives=drives)


def read_setup(folder: Path) -> Setup | None:
    """Return the setup of the state in a folder; None where there is none.

    Raises
    ------
    ValueError
        if it cannot be read.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        return Setup.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ValueError(f"{path} cannot be read: delete {folder} to begin anew") from error


def write_setup(folder: Path, setup: Setup) -> None:
    """Keep a setup beside its state."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{FILE}.part"
    part.write_text(setup.model_dump_json(indent=1))
    part.replace(folder / FILE)


def _with(universe: UniverseSpec, asset: str, perp: PerpSpec) -> UniverseSpec:
    """Return a universe that lists an asset: the list only grows, so ids stay."""
    listed = Universe(universe).by_coin.get(asset)
    if listed is not None:
        if listed.sz_decimals != perp.sz_decimals:
            raise ValueError(
                f"sz_decimals of {asset} must be {listed.sz_decimals} as it is listed, "
                f"was {perp.sz_decimals}"
            )
        return universe
    dex = asset.rpartition(":")[0]
    dexs = [
        one.model_copy(update={"perps": (*one.perps, perp)}) if one.name == dex else one
        for one in universe.dexs
    ]
    if dex not in {one.name for one in universe.dexs}:
        raise ValueError(f"dex of {asset} must be one of {[one.name for one in dexs]}, was {dex!r}")
    return universe.model_copy(update={"dexs": tuple(dexs)})


def _perp(listing: Listing) -> PerpSpec:
    return PerpSpec(
        coin=listing.coin,
        sz_decimals=listing.sz_decimals,
        max_leverage=listing.max_leverage,
        px=Decimal(str(listing.mark_px)),
        margin_mode="strictIsolated" if listing.only_isolated else "cross",
        delisted=listing.delisted,
        oi_cap_usd=None if listing.oi_cap_usd is None else int(listing.oi_cap_usd),
    )


def _of_tape(path: Path) -> tuple[str, PerpSpec]:
    info = tape_info(path)
    terms = TAPE_ASSETS.get(info.asset)
    px = Decimal(str(UNIVERSE[info.asset].mark_px)) if info.asset in UNIVERSE else Decimal(1)
    perp = PerpSpec(
        coin=info.asset.rpartition(":")[2],
        sz_decimals=info.sz_decimals,
        max_leverage=10 if terms is None else int(terms.max_leverage),
        px=px,
    )
    return info.asset, perp
