"""The paper venue against hftbacktest's, at every step of one strategy on the same market data.

hftbacktest's exchange fills whole orders (NoPartialFillExchange), and so does ours here. Two hours
of the generated market and two recorded tapes; ``make oracle`` takes a whole generated day.
"""

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import oracle
from benchmarks.grid import Grid, market_data, only_market, play_day
from engine.events import LEVEL
from engine.record import JIT
from engine.runners.tape_import import import_tape
from engine.sim.clocks import LATE_NS
from engine.store.tape import read_tape
from engine.store.tape_export import hftbacktest_rows

HOURS = int(os.environ.get("GANGWAY_ORACLE_HOURS", "2"))  # of the generated day
STEPS = 24 * 36_000  # of a day
NAMES = ("generated", "WLFI", "ETH")
MODELS = ("risk_averse", "power", "log", "power3")
RUNS = tuple((model, levels) for model in MODELS for levels in (1, 5))
MOST_USD = 1e-9  # that the two balances may differ by
ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("GANGWAY_DATA", ROOT.parent / "shared" / "data"))
RECORDING = DATA / "hl_l2_bbo_trades_20250904"


class Market(NamedTuple):
    """Market data both play; `coins` of the venue are one of ours."""

    grid: Grid
    events: NDArray[Any]
    coins: float = 1.0


def generated() -> Market:
    """Return hours of the simulated BTC, whose tick is a dollar."""
    grid = Grid(0, 5, sz=0.01, max_position=0.1, variance=40.0)
    return Market(grid, market_data("BTC", HOURS))


def recorded(asset: str, px_decimals: int, usd: float, folder: Path) -> Market:
    """Return a recorded tape in units of so many coins that no level shows as much as a tenth.

    hftbacktest's logarithm is of 1 + the size ahead, which it lets cancels make negative. Below -1
    it is not a number, and the order goes back to the end of its level. The other models know no
    unit.
    """
    tape = folder / f"{asset}.tape"
    info = import_tape(RECORDING, tape, asset=asset)
    events = only_market(list(read_tape(tape)))
    events = events[events["recv_ns"] - events["ts_ns"] <= LATE_NS]  # later: taken when heard
    exponent = 1 + int(np.ceil(np.log10(events["sz"][events["kind"] == LEVEL].max())))
    lot = 10.0 ** -(info.sz_decimals + exponent)
    events["sz"] = np.rint(events["sz"] * 10.0**info.sz_decimals) * lot
    sz = round(usd / events["px"][0] * 10.0**info.sz_decimals) * lot
    grid = Grid(px_decimals, info.sz_decimals + exponent, sz, 10 * sz, variance=40.0, kappa=1.0)
    return Market(grid, events, 10.0**exponent)


@pytest.fixture(scope="session")
def markets(tmp_path_factory):
    if not oracle.is_there():
        pytest.skip(oracle.ABSENT)
    if not JIT:
        pytest.skip("uncompiled this takes hours")
    found = {"generated": generated()}
    if RECORDING.is_dir():
        folder = tmp_path_factory.mktemp("tapes")
        found["WLFI"] = recorded("WLFI", 5, 20.0, folder)
        found["ETH"] = recorded("ETH", 1, 400.0, folder)
    return found


@pytest.fixture(scope="session")
def theirs(markets, tmp_path_factory):
    """What hftbacktest says of every run, by market, model and levels."""
    folder = tmp_path_factory.mktemp("hftbacktest")
    path = str(folder / "path.npy")
    found = {}
    with oracle.Player(oracle.COMMAND) as player:
        for name, market in markets.items():
            rows, grid = str(folder / f"{name}.npy"), oracle.told(market.grid)
            np.save(rows, hftbacktest_rows(market.events, market.grid.tick, market.grid.lot))
            for model, levels in RUNS:
                about = {"grid": grid, "model": model, "levels": levels, "steps": STEPS}
                said = player.play(rows=rows, path=path, **about)
                found[name, model, levels] = said | {"path": np.load(path)}
    return found


@pytest.fixture(scope="session")
def market(markets):
    def find(name):
        if name not in markets:
            pytest.skip(f"recorded data {RECORDING.name} is not in {DATA}; set GANGWAY_DATA")
        return markets[name]

    return find


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("model", "levels"), RUNS)
def test_position_and_balance_are_those_of_hftbacktest_at_every_step(
    market, theirs, name, model, levels
):
    grid, events, coins = market(name)
    said = theirs[name, model, levels]
    assert said["code"] == 1, "hftbacktest did not come to the end of the data"
    play, path = play_day(grid._replace(levels=levels), model, events, STEPS)
    assert int(play.quoter.steps) == said["steps"] == len(path) == len(said["path"])
    ours, its = np.rint(path[:, 0] / grid.lot), np.rint(said["path"][:, 0] / grid.lot)
    assert int((ours != its).sum()) == 0
    assert np.abs(path[:, 1] - said["path"][:, 1]).max() * coins <= MOST_USD
    assert int(play.quoter.fills) == said["fills"] > 100


def test_the_models_differ_where_a_level_loses_more_than_traded(market, theirs):
    market("ETH")
    assert len({theirs["ETH", model, 5]["fills"] for model in MODELS}) > 1
