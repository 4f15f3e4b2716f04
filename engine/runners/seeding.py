"""Carry the table of `RLEdgeModel` from one run to the next one of the same asset.

A saved table is a line with the asset's name, then a checkpoint of the record. What it knows counts
0.3 in the next run, and 0.09 in the one after, unless this session has seen the state itself.
"""

from pathlib import Path
from typing import Any

import numpy as np

from engine.core.q_table import QTable, asset_hash
from engine.record import SchemaMismatchError, dump_state, load_state

WEIGHT = 0.3  # of an earlier run's evidence: markets change between runs
SUMS = ("weight", "reward_bps", "square_bps2", "fills", "surprise_bps")


def save_table(table: Any, asset: str) -> bytes:
    """Return the bytes from which `seed` starts a later run.

    Raises
    ------
    ValueError
        if the table is not this asset's.
    """
    if table.asset != asset_hash(asset):
        raise ValueError(f"the table to save is not the one of {asset}")
    return asset.encode() + b"\n" + dump_state(table)


def keep_table(table: Any, asset: str, path: Path) -> None:
    """Replace the file from which the asset's next run is seeded."""
    draft = path.with_suffix(".draft")
    draft.write_bytes(save_table(table, asset))
    draft.replace(path)


def seed_from(table: Any, asset: str, kept: Path, begun: Path) -> int:
    """Seed the table of a run that begins; return the states seeded.

    Parameters
    ----------
    kept : the file of the asset, which its newest run keeps replacing
    begun : the file of this run, copied from `kept` once: a run that is started again begins with
        what it began with before

    A table that another layout of the engine wrote is nothing to use: the run starts cold.
    """
    if not begun.exists():
        begun.write_bytes(kept.read_bytes() if kept.exists() else b"")
    try:
        return seed(table, begun.read_bytes(), asset) if begun.stat().st_size else 0
    except SchemaMismatchError:
        return 0


def seed(table: Any, saved: bytes, asset: str) -> int:
    """Give a table what an earlier run of the same asset learned, in states it has not seen.

    Parameters
    ----------
    table : the `QTable` record of the run that begins; its `n` and its outcomes stay as they are
    saved : from `save_table`
    asset : the asset the run is about

    Returns
    -------
    int
        the number of states seeded.

    Raises
    ------
    ValueError
        if either table belongs to another asset, or holds a number that is not finite.
    SchemaMismatchError
        if another layout of the table was saved.
    """
    name, _, blob = saved.partition(b"\n")
    earlier = load_state(QTable, blob)[0]
    if {int(table.asset), int(earlier.asset), asset_hash(name.decode())} != {asset_hash(asset)}:
        raise ValueError(f"{asset} is never seeded from another asset's table: {name.decode()}")
    if not all(np.isfinite(earlier[column]).all() for column in SUMS):
        raise ValueError(f"the saved table of {asset} holds numbers that are not finite")
    unseen = table.n.sum(axis=1) == 0
    for column in SUMS:
        table[column][unseen] = WEIGHT * earlier[column][unseen]
    return int((unseen & (earlier.weight.sum(axis=1) > 0)).sum())
