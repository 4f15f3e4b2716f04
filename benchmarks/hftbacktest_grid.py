"""The grid of `benchmarks.grid` in hftbacktest, written as its examples are; needs no Gangway.

Prints ``ready`` once its functions are compiled. Then each line of standard input is a run wished,
as JSON: the file of its event rows, the grid in ticks, queue model, levels, and how many steps of
position and balance to write, and where. The answer is a line of JSON: seconds, steps, fills and
hftbacktest's last code, which is 1 at the end of the data.
"""

import json
import sys
import time

import numpy as np
from hftbacktest import (
    BUY,
    BUY_EVENT,
    DEPTH_EVENT,
    EXCH_EVENT,
    GTX,
    LIMIT,
    LOCAL_EVENT,
    SELL,
    SELL_EVENT,
    BacktestAsset,
    ROIVectorMarketDepthBacktest,
)
from hftbacktest.types import event_dtype
from numba import njit, uint64
from numba.typed import Dict

INTERVAL_NS = 100_000_000
STEPS_PER_S = 10
ROOM = 0.3  # of the price, either way: further than a day moves
QUEUES = {
    "risk_averse": lambda asset: asset.risk_adverse_queue_model(),
    "power": lambda asset: asset.power_prob_queue_model(2.0),
    "log": lambda asset: asset.log_prob_queue_model(),
    "power3": lambda asset: asset.power_prob_queue_model3(3.0),
}


@njit
def play(hbt, levels, sz, max_position, variance, half_spread, slope, reach, path):
    """Quote until the data is over; return steps, fills and hftbacktest's code."""
    last_mid = np.nan
    steps = 0
    while True:
        code = hbt.elapse(INTERVAL_NS)
        if code != 0:
            return steps, hbt.state_values(0).num_trades, code
        if steps < len(path):
            path[steps, 0] = hbt.position(0)
            path[steps, 1] = hbt.state_values(0).balance
        steps += 1
        hbt.clear_inactive_orders(0)
        depth = hbt.depth(0)
        if depth.best_bid_tick < 0 or depth.best_ask_tick > 10**12:
            continue
        if steps % STEPS_PER_S == 0:
            mid = 0.5 * (depth.best_bid_tick + depth.best_ask_tick)
            if not np.isnan(last_mid):
                variance = 0.99 * variance + (1.0 - 0.99) * (mid - last_mid) ** 2
            last_mid = mid
        sigma = np.sqrt(variance)
        half = half_spread + 0.5 * slope * sigma
        skew = slope * sigma * 0.2 * (hbt.position(0) / sz)
        bids, asks = wished(hbt, levels, half, skew, max_position, reach)
        reconcile(hbt, bids, asks, sz)


@njit
def wished(hbt, levels, half, skew, max_position, reach):
    """Return the prices to quote, by order id: twice the tick, and one more for an ask."""
    depth = hbt.depth(0)
    bid, ask = depth.best_bid_tick, depth.best_ask_tick
    centre = 0.5 * (bid + ask) - skew
    step = max(1, int(np.floor(0.5 * half + 0.5)))
    best_bid = min(int(np.floor(centre - half)), bid)
    best_ask = max(int(np.ceil(centre + half)), ask)
    bids = Dict.empty(np.uint64, np.float64)
    asks = Dict.empty(np.uint64, np.float64)
    for level in range(levels):
        px = best_bid - level * step
        if hbt.position(0) < max_position and bid - px <= reach:
            bids[uint64(2 * px)] = px * depth.tick_size
        px = best_ask + level * step
        if hbt.position(0) > -max_position and px - ask <= reach:
            asks[uint64(2 * px + 1)] = px * depth.tick_size
    return bids, asks


@njit
def reconcile(hbt, bids, asks, sz):
    """Cancel what is not wished any more, submit what is missing."""
    orders = hbt.orders(0)
    values = orders.values()
    while values.has_next():
        order = values.get()
        if order.cancellable and (
            (order.side == BUY and order.order_id not in bids)
            or (order.side == SELL and order.order_id not in asks)
        ):
            hbt.cancel(0, order.order_id, False)
    for order_id, px in bids.items():
        if order_id not in orders:
            hbt.submit_buy_order(0, order_id, px, sz, GTX, LIMIT, False)
    for order_id, px in asks.items():
        if order_id not in orders:
            hbt.submit_sell_order(0, order_id, px, sz, GTX, LIMIT, False)


def backtest(rows, grid, queue):
    """Return hftbacktest on the rows, which the caller must keep: it holds a raw pointer."""
    asset = (
        BacktestAsset()
        .data([rows])
        .linear_asset(1.0)
        .constant_order_latency(grid["latency_ns"], grid["latency_ns"])
        .trading_value_fee_model(grid["maker_fee"], 0.0)
        .tick_size(grid["tick"])
        .lot_size(grid["lot"])
        .roi_lb(rows["px"].min() * (1.0 - ROOM))
        .roi_ub(rows["px"].max() * (1.0 + ROOM))
        .last_trades_capacity(0)
        .no_partial_fill_exchange()
    )
    return ROIVectorMarketDepthBacktest([QUEUES[queue](asset)])


def played(rows, run):
    """Play once and return what is said of it."""
    grid = run["grid"]
    path = np.zeros((run["steps"], 2))
    names = ("sz", "max_position", "variance", "half_spread", "slope", "reach")
    hbt = backtest(rows, grid, run["model"])
    start = time.perf_counter()
    steps, fills, code = play(hbt, run["levels"], *(grid[name] for name in names), path)
    seconds = time.perf_counter() - start
    hbt.close()
    if run["steps"]:
        np.save(run["path"], path[:steps])
    return {"seconds": seconds, "steps": steps, "fills": int(fills), "code": int(code)}


def compile_all():
    """Play a second of nothing but one quote a side."""
    rows = np.zeros(4, event_dtype)
    rows["ev"] = EXCH_EVENT | LOCAL_EVENT | DEPTH_EVENT
    rows["ev"] |= np.array([BUY_EVENT, SELL_EVENT] * 2, np.uint64)
    rows["exch_ts"] = np.array([1, 1, 1_000_000_000, 1_000_000_000])
    rows["local_ts"] = rows["exch_ts"] + 1
    rows["px"] = [99.0, 101.0] * 2
    rows["qty"] = [1.0, 1.0, 2.0, 2.0]
    names = ("sz", "max_position", "variance", "half_spread", "slope", "reach")
    grid = dict.fromkeys(names, 1.0) | {"latency_ns": 1, "maker_fee": 0.0, "tick": 1.0, "lot": 1.0}
    played(rows, {"grid": grid, "model": "power", "levels": 1, "steps": 0})


def main():
    """Play what standard input asks for."""
    compile_all()
    print("ready", flush=True)
    held = {}
    for line in sys.stdin:
        run = json.loads(line)
        if run["rows"] not in held:
            held = {run["rows"]: np.load(run["rows"])}
        print(json.dumps(played(held[run["rows"]], run)), flush=True)


if __name__ == "__main__":
    main()
