"""A simulated market that turns: the same before, another after, however one comes to it."""

import numpy as np

from engine.events import TRADE
from engine.runners.feeds import SimulatedFeed
from engine.sim.market import HOUR_NS
from engine.sim.scenarios import scenario

TURN = scenario("souring").turn
assert TURN is not None
HOURS = 6  # as many before the turn, and after


def feed(name: str, first_hour: int = -HOURS) -> SimulatedFeed:
    assert TURN is not None
    return SimulatedFeed("HYPE", name, 7, TURN.at_ns + first_hour * HOUR_NS)


def test_before_it_turns_it_is_the_market_it_was():
    souring, calm = feed("souring"), feed("thin-hip3")
    for hour in range(HOURS):
        assert souring.chunk(hour).tobytes() == calm.chunk(hour).tobytes()
    assert souring.chunk(HOURS).tobytes() != calm.chunk(HOURS).tobytes()


def test_after_it_turns_fewer_trade_and_they_know_more():
    whole = feed("souring", first_hour=-24)
    trades = [np.count_nonzero(whole.chunk(hour)["kind"] == TRADE) for hour in range(48)]
    assert sum(trades[24:]) < 0.9 * sum(trades[:24])
    takers = whole._market.state[0].takers
    assert float(takers.informed_per_s) == TURN.takers.informed_per_s
    assert float(takers.noise_per_s) == TURN.takers.noise_per_s


def test_a_feed_that_goes_on_from_a_checkpoint_says_the_same():
    whole = feed("souring")
    said = [whole.chunk(hour).tobytes() for hour in range(HOURS + 1)]
    kept = feed("souring")
    for hour in range(HOURS - 1):
        kept.chunk(hour)
    again = feed("souring")
    again.load(kept.dump(), HOURS - 1)
    assert [again.chunk(hour).tobytes() for hour in (HOURS - 1, HOURS)] == said[-2:]


def test_a_market_begun_after_its_turn_begins_turned():
    late = feed("souring", first_hour=24)
    late.chunk(0)
    assert float(late._market.state[0].takers.noise_per_s) == TURN.takers.noise_per_s
