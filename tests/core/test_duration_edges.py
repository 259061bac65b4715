# SPDX-License-Identifier: Apache-2.0
"""Durations at their edges: each unit's size said again, one and none of each in words, the longest spelling."""

from __future__ import annotations

import pytest

from jitd.core.duration import LONGEST, duration_in_words, read_duration, spell_duration

TABLE = [
    (0, "0s", "0 seconds"),
    (1, "1s", "1 second"),
    (2, "2s", "2 seconds"),
    (59, "59s", "59 seconds"),
    (60, "1m", "1 minute"),
    (61, "1m1s", "1 minute 1 second"),
    (3599, "59m59s", "59 minutes 59 seconds"),
    (3600, "1h", "1 hour"),
    (7200, "2h", "2 hours"),
    (86399, "23h59m59s", "23 hours 59 minutes 59 seconds"),
    (86400, "1d", "1 day"),
    (172800, "2d", "2 days"),
    (90061, "1d1h1m1s", "1 day 1 hour 1 minute 1 second"),
    (315360000, "3650d", "3650 days"),
]


@pytest.mark.parametrize(("seconds", "spelled", "words"), TABLE)
def test_a_duration_is_spelled_and_said(seconds: int, spelled: str, words: str) -> None:
    assert spell_duration(seconds) == spelled
    assert duration_in_words(seconds) == words
    assert read_duration(spelled) == (seconds or None)


def test_the_longest_is_ten_years() -> None:
    assert LONGEST == 315_360_000


@pytest.mark.parametrize(
    ("text", "seconds"), [("000000001s", 1), ("0000000001s", None), ("000000000d1s", 1), ("0000000000d1s", None)]
)
def test_a_number_has_nine_digits_at_most(text: str, seconds: int | None) -> None:
    assert read_duration(text) == seconds
