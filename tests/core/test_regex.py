# SPDX-License-Identifier: Apache-2.0
"""Expressions for strangers' texts: they find what Python's engine finds, and nothing makes them slow."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jitd.core import regex
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
        ("^a{0,2}$", "aaa", False),
        ("^a{2,}?$", "aaa", True),
        ("^(a+)*$", "aaa", True),
        ("^a??b$", "ab", True),
        ("^a+?b$", "aab", True),
        ("^a+|b$", "ab", True),
        ("^(a|b+)c$", "bbc", True),
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
        ("a{x}", '"{" needs counts up to 200, such as {4} or {2,5}: write \\{ for the character'),
        ("a{}", '"{" needs counts up to 200, such as {4} or {2,5}: write \\{ for the character'),
        ("a{,}", '"{" needs counts up to 200, such as {4} or {2,5}: write \\{ for the character'),
        ("a{,5}", '"{" needs counts up to 200, such as {4} or {2,5}: write \\{ for the character'),
        ("a{x,5}", '"{" needs counts up to 200, such as {4} or {2,5}: write \\{ for the character'),
        ("a{2,x}", '"{" needs counts up to 200, such as {4} or {2,5}: write \\{ for the character'),
        ("a{-1}", '"{" needs counts up to 200, such as {4} or {2,5}: write \\{ for the character'),
        ("a{ 2}", '"{" needs counts up to 200, such as {4} or {2,5}: write \\{ for the character'),
        ("a{2,5,7}", '"{" needs counts up to 200, such as {4} or {2,5}: write \\{ for the character'),
        ("a{1_0}", '"{" needs counts up to 200, such as {4} or {2,5}: write \\{ for the character'),
        ("a{5,201}", '"{" needs counts up to 200, such as {4} or {2,5}: write \\{ for the character'),
        ("a+*", '"*" repeats what is repeated already: put it in parentheses'),
        ("a?*", '"*" repeats what is repeated already: put it in parentheses'),
        ("a???", '"?" repeats what is repeated already: put it in parentheses'),
        ("a*?+", '"+" repeats what is repeated already: put it in parentheses'),
        ("a{2}*", '"*" repeats what is repeated already: put it in parentheses'),
        ("a{2}{3}", '"{" repeats what is repeated already: put it in parentheses'),
        ("a*{3}", '"{" repeats what is repeated already: put it in parentheses'),
        ("a{2}?+", '"+" repeats what is repeated already: put it in parentheses'),
        ("+", '"+" repeats nothing'),
        ("?", '"?" repeats nothing'),
        ("{2}", '"{" repeats nothing'),
        ("a|*", '"*" repeats nothing'),
        ("(*)", '"*" repeats nothing'),
        ("(?=a)", 'of "(?" only "(?:" is known'),
        ("(?i)a", 'of "(?" only "(?:" is known'),
        ("(?P<n>a)", 'of "(?" only "(?:" is known'),
        (r"(a)\1", '"\\1" is not known'),
        (r"\pL", '"\\p" is not known'),
        ("[z-a]", "a range in brackets ends before it starts"),
        (r"[a-\d]", "a range in brackets ends before it starts"),
        ("[[:alpha:]]", '"[:" is not known'),
        (r"[\D]", "a negated class, such as \\D, is not known in brackets"),
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
        found = Regex(expression)
    except ValueError:
        assume(False)
    assert found.is_found_in(text) == (re.search(expression.replace("$", r"\Z"), text, re.ASCII) is not None)


def lines_for(deed: Callable[[], object], file: str | None) -> int:
    """How many lines of ``file`` are executed by ``deed``: its work, whatever the machine is doing meanwhile."""
    count = 0

    def in_it(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal count
        count += event == "line"
        return in_it

    before = sys.gettrace()
    sys.settrace(lambda frame, event, argument: in_it if frame.f_code.co_filename == file else None)
    try:
        deed()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("expression", ["(a+)+$", "(a|a)*b", "(a|aa)+$", "(.*a){20}b", "(a?){60}a{60}b", "((a*)*)*b"])
def test_a_text_twice_as_long_takes_twice_the_steps(expression: str) -> None:
    """Nothing makes it slow: what another engine would try for hours costs so many steps a character, and no more."""
    found = Regex(expression)
    once, twice = (lines_for(lambda n=n: found.is_found_in("a" * n + "!"), regex.__file__) for n in (100, 200))
    assert 1.8 * once <= twice <= 2.2 * once
    assert twice <= 201 * 40 * len(found.steps), "each step is taken once a character"


def ways(n: int) -> int:
    if n == 0:
        return 1
    return ways(n - 1) + ways(n - 1)


def test_what_tries_one_way_after_another_is_seen_to() -> None:
    """Or the test before this one would hold of anything."""
    assert lines_for(lambda: ways(9), __file__) > 3.5 * lines_for(lambda: ways(7), __file__) > 0


def test_no_text_is_too_long_for_any_expression() -> None:
    for expression in ("(a+)+$", "(a?){60}a{60}b"):
        assert not Regex(expression).is_found_in("a" * 4095 + "!")
