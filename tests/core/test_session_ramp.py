"""The ramp of a young session."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.session_ramp import fraction

S = 1_000_000_000


@pytest.mark.parametrize(
    ("t_s", "share"),
    [(0, 0.1), (60, 0.264), (120, 0.332), (300, 0.467), (600, 0.620), (900, 0.736), (1800, 1.0)],
)
def test_values_of_the_half_hour_ramp(t_s, share):
    assert fraction(S, S + t_s * S, 1800 * S, 0.1) == pytest.approx(share, abs=6e-4)


def test_not_started_is_the_start_never_the_whole():
    assert fraction(0, 10**18, 1800 * S, 0.1) == 0.1


def test_without_a_duration_it_is_whole_at_once():
    assert fraction(S, S, 0, 0.1) == 1.0


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 4000), st.integers(0, 4000), st.integers(1, 3600), st.floats(0.0, 1.0))
def test_it_only_grows_and_stays_within_its_bounds(t, later, duration, initial):
    now, then = (fraction(S, S + x * S, duration * S, initial) for x in (t, t + later))
    assert initial <= now <= then <= 1.0
    assert fraction(S, 0, duration * S, initial) == initial  # a clock that runs back
