"""What went wrong in an older system, event by event: `docs/incidents.md` says what and why."""

import pytest
from pydantic import ValidationError

from engine.actions import CANCEL, CANCEL_ALL, HALT, MODIFY, PLACE
from engine.config import MakerConfig
from engine.core import orders, quote, risk
from engine.core.orders import CANCELING, GONE, RESTING
from engine.events import (
    BUY,
    CONNECTED,
    DISCONNECTED,
    NO_MARGIN,
    POSITION,
    POST_ONLY,
    QUOTA,
    RATE_LIMIT,
    REJECTED,
    SELL,
    STOP,
)


def kinds(actions):
    return [int(a.kind) for a in actions]


def sides(actions):
    return {int(a.side) for a in actions if a.kind in (PLACE, MODIFY)}


def live(desk, state=RESTING):
    return [o for o in desk.maker.orders.slot if o.state == state]


def quoting(new_desk, **changes):
    """A desk whose whole ladder rests."""
    desk = new_desk(**({"session_ramp_start": 1.0} | changes))
    desk.answer(0.2, desk.book(0.0))
    return desk


def calm(desk, until_s, t_s=1.0):
    """A market that moves by a tick now and then, all requests granted."""
    while t_s < until_s:
        shift = 0.002 * (int(t_s) % 3)
        desk.answer(t_s + 0.3, desk.book(t_s, 19.99 + shift, 20.01 + shift))
        t_s += 1.0


def lose(desk):
    desk.fill(1.0, BUY, 20.0, 45.0)
    desk.book(2.0, 18.4, 18.42)


def lose_what_was_won(desk):
    desk.fill(1.0, BUY, 20.0, 45.0)
    for t, px in ((2.0, 21.0), (3.0, 21.8), (4.0, 20.1)):
        desk.book(t, px, px + 0.02)


def run_away(desk):
    desk.fill(1.0, BUY, 20.0, 100.1)


def crash(desk):
    for t in range(1, 8):
        desk.book(float(t))
    for t in range(8, 11):
        desk.book(float(t), 16.0, 16.02)


def be_liquidated(desk):
    desk.fill(1.0, BUY, 20.0, 30.0)
    for t in range(2, 8):
        desk.book(float(t))
    desk.hear(POSITION, 8.0, sz=0.0)
    for t in range(9, 16):
        desk.book(float(t))


def be_stuck(desk):
    """Hold, in a market where whatever would reduce is refused, minute by minute."""
    desk.answer(1.1, desk.fill(1.0, BUY, 20.0, 20.0))
    for t in range(2, 90):
        for a in desk.book(float(t)):
            if a.side == SELL and a.kind in (PLACE, MODIFY):
                desk.hear(REJECTED, t + 0.1, ref=int(a.cloid), side=SELL, code=POST_ONLY)
            else:
                desk.answer(t + 0.1, [a])
        for o in live(desk):
            if o.side == SELL:
                desk.hear(REJECTED, t + 0.2, ref=int(o.cloid), side=SELL, code=POST_ONLY)


def test_a_minute_without_a_connection_is_not_one_without_a_quote_that_reduces(new_desk):
    """An engine that died with inventory must not stop for good when it comes back."""
    desk = quoting(new_desk)
    desk.answer(1.1, desk.fill(1.0, BUY, 20.0, 20.0))
    desk.answer(2.1, desk.book(2.0))
    desk.hear(DISCONNECTED, 3.0)
    desk.hear(CONNECTED, 80.0)
    for t in range(81, 90):
        desk.answer(t + 0.1, desk.book(float(t)))
    assert desk.maker.kill.reason == risk.ARMED
    assert SELL in {o.side for o in live(desk)}, "and it goes on to reduce"


TRIPS = {
    risk.DAILY_LOSS: lose,
    risk.DRAWDOWN: lose_what_was_won,
    risk.POSITION: run_away,
    risk.MANUAL: lambda desk: desk.hear(STOP, 1.0),
    risk.CRASH: crash,
    risk.LIQUIDATION: be_liquidated,
    risk.STUCK: be_stuck,
}


