"""Live engines in a venue that fails: nothing unsafe happens, and everything comes right again."""

import pytest

from benchmarks.faults import sessions

# each of these once broke a law
ONCE_BROKEN = (5, 55, 4_451, 34_647, 44_973, 151_705)


@pytest.fixture(scope="module")
def played():
    return list(sessions().play(range(5_000)))


def test_no_session_breaks_a_law(played):
    assert {one.seed: one.broken for one in played if one.broken} == {}


def test_sessions_that_once_broke_a_law_do_so_no_more():
    assert [one.broken for one in sessions().play(ONCE_BROKEN)] == [()] * len(ONCE_BROKEN)


def test_processes_die_orders_fill_and_persons_stop_engines(played):
    assert sum(one.processes > 1 for one in played) > 500
    assert sum(one.is_latched for one in played) > 1_000
    assert sum(one.fills for one in played) > 10 * len(played)


def test_a_seed_is_a_session_to_the_last_bit():
    one, two = sessions(), sessions()
    assert list(one.play([3])) == list(two.play([8, 3]))[1:]
    assert one.worlds["desk"].tobytes() == two.worlds["desk"].tobytes()
