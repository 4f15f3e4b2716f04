"""What is sent, what is believed, and what stays unknown."""

import pytest

from engine.actions import CANCEL, MODIFY, PLACE
from engine.events import (
    ACCEPTED,
    BAD_SZ,
    BUY,
    CANCELED,
    CLOCK,
    CONNECTED,
    DISCONNECTED,
    FILL,
    HALTED,
    POSITION,
    POST_ONLY,
    RATE_LIMIT,
    REJECTED,
    SELL,
    UNKNOWN_ORDER,
)
from engine.gateway import words
from engine.gateway.live_orders import DOUBT, OPEN, SENT, SETTLING, exposure
from engine.gateway.rounds import FENCED
from engine.gateway.words import ACCOUNT, MARKET, NEW, OLD

S = 1_000_000_000


def states(desk):
    return sorted(int(o.state) for o in desk.live())


def test_a_new_order_is_sent_once_with_an_expiry_and_the_maker_hears_where_it_rests(desk):
    desk.ask(PLACE, 7, px=99.5, sz=1.5)
    (request,) = desk.sent
    assert (request.kind, request.cloid, request.px, request.sz) == ("place", 7, 99.5, 1.5)
    assert request.expires_ms == desk.now_ns // 1_000_000 + 5_000
    assert request.nonce >= desk.now_ns // 1_000_000
    desk.hear(words.RESTING, request.wire, id=42)
    (told,) = desk.told
    assert (told.kind, told.ref, told.px, told.sz) == (ACCEPTED, 7, 99.5, 1.5)
    assert states(desk) == [OPEN]


def test_nonces_rise_even_where_the_clock_does_not(desk):
    nonces = []
    for cloid in range(5):
        desk.ask(PLACE, cloid, px=99.0 - cloid, sz=0.5)
        nonces.append(desk.sent[0].nonce)
    assert nonces == sorted(set(nonces))


def test_an_order_whose_answer_was_lost_is_asked_for_and_never_sent_again(desk):
    desk.ask(PLACE, 7)
    wire = desk.sent[0].wire
    desk.hear(words.LOST, wire)
    asked = []
    for _ in range(12):
        desk.wait(1.1, venue_s=0)
        asked += desk.asked()
    assert "place" not in asked and asked.count("ask_status") >= 8
    assert states(desk) == [DOUBT] and exposure(desk.g.orders, BUY) == 1.0


def test_an_order_nobody_knows_is_gone_only_after_its_expiry_on_the_venues_clock(desk):
    desk.ask(PLACE, 7)
    wire = desk.sent[0].wire
    desk.hear(words.LOST, wire)
    desk.wait(60, venue_s=14)  # our clock has jumped, the venue's has not
    desk.hear(words.NOT_FOUND, wire)
    assert states(desk) == [DOUBT]
    desk.wait(1, venue_s=30)
    desk.hear(words.NOT_FOUND, wire)
    assert [(e.kind, e.ref) for e in desk.told] == [(REJECTED, 7)]
    assert not desk.live()


def test_an_order_found_open_after_all_is_open(desk):
    desk.ask(PLACE, 7)
    wire = desk.sent[0].wire
    desk.hear(words.LOST, wire)
    desk.hear(words.FOUND_OPEN, wire, id=9)
    assert [(e.kind, e.ref) for e in desk.told] == [(ACCEPTED, 7)]
    assert states(desk) == [OPEN]


def test_a_cancelled_order_counts_until_the_venues_position_agrees(desk):
    wire = desk.rest(7)
    desk.ask(CANCEL, 7)
    assert desk.asked() == ["cancel"]
    desk.hear(words.CANCEL_DONE, wire)
    assert states(desk) == [SETTLING] and CANCELED not in desk.heard()
    assert exposure(desk.g.orders, BUY) == 1.0
    desk.wait(2.5)
    question = desk.sent[-1]
    assert question.kind == "ask_position"
    desk.now_ns += S
    desk.hear(POSITION, id=question.id, sz=0.0)
    assert states(desk) == [SETTLING]  # a fill may still be under way
    desk.wait(4)
    assert CANCELED in desk.heard() and not desk.live()


def test_an_agreement_that_a_late_fill_refutes_settles_nothing(desk):
    wire = desk.rest(7)
    desk.ask(CANCEL, 7)
    desk.hear(words.CANCEL_DONE, wire)
    desk.wait(2.5)
    question = desk.sent[-1]
    desk.now_ns += S
    told_ns = desk.now_ns
    desk.hear(POSITION, id=question.id, sz=0.0)
    desk.now_ns += S
    desk.hear(FILL, 999, id=5, side=SELL, px=100.0, sz=0.4, ts_ns=told_ns - S)
    desk.wait(4)
    assert states(desk) == [SETTLING]


def test_a_position_from_before_the_end_of_an_order_settles_nothing(desk):
    wire = desk.rest(7)
    desk.ask(CANCEL, 7)
    desk.hear(words.CANCEL_DONE, wire)
    desk.wait(2.5)
    desk.hear(POSITION, id=desk.sent[-1].id, sz=0.0, venue_s=13)
    desk.wait(4)
    assert states(desk) == [SETTLING]


