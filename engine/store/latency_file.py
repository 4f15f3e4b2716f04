"""Measured delays, as a file that replay and paper can draw from.

One row per message: `kind` (new, modify, cancel, response, feed) and `ms`, in CSV or Parquet. The
live runner measures requests and responses; a desk may bring its own.
"""

from pathlib import Path

import numpy as np
import polars as pl

from engine.sim.latency import KINDS
from engine.sim.rules import POINTS, Delay, Latency

LEAST_ROWS = 100  # below it the 99 % quantile is one or two messages
NEEDED = ("new", "cancel", "response")


class LatencyFileError(ValueError):
    """A file of delays cannot be used; the message names the file, what is wrong and the remedy."""


def read_latency(path: Path) -> Latency:
    """Return the quantiles of every kind in a file; `modify` is as `new` where it is absent.

    Raises
    ------
    LatencyFileError
        if the file has other columns or kinds, delays that are negative or not numbers, or fewer
        than 100 rows of a kind it needs.
    """
    rows = _rows(path)
    known = rows["kind"].unique().to_list()
    if strange := sorted(set(known) - set(KINDS)):
        raise LatencyFileError(f"{path}: kind must be one of {', '.join(KINDS)}, was {strange}")
    bad = rows.filter(~(pl.col("ms").is_finite() & (pl.col("ms") >= 0)))
    if len(bad):
        raise LatencyFileError(
            f"{path}: ms must be a number, zero or more; {len(bad)} rows are not, the first is "
            f"{bad['ms'][0]}"
        )
    delays = {kind: _delay(path, rows, kind) for kind in KINDS if kind in (*known, *NEEDED)}
    return Latency.model_validate({"modify": delays["new"]} | delays)


def _rows(path: Path) -> pl.DataFrame:
    try:
        rows = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path)
        return rows.select(pl.col("kind").cast(pl.String), pl.col("ms").cast(pl.Float64))
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0]
        raise LatencyFileError(
            f"{path}: must be CSV or Parquet with columns kind and ms ({reason})"
        ) from error


def _delay(path: Path, rows: pl.DataFrame, kind: str) -> Delay:
    ms = rows.filter(pl.col("kind") == kind)["ms"].to_numpy()
    if len(ms) < LEAST_ROWS:
        raise LatencyFileError(
            f"{path}: {kind} needs {LEAST_ROWS} rows or more for its 99 % quantile, has {len(ms)}"
        )
    return Delay(quantiles_ms=tuple(np.quantile(ms, np.linspace(0, 1, POINTS)).tolist()))
