"""The same strategies and the same market data under our paper rules and under other programs'.

``python -m benchmarks.paper_rules`` prints one Markdown table per market and one over all. Other
programs' rules are said in the words of our venue, from their documentation and code; `PEERS` says
where that falls short. Two strategies play: the product's own maker with the configuration derived
for the market, and one that learns nothing (`fixed_quotes`), so that what differs is the fills
alone. Our rules also hold the maker to the venue's limits, the other programs' do not; the fixed
quotes know none.

Net is profit after fees with the open position at the last mid, edge is how far the mid is beyond
the price 5 s after a fill less the fee; both are per dollar filled. The last two columns are less
what our realistic rule says, with 95 % bounds of a paired block bootstrap over blocks of an hour,
or of five minutes where the market is shorter than three.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks import fixed_quotes
from benchmarks.fill_scores import HORIZON_NS, Score, block_edges, mids_of, score
from engine.config import AssetSpec, MakerConfig
from engine.core.output import Output, drained
from engine.core.params import new_params
from engine.core.risk import ARMED
from engine.derive.decisions import derive_config
from engine.events import Event, joined
from engine.policy import load_policy
from engine.record import zeros
from engine.review.intervals import ratio_difference
from engine.runners.feeds import SimulatedFeed
from engine.runners.market_source import market_of_spec
from engine.runners.simulated import TRADING_FROM_NS, new_session, warm
from engine.runners.tape_import import import_tape
from engine.sim.clocks import arrival_order
from engine.sim.rules import BAND, Delay, FillModel, Latency, VenueRules, venue_rules
from engine.sim.session import run
from engine.store.tape import read_tape

DATA = Path(os.environ.get("GANGWAY_DATA", Path(__file__).parents[1].parent / "shared" / "data"))
CAPITAL_USD = 1000.0
RECORDED = (
    ("hl_l2_bbo_trades_20250904", "WLFI"),
    ("hl_l2_bbo_trades_20250904", "ETH"),
    ("standx_btc_l2_trades_20260106", "BTC-USD"),
)
SIMULATED = (("HYPE", 48), ("SOL", 24))  # hours
PROCESSES = 2
REALISTIC = "ours, realistic"
NO_LATENCY = Latency.constant(0.0)


class Rule(NamedTuple):
    """How a program judges fills; with `one_clock` it learns of the market as the strategy does."""

    rules: VenueRules
    one_clock: bool = False


def _peer(
    fill_model: FillModel,
    latency: Latency,
    *,
    whole: bool,
    reached_by: Literal["both", "prints", "book"] = "both",
    one_clock: bool = True,
) -> Rule:
    rules = VenueRules(
        fill_model=fill_model,
        latency=latency,
        whole_fills=whole,
        reached_by=reached_by,
        limits=False,
    )
    return Rule(rules, one_clock)


PEERS = {
    # paper_trade_exchange.pyx (2.16): a print strictly through the price, or the other side's best
    # at it or through it, fills whole; at once, on the clock of the strategy
    "hummingbot paper": _peer("pessimistic", NO_LATENCY, whole=True),
    # optimize/backtesting.py: low <= price <= high of a candle fills whole; candles know no book
    "freqtrade candles": _peer("front", NO_LATENCY, whole=True, reached_by="prints"),
    # exchange.py: an order fills whole when the other side's best reaches it, never by prints
    "freqtrade dry run": _peer("front", NO_LATENCY, whole=True, reached_by="book"),
    # sandbox/config.py, concepts/backtesting.md (1.231): a print at the price or through it fills
    # at most its size, a book that crosses at most what it shows. Not said here: several orders
    # of ours each have all of it there
    "nautilus sandbox": _peer("front", NO_LATENCY, whole=False),
    # simulation/fill_sim.rs: orders rest after 100 ms, cancels are at once, a print comes off the
    # queue twice, and a book that crosses does not fill. Not said here: every order of ours sees
    # the whole print there
    "the older system": _peer(
        "twice",
        NO_LATENCY.model_copy(
            update={"new": Delay.constant(100.0), "modify": Delay.constant(100.0)}
        ),
        whole=False,
        reached_by="prints",
    ),
    # 2.4: NoPartialFillExchange, power_prob_queue_model, constant latency, feed as recorded
    "hftbacktest as used": _peer("power", Latency.constant(100.0), whole=True, one_clock=False),
}


def our_rules() -> dict[str, Rule]:
    """Return our band, with the latency of the policy and everything enforced."""
    policy = load_policy()
    return {
        f"ours, {name}": Rule(venue_rules(policy, fill_model=model)) for name, model in BAND.items()
    }


class Market(NamedTuple):
    """Market data in memory, and the maker's configuration for it."""

    name: str
    config: MakerConfig
    events: NDArray[Any]


