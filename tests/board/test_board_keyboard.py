# SPDX-License-Identifier: Apache-2.0
"""Which keys of the board count, and which do not: pure, with a clock of its own."""

from __future__ import annotations

import pytest

from jitd.cli.question import QUIET_FOR
from jitd_board.keyboard import Keyboard, Taken

SOON, LATER = QUIET_FOR / 2, QUIET_FOR * 1.5


def asked(at: float) -> Keyboard:
    made = Keyboard()
    made.shut()
    made.shown(at)
    return made


def test_one_key_by_itself_counts_once_and_after_the_silence() -> None:
    keys = Keyboard()
    assert keys.single("a", 10) is Taken.HELD
    assert keys.ripe(10 + SOON) is None
    assert keys.ripe(10 + LATER) == "a"
    assert keys.ripe(10 + 2 * LATER) is None, "once"


@pytest.mark.parametrize("second", ["single", "letter", "other"])
def test_one_key_among_others_is_none(second: str) -> None:
    """THREATS A-10."""
    keys = Keyboard()
    assert keys.single("a", 10) is Taken.HELD
    {"single": lambda at: keys.single("y", at), "letter": keys.letter, "other": keys.other}[second](10 + SOON)
    assert keys.ripe(10 + LATER) is None and keys.ripe(20) is None
    assert keys.single("a", 10 + SOON + SOON) is Taken.LOST, "and so is the one after it"


def test_nothing_counts_before_a_question_was_shown_and_a_silence_passed() -> None:
    """THREATS A-10."""
    keys = Keyboard()
    keys.shut()
    assert keys.letter(5) is Taken.LOST and keys.single("enter", 10) is Taken.LOST, "it is not shown"
    keys.shown(10)
    assert keys.letter(10 + SOON) is Taken.LOST
    assert keys.letter(10 + SOON + SOON) is Taken.LOST, "no silence yet"
    assert keys.ripe(20) is None
    assert keys.letter(20) is Taken.NOW and keys.letter(20 + SOON) is Taken.NOW, "a text is typed as fast as one likes"
    assert keys.single("enter", 20 + SOON + SOON) is Taken.LOST, "but what ends it is typed by itself"
    assert keys.single("enter", 21) is Taken.HELD


def test_a_key_that_was_held_is_forgotten_when_another_question_comes() -> None:
    """THREATS A-10."""
    keys = asked(0)
    assert keys.single("enter", 10) is Taken.HELD
    keys.shut()
    keys.shown(10 + SOON)
    assert keys.ripe(20) is None


def test_somebody_who_types_without_a_pause_decides_nothing() -> None:
    keys = asked(0)
    assert {keys.single("a", n * SOON) for n in range(1, 200)} == {Taken.LOST}
    assert keys.ripe(1000) is None
