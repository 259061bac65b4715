# SPDX-License-Identifier: Apache-2.0
"""The small parts of sentences: numbers with their nouns, lists, and demands of which some can be met in several ways."""

from __future__ import annotations

import pytest

from jitd.core.wording import all_of, count, listed


@pytest.mark.parametrize(("number", "text"), [(0, "0 uses"), (1, "1 use"), (2, "2 uses"), (21, "21 uses")])
def test_only_one_is_one(number: int, text: str) -> None:
    assert count(number, "use") == text


@pytest.mark.parametrize(
    ("words", "text"),
    [(("a",), "a"), (("a", "b"), "a or b"), (("a", "b", "c"), "a, b or c"), (("a", "b", "c", "d"), "a, b, c or d")],
)
def test_the_last_of_several_words_is_joined_by_a_word(words: tuple[str, ...], text: str) -> None:
    assert listed(words, "or") == text
    assert listed(words, "and") == text.replace(" or ", " and ")


@pytest.mark.parametrize(
    ("demands", "has_ways", "text"),
    [
        (("1 ops",), [False], "1 ops"),
        (("1 ops", "2 dba"), [False, False], "1 ops and 2 dba"),
        (("1 ops", "2 dba", "1 qa"), [False, False, False], "1 ops, 2 dba and 1 qa"),
        (("1 ops or 2 dba",), [True], "1 ops or 2 dba"),
        (("1 qa", "1 ops or 2 dba"), [False, True], "1 qa, and either 1 ops or 2 dba"),
        (("1 ops or 2 dba", "1 qa"), [True, False], "either 1 ops or 2 dba, and 1 qa"),
        (("1 a or 1 b", "1 c or 1 d", "1 e"), [True, True, False], "either 1 a or 1 b, and either 1 c or 1 d, and 1 e"),
    ],
)
def test_among_several_demands_what_has_ways_begins_with_either(
    demands: tuple[str, ...], has_ways: list[bool], text: str
) -> None:
    assert all_of(demands, has_ways) == text


def test_no_demand_is_lost_of_which_it_is_not_told_whether_it_has_ways() -> None:
    with pytest.raises(ValueError, match="shorter"):
        all_of(("1 ops or 2 dba", "1 qa"), [True])