def scores(market: Market) -> dict[str, dict[str, Score]]:
    """Return scores by strategy and rule; the market's venue times are lost on the way."""
    told = our_rules() | PEERS
    found: dict[str, dict[str, Score]] = {"maker": {}, "fixed": {}}
    edges = block_edges(market.events["recv_ns"])
    for one_clock in (False, True):
        if one_clock:
            set_one_clock(market.events)
        order = arrival_order(market.events)
        mids = mids_of(market.events, order, new_params(market.config).instrument)
        for name, rule in told.items():
            if rule.one_clock == one_clock:
                maker = play_maker(market, rule.rules, order)
                fixed = play_fixed(market, rule.rules, mids.px[0])
                found["maker"][name] = score(mids, edges, *maker)
                found["fixed"][name] = score(mids, edges, *fixed)
    return {strategy: {name: by[name] for name in told} for strategy, by in found.items()}


def set_one_clock(events: NDArray[Any]) -> None:
    """Let everything happen when it is heard: a paper venue beside the strategy knows no sooner."""
    events["ts_ns"] = events["recv_ns"]


def play_fixed(market: Market, rules: VenueRules, px: float) -> fixed_quotes.Played:
    """Return what becomes of the strategy that learns nothing; it is never short of requests."""
    params = new_params(market.config)
    return fixed_quotes.play(params, rules.replaced(limits=False), px, market.events)


def play_maker(
    market: Market, rules: VenueRules, order: NDArray[Any]
) -> tuple[NDArray[Any], int, bool]:
    """Return the maker's fills, its requests, and whether its kill switch tripped."""
    session, outputs = new_session(market.config, rules, sample_s=60.0), zeros(Output)
    end_ns = int(market.events["recv_ns"][-1]) + HORIZON_NS  # answers under way are heard
    parts, done = [], False
    while not done:
        done = run(session, market.events, order, end_ns, outputs)
        parts.append(_as_events(outputs[0].fills[: outputs[0].n_fills]))
        drained(outputs[0])
    fills = np.concatenate(parts)
    one = session[0]
    return fills, int(one.venue.ask_head), bool(one.maker.kill.reason != ARMED)


def _as_events(rows: Any) -> NDArray[Any]:
    fills: NDArray[Any] = np.zeros(len(rows), Event.dtype)
    for name in ("ts_ns", "side", "px", "sz"):
        fills[name] = rows[name]
    fills["extra"] = rows["fee_usd"]
    return fills


def markets(root: Path) -> Iterator[tuple[str, AssetSpec, int]]:
    """Yield name, spec and hours of every market; what is not there is said and left out."""
    for folder, asset in RECORDED:
        if not (DATA / folder).is_dir():
            print(f"{folder} {asset}: not in {DATA}; set GANGWAY_DATA", file=sys.stderr)
            continue
        tape = root / f"{folder}-{asset}.tape"
        info = import_tape(DATA / folder, tape, asset=asset)
        spec = AssetSpec(asset=info.asset, capital_usd=CAPITAL_USD, venue="tape", tape=str(tape))
        yield f"Recorded {asset} of {folder.split('_')[0]}, {info.hours:.1f} h", spec, 0
    for asset, hours in SIMULATED:
        spec = AssetSpec(asset=asset, capital_usd=CAPITAL_USD)
        yield f"Simulated {asset}, {hours} h", spec, hours