def test_a_fill_that_is_missing_is_looked_for_and_booked(desk):
    wire = desk.rest(7)
    desk.ask(CANCEL, 7)
    desk.hear(words.CANCEL_DONE, wire)
    desk.wait(2.5)
    desk.now_ns += S
    desk.hear(POSITION, id=desk.sent[-1].id, sz=0.4)
    desk.wait(0.5)
    question = desk.sent[-1]
    assert question.kind == "ask_fills"
    desk.hear(FILL, wire, id=5, side=BUY, px=100.0, sz=0.4)
    assert desk.heard() == [FILL] and desk.g.position == pytest.approx(0.4)


def test_a_fill_told_twice_is_booked_once(desk):
    wire = desk.rest(7)
    desk.now_ns += S
    for times in range(3):
        desk.hear(FILL, wire, id=5, side=BUY, px=100.0, sz=0.4)
        assert desk.heard() == ([FILL] if times == 0 else [])
    assert desk.g.position == pytest.approx(0.4)
    assert exposure(desk.g.orders, BUY) == pytest.approx(0.6)


def test_a_fill_of_an_order_thought_gone_still_moves_the_position(desk):
    desk.now_ns += S
    desk.hear(FILL, 999, id=5, side=SELL, px=100.0, sz=0.4)
    assert desk.g.position == pytest.approx(-0.4) and desk.g.surprises == 1
    assert [(e.kind, e.ref) for e in desk.told] == [(FILL, 0), (DISCONNECTED, 0)]


def test_a_move_counts_both_orders_until_the_new_one_rests(desk):
    old = desk.rest(7)
    desk.ask(MODIFY, 7, px=99.0, sz=2.0)
    (request,) = desk.sent
    assert (request.kind, request.replaces, request.wire > old) == ("move", old, True)
    assert exposure(desk.g.orders, BUY) == 3.0
    desk.hear(words.RESTING, request.wire, id=43)
    assert [(e.kind, e.px, e.sz) for e in desk.told] == [(ACCEPTED, 99.0, 2.0)]
    assert states(desk) == [OPEN, SETTLING]


def test_a_late_fill_of_a_moved_order_is_not_taken_off_the_new_one(desk):
    old = desk.rest(7)
    desk.ask(MODIFY, 7, px=99.0, sz=2.0)
    new = desk.sent[0].wire
    desk.hear(words.RESTING, new, id=43)
    desk.now_ns += S
    desk.hear(FILL, old, id=5, side=BUY, px=100.0, sz=1.0)
    assert [(e.kind, e.ref) for e in desk.told] == [(FILL, 0)]
    assert exposure(desk.g.orders, BUY) == 2.0


def test_a_move_of_an_order_that_had_ended_leaves_nothing_but_its_fills(desk):
    desk.rest(7)
    desk.ask(MODIFY, 7, px=99.0)
    desk.hear(words.REFUSED, desk.sent[0].wire, code=UNKNOWN_ORDER)
    assert states(desk) == [SETTLING]


@pytest.mark.parametrize("code", [POST_ONLY, BAD_SZ])
def test_after_a_refused_move_the_old_order_is_asked_for(desk, code):
    old = desk.rest(7)
    desk.ask(MODIFY, 7, px=99.0)
    desk.hear(words.REFUSED, desk.sent[0].wire, code=code)
    assert states(desk) == [DOUBT] and not desk.told
    desk.wait(0.3)
    assert [(r.kind, r.wire) for r in desk.sent] == [("ask_status", old)]


def test_a_move_that_nobody_looked_at_leaves_the_old_order_where_it_was(desk):
    desk.rest(7)
    desk.ask(MODIFY, 7, px=99.0, sz=2.0)
    desk.hear(words.REFUSED, desk.sent[0].wire, code=RATE_LIMIT)
    assert [(e.kind, e.px, e.sz) for e in desk.told] == [(ACCEPTED, 100.0, 1.0)]


def test_when_nobody_knows_a_move_the_old_order_is_asked_for_not_given_up(desk):
    desk.rest(7)
    desk.ask(MODIFY, 7, px=99.0)
    new = desk.sent[0].wire
    desk.hear(words.LOST, new)
    desk.wait(30, venue_s=60)
    desk.hear(words.NOT_FOUND, new)
    assert states(desk) == [DOUBT] and not desk.told


def test_a_move_that_may_not_be_sent_becomes_a_cancel(desk):
    desk.rest(7)
    desk.ask(MODIFY, 7, px=200.0)
    assert desk.asked() == ["cancel"]


def test_a_cancel_without_an_answer_is_sent_again(desk):
    desk.rest(7)
    desk.ask(CANCEL, 7)
    asked = []
    for _ in range(8):
        desk.wait(1)
        asked += desk.asked()
    assert asked.count("cancel") == 2


