# SPDX-License-Identifier: Apache-2.0
"""Whoever is killed, and whenever: nothing is left, and the record is right. ``make torture`` runs the same ten thousand
times.
"""

from __future__ import annotations

import pytest

from tests.marks import full
from tests.system.conftest import House
from tests.system.killing import torture
from tests.system.prompt import AT_ONCE
from tests.times import SEED, times

OFTEN = [12, pytest.param(60, marks=full("every day, the test makes 12 of the 60 trials"))]
LANES = 4


@pytest.mark.parametrize("n_trials", OFTEN)
def test_nothing_is_left_of_a_run_of_which_a_process_was_killed_at_a_random_moment(n_trials: int) -> None:
    """THREATS X-13."""
    print(f"JITD_SEED={SEED}")
    house = House(AT_ONCE).start()
    try:
        assert torture(house, SEED, times(n_trials), LANES) == []
    finally:
        house.close()
