"""The maker, event by event: cold start, silence, closed books, fills, and the kill switch."""

import math

import pytest

from engine.actions import CANCEL, CANCEL_ALL, HALT, MODIFY, PLACE
from engine.core import ledger, limits, orders, quote
from engine.core.orders import CANCELING, GONE, RESTING
from engine.events import (
    BUY,
    CONNECTED,
    DISCONNECTED,
    FILL,
    FUNDING,
    RATE_LIMIT,
    REJECTED,
    SELL,
    TAKEN_OVER,
    TRADE,
    UNKNOWN_ORDER,
)
from engine.instrument import min_sz


def kinds(actions):
    return [int(a.kind) for a in actions]


def quoting(desk, t_s=0.0):
    """Bring a desk to quotes that rest."""
    asked = desk.book(t_s)
    desk.answer(t_s + 0.2, asked)
    return asked


def half_spread(desk, side):
    """How far the quote wished for last is from the mid."""
    return quote.distance(desk.maker.quote, 0 if side == BUY else 1)


def resting(desk):
    return [o for o in desk.maker.orders.slot if o.state == RESTING]


def test_a_cold_start_quotes_both_sides_on_the_first_book_without_any_fill(desk):
    asked = desk.book(0.0)
    assert set(kinds(asked)) == {PLACE}
    assert {int(a.side) for a in asked} == {BUY, SELL}
    for a in asked:
        assert a.side * (20.0 - a.px) > 0
        assert a.px * a.sz >= 10.0


def test_one_book_in_a_quiet_market_asks_for_nothing_more(new_desk):
    desk = new_desk(session_ramp_start=1.0)
    quoting(desk)
    for t in range(1, 9):
        assert desk.alive(t) == []


@pytest.mark.parametrize("capital", [100.0, 1000.0, 100_000.0])
def test_a_small_account_still_quotes_both_sides_at_the_start_of_its_ramp(new_desk, capital):
    # 10 % of the limit is below the venue's minimum; two orders are always allowed
    asked = new_desk(max_position=capital / 20.0, target_liquidity=capital / 60.0).book(0.0)
    assert {int(a.side) for a in asked} == {BUY, SELL}


@pytest.mark.parametrize("why", ["stale", "disconnected", "crossed", "one side"])
def test_where_it_may_not_quote_it_cancels_and_asks_for_nothing_else(desk, why):
    quoting(desk)
    n = len(resting(desk))
    assert n > 0
    if why == "stale":
        asked = desk.clock(10.5)
    elif why == "disconnected":
        desk.hear(DISCONNECTED, 1.0)
        asked = desk.clock(1.1)
    elif why == "crossed":
        asked = desk.book(1.0, bid=20.02, ask=20.01)
    else:
        asked = desk.book(1.0, ask=20.01, sz=5.0, bid=20.01)
    assert kinds(asked) == [CANCEL] * n
    desk.answer(11.0, asked)
    assert desk.clock(11.5) == []
    assert all(o.state == GONE for o in desk.maker.orders.slot)


def test_it_comes_back_when_the_feed_does(desk):
    quoting(desk)
    desk.answer(11.0, desk.clock(10.5))
    asked = desk.book(60.0)
    assert set(kinds(asked)) == {PLACE}
    desk.answer(60.2, asked)
    desk.hear(DISCONNECTED, 61.0)
    desk.answer(61.7, desk.clock(61.6))
    desk.hear(CONNECTED, 62.0)
    assert set(kinds(desk.book(63.0))) == {PLACE}


def test_our_own_clock_does_not_make_a_dead_feed_look_alive(new_desk):
    desk = new_desk(session_ramp_start=1.0)
    quoting(desk)
    for t in range(1, 10):
        assert desk.clock(float(t)) == []
    assert set(kinds(desk.clock(10.3))) == {CANCEL}


def test_a_fill_counts_once_everywhere(desk):
    asked = quoting(desk)
    bid = next(a for a in asked if a.side == BUY)
    about = {"ref": bid.cloid, "id": 77}
    desk.fill(2.0, BUY, bid.px, bid.sz, **about)
    m = desk.maker
    once = (m.ledger.fills, m.beliefs.intensity.n, m.beliefs.markouts.head, m.quoting.filled_orders)
    assert once == (1, 1, 1, 1)
    position, cash, said = m.ledger.position, m.ledger.cash_usd, m.said
    desk.fill(2.5, BUY, bid.px, bid.sz, **about)
    assert (
        m.ledger.fills,
        m.beliefs.intensity.n,
        m.beliefs.markouts.head,
        m.quoting.filled_orders,
    ) == once
    assert (m.ledger.position, m.ledger.cash_usd, m.said) == (position, cash, said)
    assert m.ledger.position == bid.sz