def market_of(name: str, spec: AssetSpec, hours: int) -> Market:
    """Return a market with all its data."""
    facts = market_of_spec(spec, hours=1).facts(spec.asset, 0)
    config, _ = derive_config(spec, facts, load_policy())
    if spec.tape:
        chunks = list(read_tape(Path(spec.tape)))
    else:
        feed = SimulatedFeed(spec.asset, None, spec.seed, TRADING_FROM_NS)
        chunks = [feed.chunk(hour) for hour in range(hours)]
    return Market(name, config, joined(chunks))


def table(name: str, found: dict[str, dict[str, Score]]) -> str:
    """Return one market as a Markdown table."""
    lines = [
        f"{name}:\n",
        "| strategy | paper rule | fills | filled | profit, $ | net bps | edge 5 s bps | requests "
        "| net less realistic | edge less realistic |",
        "|---|---|---:|---:|---:|---:|---:|---:|---|---|",
    ]
    for strategy, by_rule in found.items():
        ours = by_rule[REALISTIC]
        lines += [_row(strategy, rule, one, ours) for rule, one in by_rule.items()]
    if any(one.is_killed for by_rule in found.values() for one in by_rule.values()):
        lines.append("\n† the kill switch tripped: nothing is quoted after that")
    return "\n".join(lines) + "\n"


def _row(strategy: str, rule: str, one: Score, ours: Score) -> str:
    cells = (
        strategy,
        rule + (" †" if one.is_killed else ""),
        f"{one.fills:,}",
        f"${one.usd.sum():,.0f}",
        f"{one.pnl_usd.sum():+,.2f}",
        _bps(one.pnl_usd, one.usd),
        _bps(one.edge_usd, one.known_usd),
        f"{one.requests:,}",
        _less((one.pnl_usd, one.usd), (ours.pnl_usd, ours.usd), rule),
        _less((one.edge_usd, one.known_usd), (ours.edge_usd, ours.known_usd), rule),
    )
    return "| " + " | ".join(cells) + " |"


def _bps(above: NDArray[Any], below: NDArray[Any]) -> str:
    return f"{1e4 * above.sum() / below.sum():+.2f}" if below.sum() > 0 else "—"


def _less(one: Any, ours: Any, rule: str) -> str:
    if rule == REALISTIC:
        return "0"
    difference = ratio_difference([(one, ours)], np.random.default_rng(7))
    if difference is None:
        return "—"
    value = f"{1e4 * difference.value:+.2f}"
    if difference.lo is None or difference.hi is None:
        return value
    return f"{value} ({1e4 * difference.lo:+.2f} to {1e4 * difference.hi:+.2f})"


def in_short(found: dict[str, dict[str, dict[str, Score]]]) -> str:
    """Return what the rules make of the fixed quotes on every market, as one table."""
    fixed = {name: scores["fixed"] for name, scores in found.items()}
    lines = [
        "Fixed quotes: dollars filled, as a multiple of our realistic rule's, and edge less its "
        "edge, bps:\n",
        "| paper rule | " + " | ".join(fixed) + " |",
        "|---|" + "---|" * len(fixed),
    ]
    for rule in next(iter(fixed.values())):
        cells = (_short(by_rule[rule], by_rule[REALISTIC], rule) for by_rule in fixed.values())
        lines.append(f"| {rule} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _short(one: Score, ours: Score, rule: str) -> str:
    less = _less((one.edge_usd, one.known_usd), (ours.edge_usd, ours.known_usd), rule)
    return f"{one.usd.sum() / ours.usd.sum():.2f} ×, {less}"


def _scores_of(job: tuple[str, AssetSpec, int]) -> dict[str, dict[str, Score]]:
    return scores(market_of(*job))


def main() -> None:
    """Print the tables, two markets at a time."""
    start = time.perf_counter()
    warm()  # once, before two processes would compile the same
    found = {}
    with tempfile.TemporaryDirectory() as root:
        jobs = list(markets(Path(root)))
        with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
            for job, one in zip(jobs, pool.map(_scores_of, jobs), strict=True):
                found[job[0]] = one
                print(table(job[0], one), flush=True)
    print(in_short(found))
    print(f"all of it in {time.perf_counter() - start:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
