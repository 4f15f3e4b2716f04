"""Why a quote is where it is: the engine is played to a moment and asked.

Nothing is computed here: the terms are those the quote was added up from.
"""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from engine.config import AssetSpec, MakerConfig
from engine.core import calibration, intensity, quote, risk, session_ramp, volatility
from engine.core.book import ASK, BID, is_open, row
from engine.core.limits import may_quote
from engine.core.output import Output, drained
from engine.core.params import NS_PER_S
from engine.derive.decisions import derive_config
from engine.events import BUY, SELL, Event
from engine.instrument import to_px
from engine.policy import load_policy
from engine.record import zeros
from engine.runners.checkpoint import Checkpoint
from engine.runners.feeds import Feed, SimulatedFeed, TapeFeed
from engine.runners.market_source import market_of_spec
from engine.runners.simulated import TRADING_FROM_NS, carry, new_session, play_hour
from engine.sim.market import HOUR_NS
from engine.sim.rules import venue_rules

UNITS_S = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


class Side(BaseModel):
    """One side's best quote: the sum of its terms is its distance from the mid."""

    model_config = ConfigDict(frozen=True)

    side: Literal["bid", "ask"]
    px: float | None  # None where the side may not be quoted now
    distance_bps: float
    terms_bps: dict[str, float]


class Explanation(BaseModel):
    """The quote wished for last before a moment, and what it was made of."""

    model_config = ConfigDict(frozen=True)

    asset: str
    ts_ns: int
    mid: float
    market_bid: float | None
    market_ask: float | None
    bid: Side
    ask: Side
    state: dict[str, float]


def explain(spec: AssetSpec, at: str) -> Explanation:
    """Play the market of `spec` up to a moment and take its quote apart.

    Parameters
    ----------
    spec : asset, capital, and the tape or the scenario
    at : ``1h30m`` after the start, or a UTC time such as ``2025-09-04T12:30:00``

    Raises
    ------
    ValueError
        if `at` is no time, is outside the data, or the engine does not quote then.
    """
    facts = market_of_spec(spec).facts(spec.asset, TRADING_FROM_NS)
    config, _ = derive_config(spec, facts, load_policy())
    maker = _play(spec, config, at)
    if maker.quote.ts_ns == 0 or not may_quote(maker):
        raise ValueError(f"at = {at!r}: {_why_silent(maker)}")
    return _explanation(spec.asset, maker)


def _play(spec: AssetSpec, config: MakerConfig, at: str) -> Any:
    feed: Feed
    if spec.tape:
        feed = TapeFeed(Path(spec.tape), 0)
    else:
        feed = SimulatedFeed(spec.asset, spec.scenario, spec.seed, TRADING_FROM_NS)
    until_ns = feed.start_ns + round(seconds_after(at, feed.start_ns) * 1e3) * NS_PER_S // 1000
    if not feed.start_ns <= until_ns <= feed.end_ns:
        first, last = _utc(feed.start_ns), _utc(feed.end_ns)
        raise ValueError(f"at = {at!r}: the data runs from {first} to {last}")
    sessions = new_session(config, venue_rules(load_policy(), seed=spec.seed))
    point = Checkpoint(feed.start_ns, 0, sessions, b"", zeros(Event, 0))
    outputs = zeros(Output)
    while feed.start_ns + point.hours * HOUR_NS <= until_ns:
        end_ns = min(feed.start_ns + (point.hours + 1) * HOUR_NS, until_ns)
        events = play_hour(point, feed, end_ns, [(outputs, lambda: drained(outputs[0]))])
        if events is None:
            break
        carry(point, events)
    return sessions[0].maker


def seconds_after(at: str, start_ns: int) -> float:
    """Return how many seconds after `start_ns` a moment is.

    >>> seconds_after("1h30m", 0), seconds_after("90", 0)
    (5400.0, 90.0)
    >>> seconds_after("1970-01-01T00:01:00", 0)
    60.0

    Raises
    ------
    ValueError
        if `at` is neither a duration nor a time.
    """
    parts = re.findall(r"([0-9]+(?:\.[0-9]+)?)([dhms])", at)
    if parts and "".join(n + unit for n, unit in parts) == at:
        return float(sum(float(n) * UNITS_S[unit] for n, unit in parts))
    if re.fullmatch(r"[0-9]{1,7}(\.[0-9]+)?", at):
        return float(at)
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise ValueError(
            f"at = {at!r}: give a time after the start (1h30m) or in UTC (2025-09-04T12:30:00)"
        ) from None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.timestamp() - start_ns / NS_PER_S


def _utc(ts_ns: int) -> str:
    return datetime.fromtimestamp(ts_ns / NS_PER_S, UTC).isoformat(timespec="seconds")


def _why_silent(m: Any) -> str:
    if m.kill.reason != risk.ARMED:
        return f"the kill switch has tripped at {_utc(int(m.kill.tripped_ns))}; nothing is quoted"
    if risk.is_paused(m.kill, m.now_ns):
        return "quotes are pulled for a while: the market was silent, in a cascade, or refused us"
    return "there is no open, fresh book to quote on"


def _explanation(asset: str, m: Any) -> Explanation:
    q, b, p = m.quote, m.beliefs, m.params
    shown = is_open(m.book)
    ramp = session_ramp.fraction(m.start_ns, q.ts_ns, p.ramp_ns, p.ramp_start)
    return Explanation(
        asset=asset,
        ts_ns=int(q.ts_ns),
        mid=float(q.mid),
        market_bid=to_px(p.instrument, m.book.px[BID, 0]) if shown else None,
        market_ask=to_px(p.instrument, m.book.px[ASK, 0]) if shown else None,
        bid=_side(m, BUY),
        ask=_side(m, SELL),
        state={
            "position": float(m.ledger.position),
            "inventory in orders": float(q.inventory),
            "position limit now": float(q.limit),
            "session ramp": float(ramp),
            "order size": float(q.order_sz),
            "gamma": float(q.gamma),
            "kappa": float(b.intensity.kappa),
            "kappa confidence": float(intensity.confidence(b.intensity)),
            "fills per s at the mid": float(b.intensity.intensity_per_s),
            "sigma, bps per √s": 1e4 * float(volatility.sigma(b.volatility)),
            "regime": float(b.regime.level),
            "calibration progress": float(calibration.progress(b.markouts, b.intensity)),
        },
    )


def _side(m: Any, side: int) -> Side:
    r = row(side)
    terms = {name: 1e4 * float(m.quote.terms[r, k]) + 0.0 for k, name in enumerate(quote.TERMS)}
    quoted = m.ladder.sz[r, 0] > 0.0
    return Side(
        side="bid" if side == BUY else "ask",
        px=to_px(m.params.instrument, m.ladder.px[r, 0]) if quoted else None,
        distance_bps=sum(terms.values()),
        terms_bps=terms,
    )
