# SPDX-License-Identifier: Apache-2.0
"""After random scenarios of people who act within what they were given, the host equals itself before (scenarios.py)."""

from __future__ import annotations

from tests.givers.scenarios import AT_ONCE, Stage
from tests.times import SEED, times


def test_after_whatever_people_do_with_what_they_were_given_the_host_is_as_it_was() -> None:
    """THREATS Q-15."""
    stage = Stage()
    try:
        assert stage.play(SEED, times(AT_ONCE)) == []
        stage.house.verify()
    finally:
        stage.close()
