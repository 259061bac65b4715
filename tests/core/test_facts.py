# SPDX-License-Identifier: Apache-2.0
"""Facts as people read them, and the error that names those that nobody looked for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from jitd.core.facts import MOST_SPELLED, NOTHING, Unasked, Unknown, Value, spell

# the value of a fact, and what is shown of it
SPELLED: dict[str, tuple[Value | Unknown, str]] = {
    "a text of the longest length is shown whole": ("x" * 200, "x" * 200),
    "a text that is longer is cut": ("x" * 201, "x" * 200 + "…"),
    "so is a list": (("x" * 150, "y" * 150), "x" * 150 + ", " + "y" * 48 + "…"),
    "so is the reason why a fact is not known": (Unknown("x" * 300), "not known: " + "x" * 189 + "…"),
    "an empty list is shown as nothing": ((), ""),
    "a truth value is not a number": (True, "true"),
    "nor is its opposite": (False, "false"),
    "a number below zero": (-7, "-7"),
    "a time has no parts of a second": (datetime(2026, 3, 2, 9, 0, 1, 999999, tzinfo=UTC), "2026-03-02T09:00:01+00:00"),
}


@pytest.mark.parametrize(("value", "text"), SPELLED.values(), ids=list(SPELLED))
def test_how_the_value_of_a_fact_is_shown(value: Value | Unknown, text: str) -> None:
    assert spell(value) == text


def test_the_longest_text_that_is_shown_has_two_hundred_characters() -> None:
    assert MOST_SPELLED == 200


def test_the_error_names_each_fact_that_was_not_looked_for_once_and_in_order() -> None:
    error = Unasked(name for name in ("fact.load", "fact.host", "fact.load"))
    assert error.names == frozenset({"fact.host", "fact.load"})
    assert str(error) == "fact.host, fact.load"


def test_facts_that_nobody_looked_for_are_no_facts_and_nobody_adds_one() -> None:
    nothing: Any = NOTHING
    assert dict(nothing) == {}
    with pytest.raises(TypeError):
        nothing["fact.load"] = 0.5
