"""The venue's dead-man switch: set anew while the guard lives, never for an account without it."""

import pytest

from engine.runners.live.dead_man import ANEW_S, EVERY_S, DeadManSwitch
from engine.venues.hyperliquid.outcome import Done, Refused, Unknown
from engine.venues.hyperliquid.refusals import Reason
from engine.venues.hyperliquid.wire import ScheduleCancel


class Exchange:
    """Takes what a test wants."""

    def __init__(self, outcome):
        self.outcome, self.asked = outcome, []

    def ask(self, action):
        self.asked.append(action)
        return (self.outcome,)


def looked(outcome, seconds):
    """Let a switch look every second; return what the exchange was asked, and the switch."""
    exchange, now = Exchange(outcome), [0]
    switch = DeadManSwitch(
        exchange, ahead_s=90.0, clock=lambda: now[0], now_ms=lambda: 1_000 * now[0]
    )
    for now[0] in range(seconds):
        switch.look()
    return exchange.asked, switch


def test_it_is_set_anew_long_before_its_time():
    asked, switch = looked(Done(), 100)
    assert [one.time for one in asked] == [90_000, 120_000, 150_000, 180_000]
    assert EVERY_S < 90 / 2 and switch.is_armed


def test_an_account_that_may_not_have_it_is_asked_once_an_hour():
    asked, switch = looked(Refused(Reason.NO_VOLUME), int(ANEW_S) + 1)
    assert len(asked) == 2 and not switch.is_armed


@pytest.mark.parametrize("outcome", [Unknown("timeout"), Refused(Reason.NOT_SENT)])
def test_what_is_not_taken_is_tried_again(outcome):
    asked, switch = looked(outcome, 61)
    assert len(asked) == 3 and not switch.is_armed


def test_it_is_taken_back_where_it_was_set_and_only_there():
    asked, switch = looked(Done(), 1)
    switch.take_back()
    assert asked[1:] == [ScheduleCancel()]
    asked, switch = looked(Refused(Reason.NO_VOLUME), 1)
    switch.take_back()
    assert len(asked) == 1
