"""A gateway that is broken on purpose is caught: the simulation of faults sees something.

Each is compiled anew, so two of them are tried here; `make faults` tries all.
"""

import pytest

from benchmarks.fault_mutants import MUTANTS, try_out

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
NAMES = ("a timeout is taken for a failure", "nothing is compared with the venue")


@pytest.mark.parametrize("name", NAMES)
def test_a_gateway_is_caught_in_which(name):
    (mutant,) = (one for one in MUTANTS if one.name == name)
    assert try_out(mutant, most=2_000).laws
