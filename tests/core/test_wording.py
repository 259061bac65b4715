# SPDX-License-Identifier: Apache-2.0
"""The small parts of sentences: numbers with their nouns, lists, and demands of which some can be met in several ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core.wording import INSTEAD, all_of, count, in_quotes, is_in_quotes, is_instead, listed, name_in_sentence, with_words
from jitd.files.inspection import path_in_sentence
from jitpam.wire.shown import shown


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


# --- what somebody has typed or chosen -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "quoted"),
    [
        ("go ahead", '"go ahead"'),
        ("5″ disks", r'"5\u2033 disks"'),
        ("it's mine", '"it\'s mine"'),
        ('done"; run_as nobody "', r'"done\x22; run_as nobody \x22"'),
        ("done”; run_as nobody „", r'"done\u201d; run_as nobody \u201e"'),
        ("‹masked› is what it says", '"‹masked› is what it says"'),
        ("‹masked›", "‹masked›"),
    ],
)
def test_what_a_person_typed_is_in_quotes_that_nothing_in_it_ends(typed: str, quoted: str) -> None:
    """THREATS L-34. Only what jitd says in the place of words has none, and nobody may type that."""
    assert in_quotes(typed) == quoted
    assert with_words("denied by bob", typed) == f"denied by bob: {quoted}"


def test_where_nothing_was_typed_there_are_no_quotes() -> None:
    assert with_words("denied by bob", "") == "denied by bob"


@given(st.text())
def test_whatever_is_typed_has_two_quotes_around_it_and_none_within(typed: str) -> None:
    for text in (typed, shown(typed)):
        said = in_quotes(text)
        assert text in INSTEAD or (said[0], said[-1], said.count('"')) == ('"', '"', 2)
        assert is_in_quotes(said) or text in INSTEAD


@pytest.mark.parametrize("text", ['"', "", "a", '"a', 'a"', '"a" and "b"', '"a”b"'])
def test_what_is_not_all_of_one_persons_words_is_no_quotation(text: str) -> None:
    assert not is_in_quotes(text)


@pytest.mark.parametrize(
    ("text", "forges"),
    [
        *((word, True) for word in sorted(INSTEAD)),
        (" ‹hidden›\n", True),
        ("‹too long› sha256:00", True),
        ("what is ‹masked› here?", False),
        ("the sink says ‹too long›", False),
        ("masked", False),
        ("", False),
    ],
)
def test_what_would_read_as_jitds_own_is_known(text: str, forges: bool) -> None:
    """THREATS L-34."""
    assert is_instead(text) is forges


@given(st.binary(max_size=20))
def test_the_core_and_the_files_name_a_path_in_the_same_way(path: bytes) -> None:
    """Neither may know the other."""
    assert name_in_sentence(path) == path_in_sentence(path)
