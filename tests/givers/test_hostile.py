# SPDX-License-Identifier: Apache-2.0
"""Whatever hostile holders do, no right works after its end (hostile.py). With JITD_TIMES=20, 1,000 scenarios are played."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.givers.hostile import KINDS, Stage
from tests.times import SEED, times


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.close()


def test_no_right_works_after_its_end_whatever_its_holder_does(stage: Stage) -> None:
    """THREATS Q-45."""
    print(f"seed {SEED}")
    assert stage.play(SEED, times(50)) == []
    assert set(stage.used) == set(KINDS) and stage.used.total() > times(50) // 3, "holders had the rights before"
    stage.house.verify()