@pytest.mark.parametrize("reason", TRIPS)
def test_every_reason_to_stop_for_good_can_be_reached_by_events(new_desk, reason):
    desk = quoting(new_desk)
    said, hear = [], desk.hear

    def listen(*args, **fields):
        actions = hear(*args, **fields)
        said.extend(kinds(actions))
        return actions

    desk.hear = listen
    TRIPS[reason](desk)
    m = desk.maker
    assert m.kill.reason == desk.out[0].halted == reason
    assert said.count(HALT) == said.count(CANCEL_ALL) == 1
    latched = said[said.index(HALT) :]
    assert latched[:2] == [HALT, CANCEL_ALL]
    assert set(latched[2:]) <= {CANCEL}
    assert all(o.state in (GONE, CANCELING) for o in m.orders.slot)
    tripped_ns = int(m.kill.tripped_ns)
    for t in range(100, 200):  # and nothing brings it back
        assert set(kinds(desk.book(float(t)))) <= {CANCEL}
    assert (m.kill.reason, m.kill.tripped_ns) == (reason, tripped_ns)


def fall_silent(desk):
    for t in range(11, 42):
        desk.answer(t + 0.2, desk.clock(float(t)))
    return 41.0


def be_refused(desk):
    for n in range(4):
        desk.hear(REJECTED, 1.0 + n, ref=0, code=RATE_LIMIT)
    return 4.0


def cascade(desk):
    """A market that was quiet for ten minutes falls by 2 % within a second."""
    calm(desk, 600.0)
    for t in (600.0, 601.0):
        desk.answer(t + 0.2, desk.book(t, 19.59, 19.61))
    return 601.0


PAUSES = {risk.STALE: fall_silent, risk.RATE_LIMITED: be_refused, risk.CASCADE: cascade}


@pytest.mark.parametrize("reason", PAUSES)
def test_every_pause_can_be_reached_by_events_and_both_sides_return_after_it(new_desk, reason):
    desk = quoting(new_desk)
    over_s = PAUSES[reason](desk)
    k = desk.maker.kill
    assert (k.pause, k.pauses, k.reason) == (reason, 1, risk.ARMED)
    came_back, mid = set(), desk.maker.mid
    for n in range(1, 40):
        asked = desk.book(over_s + n, round(mid - 0.01, 4), round(mid + 0.01, 4))
        if n < 29:
            assert sides(asked) == set()
        came_back |= sides(asked)
        desk.answer(over_s + n + 0.2, asked)
        if n == 2:
            assert live(desk) == []
    assert came_back == {BUY, SELL}
    assert k.pauses == 1


def test_a_position_that_a_late_fill_explains_is_no_liquidation(new_desk):
    desk = quoting(new_desk)
    desk.fill(1.0, BUY, 20.0, 30.0)
    desk.hear(POSITION, 2.0, sz=0.0)
    for t in range(3, 12):
        desk.book(float(t))
    assert desk.maker.kill.reason == risk.ARMED


def test_what_the_venue_said_before_our_fills_is_no_liquidation(new_desk):
    desk = quoting(new_desk)
    desk.hear(POSITION, 0.5, sz=0.0)
    desk.fill(1.0, BUY, 20.0, 30.0)
    for t in range(2, 60):
        desk.answer(t + 0.2, desk.book(float(t)))
    assert desk.maker.kill.reason == risk.ARMED


@pytest.mark.parametrize("headroom", [0.9, 0.2, 0.07, 0.01, 0.0])
def test_a_dead_connection_pulls_every_quote_however_few_requests_are_left(new_desk, headroom):
    desk = quoting(new_desk)
    assert len(live(desk)) == 6
    desk.hear(QUOTA, 0.3, px=1e4 * (1 - headroom), sz=1e4)
    desk.answer(1.2, desk.book(1.0, 20.03, 20.05))
    desk.hear(DISCONNECTED, 2.0)
    for t in range(3, 7):
        desk.answer(t + 0.2, desk.clock(float(t)))
    assert live(desk) == []


