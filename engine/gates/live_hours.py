"""What the ramp knows of an asset beside the gate of its phase: the hours it has traded live."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.gates.drawdown import drawdown_budget
from engine.thresholds.ramp import DrawdownPolicy

Array = NDArray[Any]
Blocks = Mapping[str, Array]  # columns of the store's ``evidence_blocks``


class Pace(NamedTuple):
    """How an asset fills at full capital.

    Fills an hour of market data, the size of the mean fill [USD], and the standard deviation of a
    fill's edge [bps]. Fills weigh by their size: one twice as large as the mean counts as two.
    """

    per_h: float
    fill_usd: float
    sd_bps: float


def pace(blocks: Blocks) -> Pace | None:
    """Return the pace of paper's hours; None where it is not known: no fills, or all the same."""
    names = ("markouts", "notional_usd", "edge_usd_bps", "edge_usd_bps_sq", "live_s")
    fills, usd, edge, squares, live_s = (float(blocks[name].sum()) for name in names)
    known = np.isfinite([fills, usd, edge, squares, live_s]).all()
    if not (known and min(fills, usd, live_s) > 0):
        return None
    fill_usd = usd / fills
    variance = squares / fill_usd**2 / fills - (edge / usd) ** 2
    if not variance > 0:
        return None
    return Pace(3600 * fills / live_s, fill_usd, variance**0.5)


def edge_budget(paced: Pace, policy: DrawdownPolicy) -> float:
    """Return how far cumulative edge may fall below its highest [bps of a mean fill, summed].

    The number is one for every phase: fills grow with the capital, and with them what it is worth.
    """
    return drawdown_budget(
        policy.hoped_edge_bps * paced.per_h,
        paced.per_h * paced.sd_bps**2 * policy.deff,
        24 * policy.days_to_false_alarm,
    )


class Hours(NamedTuple):
    """Hours of one live run, in order: one value an hour.

    `hour` is the UTC hour's number, `fraction` the share of the capital at work, `edge_usd_bps` the
    sum of notional times edge over the fills whose markout is known. Warm-up and hours with gaps
    belong here too: money lost in them is lost.
    """

    hour: Array
    fraction: Array
    edge_usd_bps: Array

    @classmethod
    def of(cls, blocks: Blocks, fraction: float) -> "Hours":
        """Return the hours of a run that trades with a share of the capital."""
        hour = blocks["hour"]
        return cls(hour, np.full(len(hour), fraction), blocks["edge_usd_bps"])

    def known(self) -> "Hours":
        """Return the hours whose numbers are finite."""
        sound = np.isfinite(np.array(self, dtype=float)).all(axis=0)
        return Hours(*(values[sound] for values in self))

    def fault(self) -> str:
        """Say what is wrong with these hours; empty where nothing is."""
        for name, values in zip(self._fields, self, strict=True):
            if not np.isfinite(values).all():
                return f"{name} is not finite in block {np.flatnonzero(~np.isfinite(values))[0]}"
        if (np.diff(self.hour) <= 0).any():
            return "hours out of order: a clock was set back"
        return ""


class Live(NamedTuple):
    """What the ramp is ruled by beside the phase's gate.

    `earlier` are the phases since the last step down, each with its hours, `present` the phase
    itself; `paced` is None where paper's fills are not known. `step_downs` counts the asset's, in
    all its life; `holds` says what holds the ramp.
    """

    earlier: tuple[Hours, ...]
    present: Hours
    paced: Pace | None
    step_downs: int
    holds: tuple[str, ...]
    capital_usd: float

    def fault(self) -> str:
        """Say what is wrong with the hours; empty where nothing is."""
        found = (hours.fault() for hours in (*self.earlier, self.present))
        return next(filter(None, found), "")
