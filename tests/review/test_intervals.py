import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.review.intervals import chi2_tail, ratio, ratio_difference, t975, wilson

RNG = np.random.default_rng


def test_a_ratio_is_one_of_sums_and_not_of_means():
    one = ratio([1.0, 9.0], [1.0, 3.0], [0, 0], np.random.default_rng(0))
    assert one is not None
    assert (one.value, one.n, one.blocks) == (2.5, 2, 1)  # 10 / 4, not the mean of 1 and 3


def test_few_blocks_have_no_interval_and_none_at_all_no_value():
    rng = np.random.default_rng(0)
    one = ratio(np.arange(5.0), np.ones(5), np.arange(5), rng)
    assert one is not None
    assert (one.lo, one.hi) == (None, None)
    assert ratio([], [], [], rng) is None
    assert ratio([1.0], [0.0], [0], rng) is None


def test_what_is_not_a_number_is_left_out():
    one = ratio([1.0, np.nan, 5.0], [1.0, 1.0, np.nan], [0, 0, 0], np.random.default_rng(0))
    assert one is not None
    assert (one.value, one.n) == (1.0, 1)


def test_blocks_that_agree_leave_no_doubt_and_the_same_seed_gives_the_same_bounds():
    certain = ratio(np.full(8, 3.0), np.full(8, 2.0), np.arange(8), np.random.default_rng(0))
    assert certain is not None
    assert (certain.lo, certain.hi) == (1.5, 1.5)
    values, blocks = np.random.default_rng(1).normal(size=40), np.arange(40) // 4
    bounds = [ratio(values, np.ones(40), blocks, np.random.default_rng(5)) for _ in range(2)]
    assert bounds[0] == bounds[1]


@pytest.mark.parametrize("blocks", [8, 24])
def test_the_interval_covers_the_truth_although_fills_of_a_block_move_together(blocks):
    rng = np.random.default_rng(3)
    label = np.repeat(np.arange(blocks), 10)
    covered = 0
    for _ in range(400):
        values = 1.0 + np.repeat(rng.normal(size=blocks), 10) + rng.normal(size=10 * blocks)
        one = ratio(values, np.ones(10 * blocks), label, rng)
        assert one is not None and one.lo is not None and one.hi is not None
        covered += one.lo <= 1.0 <= one.hi
    assert 0.92 <= covered / 400 <= 0.98


@pytest.mark.parametrize(
    ("df", "quantile"), [(4, 2.7764), (5, 2.5706), (7, 2.3646), (23, 2.0687), (100, 1.9840)]
)
def test_students_quantile_is_the_one_of_the_tables(df, quantile):
    assert t975(df) == pytest.approx(quantile, rel=2e-3)


@pytest.mark.parametrize(
    ("x", "df", "tail"),
    [
        (3.8415, 1, 0.05), (5.9915, 2, 0.05), (7.8147, 3, 0.05), (16.919, 9, 0.05),
        (2.0879, 9, 0.99), (27.877, 9, 0.001), (0.0, 4, 1.0), (1e4, 9, 0.0),
    ],
)  # fmt: skip
def test_the_chi_square_tail_is_the_one_of_the_tables(x, df, tail):
    assert chi2_tail(x, df) == pytest.approx(tail, rel=1e-3, abs=1e-12)


@given(st.integers(1, 500), st.data())
def test_wilsons_interval_holds_the_share_and_stays_a_share(n, data):
    successes = data.draw(st.integers(0, n))
    lo, hi = wilson(successes, n)
    assert 0.0 <= lo <= successes / n + 1e-12
    assert successes / n - 1e-12 <= hi <= 1.0


def test_a_difference_of_ratios_is_one_of_sums():
    one = ratio_difference([(([1.0, 9.0], [1.0, 3.0]), ([1.0, 0.0], [2.0, 2.0]))], RNG(0))
    assert one is not None
    assert (one.value, one.n, one.blocks, one.lo) == (2.25, 2, 2, None)  # 10/4 - 1/4
    assert ratio_difference([(([1.0], [1.0]), ([0.0], [0.0]))], RNG(0)) is None


def test_two_equal_ratios_differ_by_nothing_for_certain():
    x, w = RNG(1).normal(size=(2, 12))
    same = x, np.abs(w)
    one = ratio_difference([(same, same)], RNG(2))
    assert one is not None
    assert (one.value, one.lo, one.hi) == (0.0, 0.0, 0.0)


def test_a_sum_of_differences_is_drawn_together():
    x, w = RNG(1).normal(size=(2, 12))
    a, b = (x, np.abs(w)), (x + 1.0, np.abs(w) + 0.5)
    one = ratio_difference([(a, b), (b, a)], RNG(2))
    assert one is not None
    assert (one.value, one.lo, one.hi) == pytest.approx((0.0, 0.0, 0.0), abs=1e-12)


def test_a_ratio_with_something_in_few_blocks_has_no_interval():
    w = np.ones(20)
    rare = np.where(np.arange(20) < 5, 1.0, 0.0)
    one = ratio_difference([((w, w), (rare, rare))], RNG(0))
    assert one is not None
    assert (one.n, one.blocks, one.lo, one.hi) == (20, 5, None, None)


@pytest.mark.parametrize(("blocks", "filled"), [(8, 1.0), (24, 1.0), (48, 0.5)])
def test_the_interval_of_a_difference_covers_the_truth_and_pairing_narrows_it(blocks, filled):
    rng = RNG(3)
    covered, paired, unpaired, times = 0, 0.0, 0.0, 250
    for _ in range(times):
        market = 5.0 * rng.normal(size=blocks)  # what the same hour does to both
        w = rng.lognormal(0.0, 0.5, size=(2, blocks)) * (rng.random((2, blocks)) < filled)
        a = (1.5 + market + rng.normal(size=blocks)) * w[0], w[0]
        b = (0.5 + market + rng.normal(size=blocks)) * w[1], w[1]
        one = ratio_difference([(a, b)], rng)
        assert one is not None and one.lo is not None and one.hi is not None
        covered += one.lo <= 1.0 <= one.hi
        paired += one.hi - one.lo
        unpaired += np.hypot(*(width(*side, rng) for side in (a, b))) if filled == 1.0 else np.inf
    assert 0.92 <= covered / times <= 0.985
    assert paired < 0.8 * unpaired


def width(x, w, rng):
    one = ratio(x, w, np.arange(len(x)), rng)
    assert one is not None and one.lo is not None and one.hi is not None
    return one.hi - one.lo