@pytest.mark.parametrize("headroom", [0.9, 0.2, 0.07, 0.01])
def test_inventory_has_a_reducing_quote_again_soon_however_few_requests_are_left(
    new_desk, headroom
):
    desk = quoting(new_desk)
    desk.hear(QUOTA, 0.3, px=1e4 * (1 - headroom), sz=1e4)
    desk.fill(1.0, BUY, 19.98, 10.0)
    desk.answer(1.2, desk.actions)
    for o in live(desk):
        if o.side == SELL:  # the market moved up through our asks as they were being moved
            desk.hear(REJECTED, 1.4, ref=int(o.cloid), side=SELL, code=POST_ONLY)
    asked = [a for t in range(2, 30) for a in desk.alive(float(t))]
    assert SELL in sides(asked)


@pytest.mark.parametrize("headroom", [0.9, 0.2, 0.07, 0.01, 0.0])
def test_a_quote_the_mid_has_passed_is_pulled_however_few_requests_are_left(new_desk, headroom):
    desk = quoting(new_desk)
    desk.hear(QUOTA, 0.3, px=1e4 * (1 - headroom), sz=1e4)
    desk.answer(1.2, desk.book(1.0, 20.005, 20.025))
    for t in range(2, 10):
        desk.answer(t + 0.3, desk.book(float(t), 20.05, 20.07))
    units = desk.maker.params.instrument.units_per_usd
    assert all(o.px / units > 20.06 for o in live(desk) if o.side == SELL)


@pytest.mark.parametrize("headroom", [0.9, 0.2, 0.07, 0.01])
def test_no_quote_is_kept_where_it_would_fill_for_less_than_it_costs(new_desk, headroom):
    desk = quoting(new_desk)
    desk.hear(QUOTA, 0.3, px=1e4 * (1 - headroom), sz=1e4)
    units, t = desk.maker.params.instrument.units_per_usd, 1.0
    for n in range(30):  # the mid creeps up by half a bp at a time
        mid = 20.0 + 0.001 * n
        desk.answer(t + 0.3, desk.book(t, round(mid - 0.01, 4), round(mid + 0.01, 4)))
        t += 1.0
        depths = [o.px / units / mid - 1.0 for o in live(desk) if o.side == SELL]
        assert all(depth >= quote.cost(desk.maker.quote, 1) for depth in depths)


