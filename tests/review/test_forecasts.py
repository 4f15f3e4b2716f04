import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.review.forecasts import (
    calibration,
    decompose,
    information_ratio,
    judge_forecasts,
    skill,
)

PAIRS = st.lists(st.tuples(st.floats(0.0, 1.0), st.integers(0, 1)), min_size=1, max_size=200)


def arrays(pairs):
    return tuple(np.array(column, dtype=float) for column in zip(*pairs, strict=True))


@given(PAIRS)
def test_the_parts_of_the_brier_score_add_up_to_it_exactly(pairs):
    parts = decompose(*arrays(pairs))
    total = parts.reliability - parts.resolution + parts.uncertainty
    total += parts.within_variance - parts.within_covariance
    assert total == pytest.approx(parts.brier, abs=1e-12)
    assert 0.0 <= parts.resolution <= parts.uncertainty + 1e-12


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 1)), min_size=1, max_size=100))
def test_with_one_value_per_bin_murphys_three_parts_are_enough(pairs):
    p, o = arrays(pairs)
    parts = decompose((p + 0.5) / 10, o)
    assert parts.within_variance == pytest.approx(0.0, abs=1e-15)
    assert parts.within_covariance == pytest.approx(0.0, abs=1e-15)
    three = parts.reliability - parts.resolution + parts.uncertainty
    assert three == pytest.approx(parts.brier, abs=1e-12)


def test_every_part_of_a_small_table():
    # bin 1 says 0.1 and 0.14 and one of two comes; bin 8 says 0.8 twice and both come
    p, o = np.array([0.1, 0.14, 0.8, 0.8]), np.array([0.0, 1.0, 1.0, 1.0])
    parts = decompose(p, o)
    assert parts.brier == pytest.approx((0.01 + 0.7396 + 0.04 + 0.04) / 4)
    assert parts.reliability == pytest.approx((2 * (0.12 - 0.5) ** 2 + 2 * 0.2**2) / 4)
    assert parts.resolution == pytest.approx((2 * 0.25**2 + 2 * 0.25**2) / 4)
    assert parts.uncertainty == pytest.approx(0.75 * 0.25)
    assert parts.within_variance == pytest.approx(2 * 0.02**2 / 4)
    assert parts.within_covariance == pytest.approx(2 * (2 * 0.5 * 0.02) / 4)
    rows = calibration(p, o)
    assert [(row.bin, row.n, row.observed) for row in rows] == [(1, 2, 0.5), (8, 2, 1.0)]
    assert rows[0].forecast == pytest.approx(0.12)
    assert rows[1].hi == 1.0 and 0.3 < rows[1].lo < 0.35  # Wilson: 2/(2 + 1.96²) = 0.342
    ratio = information_ratio(p, o)
    assert ratio is not None
    assert ratio.value == pytest.approx(0.0625 / 0.1875)
    assert ratio.null_mean == 0.25  # one degree of freedom over four forecasts
    assert ratio.p_value == pytest.approx(0.2482, abs=1e-4)  # χ²₁ > 4/3


def test_a_certain_forecast_falls_into_the_last_bin_and_an_impossible_one_is_refused():
    assert [row.bin for row in calibration(np.array([0.0, 1.0]), np.array([0.0, 1.0]))] == [0, 9]
    with pytest.raises(ValueError, match=r"between 0 and 1, was 1\.5"):
        decompose(np.array([0.2, 1.5]), np.array([0.0, 1.0]))


def test_where_nothing_can_be_resolved_there_is_no_information_ratio():
    assert information_ratio(np.array([0.1, 0.9]), np.array([1.0, 1.0])) is None
    assert information_ratio(np.array([0.11, 0.12]), np.array([0.0, 1.0])) is None


def test_without_a_complete_row_there_is_nothing_to_judge():
    rng = np.random.default_rng(0)
    assert judge_forecasts([], [], [], [], rng) is None
    assert judge_forecasts([np.nan], [1.0], [0.5], [0], rng) is None


def test_an_information_ratio_of_luck_is_called_luck():
    rng = np.random.default_rng(2)
    found, values = 0, []
    for _ in range(1000):
        one = information_ratio(rng.random(500), (rng.random(500) < 0.3).astype(float))
        assert one is not None
        found += one.informs
        values.append(one.value)
    assert 0.03 <= found / 1000 <= 0.07
    assert np.mean(values) == pytest.approx(9 / 500, rel=0.05)
    assert np.quantile(values, 0.95) == pytest.approx(0.034, abs=0.002)


def test_a_perfect_forecaster_of_uniform_probabilities_reaches_a_third_and_never_one():
    rng = np.random.default_rng(4)
    p = rng.random(20_000)
    one = information_ratio(p, (rng.random(20_000) < p).astype(float))
    assert one is not None
    assert one.value == pytest.approx(0.33, abs=0.015)
    assert one.informs


def test_skill_is_none_for_the_base_rate_and_below_zero_for_one_half():
    rng = np.random.default_rng(5)
    o = (rng.random(2000) < 0.2).astype(float)
    base, blocks = np.full(2000, 0.2), np.arange(2000) // 100
    same = skill(base, o, base, blocks, rng)
    half = skill(np.full(2000, 0.5), o, base, blocks, rng)  # a Brier score of 0.25
    assert same is not None and half is not None and half.hi is not None
    assert (same.value, same.lo, same.hi) == (0.0, 0.0, 0.0)
    assert half.value == pytest.approx(1 - 0.25 / np.mean((0.2 - o) ** 2))
    assert half.hi < 0.0


def test_noise_on_the_base_rate_is_seldom_called_skill():
    rng = np.random.default_rng(6)
    found = 0
    for _ in range(200):
        o = (rng.random(480) < 0.3).astype(float)
        said = np.clip(0.3 + 0.05 * rng.normal(size=480), 0.0, 1.0)
        one = skill(said, o, np.full(480, 0.3), np.arange(480) // 20, rng)
        assert one is not None and one.lo is not None
        found += one.lo > 0.0
    assert found / 200 <= 0.05
