import math

import numpy as np
import pytest

from engine.policy import load_policy
from engine.review.information import Information, information, next_moves
from engine.review.information import decay as fading_of

S = 1_000_000_000
LIMITS = load_policy().monitor.decay


def decay(days, information):
    return fading_of(days, information, LIMITS)


def told(bits, detectable=0.001):
    return Information(
        n=1000, correlation=0.1, bits=bits, null_bits=0.001, detectable_bits=detectable, p_value=0.5
    )


def false_alarms(make, runs, seed):
    """Return how often independent series are called related, and the mean of their bits."""
    rng = np.random.default_rng(seed)
    answers = [information(make(rng), make(rng), rng) for _ in range(runs)]
    assert all(answers)
    found = sum(one.p_value < 0.05 for one in answers if one)
    return found / runs, np.mean([one.bits for one in answers if one])


def test_a_gaussian_pair_has_the_bits_of_the_formula():
    rng = np.random.default_rng(0)
    x = rng.normal(size=20_000)
    one = information(x, 0.6 * x + 0.8 * rng.normal(size=20_000), rng)
    assert one is not None
    assert one.bits == pytest.approx(-0.5 * math.log2(1 - 0.36), abs=0.01)
    assert one.p_value == pytest.approx(1 / 1001)


def test_a_monotone_scale_changes_nothing_and_perfect_knowledge_is_finite():
    rng = np.random.default_rng(1)
    x, noise = rng.normal(size=128), rng.normal(size=128)
    plain = information(x, x + noise, np.random.default_rng(2))
    bent = information(np.exp(3 * x), (x + noise) ** 3, np.random.default_rng(2))
    assert plain == bent
    whole = information(x, -x, np.random.default_rng(2))
    assert whole is not None
    assert whole.bits + whole.null_bits == pytest.approx(7.0)  # log2(128)
    assert whole.correlation == pytest.approx(-1.0)


def test_too_few_pairs_or_a_constant_flag_is_nothing_to_measure():
    rng = np.random.default_rng(0)
    x = rng.normal(size=150)
    assert information(x[:99], x[:99], rng) is None
    assert information(np.ones(150), x, rng) is None  # a static flag told nothing
    assert information(x, np.zeros(150), rng) is None
    assert information(np.full(150, np.nan), x, rng) is None


def test_ticks_that_are_mostly_zero_fake_no_information():
    def ticks(rng):
        return np.where(rng.random(800) < 0.8, 0, rng.integers(-3, 4, 800))

    found, bits = false_alarms(ticks, 300, 3)
    assert found <= 0.08
    assert abs(bits) < 5e-4  # a nearest-neighbour estimate says 8.6 bits here


def test_whole_ticks_fake_no_information():
    found, bits = false_alarms(lambda rng: rng.integers(-20, 21, 800), 300, 4)
    assert found <= 0.08
    assert abs(bits) < 5e-4


def test_slow_signals_are_not_called_informative_for_being_slow():
    def slow(rng):
        steps, out = rng.normal(size=2000), np.zeros(2000)
        for k in range(1, 2000):
            out[k] = 0.95 * out[k - 1] + steps[k]
        return out

    found, _ = false_alarms(slow, 200, 5)
    assert found <= 0.1  # shuffled value by value: two times out of three


def test_a_signal_sees_the_next_move_and_not_the_last():
    rng = np.random.default_rng(6)
    steps = rng.normal(size=2000) * 1e-4
    mid = 20.0 * np.exp(np.cumsum(np.append(0.0, steps)))
    ts = np.arange(2001) * S
    moves = next_moves(ts, mid)
    ahead = information(np.append(steps, 0.0), moves, rng)
    behind = information(np.append(0.0, steps), moves, rng)
    assert ahead is not None and behind is not None
    assert ahead.bits > 5.0 and behind.p_value > 0.01


def test_there_is_no_move_over_a_gap_or_past_the_end():
    moves = next_moves(np.array([0, 1, 2, 9, 10]) * S, [100.0, 101.0, 101.0, 50.0, np.nan])
    assert moves[:2].tolist() == [pytest.approx(0.01), 0.0]
    assert np.isnan(moves[2:]).all()
    assert np.isnan(next_moves([0], [1.0])).all()
    assert next_moves([], []).tolist() == []


@pytest.mark.parametrize(("loss", "alarm"), [(0.1, "none"), (0.2, "warn"), (0.4, "critical")])
def test_a_fading_signal_shows_its_half_life_and_its_alarm(loss, alarm):
    days = list(range(-13, 1))
    wiggle = [1.01, 0.99] * 7
    bits = [0.1 * (1 - loss) ** (day / 7) * w for day, w in zip(days, wiggle, strict=True)]
    fading = decay(days, [told(b) for b in bits])
    assert fading is not None and fading.half_life_days is not None
    assert fading.weekly_loss == pytest.approx(loss, abs=0.01)
    assert fading.half_life_days == pytest.approx(7 * math.log(2) / -math.log(1 - loss), rel=0.1)
    assert fading.lo is not None and fading.hi is not None
    assert fading.lo < loss < fading.hi
    assert (fading.alarm, fading.seen) == (alarm, 14)


def test_a_signal_that_grows_or_only_wobbles_is_no_decay():
    rng = np.random.default_rng(7)
    growing = decay(range(10), [told(0.1 * 1.1**day) for day in range(10)])
    assert growing is not None and growing.weekly_loss is not None
    assert growing.weekly_loss < 0.0
    assert (growing.alarm, growing.half_life_days) == ("none", None)
    alarms = 0
    for _ in range(300):
        wobbling = decay(range(14), [told(0.1 * math.exp(rng.normal())) for _ in range(14)])
        assert wobbling is not None
        alarms += wobbling.alarm != "none"
    assert alarms / 300 <= 0.04  # one side of a 95 % interval


def test_a_signal_that_was_never_seen_does_not_decay():
    nothing = decay(range(7), [told(0.0005 * (-1) ** day) for day in range(7)])
    assert nothing is not None
    assert (nothing.seen, nothing.weekly_loss, nothing.alarm) == (0, None, "none")
    assert nothing.words == "not distinguishable from zero on any of 7 days"
    assert decay(range(4), [told(0.1)] * 4) is None
    assert decay(range(9), [None, *[told(0.1)] * 4, *[None] * 4]) is None


def test_a_signal_that_has_vanished_loses_at_least_what_could_be_seen():
    bits = [0.1, 0.05, 0.02, 0.01, 0.0005, -0.0005, 0.0002]
    vanished = decay(range(7), [told(b) for b in bits])
    assert vanished is not None
    assert (vanished.seen, vanished.alarm) == (4, "critical")
    assert "at least" in vanished.words
    unseen = decay(range(7), [told(b) for b in [0.1, 0.05, 0.02, 0.01, 1e-9, -0.5, 0.0]])
    assert unseen == vanished  # how far below the detectable makes no difference