def test_in_a_trickle_of_requests_the_side_that_reduces_is_not_starved(new_desk):
    desk = quoting(new_desk)
    desk.fill(1.0, BUY, 20.0, 10.0)
    desk.hear(QUOTA, 1.1, px=9_990.0, sz=1e4)
    reducing = 0
    for n in range(1, 300):
        t, mid = 2.0 * n, 20.0 + 0.03 * ((n // 4) % 3)  # moves again before ten seconds are over
        desk.answer(t + 0.3, desk.book(t, round(mid - 0.01, 3), round(mid + 0.01, 3)))
        reducing += any(o.side == SELL for o in live(desk))
    assert desk.maker.kill.reason == risk.ARMED
    assert reducing > 150


def test_requests_that_ran_out_do_not_end_the_quoting_for_ever(new_desk):
    # the venue still takes one action in ten seconds; without quotes nothing is ever earned again
    desk = quoting(new_desk)
    desk.hear(QUOTA, 0.3, px=9_990.0, sz=1e4)
    units, quoted = desk.maker.params.instrument.units_per_usd, 0
    for n in range(1, 600):
        t, mid = 2.0 * n, 20.0 + 0.02 * ((n // 60) % 3)
        desk.answer(t + 0.3, desk.book(t, round(mid - 0.01, 3), round(mid + 0.01, 3)))
        depths = [(int(o.side), o.side * (1.0 - o.px / units / mid)) for o in live(desk)]
        quoted += {side for side, depth in depths if 0.0 < depth < 30e-4} == {BUY, SELL}
    assert quoted > 300


def test_a_venue_that_refuses_for_want_of_margin_is_not_asked_without_end(new_desk):
    desk = new_desk(session_ramp_start=1.0)
    requests = 0
    for n in range(240):  # two minutes
        asked = desk.book(0.5 * n)
        requests += len(asked)
        for a in asked:
            about = {"ref": int(a.cloid), "side": int(a.side)}
            desk.hear(REJECTED, 0.5 * n + 0.2, code=NO_MARGIN, **about)
    assert requests < 120


def test_a_place_that_is_never_answered_does_not_take_its_level_for_ever(new_desk):
    desk = new_desk(session_ramp_start=1.0)
    asked = desk.book(0.0)
    assert sides(asked) == {BUY, SELL}
    again = [a for t in range(1, 120) for a in desk.alive(float(t))]
    assert again != []


def test_a_cancel_that_is_never_answered_is_asked_for_again(new_desk):
    desk = quoting(new_desk)
    desk.hear(DISCONNECTED, 1.0)
    first = desk.clock(2.0)
    assert set(kinds(first)) == {CANCEL}
    again = [a for t in range(3, 60) for a in desk.clock(float(t))]
    assert CANCEL in kinds(again) or CANCEL_ALL in kinds(again)


def test_a_fill_before_the_first_book_is_booked_and_harms_nothing(new_desk):
    desk = new_desk()
    desk.fill(0.0, BUY, 20.0, 1.0)
    m = desk.maker
    assert (m.ledger.position, m.ledger.fills) == (1.0, 1)
    assert sides(desk.book(1.0)) == {BUY, SELL}
    assert m.beliefs.intensity.n == 0  # where it was quoted is not known


def test_a_connection_that_is_back_does_not_quote_on_the_book_from_before(new_desk):
    desk = quoting(new_desk)
    desk.hear(DISCONNECTED, 1.0)
    desk.answer(2.2, desk.clock(2.0))
    desk.hear(CONNECTED, 4.0)
    assert desk.clock(4.6) == []
    assert sides(desk.book(6.0)) == {BUY, SELL}


def test_both_sides_return_when_what_forbade_one_of_them_is_over(new_desk):
    desk = quoting(new_desk)
    desk.fill(1.0, BUY, 20.0, 49.9)  # as much as may be held
    desk.answer(1.8, desk.book(1.6))
    desk.answer(2.8, desk.book(2.6))
    assert {int(o.side) for o in live(desk)} == {SELL}
    desk.fill(3.0, SELL, 20.0, 40.0)
    for t in range(4, 8):
        desk.answer(t + 0.2, desk.book(float(t)))
    assert {int(o.side) for o in live(desk)} == {BUY, SELL}


@pytest.mark.parametrize("side", [BUY, SELL])
def test_if_all_that_rests_on_a_side_fills_at_once_the_limit_still_holds(new_desk, side):
    desk = quoting(new_desk, target_liquidity=60.0, levels=12)
    filled = 0
    for t in range(1, 40):
        for o in live(desk):
            if o.side == side:
                px = o.px / desk.maker.params.instrument.units_per_usd
                desk.fill(float(t), side, px, float(o.sz), ref=int(o.cloid))
                desk.answer(t + 0.1, desk.actions)
                filled += 1
        desk.answer(t + 0.8, desk.book(t + 0.7))
        assert abs(desk.maker.ledger.position) <= 50.0 * (1 + 1e-9)
        worst = side * desk.maker.ledger.position + orders.exposure(desk.maker.orders, side)
        assert worst <= 50.0 * (1 + 1e-9)
    assert filled >= 10
    assert abs(desk.maker.ledger.position) > 45.0


def test_a_better_posterior_brings_the_floor_down_again(new_desk):
    desk = quoting(new_desk)
    widths = []
    for t, (n, cost_bps) in enumerate(((20, 30.0), (2_000, 0.5))):
        k = desk.maker.beliefs.markouts
        k.weight, k.cost_sum_bps, k.cost_sq_bps = n, n * cost_bps, n * cost_bps**2
        desk.book(1.0 + t)
        widths.append(float(desk.maker.quote.terms[0, 4:6].sum()))
    assert widths[1] < 0.2 * widths[0]


@pytest.mark.parametrize(("fraction", "accepted"), [(0.2, True), (0.2001, False), (5.0, False)])
def test_a_loss_limit_beyond_a_fifth_of_the_capital_is_refused(config, fraction, accepted):
    fields = config.model_dump() | {"kill_fraction": fraction}
    if accepted:
        assert MakerConfig(**fields).kill_fraction == fraction
    else:
        with pytest.raises(ValidationError, match="kill_fraction"):
            MakerConfig(**fields)
