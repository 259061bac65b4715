# SPDX-License-Identifier: Apache-2.0
"""Patterns of reasons: RE2 finds what ``re`` finds, refuses what would take long, and takes time linear in the text."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.expressions.patterns import MOST_STEPS, MOST_STEPS_IN_LOOP, fault_in_pattern, read_pattern


@pytest.mark.parametrize(
    ("pattern", "text", "is_found"),
    [
        ("CHG-[0-9]+", "replica lag, CHG-4711", True),
        ("CHG-[0-9]+", "CHG-", False),
        ("^CHG", "x CHG", False),
        (r"\d{4}", "٤٤٤٤", False),
        (r"(?i)chg", "CHG", True),
        (r"\bfix\b", "prefix", False),
        (r"a.b", "a\nb", False),
        (r"x\z", "x", True),
        ("é", "café", True),
        (".{10,200}", "for the audit of May", True),
    ],
)
def test_a_part_of_the_text_matches(pattern: str, text: str, is_found: bool) -> None:
    assert read_pattern(pattern).is_found_in(text) is is_found


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("(", "missing ): ("),
        (")", "unexpected ): )"),
        ("*", "no argument for repetition operator: *"),
        ("[z-a]", "invalid character class range: z-a"),
        (r"(a)\1", r"invalid escape sequence: \1"),
        ("(?=a)", "invalid perl operator: (?="),
        (r"\Z", r"invalid escape sequence: \Z"),
        ("a{1001}", "invalid repetition size: {1001}"),
        (r"((a{50}){50}){50}", "it is too large: each text would take long to compare"),
        (r"\pL{4}", "it is too large: each text would take long to compare"),
        ("x" * (MOST_STEPS + 1), "it is too large: each text would take long to compare"),
        ("\ud800", "it contains half of a character (a surrogate)"),
    ],
)
def test_what_is_no_pattern_or_too_large_is_refused_and_says_why(pattern: str, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        read_pattern(pattern)
    assert str(caught.value) == sentence


def test_the_patterns_that_people_write_are_small_enough_for_each_argument() -> None:
    for pattern in (
        r"^CHG-[0-9]{4,8}$",
        r"^--(force|yes|no-[a-z]+)$",
        "^[A-Za-z0-9_.-]{1,64}$",
        r"^/srv/[^/]+/data$",
        r"(?i)^secret.*=.*$",
    ):
        assert fault_in_pattern(pattern, MOST_STEPS_IN_LOOP) == ""


def test_no_text_matches_what_cannot_be_compared() -> None:
    assert read_pattern(".*").is_found_in("\ud800") is False


ATOMS = st.sampled_from(["a", "b", "-", "[ab]", "[^a]", r"\d", ".", "^", "$", "(a|b)", "(?:ab)"])
PIECES = st.tuples(ATOMS, st.sampled_from(["", "*", "+", "?", "{2}", "{1,2}"])).map("".join)


@given(st.lists(PIECES, max_size=5).map("".join), st.text(alphabet="ab-1\n", max_size=12))
def test_it_finds_what_re_finds(pattern: str, text: str) -> None:
    try:
        wanted = re.search(pattern.replace("$", r"\Z"), text, re.ASCII) is not None
    except re.error:
        return
    try:
        found = read_pattern(pattern).is_found_in(text)
    except ValueError as refused:
        assert "repetition" in str(refused)
        return
    assert found is wanted


def test_time_is_linear_in_the_text_for_a_pattern_that_stops_others() -> None:
    """``(a+)+$`` takes re hours for forty characters. Here a hundred thousand take a moment: the limit is generous."""
    found = read_pattern("(a+)+$")
    began = time.thread_time()
    assert found.is_found_in("a" * 100_000 + "!") is False
    assert time.thread_time() - began < 2.0
