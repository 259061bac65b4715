# SPDX-License-Identifier: Apache-2.0
"""Failures that are kept for a moment."""

from __future__ import annotations

from jitd_outsiders.asking.failures import KEPT_FOR, MOST_KEPT, Failures


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_failure_is_kept_for_a_second_for_its_own_question() -> None:
    clock = Clock()
    failures = Failures(clock)
    failures.keep("this", "it is closed")
    assert (failures.of("this"), failures.of("that")) == ("it is closed", None)
    clock.now += KEPT_FOR - 0.001
    assert failures.of("this") == "it is closed"
    clock.now += 0.001
    assert failures.of("this") is None


def test_a_later_failure_of_the_same_question_begins_the_second_again() -> None:
    clock = Clock()
    failures = Failures(clock)
    failures.keep("this", "it is closed")
    failures.keep("that", "it is closed")
    clock.now += 0.9
    failures.keep("this", "it is broken")
    clock.now += 0.9
    assert (failures.of("this"), failures.of("that")) == ("it is broken", None)


def test_no_more_are_kept_than_there_is_room_for() -> None:
    failures = Failures(Clock())
    for number in range(MOST_KEPT + 1):
        failures.keep(number, "no")
    assert [failures.of(number) for number in (0, 1, MOST_KEPT)] == [None, "no", "no"]
