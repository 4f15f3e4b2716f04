"""What a paper run shows: one line of figures for each of its makers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, FiniteFloat

from engine.core import book, ledger, risk
from engine.core.book import ASK, BID
from engine.core.limits import may_quote
from engine.core.markout import PENDING, PRIMARY
from engine.core.orders import GONE, PLACING
from engine.events import BUY, SELL
from engine.instrument import to_px
from engine.runners.simulated import KILL_REASONS

PAUSES = {
    risk.STALE: "paused: the market was silent",
    risk.RATE_LIMITED: "paused: the venue refused requests",
    risk.CASCADE: "paused: a cascade",
}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Standing(_Frozen):
    """Where one maker stands; money is what it made since the run began."""

    model: str
    own_bid: FiniteFloat | None
    own_ask: FiniteFloat | None
    position: FiniteFloat  # coins
    fills: int
    volume_usd: FiniteFloat
    edge_bps: FiniteFloat | None  # markout at 5 s less fee, weighted by notional
    fees_usd: FiniteFloat
    funding_usd: FiniteFloat
    pnl_usd: FiniteFloat  # the position at the mid
    quoted_h: FiniteFloat  # both sides resting
    requests: int
    granted: int
    refused: int
    state: str


class PaperLook(_Frozen):
    """The present, as far as it has been heard."""

    ts_ns: int
    mid: FiniteFloat | None
    market_bid: FiniteFloat | None
    market_ask: FiniteFloat | None
    book_age_s: FiniteFloat | None
    models: tuple[Standing, ...]
    trouble: str = ""  # what the stream met last


def look(
    sessions: NDArray[Any], edges: NDArray[Any], models: Sequence[str], ts_ns: int, book_ns: int
) -> PaperLook:
    """Return what there is to show.

    Parameters
    ----------
    sessions
        one for each fill model.
    edges
        what `add_edges` has summed, a row for each session.
    models
        the names of the fill models.
    ts_ns, book_ns
        the present, and when the book was heard of last; 0 for never.
    """
    m = sessions[0].maker
    is_open = book.is_open(m.book)
    return PaperLook(
        ts_ns=ts_ns,
        mid=_known(m.mid),
        market_bid=to_px(m.params.instrument, m.book.px[BID, 0]) if is_open else None,
        market_ask=to_px(m.params.instrument, m.book.px[ASK, 0]) if is_open else None,
        book_age_s=max(ts_ns - book_ns, 0) / 1e9 if book_ns > 0 else None,
        models=tuple(
            _standing(session, sums, model)
            for session, sums, model in zip(sessions, edges, models, strict=True)
        ),
    )


def add_edges(sums: NDArray[Any], out: Any) -> None:
    """Add the fills whose markouts an output tells: edge [USD], and the notional it is of."""
    rows = out.markouts[: out.n_markouts]
    _add(sums, rows["notional_usd"], rows["markout_bps"][:, PRIMARY], rows["fee_bps"])


def _add(sums: NDArray[Any], usd: NDArray[Any], moved: NDArray[Any], fee: NDArray[Any]) -> None:
    known = np.isfinite(moved)
    sums += (1e-4 * usd * (moved - fee))[known].sum(), usd[known].sum()


def _standing(session: Any, sums: NDArray[Any], model: str) -> Standing:
    m, a = session.maker, session.venue.account
    return Standing(
        model=model,
        own_bid=_best(m, BUY),
        own_ask=_best(m, SELL),
        position=m.ledger.position,
        fills=m.ledger.fills,
        volume_usd=m.ledger.volume_usd,
        edge_bps=_edge_bps(m, sums),
        fees_usd=m.ledger.fees_usd,
        funding_usd=m.ledger.funding_usd,
        pnl_usd=ledger.equity_usd(m.ledger, m.mid),
        quoted_h=m.quoting.quote_s / 3600.0,
        requests=int(a.budget.used),
        granted=int(a.budget.granted),
        refused=a.refused,
        state=_state(m),
    )


def _best(m: Any, side: int) -> float | None:
    """Return the price of our best order on a side that the venue has confirmed."""
    orders = m.orders.slot
    there = (orders["side"] == side) & (orders["state"] != GONE) & (orders["state"] != PLACING)
    if not there.any():
        return None
    return to_px(m.params.instrument, side * int((side * orders["px"][there]).max()))


def _edge_bps(m: Any, sums: NDArray[Any]) -> float | None:
    """Return the edge of all fills that are old enough, those not told yet among them."""
    total = sums.copy()
    outcomes = m.beliefs.markouts
    young = outcomes.pending[np.arange(outcomes.tail, outcomes.head) % PENDING]
    young = young[young["known"] > PRIMARY]
    _add(total, young["px"] * young["sz"], young["markout_bps"][:, PRIMARY], young["fee_bps"])
    return 1e4 * total[0] / total[1] if total[1] > 0.0 else None


def _state(m: Any) -> str:
    if m.kill.reason != risk.ARMED:
        return f"killed: {KILL_REASONS[int(m.kill.reason)]}"
    if m.disconnected:
        return "disconnected"
    if risk.is_paused(m.kill, m.now_ns):
        return PAUSES[int(m.kill.pause)]
    return "quoting" if may_quote(m) else "no fresh book"


def _known(px: float) -> float | None:
    return float(px) if px > 0.0 else None
