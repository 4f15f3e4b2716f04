"""How long things take: blocks, ways and news are what the settings say."""

import statistics

import pytest
from pydantic import ValidationError

from engine.runners.localnet.settings import Settings, Way


def test_blocks_ways_and_news_take_what_was_measured_at_the_venue():
    way = Way(Settings())
    blocks = [way.block_s() for _ in range(2_000)]
    assert min(blocks) >= 0.07 and max(blocks) <= 0.1
    assert statistics.median(way.one_way_s() for _ in range(2_000)) == pytest.approx(0.06, rel=0.05)
    assert statistics.median(way.news_s() for _ in range(2_000)) == pytest.approx(0.26, rel=0.05)
    # a way there, a block, and a way back: the 0.2 s of the documentation
    answers = [2 * way.one_way_s() + way.block_s() for _ in range(2_000)]
    assert statistics.median(answers) == pytest.approx(0.2, rel=0.1)


def test_the_same_seed_takes_the_same_time_and_another_does_not():
    ways = [Way(Settings(seed=seed)) for seed in (3, 3, 4)]
    first, again, other = ([way.one_way_s() for _ in range(10)] for way in ways)
    assert first == again != other


def test_no_latency_is_none():
    assert Way(Settings(latency_ms=0, news_ms=0)).news_s() == 0


@pytest.mark.parametrize(
    ("broken", "names"),
    [
        ({"block_ms": (100, 70)}, "block_ms must be a shortest and a longest"),
        ({"block_ms": (5, 70)}, "block_ms.0"),
        ({"latency_ms": -1}, "latency_ms"),
        ({"speed": 2}, "speed"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_field(broken, names):
    with pytest.raises(ValidationError, match=names):
        Settings(**broken)