def test_a_late_fill_is_measured_from_the_mid_that_held_when_it_happened(desk, new_event):
    quoting(desk)
    desk.book(5.0, 20.19, 20.21)
    fill = new_event(FILL, 4.9, side=SELL, px=20.02, sz=1.0, id=5)
    fill.recv_ns += 200_000_000  # heard after the jump
    desk.hear(FILL, 5.1, side=SELL, px=20.02, sz=1.0, id=5, ts_ns=int(fill.ts_ns))
    o = desk.maker.beliefs.markouts.pending[0]
    assert o.half_spread_bps == pytest.approx(1e4 * 0.02 / 20.02)


@pytest.mark.parametrize("side", [BUY, SELL])
def test_with_inventory_there_is_always_a_reducing_quote(desk, side):
    quoting(desk)
    desk.clock(0.9)
    for n in range(12):
        desk.fill(1.0 + n, side, 20.0, 5.0)
        desk.answer(1.1 + n, desk.actions)
        desk.answer(1.3 + n, desk.book(1.2 + n))
        wished = desk.maker.ladder.sz[1 if side == BUY else 0]
        assert wished.max() > 0.0
    assert desk.maker.kill.reason == 0
    # far beyond the young session's limit nothing may be added
    assert desk.maker.ladder.sz[0 if side == BUY else 1].max() == 0.0


@pytest.mark.parametrize("side", [BUY, SELL])
def test_inventory_moves_both_quotes_against_itself(new_desk, side):
    flat, held = (new_desk(session_ramp_start=1.0, gamma=3.0) for _ in range(2))
    for desk in (flat, held):
        desk.book(0.0)
    held.fill(1.0, side, 20.0, 2.0)
    flat.book(2.0)
    held.book(2.0)
    for s in (BUY, SELL):
        away = half_spread(held, s) - half_spread(flat, s)
        assert away * s * side > 0.0


def test_the_quote_pays_for_the_fee_and_adverse_selection_whatever_the_inventory(desk):
    quoting(desk)
    desk.fill(1.0, BUY, 20.0, 45.0)
    m = desk.maker
    b = m.beliefs.markouts
    b.weight, b.cost_sum_bps, b.cost_sq_bps = 20_000, 20_000 * 7.0, 20_000 * 49.0
    desk.book(2.0)
    assert half_spread(desk, SELL) >= 8.4e-4
    assert half_spread(desk, BUY) > half_spread(desk, SELL)


def test_the_kill_switch_latches_cancels_and_asks_for_nothing_but_cancels(desk):
    quoting(desk)
    desk.fill(1.0, BUY, 20.0, 45.0)
    asked = desk.book(2.0, 17.99, 18.01)  # 90 dollars of a thousand
    assert kinds(asked) == [HALT, CANCEL_ALL]
    assert not any(o.state == RESTING for o in desk.maker.orders.slot)
    tripped_ns = desk.maker.kill.tripped_ns
    assert desk.out[0].halted_ns == tripped_ns
    for t in range(3, 400):
        assert set(kinds(desk.book(float(t), 19.99, 20.01))) <= {CANCEL}
        assert set(kinds(desk.clock(t + 0.5))) <= {CANCEL}
    assert desk.maker.kill.tripped_ns == tripped_ns


def test_a_halted_maker_cancels_what_a_refused_cancel_left_resting(desk):
    quoting(desk)
    desk.fill(1.0, BUY, 20.0, 45.0)
    desk.book(2.0, 17.99, 18.01)
    left = next(o for o in desk.maker.orders.slot if o.state == CANCELING)
    desk.hear(REJECTED, 2.2, ref=int(left.cloid), code=RATE_LIMIT)
    assert kinds(desk.clock(3.0)) == [CANCEL]


def test_funding_is_part_of_what_the_switch_looks_at(desk):
    quoting(desk)
    desk.hear(FUNDING, 1.0, id=1, extra=-60.0)
    assert ledger.equity_usd(desk.maker.ledger, 20.0) == pytest.approx(-60.0)
    assert HALT in kinds(desk.book(2.0))


