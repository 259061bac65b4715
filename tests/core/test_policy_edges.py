# SPDX-License-Identifier: Apache-2.0
"""What standard input may be under a rule, and how a rule's words are listed in a sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jitd.core.decision import Terms
from jitd.core.policy import decide, describe
from tests.core.house import NOON, patterns, permit, policy, question, told


@pytest.mark.parametrize(
    ("term", "stdin", "is_let"),
    [
        ("any", "terminal", True),
        ("any", "null", True),
        ("any", "closed", True),
        ("any", "pipe", True),
        ("tty", "terminal", True),
        ("tty", "null", False),
        ("tty", "closed", False),
        ("tty", "pipe", False),
        ("none", "terminal", False),
        ("none", "null", True),
        ("none", "closed", True),
        ("none", "pipe", False),
    ],
)
def test_what_standard_input_may_be(term: str, stdin: str, is_let: bool) -> None:
    asked = question()
    asked = replace(asked, command=replace(asked.command, streams=(stdin, "terminal", "terminal")))
    answer = told(decide(policy(permit(terms=replace(Terms(), stdin=term))), asked, NOON))
    assert (answer == "p") is is_let


@pytest.mark.parametrize(
    ("run_as", "words"),
    [
        (None, "anyone"),
        (("root",), "root"),
        (("root", "postgres"), "root or postgres"),
        (("root", "postgres", "*"), "root, postgres or anyone"),
    ],
)
def test_a_rule_says_as_whom(run_as: tuple[str, ...] | None, words: str) -> None:
    terms = "for at most 15 minutes and 1 use"
    assert describe(permit(run_as=run_as, commands=None)) == f"any command as {words}, {terms}"
    assert describe(permit(run_as=run_as, **patterns(("/bin/true",)))) == f"/bin/true as {words}, {terms}"
