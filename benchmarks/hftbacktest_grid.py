"""A grid of five orders a side in hftbacktest, for comparison; needs nothing of Gangway.

``python hftbacktest_grid.py EVENTS.npy TICK LOT SIZE`` plays an array of Gangway's events, every
500 ms laying the grid anew where the mid has moved, with the latency and fee of the paper venue.
It prints JSON: rows played, seconds of each run after the compiler's, and what the last one traded.
"""

import json
import sys
import time

import numpy as np
from hftbacktest import (
    BUY_EVENT,
    DEPTH_CLEAR_EVENT,
    DEPTH_EVENT,
    GTX,
    LIMIT,
    SELL_EVENT,
    TRADE_EVENT,
    BacktestAsset,
    ROIVectorMarketDepthBacktest,
)
from hftbacktest.data.validation import correct_event_order
from hftbacktest.types import event_dtype
from numba import njit, uint64
from numba.typed import Dict

LEVEL, TRADE, SNAPSHOT, BUYING = 1, 2, 1, 1  # as in engine.events
LEVELS = 5
HALF_SPREAD, STEP = 3e-4, 1e-4  # of the mid: where our maker quotes such a market, about
INTERVAL_NS = 500_000_000
LATENCY_NS = 100_000_000
MAKER_FEE = 1.5e-4
ROI = 0.3  # of the price, either way: wider than a day moves
DEPTH = 5e-3  # of the price: further than twenty levels reach
REPEATS = 5


def converted(events, tick, lot):
    """Return books and trades as hftbacktest's rows; a snapshot first clears what it replaces."""
    events = events[(events["kind"] == LEVEL) | (events["kind"] == TRADE)]
    rows = np.zeros(len(events), event_dtype)
    kind = np.where(events["kind"] == LEVEL, DEPTH_EVENT, TRADE_EVENT)
    rows["ev"] = kind | np.where(events["side"] == BUYING, BUY_EVENT, SELL_EVENT)
    rows["exch_ts"], rows["local_ts"] = events["ts_ns"], events["recv_ns"]
    rows["px"] = np.rint(events["px"] / tick) * tick
    rows["qty"] = np.rint(events["sz"] / lot) * lot
    starts = np.flatnonzero((events["kind"] == LEVEL) & (events["code"] & SNAPSHOT > 0))
    bids = _clearing(rows[starts], BUY_EVENT, 1.0 - DEPTH)
    asks = _clearing(rows[starts], SELL_EVENT, 1.0 + DEPTH)
    # the sort is stable: what clears stands before the first row of its snapshot
    order = np.argsort(np.concatenate([starts, starts, np.arange(len(rows))]), kind="stable")
    rows = np.concatenate([bids, asks, rows])[order]
    by_venue = np.argsort(rows["exch_ts"], kind="stable")
    by_us = np.argsort(rows["local_ts"], kind="stable")
    return correct_event_order(rows, by_venue, by_us)


def _clearing(rows, side, reach):
    rows = rows.copy()
    rows["ev"] = DEPTH_CLEAR_EVENT | side
    rows["px"] *= reach
    rows["qty"] = 0.0
    return rows


@njit
def play(hbt, size):
    """Quote until the data is over; return how often."""
    steps = 0
    while hbt.elapse(INTERVAL_NS) == 0:
        steps += 1
        hbt.clear_inactive_orders(0)
        depth = hbt.depth(0)
        if depth.best_bid_tick < 0 or depth.best_ask_tick > 10**9:
            continue
        mid = 0.5 * (depth.best_bid_tick + depth.best_ask_tick)
        wished = Dict.empty(np.uint64, np.float64)
        for level in range(LEVELS):
            away = mid * (HALF_SPREAD + level * STEP)
            bid, ask = np.floor(mid - away), np.ceil(mid + away)
            wished[uint64(2 * bid)] = bid * depth.tick_size
            wished[uint64(2 * ask + 1)] = ask * depth.tick_size
        orders = hbt.orders(0)
        values = orders.values()
        while values.has_next():
            order = values.get()
            if order.cancellable and order.order_id not in wished:
                hbt.cancel(0, order.order_id, False)
        for key, px in wished.items():
            if key in orders:
                continue
            if key % 2 == 0:
                hbt.submit_buy_order(0, key, px, size, GTX, LIMIT, False)
            else:
                hbt.submit_sell_order(0, key, px, size, GTX, LIMIT, False)
    return steps


def market(rows, tick, lot):
    """Return the backtest of one asset."""
    mid = float(np.median(rows["px"]))
    asset = (
        BacktestAsset()
        .data([rows])
        .linear_asset(1.0)
        .constant_order_latency(LATENCY_NS, LATENCY_NS)
        .risk_adverse_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(MAKER_FEE, MAKER_FEE)
        .tick_size(tick)
        .lot_size(lot)
        .last_trades_capacity(0)
        .roi_lb(mid * (1 - ROI))
        .roi_ub(mid * (1 + ROI))
    )
    return ROIVectorMarketDepthBacktest([asset])


def main():
    """Play the file some times and print the JSON object."""
    path, tick, lot, size = sys.argv[1], *map(float, sys.argv[2:5])
    rows = converted(np.load(path), tick, lot)
    seconds = []
    for _ in range(REPEATS + 1):
        held = rows.copy()  # hftbacktest keeps a pointer, not a reference
        hbt = market(held, tick, lot)
        start = time.perf_counter()
        steps = play(hbt, size)
        seconds.append(time.perf_counter() - start)
        state = hbt.state_values(0)
        trades = int(state.num_trades)
        hbt.close()
    print(json.dumps({"rows": len(rows), "seconds": seconds[1:], "steps": steps, "fills": trades}))


if __name__ == "__main__":
    main()
