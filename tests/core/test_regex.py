# SPDX-License-Identifier: Apache-2.0
"""Expressions for strangers' texts: they find what Python's engine finds, and nothing makes them slow."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jitd.core.regex import Regex


@pytest.mark.parametrize(
    ("expression", "text", "is_found"),
    [
        ("CHG-[0-9]+", "CHG-4711", True),
        ("CHG-[0-9]+", "replica lag, CHG-4711", True),
        ("CHG-[0-9]+", "chg-4711", False),
        ("CHG-[0-9]+", "CHG-", False),
        ("^CHG-[0-9]+$", "CHG-4711", True),
        ("^CHG-[0-9]+$", "x CHG-4711", False),
        ("^CHG-[0-9]+$", "CHG-4711\n", False),
        (r"\ACHG\Z", "CHG", True),
        (r"\bCHG-\d{4}\b", "see CHG-4711.", True),
        (r"\bCHG-\d{4}\b", "see CHG-47111", False),
        (r"\d", "\u0664", False),
        ("(INC|CHG)-[0-9]{3,5}", "INC-12345", True),
        ("^(INC|CHG)-[0-9]{3,5}$", "INC-123456", False),
        ("a|", "", True),
        ("a.c", "a\nc", False),
        ("a[^b]c", "a\nc", True),
        ("[]-]", "-", True),
        (r"[\]\d]", "]", True),
        ("x{0}y", "y", True),
        (r"\{x\}", "{x}", True),
        ("}", "}", True),
        ("ü", "für", True),
        (r"a\tb", "a\tb", True),
        (r"a\tb", "atb", False),
        (r"[\t]", "\t", True),
        ("[[]", "[", True),
        ("[:.=]", ":", True),
        (r"^[\+-9]$", "5", True),
        (r"^[\.]$", "x", False),
        (r"^[\d-]$", "-", True),
        ("^a{2,}$", "aaa", True),
        ("^a{2,}$", "a", False),
        ("^a{2,2}$", "aa", True),
        ("^a{2,3}$", "aaaa", False),
        ("^a{200}$", "a" * 200, True),
        *((rf"x\b{after}", f"x{after}", False) for after in "09AZ_az"),
        *((rf"{before}\bx", f"{before}x", False) for before in "09AZ_az"),
        *((rf"x\b{after}", f"x{after}", True) for after in "/:@`-"),
        (r"\b_\b", "_", True),
        (r"\bx\b", "x", True),
        (r"\b", "", False),
        (r"\bb", "ab", False),
        (r"\bb", "a b", True),
        ("(a)" * 60, "a" * 60, True),
        ("x" * 499, "x" * 499, True),
        ("(" * 49 + "a" + ")" * 49, "a", True),
    ],
)
def test_what_is_found(expression: str, text: str, is_found: bool) -> None:
    assert Regex(expression).is_found_in(text) is is_found


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("(", "a parenthesis is not closed"),
        (")", "a parenthesis is closed that was not opened"),
        ("[a", "it ends too early"),
        ("[]", "it ends too early"),
        ("a\\", "it ends too early"),
        ("*", '"*" repeats nothing'),
        ("a**", '"*" repeats what is repeated already: put it in parentheses'),
        ("a*+", '"+" repeats what is repeated already: put it in parentheses'),
        ("a{2", '"{" needs counts up to 200, such as {4} or {2,5}: write \\{ for the character'),
        ("a{5,2}", '"{" needs counts up to 200, such as {4} or {2,5}: write \\{ for the character'),
        ("a{201}", '"{" needs counts up to 200, such as {4} or {2,5}: write \\{ for the character'),
        ("a{९}", '"{" needs counts up to 200, such as {4} or {2,5}: write \\{ for the character'),
        ("(?=a)", '"(?" is known as "(?:" only'),
        ("(?i)a", '"(?" is known as "(?:" only'),
        ("(?P<n>a)", '"(?" is known as "(?:" only'),
        (r"(a)\1", '"\\1" is not known'),
        (r"\pL", '"\\p" is not known'),
        ("[z-a]", "a range in brackets ends before it starts"),
        (r"[a-\d]", "a range in brackets ends before it starts"),
        ("[[:alpha:]]", '"[:" is not known'),
        (r"[\D]", "all but a class is not known in brackets"),
        ("(" * 51 + ")" * 51, "it is nested too deeply"),
        ("(" * 100000, "it is nested too deeply"),
        ("((a{200}){200}){200}", "it is too large"),
        ("(((((){200}){200}){200}){200}){200}", "it is too large"),
        ("((((a{0}){200}){200}){200}){200}", "it is too large"),
        ("x" * 501, "it is too large"),
    ],
)
def test_what_is_refused_at_load(expression: str, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        Regex(expression)
    assert str(caught.value) == sentence


EXPRESSIONS = st.recursive(
    st.sampled_from(
        [*"abc.1 ", r"\d", r"\w", r"\s", r"\D", r"\b", "^", "$", "[ab]", "[^a]", "[a-c1]", r"\.", "[]a]", "[a-]", ""]
    ),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map("|".join),
        inner.map("({})".format),
        inner.map("(?:{})*".format),
        inner.map("(?:{})+?".format),
        inner.map("({})?".format),
        inner.map("(?:{}){{1,3}}".format),
        inner.map("({}){{2}}".format),
        inner.map("({}){{1,}}".format),
    ),
    max_leaves=12,
)


@given(EXPRESSIONS, st.text("abc1 .\n-]", max_size=12))
def test_it_finds_what_pythons_engine_finds(expression: str, text: str) -> None:
    try:
        regex = Regex(expression)
    except ValueError:
        assume(False)
    assert regex.is_found_in(text) == (re.search(expression.replace("$", r"\Z"), text, re.ASCII) is not None)


@pytest.mark.parametrize("expression", ["(a+)+$", "(a|a)*b", "(a|aa)+$", "(.*a){20}b", "(a?){60}a{60}b", "((a*)*)*b"])
def test_no_text_makes_it_slow(expression: str) -> None:
    regex = Regex(expression)
    started = time.process_time()
    assert not regex.is_found_in("a" * 4095 + "!")
    assert time.process_time() - started < 2
