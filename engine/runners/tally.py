"""What a session did, hour by hour: sums that are formed as it goes, so memory stays flat."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, FiniteFloat

from engine.core import ledger
from engine.core.markout import HORIZONS, PENDING, PRIMARY
from engine.core.output import drained
from engine.sim.market import HOUR_NS

ADVERSE_BPS = -1.0  # a mid that moved further than this against us
AFTER_60_S = 3  # the horizon's place, beside PRIMARY for 5 s


class Block(BaseModel):
    """Sums over one hour, or over several; markouts stand in the hour of their fill."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hours: FiniteFloat
    quoted_h: FiniteFloat  # both sides resting
    fills: int
    filled_orders: int
    notional_usd: FiniteFloat
    markouts: int  # fills whose mid 5 s later is known
    adverse: int  # of those
    edge_5_usd: FiniteFloat  # markout less fee, times notional
    known_5_usd: FiniteFloat  # the notional of those fills
    edge_60_usd: FiniteFloat
    known_60_usd: FiniteFloat
    fees_usd: FiniteFloat
    funding_usd: FiniteFloat
    pnl_usd: FiniteFloat  # open position at the mid
    requests: int
    refused: int
    max_position: FiniteFloat  # coins, either way

    @property
    def edge_bps(self) -> float | None:
        """Edge at 5 s, weighted by notional."""
        return _ratio(1e4 * self.edge_5_usd, self.known_5_usd)

    @property
    def edge_60_bps(self) -> float | None:
        """Edge at 60 s."""
        return _ratio(1e4 * self.edge_60_usd, self.known_60_usd)

    @property
    def net_bps(self) -> float | None:
        """Profit per notional."""
        return _ratio(1e4 * self.pnl_usd, self.notional_usd)

    @property
    def as_rate(self) -> float | None:
        """Share of fills that the market moved against."""
        return _ratio(self.adverse, self.markouts)

    @property
    def fill_rate(self) -> float | None:
        """Filled orders per hour in which both sides were quoted."""
        return _ratio(self.filled_orders, self.quoted_h)

    @property
    def requests_per_usd(self) -> float | None:
        """Requests per dollar traded: the venue grants one."""
        return _ratio(self.requests, self.notional_usd)


def total(blocks: Sequence[Block]) -> Block:
    """Return the sum of blocks; of the positions held, the largest."""
    sums: dict[str, float] = {
        name: sum(getattr(b, name) for b in blocks) for name in Block.model_fields
    }
    sums["max_position"] = max((b.max_position for b in blocks), default=0.0)
    return Block.model_validate(sums)


def _ratio(above: float, below: float) -> float | None:
    return above / below if below > 0 else None


class Tally:
    """The sums of one session that begins at `start_ns` and lasts at most `hours`."""

    def __init__(self, start_ns: int, hours: int) -> None:
        self._start_ns = start_ns
        self._sums = {name: np.zeros(hours) for name in Block.model_fields}
        self._before: dict[str, float] = {}
        self._closed = 0
        self._peak_usd = 0.0
        self.max_drawdown_usd = 0.0

    def hear(self, out: Any) -> None:
        """Take everything the engine has said."""
        self._add_fills(out.fills[: out.n_fills])
        rows = out.markouts[: out.n_markouts]
        self._add_markouts(rows, rows["notional_usd"], rows["markout_bps"])
        self._see_equity(out.samples[: out.n_samples]["equity_usd"])
        drained(out)

    def close_hour(self, session: Any, hours: float) -> None:
        """Read the session's counters at the end of an hour, or of the part of it there is."""
        counters = _counters(session)
        for name, value in counters.items():
            self._sums[name][self._closed] = value - self._before.get(name, 0.0)
        self._sums["hours"][self._closed] = hours
        self._before = counters
        self._closed += 1

    def blocks(self, session: Any) -> tuple[Block, ...]:
        """Return the hours closed; fills too young for their last horizon count as far as known."""
        m = session.maker.beliefs.markouts
        rows = m.pending[np.arange(m.tail, m.head) % PENDING]
        young = np.arange(HORIZONS) >= rows["known"][:, None]
        after = np.where(young, np.nan, rows["markout_bps"])
        self._add_markouts(rows, rows["px"] * rows["sz"], after)
        columns = {name: values[: self._closed].tolist() for name, values in self._sums.items()}
        return tuple(
            Block.model_validate(dict(zip(columns, row, strict=True)))
            for row in zip(*columns.values(), strict=True)
        )

    def _add_fills(self, rows: Any) -> None:
        hour = self._hours_of(rows["ts_ns"])
        self._add("fills", hour, np.ones(len(rows)))
        self._add("notional_usd", hour, rows["px"] * rows["sz"])
        self._add("fees_usd", hour, rows["fee_usd"])
        np.maximum.at(self._sums["max_position"], hour, np.abs(rows["position"]))

    def _add_markouts(self, rows: Any, notional_usd: NDArray[Any], after: NDArray[Any]) -> None:
        hour = self._hours_of(rows["ts_ns"])
        moved = after[:, PRIMARY] - rows["half_spread_bps"]
        self._add("markouts", hour, np.isfinite(moved))
        self._add("adverse", hour, moved < ADVERSE_BPS)  # not so where it is unknown
        for horizon, k in ((5, PRIMARY), (60, AFTER_60_S)):
            known = np.isfinite(after[:, k])
            edge = np.where(known, after[:, k] - rows["fee_bps"], 0.0)
            self._add(f"edge_{horizon}_usd", hour, 1e-4 * notional_usd * edge)
            self._add(f"known_{horizon}_usd", hour, np.where(known, notional_usd, 0.0))

    def _see_equity(self, equity_usd: NDArray[Any]) -> None:
        peaks = np.maximum.accumulate(np.append(self._peak_usd, equity_usd))
        below = peaks[1:] - equity_usd
        self._peak_usd = float(peaks[-1])
        self.max_drawdown_usd = max(self.max_drawdown_usd, float(below.max(initial=0.0)))

    def _hours_of(self, ts_ns: NDArray[Any]) -> NDArray[Any]:
        last = len(self._sums["hours"]) - 1
        return np.clip((ts_ns - self._start_ns) // HOUR_NS, 0, last)

    def _add(self, name: str, hour: NDArray[Any], values: NDArray[Any]) -> None:
        sums = self._sums[name]
        sums += np.bincount(hour, values, minlength=len(sums))


def _counters(session: Any) -> dict[str, float]:
    """Return what a session counts from its start."""
    m = session.maker
    return {
        "quoted_h": float(m.quoting.quote_s) / 3600.0,
        "filled_orders": float(m.quoting.filled_orders),
        "funding_usd": float(m.ledger.funding_usd),
        "pnl_usd": float(ledger.equity_usd(m.ledger, m.mid)),
        "requests": float(m.orders.requests),
        "refused": float(session.venue.account.refused),
    }
