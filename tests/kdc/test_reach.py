# SPDX-License-Identifier: Apache-2.0
"""Whether no KDC can be reached: two looks that fail within 30 s, and nothing less."""

from __future__ import annotations

import pytest

from jitd.kdc.reach import APART, FRESH_FOR, WITHIN, Reach


class Clock:
    """A clock that stands still between looks, and the answers of the looks: True if all KDCs were silent."""

    def __init__(self, *fail: bool) -> None:
        self.now = 1000.0
        self.n_looks = 0
        self.reach = Reach(lambda: self.look(), lambda: self.now, self.pause)
        self._fail = list(fail)

    def look(self) -> bool:
        self.n_looks += 1
        return self._fail.pop(0)

    def pause(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(("fail", "is_unreachable"), [((True, True), True), ((False,), False), ((True, False), False)])
def test_two_looks_have_to_fail_one_after_the_other(fail: tuple[bool, ...], is_unreachable: bool) -> None:
    """THREATS K-22."""
    clock = Clock(*fail)
    assert clock.reach.is_unreachable() is is_unreachable and clock.n_looks == len(fail)


def test_who_asks_at_the_same_time_has_the_same_answer_and_no_further_look_is_made() -> None:
    clock = Clock(True, True, False)
    assert clock.reach.is_unreachable() and clock.reach.is_unreachable() and clock.n_looks == 2
    clock.now += FRESH_FOR
    assert not clock.reach.is_unreachable(), "any answer ends it"


def test_one_failure_later_than_30_seconds_is_not_enough() -> None:
    """THREATS K-22."""
    clock = Clock(True, True, True, False)
    assert clock.reach.is_unreachable()
    clock.now += WITHIN + APART
    assert not clock.reach.is_unreachable() and clock.n_looks == 4, "the first look is too old, and a second one is answered"


def test_one_failure_more_within_30_seconds_is_enough() -> None:
    clock = Clock(True, True, True)
    assert clock.reach.is_unreachable()
    clock.now += WITHIN / 2
    assert clock.reach.is_unreachable() and clock.n_looks == 3