def test_an_order_cancelled_before_its_answer_is_cancelled_as_soon_as_it_rests(desk):
    desk.ask(PLACE, 7)
    wire = desk.sent[0].wire
    desk.ask(CANCEL, 7)
    assert not desk.sent
    desk.hear(words.RESTING, wire, id=42)
    assert desk.asked() == ["cancel"]


def test_after_the_kill_switch_only_cancels_are_sent_and_a_restart_forgets_nothing(desk):
    desk.rest(7)
    desk.kill()
    assert desk.asked() == ["cancel"]
    desk.ask(PLACE, 8)
    assert [(e.kind, e.code) for e in desk.told] == [(REJECTED, HALTED)] and not desk.sent
    desk.hear(words.RESTARTED)
    desk.hear(CONNECTED, code=MARKET)
    desk.hear(CONNECTED, code=ACCOUNT)
    desk.wait(4)
    assert "cancel" in desk.asked()
    desk.ask(PLACE, 9)
    assert not desk.sent


def test_what_was_on_its_way_when_the_process_died_is_unknown(desk):
    desk.ask(PLACE, 7)
    desk.hear(words.RESTARTED)
    assert states(desk) == [DOUBT]
    assert DISCONNECTED in desk.heard()


def test_nothing_is_placed_until_the_account_was_compared_again(desk):
    desk.hear(DISCONNECTED, code=ACCOUNT)
    assert desk.heard() == [DISCONNECTED]
    desk.hear(CONNECTED, code=ACCOUNT)
    desk.ask(PLACE, 7)
    assert [(e.kind, e.code) for e in desk.told] == [(REJECTED, RATE_LIMIT)]
    desk.wait(0.5)
    desk.answer_round()
    assert CONNECTED in desk.heard()
    desk.ask(PLACE, 8)
    assert desk.asked() == ["place"]


def test_a_question_that_is_lost_is_asked_again(desk):
    desk.hear(DISCONNECTED, code=ACCOUNT)
    desk.hear(CONNECTED, code=ACCOUNT)
    desk.wait(0.5)
    assert desk.asked() == ["ask_fills"]
    desk.hear(words.QUESTION_LOST, id=desk.sent[0].id)
    desk.wait(1.5)
    assert desk.asked() == ["ask_fills"]


def test_an_order_that_the_venue_does_not_list_is_asked_for_not_given_up(desk):
    desk.rest(7)
    desk.wait(61)
    fills = next(r for r in desk.sent if r.kind == "ask_fills")
    desk.hear(words.FILLS_TOLD, id=fills.id)
    desk.hear(words.ORDERS_TOLD, id=desk.sent[0].id)
    assert states(desk) == [DOUBT] and exposure(desk.g.orders, BUY) == 1.0


def test_an_order_of_ours_that_was_thought_gone_is_cancelled(desk):
    desk.hear(words.LISTED, 555, id=77)
    assert [(r.kind, r.oid) for r in desk.sent] == [("cancel_oid", 77)]


def test_a_run_begins_only_after_the_orders_of_an_earlier_process_are_gone(make_desk):
    desk = make_desk()
    desk.hear(CONNECTED, code=MARKET)
    desk.hear(CONNECTED, code=ACCOUNT)
    desk.wait(13)
    question = desk.sent[-1]
    assert question.kind == "ask_orders"
    desk.hear(words.LISTED, 3, id=70, code=OLD)
    assert [(r.kind, r.oid) for r in desk.sent] == [("cancel_oid", 70)]
    desk.hear(words.ORDERS_TOLD, id=question.id)
    assert not desk.sent and not desk.g.is_ready
    desk.wait(1.5)
    desk.answer_round(held=-2.5)
    assert desk.g.is_ready and desk.g.position == -2.5


def test_a_run_begins_with_what_the_account_holds_as_a_fill(make_desk):
    desk = make_desk()
    desk.hear(CONNECTED, code=MARKET)
    desk.hear(CONNECTED, code=ACCOUNT)
    desk.wait(13)
    desk.hear(words.ORDERS_TOLD, id=desk.sent[-1].id)
    desk.hear(POSITION, id=desk.sent[-1].id, sz=-2.5, px=101.0)
    fill = next(e for e in desk.told if e.kind == FILL)
    assert (fill.side, fill.sz, fill.px, fill.extra) == (SELL, 2.5, 101.0, 0.0)


def test_a_newer_process_on_the_same_asset_stops_this_one_for_good(desk):
    desk.hear(words.LISTED, 3, id=70, code=NEW)
    assert desk.g.latched == FENCED
    desk.ask(PLACE, 7)
    assert not desk.sent


def test_an_answer_that_never_comes_is_taken_for_lost(desk):
    desk.ask(PLACE, 7)
    desk.wait(25, mark=None)
    assert states(desk) == [DOUBT]


def test_silence_changes_nothing(desk):
    desk.rest(7)
    before = desk.states.tobytes()
    desk.hear(CLOCK)
    assert desk.states.tobytes() == before


def test_an_order_in_flight_is_sent_state_and_counts(desk):
    desk.ask(PLACE, 7)
    assert states(desk) == [SENT] and exposure(desk.g.orders, BUY) == 1.0