def test_an_order_it_cannot_afford_to_move_does_not_stay(desk):
    quoting(desk)
    m = desk.maker
    here = m.orders.slot[0]
    here.sz = 0.5  # the rest was filled, and another level holds more than its share
    m.orders.slot[1].state, m.orders.slot[1].px = RESTING, m.ladder.px[0, 1]
    m.orders.slot[1].sz = 1.4 * max(m.ladder.sz[0, 1], 1.0)
    m.ledger.position = limits.position_limit(m) - orders.exposure(m.orders, BUY)
    here.px -= 4_000
    asked = [a for a in desk.alive(1.0) if a.cloid == here.cloid]
    assert kinds(asked) in ([CANCEL], [MODIFY])
    if kinds(asked) == [MODIFY]:
        worst = m.ledger.position + orders.exposure(m.orders, BUY)
        assert worst <= limits.position_limit(m) * (1 + 1e-9)


def test_a_modify_refused_as_unknown_waits_for_its_fill(new_desk):
    desk = new_desk(session_ramp_start=1.0)
    quoting(desk)
    moved = [a for a in desk.book(1.0, 20.19, 20.21) if a.kind == MODIFY and a.side == SELL]
    cloid = int(moved[0].cloid)
    desk.hear(REJECTED, 1.2, ref=cloid, code=UNKNOWN_ORDER)
    o = desk.maker.orders.slot[orders.find(desk.maker.orders, cloid)]
    assert (o.state, o.cloid) == (CANCELING, cloid)
    desk.fill(1.4, SELL, 20.02, float(o.sz), ref=cloid, ts_ns=0)
    assert o.state != CANCELING


def test_a_flood_of_markouts_after_a_silence_never_overruns_the_output(desk):
    quoting(desk)
    out = desk.out[0]
    for k in range(600):
        desk.fill(1.0 + k / 1e3, BUY if k % 2 else SELL, 20.0, 0.5)
    out.n_fills = out.n_markouts = 0
    before = desk.maker.said
    desk.alive(1_000.0)
    assert 0 < out.n_markouts < 256  # the rows one step may write
    while desk.maker.beliefs.markouts.tail < desk.maker.beliefs.markouts.head:
        desk.alive(1_000.0 + (desk.maker.said - before) / 1e3)
    assert out.n_markouts == 600
    assert out.markouts[:600]["tid"].tolist() == list(range(1, 601))


def test_public_prints_move_no_order_of_ours(desk):
    asked = quoting(desk)
    before = desk.maker.orders.tobytes()
    desk.hear(TRADE, 0.3, side=SELL, px=19.0, sz=100.0, id=1, ref=int(asked[0].cloid))
    assert desk.maker.orders.tobytes() == before


def test_the_limit_is_at_least_two_orders_and_never_the_whole_at_first(desk):
    desk.book(0.0)
    m = desk.maker
    assert limits.position_limit(m) == pytest.approx(0.1 * 50.0)
    m.params.max_position = 4.0
    assert limits.position_limit(m) == pytest.approx(2 * min_sz(m.params.instrument, 20.0))
    m.params.max_position = 0.7
    assert limits.position_limit(m) == pytest.approx(0.7)


def test_a_sample_says_nothing_where_there_is_nothing(new_desk):
    desk = new_desk()
    desk.book(0.5)
    desk.clock(1.5)
    sample = desk.out[0].samples[0]
    assert desk.out[0].n_samples == 1
    assert math.isnan(sample.own_bid) and math.isnan(sample.own_ask)
    assert math.isnan(sample.spread_ratio)
    assert (sample.mid, sample.mkt_bid, sample.mkt_ask) == (20.0, 19.99, 20.01)
    assert (sample.calibration, sample.kappa_confidence, sample.as_progress) == (0.0, 0.0, 0.0)


def test_what_was_held_at_the_beginning_opens_the_books_and_is_nobodys_fill(desk):
    """It teaches nothing, earns no requests, and is not told: no venue knows of such a fill."""
    quoting(desk)
    m = desk.maker
    before = (m.budget.granted, m.quoting.filled_orders, int(m.beliefs.markouts.tail))
    desk.fill(1.0, SELL, 20.0, 3.0, id=-1, extra=0.0, code=TAKEN_OVER)
    assert m.ledger.position == -3.0
    assert ledger.equity_usd(m.ledger, 20.0) == 0.0
    assert desk.out[0].n_fills == 0
    after = (m.budget.granted, m.quoting.filled_orders, int(m.beliefs.markouts.tail))
    assert after == before
    desk.fill(2.0, BUY, 20.0, 3.0)
    assert (m.ledger.position, desk.out[0].n_fills) == (0.0, 1)
